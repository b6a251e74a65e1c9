//! Translates atomic accesses, and the operators that wait and notify.
//!
//! The alignment is checked first: an access to a misaligned address traps whatever its bounds are.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::FuncTranslator;
use crate::compile::{Libcall, trap_code};
use crate::error::{Error, Result};
use crate::trap::TrapKind;
use crate::types::{IndexType, Sharing};

/// The kind of atomic access.
#[derive(Clone, Copy)]
enum Access {
    Load,
    Store,
    Modify(AtomicRmwOp),
    Exchange,
}

/// The kind of access, the type in memory, the type of the operands, and the address.
fn access<'a>(op: &'a Operator<'_>) -> Option<(Access, Type, Type, &'a MemArg)> {
    use AtomicRmwOp as R;
    use Operator as O;
    Some(match op {
        O::I32AtomicLoad { memarg } => (Access::Load, types::I32, types::I32, memarg),
        O::I64AtomicLoad { memarg } => (Access::Load, types::I64, types::I64, memarg),
        O::I32AtomicLoad8U { memarg } => (Access::Load, types::I8, types::I32, memarg),
        O::I32AtomicLoad16U { memarg } => (Access::Load, types::I16, types::I32, memarg),
        O::I64AtomicLoad8U { memarg } => (Access::Load, types::I8, types::I64, memarg),
        O::I64AtomicLoad16U { memarg } => (Access::Load, types::I16, types::I64, memarg),
        O::I64AtomicLoad32U { memarg } => (Access::Load, types::I32, types::I64, memarg),
        O::I32AtomicStore { memarg } => (Access::Store, types::I32, types::I32, memarg),
        O::I64AtomicStore { memarg } => (Access::Store, types::I64, types::I64, memarg),
        O::I32AtomicStore8 { memarg } => (Access::Store, types::I8, types::I32, memarg),
        O::I32AtomicStore16 { memarg } => (Access::Store, types::I16, types::I32, memarg),
        O::I64AtomicStore8 { memarg } => (Access::Store, types::I8, types::I64, memarg),
        O::I64AtomicStore16 { memarg } => (Access::Store, types::I16, types::I64, memarg),
        O::I64AtomicStore32 { memarg } => (Access::Store, types::I32, types::I64, memarg),
        O::I32AtomicRmwAdd { memarg } => (Access::Modify(R::Add), types::I32, types::I32, memarg),
        O::I64AtomicRmwAdd { memarg } => (Access::Modify(R::Add), types::I64, types::I64, memarg),
        O::I32AtomicRmw8AddU { memarg } => (Access::Modify(R::Add), types::I8, types::I32, memarg),
        O::I32AtomicRmw16AddU { memarg } => {
            (Access::Modify(R::Add), types::I16, types::I32, memarg)
        }
        O::I64AtomicRmw8AddU { memarg } => (Access::Modify(R::Add), types::I8, types::I64, memarg),
        O::I64AtomicRmw16AddU { memarg } => {
            (Access::Modify(R::Add), types::I16, types::I64, memarg)
        }
        O::I64AtomicRmw32AddU { memarg } => {
            (Access::Modify(R::Add), types::I32, types::I64, memarg)
        }
        O::I32AtomicRmwSub { memarg } => (Access::Modify(R::Sub), types::I32, types::I32, memarg),
        O::I64AtomicRmwSub { memarg } => (Access::Modify(R::Sub), types::I64, types::I64, memarg),
        O::I32AtomicRmw8SubU { memarg } => (Access::Modify(R::Sub), types::I8, types::I32, memarg),
        O::I32AtomicRmw16SubU { memarg } => {
            (Access::Modify(R::Sub), types::I16, types::I32, memarg)
        }
        O::I64AtomicRmw8SubU { memarg } => (Access::Modify(R::Sub), types::I8, types::I64, memarg),
        O::I64AtomicRmw16SubU { memarg } => {
            (Access::Modify(R::Sub), types::I16, types::I64, memarg)
        }
        O::I64AtomicRmw32SubU { memarg } => {
            (Access::Modify(R::Sub), types::I32, types::I64, memarg)
        }
        O::I32AtomicRmwAnd { memarg } => (Access::Modify(R::And), types::I32, types::I32, memarg),
        O::I64AtomicRmwAnd { memarg } => (Access::Modify(R::And), types::I64, types::I64, memarg),
        O::I32AtomicRmw8AndU { memarg } => (Access::Modify(R::And), types::I8, types::I32, memarg),
        O::I32AtomicRmw16AndU { memarg } => {
            (Access::Modify(R::And), types::I16, types::I32, memarg)
        }
        O::I64AtomicRmw8AndU { memarg } => (Access::Modify(R::And), types::I8, types::I64, memarg),
        O::I64AtomicRmw16AndU { memarg } => {
            (Access::Modify(R::And), types::I16, types::I64, memarg)
        }
        O::I64AtomicRmw32AndU { memarg } => {
            (Access::Modify(R::And), types::I32, types::I64, memarg)
        }
        O::I32AtomicRmwOr { memarg } => (Access::Modify(R::Or), types::I32, types::I32, memarg),
        O::I64AtomicRmwOr { memarg } => (Access::Modify(R::Or), types::I64, types::I64, memarg),
        O::I32AtomicRmw8OrU { memarg } => (Access::Modify(R::Or), types::I8, types::I32, memarg),
        O::I32AtomicRmw16OrU { memarg } => (Access::Modify(R::Or), types::I16, types::I32, memarg),
        O::I64AtomicRmw8OrU { memarg } => (Access::Modify(R::Or), types::I8, types::I64, memarg),
        O::I64AtomicRmw16OrU { memarg } => (Access::Modify(R::Or), types::I16, types::I64, memarg),
        O::I64AtomicRmw32OrU { memarg } => (Access::Modify(R::Or), types::I32, types::I64, memarg),
        O::I32AtomicRmwXor { memarg } => (Access::Modify(R::Xor), types::I32, types::I32, memarg),
        O::I64AtomicRmwXor { memarg } => (Access::Modify(R::Xor), types::I64, types::I64, memarg),
        O::I32AtomicRmw8XorU { memarg } => (Access::Modify(R::Xor), types::I8, types::I32, memarg),
        O::I32AtomicRmw16XorU { memarg } => {
            (Access::Modify(R::Xor), types::I16, types::I32, memarg)
        }
        O::I64AtomicRmw8XorU { memarg } => (Access::Modify(R::Xor), types::I8, types::I64, memarg),
        O::I64AtomicRmw16XorU { memarg } => {
            (Access::Modify(R::Xor), types::I16, types::I64, memarg)
        }
        O::I64AtomicRmw32XorU { memarg } => {
            (Access::Modify(R::Xor), types::I32, types::I64, memarg)
        }
        O::I32AtomicRmwXchg { memarg } => (Access::Modify(R::Xchg), types::I32, types::I32, memarg),
        O::I64AtomicRmwXchg { memarg } => (Access::Modify(R::Xchg), types::I64, types::I64, memarg),
        O::I32AtomicRmw8XchgU { memarg } => {
            (Access::Modify(R::Xchg), types::I8, types::I32, memarg)
        }
        O::I32AtomicRmw16XchgU { memarg } => {
            (Access::Modify(R::Xchg), types::I16, types::I32, memarg)
        }
        O::I64AtomicRmw8XchgU { memarg } => {
            (Access::Modify(R::Xchg), types::I8, types::I64, memarg)
        }
        O::I64AtomicRmw16XchgU { memarg } => {
            (Access::Modify(R::Xchg), types::I16, types::I64, memarg)
        }
        O::I64AtomicRmw32XchgU { memarg } => {
            (Access::Modify(R::Xchg), types::I32, types::I64, memarg)
        }
        O::I32AtomicRmwCmpxchg { memarg } => (Access::Exchange, types::I32, types::I32, memarg),
        O::I64AtomicRmwCmpxchg { memarg } => (Access::Exchange, types::I64, types::I64, memarg),
        O::I32AtomicRmw8CmpxchgU { memarg } => (Access::Exchange, types::I8, types::I32, memarg),
        O::I32AtomicRmw16CmpxchgU { memarg } => (Access::Exchange, types::I16, types::I32, memarg),
        O::I64AtomicRmw8CmpxchgU { memarg } => (Access::Exchange, types::I8, types::I64, memarg),
        O::I64AtomicRmw16CmpxchgU { memarg } => (Access::Exchange, types::I16, types::I64, memarg),
        O::I64AtomicRmw32CmpxchgU { memarg } => (Access::Exchange, types::I32, types::I64, memarg),
        _ => return None,
    })
}

