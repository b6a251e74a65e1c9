//! How structures and arrays lie in the heap.
//!
//! A structure is its header, a 32-bit place in the engine's registry, then its fields, each at a multiple
//! of its size. An array is its header, its length as a 32-bit number, then its elements. Whatever can only
//! be null, an object of the heap or a 31-bit integer takes 4 bytes; other references take 8. A field that
//! its supertype has takes as much there as here, whatever its own type says.

use super::def::{Composite, Field, Storage};
use super::{FuncType, HeapType, RefType, TypeId, ValType};

/// Where an array's length is.
pub(crate) const ARRAY_LENGTH: i32 = 4;
/// Where an array's elements begin.
pub(crate) const ARRAY_ELEMENTS: i32 = 8;
/// What the size of every object is a multiple of.
pub(crate) const GRANULE: u32 = 8;

/// Room for a field or element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From the object's start; zero for elements.
    pub(crate) offset: u32,
    pub(crate) bytes: u8,
    /// Whether it can hold a reference to an object of the heap.
    pub(crate) traced: bool,
}

/// How the objects of a type lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Struct {
        /// Bytes of the whole object.
        bytes: u32,
        fields: Box<[Place]>,
    },
    Array(Place),
}

impl Layout {
    /// The layout of a type, given its supertype's and which concrete types are functions. Functions have
    /// none.
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

/// How the exceptions of a tag lie: as structures of the tag's address and the tag's values.
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

/// The first place for a field from an offset on.
fn place(field: Field, from: u32, is_function: &impl Fn(TypeId) -> bool) -> Place {
    let (bytes, traced) = match field.storage {
        Storage::I8 => (1, false),
        Storage::I16 => (2, false),
        Storage::Val(ValType::I32 | ValType::F32) => (4, false),
        Storage::Val(ValType::I64 | ValType::F64) => (8, false),
        Storage::Val(ValType::V128) => (16, false),
        Storage::Val(ValType::Ref(ty)) => reference(ty, is_function),
    };
    // Objects lie at multiples of 8: nothing is gained by aligning a vector to more.
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
        // What the host has put there takes more than 32 bits.
        HeapType::Any | HeapType::Extern | HeapType::NoExtern => (8, true),
        _ => (4, true),
    }
}

impl ValType {
    /// Whether a value of this type can be a reference to an object of the heap.
    pub(crate) fn is_traced(self, is_function: impl Fn(TypeId) -> bool) -> bool {
        matches!(self, ValType::Ref(ty) if reference(ty, &is_function).1)
    }
}
