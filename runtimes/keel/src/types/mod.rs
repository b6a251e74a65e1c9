//! The types of WebAssembly as the embedder sees them: values, functions, and what a module imports
//! and exports.

pub(crate) mod def;
pub(crate) mod layout;
pub(crate) mod registry;

use std::fmt;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit IEEE 754 number.
    F32,
    /// A 64-bit IEEE 754 number.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

/// The type of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefType {
    /// Whether null is one of its values.
    pub nullable: bool,
    /// What a reference that is not null refers to.
    pub heap: HeapType,
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapType {
    /// Any function.
    Func,
    /// Nothing: the type of the null function reference.
    NoFunc,
    /// Anything, as the host has it.
    Extern,
    /// Nothing: the type of the null external reference.
    NoExtern,
    /// Anything, as the module has it.
    Any,
    /// Whatever can be compared: a structure, an array or a 31-bit integer.
    Eq,
    /// A 31-bit integer.
    I31,
    /// A structure of any type.
    Struct,
    /// An array of any type.
    Array,
    /// Nothing: the type of the null reference below `any`.
    None,
    /// An exception.
    Exn,
    /// Nothing: the type of the null exception reference.
    NoExn,
    /// An instance of a type that a module defines.
    Concrete(TypeId),
}

/// A type that a module defines, as its engine knows it: equal types of all modules of an engine have the
/// same one. It means nothing to another engine, nor once the last module with the type is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId {
    /// A place in the engine's registry; while a module is being compiled, an index of its own types.
    pub(crate) index: u32,
    /// Tells the types apart that have had the same place; zero while a module is being compiled.
    pub(crate) generation: u32,
}

impl TypeId {
    /// A type of a module by the module's own index.
    pub(crate) fn of_module(index: u32) -> TypeId {
        TypeId {
            index,
            generation: 0,
        }
    }
}

impl HeapType {
    /// The names of all but the concrete ones.
    const NAMES: [(HeapType, &'static str); 12] = [
        (HeapType::Func, "func"),
        (HeapType::NoFunc, "nofunc"),
        (HeapType::Extern, "extern"),
        (HeapType::NoExtern, "noextern"),
        (HeapType::Any, "any"),
        (HeapType::Eq, "eq"),
        (HeapType::I31, "i31"),
        (HeapType::Struct, "struct"),
        (HeapType::Array, "array"),
        (HeapType::None, "none"),
        (HeapType::Exn, "exn"),
        (HeapType::NoExn, "noexn"),
    ];

    /// Whether every abstract `self` is a `wide` as well.
    pub(crate) fn is_within(self, wide: HeapType) -> bool {
        use HeapType as H;
        self == wide
            || match wide {
                H::Func => self == H::NoFunc,
                H::Extern => self == H::NoExtern,
                H::Exn => self == H::NoExn,
                H::Any => matches!(self, H::Eq | H::I31 | H::Struct | H::Array | H::None),
                H::Eq => matches!(self, H::I31 | H::Struct | H::Array | H::None),
                H::I31 | H::Struct | H::Array => self == H::None,
                _ => false,
            }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let HeapType::Concrete(id) = self {
            return write!(f, "${}", id.index);
        }
        let name = HeapType::NAMES.iter().find(|(heap, _)| heap == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl RefType {
    /// A reference that may be null.
    pub const fn nullable(heap: HeapType) -> RefType {
        RefType {
            nullable: true,
            heap,
        }
    }

    /// A reference that is never null.
    pub const fn non_null(heap: HeapType) -> RefType {
        RefType {
            nullable: false,
            heap,
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::None) => f.write_str("nullref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, HeapType::NoExn) => f.write_str("nullexnref"),
            (true, HeapType::Concrete(_)) => write!(f, "(ref null {})", self.heap),
            (true, heap) => write!(f, "{heap}ref"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

impl ValType {
    /// A function, or null.
    pub const FUNCREF: ValType = ValType::Ref(RefType::nullable(HeapType::Func));
    /// Something of the embedder's, or null.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::nullable(HeapType::Extern));
    /// Anything of the module's, or null.
    pub const ANYREF: ValType = ValType::Ref(RefType::nullable(HeapType::Any));
    /// An exception, or null.
    pub const EXNREF: ValType = ValType::Ref(RefType::nullable(HeapType::Exn));

    /// Whether values of this type are references.
    pub fn is_reference(self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Whether a variable of this type has a value without being given one: zero or null.
    pub fn is_defaultable(self) -> bool {
        !matches!(
            self,
            ValType::Ref(RefType {
                nullable: false,
                ..
            })
        )
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(ty) => ty.fmt(f),
        }
    }
}

/// The parameters and results of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// A function type with these parameters and results.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        FuncType {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
        }
    }

    /// The types of the parameters, in order.
    pub fn params(&self) -> &[ValType] {
        &self.params
    }

    /// The types of the results, in order.
    pub fn results(&self) -> &[ValType] {
        &self.results
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("[")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i == 0 { "" } else { " " })?;
            }
            f.write_str("]")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// Whether a global may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// The value never changes.
    Const,
    /// The value can be set.
    Var,
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it may be written.
    pub mutability: Mutability,
}

/// The type of the indices of a memory or table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IndexType {
    /// 32-bit indices.
    #[default]
    I32,
    /// 64-bit indices.
    I64,
}

/// The type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// The type of its elements, a reference type.
    pub element: ValType,
    /// The type of its indices.
    pub index: IndexType,
    /// The smallest number of elements.
    pub minimum: u64,
    /// The largest number of elements, if there is one.
    pub maximum: Option<u64>,
}

impl TableType {
    /// A table with 32-bit indices.
    pub fn new(element: ValType, minimum: u64, maximum: Option<u64>) -> TableType {
        TableType {
            element,
            index: IndexType::I32,
            minimum,
            maximum,
        }
    }
}

/// Whether several threads may use a memory at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// The memory is its store's.
    #[default]
    Unshared,
    /// Stores of several threads may use the memory.
    Shared,
}

/// The type of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// The smallest size, in pages.
    pub minimum: u64,
    /// The largest size, in pages, if there is one.
    pub maximum: Option<u64>,
    /// The type of its indices.
    pub index: IndexType,
    /// Whether several threads may use it.
    pub sharing: Sharing,
    /// The binary logarithm of the bytes of a page: 16, or 0.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// The binary logarithm of the bytes of a page, where a module says nothing else.
    pub(crate) const PAGE_LOG2: u8 = 16;

