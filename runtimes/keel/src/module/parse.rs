//! Decodes and validates a module with wasmparser, into a [`ModuleInfo`].
//!
//! Function bodies are only located here. The compiler threads validate them.

use std::sync::Mutex;

use wasmparser::{
    ElementItems, ElementKind, ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef,
    Validator, WasmFeatures,
};

use super::convert::{global_type, memory_type, table_type, type_def};
use super::info::{
    Body, ConstExpr, ConstOp, DataSegment, ElementSegment, Export, Global, Import, ModuleInfo,
    SegmentMode, Table, TableUsage,
};
use crate::artifact::format::{ExternKind, NONE};
use crate::error::{Error, Result};
use crate::types::def::{Composite, canonical_types};
use crate::types::layout::Layout;
use crate::types::{Mutability, TypeId};

/// Decodes and validates a module, except its function bodies.
pub(crate) fn parse(bytes: &[u8], features: WasmFeatures) -> Result<ModuleInfo<'_>> {
    let mut module = ModuleInfo {
        types: Vec::new(),
        canonical_types: Vec::new(),
        layouts: Vec::new(),
        imports: Vec::new(),
        imported_functions: 0,
        imported_tables: 0,
        imported_memories: 0,
        imported_globals: 0,
        functions: Vec::new(),
        tables: Vec::new(),
        memories: Vec::new(),
        globals: Vec::new(),
        exports: Vec::new(),
        start: None,
        elements: Vec::new(),
        data: Vec::new(),
        bodies: Vec::new(),
        names: Vec::new(),
        tags: Vec::new(),
        imported_tags: 0,
        inlined: Vec::new(),
        hints: Vec::new(),
        escaping: Vec::new(),
    };
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        if let Payload::CodeSectionEntry(body) = &payload {
            let validator = Mutex::new(Some(validator.code_section_entry(body)?));
            module.bodies.push(Body {
                body: body.clone(),
                validator,
            });
            continue;
        }
        validator.payload(&payload)?;
        module.payload(payload)?;
    }
    module.note_escaping();
    Ok(module)
}

