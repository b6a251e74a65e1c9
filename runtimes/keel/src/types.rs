//! The types of WebAssembly as the embedder sees them: values, functions, and what a module imports
//! and exports.

use std::fmt;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValType {
    /// A 32-bit integer.
    I32 = 1,
    /// A 64-bit integer.
    I64 = 2,
    /// A 32-bit IEEE 754 number.
    F32 = 3,
    /// A 64-bit IEEE 754 number.
    F64 = 4,
    /// A 128-bit vector.
    V128 = 5,
    /// A reference to a function, or null.
    FuncRef = 6,
    /// A reference to something of the embedder's, or null.
    ExternRef = 7,
}

impl ValType {
    /// The type with this number, the inverse of `as u8`.
    pub(crate) fn from_raw(raw: u8) -> Option<ValType> {
        Some(match raw {
            1 => ValType::I32,
            2 => ValType::I64,
            3 => ValType::F32,
            4 => ValType::F64,
            5 => ValType::V128,
            6 => ValType::FuncRef,
            7 => ValType::ExternRef,
            _ => return None,
        })
    }

    /// Whether values of this type are references.
    pub fn is_reference(self) -> bool {
        matches!(self, ValType::FuncRef | ValType::ExternRef)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
        })
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

    /// The number that compiled code compares to tell types apart, where the type is short enough to be
    /// written as a number exactly: base-8 digits, one a value type, a zero between parameters and
    /// results. It needs no registry, so it may stand in an artefact.
    pub(crate) fn short_id(&self) -> Option<u64> {
        short_id(&self.params, &self.results)
    }
}

/// See [`FuncType::short_id`].
fn short_id(params: &[ValType], results: &[ValType]) -> Option<u64> {
    if params.len() + results.len() > 19 {
        return None;
    }
    // The leading one keeps `[] -> []` from being zero and lengths apart.
    let mut id = 1u64;
    for param in params {
        id = id << 3 | *param as u64;
    }
    id <<= 3;
    for result in results {
        id = id << 3 | *result as u64;
    }
    Some(id)
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

    /// Bytes of so many pages, as far as a number can say them.
    pub(crate) fn bytes_of(&self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_bytes())
    }

    /// The most pages that a memory of this type can ever have.
    pub(crate) fn most_pages(&self) -> u64 {
        let addressable = match self.index {
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

    /// Whether the memory can lie behind its instance's context, where it is memory 0.
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

/// The numbers of the types that are too long to be written as a number, by order of appearance.
static LONG_TYPES: std::sync::Mutex<Vec<FuncType>> = std::sync::Mutex::new(Vec::new());
/// Tells the numbers of the registry from the others.
const REGISTERED: u64 = 1 << 63;

/// The number by which all modules of the process know a type.
pub(crate) fn type_id(ty: &FuncType) -> u64 {
    if let Some(id) = ty.short_id() {
        return id;
    }
    let mut types = LONG_TYPES
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let index = types
        .iter()
        .position(|known| known == ty)
        .unwrap_or_else(|| {
            types.push(ty.clone());
            types.len() - 1
        });
    index as u64 | REGISTERED
}

/// As [`type_id`], of the function type with these parameters and results, which is only made if it has
/// to be looked up.
pub(crate) fn type_id_of(params: &[ValType], results: &[ValType]) -> u64 {
    short_id(params, results).unwrap_or_else(|| {
        let (params, results) = (params.iter().copied(), results.iter().copied());
        type_id(&FuncType::new(params, results))
    })
}

/// The inverse of [`type_id`].
pub(crate) fn type_of_id(id: u64) -> FuncType {
    if id & REGISTERED != 0 {
        let types = LONG_TYPES
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        return types[(id & !REGISTERED) as usize].clone();
    }
    let digits = (63 - id.leading_zeros()) / 3;
    let (mut params, mut results) = (Vec::new(), Vec::new());
    let mut list = &mut params;
    for digit in (0..digits).rev() {
        match ValType::from_raw((id >> (3 * digit) & 7) as u8) {
            Some(ty) => list.push(ty),
            None => list = &mut results,
        }
    }
    FuncType::new(params, results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_number_says_the_whole_type() {
        let all = [1u8, 2, 3, 4, 5, 6, 7].map(|raw| ValType::from_raw(raw).expect("a type"));
        for params in 0..12 {
            for results in 0..12 {
                let ty = FuncType::new(
                    all.iter().cycle().copied().take(params),
                    all.iter().rev().cycle().copied().take(results),
                );
                assert_eq!(type_of_id(type_id(&ty)), ty);
            }
        }
    }
}
