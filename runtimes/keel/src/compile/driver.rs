//! Compiles a module: chooses units, threads and code generator settings.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, UserFuncName};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{
    Context, FinalizedMachCallSite, FinalizedMachExceptionHandler, FinalizedRelocTarget,
};
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;

use super::interrupt::CompileInterrupt;
use super::link::{self, Linked};
use super::translate::{Environment, Metering, translate};
use super::unit::{CompiledUnit, Parallelism, Unit};
use super::{scan, thunk, trap_kind};
use crate::artifact::fingerprint::SETTINGS;
use crate::cpu::Cpu;
use crate::error::{Error, Result};
use crate::module::features::Features;
use crate::module::info::{ConstOp, ModuleInfo, SegmentMode, TableUsage};
use crate::module::layout::{ContextLayout, Counts};
use crate::module::parse::parse;

/// The total size of bodies in bytes below which threads cost more than they save.
const SERIAL_BYTES: u64 = 16 << 10;

/// The options that determine how a module is compiled.
pub(crate) struct CompileOptions {
    pub(crate) features: Features,
    pub(crate) metering: Metering,
    pub(crate) interrupt: CompileInterrupt,
}

/// A compiled module.
pub(crate) struct Compiled<'a> {
    pub(crate) module: ModuleInfo<'a>,
    pub(crate) counts: Counts,
    pub(crate) long_types: Vec<u32>,
    pub(crate) linked: Linked,
}

/// The code generator for a target CPU.
pub(crate) fn target_isa(cpu: &Cpu) -> Result<OwnedTargetIsa> {
    let fail = |message: String| Error::Compile {
        function: "(settings)".to_owned(),
        message,
    };
    let mut flags = settings::builder();
    // The settings that do not affect the code are not part of the fingerprint.
    let verifier = if cfg!(debug_assertions) {
        "true"
    } else {
        "false"
    };
    let others = [
        ("enable_verifier", verifier),
        ("machine_code_cfg_info", "false"),
    ];
    for (name, value) in SETTINGS.into_iter().chain(others) {
        flags
            .set(name, value)
            .map_err(|error| fail(format!("{name}={value}: {error}")))?;
    }
    let named = cpu.features();
    let builder = cranelift_native::builder_with_options(named.is_none());
    let mut builder = builder.map_err(|error| fail(error.to_owned()))?;
    for feature in named.unwrap_or_default() {
        let enabled = builder.enable(feature);
        enabled.map_err(|error| fail(format!("{feature}: {error}")))?;
    }
    builder
        .finish(settings::Flags::new(flags))
        .map_err(|error| fail(error.to_string()))
}

/// Compiles a module.
pub(crate) fn compile<'a>(
    bytes: &'a [u8],
    isa: &dyn TargetIsa,
    options: &CompileOptions,
) -> Result<Compiled<'a>> {
    compile_valid(bytes, isa, options).map_err(|error| options.features.explain(error, bytes))
}

fn compile_valid<'a>(
    bytes: &'a [u8],
    isa: &dyn TargetIsa,
    options: &CompileOptions,
) -> Result<Compiled<'a>> {
    let mut module = parse(bytes, options.features.validated())?;
    let body_bytes: u64 = module
        .bodies
        .iter()
        .map(|b| b.body.range().end - b.body.range().start)
        .sum();
    let parallelism = if body_bytes < SERIAL_BYTES {
        Parallelism::Serial
    } else {
        Parallelism::Threads
    };
    scan::scan(&mut module, parallelism, &options.interrupt)?;
    let long_types = long_types(&module);
    let counts = counts(&module, &long_types);
    let layout = ContextLayout::new(counts)
        .ok_or_else(|| Error::Limit("the module's context would exceed 2 GiB".to_owned()))?;
    let env = Environment {
        isa,
        module: &module,
        layout: &layout,
        long_types: &long_types,
        metering: options.metering,
    };
    let units = units(&module);
    let compile_unit = |tools: &mut Tools, unit: &Unit| {
        options.interrupt.check()?;
        compile_unit(&env, *unit, tools)
    };
    let compiled: Vec<CompiledUnit> = match parallelism {
        Parallelism::Serial => {
            let mut tools = Tools::default();
            units
                .iter()
                .map(|unit| compile_unit(&mut tools, unit))
                .collect::<Result<_>>()?
        }
        Parallelism::Threads => units
            .par_iter()
            .map_init(Tools::default, compile_unit)
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Result<_>>()?,
    };
    let linked = link::link(&module, compiled)?;
    Ok(Compiled {
        module,
        counts,
        long_types,
        linked,
    })
}

