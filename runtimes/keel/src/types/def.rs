//! Types as a module defines them: functions, structures and arrays, in recursion groups; and the
//! encoding of types as numbers.

use super::{FuncType, HeapType, RefType, TypeId, ValType};

/// The storage type of a field or element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Storage {
    I8,
    I16,
    Val(ValType),
}

/// A field of a structure, or the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    pub(crate) storage: Storage,
    pub(crate) mutable: bool,
}

/// A function, structure or array type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Composite {
    Func(FuncType),
    Struct(Box<[Field]>),
    Array(Field),
}

/// A type definition of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeDef {
    pub(crate) is_final: bool,
    /// The index of the supertype in the module.
    pub(crate) supertype: Option<u32>,
    /// The index of the first type of its recursion group.
    pub(crate) group: u32,
    pub(crate) composite: Composite,
}

/// Marks the word of a concrete type. The type's own word follows in a group key.
const CONCRETE: u32 = 12;
const REFERENCE: u32 = 0x40;
const NULLABLE: u32 = 0x20;
const I8: u32 = 6;
const I16: u32 = 7;
const MUTABLE: u32 = 1 << 31;
/// The shift of the index in a concrete type. Modules have at most a million types.
const INDEX_SHIFT: u32 = 8;

impl ValType {
    /// The type as a number, for an artefact. Concrete types have the module's indices.
    pub(crate) fn to_raw(self) -> u32 {
        match self {
            ValType::I32 => 1,
            ValType::I64 => 2,
            ValType::F32 => 3,
            ValType::F64 => 4,
            ValType::V128 => 5,
            ValType::Ref(RefType { nullable, heap }) => {
                let code = match heap {
                    HeapType::Concrete(id) => CONCRETE | id.index << INDEX_SHIFT,
                    _ => HeapType::NAMES
                        .iter()
                        .position(|(named, _)| *named == heap)
                        .map_or(0, |i| i as u32),
                };
                code | REFERENCE | if nullable { NULLABLE } else { 0 }
            }
        }
    }

    /// The inverse of [`ValType::to_raw`].
    pub(crate) fn from_raw(raw: u32) -> Option<ValType> {
        Some(match raw {
            1 => ValType::I32,
            2 => ValType::I64,
            3 => ValType::F32,
            4 => ValType::F64,
            5 => ValType::V128,
            _ if raw & REFERENCE != 0 => {
                let heap = match raw & 0x1f {
                    CONCRETE => HeapType::Concrete(TypeId::of_module(raw >> INDEX_SHIFT)),
                    code => HeapType::NAMES.get(code as usize)?.0,
                };
                ValType::Ref(RefType {
                    nullable: raw & NULLABLE != 0,
                    heap,
                })
            }
            _ => return None,
        })
    }

    /// The digit of the type in a [`short_id`].
    fn digit(self) -> Option<u64> {
        Some(match self {
            ValType::I32 => 1,
            ValType::I64 => 2,
            ValType::F32 => 3,
            ValType::F64 => 4,
            ValType::V128 => 5,
            ValType::FUNCREF => 6,
            ValType::EXTERNREF => 7,
            ValType::Ref(_) => return None,
        })
    }
}

impl Field {
    /// The field as a number, as in [`ValType::to_raw`].
    pub(crate) fn to_raw(self) -> u32 {
        let storage = match self.storage {
            Storage::I8 => I8,
            Storage::I16 => I16,
            Storage::Val(ty) => ty.to_raw(),
        };
        storage | if self.mutable { MUTABLE } else { 0 }
    }

    /// Whether a concrete type in it, if any, has an index below `end`.
    pub(crate) fn refers_below(&self, end: u64) -> bool {
        match self.storage {
            Storage::Val(ValType::Ref(RefType {
                heap: HeapType::Concrete(id),
                ..
            })) => u64::from(id.index) < end,
            _ => true,
        }
    }

