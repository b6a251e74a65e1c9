//! The supported preview 1 calls.

use std::io::{Read, Seek, SeekFrom, Write};

use cap_std::fs::Metadata;
use tinywasm::Store;
use tinywasm::types::WasmType::{self, I32, I64};
use tinywasm::types::WasmValue;

use crate::wasi::{Errno, Open, Wasi};

/// A guest's memory during a call.
pub(crate) struct Memory<'s> {
    memory: tinywasm::Memory,
    store: &'s mut Store,
}

impl<'s> Memory<'s> {
    pub(crate) fn new(memory: tinywasm::Memory, store: &'s mut Store) -> Self {
        Memory { memory, store }
    }

    /// Checks `address` before allocating.
    fn read(&self, address: u32, length: u32) -> Result<Vec<u8>, Errno> {
        let read = self
            .memory
            .read_vec(self.store, address as usize, length as usize);
        read.map_err(|_| Errno::Fault)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let written = self
            .memory
            .copy_from_slice(self.store, address as usize, bytes);
        written.map_err(|_| Errno::Fault)
    }

    fn u32(&self, address: u32) -> Result<u32, Errno> {
        let bytes = self.read(address, 4)?;
        bytes
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| Errno::Fault)
    }

    fn text(&self, address: u32, length: u32) -> Result<String, Errno> {
        String::from_utf8(self.read(address, length)?).map_err(|_| Errno::Invalid)
    }

    /// Address and length of each of `count` buffers.
    fn buffers(&self, address: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        (0..count)
            .map(|at| {
                let offset = at.checked_mul(8).and_then(|by| address.checked_add(by));
                let entry = offset.ok_or(Errno::Fault)?;
                let length = entry.checked_add(4).ok_or(Errno::Fault)?;
                Ok((self.u32(entry)?, self.u32(length)?))
            })
            .collect()
    }

    /// Writes the strings to `bytes`, zero-terminated, and their addresses to `list`.
    fn strings(&mut self, texts: &[String], list: u32, bytes: u32) -> Result<(), Errno> {
        let (mut list, mut bytes) = (list, bytes);
        for text in texts {
            self.write(list, &bytes.to_le_bytes())?;
            self.write(bytes, &[text.as_bytes(), b"\0"].concat())?;
            let length = u32::try_from(text.len() + 1).map_err(|_| Errno::Fault)?;
            list = list.checked_add(4).ok_or(Errno::Fault)?;
            bytes = bytes.checked_add(length).ok_or(Errno::Fault)?;
        }
        Ok(())
    }

    /// Writes the number of strings, and their total size with terminators.
    fn sizes(&mut self, texts: &[String], count: u32, bytes: u32) -> Result<(), Errno> {
        let size: usize = texts.iter().map(|text| text.len() + 1).sum();
        let word = |size: usize| u32::try_from(size).map_err(|_| Errno::Fault);
        self.write(count, &word(texts.len())?.to_le_bytes())?;
        self.write(bytes, &word(size)?.to_le_bytes())
    }
}

/// Arguments of a call; the engine has checked their types.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a>(pub(crate) &'a [WasmValue]);

impl Arguments<'_> {
    fn u32(self, at: usize) -> Result<u32, Errno> {
        let value = self.0.get(at).and_then(WasmValue::as_i32);
        value.map(i32::cast_unsigned).ok_or(Errno::Invalid)
    }

    fn i64(self, at: usize) -> Result<i64, Errno> {
        self.0
            .get(at)
            .and_then(WasmValue::as_i64)
            .ok_or(Errno::Invalid)
    }
}

/// A call that returns an error number. `proc_exit`, the only one that does not, is handled elsewhere.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [WasmType],
    pub(crate) run: fn(&mut Wasi, &mut Memory<'_>, Arguments<'_>) -> Result<(), Errno>,
}

const fn call(
    name: &'static str,
    params: &'static [WasmType],
    run: fn(&mut Wasi, &mut Memory<'_>, Arguments<'_>) -> Result<(), Errno>,
) -> Call {
    Call { name, params, run }
}

