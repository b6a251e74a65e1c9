//! Writes a compiled module as an artefact.

use super::driver::Compiled;
use super::image::Image;
use super::unit::Unit;
use crate::artifact::fingerprint::Fingerprint;
use crate::artifact::format::{self, *};
use crate::error::{Error, Result};
use crate::module::info::{ConstExpr, ConstOp, ElementSegment, SegmentMode, TableUsage};
use crate::types::def::Composite;
use crate::types::{IndexType, Mutability, Sharing};

/// The bytes of a module's artefact.
pub(crate) fn write(compiled: &Compiled<'_>, fingerprint: &Fingerprint) -> Result<Vec<u8>> {
    let image = Image::new(compiled);
    let mut writer = Writer::default();
    writer.section(Section::Fingerprint, fingerprint.text.as_bytes());
    writer.types(compiled);
    writer.externs(compiled);
    writer.definitions(compiled);
    writer.segments(compiled, image.as_ref());
    writer.code(compiled)?;
    writer.finish(compiled, image, fingerprint)
}

#[derive(Default)]
struct Writer {
    /// The sections that start-up needs, concatenated, without the header.
    bytes: Vec<u8>,
    /// The sections that only a trap needs.
    lazy: Vec<u8>,
    /// Whether a section is in `lazy`.
    is_lazy: [bool; SECTIONS],
    spans: [Span; SECTIONS],
    strings: Vec<u8>,
    ops: Vec<Op>,
}

impl Writer {
    fn section<T: Plain>(&mut self, section: Section, records: &[T]) {
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        let start = self.bytes.len() as u32;
        self.spans[section as usize] = Span {
            start,
            length: records.len() as u32,
        };
        self.bytes.extend_from_slice(bytes_of(records));
    }

    fn lazy_section<T: Plain>(&mut self, section: Section, records: &[T]) {
        self.lazy.resize(self.lazy.len().next_multiple_of(16), 0);
        let start = self.lazy.len() as u32;
        self.spans[section as usize] = Span {
            start,
            length: records.len() as u32,
        };
        self.is_lazy[section as usize] = true;
        self.lazy.extend_from_slice(bytes_of(records));
    }

    fn string(&mut self, string: &str) -> Span {
        let start = self.strings.len() as u32;
        self.strings.extend_from_slice(string.as_bytes());
        Span {
            start,
            length: string.len() as u32,
        }
    }

    fn types(&mut self, compiled: &Compiled<'_>) {
        let mut values: Vec<u32> = Vec::new();
        let mut span = |types: &mut dyn Iterator<Item = u32>| {
            let start = values.len() as u32;
            values.extend(types);
            Span {
                start,
                length: values.len() as u32 - start,
            }
        };
        let module = &compiled.module;
        let mut types = Vec::with_capacity(module.types.len());
        for (i, ty) in module.types.iter().enumerate() {
            let (kind, params, results) = match &ty.composite {
                Composite::Func(ty) => (
                    0,
                    span(&mut ty.params().iter().map(|ty| ty.to_raw())),
                    span(&mut ty.results().iter().map(|ty| ty.to_raw())),
                ),
                Composite::Struct(fields) => (
                    1,
                    span(&mut fields.iter().map(|field| field.to_raw())),
                    Span::default(),
                ),
                Composite::Array(element) => (
                    2,
                    span(&mut std::iter::once(element.to_raw())),
                    Span::default(),
                ),
            };
            types.push(Type {
                kind,
                is_final: u32::from(ty.is_final),
                supertype: ty.supertype.unwrap_or(NONE),
                group: ty.group,
                params,
                results,
                canonical: module.canonical_types[i],
                reserved: 0,
                id: module.short_id(i as u32).unwrap_or(0),
            });
        }
        self.section(Section::Types, &types);
        self.section(Section::ValueTypes, &values);
        self.section(Section::LongTypes, &compiled.long_types);
    }

