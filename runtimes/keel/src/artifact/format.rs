//! The layout of a `.keel` file: plain records at offsets, nothing to decode.
//!
//! ```text
//! page 0..   header, then the sections that a start needs: arrays of the records below, each 16-byte
//!            aligned; checked as a whole when the file is opened
//! page k..   the sections that only a trap needs; from here on the file is checked in pieces, each
//!            when it is first needed
//! page n..   text: machine code and static tables, mapped executable as it is
//! page m..   image: the initial contents of memory 0, mapped copy-on-write as they are
//! ```
//! Numbers are little-endian. Every index and offset is 32-bit; [`NONE`] stands for "there is none".

use crate::module::layout::Counts;

/// The first bytes of every artefact.
pub(crate) const MAGIC: [u8; 8] = *b"\x7fkeel\r\n\x1a";
/// The version of this layout. A change of what a field means, or of the context, raises it.
const VERSION: u32 = 5;
/// The version together with the sizes of all records, so that a record that was changed without
/// raising the version is noticed as well.
pub(crate) const FORMAT_VERSION: u32 = {
    let mut sum = size_of::<Header>() as u32;
    let mut i = 0;
    while i < SECTIONS {
        sum = sum.wrapping_mul(31).wrapping_add(RECORD_SIZES[i] as u32);
        i += 1;
    }
    VERSION << 24 | sum & 0xff_ffff
};
/// No index.
pub(crate) const NONE: u32 = u32::MAX;
/// Bytes of a page, and what text and image are aligned to.
pub(crate) const PAGE: usize = 4096;
/// What is not checked at once is checked in pieces of this size.
pub(crate) const CHUNK: usize = 64 << 10;

/// A record that is valid whatever its bytes are.
///
/// # Safety
/// The type is `repr(C)`, has no padding, and all bit patterns are valid.
pub(crate) unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($ty:ty),* $(,)?) => { $(
        // SAFETY: a primitive number, or a `repr(C)` record of those without padding.
        unsafe impl Plain for $ty {}
    )* };
}

plain!(
    u8, u32, u64, Span, Header, Type, Import, Export, Global, Table, Memory, Op, Record, Element,
    Item, Data, Entry, CodeRange, TrapSite, CallSite, Handler, Name
);

/// A piece of another section: start and length in its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// The sections, by their place in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Section {
    /// What the artefact is bound to: lines of `name=value`.
    Fingerprint,
    Strings,
    ValueTypes,
    Types,
    Imports,
    /// In ascending order of name.
    Exports,
    /// The type of each function, imports first.
    Functions,
    Globals,
    Tables,
    Memories,
    /// The type of each tag, imports first.
    Tags,
    Ops,
    Records,
    Elements,
    Items,
    Data,
    DataBytes,
    Entries,
    /// For each imported function the offset of the thunk that calls a host function.
    HostThunks,
    LongTypes,
    Code,
    Traps,
    Calls,
    Handlers,
    Names,
    NameStrings,
    /// Checksums of the pieces that are checked when they are needed.
    Chunks,
}

/// How many sections there are.
pub(crate) const SECTIONS: usize = Section::Chunks as usize + 1;

/// Bytes of a record, by [`Section`].
pub(crate) const RECORD_SIZES: [usize; SECTIONS] = {
    let mut sizes = [1; SECTIONS];
    sizes[Section::ValueTypes as usize] = 4;
    sizes[Section::Types as usize] = size_of::<Type>();
    sizes[Section::Imports as usize] = size_of::<Import>();
    sizes[Section::Exports as usize] = size_of::<Export>();
    sizes[Section::Functions as usize] = 4;
    sizes[Section::Globals as usize] = size_of::<Global>();
    sizes[Section::Tables as usize] = size_of::<Table>();
    sizes[Section::Memories as usize] = size_of::<Memory>();
    sizes[Section::Tags as usize] = 4;
    sizes[Section::Ops as usize] = size_of::<Op>();
    sizes[Section::Records as usize] = size_of::<Record>();
    sizes[Section::Elements as usize] = size_of::<Element>();
    sizes[Section::Items as usize] = size_of::<Item>();
    sizes[Section::Data as usize] = size_of::<Data>();
    sizes[Section::Entries as usize] = size_of::<Entry>();
    sizes[Section::HostThunks as usize] = 4;
    sizes[Section::LongTypes as usize] = 4;
    sizes[Section::Code as usize] = size_of::<CodeRange>();
    sizes[Section::Traps as usize] = size_of::<TrapSite>();
    sizes[Section::Calls as usize] = size_of::<CallSite>();
    sizes[Section::Handlers as usize] = size_of::<Handler>();
    sizes[Section::Names as usize] = size_of::<Name>();
    sizes[Section::Chunks as usize] = 8;
    sizes
};

