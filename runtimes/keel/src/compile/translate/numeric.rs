//! Translates scalar arithmetic, comparisons and conversions.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;
use super::reached::constant;

impl FuncTranslator<'_, '_> {
    /// Translates a numeric operator; returns false for any other operator.
    pub(super) fn numeric_operator(&mut self, op: &Operator<'_>) -> bool {
        self.comparison(op) || self.integer(op) || self.float(op) || self.conversion(op)
    }

    fn comparison(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32Eqz | O::I64Eqz => {
                let value = self.pop();
                let result = self.builder.ins().icmp_imm_u(IntCC::Equal, value, 0);
                self.push_bool(result);
            }
            O::I32Eq | O::I64Eq => self.icmp(IntCC::Equal),
            O::I32Ne | O::I64Ne => self.icmp(IntCC::NotEqual),
            O::I32LtS | O::I64LtS => self.icmp(IntCC::SignedLessThan),
            O::I32LtU | O::I64LtU => self.icmp(IntCC::UnsignedLessThan),
            O::I32GtS | O::I64GtS => self.icmp(IntCC::SignedGreaterThan),
            O::I32GtU | O::I64GtU => self.icmp(IntCC::UnsignedGreaterThan),
            O::I32LeS | O::I64LeS => self.icmp(IntCC::SignedLessThanOrEqual),
            O::I32LeU | O::I64LeU => self.icmp(IntCC::UnsignedLessThanOrEqual),
            O::I32GeS | O::I64GeS => self.icmp(IntCC::SignedGreaterThanOrEqual),
            O::I32GeU | O::I64GeU => self.icmp(IntCC::UnsignedGreaterThanOrEqual),
            O::F32Eq | O::F64Eq => self.fcmp(FloatCC::Equal),
            O::F32Ne | O::F64Ne => self.fcmp(FloatCC::NotEqual),
            O::F32Lt | O::F64Lt => self.fcmp(FloatCC::LessThan),
            O::F32Gt | O::F64Gt => self.fcmp(FloatCC::GreaterThan),
            O::F32Le | O::F64Le => self.fcmp(FloatCC::LessThanOrEqual),
            O::F32Ge | O::F64Ge => self.fcmp(FloatCC::GreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    fn integer(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        if matches!(
            op,
            O::I32Clz | O::I64Clz | O::I32Ctz | O::I64Ctz | O::I32Popcnt | O::I64Popcnt
        ) {
            let value = self.pop();
            let ins = self.builder.ins();
            let result = match op {
                O::I32Clz | O::I64Clz => ins.clz(value),
                O::I32Ctz | O::I64Ctz => ins.ctz(value),
                _ => ins.popcnt(value),
            };
            self.push(result);
            return true;
        }
        match op {
            O::I32Add | O::I64Add => self.binary(|ins, a, b| ins.iadd(a, b)),
            O::I32Sub | O::I64Sub => self.binary(|ins, a, b| ins.isub(a, b)),
            O::I32Mul | O::I64Mul => self.multiply(),
            O::I32DivS | O::I64DivS => self.binary(|ins, a, b| ins.sdiv(a, b)),
            O::I32DivU | O::I64DivU => self.binary(|ins, a, b| ins.udiv(a, b)),
            O::I32RemS | O::I64RemS => self.binary(|ins, a, b| ins.srem(a, b)),
            O::I32RemU | O::I64RemU => self.binary(|ins, a, b| ins.urem(a, b)),
            O::I32And | O::I64And => self.binary(|ins, a, b| ins.band(a, b)),
            O::I32Or | O::I64Or => self.binary(|ins, a, b| ins.bor(a, b)),
            O::I32Xor | O::I64Xor => self.binary(|ins, a, b| ins.bxor(a, b)),
            O::I32Shl | O::I64Shl => self.binary(|ins, a, b| ins.ishl(a, b)),
            O::I32ShrS | O::I64ShrS => self.binary(|ins, a, b| ins.sshr(a, b)),
            O::I32ShrU | O::I64ShrU => self.binary(|ins, a, b| ins.ushr(a, b)),
            O::I32Rotl | O::I64Rotl => self.binary(|ins, a, b| ins.rotl(a, b)),
            O::I32Rotr | O::I64Rotr => self.binary(|ins, a, b| ins.rotr(a, b)),
            _ => return false,
        }
        true
    }

    fn float(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::F32Abs | O::F64Abs => self.unary(|ins, a| ins.fabs(a)),
            O::F32Neg | O::F64Neg => self.unary(|ins, a| ins.fneg(a)),
            O::F32Ceil | O::F64Ceil => self.unary(|ins, a| ins.ceil(a)),
            O::F32Floor | O::F64Floor => self.unary(|ins, a| ins.floor(a)),
            O::F32Trunc | O::F64Trunc => self.unary(|ins, a| ins.trunc(a)),
            O::F32Nearest | O::F64Nearest => self.unary(|ins, a| ins.nearest(a)),
            O::F32Sqrt | O::F64Sqrt => self.unary(|ins, a| ins.sqrt(a)),
            O::F32Add | O::F64Add => self.binary(|ins, a, b| ins.fadd(a, b)),
            O::F32Sub | O::F64Sub => self.binary(|ins, a, b| ins.fsub(a, b)),
            O::F32Mul | O::F64Mul => self.binary(|ins, a, b| ins.fmul(a, b)),
            O::F32Div | O::F64Div => self.binary(|ins, a, b| ins.fdiv(a, b)),
            O::F32Min | O::F64Min => self.binary(|ins, a, b| ins.fmin(a, b)),
            O::F32Max | O::F64Max => self.binary(|ins, a, b| ins.fmax(a, b)),
            O::F32Copysign | O::F64Copysign => self.binary(|ins, a, b| ins.fcopysign(a, b)),
            _ => return false,
        }
        true
    }

    fn conversion(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        use types::{F32, F64, I8, I16, I32, I64};
        match op {
            O::I32WrapI64 => self.unary(|ins, a| ins.ireduce(I32, a)),
            O::I64ExtendI32S => self.unary(|ins, a| ins.sextend(I64, a)),
            O::I64ExtendI32U => self.unary(|ins, a| ins.uextend(I64, a)),
            O::I32Extend8S => self.extend(I8, I32),
            O::I32Extend16S => self.extend(I16, I32),
            O::I64Extend8S => self.extend(I8, I64),
            O::I64Extend16S => self.extend(I16, I64),
            O::I64Extend32S => self.extend(I32, I64),
            O::I32TruncF32S | O::I32TruncF64S => self.unary(|ins, a| ins.fcvt_to_sint(I32, a)),
            O::I32TruncF32U | O::I32TruncF64U => self.unary(|ins, a| ins.fcvt_to_uint(I32, a)),
            O::I64TruncF32S | O::I64TruncF64S => self.unary(|ins, a| ins.fcvt_to_sint(I64, a)),
            O::I64TruncF32U | O::I64TruncF64U => self.unary(|ins, a| ins.fcvt_to_uint(I64, a)),
            O::I32TruncSatF32S | O::I32TruncSatF64S => {
                self.unary(|ins, a| ins.fcvt_to_sint_sat(I32, a));
            }
            O::I32TruncSatF32U | O::I32TruncSatF64U => {
                self.unary(|ins, a| ins.fcvt_to_uint_sat(I32, a));
            }
            O::I64TruncSatF32S | O::I64TruncSatF64S => {
                self.unary(|ins, a| ins.fcvt_to_sint_sat(I64, a));
            }
            O::I64TruncSatF32U | O::I64TruncSatF64U => {
                self.unary(|ins, a| ins.fcvt_to_uint_sat(I64, a));
            }
            O::F32ConvertI32S | O::F32ConvertI64S => {
                self.unary(|ins, a| ins.fcvt_from_sint(F32, a))
            }
            O::F32ConvertI32U | O::F32ConvertI64U => {
                self.unary(|ins, a| ins.fcvt_from_uint(F32, a))
            }
            O::F64ConvertI32S | O::F64ConvertI64S => {
                self.unary(|ins, a| ins.fcvt_from_sint(F64, a))
            }
            O::F64ConvertI32U | O::F64ConvertI64U => {
                self.unary(|ins, a| ins.fcvt_from_uint(F64, a))
            }
            O::F32DemoteF64 => self.unary(|ins, a| ins.fdemote(F32, a)),
            O::F64PromoteF32 => self.unary(|ins, a| ins.fpromote(F64, a)),
            O::I32ReinterpretF32 => self.reinterpret(I32),
            O::I64ReinterpretF64 => self.reinterpret(I64),
            O::F32ReinterpretI32 => self.reinterpret(F32),
            O::F64ReinterpretI64 => self.reinterpret(F64),
            _ => return false,
        }
        true
    }

    fn unary(&mut self, build: impl FnOnce(Ins<'_, '_>, Value) -> Value) {
        let value = self.pop();
        let result = build(self.builder.ins(), value);
        self.push(result);
    }

    fn binary(&mut self, build: impl FnOnce(Ins<'_, '_>, Value, Value) -> Value) {
        let (first, second) = self.pop2();
        let result = build(self.builder.ins(), first, second);
        self.push(result);
    }

    /// Multiplies. Products with 3, 5 and 9 become one `lea`: a value plus the same value shifted,
    /// in one cycle.
    fn multiply(&mut self) {
        let (first, second) = self.pop2();
        let shift = match constant(&self.builder.func.dfg, second) {
            Some(3) => Some(1),
            Some(5) => Some(2),
            Some(9) => Some(3),
            _ => None,
        };
        let result = match shift {
            Some(shift) => {
                let shifted = self.builder.ins().ishl_imm_u(first, shift);
                self.builder.ins().iadd(first, shifted)
            }
            None => self.builder.ins().imul(first, second),
        };
        self.push(result);
    }

    fn extend(&mut self, from: Type, to: Type) {
        let value = self.pop();
        let low = self.builder.ins().ireduce(from, value);
        let result = self.builder.ins().sextend(to, low);
        self.push(result);
    }

    fn reinterpret(&mut self, ty: Type) {
        self.unary(|ins, a| ins.bitcast(ty, MemFlagsData::new(), a));
    }

    fn icmp(&mut self, condition: IntCC) {
        let (first, second) = self.pop2();
        let result = self.builder.ins().icmp(condition, first, second);
        self.push_bool(result);
    }

    fn fcmp(&mut self, condition: FloatCC) {
        let (first, second) = self.pop2();
        let result = self.builder.ins().fcmp(condition, first, second);
        self.push_bool(result);
    }

    /// Pushes the byte of a comparison as an `i32`.
    pub(super) fn push_bool(&mut self, value: Value) {
        let value = self.builder.ins().uextend(types::I32, value);
        self.push(value);
    }
}

type Ins<'a, 'b> = cranelift_frontend::FuncInstBuilder<'a, 'b>;