    fn externs(&mut self, compiled: &Compiled<'_>) {
        let mut imports = Vec::new();
        for import in &compiled.module.imports {
            let (module, name) = (self.string(import.module), self.string(import.name));
            imports.push(Import {
                module,
                name,
                kind: import.kind as u32,
                index: import.index,
            });
        }
        self.section(Section::Imports, &imports);
        let mut exports: Vec<_> = compiled.module.exports.iter().collect();
        exports.sort_by_key(|export| export.name);
        let mut records = Vec::new();
        for export in exports {
            let name = self.string(export.name);
            records.push(Export {
                name,
                kind: export.kind as u32,
                index: export.index,
            });
        }
        self.section(Section::Exports, &records);
    }

    fn definitions(&mut self, compiled: &Compiled<'_>) {
        let module = &compiled.module;
        self.section(Section::Functions, &module.functions);
        let globals: Vec<Global> = module
            .globals
            .iter()
            .map(|global| Global {
                content: global.ty.content.to_raw(),
                mutable: u32::from(global.ty.mutability == Mutability::Var),
                init: self.expr(global.init.as_ref()),
            })
            .collect();
        self.section(Section::Globals, &globals);
        let tables: Vec<Table> = module
            .tables
            .iter()
            .map(|table| Table {
                element: table.ty.element.to_raw(),
                flags: limit_flags(table.ty.maximum, table.ty.index)
                    | match table.usage {
                        TableUsage::Static => flags::STATIC,
                        TableUsage::General => 0,
                    },
                minimum: table.ty.minimum,
                maximum: table.ty.maximum.unwrap_or(0),
                init: self.expr(table.init.as_ref()),
            })
            .collect();
        self.section(Section::Tables, &tables);
        let memories: Vec<Memory> = module
            .memories
            .iter()
            .map(|ty| Memory {
                minimum: ty.minimum,
                maximum: ty.maximum.unwrap_or(0),
                flags: limit_flags(ty.maximum, ty.index)
                    | match ty.sharing {
                        Sharing::Shared => flags::SHARED,
                        Sharing::Unshared => 0,
                    },
                page_size_log2: ty.page_size_log2.into(),
            })
            .collect();
        self.section(Section::Memories, &memories);
        self.section(Section::Tags, &module.tags);
    }

    fn expr(&mut self, expr: Option<&ConstExpr>) -> Span {
        let start = self.ops.len() as u32;
        for op in expr.iter().flat_map(|expr| &expr.0) {
            self.ops.push(plain_op(*op));
        }
        Span {
            start,
            length: self.ops.len() as u32 - start,
        }
    }

    fn item(&mut self, segment: &ElementSegment, item: ConstOp) -> Item {
        if let ConstOp::Computed(place) = item {
            let steps = self.expr(segment.computed.get(place as usize));
            return Item {
                code: op::COMPUTED | steps.length << op::COMPUTED_SHIFT,
                index: steps.start,
            };
        }
        let op = plain_op(item);
        Item {
            code: op.code,
            index: op.index,
        }
    }

    fn segments(&mut self, compiled: &Compiled<'_>, image: Option<&Image>) {
        let module = &compiled.module;
        let mut items: Vec<Item> = Vec::new();
        let mut elements = Vec::new();
        for segment in &module.elements {
            let start = items.len() as u32;
            let (mode, table, offset) = match &segment.mode {
                SegmentMode::Passive => (mode::PASSIVE, 0, None),
                SegmentMode::Declared => (mode::DONE, 0, None),
                SegmentMode::Active { index, offset } => {
                    match module.tables[*index as usize].usage {
                        TableUsage::Static => (mode::DONE, *index, None),
                        TableUsage::General => (mode::ACTIVE, *index, Some(offset)),
                    }
                }
            };
            if mode != mode::DONE {
                for item in &segment.items {
                    items.push(self.item(segment, *item));
                }
            }
            let items = Span {
                start,
                length: items.len() as u32 - start,
            };
            elements.push(Element {
                mode,
                table,
                offset: self.expr(offset),
                items,
            });
        }
        self.section(Section::Elements, &elements);
        self.section(Section::Items, &items);
        let mut bytes = Vec::new();
        let mut data = Vec::new();
        for segment in &module.data {
            let (mode, memory, offset) = match &segment.mode {
                SegmentMode::Active { .. } if image.is_some() => (mode::DONE, 0, None),
                SegmentMode::Active { index, offset } => (mode::ACTIVE, *index, Some(offset)),
                SegmentMode::Passive | SegmentMode::Declared => (mode::PASSIVE, 0, None),
            };
            let start = bytes.len() as u32;
            if mode != mode::DONE {
                bytes.extend_from_slice(segment.bytes);
            }
            let bytes = Span {
                start,
                length: bytes.len() as u32 - start,
            };
            data.push(Data {
                mode,
                memory,
                offset: self.expr(offset),
                bytes,
            });
        }
        self.section(Section::Data, &data);
        self.section(Section::DataBytes, &bytes);
    }

