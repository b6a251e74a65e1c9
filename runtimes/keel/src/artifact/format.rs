//! The layout of a `.keel` file: plain records at fixed offsets, with nothing to decode.
//!
//! ```text
//! page 0..   header, then the sections that start-up needs: arrays of the records below, each 16-byte
//!            aligned; verified as a whole when the file is opened
//! page k..   the sections that only a trap needs; from here on the file is verified in pieces, each
//!            on first use
//! page n..   text: machine code and static tables, mapped executable without changes
//! page m..   image: the initial contents of memory 0, mapped copy-on-write without changes
//! ```
//! Numbers are little-endian. Every index and offset is 32-bit; [`NONE`] stands for "absent".

use crate::module::layout::Counts;

/// The first bytes of every artefact.
pub(crate) const MAGIC: [u8; 8] = *b"\x7fkeel\r\n\x1a";
/// The version of this layout. Raise it when the meaning of a field, or the layout of the context,
/// changes.
const VERSION: u32 = 5;
/// The version plus the sizes of all records, so that a resized record is detected even if nobody
/// raised the version.
pub(crate) const FORMAT_VERSION: u32 = {
    let mut sum = size_of::<Header>() as u32;
    let mut i = 0;
    while i < SECTIONS {
        sum = sum.wrapping_mul(31).wrapping_add(RECORD_SIZES[i] as u32);
        i += 1;
    }
    VERSION << 24 | sum & 0xff_ffff
};
/// The absent index.
pub(crate) const NONE: u32 = u32::MAX;
/// The page size, bytes. Text and image are aligned to it.
pub(crate) const PAGE: usize = 4096;
/// The size of a lazily verified piece, bytes.
pub(crate) const CHUNK: usize = 64 << 10;

/// A record that is valid for any bytes.
///
/// # Safety
/// The type is `repr(C)`, has no padding, and every bit pattern is a valid value.
pub(crate) unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($ty:ty),* $(,)?) => { $(
        // SAFETY: the macro is only used for integers and for `repr(C)` records of them without
        // padding.
        unsafe impl Plain for $ty {}
    )* };
}

plain!(
    u8, u32, u64, Span, Header, Type, Import, Export, Global, Table, Memory, Op, Record, Element,
    Item, Data, Entry, CodeRange, TrapSite, CallSite, Handler, Name
);

/// A range of another section: start and length, in its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// The sections, in the order of [`Header::sections`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Section {
    /// The fingerprint: lines of `name=value`.
    Fingerprint,
    Strings,
    ValueTypes,
    Types,
    Imports,
    /// Sorted by name.
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
    /// For each imported function, the offset of the thunk that calls a host function.
    HostThunks,
    LongTypes,
    Code,
    Traps,
    Calls,
    Handlers,
    Names,
    NameStrings,
    /// Checksums of the lazily verified pieces.
    Chunks,
}

/// The number of sections.
pub(crate) const SECTIONS: usize = Section::Chunks as usize + 1;

/// The size of a record in bytes, by [`Section`].
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
    /// Covers everything before `lazy_start`, with this field as zero.
    pub(crate) checksum: u64,
    pub(crate) counts: Counts,
    /// Where the lazily verified part begins.
    pub(crate) lazy_start: u32,
    /// Bits of [`needs`].
    pub(crate) needs: u32,
    pub(crate) text_start: u32,
    pub(crate) text_length: u32,
    pub(crate) image_start: u32,
    pub(crate) image_length: u32,
    /// The address of the image in memory 0.
    pub(crate) image_address: u32,
    /// The index of the start function.
    pub(crate) start: u32,
    /// The index of the memory exported as `memory`.
    pub(crate) memory_export: u32,
    pub(crate) metering: u32,
    /// Offset and number of records, by [`Section`].
    pub(crate) sections: [Span; SECTIONS],
}

