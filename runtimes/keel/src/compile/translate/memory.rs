//! Translates loads, stores, and the operators on whole memories.
//!
//! A 32-bit index cannot leave the 4 GiB that are reserved for a memory. An access past the
//! memory's current end faults, and the signal handler turns the fault into a trap. An offset can
//! reach into the guard after the reservation. Code compares with the length only if an offset
//! exceeds the guard, an index is 64-bit, or the memory's end need not be aligned to a host page.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::FuncTranslator;
use super::reached::sum_of;
use crate::compile::{Libcall, trap_code};
use crate::error::{Error, Result};
use crate::trap::TrapKind;
use crate::types::{IndexType, MemoryType, Sharing};
use crate::vm::MEMORY_GUARD_BYTES;

/// The address of a memory access, `base + offset`, with its flags.
pub(super) struct Address {
    pub(super) flags: MemFlagsData,
    pub(super) base: Value,
    pub(super) offset: Offset32,
}

impl FuncTranslator<'_, '_> {
    /// Translates a memory operator; returns false for any other operator.
    pub(super) fn memory_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match op {
            Operator::I32Load { memarg } => self.load(memarg, types::I32)?,
            Operator::I64Load { memarg } => self.load(memarg, types::I64)?,
            Operator::F32Load { memarg } => self.load(memarg, types::F32)?,
            Operator::F64Load { memarg } => self.load(memarg, types::F64)?,
            Operator::I32Load8S { memarg } => {
                self.load_narrow(memarg, Narrow::SignedByte, types::I32)?
            }
            Operator::I32Load8U { memarg } => self.load_narrow(memarg, Narrow::Byte, types::I32)?,
            Operator::I32Load16S { memarg } => {
                self.load_narrow(memarg, Narrow::SignedHalf, types::I32)?
            }
            Operator::I32Load16U { memarg } => {
                self.load_narrow(memarg, Narrow::Half, types::I32)?
            }
            Operator::I64Load8S { memarg } => {
                self.load_narrow(memarg, Narrow::SignedByte, types::I64)?
            }
            Operator::I64Load8U { memarg } => self.load_narrow(memarg, Narrow::Byte, types::I64)?,
            Operator::I64Load16S { memarg } => {
                self.load_narrow(memarg, Narrow::SignedHalf, types::I64)?
            }
            Operator::I64Load16U { memarg } => {
                self.load_narrow(memarg, Narrow::Half, types::I64)?
            }
            Operator::I64Load32S { memarg } => {
                self.load_narrow(memarg, Narrow::SignedWord, types::I64)?
            }
            Operator::I64Load32U { memarg } => {
                self.load_narrow(memarg, Narrow::Word, types::I64)?
            }
            Operator::I32Store { memarg }
            | Operator::F32Store { memarg }
            | Operator::I64Store32 { memarg } => self.store(memarg, 4)?,
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => {
                self.store(memarg, 8)?
            }
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store(memarg, 1)?
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(memarg, 2)?
            }
            Operator::MemorySize { mem } => {
                let ty = self.env.module.memories[*mem as usize];
                let bytes = self.memory_length(*mem);
                let log2 = i64::from(ty.page_size_log2);
                let pages = self.builder.ins().ushr_imm_u(bytes, log2);
                let pages = self.as_index(pages, ty.index);
                self.push(pages);
            }
            Operator::MemoryGrow { mem } => {
                let index = self.env.module.memories[*mem as usize].index;
                let pages = self.pop_index(index);
                let memory = self.index_constant(*mem);
                let result = self.libcall(Libcall::MemoryGrow, &[memory, pages]);
                let result = self.as_index(result, index);
                self.push(result);
            }
            Operator::MemoryFill { mem } => {
                let index = self.env.module.memories[*mem as usize].index;
                let length = self.pop_index(index);
                let value = self.pop();
                let to = self.pop_index(index);
                let memory = self.index_constant(*mem);
                let out = self.libcall(Libcall::MemoryFill, &[memory, to, value, length]);
                self.trap_if(out, TrapKind::MemoryOutOfBounds);
                self.charge_range();
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let module = self.env.module;
                let to_index = module.memories[*dst_mem as usize].index;
                let from_index = module.memories[*src_mem as usize].index;
                let length = self.pop_index(narrower(to_index, from_index));
                let from = self.pop_index(from_index);
                let to = self.pop_index(to_index);
                let (dst, src) = (self.index_constant(*dst_mem), self.index_constant(*src_mem));
                let out = self.libcall(Libcall::MemoryCopy, &[dst, src, to, from, length]);
                self.trap_if(out, TrapKind::MemoryOutOfBounds);
                self.charge_range();
            }
            Operator::MemoryInit { data_index, mem } => {
                let (from, length) = self.pop2();
                let to = self.pop_index(self.env.module.memories[*mem as usize].index);
                let (memory, data) = (self.index_constant(*mem), self.index_constant(*data_index));
                let out = self.libcall(Libcall::MemoryInit, &[memory, data, to, from, length]);
                self.trap_if(out, TrapKind::MemoryOutOfBounds);
                self.charge_range();
            }
            Operator::DataDrop { data_index } => {
                let flag = self.env.layout.data_segment(*data_index);
                self.set_dropped(flag);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Marks a segment as dropped.
    pub(super) fn set_dropped(&mut self, flag: i32) {
        let dropped = self.builder.ins().iconst(types::I32, 1);
        let flags = self.context_field();
        self.builder.ins().store(flags, dropped, self.vmctx, flag);
    }

    /// An index of the module as an argument of a runtime function.
    pub(super) fn index_constant(&mut self, index: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(index))
    }

