//! The small functions between WebAssembly code and the host, made for each module so that an artefact
//! needs no compiler to be called or to call out.

use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::translate::{Environment, clif_type, set_stack_limit_at, wasm_signature};
use super::{Libcall, trap_code};
use crate::module::layout;
use crate::trap::TrapKind;
use crate::types::FuncType;

/// Bytes that each value takes in the array by which host and code hand values over.
const VALUE_SIZE: i32 = 16;

/// Native to WebAssembly, for one function type: `fn(context, code, values)`, where `values` holds the
/// arguments before and the results after.
pub(super) fn entry(
    env: &Environment<'_>,
    ty: &FuncType,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    function.signature = Signature::new(CallConv::SystemV);
    function.signature.params = vec![AbiParam::new(types::I64); 3];
    let mut builder = FunctionBuilder::new(function, context);
    let block = start(&mut builder);
    let [vmctx, code, values] = builder.block_params(block)[..] else {
        unreachable!("the signature has three parameters");
    };
    let flags = MemFlagsData::trusted();
    let mut args = vec![vmctx];
    for (i, param) in ty.params().iter().enumerate() {
        let offset = i as i32 * VALUE_SIZE;
        args.push(builder.ins().load(clif_type(*param), flags, values, offset));
    }
    let signature = builder.import_signature(wasm_signature(ty));
    let call = builder.ins().call_indirect(signature, code, &args);
    for i in 0..ty.results().len() {
        let result = builder.inst_results(call)[i];
        builder
            .ins()
            .store(flags, result, values, i as i32 * VALUE_SIZE);
    }
    builder.ins().return_(&[]);
    builder.finalize(env.isa.frontend_config());
}

/// WebAssembly to native, for one imported function. Its context is the import's own entry, which says
/// what to call; the caller's context lies at a fixed distance from it.
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
    for i in 0..ty.params().len() {
        let arg = builder.block_params(block)[i + 1];
        builder
            .ins()
            .store(flags, arg, values, i as i32 * VALUE_SIZE);
    }
    let host = builder.ins().load(types::I64, flags, entry, 16);
    let environment = builder.ins().load(types::I64, flags, entry, 24);
    let vmctx = builder.ins().iadd_imm_s(entry, -i64::from(entry_offset));
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(types::I64); 3];
    signature.returns = vec![AbiParam::new(types::I32)];
    let signature = builder.import_signature(signature);
    let call = builder
        .ins()
        .call_indirect(signature, host, &[environment, vmctx, values]);
    let status = builder.inst_results(call)[0];
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
    let mut results = Vec::with_capacity(ty.results().len());
    for (i, result) in ty.results().iter().enumerate() {
        let offset = i as i32 * VALUE_SIZE;
        results.push(
            builder
                .ins()
                .load(clif_type(*result), flags, values, offset),
        );
    }
    builder.ins().return_(&results);
    builder.seal_all_blocks();
    builder.finalize(env.isa.frontend_config());
}

/// An imported function as one of the module's own: takes the module's context and passes on to
/// whatever the import is.
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