    /// The inverse of [`Field::to_raw`].
    pub(crate) fn from_raw(raw: u32) -> Option<Field> {
        let storage = match raw & !MUTABLE {
            I8 => Storage::I8,
            I16 => Storage::I16,
            ty => Storage::Val(ValType::from_raw(ty)?),
        };
        Some(Field {
            storage,
            mutable: raw & MUTABLE != 0,
        })
    }
}

impl Storage {
    /// The type of a value that is read from it.
    pub(crate) fn unpacked(self) -> ValType {
        match self {
            Storage::I8 | Storage::I16 => ValType::I32,
            Storage::Val(ty) => ty,
        }
    }
}

impl Composite {
    /// Replaces every concrete type.
    pub(crate) fn map(&self, id: impl Fn(TypeId) -> TypeId) -> Composite {
        let value = |ty: ValType| ty.map(&id);
        let field = |field: &Field| Field {
            storage: match field.storage {
                Storage::Val(ty) => Storage::Val(value(ty)),
                packed => packed,
            },
            mutable: field.mutable,
        };
        match self {
            Composite::Func(ty) => Composite::Func(ty.map(&id)),
            Composite::Struct(fields) => Composite::Struct(fields.iter().map(field).collect()),
            Composite::Array(element) => Composite::Array(field(element)),
        }
    }
}

impl ValType {
    /// Replaces the concrete type, if it is one.
    pub(crate) fn map(self, id: impl Fn(TypeId) -> TypeId) -> ValType {
        match self {
            ValType::Ref(RefType {
                nullable,
                heap: HeapType::Concrete(of),
            }) => {
                let heap = HeapType::Concrete(id(of));
                ValType::Ref(RefType { nullable, heap })
            }
            other => other,
        }
    }
}

impl FuncType {
    /// Replaces every concrete type.
    pub(crate) fn map(&self, id: impl Fn(TypeId) -> TypeId) -> FuncType {
        FuncType::new(
            self.params().iter().map(|ty| ty.map(&id)),
            self.results().iter().map(|ty| ty.map(&id)),
        )
    }
}

/// The number by which compiled code compares a function type that needs no registry: one that is
/// final, has no supertype, is alone in its group, and has few values of simple types. It has one
/// base-8 digit per value type, with a zero between parameters and results. It encodes the whole
/// type, so it can be part of an artefact.
pub(crate) fn short_id(params: &[ValType], results: &[ValType]) -> Option<u64> {
    if params.len() + results.len() > 19 {
        return None;
    }
    // The leading one distinguishes lengths, and keeps `[] -> []` from being zero.
    let mut id = 1u64;
    for param in params {
        id = id << 3 | param.digit()?;
    }
    id <<= 3;
    for result in results {
        id = id << 3 | result.digit()?;
    }
    Some(id)
}

/// The function type that a [`short_id`] encodes.
pub(crate) fn type_of_short_id(id: u64) -> FuncType {
    const DIGITS: [ValType; 7] = [
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FUNCREF,
        ValType::EXTERNREF,
    ];
    let digits = (63 - id.leading_zeros()) / 3;
    let (mut params, mut results) = (Vec::new(), Vec::new());
    let mut list = &mut params;
    for digit in (0..digits).rev() {
        match (id >> (3 * digit) & 7) as usize {
            0 => list = &mut results,
            digit => list.push(DIGITS[digit - 1]),
        }
    }
    FuncType::new(params, results)
}

/// The [`short_id`] of a type, if it has one. `alone` is whether the type is alone in its group.
pub(crate) fn short_id_of(ty: &TypeDef, alone: bool) -> Option<u64> {
    match &ty.composite {
        Composite::Func(func) if alone && ty.is_final && ty.supertype.is_none() => {
            short_id(func.params(), func.results())
        }
        _ => None,
    }
}

/// The recursion groups of a module's types: the index of the first type, and the types.
pub(crate) fn groups(types: &[TypeDef]) -> impl Iterator<Item = (u32, &[TypeDef])> {
    let mut start = 0;
    types.chunk_by(|a, b| a.group == b.group).map(move |group| {
        let first = start;
        start += group.len() as u32;
        (first, group)
    })
}