/// All calls except `proc_exit`.
pub(crate) const CALLS: &[Call] = &[
    call("args_get", &[I32, I32], |wasi, memory, args| {
        memory.strings(&wasi.args, args.u32(0)?, args.u32(1)?)
    }),
    call("args_sizes_get", &[I32, I32], |wasi, memory, args| {
        memory.sizes(&wasi.args, args.u32(0)?, args.u32(1)?)
    }),
    call("environ_get", &[I32, I32], |wasi, memory, args| {
        memory.strings(&wasi.env, args.u32(0)?, args.u32(1)?)
    }),
    call("environ_sizes_get", &[I32, I32], |wasi, memory, args| {
        memory.sizes(&wasi.env, args.u32(0)?, args.u32(1)?)
    }),
    call("clock_time_get", &[I32, I64, I32], |wasi, memory, args| {
        let now = wasi.now(args.u32(0)?)?;
        memory.write(args.u32(2)?, &now.to_le_bytes())
    }),
    call("random_get", &[I32, I32], random_get),
    call("sched_yield", &[], |_, _, _| {
        std::thread::yield_now();
        Ok(())
    }),
    call("fd_close", &[I32], |wasi, _, args| {
        let slot = wasi.open.get_mut(args.u32(0)? as usize);
        slot.and_then(Option::take)
            .map(drop)
            .ok_or(Errno::BadDescriptor)
    }),
    call("fd_read", &[I32, I32, I32, I32], fd_read),
    call("fd_write", &[I32, I32, I32, I32], fd_write),
    call("fd_seek", &[I32, I64, I32, I32], fd_seek),
    call("fd_fdstat_get", &[I32, I32], fd_fdstat_get),
    call("fd_fdstat_set_flags", &[I32, I32], |wasi, _, args| {
        wasi.get(args.u32(0)?)?;
        match args.u32(1)? {
            0 => Ok(()),
            _ => Err(Errno::NotSupported),
        }
    }),
    call("fd_filestat_get", &[I32, I32], fd_filestat_get),
    call("fd_prestat_get", &[I32, I32], |wasi, memory, args| {
        let length =
            u32::try_from(preopened(wasi, args.u32(0)?)?.len()).map_err(|_| Errno::Fault)?;
        // The tag of a folder is 0.
        memory.write(
            args.u32(1)?,
            &u64::from(length).rotate_left(32).to_le_bytes(),
        )
    }),
    call(
        "fd_prestat_dir_name",
        &[I32, I32, I32],
        |wasi, memory, args| {
            let name = preopened(wasi, args.u32(0)?)?;
            if name.len() > args.u32(2)? as usize {
                return Err(Errno::Invalid);
            }
            memory.write(args.u32(1)?, name.as_bytes())
        },
    ),
    call(
        "path_open",
        &[I32, I32, I32, I32, I32, I64, I64, I32, I32],
        path_open,
    ),
];

fn preopened(wasi: &mut Wasi, descriptor: u32) -> Result<&str, Errno> {
    match wasi.get(descriptor)? {
        Open::Folder(_, Some(name)) => Ok(name),
        _ => Err(Errno::BadDescriptor),
    }
}

/// Maximum bytes to process at a time, so that a guest's length argument cannot make the host allocate more.
const PIECE: u32 = 1 << 16;

fn random_get(_: &mut Wasi, memory: &mut Memory<'_>, args: Arguments<'_>) -> Result<(), Errno> {
    let (address, length) = (args.u32(0)?, args.u32(1)?);
    let end = address.checked_add(length).ok_or(Errno::Fault)?;
    let mut at = address;
    let mut bytes = vec![0; PIECE.min(length) as usize];
    while at < end {
        let piece = PIECE.min(end - at);
        let bytes = &mut bytes[..piece as usize];
        getrandom::fill(bytes).map_err(|_| Errno::Io)?;
        memory.write(at, bytes)?;
        at += piece;
    }
    Ok(())
}

fn fd_read(wasi: &mut Wasi, memory: &mut Memory<'_>, args: Arguments<'_>) -> Result<(), Errno> {
    let open = wasi.get(args.u32(0)?)?;
    let reader: &mut dyn Read = match open {
        Open::Input(stream) => stream,
        Open::File(file) => file,
        Open::Output(_) | Open::Folder(..) => return Err(Errno::BadDescriptor),
    };
    let mut count = 0u32;
    // A call may read less than requested; the next call reads what does not fit.
    let buffers = memory.buffers(args.u32(1)?, args.u32(2)?)?;
    if let Some((address, length)) = buffers.into_iter().find(|(_, length)| *length > 0) {
        let mut bytes = vec![0; PIECE.min(length) as usize];
        let read = reader.read(&mut bytes)?;
        memory.write(address, &bytes[..read])?;
        count = u32::try_from(read).map_err(|_| Errno::Io)?;
    }
    memory.write(args.u32(3)?, &count.to_le_bytes())
}

fn fd_write(wasi: &mut Wasi, memory: &mut Memory<'_>, args: Arguments<'_>) -> Result<(), Errno> {
    let Open::Output(writer) = wasi.get(args.u32(0)?)? else {
        return Err(Errno::BadDescriptor);
    };
    let mut count = 0u32;
    for (address, length) in memory.buffers(args.u32(1)?, args.u32(2)?)? {
        writer.write_all(&memory.read(address, length)?)?;
        count = count.checked_add(length).ok_or(Errno::Invalid)?;
    }
    writer.flush()?;
    memory.write(args.u32(3)?, &count.to_le_bytes())
}

