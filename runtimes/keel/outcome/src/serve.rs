//! The loop of a process that describes modules for another: it reads modules and writes their
//! descriptions. Each message follows its length as a 4-byte little-endian number.

use std::io::{self, Read, Write};

use crate::describe::describe;
use crate::engine::Engine;
use crate::host::STACK_BYTES;

/// Stack of the thread that runs code, bytes: the guest's stack, and the same again for the host.
const THREAD_STACK_BYTES: usize = 2 * STACK_BYTES;
/// The maximum message size, bytes.
const LONGEST_MESSAGE_BYTES: u32 = 64 << 20;

/// Describes modules from standard input until it ends.
///
/// # Errors
/// When reading or writing a message fails.
pub fn serve<E: Engine + Send + 'static>(engine: E) -> io::Result<()> {
    serve_with(move |wasm| describe(&engine, wasm))
}

/// As [`serve`], with `describe` in place of an engine.
///
/// # Errors
/// As [`serve`].
pub fn serve_with(describe: impl Fn(&[u8]) -> String + Send + 'static) -> io::Result<()> {
    let work = move || -> io::Result<()> {
        let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
        while let Some(wasm) = receive(&mut input)? {
            send(&mut output, describe(&wasm).as_bytes())?;
        }
        Ok(())
    };
    let thread = std::thread::Builder::new()
        .stack_size(THREAD_STACK_BYTES)
        .spawn(work)?;
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the engine panicked")))
}

/// Receives a message. `None` is the end of the stream.
///
/// # Errors
/// When the stream fails, ends inside a message, or the length exceeds the maximum.
pub fn receive(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if stream.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST_MESSAGE_BYTES {
        return Err(io::Error::other(format!("a message of {length} bytes")));
    }
    let mut message = vec![0; length as usize];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

/// Sends a message.
///
/// # Errors
/// When the stream fails, or the message is too long.
pub fn send(stream: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(message)?;
    stream.flush()
}
