//! Translates one function body to CLIF, operator by operator.
//!
//! [`FuncTranslator`] has the operand stack and the control stack; each operator family has a
//! submodule. References are `i64` (an address; zero for null). A `v128` on the operand stack is
//! always `I8X16`: operators on other lanes cast their operands and results.

mod array;
mod atomic;
mod call;
mod cast;
mod control;
mod exception;
mod fuel;
mod inline;
mod memory;
mod numeric;
mod object;
mod reached;
mod reference;
mod simd;
mod table;
mod variable;
mod wide;

use cranelift_codegen::ir::{
    self, AliasRegion, AliasRegionData, GlobalValueData, InstBuilder, MemFlagsData, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use wasmparser::Operator;

use super::abi::{clif_type, first_parameter, results_in_memory, wasm_signature};
use super::trap_code;
use crate::error::{Error, Result};
use crate::module::convert::val_type;
use crate::module::info::ModuleInfo;
use crate::module::layout::{self, ContextLayout};
use crate::types::{FuncType, ValType};
use control::Frame;
use reached::Reached;

/// Namespaces of symbol names in compiled functions.
pub(crate) mod namespace {
    /// A function by index; for an imported one, its thunk.
    pub(crate) const FUNCTION: u32 = 0;
    /// A static table's constant data, by table index.
    pub(crate) const TABLE: u32 = 1;
}

/// The data that the translation of all functions of a module shares.
pub(crate) struct Environment<'a> {
    pub(crate) isa: &'a dyn TargetIsa,
    pub(crate) module: &'a ModuleInfo<'a>,
    pub(crate) layout: &'a ContextLayout,
    /// The canonical types that are too long to be compared as a constant.
    pub(crate) long_types: &'a [u32],
    pub(crate) metering: Metering,
}

/// Whether code counts fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metering {
    Off,
    Fuel,
}

/// Alias regions: accesses in different regions never touch the same bytes.
#[derive(Clone, Copy)]
pub(super) struct Regions {
    pub(super) memory: AliasRegion,
    pub(super) context: AliasRegion,
    pub(super) table: AliasRegion,
    pub(super) heap: AliasRegion,
}

impl Regions {
    pub(super) fn new(function: &mut ir::Function) -> Regions {
        let mut region = |user_id, description: &'static str| {
            function.dfg.alias_regions.insert(AliasRegionData {
                user_id,
                description: description.into(),
            })
        };
        Regions {
            memory: region(0, "memory"),
            context: region(1, "context"),
            table: region(2, "table"),
            heap: region(3, "heap"),
        }
    }
}

/// Makes a function check its stack against the context's limit on entry.
pub(super) fn set_stack_limit(function: &mut ir::Function) {
    set_stack_limit_at(function, layout::STACK_LIMIT);
}

/// As [`set_stack_limit`], for a function with a first parameter `offset` bytes from the context.
pub(in crate::compile) fn set_stack_limit_at(function: &mut ir::Function, offset: i32) {
    let vmctx = function.create_global_value(GlobalValueData::VMContext);
    // Not read-only: a host call from a deeper stack may change the limit between two calls.
    let flags = function
        .dfg
        .mem_flags
        .insert_unchecked(MemFlagsData::trusted());
    let limit = function.create_global_value(GlobalValueData::Load {
        base: vmctx,
        offset: offset.into(),
        global_type: types::I64,
        flags,
    });
    function.stack_limit = Some(limit);
}

/// Translates one function body.
pub(crate) struct FuncTranslator<'a, 'b> {
    pub(super) builder: FunctionBuilder<'b>,
    pub(super) env: &'a Environment<'a>,
    pub(super) vmctx: Value,
    ty: &'a FuncType,
    /// The result area, if the type needs one.
    result_area: Option<Value>,
    pub(super) regions: Regions,
    stack: Vec<Value>,
    control: Vec<Frame>,
    locals: Vec<(Variable, ValType)>,
    reachable: bool,
    /// Whether the current body is being inlined.
    place: Place,
    /// The landing blocks of the open `try_table`s, innermost last.
    landings: Vec<ir::Block>,
    signatures: std::collections::HashMap<u32, ir::SigRef>,
    functions: std::collections::HashMap<u32, ir::FuncRef>,
    static_tables: std::collections::HashMap<u32, ir::GlobalValue>,
    /// The indices that earlier accesses have shown to be within bounds.
    reached: Reached,
    /// The total size of inlined bodies, bytes.
    inlined_bytes: u64,
    /// The cost of the straight line so far that is not yet charged.
    pending_fuel: i64,
    /// The hints on later branches of this function, sorted by their offset from the start of the
    /// body.
    hints: &'a [(u32, bool)],
    /// The offset of the body in the module; the next field is that of the current operator.
    body_start: u64,
    offset: u64,
}

/// Translates a function's body into `function`, which must be empty.
pub(crate) fn translate<'a>(
    env: &'a Environment<'a>,
    index: u32,
    body: &wasmparser::FunctionBody<'_>,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) -> Result<()> {
    let ty = env.module.function_type(index);
    function.signature = wasm_signature(ty);
    set_stack_limit(function);
    let regions = Regions::new(function);
    let mut builder = FunctionBuilder::new(function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    let vmctx = builder.block_params(entry)[0];
    let result_area = results_in_memory(ty).then(|| builder.block_params(entry)[1]);
    let mut translator = FuncTranslator {
        builder,
        env,
        vmctx,
        ty,
        result_area,
        regions,
        stack: Vec::new(),
        control: Vec::new(),
        locals: Vec::new(),
        reachable: true,
        place: Place::Function,
        landings: Vec::new(),
        signatures: Default::default(),
        functions: Default::default(),
        static_tables: Default::default(),
        reached: Reached::default(),
        inlined_bytes: 0,
        pending_fuel: 0,
        hints: env.module.hints_of(index),
        body_start: body.range().start,
        offset: 0,
    };
    let parameters = translator.builder.block_params(entry)[first_parameter(ty)..].to_vec();
    translator.declare_locals(&parameters, ty, body)?;
    translator.push_function_frame(ty);
    translator.charge_entry();
    translator.operators(body)?;
    translator.builder.seal_all_blocks();
    translator.builder.finalize(env.isa.frontend_config());
    Ok(())
}