/// Decodes and validates a module.
pub(crate) fn validate(bytes: &[u8], options: &CompileOptions) -> Result<()> {
    let valid = parse(bytes, options.features.validated())
        .and_then(|mut module| scan::scan(&mut module, Parallelism::Serial, &options.interrupt));
    valid.map_err(|error| options.features.explain(error, bytes))
}

/// The intermediate representation and assembly of one function.
pub(crate) fn inspect(
    bytes: &[u8],
    isa: &dyn TargetIsa,
    options: &CompileOptions,
    function: u32,
) -> Result<(String, String)> {
    let mut module = parse(bytes, options.features.validated())?;
    scan::scan(&mut module, Parallelism::Serial, &options.interrupt)?;
    let long_types = long_types(&module);
    let layout = ContextLayout::new(counts(&module, &long_types))
        .ok_or_else(|| Error::Limit("the module's context would exceed 2 GiB".to_owned()))?;
    let env = Environment {
        isa,
        module: &module,
        layout: &layout,
        long_types: &long_types,
        metering: options.metering,
    };
    let body = function
        .checked_sub(module.imported_functions)
        .and_then(|defined| module.bodies.get(defined as usize))
        .ok_or_else(|| Error::Limit(format!("the module defines no function {function}")))?;
    let mut tools = Tools::default();
    let clif = &mut tools.context.func;
    translate(&env, function, &body.body, clif, &mut tools.builder)?;
    let text = tools.context.func.display().to_string();
    tools.context.set_disasm(true);
    let compiled = tools
        .context
        .compile(isa, &mut tools.control)
        .map_err(|error| Error::Compile {
            function: unit_name(&module, Unit::Body(function)),
            message: format!("{:?}", error.inner),
        })?;
    let assembly = compiled.vcode.clone().unwrap_or_default();
    Ok((text, assembly))
}

/// Buffers that are reused between functions.
struct Tools {
    context: Context,
    builder: FunctionBuilderContext,
    control: ControlPlane,
}

impl Default for Tools {
    fn default() -> Tools {
        Tools {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            control: ControlPlane::default(),
        }
    }
}

fn compile_unit(env: &Environment<'_>, unit: Unit, tools: &mut Tools) -> Result<CompiledUnit> {
    tools.context.clear();
    let function = &mut tools.context.func;
    function.name = UserFuncName::user(0, 0);
    match unit {
        Unit::Body(index) => {
            let body = &env.module.bodies[(index - env.module.imported_functions) as usize].body;
            translate(env, index, body, function, &mut tools.builder)?;
        }
        Unit::Import(index) => thunk::import(env, index, function, &mut tools.builder),
        Unit::Host(index) => thunk::host(env, index, function, &mut tools.builder),
        Unit::Entry(ty) => {
            thunk::entry(env, env.module.func_type(ty), function, &mut tools.builder);
        }
    }
    if let Err(error) = tools.context.compile(env.isa, &mut tools.control) {
        return Err(Error::Compile {
            function: unit_name(env.module, unit),
            message: format!("{:?}", error.inner),
        });
    }
    extract(env, unit, &tools.context)
}

fn extract(env: &Environment<'_>, unit: Unit, context: &Context) -> Result<CompiledUnit> {
    let compiled = context.compiled_code().expect("compilation succeeded");
    let buffer = &compiled.buffer;
    let locations = buffer.get_srclocs_sorted();
    let location = |at: u32| {
        let next = locations.partition_point(|range| range.start <= at);
        let range = next
            .checked_sub(1)
            .map(|i| &locations[i])
            .filter(|range| at < range.end);
        range.map_or(u32::MAX, |range| range.loc.bits())
    };
    let mut relocations = Vec::with_capacity(buffer.relocs().len());
    for relocation in buffer.relocs() {
        use cranelift_codegen::binemit::Reloc;
        let target = match &relocation.target {
            FinalizedRelocTarget::ExternalName(ir::ExternalName::User(name)) => {
                context.func.params.user_named_funcs()[*name].clone()
            }
            other => return Err(unlinkable(env, unit, format!("{other:?}"))),
        };
        if !matches!(relocation.kind, Reloc::X86CallPCRel4 | Reloc::X86PCRel4) {
            return Err(unlinkable(env, unit, format!("{:?}", relocation.kind)));
        }
        relocations.push((relocation.offset, relocation.addend, target));
    }
    let mut traps = Vec::with_capacity(buffer.traps().len());
    for trap in buffer.traps() {
        let kind = trap_kind(trap.code)
            .ok_or_else(|| unlinkable(env, unit, format!("trap {}", trap.code)))?;
        traps.push((trap.offset, kind as u8, location(trap.offset)));
    }
    // A return address belongs to the instruction before it.
    let calls = buffer
        .call_sites()
        .map(|call| (call.ret_addr, location(call.ret_addr - 1)))
        .collect();
    let handlers = handlers(buffer.call_sites());
    Ok(CompiledUnit {
        unit,
        code: buffer.data().to_vec(),
        alignment: buffer.alignment.max(16),
        relocations,
        traps,
        calls,
        handlers,
    })
}

