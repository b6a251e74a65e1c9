//! The result of decoding a module: all that the compiler and the artefact writer need.

use crate::artifact::format::ExternKind;
use crate::types::def::{Composite, TypeDef, short_id_of};
use crate::types::layout::Layout;
use crate::types::{FuncType, GlobalType, HeapType, MemoryType, TableType, TypeId, ValType};

/// A decoded and validated module. It borrows from the module's bytes.
pub(crate) struct ModuleInfo<'a> {
    pub(crate) types: Vec<TypeDef>,
    /// For each type, the index of the first equal type.
    pub(crate) canonical_types: Vec<u32>,
    /// The object layout of each type; functions have none.
    pub(crate) layouts: Vec<Option<Layout>>,
    pub(crate) imports: Vec<Import<'a>>,
    pub(crate) imported_functions: u32,
    pub(crate) imported_tables: u32,
    pub(crate) imported_memories: u32,
    pub(crate) imported_globals: u32,
    /// The type of each function, imports first. The next three vectors are in the same order.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<Table>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<Global>,
    pub(crate) exports: Vec<Export<'a>>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment<'a>>,
    pub(crate) bodies: Vec<Body<'a>>,
    /// For each body, whether it is inlined into its callers.
    pub(crate) inlined: Vec<bool>,
    /// The type of each tag, imports first.
    pub(crate) tags: Vec<u32>,
    pub(crate) imported_tags: u32,
    /// Names from the name section, by function index.
    pub(crate) names: Vec<(u32, &'a str)>,
    /// Branch hints, sorted by function: for each hinted branch, its offset from the start of the
    /// body, and whether it is likely taken.
    pub(crate) hints: Vec<(u32, Vec<(u32, bool)>)>,
    /// Functions with an address that code can take. Each has a record in the context.
    pub(crate) escaping: Vec<u32>,
}

pub(crate) struct Import<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: ExternKind,
    /// An index into the index space of its kind.
    pub(crate) index: u32,
}

pub(crate) struct Export<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ExternKind,
    pub(crate) index: u32,
}

pub(crate) struct Global {
    pub(crate) ty: GlobalType,
    /// `None` for an imported global.
    pub(crate) init: Option<ConstExpr>,
}

pub(crate) struct Table {
    pub(crate) ty: TableType,
    pub(crate) init: Option<ConstExpr>,
    pub(crate) usage: TableUsage,
}

/// How a table's elements are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableUsage {
    /// As references in the instance, without restrictions.
    General,
    /// As constant data in the module's code: nothing writes the table after instantiation, and only
    /// `call_indirect` reads it. Instances need not initialise it.
    Static,
}

/// A step of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ConstOp {
    /// The bits of a number or vector.
    Const(u128),
    Null,
    Func(u32),
    Global(u32),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
    /// The remaining steps have the index of a type, except as noted.
    StructNew(u32),
    StructNewDefault(u32),
    ArrayNew(u32),
    ArrayNewDefault(u32),
    /// The type, and the number of elements.
    ArrayNewFixed(u32, u32),
    RefI31,
    /// An item of a segment: an index into [`ElementSegment::computed`].
    Computed(u32),
}

/// A constant expression in postfix order, folded as far as possible.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConstExpr(pub(crate) Vec<ConstOp>);

impl ConstExpr {
    /// The value, if it does not depend on the instance.
    pub(crate) fn known(&self) -> Option<u128> {
        match self.0[..] {
            [ConstOp::Const(bits)] => Some(bits),
            [ConstOp::Null] => Some(0),
            _ => None,
        }
    }
}

/// The kind of a segment, with the destination of an active one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SegmentMode {
    Passive,
    Declared,
    Active { index: u32, offset: ConstExpr },
}

pub(crate) struct ElementSegment {
    pub(crate) mode: SegmentMode,
    pub(crate) items: Vec<ConstOp>,
    /// The items with more than one step.
    pub(crate) computed: Vec<ConstExpr>,
}

impl ElementSegment {
    /// The steps of all items.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &ConstOp> {
        let computed = self.computed.iter().flat_map(|expr| &expr.0);
        self.items.iter().chain(computed)
    }
}

pub(crate) struct DataSegment<'a> {
    pub(crate) mode: SegmentMode,
    pub(crate) bytes: &'a [u8],
}

pub(crate) struct Body<'a> {
    pub(crate) body: wasmparser::FunctionBody<'a>,
    pub(crate) validator:
        std::sync::Mutex<Option<wasmparser::FuncToValidate<wasmparser::ValidatorResources>>>,
}

impl ModuleInfo<'_> {
    /// The type of the function with this index.
    pub(crate) fn function_type(&self, function: u32) -> &FuncType {
        self.func_type(self.functions[function as usize])
    }

    /// Whether `id` is a function type of this module.
    pub(crate) fn is_function_type(&self, id: TypeId) -> bool {
        matches!(self.types[id.index as usize].composite, Composite::Func(_))
    }

    /// The function type with this index.
    pub(crate) fn func_type(&self, ty: u32) -> &FuncType {
        match &self.types[ty as usize].composite {
            Composite::Func(ty) => ty,
            _ => unreachable!("validation saw that functions have function types"),
        }
    }

    /// The number of a type that needs no registry; `None` for others. See
    /// [`short_id`](crate::types::def::short_id).
    pub(crate) fn short_id(&self, ty: u32) -> Option<u64> {
        let def = &self.types[ty as usize];
        let next = self.types.get(ty as usize + 1);
        let alone = def.group == ty && next.is_none_or(|next| next.group != def.group);
        short_id_of(def, alone)
    }

    /// The depth of a type in its hierarchy; types without a supertype have depth 1.
    pub(crate) fn type_depth(&self, ty: u32) -> usize {
        let above = |ty: &u32| self.types[*ty as usize].supertype;
        std::iter::successors(Some(ty), above).count()
    }

    /// Whether the module's types must be in the engine's registry.
    pub(crate) fn registers_types(&self) -> bool {
        let concrete = |ty: ValType| matches!(ty, ValType::Ref(ty) if matches!(ty.heap, HeapType::Concrete(_)));
        (0..self.types.len() as u32).any(|ty| self.short_id(ty).is_none())
            || self
                .globals
                .iter()
                .any(|global| concrete(global.ty.content))
            || self.tables.iter().any(|table| concrete(table.ty.element))
    }

    /// Whether instances need an object heap.
    pub(crate) fn uses_heap(&self) -> bool {
        !self.tags.is_empty() || self.layouts.iter().any(|layout| layout.is_some())
    }

    /// Whether the module defines memory 0 and it fits right behind the context.
    pub(crate) fn defines_memory_0(&self) -> bool {
        self.imported_memories == 0 && self.memories.first().is_some_and(MemoryType::fits_slot)
    }

    /// The index of a function's record; `None` if it has none.
    pub(crate) fn record_of(&self, function: u32) -> Option<u32> {
        self.escaping
            .binary_search(&function)
            .ok()
            .map(|i| i as u32)
    }

    /// The hints on the branches of a function.
    pub(crate) fn hints_of(&self, function: u32) -> &[(u32, bool)] {
        let found = self
            .hints
            .binary_search_by_key(&function, |(index, _)| *index);
        found.map_or(&[], |i| &self.hints[i].1)
    }

    /// The type of a global's value.
    pub(crate) fn global_content(&self, global: u32) -> ValType {
        self.globals[global as usize].ty.content
    }
}
