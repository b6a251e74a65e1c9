//! What decoding a module yields: everything the compiler and the artefact need to know of it.

use crate::artifact::format::ExternKind;
use crate::types::def::{Composite, TypeDef, short_id_of};
use crate::types::layout::Layout;
use crate::types::{FuncType, GlobalType, HeapType, MemoryType, TableType, TypeId, ValType};

/// A decoded and validated module, borrowing from its bytes.
pub(crate) struct ModuleInfo<'a> {
    pub(crate) types: Vec<TypeDef>,
    /// For each type, the first type that is equal to it.
    pub(crate) canonical_types: Vec<u32>,
    /// How the objects of each type lie.
    pub(crate) layouts: Vec<Option<Layout>>,
    pub(crate) imports: Vec<Import<'a>>,
    pub(crate) imported_functions: u32,
    pub(crate) imported_tables: u32,
    pub(crate) imported_memories: u32,
    pub(crate) imported_globals: u32,
    /// The type of each function, imports first. Likewise for the three that follow.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<Table>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<Global>,
    pub(crate) exports: Vec<Export<'a>>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment<'a>>,
    pub(crate) bodies: Vec<Body<'a>>,
    /// For each body, whether calls of it are replaced by it.
    pub(crate) inlined: Vec<bool>,
    /// The type of each tag, imports first.
    pub(crate) tags: Vec<u32>,
    pub(crate) imported_tags: u32,
    /// Function names out of the name section, by function index.
    pub(crate) names: Vec<(u32, &'a str)>,
    /// For functions with hints on their branches, by ascending index: for each hinted branch its offset
    /// from the start of the body, and whether it is likely taken.
    pub(crate) hints: Vec<(u32, Vec<(u32, bool)>)>,
    /// Functions whose address can be taken: they have a record in the context.
    pub(crate) escaping: Vec<u32>,
}

pub(crate) struct Import<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: ExternKind,
    /// Index in the index space of its kind.
    pub(crate) index: u32,
}

pub(crate) struct Export<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ExternKind,
    pub(crate) index: u32,
}

pub(crate) struct Global {
    pub(crate) ty: GlobalType,
    /// Absent for an imported global.
    pub(crate) init: Option<ConstExpr>,
}

pub(crate) struct Table {
    pub(crate) ty: TableType,
    pub(crate) init: Option<ConstExpr>,
    pub(crate) usage: TableUsage,
}

/// How a table's elements are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableUsage {
    /// References in the instance; anything may happen to them.
    General,
    /// Nothing can write it after instantiation and only `call_indirect` reads it: the module's code
    /// holds it as constant data, and an instance has nothing to initialise.
    Static,
}

/// One step of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ConstOp {
    /// The bits of any number or vector.
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
    /// These and the rest take the index of a type.
    StructNew(u32),
    StructNewDefault(u32),
    ArrayNew(u32),
    ArrayNewDefault(u32),
    /// And how many elements there are.
    ArrayNewFixed(u32, u32),
    RefI31,
    /// In a segment: the place of an expression among the segment's own.
    Computed(u32),
}

/// A constant expression in postfix order, folded as far as it can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConstExpr(pub(crate) Vec<ConstOp>);

impl ConstExpr {
    /// The value, where no instance is needed to know it.
    pub(crate) fn known(&self) -> Option<u128> {
        match self.0[..] {
            [ConstOp::Const(bits)] => Some(bits),
            [ConstOp::Null] => Some(0),
            _ => None,
        }
    }
}

/// Where a segment goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SegmentMode {
    Passive,
    Declared,
    Active { index: u32, offset: ConstExpr },
}

pub(crate) struct ElementSegment {
    pub(crate) mode: SegmentMode,
    pub(crate) items: Vec<ConstOp>,
    /// What the items are that are more than one step.
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
    /// The type of a function by its index.
    pub(crate) fn function_type(&self, function: u32) -> &FuncType {
        self.func_type(self.functions[function as usize])
    }

    /// Whether a type of the module is a function's.
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

    /// The number of a type, where it says the whole type. See [`short_id`](crate::types::def::short_id).
    pub(crate) fn short_id(&self, ty: u32) -> Option<u64> {
        let def = &self.types[ty as usize];
        let next = self.types.get(ty as usize + 1);
        let alone = def.group == ty && next.is_none_or(|next| next.group != def.group);
        short_id_of(def, alone)
    }

    /// How many types are above a type, what is above all of its kind among them.
    pub(crate) fn type_depth(&self, ty: u32) -> usize {
        let above = |ty: &u32| self.types[*ty as usize].supertype;
        std::iter::successors(Some(ty), above).count()
    }

    /// Whether an instance or the host has to know a type of the module by its place in a registry.
    pub(crate) fn registers_types(&self) -> bool {
        let concrete = |ty: ValType| matches!(ty, ValType::Ref(ty) if matches!(ty.heap, HeapType::Concrete(_)));
        (0..self.types.len() as u32).any(|ty| self.short_id(ty).is_none())
            || self
                .globals
                .iter()
                .any(|global| concrete(global.ty.content))
            || self.tables.iter().any(|table| concrete(table.ty.element))
    }

    /// Whether the module's instances need a heap.
    pub(crate) fn uses_heap(&self) -> bool {
        !self.tags.is_empty() || self.layouts.iter().any(|layout| layout.is_some())
    }

    /// Whether the module itself defines memory 0 and it lies right behind the context.
    pub(crate) fn defines_memory_0(&self) -> bool {
        self.imported_memories == 0 && self.memories.first().is_some_and(MemoryType::fits_slot)
    }

    /// The place of a function in the list of functions with a record.
    pub(crate) fn record_of(&self, function: u32) -> Option<u32> {
        self.escaping
            .binary_search(&function)
            .ok()
            .map(|i| i as u32)
    }

    /// The hints on a function's branches.
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
