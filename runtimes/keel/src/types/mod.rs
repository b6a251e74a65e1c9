//! The types of the embedding API: values, functions, imports and exports.

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
    /// A 32-bit IEEE 754 float.
    F32,
    /// A 64-bit IEEE 754 float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

/// The type of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefType {
    /// Whether null is a value of the type.
    pub nullable: bool,
    /// The type of the object that a non-null reference refers to.
    pub heap: HeapType,
}

/// The type of a referenced object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: the type of the null function reference.
    NoFunc,
    /// Any value, as a host reference.
    Extern,
    /// No value: the type of the null host reference.
    NoExtern,
    /// Any value of the module's.
    Any,
    /// A value that can be compared: a structure, an array or a 31-bit integer.
    Eq,
    /// A 31-bit integer.
    I31,
    /// A structure of any type.
    Struct,
    /// An array of any type.
    Array,
    /// No value: the type of the null reference below `any`.
    None,
    /// An exception.
    Exn,
    /// No exception: the type of the null exception reference.
    NoExn,
    /// A type that a module defines.
    Concrete(TypeId),
}

/// A type that a module defines. Equal types of all modules of an engine have the same id. The id
/// is not valid in another engine, nor after the last module with the type was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId {
    /// An index into the engine's registry; during compilation, an index of the module's types.
    pub(crate) index: u32,
    /// Distinguishes types that have had the same index; zero during compilation.
    pub(crate) generation: u32,
}

impl TypeId {
    /// The type with this index in the module.
    pub(crate) fn of_module(index: u32) -> TypeId {
        TypeId {
            index,
            generation: 0,
        }
    }
}

impl HeapType {
    /// The names of the abstract types.
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

    /// Whether `self` is a subtype of `wide`, for abstract types.
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
    /// A reference type that includes null.
    pub const fn nullable(heap: HeapType) -> RefType {
        RefType {
            nullable: true,
            heap,
        }
    }

    /// A reference type without null.
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
    /// A nullable function reference.
    pub const FUNCREF: ValType = ValType::Ref(RefType::nullable(HeapType::Func));
    /// A nullable host reference.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::nullable(HeapType::Extern));
    /// A nullable reference to any value of the module's.
    pub const ANYREF: ValType = ValType::Ref(RefType::nullable(HeapType::Any));
    /// A nullable exception reference.
    pub const EXNREF: ValType = ValType::Ref(RefType::nullable(HeapType::Exn));

    /// Whether this is a reference type.
    pub fn is_reference(self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Whether the type has a default value: zero or null.
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

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// A function type with these parameter and result types.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        FuncType {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
        }
    }

    /// The parameter types, in order.
    pub fn params(&self) -> &[ValType] {
        &self.params
    }

    /// The result types, in order.
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

/// Whether a global can be changed.
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
    /// Whether code and host can set it.
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
    /// The minimum number of elements.
    pub minimum: u64,
    /// The maximum number of elements, if there is one.
    pub maximum: Option<u64>,
}

impl TableType {
    /// A table type with 32-bit indices.
    pub fn new(element: ValType, minimum: u64, maximum: Option<u64>) -> TableType {
        TableType {
            element,
            index: IndexType::I32,
            minimum,
            maximum,
        }
    }
}

/// Whether several threads can use a memory at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// The memory belongs to one store.
    #[default]
    Unshared,
    /// Stores of several threads can use the memory.
    Shared,
}

/// The type of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// The minimum size, in pages.
    pub minimum: u64,
    /// The maximum size, in pages, if there is one.
    pub maximum: Option<u64>,
    /// The type of its indices.
    pub index: IndexType,
    /// Whether several threads can use it.
    pub sharing: Sharing,
    /// The binary logarithm of the page size in bytes: 16 or 0.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// The default binary logarithm of the page size in bytes.
    pub(crate) const PAGE_LOG2: u8 = 16;

    /// An unshared memory with pages of 64 KiB and 32-bit indices.
    pub fn new(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType {
            minimum,
            maximum,
            index: IndexType::I32,
            sharing: Sharing::Unshared,
            page_size_log2: MemoryType::PAGE_LOG2,
        }
    }

    /// The size of a page, bytes.
    pub fn page_bytes(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// The size of `pages` pages in bytes, saturating.
    pub(crate) fn bytes_of(&self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_bytes())
    }

    /// The maximum pages of any memory of this type.
    pub(crate) fn most_pages(&self) -> u64 {
        let addressable = match self.index {
            IndexType::I32 if self.is_capped() => MemoryType::CAPPED_PAGES,
            IndexType::I32 => (1 << 32) >> self.page_size_log2,
            IndexType::I64 => u64::MAX >> self.page_size_log2,
        };
        self.maximum.unwrap_or(u64::MAX).min(addressable)
    }

    /// Whether any 32-bit index is within the memory or faults: the memory has 4 GiB of address
    /// space, and its end is aligned to a host page.
    pub(crate) fn is_guarded(&self) -> bool {
        self.index == IndexType::I32 && self.page_size_log2 == MemoryType::PAGE_LOG2
    }

    /// The maximum pages of a memory for which index plus 64 KiB does not wrap.
    const CAPPED_PAGES: u64 = (1 << 16) - 1;

    /// Whether the memory never has its last page; the specification allows an implementation to
    /// refuse it. Then an index within bounds is more than 64 KiB below the largest index.
    pub(crate) fn is_capped(&self) -> bool {
        self.is_guarded() && self.minimum <= MemoryType::CAPPED_PAGES
    }

    /// Whether the memory can be placed behind its instance's context, as memory 0.
    #[cfg(feature = "compiler")]
    pub(crate) fn fits_slot(&self) -> bool {
        self.is_guarded() && self.sharing == Sharing::Unshared
    }
}

/// The type of an import or export.
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
    /// A tag. The values of its exceptions are the parameters.
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