/// The destination of a body's code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A function of its own.
    Function,
    /// A caller, into which it is inlined.
    Caller,
}

impl FuncTranslator<'_, '_> {
    /// Translates the operators of a body.
    fn operators(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<()> {
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            self.builder.set_srcloc(ir::SourceLoc::new(offset as u32));
            self.offset = offset;
            self.operator(&op)?;
        }
        Ok(())
    }

    fn declare_locals(
        &mut self,
        arguments: &[Value],
        ty: &FuncType,
        body: &wasmparser::FunctionBody<'_>,
    ) -> Result<()> {
        for (param, value) in ty.params().iter().zip(arguments) {
            let variable = self.builder.declare_var(clif_type(*param));
            self.builder.def_var(variable, *value);
            self.locals.push((variable, *param));
        }
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            let ty = val_type(ty)?;
            let zero = self.zero(ty);
            for _ in 0..count {
                let variable = self.builder.declare_var(clif_type(ty));
                self.builder.def_var(variable, zero);
                self.locals.push((variable, ty));
            }
        }
        Ok(())
    }

    /// The default value of a local of this type: zero or null.
    pub(super) fn zero(&mut self, ty: ValType) -> Value {
        let ins = self.builder.ins();
        match ty {
            ValType::I32 => ins.iconst(types::I32, 0),
            ValType::I64 | ValType::Ref(_) => ins.iconst(types::I64, 0),
            ValType::F32 => ins.f32const(0.0),
            ValType::F64 => ins.f64const(0.0),
            ValType::V128 => {
                let zero = self.builder.func.dfg.constants.insert(vec![0; 16].into());
                self.builder.ins().vconst(types::I8X16, zero)
            }
        }
    }

    /// Translates one operator. Unreachable code is only tracked for its nesting.
    fn operator(&mut self, op: &Operator<'_>) -> Result<()> {
        if !self.reachable {
            return self.unreachable_operator(op);
        }
        self.meter(op);
        let known = self.control_operator(op)?
            || self.variable_operator(op)?
            || self.numeric_operator(op)
            || self.memory_operator(op)?
            || self.call_operator(op)?
            || self.table_operator(op)?
            || self.reference_operator(op)?
            || self.object_operator(op)?
            || self.array_operator(op)?
            || simd::translate(self, op)?
            || self.exception_operator(op)?
            || self.wide_operator(op)
            || self.atomic_operator(op)?;
        if known {
            Ok(())
        } else {
            Err(Error::Unsupported(format!("{op:?}")))
        }
    }

    /// Pushes a value on the operand stack. A `v128` must be `I8X16`.
    pub(super) fn push(&mut self, value: Value) {
        debug_assert!({
            let ty = self.builder.func.dfg.value_type(value);
            !ty.is_vector() || ty == types::I8X16
        });
        self.stack.push(value);
    }

    /// Pops a value off the operand stack.
    pub(super) fn pop(&mut self) -> Value {
        self.stack
            .pop()
            .expect("validated code does not pop an empty stack")
    }

    /// Pops two values, in the order in which they were pushed.
    pub(super) fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three values, in the order in which they were pushed.
    pub(super) fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pops `count` values, in the order in which they were pushed.
    pub(super) fn pop_many(&mut self, count: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len() - count)
    }

    /// The flags of a context field that is constant while an instance runs.
    pub(super) fn constant_field(&self) -> MemFlagsData {
        MemFlagsData::trusted()
            .with_readonly()
            .with_can_move()
            .with_alias_region(Some(self.regions.context))
    }

    /// The flags of a context field that changes.
    pub(super) fn context_field(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions.context))
    }

    /// Loads a constant pointer from the context.
    pub(super) fn load_pointer(&mut self, offset: i32) -> Value {
        let flags = self.constant_field();
        self.builder
            .ins()
            .load(types::I64, flags, self.vmctx, offset)
    }

    /// The signature of a function type of the module.
    pub(super) fn signature(&mut self, ty: u32) -> ir::SigRef {
        if let Some(signature) = self.signatures.get(&ty) {
            return *signature;
        }
        let signature = wasm_signature(self.env.module.func_type(ty));
        let signature = self.builder.import_signature(signature);
        self.signatures.insert(ty, signature);
        signature
    }

    /// Calls a runtime function and returns its result. See [`crate::vm::libcalls`].
    pub(super) fn libcall(&mut self, call: super::Libcall, args: &[Value]) -> Value {
        let signature = self.builder.import_signature(call.signature());
        let table = self.load_pointer(layout::LIBCALLS);
        let flags = self.constant_field();
        let callee = self
            .builder
            .ins()
            .load(types::I64, flags, table, call.offset());
        let mut all = vec![self.vmctx];
        all.extend_from_slice(args);
        let inst = self.builder.ins().call_indirect(signature, callee, &all);
        self.builder.inst_results(inst)[0]
    }

    /// Traps if `condition` is not zero.
    pub(super) fn trap_if(&mut self, condition: Value, kind: crate::trap::TrapKind) {
        self.builder.ins().trapnz(condition, trap_code(kind));
    }
}
