//! Access to guest memory: a slice, and untrusted addresses in it.
//!
//! An address outside the slice, a length that wraps, or a table of overlapping buffers becomes
//! `Fault` or a shorter transfer, never a panic. Addresses need no alignment, because everything is
//! copied bytewise.

use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

use super::Errno;

/// The maximum buffers per transfer; more cause a short transfer. The value is Linux's
/// `UIO_MAXIOV`.
const MOST_BUFFERS: usize = 1024;

/// The number of buffers kept on the stack. C libraries pass one or two.
const FEW_BUFFERS: usize = 8;

/// The size of an entry in a buffer table: address and length, 4 bytes each.
const VECTOR_BYTES: usize = 8;

/// The range `at..at + len`, checked against the memory's size.
pub(crate) fn place(memory: &[u8], at: u32, len: u32) -> Result<Range<usize>, Errno> {
    let start = at as usize;
    let end = start.checked_add(len as usize).ok_or(Errno::Fault)?;
    if end <= memory.len() {
        Ok(start..end)
    } else {
        Err(Errno::Fault)
    }
}

/// Fails with `Fault` unless `len` bytes can be written at `at`. Called before an effect that could
/// not be undone if its result could not be written.
pub(crate) fn reserve(memory: &[u8], at: u32, len: u32) -> Result<(), Errno> {
    place(memory, at, len).map(drop)
}

pub(crate) fn bytes(memory: &[u8], at: u32, len: u32) -> Result<&[u8], Errno> {
    Ok(&memory[place(memory, at, len)?])
}

pub(crate) fn bytes_mut(memory: &mut [u8], at: u32, len: u32) -> Result<&mut [u8], Errno> {
    let place = place(memory, at, len)?;
    Ok(&mut memory[place])
}

/// A path or a link's text. Preview 1 requires UTF-8.
pub(crate) fn text(memory: &[u8], at: u32, len: u32) -> Result<&str, Errno> {
    std::str::from_utf8(bytes(memory, at, len)?).map_err(|_| Errno::Ilseq)
}

pub(crate) fn write(memory: &mut [u8], at: u32, value: &[u8]) -> Result<(), Errno> {
    let len = u32::try_from(value.len()).map_err(|_| Errno::Overflow)?;
    bytes_mut(memory, at, len)?.copy_from_slice(value);
    Ok(())
}

pub(crate) fn write_u16(memory: &mut [u8], at: u32, value: u16) -> Result<(), Errno> {
    write(memory, at, &value.to_le_bytes())
}

pub(crate) fn write_u32(memory: &mut [u8], at: u32, value: u32) -> Result<(), Errno> {
    write(memory, at, &value.to_le_bytes())
}

pub(crate) fn write_u64(memory: &mut [u8], at: u32, value: u64) -> Result<(), Errno> {
    write(memory, at, &value.to_le_bytes())
}

/// A number of bytes as the guest's `size`, saturating. Linux transfers at most 0x7fff_f000 bytes
/// per call, so it always fits.
pub(crate) fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(crate) fn u16_at(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(std::array::from_fn(|i| record[at + i]))
}

pub(crate) fn u32_at(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| record[at + i]))
}

pub(crate) fn u64_at(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| record[at + i]))
}

/// The ranges in a buffer table. All are checked before any is used.
struct Places {
    few: [Range<usize>; FEW_BUFFERS],
    many: Vec<Range<usize>>,
    count: usize,
}

impl Places {
    fn parse(memory: &[u8], table: u32, count: u32) -> Result<Places, Errno> {
        let len = count.checked_mul(VECTOR_BYTES as u32).ok_or(Errno::Fault)?;
        let table = bytes(memory, table, len)?;
        let mut places = Places {
            few: [const { 0..0 }; FEW_BUFFERS],
            many: Vec::new(),
            count: 0,
        };
        for entry in table.chunks_exact(VECTOR_BYTES) {
            let buffer = place(memory, u32_at(entry, 0), u32_at(entry, 4))?;
            if !buffer.is_empty() && places.count < MOST_BUFFERS {
                places.push(buffer);
            }
        }
        Ok(places)
    }

    fn push(&mut self, place: Range<usize>) {
        if self.count < FEW_BUFFERS {
            self.few[self.count] = place;
        } else {
            if self.many.is_empty() {
                self.many.extend(self.few.iter().cloned());
            }
            self.many.push(place);
        }
        self.count += 1;
    }

    fn as_slice(&self) -> &[Range<usize>] {
        if self.many.is_empty() {
            &self.few[..self.count]
        } else {
            &self.many
        }
    }
}

