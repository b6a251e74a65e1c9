//! The types of a loaded module, from its artefact.

use super::Inner;
use crate::artifact::format::{self, NONE, Section, Span};
use crate::types::def::{Composite, Field, TypeDef};
use crate::types::{FuncType, ValType};

impl Inner {
    /// The number of a type, by type index.
    pub(super) fn type_id(&self, ty: u32) -> u64 {
        let types: &[format::Type] = self.artifact.section(Section::Types);
        let ty = &types[ty as usize];
        if ty.id != 0 {
            return ty.id;
        }
        let types = self.types.as_ref();
        let types = types.expect("a module with such a type has registered its types");
        types.types[ty.canonical as usize].number
    }

    /// A type from the artefact. Concrete types in it have the module's indices.
    pub(super) fn type_def(&self, ty: &format::Type) -> TypeDef {
        let values = |span: Span| self.values(span).iter().map(|raw| val_type(*raw));
        let field = |raw: &u32| Field::from_raw(*raw).expect(VALID);
        let composite = match ty.kind {
            0 => Composite::Func(FuncType::new(values(ty.params), values(ty.results))),
            1 => Composite::Struct(self.values(ty.params).iter().map(field).collect()),
            _ => Composite::Array(field(&self.values(ty.params)[0])),
        };
        TypeDef {
            is_final: ty.is_final != 0,
            supertype: (ty.supertype != NONE).then_some(ty.supertype),
            group: ty.group,
            composite,
        }
    }

    pub(super) fn values(&self, span: Span) -> &[u32] {
        let values: &[u32] = self.artifact.section(Section::ValueTypes);
        &values[span.start as usize..][..span.length as usize]
    }

    /// A value type. Concrete types have the engine's indices.
    pub(super) fn val_type(&self, raw: u32) -> ValType {
        val_type(raw).map(|id| {
            let types = self.types.as_ref();
            types
                .expect("a module with such a type has registered its types")
                .types[id.index as usize]
                .id
        })
    }

    /// A function type, by type index.
    pub(super) fn func_type(&self, ty: u32) -> FuncType {
        let types: &[format::Type] = self.artifact.section(Section::Types);
        let ty = &types[ty as usize];
        let list = |span: Span| self.values(span).iter().map(|raw| self.val_type(*raw));
        FuncType::new(list(ty.params), list(ty.results))
    }
}

const VALID: &str = "an artefact whose checksum holds has valid types";

pub(super) fn val_type(raw: u32) -> ValType {
    ValType::from_raw(raw).expect(VALID)
}
