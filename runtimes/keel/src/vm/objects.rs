//! Runtime functions for objects: allocation, and operations on ranges of arrays.
//!
//! References are 32-bit here, because code has checked that they are not null. An allocation
//! returns the reference, or zero if the heap is exhausted.

use super::context::Context;
use super::heap::{ARRAY_OUT_OF_BOUNDS, Exhausted, Heap, Roots};
use super::instance::InstanceData;
use super::libcalls::{overdue, pay};
use super::store::StoreContext;

/// The range of the segment is out of bounds.
const SEGMENT_OUT_OF_BOUNDS: u32 = 2;

/// Charges for `length` elements. Returns false if there is not enough fuel: then nothing must be
/// done.
///
/// # Safety
/// Called by compiled code with its context.
unsafe fn pay_for(context: Context, element: u32, length: u32) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { pay(context, u64::from(element) * u64::from(length)) }
}

/// # Safety
/// Called by compiled code with its context. The same holds for all functions below.
unsafe fn instance<'a>(context: Context) -> &'a InstanceData {
    // SAFETY: the instance of running code is alive, and one thread at a time uses a store.
    unsafe { &*context.instance() }
}

/// The store's heap. Every store with code that has object types has one.
unsafe fn heap<'a>(context: Context) -> &'a mut Heap {
    // SAFETY: as above; no other function of the runtime has a reference to the heap during a call
    // from code.
    unsafe {
        let heap = (*context.store()).heap;
        &mut *heap.expect("made with the instance").as_ptr()
    }
}