/// Runs `transfer` with the buffers in the table at `table` as sources.
pub(crate) fn sources<T>(
    memory: &[u8],
    table: u32,
    count: u32,
    transfer: impl FnOnce(&[IoSlice<'_>]) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let places = Places::parse(memory, table, count)?;
    let places = places.as_slice();
    if places.len() <= FEW_BUFFERS {
        let mut slices = [IoSlice::new(&[]); FEW_BUFFERS];
        for (slice, place) in slices.iter_mut().zip(places) {
            *slice = IoSlice::new(&memory[place.clone()]);
        }
        transfer(&slices[..places.len()])
    } else {
        let slices: Vec<_> = places
            .iter()
            .map(|place| IoSlice::new(&memory[place.clone()]))
            .collect();
        transfer(&slices)
    }
}

/// Runs `transfer` with the buffers in the table at `table` as destinations.
///
/// Overlapping buffers would be two mutable views of the same bytes. The transfer therefore ends
/// before the first buffer that overlaps an earlier one: a short read, which every caller must
/// expect.
pub(crate) fn destinations<T>(
    memory: &mut [u8],
    table: u32,
    count: u32,
    transfer: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let places = Places::parse(memory, table, count)?;
    let places = disjoint_prefix(places.as_slice());
    match places {
        [] => transfer(&mut []),
        [only] => transfer(&mut [IoSliceMut::new(&mut memory[only.clone()])]),
        _ => transfer(&mut split(memory, places)),
    }
}

fn disjoint_prefix(places: &[Range<usize>]) -> &[Range<usize>] {
    let overlaps = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
    let first_overlap = (1..places.len()).find(|&i| {
        places[..i]
            .iter()
            .any(|earlier| overlaps(earlier, &places[i]))
    });
    &places[..first_overlap.unwrap_or(places.len())]
}

/// Splits disjoint ranges out of the memory, in the guest's order.
fn split<'a>(memory: &'a mut [u8], places: &[Range<usize>]) -> Vec<IoSliceMut<'a>> {
    let mut by_address: Vec<usize> = (0..places.len()).collect();
    by_address.sort_unstable_by_key(|&i| places[i].start);
    let mut slices: Vec<IoSliceMut<'a>> = places.iter().map(|_| IoSliceMut::new(&mut [])).collect();
    let (mut rest, mut rest_starts_at) = (memory, 0);
    for i in by_address {
        let place = &places[i];
        let (_, from_place) = rest.split_at_mut(place.start - rest_starts_at);
        let (buffer, after) = from_place.split_at_mut(place.len());
        slices[i] = IoSliceMut::new(buffer);
        (rest, rest_starts_at) = (after, place.end);
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(u32, u32)]) -> Vec<u8> {
        entries
            .iter()
            .flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()])
            .flatten()
            .collect()
    }

    fn lengths(entries: &[(u32, u32)]) -> Result<Vec<usize>, Errno> {
        let mut memory = vec![0; 4096];
        let table = table(entries);
        memory[..table.len()].copy_from_slice(&table);
        destinations(&mut memory, 0, entries.len() as u32, |slices| {
            Ok(slices.iter().map(|s| s.len()).collect())
        })
    }

    #[test]
    fn buffers_keep_the_order_of_the_table_not_of_the_addresses() {
        assert_eq!(
            lengths(&[(3000, 5), (1000, 7), (2000, 0), (2000, 9)]),
            Ok(vec![5, 7, 9])
        );
    }

    #[test]
    fn a_buffer_that_overlaps_an_earlier_one_ends_the_transfer() {
        assert_eq!(
            lengths(&[(1000, 8), (2000, 8), (1007, 8), (3000, 8)]),
            Ok(vec![8, 8])
        );
        assert_eq!(lengths(&[(1000, 8), (1008, 8)]), Ok(vec![8, 8]));
    }

    #[test]
    fn any_buffer_out_of_bounds_refuses_the_whole_table() {
        assert_eq!(lengths(&[(1000, 8), (4090, 7)]), Err(Errno::Fault));
        assert_eq!(
            lengths(&[(1000, 8), (u32::MAX, u32::MAX)]),
            Err(Errno::Fault)
        );
        assert_eq!(lengths(&[(4096, 0)]), Ok(vec![]));
        assert_eq!(lengths(&[(4097, 0)]), Err(Errno::Fault));
    }

    #[test]
    fn a_table_that_wraps_or_leaves_the_memory_is_a_fault() {
        let mut memory = vec![0; 64];
        for (at, count) in [(0, u32::MAX), (60, 1), (u32::MAX, 1), (0, 0x2000_0000)] {
            let answer = destinations(&mut memory, at, count, |_| Ok(()));
            assert_eq!(answer, Err(Errno::Fault), "table at {at} of {count}");
        }
    }

    #[test]
    fn more_buffers_than_the_host_takes_are_cut_to_what_it_takes() {
        let mut memory = vec![0; 65536];
        let entries: Vec<_> = (0..2000).map(|i| (32768 + i, 1)).collect();
        let table = table(&entries);
        memory[..table.len()].copy_from_slice(&table);
        let used = sources(&memory, 0, 2000, |slices| Ok(slices.len()));
        assert_eq!(used, Ok(MOST_BUFFERS));
    }
}