    /// A memory of pages of 64 KiB with 32-bit indices that is not shared.
    pub fn new(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType {
            minimum,
            maximum,
            index: IndexType::I32,
            sharing: Sharing::Unshared,
            page_size_log2: MemoryType::PAGE_LOG2,
        }
    }

    /// Bytes of a page.
    pub fn page_bytes(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// Bytes of a number of pages, saturating.
    pub(crate) fn bytes_of(&self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_bytes())
    }

    /// The most pages that a memory of this type can ever have.
    pub(crate) fn most_pages(&self) -> u64 {
        let addressable = match self.index {
            IndexType::I32 if self.is_capped() => MemoryType::CAPPED_PAGES,
            IndexType::I32 => (1 << 32) >> self.page_size_log2,
            IndexType::I64 => u64::MAX >> self.page_size_log2,
        };
        self.maximum.unwrap_or(u64::MAX).min(addressable)
    }

    /// Whether whatever a 32-bit index can name is either the memory's or faults: it has 4 GiB of
    /// address space, and ends at the end of a page of the host's.
    pub(crate) fn is_guarded(&self) -> bool {
        self.index == IndexType::I32 && self.page_size_log2 == MemoryType::PAGE_LOG2
    }

    /// The most pages of a memory whose index plus 64 KiB is not to wrap.
    const CAPPED_PAGES: u64 = (1 << 16) - 1;

    /// Whether the memory never has its last page, which the specification lets an implementation refuse: an
    /// index within bounds is more than 64 KiB below the last.
    pub(crate) fn is_capped(&self) -> bool {
        self.is_guarded() && self.minimum <= MemoryType::CAPPED_PAGES
    }

    /// Whether the memory can lie behind its instance's context, where it is memory 0.
    #[cfg(feature = "compiler")]
    pub(crate) fn fits_slot(&self) -> bool {
        self.is_guarded() && self.sharing == Sharing::Unshared
    }
}

/// The type of something imported or exported.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag, with the values that its exceptions carry as parameters.
    Tag(FuncType),
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = |minimum: u64, maximum: Option<u64>| match maximum {
            Some(maximum) => format!("{minimum}..{maximum}"),
            None => format!("{minimum}.."),
        };
        let wide = |index| match index {
            IndexType::I32 => "",
            IndexType::I64 => "64-bit ",
        };
        match self {
            ExternType::Func(ty) => write!(f, "function {ty}"),
            ExternType::Tag(ty) => write!(f, "tag {ty}"),
            ExternType::Table(ty) => {
                let limits = limits(ty.minimum, ty.maximum);
                write!(f, "{}table {limits} of {}", wide(ty.index), ty.element)
            }
            ExternType::Memory(ty) => {
                let shared = match ty.sharing {
                    Sharing::Shared => "shared ",
                    Sharing::Unshared => "",
                };
                let limits = limits(ty.minimum, ty.maximum);
                write!(f, "{shared}{}memory of {limits} pages", wide(ty.index))?;
                if ty.page_size_log2 != MemoryType::PAGE_LOG2 {
                    write!(f, " of {} bytes", ty.page_bytes())?;
                }
                Ok(())
            }
            ExternType::Global(ty) => match ty.mutability {
                Mutability::Const => write!(f, "global {}", ty.content),
                Mutability::Var => write!(f, "mutable global {}", ty.content),
            },
        }
    }
}