impl<'a> ModuleInfo<'a> {
    fn payload(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let first = self.types.len() as u32;
                    for ty in group?.into_types() {
                        self.types.push(type_def(&ty, first)?);
                    }
                }
                self.canonical_types = canonical_types(&self.types);
                for ty in &self.types {
                    let above = ty
                        .supertype
                        .and_then(|above| self.layouts[above as usize].as_ref());
                    let is_function = |id: TypeId| {
                        let ty = &self.types[id.index as usize];
                        matches!(ty.composite, Composite::Func(_))
                    };
                    let layout = Layout::new(&ty.composite, above, is_function);
                    self.layouts.push(layout);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    let init = match table.init {
                        wasmparser::TableInit::RefNull => None,
                        wasmparser::TableInit::Expr(expr) => Some(self.const_expr(&expr)?),
                    };
                    let ty = table_type(&table.ty)?;
                    self.tables.push(Table {
                        ty,
                        init,
                        usage: TableUsage::General,
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory_type(&memory?));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let init = Some(self.const_expr(&global.init_expr)?);
                    self.globals.push(Global {
                        ty: global_type(&global.ty)?,
                        init,
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let kind = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => ExternKind::Func,
                        ExternalKind::Table => ExternKind::Table,
                        ExternalKind::Memory => ExternKind::Memory,
                        ExternalKind::Global => ExternKind::Global,
                        ExternalKind::Tag => ExternKind::Tag,
                    };
                    self.exports.push(Export {
                        name: export.name,
                        kind,
                        index: export.index,
                    });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let mode = match data.kind {
                        wasmparser::DataKind::Passive => SegmentMode::Passive,
                        wasmparser::DataKind::Active {
                            memory_index,
                            offset_expr,
                        } => {
                            let offset = self.const_expr(&offset_expr)?;
                            SegmentMode::Active {
                                index: memory_index,
                                offset,
                            }
                        }
                    };
                    self.data.push(DataSegment {
                        mode,
                        bytes: data.data,
                    });
                }
            }
            Payload::CustomSection(section) => self.custom_section(&section),
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads a custom section that keel uses. A malformed one is ignored.
    fn custom_section(&mut self, section: &wasmparser::CustomSectionReader<'a>) {
        match section.as_known() {
            KnownCustom::Name(names) => {
                for name in names.into_iter().map_while(|name| name.ok()) {
                    match name {
                        // Sorted last, because [`NONE`] is the largest index.
                        Name::Module { name, .. } => self.names.push((NONE, name)),
                        Name::Function(functions) => {
                            let names = functions.into_iter().map_while(|naming| naming.ok());
                            let names = names.filter(|naming| naming.index != NONE);
                            self.names
                                .extend(names.map(|naming| (naming.index, naming.name)));
                        }
                        _ => {}
                    }
                }
                self.names.sort_by_key(|(index, _)| *index);
                self.names.dedup_by_key(|(index, _)| *index);
            }
            KnownCustom::BranchHints(functions) => {
                for function in functions.into_iter().map_while(|function| function.ok()) {
                    let hints = function.hints.into_iter().map_while(|hint| hint.ok());
                    let mut hints: Vec<_> =
                        hints.map(|hint| (hint.func_offset, hint.taken)).collect();
                    hints.sort_by_key(|(offset, _)| *offset);
                    self.hints.push((function.func, hints));
                }
                self.hints.sort_by_key(|(function, _)| *function);
            }
            _ => {}
        }
    }

    fn import(&mut self, import: wasmparser::Import<'a>) -> Result<()> {
        let (kind, index) = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                self.imported_functions += 1;
                (ExternKind::Func, self.imported_functions)
            }
            TypeRef::Table(ty) => {
                let ty = table_type(&ty)?;
                self.tables.push(Table {
                    ty,
                    init: None,
                    usage: TableUsage::General,
                });
                self.imported_tables += 1;
                (ExternKind::Table, self.imported_tables)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(memory_type(&ty));
                self.imported_memories += 1;
                (ExternKind::Memory, self.imported_memories)
            }
            TypeRef::Global(ty) => {
                self.globals.push(Global {
                    ty: global_type(&ty)?,
                    init: None,
                });
                self.imported_globals += 1;
                (ExternKind::Global, self.imported_globals)
            }
            TypeRef::Tag(ty) => {
                self.tags.push(ty.func_type_idx);
                self.imported_tags += 1;
                (ExternKind::Tag, self.imported_tags)
            }
        };
        self.imports.push(Import {
            module: import.module,
            name: import.name,
            kind,
            index: index - 1,
        });
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<()> {
        let mode = match element.kind {
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => SegmentMode::Active {
                index: table_index.unwrap_or(0),
                offset: self.const_expr(&offset_expr)?,
            },
        };
        let mut items = Vec::new();
        let mut computed = Vec::new();
        match element.items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    items.push(ConstOp::Func(function?));
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    let expression = self.const_expr(&expression?)?;
                    match expression.0[..] {
                        [op @ (ConstOp::Null | ConstOp::Func(_) | ConstOp::Global(_))] => {
                            items.push(op);
                        }
                        _ => {
                            items.push(ConstOp::Computed(computed.len() as u32));
                            computed.push(expression);
                        }
                    }
                }
            }
        }
        self.elements.push(ElementSegment {
            mode,
            items,
            computed,
        });
        Ok(())
    }

    /// Decodes a constant expression and folds what is known.
    fn const_expr(&self, expr: &wasmparser::ConstExpr<'a>) -> Result<ConstExpr> {
        let mut ops = Vec::new();
        for op in expr.get_operators_reader() {
            let op = match op? {
                Operator::I32Const { value } => ConstOp::Const(u128::from(value as u32)),
                Operator::I64Const { value } => ConstOp::Const(u128::from(value as u64)),
                Operator::F32Const { value } => ConstOp::Const(u128::from(value.bits())),
                Operator::F64Const { value } => ConstOp::Const(u128::from(value.bits())),
                Operator::V128Const { value } => ConstOp::Const(value.i128() as u128),
                Operator::RefNull { .. } => ConstOp::Null,
                Operator::RefFunc { function_index } => ConstOp::Func(function_index),
                Operator::GlobalGet { global_index } => self.const_global(global_index),
                Operator::I32Add => ConstOp::I32Add,
                Operator::I32Sub => ConstOp::I32Sub,
                Operator::I32Mul => ConstOp::I32Mul,
                Operator::I64Add => ConstOp::I64Add,
                Operator::I64Sub => ConstOp::I64Sub,
                Operator::I64Mul => ConstOp::I64Mul,
                Operator::StructNew { struct_type_index } => ConstOp::StructNew(struct_type_index),
                Operator::StructNewDefault { struct_type_index } => {
                    ConstOp::StructNewDefault(struct_type_index)
                }
                Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(array_type_index),
                Operator::ArrayNewDefault { array_type_index } => {
                    ConstOp::ArrayNewDefault(array_type_index)
                }
                Operator::ArrayNewFixed {
                    array_type_index,
                    array_size,
                } => ConstOp::ArrayNewFixed(array_type_index, array_size),
                Operator::RefI31 => ConstOp::RefI31,
                // Both representations are equal.
                Operator::AnyConvertExtern | Operator::ExternConvertAny => continue,
                Operator::End => break,
                other => return Err(unsupported(&format!("{other:?} in a constant expression"))),
            };
            push_folding(&mut ops, op);
        }
        Ok(ConstExpr(ops))
    }

    /// The step that reads a global; its value, if it is a known constant.
    fn const_global(&self, index: u32) -> ConstOp {
        let global = &self.globals[index as usize];
        match (&global.init, global.ty.mutability) {
            (Some(init), Mutability::Const) => match init.0[..] {
                [op @ (ConstOp::Const(_) | ConstOp::Null | ConstOp::Func(_))] => op,
                _ => ConstOp::Global(index),
            },
            _ => ConstOp::Global(index),
        }
    }

    /// Adds functions that need a record for other reasons than that bodies take their address.
    fn note_escaping(&mut self) {
        let functions = self.exports.iter().filter(|e| e.kind == ExternKind::Func);
        let mut escaping: Vec<u32> = functions.map(|export| export.index).collect();
        let mut note = |op: &ConstOp| {
            if let ConstOp::Func(function) = op {
                escaping.push(*function);
            }
        };
        for global in &self.globals {
            global
                .init
                .iter()
                .flat_map(|init| &init.0)
                .for_each(&mut note);
        }
        for table in &self.tables {
            table
                .init
                .iter()
                .flat_map(|init| &init.0)
                .for_each(&mut note);
        }
        escaping.extend(self.start);
        escaping.sort_unstable();
        escaping.dedup();
        self.escaping = escaping;
    }
}

