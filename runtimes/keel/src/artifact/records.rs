//! Checks that the records of an artefact are consistent: every index and range is within bounds.
//! Checksums detect accidental damage; this detects wrong writers, before the records are used.

use super::format::*;
use super::{Artifact, ArtifactError};
use crate::types::def::Field;
use crate::types::{HeapType, ValType};

/// The number of records of each kind that indices refer to.
struct Lengths {
    types: u64,
    functions: u64,
    tables: u64,
    memories: u64,
    globals: u64,
    tags: u64,
    items: u64,
    values: u64,
    ops: u64,
    data_bytes: u64,
    text: u64,
}

/// # Errors
/// [`ArtifactError::Damaged`] with the name of the inconsistent part.
pub(super) fn check(artifact: &Artifact) -> Result<(), ArtifactError> {
    let header = artifact.header();
    let length = |section: Section| u64::from(header.sections[section as usize].length);
    let has = Lengths {
        types: length(Section::Types),
        functions: length(Section::Functions),
        tables: length(Section::Tables),
        memories: length(Section::Memories),
        globals: length(Section::Globals),
        tags: length(Section::Tags),
        items: length(Section::Items),
        values: length(Section::ValueTypes),
        ops: length(Section::Ops),
        data_bytes: length(Section::DataBytes),
        text: header.text_length.into(),
    };
    let parts = [
        ("counts", counts_match(header, &has)),
        ("types", types_hold(artifact, &has)),
        ("imports and exports", names_hold(artifact, &has)),
        ("definitions", definitions_hold(artifact, &has)),
        ("segments", segments_hold(artifact, &has)),
        ("code", code_holds(artifact, &has)),
    ];
    match parts.iter().find(|(_, holds)| !holds) {
        None => Ok(()),
        Some((what, _)) => Err(ArtifactError::Damaged(format!(
            "its {what} do not hold together"
        ))),
    }
}

fn inside(span: Span, length: u64) -> bool {
    u64::from(span.start) + u64::from(span.length) <= length
}

/// Whether an index is below `length`, or is [`NONE`].
fn optional(index: u32, length: u64) -> bool {
    index == NONE || u64::from(index) < length
}

fn counts_match(header: &Header, has: &Lengths) -> bool {
    let counts = header.counts;
    let sum = |imported: u32, defined: u32| u64::from(imported) + u64::from(defined);
    let length = |section: Section| u64::from(header.sections[section as usize].length);
    has.functions >= u64::from(counts.imported_functions)
        && has.tables == sum(counts.imported_tables, counts.tables)
        && has.memories == sum(counts.imported_memories, counts.memories)
        && has.globals == sum(counts.imported_globals, counts.globals)
        && has.tags == sum(counts.imported_tags, counts.tags)
        && length(Section::Records) == counts.function_records.into()
        && length(Section::Elements) == counts.element_segments.into()
        && length(Section::Data) == counts.data_segments.into()
        && length(Section::LongTypes) == counts.long_types.into()
        && length(Section::HostThunks) == counts.imported_functions.into()
        && counts.defines_memory_0 <= counts.memories.min(1)
        && optional(header.start, has.functions)
        && optional(header.memory_export, has.memories)
}

/// Whether `raw` is a valid value type that refers only to types below `end`.
fn value_holds(raw: u32, end: u64) -> bool {
    ValType::from_raw(raw).is_some_and(|ty| refers_below(ty, end))
}

fn refers_below(ty: ValType, end: u64) -> bool {
    match ty {
        ValType::Ref(reference) => match reference.heap {
            HeapType::Concrete(id) => u64::from(id.index) < end,
            _ => true,
        },
        _ => true,
    }
}

fn types_hold(artifact: &Artifact, has: &Lengths) -> bool {
    let types: &[Type] = artifact.section(Section::Types);
    let values: &[u32] = artifact.section(Section::ValueTypes);
    let piece = |span: Span| &values[span.start as usize..][..span.length as usize];
    // A type refers to earlier types and to its own group, which is contiguous.
    let mut end = 0;
    for (i, ty) in types.iter().enumerate() {
        let group = ty.group as usize;
        let starts = group == i;
        let follows = i > 0 && group < i && types[i - 1].group == ty.group;
        if starts {
            let same = types[i..]
                .iter()
                .take_while(|other| other.group == ty.group);
            end = (i + same.count()) as u64;
        }
        let within = inside(ty.params, has.values) && inside(ty.results, has.values);
        if !(starts || follows) || !within || u64::from(ty.canonical) >= has.types {
            return false;
        }
        let params = piece(ty.params);
        let holds = match ty.kind {
            0 => params
                .iter()
                .chain(piece(ty.results))
                .all(|raw| value_holds(*raw, end)),
            1 => params.iter().all(|raw| field_holds(*raw, end)),
            2 => params.len() == 1 && field_holds(params[0], end),
            _ => false,
        };
        let supertype = ty.supertype == NONE || (ty.supertype as usize) < i;
        if !holds || !supertype {
            return false;
        }
    }
    let long: &[u32] = artifact.section(Section::LongTypes);
    // A type without a number gets one from the registry, which the header must request.
    let registered = artifact.header().needs & needs::TYPES != 0;
    long.iter().all(|ty| u64::from(*ty) < has.types)
        && (registered || types.iter().all(|ty| ty.id != 0))
        && (registered || values.iter().all(|raw| is_abstract(*raw)))
}

