//! Translates reference operators: equality, null checks, type tests and casts.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;
use crate::compile::trap_code;
use crate::error::Result;
use crate::module::convert::{heap_type, ref_type};
use crate::trap::TrapKind;
use crate::types::def::Composite;
use crate::types::registry::{ANY_ARRAY, ANY_STRUCT};
use crate::types::{HeapType, RefType};
use crate::vm::heap::{HOST_TAG, INTEGER_TAG, OBJECT_MASK, TAG_MASK};

impl FuncTranslator<'_, '_> {
    /// Translates a reference operator; returns false for any other operator.
    pub(super) fn reference_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match *op {
            Operator::RefEq => {
                let (first, second) = self.pop2();
                let same = self.builder.ins().icmp(IntCC::Equal, first, second);
                self.push_bool(same);
            }
            Operator::RefAsNonNull => {
                let reference = self.pop();
                self.trap_null(reference);
                self.push(reference);
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.pop();
                let null = self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0);
                self.branch_on(null, relative_depth);
                self.push(reference);
            }
            Operator::BrOnNonNull { relative_depth } => {
                let reference = self.pop();
                self.push(reference);
                self.branch_on(reference, relative_depth);
                self.pop();
            }
            Operator::RefTestNonNull { hty } => self.test(RefType::non_null(heap_type(hty)?)),
            Operator::RefTestNullable { hty } => self.test(RefType::nullable(heap_type(hty)?)),
            Operator::RefCastNonNull { hty } => {
                self.cast_reference(RefType::non_null(heap_type(hty)?))
            }
            Operator::RefCastNullable { hty } => {
                self.cast_reference(RefType::nullable(heap_type(hty)?))
            }
            Operator::BrOnCast {
                relative_depth,
                to_ref_type,
                ..
            } => {
                let is = self.test_top(ref_type(to_ref_type)?);
                self.branch_on(is, relative_depth);
            }
            Operator::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => {
                let is = self.test_top(ref_type(to_ref_type)?);
                let is_not = self.builder.ins().icmp_imm_u(IntCC::Equal, is, 0);
                self.branch_on(is_not, relative_depth);
            }
            // Both representations are equal.
            Operator::AnyConvertExtern | Operator::ExternConvertAny => {}
            Operator::RefI31 => {
                let value = self.pop();
                let shifted = self.builder.ins().ishl_imm_u(value, 1);
                let tagged = self.builder.ins().bor_imm_u(shifted, INTEGER_TAG);
                let reference = self.builder.ins().uextend(types::I64, tagged);
                self.push(reference);
            }
            Operator::I31GetS | Operator::I31GetU => {
                let reference = self.pop();
                self.trap_null(reference);
                let tagged = self.builder.ins().ireduce(types::I32, reference);
                let value = match op {
                    Operator::I31GetS => self.builder.ins().sshr_imm_u(tagged, 1),
                    _ => self.builder.ins().ushr_imm_u(tagged, 1),
                };
                self.push(value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Traps if a reference is null.
    pub(super) fn trap_null(&mut self, reference: Value) {
        self.builder
            .ins()
            .trapz(reference, trap_code(TrapKind::NullReference));
    }

    fn test(&mut self, ty: RefType) {
        let is = self.test_top(ty);
        self.pop();
        self.push_bool(is);
    }

    fn cast_reference(&mut self, ty: RefType) {
        let is = self.test_top(ty);
        self.builder
            .ins()
            .trapz(is, trap_code(TrapKind::CastFailure));
    }

    /// Whether the topmost reference has type `ty`, as an `i8`. The reference stays on the stack.
    fn test_top(&mut self, ty: RefType) -> Value {
        let reference = self.pop();
        self.push(reference);
        let compare =
            |this: &mut Self, condition| this.builder.ins().icmp_imm_u(condition, reference, 0);
        let is = match ty.heap {
            HeapType::None | HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn => {
                if ty.nullable {
                    return compare(self, IntCC::Equal);
                }
                return self.builder.ins().iconst(types::I8, 0);
            }
            HeapType::Any | HeapType::Extern | HeapType::Func | HeapType::Exn => {
                if ty.nullable {
                    return self.builder.ins().iconst(types::I8, 1);
                }
                return compare(self, IntCC::NotEqual);
            }
            HeapType::I31 => {
                let integer = self.builder.ins().band_imm_u(reference, INTEGER_TAG);
                self.builder.ins().icmp_imm_u(IntCC::NotEqual, integer, 0)
            }
            HeapType::Eq => {
                let tag = self.builder.ins().band_imm_u(reference, TAG_MASK);
                let comparable = self
                    .builder
                    .ins()
                    .icmp_imm_u(IntCC::NotEqual, tag, HOST_TAG);
                let some = compare(self, IntCC::NotEqual);
                self.builder.ins().band(comparable, some)
            }
            HeapType::Struct | HeapType::Array | HeapType::Concrete(_) => {
                return self.test_object(reference, ty);
            }
        };
        if !ty.nullable {
            return is;
        }
        let null = compare(self, IntCC::Equal);
        self.builder.ins().bor(is, null)
    }

    /// Whether a reference is of an object type. Such objects start with their type.
    fn test_object(&mut self, reference: Value, ty: RefType) -> Value {
        let done = self.builder.create_block();
        let is = self.builder.append_block_param(done, types::I8);
        let some = self.builder.create_block();
        let null_is = i64::from(ty.nullable);
        let null_is = self.builder.ins().iconst(types::I8, null_is);
        self.builder
            .ins()
            .brif(reference, some, &[], done, &[null_is.into()]);
        self.builder.seal_block(some);
        self.builder.switch_to_block(some);
        let found = match ty.heap {
            HeapType::Concrete(id)
                if matches!(
                    self.env.module.types[id.index as usize].composite,
                    Composite::Func(_)
                ) =>
            {
                self.test_function(reference, id.index)
            }
            heap => {
                let object = self.builder.create_block();
                let tag = self.builder.ins().band_imm_u(reference, OBJECT_MASK);
                let no = self.builder.ins().iconst(types::I8, 0);
                self.builder
                    .ins()
                    .brif(tag, done, &[no.into()], object, &[]);
                self.builder.seal_block(object);
                self.builder.switch_to_block(object);
                let place = self.object_type(reference);
                match heap {
                    HeapType::Concrete(id) => self.test_place(place, id.index),
                    heap => {
                        let all = if heap == HeapType::Struct {
                            ANY_STRUCT
                        } else {
                            ANY_ARRAY
                        };
                        let all = self.builder.ins().iconst(types::I32, i64::from(all));
                        let place = self.builder.ins().uextend(types::I64, place);
                        self.stands_at(place, 0, all)
                    }
                }
            }
        };
        self.builder.ins().jump(done, &[found.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        is
    }

    /// Whether the type at a registry index, an `i32`, is the module's type `ty` or a subtype.
    fn test_place(&mut self, place: Value, ty: u32) -> Value {
        if self.env.module.types[ty as usize].is_final {
            let wide = self.type_place(ty);
            return self.builder.ins().icmp(IntCC::Equal, place, wide);
        }
        let place = self.builder.ins().uextend(types::I64, place);
        self.is_below(place, ty)
    }

    /// Whether a non-null function is of type `ty` or a subtype.
    fn test_function(&mut self, function: Value, ty: u32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly();
        let number = self.builder.ins().load(types::I64, flags, function, 16);
        let wide = self.type_id(ty);
        let same = self.builder.ins().icmp(IntCC::Equal, number, wide);
        if self.env.module.types[ty as usize].is_final {
            return same;
        }
        let done = self.builder.create_block();
        let is = self.builder.append_block_param(done, types::I8);
        let registered = self.builder.create_block();
        let simple = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, number, 0);
        self.builder
            .ins()
            .brif(simple, done, &[same.into()], registered, &[]);
        self.builder.seal_block(registered);
        self.builder.switch_to_block(registered);
        let place = self.builder.ins().ireduce(types::I32, number);
        let place = self.builder.ins().uextend(types::I64, place);
        let below = self.is_below(place, ty);
        self.builder.ins().jump(done, &[below.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        is
    }
}
