//! Aliases, traps for undefined imports, and look-ups of definitions.

#[cfg(feature = "compiler")]
use std::collections::HashMap;

#[cfg(feature = "compiler")]
use super::Definition;
use super::Linker;
use crate::error::{Error, Result};
#[cfg(feature = "compiler")]
use crate::externs::Extern;
use crate::module::Module;
use crate::trap::{Frame, Trap, TrapKind};
use crate::types::ExternType;
#[cfg(feature = "compiler")]
use crate::types::FuncType;

impl<T: 'static> Linker<T> {
    /// Defines each undefined imported function of a module as one that traps like `unreachable`.
    /// The innermost frame of the trap names the import.
    ///
    /// # Errors
    /// None. Undefined imports of other kinds stay undefined.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<&mut Linker<T>> {
        let functions = module.imports().filter_map(|(from, name, ty)| match ty {
            ExternType::Func(ty) => Some((from, name, ty)),
            _ => None,
        });
        for (index, (from, name, ty)) in functions.enumerate() {
            if self.find(from, name).is_some() {
                continue;
            }
            // The innermost frame of the trap is the import itself.
            let frame = Frame {
                function: index as u32,
                name: Some(format!("import `{from}` `{name}`, which nothing defines")),
                offset: None,
            };
            self.func_new(from, name, ty, move |_, _, _| {
                let mut trap = Trap::new(TrapKind::Unreachable);
                trap.frames.push(frame.clone());
                Err(trap.into())
            })?;
        }
        Ok(self)
    }

    /// The type of the host function with a name.
    #[cfg(feature = "compiler")]
    pub(crate) fn host_type(&self, module: &str, name: &str) -> Option<FuncType> {
        match self.find(module, name)? {
            Definition::Host(host) => Some(host.func_type()),
            Definition::Extern(_) => None,
        }
    }

    /// The definition of a name in a store. For a host function, a linker that defines only that
    /// function, as `("", alias)`.
    #[cfg(feature = "compiler")]
    pub(crate) fn find_extern(
        &self,
        module: &str,
        name: &str,
        alias: &str,
    ) -> Option<Result<Extern, Linker<T>>> {
        let host = match self.find(module, name)? {
            Definition::Extern(item) => return Some(Ok(item)),
            host => host,
        };
        let mut alone = Linker::new(&self.engine);
        let names = HashMap::from([(alias.to_owned(), host)]);
        alone.definitions.insert(String::new(), names);
        Some(Err(alone))
    }

    /// Defines a second name for an existing definition.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if the first name is not defined, [`Error::DuplicateDefinition`] if
    /// the second already is.
    pub fn alias(
        &mut self,
        (module, name): (&str, &str),
        (as_module, as_name): (&str, &str),
    ) -> Result<&mut Linker<T>> {
        let item = self
            .find(module, name)
            .ok_or_else(|| Error::UnknownExport {
                name: format!("{module} {name}"),
                found: "nothing is defined under it".to_owned(),
            })?;
        self.insert(as_module, as_name, item)
    }
}