/// Allocates an object. A collection keeps whatever is reachable.
unsafe fn make(
    context: Context,
    make: impl FnOnce(&mut Heap, &Roots<'_>) -> Result<u32, Exhausted>,
) -> u32 {
    // SAFETY: the store is alive, and this thread runs its code.
    unsafe { StoreContext::with_heap(context.store(), make) }.unwrap_or(0)
}

pub(super) unsafe extern "C" fn struct_new(context: Context, ty: u32, bytes: u32) -> u32 {
    // SAFETY: compiled code calls this. The same holds for all functions below.
    unsafe { make(context, |heap, roots| heap.new_struct(roots, ty, bytes)) }
}

pub(super) unsafe extern "C" fn array_new(
    context: Context,
    ty: u32,
    element: u32,
    length: u32,
) -> u32 {
    // SAFETY: see above.
    unsafe {
        if !pay_for(context, element, length) {
            return 0;
        }
        make(context, |heap, roots| {
            heap.new_array(roots, ty, element as u8, length)
        })
    }
}

pub(super) unsafe extern "C" fn array_new_data(
    context: Context,
    ty: u32,
    element: u32,
    segment: u32,
    from: u32,
    length: u32,
) -> u32 {
    // SAFETY: see above. The segment's range is within bounds, and the new array has the same
    // length.
    unsafe {
        let Some(bytes) = data(instance(context), element, segment, from, length) else {
            return ARRAY_OUT_OF_BOUNDS;
        };
        if !pay_for(context, element, length) {
            return 0;
        }
        make(context, |heap, roots| {
            let array = heap.new_array(roots, ty, element as u8, length)?;
            if let Some(to) = heap.elements(array, element as u8, 0, length) {
                to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
            Ok(array)
        })
    }
}

pub(super) unsafe extern "C" fn array_new_elem(
    context: Context,
    ty: u32,
    element: u32,
    segment: u32,
    from: u32,
    length: u32,
) -> u32 {
    // SAFETY: see above. The instance keeps the segment's references alive.
    unsafe {
        let instance = instance(context);
        if !instance.has_elements(segment, from, length) {
            return ARRAY_OUT_OF_BOUNDS;
        }
        if !pay_for(context, element, length) {
            return 0;
        }
        let array = make(context, |heap, roots| {
            heap.new_array(roots, ty, element as u8, length)
        });
        if array != 0 {
            write_elements(context, array, element, segment, 0, from, length);
        }
        array
    }
}

pub(super) unsafe extern "C" fn array_init_data(
    context: Context,
    array: u32,
    element: u32,
    segment: u32,
    to: u32,
    from: u32,
    length: u32,
) -> u32 {
    // SAFETY: see above. Both ranges are within bounds.
    unsafe {
        let Some(to) = heap(context).elements(array, element as u8, to, length) else {
            return ARRAY_OUT_OF_BOUNDS;
        };
        let Some(bytes) = data(instance(context), element, segment, from, length) else {
            return SEGMENT_OUT_OF_BOUNDS;
        };
        if !pay_for(context, element, length) {
            return 0;
        }
        to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
    }
    0
}

pub(super) unsafe extern "C" fn array_init_elem(
    context: Context,
    array: u32,
    element: u32,
    segment: u32,
    to: u32,
    from: u32,
    length: u32,
) -> u32 {
    // SAFETY: see above. Both ranges are within bounds.
    unsafe {
        if heap(context)
            .elements(array, element as u8, to, length)
            .is_none()
        {
            return ARRAY_OUT_OF_BOUNDS;
        }
        if !instance(context).has_elements(segment, from, length) {
            return SEGMENT_OUT_OF_BOUNDS;
        }
        if !pay_for(context, element, length) {
            return 0;
        }
        write_elements(context, array, element, segment, to, from, length);
    }
    0
}

/// The bytes of `length` elements in a data segment; `None` if out of bounds.
unsafe fn data(
    instance: &InstanceData,
    element: u32,
    segment: u32,
    from: u32,
    length: u32,
) -> Option<&[u8]> {
    let bytes = u64::from(length) * u64::from(element);
    instance
        .data_segment(segment)
        .get(from as usize..)?
        .get(..usize::try_from(bytes).ok()?)
}

/// # Safety
/// Both ranges are within bounds, and compiled code called with `context`.
unsafe fn write_elements(
    context: Context,
    array: u32,
    element: u32,
    segment: u32,
    to: u32,
    from: u32,
    length: u32,
) {
    // SAFETY: the caller guarantees it.
    unsafe {
        let instance = instance(context);
        let Some(to) = heap(context).elements(array, element as u8, to, length) else {
            return;
        };
        for i in 0..length as usize {
            let reference = instance.segment_element(segment, from + i as u32);
            write_reference(to, element, i, reference as u64);
        }
    }
}

/// # Safety
/// There is room for `index + 1` references of `element` bytes at `to`.
unsafe fn write_reference(to: *mut u8, element: u32, index: usize, value: u64) {
    // SAFETY: the caller guarantees it. The upper half of a 4-byte reference is zero.
    unsafe {
        match element {
            4 => to.cast::<u32>().add(index).write(value as u32),
            _ => to.cast::<u64>().add(index).write(value),
        }
    }
}

pub(super) unsafe extern "C" fn array_fill(
    context: Context,
    array: u32,
    element: u32,
    start: u32,
    value: *const u8,
    length: u32,
) -> u32 {
    // SAFETY: see above. The range is within bounds, and code has stored the value at `value`.
    unsafe {
        let Some(to) = heap(context).elements(array, element as u8, start, length) else {
            return ARRAY_OUT_OF_BOUNDS;
        };
        if !pay_for(context, element, length) {
            return 0;
        }
        let length = length as usize;
        match element {
            1 => to.write_bytes(value.read(), length),
            2 => fill::<u16>(to, value, length),
            4 => fill::<u32>(to, value, length),
            8 => fill::<u64>(to, value, length),
            _ => fill::<u128>(to, value, length),
        }
        overdue(context)
    }
}

/// # Safety
/// There is room for `length` values at `to`, and one value at `value`.
unsafe fn fill<T: Copy>(to: *mut u8, value: *const u8, length: usize) {
    // SAFETY: the caller guarantees it. Unaligned accesses are used because a vector is only
    // aligned to 8 bytes.
    unsafe {
        let value = value.cast::<T>().read_unaligned();
        for i in 0..length {
            to.cast::<T>().add(i).write_unaligned(value);
        }
    }
}

/// `element` is the element size in the target array, plus 256 times that in the source array.
pub(super) unsafe extern "C" fn array_copy(
    context: Context,
    to_array: u32,
    from_array: u32,
    element: u32,
    to: u32,
    from: u32,
    length: u32,
) -> u32 {
    let (to_bytes, from_bytes) = (element & 0xff, element >> 8);
    // SAFETY: see above. Both ranges are within bounds. They only overlap within one array, and
    // that copy allows overlap.
    unsafe {
        let heap = heap(context);
        let to = heap.elements(to_array, to_bytes as u8, to, length);
        let from = heap.elements(from_array, from_bytes as u8, from, length);
        let Some((to, from)) = to.zip(from) else {
            return ARRAY_OUT_OF_BOUNDS;
        };
        if !pay_for(context, to_bytes, length) {
            return 0;
        }
        if to_bytes == from_bytes {
            to.copy_from(from, length as usize * to_bytes as usize);
        } else {
            // Arrays of different element sizes are different arrays.
            for i in 0..length as usize {
                let value = match from_bytes {
                    4 => from.cast::<u32>().add(i).read().into(),
                    _ => from.cast::<u64>().add(i).read(),
                };
                write_reference(to, to_bytes, i, value);
            }
        }
        overdue(context)
    }
}