fn fd_seek(wasi: &mut Wasi, memory: &mut Memory<'_>, args: Arguments<'_>) -> Result<(), Errno> {
    let by = args.i64(1)?;
    let to = match args.u32(2)? {
        0 => SeekFrom::Start(u64::try_from(by).map_err(|_| Errno::Invalid)?),
        1 => SeekFrom::Current(by),
        2 => SeekFrom::End(by),
        _ => return Err(Errno::Invalid),
    };
    let position = match wasi.get(args.u32(0)?)? {
        Open::File(file) => file.seek(to)?,
        Open::Input(_) | Open::Output(_) => return Err(Errno::Seek),
        Open::Folder(..) => return Err(Errno::BadDescriptor),
    };
    memory.write(args.u32(3)?, &position.to_le_bytes())
}

/// File types of preview 1.
const UNKNOWN: u8 = 0;
const FOLDER: u8 = 3;
const REGULAR: u8 = 4;

/// Rights of descriptors in preview 1.
const MAY_READ: u64 = 1 << 1;
const MAY_SEEK: u64 = 1 << 2;
const MAY_WRITE: u64 = 1 << 6;
const MAY_OPEN: u64 = 1 << 13;
const MAY_STAT: u64 = 1 << 21;
const OF_FILES: u64 = MAY_READ | MAY_SEEK | MAY_STAT;

fn fd_fdstat_get(
    wasi: &mut Wasi,
    memory: &mut Memory<'_>,
    args: Arguments<'_>,
) -> Result<(), Errno> {
    let (kind, rights, inheriting) = match wasi.get(args.u32(0)?)? {
        Open::Input(_) => (UNKNOWN, MAY_READ, 0),
        Open::Output(_) => (UNKNOWN, MAY_WRITE, 0),
        Open::File(_) => (REGULAR, OF_FILES, 0),
        Open::Folder(..) => (FOLDER, MAY_OPEN | MAY_STAT, MAY_OPEN | OF_FILES),
    };
    let mut stat = [0; 24];
    stat[0] = kind;
    stat[8..16].copy_from_slice(&rights.to_le_bytes());
    stat[16..].copy_from_slice(&inheriting.to_le_bytes());
    memory.write(args.u32(1)?, &stat)
}

fn fd_filestat_get(
    wasi: &mut Wasi,
    memory: &mut Memory<'_>,
    args: Arguments<'_>,
) -> Result<(), Errno> {
    let stat = match wasi.get(args.u32(0)?)? {
        Open::File(file) => filestat(&file.metadata()?),
        Open::Folder(folder, _) => filestat(&folder.dir_metadata()?),
        Open::Input(_) | Open::Output(_) => [0; 64],
    };
    memory.write(args.u32(1)?, &stat)
}

fn filestat(metadata: &Metadata) -> [u8; 64] {
    use cap_std::fs::MetadataExt;
    let nanoseconds = |seconds: i64, rest: i64| {
        let all = seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        u64::try_from(all).unwrap_or(0)
    };
    let kind = match (metadata.is_dir(), metadata.is_file()) {
        (true, _) => FOLDER,
        (_, true) => REGULAR,
        _ => UNKNOWN,
    };
    let fields = [
        metadata.dev(),
        metadata.ino(),
        u64::from(kind),
        metadata.nlink(),
        metadata.size(),
        nanoseconds(metadata.atime(), metadata.atime_nsec()),
        nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    ];
    let mut stat = [0; 64];
    for (place, field) in stat.chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    stat
}

fn path_open(wasi: &mut Wasi, memory: &mut Memory<'_>, args: Arguments<'_>) -> Result<(), Errno> {
    const FOLLOW: u32 = 1;
    const AS_FOLDER: u32 = 2;
    let path = memory.text(args.u32(2)?, args.u32(3)?)?;
    let how = args.u32(4)?;
    let rights = args.i64(5)?.cast_unsigned();
    // The other flags create, exclude and truncate.
    if how & !AS_FOLDER != 0 || rights & MAY_WRITE != 0 {
        return Err(Errno::ReadOnly);
    }
    if args.u32(7)? != 0 {
        return Err(Errno::NotSupported);
    }
    let Open::Folder(folder, _) = wasi.get(args.u32(0)?)? else {
        return Err(Errno::NotDirectory);
    };
    if args.u32(1)? & FOLLOW == 0 && folder.symlink_metadata(&path)?.is_symlink() {
        return Err(Errno::Loop);
    }
    let opened = match folder.metadata(&path)?.is_dir() {
        true => Open::Folder(folder.open_dir(&path)?, None),
        false if how & AS_FOLDER != 0 => return Err(Errno::NotDirectory),
        false => Open::File(folder.open(&path)?),
    };
    let descriptor = wasi.add(opened);
    memory.write(args.u32(8)?, &descriptor.to_le_bytes())
}