    /// Pops an index, or a number of pages or elements, and extends it to 64 bits.
    pub(super) fn pop_index(&mut self, ty: IndexType) -> Value {
        let index = self.pop();
        match ty {
            IndexType::I32 => self.builder.ins().uextend(types::I64, index),
            IndexType::I64 => index,
        }
    }

    /// Converts a 64-bit number to the width of an index.
    pub(super) fn as_index(&mut self, value: Value, ty: IndexType) -> Value {
        match ty {
            IndexType::I32 => self.builder.ins().ireduce(types::I32, value),
            IndexType::I64 => value,
        }
    }

    /// Pops the index of a memory access of `bytes` bytes and returns the address to access.
    pub(super) fn pop_address(&mut self, memarg: &MemArg, bytes: u32) -> Result<Address> {
        let MemArgTarget::Memory(memory) = memarg.target else {
            return Err(Error::Unsupported("an array access".to_owned()));
        };
        let ty = self.env.module.memories[memory as usize];
        let index = self.pop();
        let mut flags = MemFlagsData::new()
            .with_alias_region(Some(self.regions.memory))
            .with_trap_code(Some(trap_code(TrapKind::MemoryOutOfBounds)));
        flags.set_endianness(cranelift_codegen::ir::Endianness::Little);
        let base = self.memory_base(memory);
        let end = memarg.offset.checked_add(bytes.into());
        if ty.is_guarded() && end.is_some_and(|end| end <= MEMORY_GUARD_BYTES) {
            let (index, above) = self.reach(memory, index, memarg.offset, bytes);
            let index = self.builder.ins().uextend(types::I64, index);
            let base = self.builder.ins().iadd(base, index);
            return Ok(Address {
                flags,
                base,
                offset: Offset32::new((memarg.offset + u64::from(above)) as i32),
            });
        }
        let index = match ty.index {
            IndexType::I32 => self.builder.ins().uextend(types::I64, index),
            IndexType::I64 => index,
        };
        let out = self.out_of_bounds(memory, index, end);
        let address = self.builder.ins().iadd(base, index);
        let address = match memarg.offset {
            0 => address,
            offset => self.builder.ins().iadd_imm_s(address, offset as i64),
        };
        // Null if out of bounds, also under speculation, so that the access itself traps.
        let null = self.builder.ins().iconst(types::I64, 0);
        let base = self.builder.ins().select_spectre_guard(out, null, address);
        Ok(Address {
            flags,
            base,
            offset: Offset32::new(0),
        })
    }

    /// A base index and an additional offset for an access of `bytes` bytes at `offset` from
    /// `index`. The base is an index that was accessed before, if one is near; otherwise it is
    /// `index`, which is then recorded.
    fn reach(&mut self, memory: u32, index: Value, offset: u64, bytes: u32) -> (Value, u32) {
        let module = self.env.module;
        let capped = module.memories[memory as usize].is_capped();
        if memory < module.imported_memories || !capped {
            return (index, 0);
        }
        let sum = sum_of(&self.builder.func.dfg, index);
        if let Some((reached, above)) = self.reached.below(memory, sum)
            && offset + u64::from(above) + u64::from(bytes) <= MEMORY_GUARD_BYTES
        {
            return (reached, above);
        }
        self.reached.note(memory, sum, index);
        (index, 0)
    }

