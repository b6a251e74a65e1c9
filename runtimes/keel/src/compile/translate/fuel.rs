//! Counting what is executed, where that was asked for.
//!
//! Every operator costs one unit, and one that works on a range one more for every 64 bytes. The cost of a straight line is charged at its end, before control
//! can go elsewhere, and what is left is compared on entry to a function and to each pass of a loop:
//! code overruns its fuel by no more than a straight line. What a range costs is charged and compared
//! before anything is done to it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

use super::{FuncTranslator, Metering};
use crate::module::layout;
use crate::trap::TrapKind;

/// What a length counts.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Bytes,
    /// Of a table: eight bytes each.
    Elements,
    /// Of an array: two to this power make 64 bytes.
    ArrayElements(u8),
}

impl Unit {
    /// Elements of an array that take so many bytes each, at most 16 and a power of two.
    pub(super) fn for_elements(bytes: i64) -> Unit {
        Unit::ArrayElements(6 - bytes.trailing_zeros() as u8)
    }
}

impl FuncTranslator<'_, '_> {
    /// Notes the cost of an operator.
    pub(super) fn meter(&mut self, op: &Operator<'_>) {
        if !matches!(
            op,
            Operator::End | Operator::Else | Operator::Block { .. } | Operator::Nop
        ) {
            self.pending_fuel += 1;
        }
    }

    /// Charges what the straight line up to here costs.
    pub(super) fn charge(&mut self) {
        let cost = std::mem::take(&mut self.pending_fuel);
        if self.env.metering == Metering::Off || cost == 0 {
            return;
        }
        let address = self.load_pointer(layout::FUEL);
        let flags = self.context_field();
        let fuel = self.builder.ins().load(types::I64, flags, address, 0);
        let fuel = self.builder.ins().iadd_imm_s(fuel, -cost);
        self.builder.ins().store(flags, fuel, address, 0);
    }

    /// Forgets a cost that was charged on the way out already, or never came to be.
    pub(super) fn discard_fuel(&mut self) {
        self.pending_fuel = 0;
    }

    /// As [`FuncTranslator::charge_length`], for an `i32`.
    pub(super) fn charge_short_length(&mut self, length: Value, unit: Unit) {
        if self.env.metering == Metering::Off {
            return;
        }
        let length = self.builder.ins().uextend(types::I64, length);
        self.charge_length(length, unit);
    }

    /// Charges what an operator costs for the length of its range, an `i64` that only the running code
    /// knows, and stops before it where that is too much.
    pub(super) fn charge_length(&mut self, length: Value, unit: Unit) {
        if self.env.metering == Metering::Off {
            return;
        }
        let shift = match unit {
            Unit::Bytes => 6,
            Unit::Elements => 3,
            Unit::ArrayElements(shift) => i64::from(shift),
        };
        let cost = self.builder.ins().ushr_imm_u(length, shift);
        let address = self.load_pointer(layout::FUEL);
        let flags = self.context_field();
        let fuel = self.builder.ins().load(types::I64, flags, address, 0);
        let fuel = self.builder.ins().isub(fuel, cost);
        self.builder.ins().store(flags, fuel, address, 0);
        self.check_fuel();
    }

    /// Stops a function from starting without fuel.
    pub(super) fn charge_entry(&mut self) {
        self.check_fuel();
    }

    /// Stops a loop from starting another pass without fuel.
    pub(super) fn charge_loop(&mut self) {
        self.check_fuel();
    }

    fn check_fuel(&mut self) {
        if self.env.metering == Metering::Off {
            return;
        }
        let address = self.load_pointer(layout::FUEL);
        let flags = self.context_field();
        let fuel = self.builder.ins().load(types::I64, flags, address, 0);
        let empty = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::SignedLessThan, fuel, 0);
        self.trap_if(empty, TrapKind::OutOfFuel);
    }
}
