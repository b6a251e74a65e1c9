//! The adapter's own WASI preview 1 layer, because tinywasm has none.
//!
//! Files are read-only. It has only the two clocks that guests use, and no polling, folder listing or calls that change
//! the file system. A module that imports a missing call is rejected before it runs.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::io::{Read, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File};
use tinywasm::types::{FuncType, WasmType, WasmValue};
use tinywasm::{FuncContext, HostFunction, Imports, Store, Trap};

use crate::Failure;
use crate::calls::{Arguments, CALLS, Memory};

/// Module name of preview 1 imports.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// Error numbers of preview 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errno {
    /// The file may not be opened.
    Access = 2,
    /// No such descriptor.
    BadDescriptor = 8,
    /// The address is outside memory.
    Fault = 21,
    /// Invalid argument.
    Invalid = 28,
    /// A host error.
    Io = 29,
    /// The link may not be followed.
    Loop = 32,
    /// No such file.
    NoEntry = 44,
    /// Not a folder.
    NotDirectory = 54,
    /// Not supported by this layer.
    NotSupported = 58,
    /// Only reading is allowed.
    ReadOnly = 69,
    /// The stream has no position.
    Seek = 70,
    /// The descriptor does not permit this.
    NotCapable = 76,
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Errno::NoEntry,
            ErrorKind::NotADirectory => Errno::NotDirectory,
            ErrorKind::InvalidInput => Errno::Invalid,
            // cap-std rejects a path that leaves the folder this way.
            ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Errno::NotCapable,
            ErrorKind::PermissionDenied => Errno::Access,
            _ => Errno::Io,
        }
    }
}

/// A guest's exit code, passed as the cause of a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) i32);

impl Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest exited with {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// An open descriptor.
pub(crate) enum Open {
    Input(Box<dyn Read>),
    Output(Box<dyn Write>),
    /// A folder, with its name if it was preopened.
    Folder(Dir, Option<String>),
    File(File),
}

/// A guest's arguments, environment and descriptors.
pub struct Wasi {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) open: Vec<Option<Open>>,
    began: Instant,
}

impl Wasi {
    /// A WASI with these arguments and streams, and an empty environment.
    pub fn new(
        args: &[String],
        stdin: Box<dyn Read>,
        stdout: Box<dyn Write>,
        stderr: Box<dyn Write>,
    ) -> Self {
        let streams = [
            Open::Input(stdin),
            Open::Output(stdout),
            Open::Output(stderr),
        ];
        Wasi {
            args: args.to_vec(),
            env: Vec::new(),
            open: streams.map(Some).into(),
            began: Instant::now(),
        }
    }

    /// Adds an environment variable.
    pub fn env(&mut self, name: &str, value: &str) {
        self.env.push(format!("{name}={value}"));
    }

    /// Preopens a read-only folder under this name.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn grant(&mut self, directory: &Path, name: &str) -> Result<(), Failure> {
        let opened = Dir::open_ambient_dir(directory, ambient_authority())
            .map_err(|error| Failure(format!("opening {}: {error}", directory.display())))?;
        self.open
            .push(Some(Open::Folder(opened, Some(name.to_owned()))));
        Ok(())
    }

    pub(crate) fn get(&mut self, descriptor: u32) -> Result<&mut Open, Errno> {
        let slot = self.open.get_mut(descriptor as usize);
        slot.and_then(Option::as_mut).ok_or(Errno::BadDescriptor)
    }

    /// Stores a descriptor in the lowest free slot and returns its number.
    pub(crate) fn add(&mut self, open: Open) -> u32 {
        let free = self.open.iter().position(Option::is_none);
        let at = free.unwrap_or(self.open.len());
        match self.open.get_mut(at) {
            Some(slot) => *slot = Some(open),
            None => self.open.push(Some(open)),
        }
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Time of the clock `id` in nanoseconds.
    pub(crate) fn now(&self, id: u32) -> Result<u64, Errno> {
        let since = match id {
            0 => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_err(|_| Errno::Io)?,
            1 => self.began.elapsed(),
            _ => return Err(Errno::NotSupported),
        };
        u64::try_from(since.as_nanos()).map_err(|_| Errno::Io)
    }
}

/// The first preview 1 import that this layer lacks.
pub(crate) fn missing<'m>(
    imports: impl IntoIterator<Item = (&'m str, &'m str)>,
) -> Option<&'m str> {
    let has = |name: &str| name == "proc_exit" || CALLS.iter().any(|call| call.name == name);
    imports
        .into_iter()
        .find(|(module, name)| *module == MODULE && !has(name))
        .map(|(_, name)| name)
}

/// Defines all calls in `store`, using `wasi`.
pub(crate) fn link(store: &mut Store, wasi: Wasi) -> Imports {
    let mut imports = Imports::new();
    let wasi = Rc::new(RefCell::new(wasi));
    for call in CALLS {
        let wasi = Rc::clone(&wasi);
        let ty = FuncType::new(call.params, &[WasmType::I32]);
        let function = HostFunction::from_untyped(store, &ty, move |mut context, arguments| {
            let memory = context.memory("memory")?;
            let mut memory = Memory::new(memory, context.store_mut());
            let result = (call.run)(&mut wasi.borrow_mut(), &mut memory, Arguments(arguments));
            Ok(vec![WasmValue::I32(
                result.map_or_else(|errno| errno as i32, |()| 0),
            )])
        });
        imports.define(MODULE, call.name, function);
    }
    let exit = HostFunction::from(
        store,
        |_: FuncContext<'_>, code: i32| -> tinywasm::Result<()> {
            Err(Trap::HostFunction(Box::new(Exit(code))).into())
        },
    );
    imports.define(MODULE, "proc_exit", exit);
    imports
}