/// Bits of [`Header::needs`].
pub(crate) mod needs {
    /// Type numbers from the engine's registry.
    pub(crate) const TYPES: u32 = 1;
    /// An object heap.
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
    /// The first type of its recursion group.
    pub(crate) group: u32,
    /// Parameters, fields or the element, as [`ValType::to_raw`](crate::ValType::to_raw) encodes
    /// them.
    pub(crate) params: Span,
    pub(crate) results: Span,
    /// The first type of the module that is equal to this one.
    pub(crate) canonical: u32,
    pub(crate) reserved: u32,
    /// The number by which types are compared; zero if the registry assigns it.
    pub(crate) id: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Import {
    pub(crate) module: Span,
    pub(crate) name: Span,
    /// An [`ExternKind`].
    pub(crate) kind: u32,
    /// An index into the index space of its kind.
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

/// The kind of an import or export.
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
    /// The steps of the initializer.
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

/// Bits of the flags of a table or memory.
pub(crate) mod flags {
    /// The limits have a maximum.
    pub(crate) const HAS_MAXIMUM: u32 = 1;
    /// Indices are 64-bit.
    pub(crate) const INDEX_64: u32 = 2;
    /// The table is constant data in the text section.
    pub(crate) const STATIC: u32 = 4;
    /// The memory is shared.
    pub(crate) const SHARED: u32 = 8;
}

/// A step of a constant expression.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Op {
    pub(crate) code: u32,
    /// The index of a function or global, if the step has one.
    pub(crate) index: u32,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// Values of [`Op::code`].
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
    /// This op and the next four take the index of a type.
    pub(crate) const STRUCT_NEW: u32 = 10;
    pub(crate) const STRUCT_NEW_DEFAULT: u32 = 11;
    pub(crate) const ARRAY_NEW: u32 = 12;
    pub(crate) const ARRAY_NEW_DEFAULT: u32 = 13;
    /// [`Op::low`](super::Op::low) is the number of elements.
    pub(crate) const ARRAY_NEW_FIXED: u32 = 14;
    pub(crate) const REF_I31: u32 = 15;
    /// An item computed by several steps: the upper bits count them, and the index is that of the
    /// first.
    pub(crate) const COMPUTED: u32 = 16;
    /// The shift of the step count in [`COMPUTED`].
    pub(crate) const COMPUTED_SHIFT: u32 = 8;
    /// The bits of a code below that count.
    pub(crate) const CODE_MASK: u32 = (1 << COMPUTED_SHIFT) - 1;
}

/// A function with an address that code can take.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Record {
    pub(crate) function: u32,
    /// Offset of its code in the text.
    pub(crate) code: u32,
}

/// What instantiation does with a segment.
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
    /// Already applied to the image or a static table, or only declared: nothing to do.
    pub(crate) const DONE: u32 = 2;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Element {
    pub(crate) mode: u32,
    pub(crate) table: u32,
    pub(crate) offset: Span,
    /// A range of the items.
    pub(crate) items: Span,
}

/// An element: one step of [`op`]'s `NULL`, `FUNC` or `GLOBAL`, or several steps.
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
    /// A range of the data bytes.
    pub(crate) bytes: Span,
}

/// The thunk through which the host calls functions of a type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) ty: u32,
    pub(crate) code: u32,
}

/// The place of a function or thunk in the text, sorted by start.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct CodeRange {
    pub(crate) start: u32,
    pub(crate) length: u32,
    /// The function, or [`NONE`] for a thunk.
    pub(crate) function: u32,
    /// The offset of the function's body in the module. Thunks have none and come last.
    pub(crate) body: u32,
}

/// An instruction that can trap, sorted by code offset.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TrapSite {
    pub(crate) code: u32,
    /// The offset in the module, or [`NONE`].
    pub(crate) offset: u32,
    /// A [`TrapKind`](crate::TrapKind).
    pub(crate) kind: u32,
}

/// The return address of a call, sorted.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct CallSite {
    pub(crate) code: u32,
    /// The offset in the module, or [`NONE`].
    pub(crate) offset: u32,
}

/// The handler of an exception from a call, sorted by call.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Handler {
    /// The return address of the call.
    pub(crate) code: u32,
    /// The offset of the handler.
    pub(crate) handler: u32,
    /// The stack pointer in the handler, in bytes below the frame pointer.
    pub(crate) frame: u32,
}

/// A function's name, sorted by function.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Name {
    pub(crate) function: u32,
    pub(crate) name: Span,
}

/// The bytes of some records.
pub(crate) fn bytes_of<T: Plain>(records: &[T]) -> &[u8] {
    // SAFETY: a `Plain` type has no padding, so all its bytes are initialised.
    unsafe { std::slice::from_raw_parts(records.as_ptr().cast(), size_of_val(records)) }
}

/// A checksum that detects any change confined to 8 consecutive aligned bytes.
///
/// Four lanes take turns at the words. Every step is a bijection of its lane, as is every final
/// step, so one changed word cannot cancel out. It guards against accidents, not attackers, who
/// could write their own code anyway.
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

/// The checksum of header and sections. `description` includes the header.
pub(crate) fn description_checksum(header: &Header, description: &[u8]) -> u64 {
    let header = Header {
        checksum: 0,
        ..*header
    };
    let rest = &description[size_of::<Header>()..];
    checksum(bytes_of(&[header])) ^ checksum(rest).rotate_left(32)
}
