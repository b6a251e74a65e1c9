//! Defines the calls as host functions: the module `wasi_snapshot_preview1` of a linker.

use std::sync::Arc;

use crate::host::HostFor;
use crate::linker::Catalogue;
use crate::{Caller, Error, Linker, Result, Trap, TrapKind};

use super::calls::{self, table::each_call};
use super::{Ending, Errno, Exit, MODULE, WasiCtx};

/// Defines every call in `linker`. `get` returns the guest's context from the store's data.
///
/// The calls use the guest's memory exported as `memory`, as preview 1 specifies. A guest without
/// one is treated as having an empty memory. `proc_exit` ends the host's call with [`Error::Exit`],
/// and waiting past the context's deadline ends it with a trap of kind [`TrapKind::Interrupted`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "wat")] {
/// use keel::wasi::{Capture, Stdout, WasiCtx};
/// use keel::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// keel::wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
/// let module = Module::new(&engine, br#"(module
///     (import "wasi_snapshot_preview1" "fd_write"
///         (func $fd_write (param i32 i32 i32 i32) (result i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
///     (func (export "_start")
///         (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
/// "#)?;
/// let output = Capture::new(1024);
/// let ctx = WasiCtx::builder().stdout(Stdout::Capture(output.clone())).build()?;
/// let mut store = Store::new(&engine, ctx);
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
/// assert_eq!(output.take(), b"hello\n");
/// # }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::DuplicateDefinition`] if one of the names is already defined.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<()> {
    macro_rules! catalogue {
        ($($name:ident($($argument:ident: $ty:ident),*) -> $answer:ident;)*) => {
            Catalogue {
                module: MODULE,
                names: &[$(stringify!($name)),*],
                make: Arc::new(move |name| match name {
                    $(stringify!($name) => Some(HostFor::new(
                        move |mut caller: Caller<'_, T> $(, $argument: $ty)*| {
                            match caller.memory_and_data() {
                                Some((memory, data)) => {
                                    let ctx = get(data);
                                    let answer = calls::$name(ctx, memory $(, $argument)*);
                                    $answer::finish(ctx, answer)
                                }
                                None => {
                                    let ctx = get(caller.data_mut());
                                    let answer = calls::$name(ctx, &mut [] $(, $argument)*);
                                    $answer::finish(ctx, answer)
                                }
                            }
                        },
                    )),)*
                    _ => None,
                }),
            }
        };
    }
    linker.catalogue(each_call!(catalogue)).map(drop)
}

impl Errno {
    /// The guest's result. Waiting past the deadline ends the guest, because it would only retry on
    /// `Intr`.
    fn finish(ctx: &WasiCtx, answer: Result<(), Errno>) -> Result<u32> {
        match answer {
            Ok(()) => Ok(0),
            Err(Errno::Intr) if ctx.is_overdue() => Err(Trap::new(TrapKind::Interrupted).into()),
            Err(errno) => Ok(errno.number().into()),
        }
    }
}

impl Ending {
    fn finish(ctx: &WasiCtx, answer: Result<(), Ending>) -> Result<u32> {
        match answer {
            Err(Ending::Exit(exit)) => Exit::finish(ctx, exit).map(|()| 0),
            Err(Ending::Errno(errno)) => Errno::finish(ctx, Err(errno)),
            Ok(()) => Ok(0),
        }
    }
}

impl Exit {
    fn finish(_ctx: &WasiCtx, exit: Exit) -> Result<()> {
        Err(Error::Exit(exit.code.cast_signed()))
    }
}