/// The start of the file.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) format: u32,
    pub(crate) header_size: u32,
    pub(crate) file_length: u64,
    /// Over everything before `lazy_start`, taken with this field zero.
    pub(crate) checksum: u64,
    pub(crate) counts: Counts,
    /// Where the part begins that is checked in pieces.
    pub(crate) lazy_start: u32,
    /// See [`needs`].
    pub(crate) needs: u32,
    pub(crate) text_start: u32,
    pub(crate) text_length: u32,
    pub(crate) image_start: u32,
    pub(crate) image_length: u32,
    /// Where in memory 0 the image belongs.
    pub(crate) image_address: u32,
    /// The start function.
    pub(crate) start: u32,
    /// The memory exported as `memory`.
    pub(crate) memory_export: u32,
    pub(crate) metering: u32,
    /// Offset and number of records, by [`Section`].
    pub(crate) sections: [Span; SECTIONS],
}

/// What [`Header::needs`] says, by bit.
pub(crate) mod needs {
    /// Types that are known by registry.
    pub(crate) const TYPES: u32 = 1;
    /// A heap.
    pub(crate) const HEAP: u32 = 2;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Type {
    /// 0 for a function, 1 for a structure, 2 for an array.
    pub(crate) kind: u32,
    pub(crate) is_final: u32,
    /// The supertype, or [`NONE`].
    pub(crate) supertype: u32,
    /// The first type of the group.
    pub(crate) group: u32,
    /// Parameters, fields, or the element. See [`ValType::to_raw`](crate::ValType::to_raw).
    pub(crate) params: Span,
    pub(crate) results: Span,
    /// The first type that is equal.
    pub(crate) canonical: u32,
    pub(crate) reserved: u32,
    /// The number by which types are compared, or zero for one that has its number by registry.
    pub(crate) id: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Import {
    pub(crate) module: Span,
    pub(crate) name: Span,
    /// An [`ExternKind`].
    pub(crate) kind: u32,
    /// Index in the index space of its kind.
    pub(crate) index: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Export {
    pub(crate) name: Span,
    /// An [`ExternKind`].
    pub(crate) kind: u32,
    pub(crate) index: u32,
}

/// The five kinds of what is imported and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum ExternKind {
    Func = 0,
    Table = 1,
    Memory = 2,
    Global = 3,
    Tag = 4,
}

impl ExternKind {
    pub(crate) fn from_raw(raw: u32) -> Option<ExternKind> {
        Some(match raw {
            0 => ExternKind::Func,
            1 => ExternKind::Table,
            2 => ExternKind::Memory,
            3 => ExternKind::Global,
            4 => ExternKind::Tag,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Global {
    pub(crate) content: u32,
    pub(crate) mutable: u32,
    /// The steps of its initial value.
    pub(crate) init: Span,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Table {
    pub(crate) element: u32,
    pub(crate) flags: u32,
    pub(crate) minimum: u64,
    pub(crate) maximum: u64,
    pub(crate) init: Span,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Memory {
    pub(crate) minimum: u64,
    pub(crate) maximum: u64,
    pub(crate) flags: u32,
    pub(crate) page_size_log2: u32,
}

/// What the flags of a table or memory say.
pub(crate) mod flags {
    /// There is a maximum.
    pub(crate) const HAS_MAXIMUM: u32 = 1;
    /// Indices are 64-bit.
    pub(crate) const INDEX_64: u32 = 2;
    /// The table is constant data in the text.
    pub(crate) const STATIC: u32 = 4;
    /// The memory is shared.
    pub(crate) const SHARED: u32 = 8;
}

/// A step of a constant expression.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Op {
    pub(crate) code: u32,
    /// A function or global.
    pub(crate) index: u32,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// What [`Op::code`] says.
#[cfg_attr(
    not(feature = "compiler"),
    expect(
        dead_code,
        reason = "the last of them is what is left, so only the compiler names it"
    )
)]
pub(crate) mod op {
    pub(crate) const CONST: u32 = 0;
    pub(crate) const NULL: u32 = 1;
    pub(crate) const FUNC: u32 = 2;
    pub(crate) const GLOBAL: u32 = 3;
    pub(crate) const I32_ADD: u32 = 4;
    pub(crate) const I32_SUB: u32 = 5;
    pub(crate) const I32_MUL: u32 = 6;
    pub(crate) const I64_ADD: u32 = 7;
    pub(crate) const I64_SUB: u32 = 8;
    pub(crate) const I64_MUL: u32 = 9;
    /// These and what follows take the index of a type.
    pub(crate) const STRUCT_NEW: u32 = 10;
    pub(crate) const STRUCT_NEW_DEFAULT: u32 = 11;
    pub(crate) const ARRAY_NEW: u32 = 12;
    pub(crate) const ARRAY_NEW_DEFAULT: u32 = 13;
    /// And have the number of elements in [`Op::low`](super::Op::low).
    pub(crate) const ARRAY_NEW_FIXED: u32 = 14;
    pub(crate) const REF_I31: u32 = 15;
    /// Of an item: the rest of the number is how many steps there are, the index the first of them.
    pub(crate) const COMPUTED: u32 = 16;
    /// Where that number begins.
    pub(crate) const COMPUTED_SHIFT: u32 = 8;
    /// What is before it.
    pub(crate) const CODE_MASK: u32 = (1 << COMPUTED_SHIFT) - 1;
}

/// A function whose address can be taken.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Record {
    pub(crate) function: u32,
    /// Offset of its code in the text.
    pub(crate) code: u32,
}

/// What a segment does at instantiation.
#[cfg_attr(
    not(feature = "compiler"),
    expect(
        dead_code,
        reason = "that nothing is left to do needs no name where it is read"
    )
)]
pub(crate) mod mode {
    pub(crate) const PASSIVE: u32 = 0;
    /// Copied into its table or memory, then dropped.
    pub(crate) const ACTIVE: u32 = 1;
    /// Nothing is left to do: in the image, in a static table, or only declared.
    pub(crate) const DONE: u32 = 2;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Element {
    pub(crate) mode: u32,
    pub(crate) table: u32,
    pub(crate) offset: Span,
    /// A piece of the items.
    pub(crate) items: Span,
}

/// An element: a step without operands, of [`op`]'s `NULL`, `FUNC` or `GLOBAL`, or several.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Item {
    pub(crate) code: u32,
    pub(crate) index: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Data {
    pub(crate) mode: u32,
    pub(crate) memory: u32,
    pub(crate) offset: Span,
    /// A piece of the data bytes.
    pub(crate) bytes: Span,
}

/// The thunk through which the host calls functions of a type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) ty: u32,
    pub(crate) code: u32,
}

/// A function's or thunk's place in the text, in ascending order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct CodeRange {
    pub(crate) start: u32,
    pub(crate) length: u32,
    /// The function, or [`NONE`] for a thunk.
    pub(crate) function: u32,
    /// Where the function's body starts in the module; thunks have none and come last.
    pub(crate) body: u32,
}

/// An instruction that traps, in ascending order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TrapSite {
    pub(crate) code: u32,
    /// Where in the module, or [`NONE`].
    pub(crate) offset: u32,
    /// A [`TrapKind`](crate::TrapKind).
    pub(crate) kind: u32,
}

/// The return address of a call, in ascending order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct CallSite {
    pub(crate) code: u32,
    /// Where in the module, or [`NONE`].
    pub(crate) offset: u32,
}

