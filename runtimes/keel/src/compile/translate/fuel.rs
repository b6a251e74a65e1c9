//! Counting what is executed, where that was asked for.
//!
//! Every operator costs one unit, and one that works on a range or grows a table one more for every 64
//! bytes. The cost of a straight line is charged at its end, before control can go elsewhere. What is left
//! is compared on entry to a function, to each pass of a loop, before an imported function is called, before a
//! function returns and within long lines: code overruns its fuel by no more than [`MAX_LINE`]. What a range costs is charged by the function
//! of the runtime that works on it, once its bounds are known to be right and before anything is done.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use wasmparser::Operator;

use super::{FuncTranslator, Metering};
use crate::module::layout;
use crate::trap::TrapKind;

/// Operators of a straight line after which the fuel is compared.
const MAX_LINE: i64 = 256;

impl FuncTranslator<'_, '_> {
    /// Notes the cost of an operator.
    pub(super) fn meter(&mut self, op: &Operator<'_>) {
        if !matches!(
            op,
            Operator::End | Operator::Else | Operator::Block { .. } | Operator::Nop
        ) {
            self.pending_fuel += 1;
        }
        if self.pending_fuel >= MAX_LINE {
            self.charge();
            self.check_fuel();
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

    /// Stops behind a function of the runtime that has not done its work for want of fuel.
    pub(super) fn charge_range(&mut self) {
        self.check_fuel();
    }

    /// Stops code from calling an imported function without fuel: the host's do not look at it.
    pub(super) fn charge_import(&mut self, function: u32) {
        if function < self.env.module.imported_functions {
            self.check_fuel();
        }
    }

    /// Stops a function from returning without fuel.
    pub(super) fn charge_exit(&mut self) {
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