    fn code(&mut self, compiled: &Compiled<'_>) -> Result<()> {
        let (module, linked) = (&compiled.module, &compiled.linked);
        let mut places = vec![NONE; module.functions.len()];
        let mut host_thunks = vec![NONE; module.imported_functions as usize];
        let (mut entries, mut ranges) = (Vec::new(), Vec::new());
        for placed in &linked.units {
            let (mut function, mut body) = (NONE, NONE);
            match placed.unit {
                Unit::Body(index) => {
                    places[index as usize] = placed.offset;
                    function = index;
                    let defined = index - module.imported_functions;
                    body = module.bodies[defined as usize].body.range().start as u32;
                }
                Unit::Import(index) => places[index as usize] = placed.offset,
                Unit::Host(index) => host_thunks[index as usize] = placed.offset,
                Unit::Entry(ty) => entries.push(Entry {
                    ty,
                    code: placed.offset,
                }),
            }
            ranges.push(CodeRange {
                start: placed.offset,
                length: placed.length,
                function,
                body,
            });
        }
        let mut records = Vec::new();
        for function in &module.escaping {
            let code = places[*function as usize];
            if code == NONE {
                return Err(Error::Limit(format!("function {function} has no code")));
            }
            records.push(Record {
                function: *function,
                code,
            });
        }
        self.section(Section::Records, &records);
        self.section(Section::Entries, &entries);
        self.section(Section::HostThunks, &host_thunks);
        self.lazy_section(Section::Code, &ranges);
        let traps = linked.traps.iter();
        let traps: Vec<TrapSite> = traps
            .map(|(code, kind, offset)| TrapSite {
                code: *code,
                offset: *offset,
                kind: (*kind).into(),
            })
            .collect();
        self.lazy_section(Section::Traps, &traps);
        let calls = linked.calls.iter();
        let calls: Vec<CallSite> = calls
            .map(|(code, offset)| CallSite {
                code: *code,
                offset: *offset,
            })
            .collect();
        self.lazy_section(Section::Calls, &calls);
        let handlers = linked.handlers.iter();
        let handlers: Vec<Handler> = handlers
            .map(|(code, handler, frame)| Handler {
                code: *code,
                handler: *handler,
                frame: *frame,
            })
            .collect();
        self.lazy_section(Section::Handlers, &handlers);
        let (mut names, mut strings) = (Vec::new(), Vec::new());
        for (function, name) in &module.names {
            let start = strings.len() as u32;
            strings.extend_from_slice(name.as_bytes());
            let length = name.len() as u32;
            names.push(Name {
                function: *function,
                name: Span { start, length },
            });
        }
        self.lazy_section(Section::Names, &names);
        self.lazy_section(Section::NameStrings, &strings);
        Ok(())
    }

