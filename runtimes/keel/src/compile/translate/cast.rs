//! Type tests at run time.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

use super::FuncTranslator;
use crate::compile::Libcall;
use crate::module::layout;
use crate::types::registry::{DISPLAY_BYTES, DISPLAY_DEPTHS};

impl FuncTranslator<'_, '_> {
    /// The registry index of a registered type, an `i32`.
    pub(super) fn type_place(&mut self, ty: u32) -> Value {
        let offset = self.type_slot(ty);
        let flags = self.constant_field();
        self.builder
            .ins()
            .load(types::I32, flags, self.vmctx, offset)
    }

    /// The offset in the context of the number of a registered type.
    pub(super) fn type_slot(&self, ty: u32) -> i32 {
        let canonical = self.env.module.canonical_types[ty as usize];
        let place = self.env.long_types.binary_search(&canonical);
        let place = place.expect("every type without a short number is in the list");
        self.env.layout.long_type(place as u32)
    }

    /// Whether the type at a registry index, an `i64`, is the module's type `ty` or a subtype.
    pub(super) fn is_below(&mut self, place: Value, ty: u32) -> Value {
        let depth = self.env.module.type_depth(ty);
        let wide = self.type_place(ty);
        if depth < DISPLAY_DEPTHS {
            return self.stands_at(place, depth, wide);
        }
        let place = self.builder.ins().ireduce(types::I32, place);
        let below = self.libcall(Libcall::IsBelow, &[place, wide]);
        self.builder.ins().icmp_imm_u(IntCC::NotEqual, below, 0)
    }

    /// Whether the type at a registry index, an `i64`, has the supertype `wide` at `depth`.
    pub(super) fn stands_at(&mut self, place: Value, depth: usize, wide: Value) -> Value {
        let table = self.load_pointer(layout::TYPES);
        let shift = i64::from(DISPLAY_BYTES.trailing_zeros());
        let line = self.builder.ins().ishl_imm_u(place, shift);
        let line = self.builder.ins().iadd(table, line);
        let flags = MemFlagsData::trusted().with_readonly();
        let found = self
            .builder
            .ins()
            .load(types::I32, flags, line, depth as i32 * 4);
        self.builder.ins().icmp(IntCC::Equal, found, wide)
    }
}