/// The handlers of calls inside a `try_table`.
fn handlers<'a>(calls: impl Iterator<Item = FinalizedMachCallSite<'a>>) -> Vec<(u32, u32, u32)> {
    calls
        .filter_map(|call| match (call.exception_handlers, call.frame_offset) {
            ([FinalizedMachExceptionHandler::Default(handler)], Some(frame)) => {
                Some((call.ret_addr, *handler, frame))
            }
            _ => None,
        })
        .collect()
}

fn unlinkable(env: &Environment<'_>, unit: Unit, what: String) -> Error {
    Error::Compile {
        function: unit_name(env.module, unit),
        message: format!("the code refers to {what}, which keel cannot link"),
    }
}

fn unit_name(module: &ModuleInfo<'_>, unit: Unit) -> String {
    match unit {
        Unit::Body(index) | Unit::Import(index) | Unit::Host(index) => module
            .names
            .iter()
            .find(|(named, _)| *named == index)
            .map_or_else(
                || index.to_string(),
                |(_, name)| format!("{index} `{name}`"),
            ),
        Unit::Entry(ty) => format!("(entry {})", module.func_type(ty)),
    }
}

/// All units of a module, bodies first.
fn units(module: &ModuleInfo<'_>) -> Vec<Unit> {
    let bodies = (module.imported_functions..module.functions.len() as u32).map(Unit::Body);
    let mut units: Vec<Unit> = bodies.collect();
    let mut referred: Vec<u32> = module.escaping.clone();
    for segment in &module.elements {
        let SegmentMode::Active { index, .. } = segment.mode else {
            continue;
        };
        if module.tables[index as usize].usage == TableUsage::Static {
            referred.extend(segment.items.iter().filter_map(|op| match op {
                ConstOp::Func(function) => Some(*function),
                _ => None,
            }));
        }
    }
    referred.extend(module.start);
    referred.sort_unstable();
    referred.dedup();
    let imports = referred
        .iter()
        .filter(|index| **index < module.imported_functions);
    units.extend(imports.map(|index| Unit::Import(*index)));
    units.extend((0..module.imported_functions).map(Unit::Host));
    let called_by_host = module.escaping.iter().chain(&module.start);
    let mut entries: Vec<u32> = called_by_host
        .map(|function| module.functions[*function as usize])
        .map(|ty| module.canonical_types[ty as usize])
        .collect();
    entries.sort_unstable();
    entries.dedup();
    units.extend(entries.into_iter().map(Unit::Entry));
    units
}

/// The canonical types that are too long to be compared as a constant, in order.
fn long_types(module: &ModuleInfo<'_>) -> Vec<u32> {
    let types = 0..module.types.len() as u32;
    types
        .filter(|ty| module.canonical_types[*ty as usize] == *ty && module.short_id(*ty).is_none())
        .collect()
}

fn counts(module: &ModuleInfo<'_>, long_types: &[u32]) -> Counts {
    let defined = |all: usize, imported: u32| all as u32 - imported;
    Counts {
        imported_functions: module.imported_functions,
        imported_tables: module.imported_tables,
        imported_memories: module.imported_memories,
        imported_globals: module.imported_globals,
        tables: defined(module.tables.len(), module.imported_tables),
        memories: defined(module.memories.len(), module.imported_memories),
        globals: defined(module.globals.len(), module.imported_globals),
        function_records: module.escaping.len() as u32,
        long_types: long_types.len() as u32,
        element_segments: module.elements.len() as u32,
        data_segments: module.data.len() as u32,
        imported_tags: module.imported_tags,
        tags: defined(module.tags.len(), module.imported_tags),
        defines_memory_0: u32::from(module.defines_memory_0()),
    }
}
