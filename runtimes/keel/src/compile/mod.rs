//! Compiles a decoded module to machine code.
//!
//! ```text
//! scan -> translate (a body to CLIF) -> compile (CLIF to code) -> link (all code to one text section)
//! ```
//! Bodies are scanned and then compiled in parallel. The code is position-independent.

mod abi;
mod driver;
mod image;
mod interrupt;
mod link;
mod scan;
mod thunk;
pub(crate) mod translate;
mod unit;
mod write;

use cranelift_codegen::ir::{AbiParam, Signature, TrapCode, types};
use cranelift_codegen::isa::CallConv;

pub(crate) use crate::vm::libcalls::Libcall;
pub(crate) use driver::{CompileOptions, compile, inspect, target_isa, validate};
pub use interrupt::CompileInterrupt;
pub(crate) use write::write;

use crate::trap::TrapKind;

/// The Cranelift trap code for a kind of trap.
pub(crate) fn trap_code(kind: TrapKind) -> TrapCode {
    match kind {
        TrapKind::IntegerOverflow => TrapCode::INTEGER_OVERFLOW,
        TrapKind::IntegerDivideByZero => TrapCode::INTEGER_DIVISION_BY_ZERO,
        TrapKind::InvalidConversion => TrapCode::BAD_CONVERSION_TO_INTEGER,
        TrapKind::StackOverflow => TrapCode::STACK_OVERFLOW,
        other => TrapCode::unwrap_user(other as u8),
    }
}

/// The inverse of [`trap_code`].
pub(crate) fn trap_kind(code: TrapCode) -> Option<TrapKind> {
    Some(match code {
        TrapCode::INTEGER_OVERFLOW => TrapKind::IntegerOverflow,
        TrapCode::INTEGER_DIVISION_BY_ZERO => TrapKind::IntegerDivideByZero,
        TrapCode::BAD_CONVERSION_TO_INTEGER => TrapKind::InvalidConversion,
        TrapCode::STACK_OVERFLOW => TrapKind::StackOverflow,
        TrapCode::HEAP_OUT_OF_BOUNDS => TrapKind::MemoryOutOfBounds,
        other => return TrapKind::from_raw(other.as_raw().get()),
    })
}

impl Libcall {
    /// The offset of the function's address in the table of runtime functions, bytes.
    pub(crate) fn offset(self) -> i32 {
        self as i32 * 8
    }

    /// The native signature: the context, the arguments, and one result.
    pub(crate) fn signature(self) -> Signature {
        use types::{I32, I64};
        let args: &[cranelift_codegen::ir::Type] = match self {
            Libcall::IsBelow | Libcall::StructNew => &[I32, I32],
            Libcall::ArrayNew => &[I32, I32, I32],
            Libcall::ArrayNewData | Libcall::ArrayNewElem => &[I32, I32, I32, I32, I32],
            Libcall::ArrayInitData | Libcall::ArrayInitElem | Libcall::ArrayCopy => {
                &[I32, I32, I32, I32, I32, I32]
            }
            Libcall::ArrayFill => &[I32, I32, I32, I64, I32],
            Libcall::MemoryGrow => &[I32, I64],
            Libcall::MemoryFill => &[I32, I64, I32, I64],
            Libcall::TableGrow => &[I32, I64, I64],
            Libcall::TableFill => &[I32, I64, I64, I64],
            Libcall::MemoryCopy | Libcall::TableCopy => &[I32, I32, I64, I64, I64],
            Libcall::MemoryInit | Libcall::TableInit => &[I32, I32, I64, I32, I32],
            Libcall::AtomicNotify => &[I32, I64, I32],
            Libcall::AtomicWait32 => &[I32, I64, I32, I64],
            Libcall::AtomicWait64 => &[I32, I64, I64, I64],
            Libcall::Throw => &[I64],
            Libcall::Raise => &[],
        };
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params.push(AbiParam::new(types::I64));
        signature
            .params
            .extend(args.iter().map(|ty| AbiParam::new(*ty)));
        let result = match self {
            Libcall::MemoryGrow | Libcall::TableGrow | Libcall::AtomicNotify => I64,
            _ => I32,
        };
        signature.returns.push(AbiParam::new(result));
        signature
    }
}
