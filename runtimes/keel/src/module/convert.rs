//! Converts the validator's types to keel's.

use wasmparser::{CompositeInnerType, StorageType, UnpackedIndex};

use super::parse::unsupported;
use crate::error::Result;
use crate::types::def::{Composite, Field, Storage, TypeDef};
use crate::types::{
    FuncType, GlobalType, HeapType, IndexType, MemoryType, Mutability, RefType, Sharing, TableType,
    TypeId, ValType,
};

/// The value type with the same name.
pub(crate) fn val_type(ty: wasmparser::ValType) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

/// The reference type with the same name.
pub(crate) fn ref_type(ty: wasmparser::RefType) -> Result<RefType> {
    Ok(RefType {
        nullable: ty.is_nullable(),
        heap: heap_type(ty.heap_type())?,
    })
}

/// The heap type with the same name. A concrete type has its index in the module.
pub(crate) fn heap_type(ty: wasmparser::HeapType) -> Result<HeapType> {
    use wasmparser::AbstractHeapType as A;
    let refuse = || Err(unsupported(&format!("the heap type {ty:?}")));
    Ok(match ty {
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => {
            HeapType::Concrete(TypeId::of_module(index))
        }
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            A::Func => HeapType::Func,
            A::NoFunc => HeapType::NoFunc,
            A::Extern => HeapType::Extern,
            A::NoExtern => HeapType::NoExtern,
            A::Any => HeapType::Any,
            A::Eq => HeapType::Eq,
            A::I31 => HeapType::I31,
            A::Struct => HeapType::Struct,
            A::Array => HeapType::Array,
            A::None => HeapType::None,
            A::Exn => HeapType::Exn,
            A::NoExn => HeapType::NoExn,
            A::Cont | A::NoCont => return refuse(),
        },
        _ => return refuse(),
    })
}

/// A type of the recursion group that starts at index `group`.
pub(super) fn type_def(ty: &wasmparser::SubType, group: u32) -> Result<TypeDef> {
    let values = |types: &[wasmparser::ValType]| {
        let types = types.iter().map(|ty| val_type(*ty));
        types.collect::<Result<Vec<_>>>()
    };
    let field = |field: &wasmparser::FieldType| -> Result<Field> {
        let storage = match field.element_type {
            StorageType::I8 => Storage::I8,
            StorageType::I16 => Storage::I16,
            StorageType::Val(ty) => Storage::Val(val_type(ty)?),
        };
        Ok(Field {
            storage,
            mutable: field.mutable,
        })
    };
    let composite = match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => {
            Composite::Func(FuncType::new(values(ty.params())?, values(ty.results())?))
        }
        CompositeInnerType::Struct(ty) => {
            Composite::Struct(ty.fields.iter().map(field).collect::<Result<_>>()?)
        }
        CompositeInnerType::Array(ty) => Composite::Array(field(&ty.0)?),
        CompositeInnerType::Cont(_) => return Err(unsupported("a continuation type")),
    };
    let supertypes = &ty.supertype_idxs;
    Ok(TypeDef {
        is_final: ty.is_final,
        supertype: supertypes.first().and_then(|index| index.as_module_index()),
        group,
        composite,
    })
}

pub(super) fn global_type(ty: &wasmparser::GlobalType) -> Result<GlobalType> {
    let mutability = if ty.mutable {
        Mutability::Var
    } else {
        Mutability::Const
    };
    Ok(GlobalType {
        content: val_type(ty.content_type)?,
        mutability,
    })
}

pub(super) fn index_type(is_64: bool) -> IndexType {
    if is_64 {
        IndexType::I64
    } else {
        IndexType::I32
    }
}

pub(super) fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        minimum: ty.initial,
        maximum: ty.maximum,
        index: index_type(ty.memory64),
        sharing: match ty.shared {
            true => Sharing::Shared,
            false => Sharing::Unshared,
        },
        page_size_log2: ty
            .page_size_log2
            .map_or(MemoryType::PAGE_LOG2, |log2| log2 as u8),
    }
}

pub(super) fn table_type(ty: &wasmparser::TableType) -> Result<TableType> {
    if ty.shared {
        return Err(unsupported("a shared table"));
    }
    Ok(TableType {
        element: ValType::Ref(ref_type(ty.element_type)?),
        index: index_type(ty.table64),
        minimum: ty.initial,
        maximum: ty.maximum,
    })
}