/// Where an exception goes that comes out of a call, in ascending order of the call.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Handler {
    /// The return address of the call.
    pub(crate) code: u32,
    /// Where the handler begins.
    pub(crate) handler: u32,
    /// How far the stack pointer is below the frame pointer there.
    pub(crate) frame: u32,
}

/// A function's name, in ascending order of function.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Name {
    pub(crate) function: u32,
    pub(crate) name: Span,
}

/// A record's bytes.
pub(crate) fn bytes_of<T: Plain>(records: &[T]) -> &[u8] {
    // SAFETY: a `Plain` type has no padding, so all its bytes are initialised.
    unsafe { std::slice::from_raw_parts(records.as_ptr().cast(), size_of_val(records)) }
}

/// A checksum that any change of up to 8 consecutive aligned bytes is certain to change.
///
/// Four lanes take a word each in turn; every step is a bijection of the lane, and so is every step of
/// the end: one changed word cannot cancel out. It guards against accidents, not against an attacker,
/// who could as well write the code that he wants.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1u64, 2, 3, 4];
    let (words, rest) = bytes.as_chunks::<32>();
    for word in words {
        let (eights, _) = word.as_chunks::<8>();
        for (lane, eight) in lanes.iter_mut().zip(eights) {
            *lane = (*lane ^ u64::from_le_bytes(*eight))
                .wrapping_mul(FACTOR)
                .rotate_left(29);
        }
    }
    let mut sum = bytes.len() as u64;
    let mut mix = |word: u64| {
        sum = (sum ^ word).wrapping_mul(FACTOR);
        sum ^= sum >> 32;
    };
    lanes.into_iter().for_each(&mut mix);
    for piece in rest.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        mix(u64::from_le_bytes(word));
    }
    sum
}

/// The checksum of header and sections, which `description` starts with.
pub(crate) fn description_checksum(header: &Header, description: &[u8]) -> u64 {
    let header = Header {
        checksum: 0,
        ..*header
    };
    let rest = &description[size_of::<Header>()..];
    checksum(bytes_of(&[header])) ^ checksum(rest).rotate_left(32)
}