    /// Whether an access is out of bounds. It starts at or after `index`, and ends `end` bytes
    /// after it; `None` if that overflows.
    fn out_of_bounds(&mut self, memory: u32, index: Value, end: Option<u64>) -> Value {
        let ty = self.env.module.memories[memory as usize];
        let length = self.memory_length(memory);
        let Some(end) = end else {
            return self.builder.ins().iconst(types::I8, 1);
        };
        if ty.page_size_log2 == MemoryType::PAGE_LOG2 && end <= MEMORY_GUARD_BYTES {
            // An access that starts within bounds and ends outside faults in the guard.
            let above = IntCC::UnsignedGreaterThanOrEqual;
            return self.builder.ins().icmp(above, index, length);
        }
        let last = self.builder.ins().iadd_imm_s(index, end as i64);
        let above = IntCC::UnsignedGreaterThan;
        let out = self.builder.ins().icmp(above, last, length);
        match ty.index {
            IndexType::I32 => out,
            IndexType::I64 => {
                let wrapped = self
                    .builder
                    .ins()
                    .icmp(IntCC::UnsignedLessThan, last, index);
                self.builder.ins().bor(out, wrapped)
            }
        }
    }

    /// The address of a memory's first byte.
    fn memory_base(&mut self, memory: u32) -> Value {
        let module = self.env.module;
        match memory.checked_sub(module.imported_memories) {
            Some(0) if module.defines_memory_0() => self.vmctx,
            Some(defined) => self.load_pointer(self.env.layout.memory(defined)),
            None => self.load_pointer(self.env.layout.imported_memory(memory)),
        }
    }

    /// A memory's current length in bytes.
    fn memory_length(&mut self, memory: u32) -> Value {
        let flags = self.context_field();
        let shared = self.env.module.memories[memory as usize].sharing == Sharing::Shared;
        let place = match memory.checked_sub(self.env.module.imported_memories) {
            Some(defined) => self.env.layout.memory(defined) + 8,
            None => self.env.layout.imported_memory(memory) + 8,
        };
        if shared {
            // Other threads can grow the memory, so the load is atomic.
            let definition = self.load_pointer(place);
            let length = self.builder.ins().iadd_imm_s(definition, 8);
            return self.builder.ins().atomic_load(types::I64, flags, length);
        }
        if memory >= self.env.module.imported_memories {
            return self
                .builder
                .ins()
                .load(types::I64, flags, self.vmctx, place);
        }
        let definition = self.load_pointer(place);
        self.builder.ins().load(types::I64, flags, definition, 8)
    }

    fn load(&mut self, memarg: &MemArg, ty: Type) -> Result<()> {
        let at = self.pop_address(memarg, ty.bytes())?;
        let value = self.builder.ins().load(ty, at.flags, at.base, at.offset);
        self.push(value);
        Ok(())
    }

    fn load_narrow(&mut self, memarg: &MemArg, narrow: Narrow, ty: Type) -> Result<()> {
        let at = self.pop_address(memarg, narrow.bytes())?;
        let ins = self.builder.ins();
        let (flags, base, offset) = (at.flags, at.base, at.offset);
        let value = match narrow {
            Narrow::Byte => ins.uload8(ty, flags, base, offset),
            Narrow::SignedByte => ins.sload8(ty, flags, base, offset),
            Narrow::Half => ins.uload16(ty, flags, base, offset),
            Narrow::SignedHalf => ins.sload16(ty, flags, base, offset),
            Narrow::Word => ins.uload32(flags, base, offset),
            Narrow::SignedWord => ins.sload32(flags, base, offset),
        };
        self.push(value);
        Ok(())
    }

    fn store(&mut self, memarg: &MemArg, bytes: u32) -> Result<()> {
        let value = self.pop();
        let at = self.pop_address(memarg, bytes)?;
        let ty = self.builder.func.dfg.value_type(value);
        let ins = self.builder.ins();
        match bytes {
            _ if bytes == ty.bytes() => ins.store(at.flags, value, at.base, at.offset),
            1 => ins.istore8(at.flags, value, at.base, at.offset),
            2 => ins.istore16(at.flags, value, at.base, at.offset),
            _ => ins.istore32(at.flags, value, at.base, at.offset),
        };
        Ok(())
    }
}

/// The index type of a length that is valid in two memories or tables.
pub(super) fn narrower(a: IndexType, b: IndexType) -> IndexType {
    match (a, b) {
        (IndexType::I64, IndexType::I64) => IndexType::I64,
        _ => IndexType::I32,
    }
}

/// A load of fewer bytes than its result has.
#[derive(Clone, Copy)]
enum Narrow {
    Byte,
    SignedByte,
    Half,
    SignedHalf,
    Word,
    SignedWord,
}

impl Narrow {
    fn bytes(self) -> u32 {
        match self {
            Narrow::Byte | Narrow::SignedByte => 1,
            Narrow::Half | Narrow::SignedHalf => 2,
            Narrow::Word | Narrow::SignedWord => 4,
        }
    }
}
