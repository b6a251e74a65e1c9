//! The initial contents of memory 0 for the artefact.

use super::driver::Compiled;
use crate::artifact::format::PAGE;
use crate::module::info::{DataSegment, SegmentMode};

/// The maximum size of an image, and the maximum excess over its data, both in bytes.
const MAX_IMAGE_BYTES: u64 = 64 << 20;
const MAX_IMAGE_HOLES: u64 = 1 << 20;

/// The initial contents of memory 0.
pub(super) struct Image {
    pub(super) address: u32,
    pub(super) bytes: Vec<u8>,
}

impl Image {
    /// The image of a module's active segments; `None` unless all have known addresses, fit, and
    /// are close together.
    pub(super) fn new(compiled: &Compiled<'_>) -> Option<Image> {
        let module = &compiled.module;
        if !module.defines_memory_0() {
            return None;
        }
        let size = module.memories[0].bytes_of(module.memories[0].minimum);
        let mut places = Vec::new();
        for segment in &module.data {
            let Some((0, at)) = known_place(segment) else {
                // A segment with an unknown address may have to be applied before or after others.
                if matches!(segment.mode, SegmentMode::Active { .. }) {
                    return None;
                }
                continue;
            };
            if u64::from(at) + segment.bytes.len() as u64 > size {
                return None;
            }
            if !segment.bytes.is_empty() {
                places.push((at, segment.bytes));
            }
        }
        let start = places.iter().map(|(at, _)| *at).min()? as usize / PAGE * PAGE;
        let end = places
            .iter()
            .map(|(at, bytes)| *at as usize + bytes.len())
            .max()?;
        let length = (end - start).next_multiple_of(PAGE);
        let data: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
        if length as u64 > MAX_IMAGE_BYTES || (length - data.min(length)) as u64 > MAX_IMAGE_HOLES {
            return None;
        }
        let mut bytes = vec![0; length];
        for (at, data) in places {
            let at = at as usize - start;
            bytes[at..at + data.len()].copy_from_slice(data);
        }
        Some(Image {
            address: start as u32,
            bytes,
        })
    }
}

/// The memory and address of an active segment, if known at compile time.
fn known_place(segment: &DataSegment<'_>) -> Option<(u32, u32)> {
    match &segment.mode {
        SegmentMode::Active { index, offset } => Some((*index, offset.known()? as u32)),
        _ => None,
    }
}
