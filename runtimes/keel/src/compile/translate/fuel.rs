//! Fuel metering.
//!
//! Every operator costs one unit. One that works on a range, or grows a table, costs one more per
//! 64 bytes. The cost of straight-line code is charged at its end, before control flow leaves it.
//! The remaining fuel is checked on entry to a function, on each pass of a loop, before a call of
//! an imported function, before a function returns, and within long straight lines. Code therefore
//! overruns its fuel by at most [`MAX_LINE`]. The runtime function that works on a range charges
//! for it, after the bounds check and before any change.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use wasmparser::Operator;

use super::{FuncTranslator, Metering};
use crate::module::layout;
use crate::trap::TrapKind;

/// The maximum number of operators in a straight line between checks.
const MAX_LINE: i64 = 256;

impl FuncTranslator<'_, '_> {
    /// Adds the cost of an operator.
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

    /// Charges the cost of the straight line so far.
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

    /// Drops a cost that was already charged on the way out, or never incurred.
    pub(super) fn discard_fuel(&mut self) {
        self.pending_fuel = 0;
    }

    /// Stops after a runtime function that did nothing because fuel ran out.
    pub(super) fn charge_range(&mut self) {
        self.check_fuel();
    }

    /// Stops before a call of an imported function if fuel has run out: host functions do not check
    /// it.
    pub(super) fn charge_import(&mut self, function: u32) {
        if function < self.env.module.imported_functions {
            self.check_fuel();
        }
    }

    /// Stops before a return if fuel has run out.
    pub(super) fn charge_exit(&mut self) {
        self.check_fuel();
    }

    /// Stops at function entry if fuel has run out.
    pub(super) fn charge_entry(&mut self) {
        self.check_fuel();
    }

    /// Stops before another pass of a loop if fuel has run out.
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
