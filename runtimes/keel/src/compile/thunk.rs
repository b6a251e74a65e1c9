//! Thunks between WebAssembly code and the host. Each module has its own, so that an artefact can
//! be called and can call out without a compiler.

use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::abi::{
    VALUE_SIZE, clif_type, first_parameter, load_values, results_in_memory, return_results,
    store_values, wasm_signature,
};
use super::translate::{Environment, set_stack_limit_at};
use super::{Libcall, trap_code};
use crate::module::layout;
use crate::trap::TrapKind;
use crate::types::{FuncType, ValType};
use crate::vm::context::in_register;

/// From native code to WebAssembly, for one function type: `fn(context, code, values)`. `values`
/// has the arguments before the call and the results after it. The convention preserves no register:
/// the code that enters has already saved them. It passes the first arguments like the C convention.
pub(super) fn entry(
    env: &Environment<'_>,
    ty: &FuncType,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    function.signature = Signature::new(CallConv::Tail);
    function.signature.params = vec![AbiParam::new(types::I64); 3];
    let mut builder = FunctionBuilder::new(function, context);
    let block = start(&mut builder);
    let [vmctx, code, values] = builder.block_params(block)[..] else {
        unreachable!("the signature has three parameters");
    };
    let mut args = vec![vmctx];
    // Results that the function returns in memory go straight to the array.
    args.extend(results_in_memory(ty).then_some(values));
    args.extend(load_values(&mut builder, ty.params(), values));
    let signature = builder.import_signature(wasm_signature(ty));
    let call = builder.ins().call_indirect(signature, code, &args);
    let results = builder.inst_results(call).to_vec();
    store_values(&mut builder, results, values);
    builder.ins().return_(&[]);
    builder.finalize(env.isa.frontend_config());
}

/// From WebAssembly to native code, for one imported function. Its context is the import's own
/// entry, which names the function to call; the caller's context is at a fixed distance from the
/// entry.
pub(super) fn host(
    env: &Environment<'_>,
    import: u32,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let ty = env.module.function_type(import);
    let entry_offset = env.layout.imported_function(import);
    function.signature = wasm_signature(ty);
    set_stack_limit_at(function, layout::STACK_LIMIT - entry_offset);
    let mut builder = FunctionBuilder::new(function, context);
    let block = start(&mut builder);
    let entry = builder.block_params(block)[0];
    let flags = MemFlagsData::trusted();
    let count = ty.params().len().max(ty.results().len()).max(1) as u32;
    let slot = builder.create_sized_stack_slot(StackSlotData::new(
        StackSlotKind::ExplicitSlot,
        count * VALUE_SIZE as u32,
        4,
    ));
    let values = builder.ins().stack_addr(types::I64, slot, 0);
    let arguments = builder.block_params(block).to_vec();
    let parameters = arguments[first_parameter(ty)..].iter().copied();
    store_values(&mut builder, parameters, values);
    let host = builder.ins().load(types::I64, flags, entry, 16);
    let environment = builder.ins().load(types::I64, flags, entry, 24);
    let vmctx = builder.ins().iadd_imm_s(entry, -i64::from(entry_offset));
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 3];
    signature.returns = vec![AbiParam::new(types::I64); 2];
    let mut passed = vec![environment, vmctx, values];
    if ty.params().iter().copied().all(in_register) {
        let params = ty.params().iter();
        signature
            .params
            .extend(params.map(|ty| AbiParam::new(clif_type(*ty))));
        passed.extend_from_slice(&arguments[first_parameter(ty)..]);
    }
    let signature = builder.import_signature(signature);
    let call = builder.ins().call_indirect(signature, host, &passed);
    let [status, only] = builder.inst_results(call)[..] else {
        unreachable!("the signature has two results");
    };
    let failed = builder.create_block();
    let done = builder.create_block();
    builder.set_cold_block(failed);
    builder.ins().brif(status, failed, &[], done, &[]);
    builder.switch_to_block(failed);
    let signature = builder.import_signature(Libcall::Raise.signature());
    let table = builder
        .ins()
        .load(types::I64, flags, vmctx, layout::LIBCALLS);
    let raise = builder
        .ins()
        .load(types::I64, flags, table, Libcall::Raise.offset());
    builder.ins().call_indirect(signature, raise, &[vmctx]);
    builder.ins().trap(trap_code(TrapKind::Unreachable));
    builder.switch_to_block(done);
    let results = match ty.results() {
        [ty] if in_register(*ty) => vec![from_bits(&mut builder, *ty, only)],
        results => load_values(&mut builder, results, values),
    };
    return_results(&mut builder, ty, arguments.get(1).copied(), &results);
    builder.seal_all_blocks();
    builder.finalize(env.isa.frontend_config());
}

/// Converts a value from its bits in an integer register.
fn from_bits(builder: &mut FunctionBuilder<'_>, ty: ValType, bits: ir::Value) -> ir::Value {
    let flags = MemFlagsData::new();
    match ty {
        ValType::I32 => builder.ins().ireduce(types::I32, bits),
        ValType::F32 => {
            let low = builder.ins().ireduce(types::I32, bits);
            builder.ins().bitcast(types::F32, flags, low)
        }
        ValType::F64 => builder.ins().bitcast(types::F64, flags, bits),
        _ => bits,
    }
}

/// Wraps an imported function as one of the module's own: takes the module's context and calls the
/// import with the import's context.
pub(super) fn import(
    env: &Environment<'_>,
    import: u32,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let ty = env.module.function_type(import);
    function.signature = wasm_signature(ty);
    let mut builder = FunctionBuilder::new(function, context);
    let block = start(&mut builder);
    let mut args = builder.block_params(block).to_vec();
    let entry = env.layout.imported_function(import);
    let flags = MemFlagsData::trusted().with_readonly();
    let code = builder.ins().load(types::I64, flags, args[0], entry);
    args[0] = builder.ins().load(types::I64, flags, args[0], entry + 8);
    let signature = builder.import_signature(wasm_signature(ty));
    builder.ins().return_call_indirect(signature, code, &args);
    builder.finalize(env.isa.frontend_config());
}

fn start(builder: &mut FunctionBuilder<'_>) -> ir::Block {
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    block
}
