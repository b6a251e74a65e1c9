//! The layout of structures and arrays in the heap.
//!
//! A structure is a header, which is its type's 32-bit index in the engine's registry, and then the
//! fields, each aligned to its size. An array is a header, a 32-bit length, and then the elements.
//! A reference takes 4 bytes if it can only be null, a heap object or a 31-bit integer; other
//! references take 8. An inherited field takes as much as in the supertype, whatever its own type
//! is.

use super::def::{Composite, Field, Storage};
use super::{FuncType, HeapType, RefType, TypeId, ValType};

/// The offset of an array's length, bytes.
pub(crate) const ARRAY_LENGTH: i32 = 4;
/// The offset of an array's elements, bytes.
pub(crate) const ARRAY_ELEMENTS: i32 = 8;
/// The alignment of object sizes, bytes.
pub(crate) const GRANULE: u32 = 8;

/// The place of a field or element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The offset from the object's start, bytes; zero for elements.
    pub(crate) offset: u32,
    pub(crate) bytes: u8,
    /// Whether it can hold a reference to a heap object.
    pub(crate) traced: bool,
}

/// The layout of a type's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Struct {
        /// The size of the object, bytes.
        bytes: u32,
        fields: Box<[Place]>,
    },
    Array(Place),
}

impl Layout {
    /// The layout of a type, from its supertype's layout and the knowledge which concrete types are
    /// functions. `None` for functions.
    pub(crate) fn new(
        composite: &Composite,
        above: Option<&Layout>,
        is_function: impl Fn(TypeId) -> bool,
    ) -> Option<Layout> {
        match composite {
            Composite::Func(_) => None,
            Composite::Array(element) => Some(match above {
                Some(Layout::Array(place)) => Layout::Array(*place),
                _ => Layout::Array(place(*element, 0, &is_function)),
            }),
            Composite::Struct(fields) => {
                let inherited: &[Place] = match above {
                    Some(Layout::Struct { fields, .. }) => fields,
                    _ => &[],
                };
                let mut places = inherited.to_vec();
                let mut end = places
                    .last()
                    .map_or(4, |last| last.offset + u32::from(last.bytes));
                for field in &fields[inherited.len()..] {
                    let place = place(*field, end, &is_function);
                    end = place.offset + u32::from(place.bytes);
                    places.push(place);
                }
                Some(Layout::Struct {
                    bytes: end.next_multiple_of(GRANULE),
                    fields: places.into(),
                })
            }
        }
    }
}

/// The size and layout of a tag's exceptions: structures of the tag's address and the tag's values.
pub(crate) fn exception_layout(
    ty: &FuncType,
    is_function: impl Fn(TypeId) -> bool,
) -> (u32, Vec<Place>) {
    let tag = std::iter::once(ValType::I64);
    let fields = tag.chain(ty.params().iter().copied()).map(|ty| Field {
        storage: Storage::Val(ty),
        mutable: false,
    });
    match Layout::new(&Composite::Struct(fields.collect()), None, is_function) {
        Some(Layout::Struct { bytes, fields }) => (bytes, fields.into_vec()),
        _ => unreachable!("a structure lies as one"),
    }
}

/// The first aligned place for a field at or after an offset.
fn place(field: Field, from: u32, is_function: &impl Fn(TypeId) -> bool) -> Place {
    let (bytes, traced) = match field.storage {
        Storage::I8 => (1, false),
        Storage::I16 => (2, false),
        Storage::Val(ValType::I32 | ValType::F32) => (4, false),
        Storage::Val(ValType::I64 | ValType::F64) => (8, false),
        Storage::Val(ValType::V128) => (16, false),
        Storage::Val(ValType::Ref(ty)) => reference(ty, is_function),
    };
    // Objects are aligned to 8 bytes, so a vector gains nothing from a larger alignment.
    let alignment = u32::from(bytes).min(GRANULE);
    Place {
        offset: from.next_multiple_of(alignment),
        bytes,
        traced,
    }
}

fn reference(ty: RefType, is_function: &impl Fn(TypeId) -> bool) -> (u8, bool) {
    match ty.heap {
        HeapType::Func | HeapType::NoFunc => (8, false),
        HeapType::Concrete(id) if is_function(id) => (8, false),
        // A host reference takes more than 32 bits.
        HeapType::Any | HeapType::Extern | HeapType::NoExtern => (8, true),
        _ => (4, true),
    }
}

impl ValType {
    /// Whether a value of this type can be a reference to a heap object.
    pub(crate) fn is_traced(self, is_function: impl Fn(TypeId) -> bool) -> bool {
        matches!(self, ValType::Ref(ty) if reference(ty, &is_function).1)
    }
}