/// The word for a type of the same group in a group key; the index in the group is added.
const WITHIN: u64 = 1 << 62;

/// The identity of a group: two groups are equal, type for type, if and only if their keys are.
/// `outside` returns the word of an earlier type by its index.
pub(crate) fn group_key(first: u32, group: &[TypeDef], outside: impl Fn(u32) -> u64) -> Box<[u64]> {
    let mut key = Vec::new();
    let word = |index: u32| match index.checked_sub(first) {
        Some(within) => WITHIN | u64::from(within),
        None => outside(index),
    };
    let value = |key: &mut Vec<u64>, raw: u32, ty: ValType| match ty {
        ValType::Ref(RefType {
            heap: HeapType::Concrete(id),
            ..
        }) => {
            key.push(u64::from(raw & (MUTABLE | ((1 << INDEX_SHIFT) - 1))));
            key.push(word(id.index));
        }
        _ => key.push(u64::from(raw)),
    };
    for ty in group {
        let (kind, length, second) = match &ty.composite {
            Composite::Func(func) => (0, func.params().len(), func.results().len()),
            Composite::Struct(fields) => (1, fields.len(), 0),
            Composite::Array(_) => (2, 1, 0),
        };
        let flags = u64::from(ty.is_final) << 2 | u64::from(ty.supertype.is_some()) << 3;
        key.push(kind | flags | (length as u64) << 8 | (second as u64) << 36);
        key.extend(ty.supertype.map(word));
        match &ty.composite {
            Composite::Func(func) => {
                for ty in func.params().iter().chain(func.results()) {
                    value(&mut key, ty.to_raw(), *ty);
                }
            }
            Composite::Struct(fields) => {
                for field in fields {
                    value(&mut key, field.to_raw(), field.storage.unpacked());
                }
            }
            Composite::Array(field) => value(&mut key, field.to_raw(), field.storage.unpacked()),
        }
    }
    key.into()
}

#[cfg(feature = "compiler")]
/// For each type of a module, the first equal type.
pub(crate) fn canonical_types(types: &[TypeDef]) -> Vec<u32> {
    let mut canonical: Vec<u32> = Vec::with_capacity(types.len());
    let mut known = std::collections::HashMap::new();
    for (first, group) in groups(types) {
        let key = group_key(first, group, |index| canonical[index as usize].into());
        let same = *known.entry(key).or_insert(first);
        canonical.extend((0..group.len() as u32).map(|i| same + i));
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number_says_the_whole_type() {
        let all = [
            ValType::I32,
            ValType::I64,
            ValType::F32,
            ValType::F64,
            ValType::V128,
            ValType::FUNCREF,
            ValType::EXTERNREF,
        ];
        for params in 0..10 {
            for results in 0..10 {
                let ty = FuncType::new(
                    all.iter().cycle().copied().take(params),
                    all.iter().rev().cycle().copied().take(results),
                );
                let id = short_id(ty.params(), ty.results());
                assert_eq!(
                    id.map(type_of_short_id),
                    Some(ty).filter(|_| params + results < 20)
                );
            }
        }
    }

    #[test]
    fn a_number_says_the_whole_value_type() {
        let heaps = HeapType::NAMES.map(|(heap, _)| heap).into_iter();
        let concrete = [0, 7, 999_999].map(|index| HeapType::Concrete(TypeId::of_module(index)));
        for heap in heaps.chain(concrete) {
            for nullable in [false, true] {
                let ty = ValType::Ref(RefType { nullable, heap });
                assert_eq!(ValType::from_raw(ty.to_raw()), Some(ty));
                for mutable in [false, true] {
                    let field = Field {
                        storage: Storage::Val(ty),
                        mutable,
                    };
                    assert_eq!(Field::from_raw(field.to_raw()), Some(field));
                }
            }
        }
    }
}
