//! Host functions as functions of a store, without a module that imports them.
//!
//! Code calls a host function through a thunk in its own module. For a function that no module
//! imports, keel compiles a module that only imports and exports it. The store keeps this module
//! for later functions of the same type.

use crate::error::{Error, Result};
use crate::externs::Extern;
use crate::func::Func;
use crate::host::{Caller, IntoFunc};
use crate::linker::Linker;
use crate::module::Module;
use crate::store::AsContextMut;
use crate::types::{FuncType, ValType};
use crate::value::Val;

/// The export of that module.
const NAME: &str = "f";

impl Func {
    /// Makes a closure a function of a store. It takes a [`Caller`] and then numbers. Tables,
    /// globals and calls accept it like any other function.
    ///
    /// ```
    /// # fn main() -> keel::Result<()> {
    /// use keel::{Caller, Engine, Func, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), 5);
    /// let add = Func::wrap(&mut store, |caller: Caller<'_, i32>, n: i32| caller.data() + n)?;
    /// assert_eq!(add.typed::<i32, i32>(&mut store)?.call(&mut store, 2)?, 7);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of compiling and instantiating the thunk, such as [`Error::Limit`].
    pub fn wrap<T: 'static, P, R>(
        store: impl AsContextMut<Data = T>,
        function: impl IntoFunc<T, P, R>,
    ) -> Result<Func> {
        // SAFETY: the store is borrowed.
        let engine = unsafe { (*store.as_store().context()).engine.clone() };
        let mut linker = Linker::<T>::new(&engine);
        linker.func_wrap("", NAME, function)?;
        pass_through(store, &linker)
    }

    /// As [`Func::wrap`], with a type that is only known at run time.
    ///
    /// # Errors
    /// As [`Func::wrap`]; [`Error::Unsupported`] for a type that refers to a type of a module.
    pub fn new<T: 'static>(
        store: impl AsContextMut<Data = T>,
        ty: FuncType,
        function: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Func> {
        // SAFETY: the store is borrowed.
        let engine = unsafe { (*store.as_store().context()).engine.clone() };
        let mut linker = Linker::<T>::new(&engine);
        linker.func_new("", NAME, ty, function)?;
        pass_through(store, &linker)
    }
}

impl<T: 'static> Linker<T> {
    /// The definition of a name in a store; `None` if it is not defined. A host function becomes a
    /// function of the store.
    ///
    /// # Errors
    /// As [`Func::wrap`].
    pub fn get(
        &self,
        store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Result<Option<Extern>> {
        match self.find_extern(module, name, NAME) {
            None => Ok(None),
            Some(Ok(item)) => Ok(Some(item)),
            Some(Err(alone)) => pass_through(store, &alone).map(|func| Some(Extern::Func(func))),
        }
    }
}

/// Turns the linker's definition of [`NAME`] into a function of the store.
fn pass_through<T: 'static>(
    mut store: impl AsContextMut<Data = T>,
    linker: &Linker<T>,
) -> Result<Func> {
    let ty = linker
        .host_type("", NAME)
        .ok_or_else(|| Error::UnknownExport {
            name: NAME.to_owned(),
            found: "no host function".to_owned(),
        })?;
    let context = store.as_store().context();
    // SAFETY: the store is borrowed, and nothing else uses its thunks during the look-up or the
    // compilation.
    let known = unsafe { (*context).thunks.get(&ty).cloned() };
    let module = match known {
        Some(module) => module,
        None => {
            let module = Module::from_binary(linker.engine(), &module_of(&ty)?)?;
            // SAFETY: as above.
            unsafe { (*context).thunks.insert(ty, module.clone()) };
            module
        }
    };
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_func(store, NAME)
}

/// A module that imports a function of type `ty` and exports it again.
fn module_of(ty: &FuncType) -> Result<Vec<u8>> {
    let mut types = vec![1, 0x60];
    for list in [ty.params(), ty.results()] {
        length(list.len(), &mut types);
        for ty in list {
            types.push(byte_of(*ty)?);
        }
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let sections: [(u8, &[u8]); 3] = [
        (1, &types),
        // One import: module "", this name, a function of type 0.
        (2, &[1, 0, 1, b'f', 0, 0]),
        // One export: this name, function 0.
        (7, &[1, 1, b'f', 0, 0]),
    ];
    for (id, bytes) in sections {
        module.push(id);
        length(bytes.len(), &mut module);
        module.extend_from_slice(bytes);
    }
    Ok(module)
}

/// Appends a number in LEB128.
fn length(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// The byte of a type in the binary format.
fn byte_of(ty: ValType) -> Result<u8> {
    const BYTES: [(&str, u8); 17] = [
        ("i32", 0x7f),
        ("i64", 0x7e),
        ("f32", 0x7d),
        ("f64", 0x7c),
        ("v128", 0x7b),
        ("nullexnref", 0x74),
        ("nullfuncref", 0x73),
        ("nullexternref", 0x72),
        ("nullref", 0x71),
        ("funcref", 0x70),
        ("externref", 0x6f),
        ("anyref", 0x6e),
        ("eqref", 0x6d),
        ("i31ref", 0x6c),
        ("structref", 0x6b),
        ("arrayref", 0x6a),
        ("exnref", 0x69),
    ];
    let name = ty.to_string();
    let found = BYTES.iter().find(|(known, _)| *known == name);
    let (_, byte) = found.ok_or_else(|| {
        Error::Unsupported(format!(
            "a host function of its own with a value of type {name}"
        ))
    })?;
    Ok(*byte)
}
