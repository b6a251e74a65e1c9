//! Finds the written pages of a private mapping, with the kernel's `PAGEMAP_SCAN`.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// Linux's `PAGEMAP_SCAN`, available since 6.7.
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// The number of ranges that one call returns.
const RANGES: usize = 64;

#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    ranges: u64,
    ranges_length: u64,
    max_pages: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    returned: u64,
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Found {
    start: u64,
    end: u64,
    categories: u64,
}

/// Calls `found` with the ranges, within `length` bytes from `base`, of pages that were written and
/// not only read. Returns false if the kernel does not support it, or `found` returned false.
pub(crate) fn private_pages(
    base: NonNull<u8>,
    length: usize,
    mut found: impl FnMut(Range<usize>) -> bool,
) -> bool {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    if length == 0 {
        return true;
    }
    let Some(pagemap) = PAGEMAP.get_or_init(|| File::open("/proc/self/pagemap").ok()) else {
        return false;
    };
    let base = base.as_ptr() as u64;
    let end = base + length as u64;
    let mut start = base;
    while start < end {
        let mut ranges = [Found::default(); RANGES];
        let mut scan = Scan {
            size: size_of::<Scan>() as u64,
            flags: 0,
            start,
            end,
            walk_end: 0,
            ranges: ranges.as_mut_ptr() as u64,
            ranges_length: RANGES as u64,
            max_pages: 0,
            inverted: PAGE_IS_FILE | PAGE_IS_PFNZERO,
            all_of: PAGE_IS_FILE | PAGE_IS_PFNZERO,
            any_of: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            returned: PAGE_IS_PRESENT,
        };
        // SAFETY: the argument has the kernel's layout, and `ranges` has room for `RANGES` entries.
        let count = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut scan) };
        let Ok(count) = usize::try_from(count) else {
            return false;
        };
        for range in &ranges[..count] {
            if !found((range.start - base) as usize..(range.end - base) as usize) {
                return false;
            }
        }
        if scan.walk_end <= start {
            return false;
        }
        start = scan.walk_end;
    }
    true
}
