//! A guest without an engine: a context, a memory, and fixed addresses in it.

use keel::wasi::abi::Rights;
use keel::wasi::{Errno, WasiCtx, calls};

/// A call with a directory and a path, given by address and length.
type PathCall = fn(&mut WasiCtx, &mut [u8], u32, u32, u32) -> Result<(), Errno>;

/// Addresses of results, paths, buffers and the buffer table.
pub(crate) const OUT: u32 = 0;
pub(crate) const PATH: u32 = 1024;
pub(crate) const PATH_2: u32 = 2048;
pub(crate) const TABLE: u32 = 3072;
pub(crate) const BUFFER: u32 = 4096;

pub(crate) struct Guest {
    pub(crate) ctx: WasiCtx,
    pub(crate) memory: Vec<u8>,
}

impl Guest {
    pub(crate) fn new(ctx: WasiCtx) -> Guest {
        Guest {
            ctx,
            memory: vec![0; 65536],
        }
    }

    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) -> u32 {
        self.memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
        bytes.len() as u32
    }

    pub(crate) fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.memory[at as usize..][..4].try_into().expect("4 bytes"))
    }

    pub(crate) fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.memory[at as usize..][..8].try_into().expect("8 bytes"))
    }

    /// Writes a buffer table with one buffer of `len` bytes.
    pub(crate) fn buffer(&mut self, len: u32) {
        self.put(TABLE, &BUFFER.to_le_bytes());
        self.put(TABLE + 4, &len.to_le_bytes());
    }

    pub(crate) fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, Errno> {
        self.buffer(len);
        calls::fd_read(&mut self.ctx, &mut self.memory, fd, TABLE, 1, OUT)?;
        Ok(self.memory[BUFFER as usize..][..self.u32(OUT) as usize].to_vec())
    }

    pub(crate) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        let len = self.put(BUFFER, bytes);
        self.buffer(len);
        calls::fd_write(&mut self.ctx, &mut self.memory, fd, TABLE, 1, OUT)?;
        Ok(self.u32(OUT))
    }

    pub(crate) fn open(
        &mut self,
        dir: u32,
        path: &str,
        flags: u32,
        rights: Rights,
    ) -> Result<u32, Errno> {
        let len = self.put(PATH, path.as_bytes());
        let (ctx, memory, all) = (&mut self.ctx, &mut self.memory, Rights::ALL.bits());
        calls::path_open(
            ctx,
            memory,
            dir,
            1,
            PATH,
            len,
            flags,
            rights.bits(),
            all,
            0,
            OUT,
        )?;
        Ok(self.u32(OUT))
    }

    /// Calls a function that takes a directory and a path.
    pub(crate) fn path(&mut self, call: PathCall, dir: u32, path: &str) -> Result<(), Errno> {
        let len = self.put(PATH, path.as_bytes());
        call(&mut self.ctx, &mut self.memory, dir, PATH, len)
    }

    pub(crate) fn link(
        &mut self,
        lookup: u32,
        from: (u32, &str),
        to: (u32, &str),
    ) -> Result<(), Errno> {
        let (a, b) = (
            self.put(PATH, from.1.as_bytes()),
            self.put(PATH_2, to.1.as_bytes()),
        );
        let (ctx, memory) = (&mut self.ctx, &mut self.memory);
        calls::path_link(ctx, memory, from.0, lookup, PATH, a, to.0, PATH_2, b)
    }

    pub(crate) fn rename(&mut self, from: (u32, &str), to: (u32, &str)) -> Result<(), Errno> {
        let (a, b) = (
            self.put(PATH, from.1.as_bytes()),
            self.put(PATH_2, to.1.as_bytes()),
        );
        calls::path_rename(
            &mut self.ctx,
            &mut self.memory,
            from.0,
            PATH,
            a,
            to.0,
            PATH_2,
            b,
        )
    }

    pub(crate) fn symlink(&mut self, text: &str, dir: u32, path: &str) -> Result<(), Errno> {
        let (a, b) = (
            self.put(PATH, text.as_bytes()),
            self.put(PATH_2, path.as_bytes()),
        );
        calls::path_symlink(&mut self.ctx, &mut self.memory, PATH, a, dir, PATH_2, b)
    }
}