impl FuncTranslator<'_, '_> {
    /// Translates an atomic operator; returns false for any other operator.
    pub(super) fn atomic_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        if let Some((access, width, ty, memarg)) = access(op) {
            self.atomic_access(access, width, ty, memarg)?;
            return Ok(true);
        }
        match op {
            Operator::AtomicFence { .. } => {
                self.builder.ins().fence();
            }
            Operator::MemoryAtomicNotify { memarg } => {
                let count = self.pop();
                let (memory, _, at) = self.waiting_place(memarg, 4)?;
                let woken = self.libcall(Libcall::AtomicNotify, &[memory, at, count]);
                let out = self.builder.ins().icmp_imm_s(IntCC::Equal, woken, -1);
                self.trap_if(out, TrapKind::MemoryOutOfBounds);
                let woken = self.builder.ins().ireduce(types::I32, woken);
                self.push(woken);
            }
            Operator::MemoryAtomicWait32 { memarg } => {
                self.wait(memarg, 4, Libcall::AtomicWait32)?
            }
            Operator::MemoryAtomicWait64 { memarg } => {
                self.wait(memarg, 8, Libcall::AtomicWait64)?
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn wait(&mut self, memarg: &MemArg, bytes: u32, call: Libcall) -> Result<()> {
        let (expected, timeout) = self.pop2();
        let (memory, sharing, at) = self.waiting_place(memarg, bytes)?;
        if sharing == Sharing::Unshared {
            // `trap` would end the block, but code may follow.
            let always = self.builder.ins().iconst(types::I32, 1);
            self.trap_if(always, TrapKind::UnsharedWait);
        }
        let result = self.libcall(call, &[memory, at, expected, timeout]);
        let stop = self.builder.ins().icmp_imm_u(IntCC::Equal, result, 3);
        self.trap_if(stop, TrapKind::MemoryOutOfBounds);
        self.push(result);
        Ok(())
    }

    /// Pops an index. Returns the memory as an argument of a runtime function, whether it is
    /// shared, and the aligned address.
    fn waiting_place(&mut self, memarg: &MemArg, bytes: u32) -> Result<(Value, Sharing, Value)> {
        let MemArgTarget::Memory(memory) = memarg.target else {
            return Err(Error::Unsupported(
                "an atomic access to an array".to_owned(),
            ));
        };
        let ty = self.env.module.memories[memory as usize];
        let index = self.pop_index(ty.index);
        self.require_aligned(index, memarg.offset, bytes);
        let at = match ty.index {
            IndexType::I32 => self.builder.ins().iadd_imm_s(index, memarg.offset as i64),
            IndexType::I64 => {
                let offset = self.builder.ins().iconst(types::I64, memarg.offset as i64);
                let code = trap_code(TrapKind::MemoryOutOfBounds);
                self.builder.ins().uadd_overflow_trap(index, offset, code)
            }
        };
        Ok((self.index_constant(memory), ty.sharing, at))
    }

    /// Traps if the address of an access is not a multiple of the access size, `bytes`.
    fn require_aligned(&mut self, index: Value, offset: u64, bytes: u32) {
        if bytes == 1 {
            return;
        }
        let mask = i64::from(bytes) - 1;
        let place = match offset as i64 & mask {
            0 => index,
            rest => self.builder.ins().iadd_imm_s(index, rest),
        };
        let rest = self.builder.ins().band_imm_u(place, mask);
        self.trap_if(rest, TrapKind::UnalignedAtomic);
    }

    fn atomic_access(
        &mut self,
        access: Access,
        width: Type,
        ty: Type,
        memarg: &MemArg,
    ) -> Result<()> {
        let second = matches!(access, Access::Exchange).then(|| self.pop_narrow(width));
        let first = (!matches!(access, Access::Load)).then(|| self.pop_narrow(width));
        let (flags, address) = self.atomic_address(memarg, width.bytes())?;
        let ins = self.builder.ins();
        let old = match (access, first, second) {
            (Access::Load, ..) => ins.atomic_load(width, flags, address),
            (Access::Store, Some(value), _) => {
                ins.atomic_store(flags, value, address);
                return Ok(());
            }
            (Access::Modify(op), Some(value), _) => {
                ins.atomic_rmw(width, flags, op, address, value)
            }
            (_, Some(expected), Some(value)) => ins.atomic_cas(flags, address, expected, value),
            _ => unreachable!("every access but a load has an operand"),
        };
        let old = match width == ty {
            true => old,
            false => self.builder.ins().uextend(ty, old),
        };
        self.push(old);
        Ok(())
    }

    fn pop_narrow(&mut self, width: Type) -> Value {
        let value = self.pop();
        match self.builder.func.dfg.value_type(value) == width {
            true => value,
            false => self.builder.ins().ireduce(width, value),
        }
    }

    /// Pops an index and returns the address to access, with the offset included.
    fn atomic_address(&mut self, memarg: &MemArg, bytes: u32) -> Result<(MemFlagsData, Value)> {
        let MemArgTarget::Memory(memory) = memarg.target else {
            return Err(Error::Unsupported(
                "an atomic access to an array".to_owned(),
            ));
        };
        let index_type = self.env.module.memories[memory as usize].index;
        let index = self.pop();
        self.push(index);
        let wide = self.pop_index(index_type);
        self.require_aligned(wide, memarg.offset, bytes);
        self.push(index);
        let at = self.pop_address(memarg, bytes)?;
        let address = match i64::from(at.offset) {
            0 => at.base,
            offset => self.builder.ins().iadd_imm_s(at.base, offset),
        };
        Ok((at.flags, address))
    }
}
