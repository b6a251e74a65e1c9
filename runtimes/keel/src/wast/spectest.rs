//! The host module `spectest`, which scripts import from.

use crate::error::Result;
use crate::externs::{Global, Memory, Table};
use crate::host::Caller;
use crate::linker::Linker;
use crate::store::Store;
use crate::types::{GlobalType, MemoryType, Mutability, TableType, ValType};
use crate::value::Val;

/// Defines the module's functions, globals, table and memory.
pub(super) fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    const NAME: &str = "spectest";
    linker.func_wrap(NAME, "print", |_: Caller<'_, ()>| ())?;
    linker.func_wrap(NAME, "print_i32", |_: Caller<'_, ()>, _: i32| ())?;
    linker.func_wrap(NAME, "print_i64", |_: Caller<'_, ()>, _: i64| ())?;
    linker.func_wrap(NAME, "print_f32", |_: Caller<'_, ()>, _: f32| ())?;
    linker.func_wrap(NAME, "print_f64", |_: Caller<'_, ()>, _: f64| ())?;
    linker.func_wrap(
        NAME,
        "print_i32_f32",
        |_: Caller<'_, ()>, _: i32, _: f32| (),
    )?;
    linker.func_wrap(
        NAME,
        "print_f64_f64",
        |_: Caller<'_, ()>, _: f64, _: f64| (),
    )?;
    for (name, value) in [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::from(666.6f32)),
        ("global_f64", Val::from(666.6f64)),
    ] {
        let ty = GlobalType {
            content: value.ty(),
            mutability: Mutability::Const,
        };
        linker.define(NAME, name, Global::create(&mut *store, ty, value)?)?;
    }
    let ty = TableType {
        element: ValType::FUNCREF,
        minimum: 10,
        maximum: Some(20),
    };
    linker.define(
        NAME,
        "table",
        Table::create(&mut *store, ty, Val::FuncRef(None))?,
    )?;
    let ty = MemoryType {
        minimum: 1,
        maximum: Some(2),
    };
    linker.define(NAME, "memory", Memory::create(&mut *store, ty)?)?;
    Ok(())
}