/// Appends a step, folding it if its operands are constant.
fn push_folding(ops: &mut Vec<ConstOp>, op: ConstOp) {
    if let [.., ConstOp::Const(a), ConstOp::Const(b)] = ops[..]
        && let Some(value) = fold(op, a, b)
    {
        ops.truncate(ops.len() - 2);
        ops.push(ConstOp::Const(value));
    } else {
        ops.push(op);
    }
}

/// The value of a binary operator; `None` for other steps.
pub(crate) fn fold(op: ConstOp, a: u128, b: u128) -> Option<u128> {
    let (a32, b32, a64, b64) = (a as u32, b as u32, a as u64, b as u64);
    Some(match op {
        ConstOp::I32Add => u128::from(a32.wrapping_add(b32)),
        ConstOp::I32Sub => u128::from(a32.wrapping_sub(b32)),
        ConstOp::I32Mul => u128::from(a32.wrapping_mul(b32)),
        ConstOp::I64Add => u128::from(a64.wrapping_add(b64)),
        ConstOp::I64Sub => u128::from(a64.wrapping_sub(b64)),
        ConstOp::I64Mul => u128::from(a64.wrapping_mul(b64)),
        _ => return None,
    })
}

pub(super) fn unsupported(what: &str) -> Error {
    Error::Unsupported(what.to_owned())
}