    fn finish(
        mut self,
        compiled: &Compiled<'_>,
        image: Option<Image>,
        fingerprint: &Fingerprint,
    ) -> Result<Vec<u8>> {
        let module = &compiled.module;
        let (strings, ops) = (
            std::mem::take(&mut self.strings),
            std::mem::take(&mut self.ops),
        );
        self.section(Section::Strings, &strings);
        self.section(Section::Ops, &ops);
        let image_address = image.as_ref().map_or(0, |image| image.address);
        let image = image.map_or(Vec::new(), |image| image.bytes);
        let text = &compiled.linked.text;
        let lazy_length = self.lazy.len().next_multiple_of(PAGE);
        let payload_length = lazy_length + text.len().next_multiple_of(PAGE) + image.len();
        let chunks = vec![0u64; payload_length.div_ceil(CHUNK)];
        self.section(Section::Chunks, &chunks);
        let head = size_of::<Header>().next_multiple_of(16);
        let lazy_start = (head + self.bytes.len()).next_multiple_of(PAGE);
        let text_start = lazy_start + lazy_length;
        let image_start = text_start + text.len().next_multiple_of(PAGE);
        let file_length = image_start + image.len();
        if u32::try_from(file_length).is_err() {
            return Err(Error::Limit("the artefact would exceed 4 GiB".to_owned()));
        }
        let mut spans = self.spans;
        for (span, lazy) in spans.iter_mut().zip(self.is_lazy) {
            span.start += if lazy { lazy_start } else { head } as u32;
        }
        let memory_export = module
            .exports
            .iter()
            .find(|export| export.name == "memory" && export.kind == ExternKind::Memory)
            .map_or(NONE, |export| export.index);
        let mut header = Header {
            magic: MAGIC,
            format: FORMAT_VERSION,
            header_size: size_of::<Header>() as u32,
            file_length: file_length as u64,
            checksum: 0,
            counts: compiled.counts,
            lazy_start: lazy_start as u32,
            needs: (u32::from(module.registers_types()) * needs::TYPES)
                | (u32::from(module.uses_heap()) * needs::HEAP),
            text_start: text_start as u32,
            text_length: text.len() as u32,
            image_start: image_start as u32,
            image_length: image.len() as u32,
            image_address,
            start: module.start.unwrap_or(NONE),
            memory_export,
            metering: fingerprint.metering,
            sections: spans,
        };
        let mut file = vec![0; file_length];
        file[head..head + self.bytes.len()].copy_from_slice(&self.bytes);
        file[lazy_start..lazy_start + self.lazy.len()].copy_from_slice(&self.lazy);
        file[text_start..text_start + text.len()].copy_from_slice(text);
        file[image_start..].copy_from_slice(&image);
        let sums: Vec<u64> = file[lazy_start..].chunks(CHUNK).map(checksum).collect();
        let at = spans[Section::Chunks as usize].start as usize;
        file[at..at + sums.len() * 8].copy_from_slice(bytes_of(&sums));
        file[..size_of::<Header>()].copy_from_slice(bytes_of(&[header]));
        header.checksum = format::description_checksum(&header, &file[..lazy_start]);
        file[..size_of::<Header>()].copy_from_slice(bytes_of(&[header]));
        Ok(file)
    }
}

/// The flags that tables and memories share.
fn limit_flags(maximum: Option<u64>, index: IndexType) -> u32 {
    let maximum = maximum.map_or(0, |_| flags::HAS_MAXIMUM);
    let index = match index {
        IndexType::I32 => 0,
        IndexType::I64 => flags::INDEX_64,
    };
    maximum | index
}

fn plain_op(op: ConstOp) -> Op {
    let (code, index, bits) = match op {
        ConstOp::Const(bits) => (op::CONST, 0, bits),
        ConstOp::Null => (op::NULL, 0, 0),
        ConstOp::Func(index) => (op::FUNC, index, 0),
        ConstOp::Global(index) => (op::GLOBAL, index, 0),
        ConstOp::I32Add => (op::I32_ADD, 0, 0),
        ConstOp::I32Sub => (op::I32_SUB, 0, 0),
        ConstOp::I32Mul => (op::I32_MUL, 0, 0),
        ConstOp::I64Add => (op::I64_ADD, 0, 0),
        ConstOp::I64Sub => (op::I64_SUB, 0, 0),
        ConstOp::I64Mul => (op::I64_MUL, 0, 0),
        ConstOp::StructNew(ty) => (op::STRUCT_NEW, ty, 0),
        ConstOp::StructNewDefault(ty) => (op::STRUCT_NEW_DEFAULT, ty, 0),
        ConstOp::ArrayNew(ty) => (op::ARRAY_NEW, ty, 0),
        ConstOp::ArrayNewDefault(ty) => (op::ARRAY_NEW_DEFAULT, ty, 0),
        ConstOp::ArrayNewFixed(ty, length) => (op::ARRAY_NEW_FIXED, ty, u128::from(length)),
        ConstOp::RefI31 => (op::REF_I31, 0, 0),
        ConstOp::Computed(place) => (op::COMPUTED, place, 0),
    };
    Op {
        code,
        index,
        low: bits as u64,
        high: (bits >> 64) as u64,
    }
}