/// Whether a value type refers to no type of the module.
fn is_abstract(raw: u32) -> bool {
    ValType::from_raw(raw).is_none_or(|ty| refers_below(ty, 0))
}

fn field_holds(raw: u32, end: u64) -> bool {
    match Field::from_raw(raw) {
        Some(field) => field.refers_below(end),
        None => false,
    }
}

fn names_hold(artifact: &Artifact, has: &Lengths) -> bool {
    let holds = |kind: u32, index: u32| {
        let length = match ExternKind::from_raw(kind) {
            Some(ExternKind::Func) => has.functions,
            Some(ExternKind::Table) => has.tables,
            Some(ExternKind::Memory) => has.memories,
            Some(ExternKind::Global) => has.globals,
            Some(ExternKind::Tag) => has.tags,
            None => 0,
        };
        u64::from(index) < length
    };
    let imports: &[Import] = artifact.section(Section::Imports);
    let exports: &[Export] = artifact.section(Section::Exports);
    imports
        .iter()
        .all(|import| holds(import.kind, import.index))
        && exports
            .iter()
            .all(|export| holds(export.kind, export.index))
}

fn definitions_hold(artifact: &Artifact, has: &Lengths) -> bool {
    let functions: &[u32] = artifact.section(Section::Functions);
    let globals: &[Global] = artifact.section(Section::Globals);
    let tables: &[Table] = artifact.section(Section::Tables);
    let memories: &[Memory] = artifact.section(Section::Memories);
    let ops: &[Op] = artifact.section(Section::Ops);
    let tags: &[u32] = artifact.section(Section::Tags);
    let value = |raw: u32| value_holds(raw, has.types);
    let typed = |ty: &u32| u64::from(*ty) < has.types;
    functions.iter().all(typed)
        && tags.iter().all(typed)
        && globals
            .iter()
            .all(|global| value(global.content) && inside(global.init, has.ops))
        && tables.iter().all(|table| {
            let reference = ValType::from_raw(table.element).is_some_and(ValType::is_reference);
            reference && value(table.element) && inside(table.init, has.ops)
        })
        && memories.iter().all(|memory| memory.page_size_log2 <= 16)
        && ops
            .iter()
            .all(|step| step_holds(step.code, step.index, has))
}

/// Whether the operand of a step of a constant expression exists.
fn step_holds(code: u32, index: u32, has: &Lengths) -> bool {
    let index = u64::from(index);
    match code & op::CODE_MASK {
        op::FUNC => index < has.functions,
        op::GLOBAL => index < has.globals,
        op::STRUCT_NEW..=op::ARRAY_NEW_FIXED => index < has.types,
        op::COMPUTED => index + u64::from(code >> op::COMPUTED_SHIFT) <= has.ops,
        _ => true,
    }
}

fn segments_hold(artifact: &Artifact, has: &Lengths) -> bool {
    let elements: &[Element] = artifact.section(Section::Elements);
    let items: &[Item] = artifact.section(Section::Items);
    let data: &[Data] = artifact.section(Section::Data);
    let active = |mode: u32| mode == mode::ACTIVE;
    elements.iter().all(|segment| {
        inside(segment.items, has.items)
            && inside(segment.offset, has.ops)
            && (!active(segment.mode) || u64::from(segment.table) < has.tables)
    }) && items
        .iter()
        .all(|item| step_holds(item.code, item.index, has))
        && data.iter().all(|segment| {
            inside(segment.bytes, has.data_bytes)
                && inside(segment.offset, has.ops)
                && (!active(segment.mode) || u64::from(segment.memory) < has.memories)
        })
}

fn code_holds(artifact: &Artifact, has: &Lengths) -> bool {
    let records: &[Record] = artifact.section(Section::Records);
    let entries: &[Entry] = artifact.section(Section::Entries);
    let thunks: &[u32] = artifact.section(Section::HostThunks);
    let in_text = |offset: u32| u64::from(offset) < has.text;
    let known =
        |record: &Record| u64::from(record.function) < has.functions && in_text(record.code);
    let start = artifact.header().start;
    records.iter().all(known)
        && records.is_sorted_by_key(|record| record.function)
        && entries
            .iter()
            .all(|entry| u64::from(entry.ty) < has.types && in_text(entry.code))
        && thunks.iter().all(|thunk| optional(*thunk, has.text))
        && (start == NONE || records.iter().any(|record| record.function == start))
}
