//! The calling convention of compiled functions.
//!
//! The context comes first, then the parameters, in Cranelift's `tail` convention. Results are
//! returned in registers if there are enough. Otherwise, the caller passes the address of a result
//! area right after the context. A tail call passes on its own caller's area, because its results
//! are the same.

use cranelift_codegen::ir::{
    AbiParam, ArgumentPurpose, Inst, InstBuilder, MemFlagsData, Signature, StackSlotData,
    StackSlotKind, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use crate::types::{FuncType, ValType};

/// The size of an element in an array of values, bytes.
pub(super) const VALUE_SIZE: i32 = 16;
/// Result registers per register class in this convention.
const RESULT_REGISTERS: usize = 8;

/// The CLIF type of a value.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(_) => types::I64,
    }
}

/// Whether a function has too many results for registers.
pub(super) fn results_in_memory(ty: &FuncType) -> bool {
    let float = |ty: &&ValType| matches!(ty, ValType::F32 | ValType::F64 | ValType::V128);
    let floats = ty.results().iter().filter(float).count();
    floats > RESULT_REGISTERS || ty.results().len() - floats > RESULT_REGISTERS
}

/// The signature of compiled code for a function type.
pub(super) fn wasm_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature
        .params
        .push(AbiParam::special(types::I64, ArgumentPurpose::VMContext));
    let values = |types: &[ValType]| -> Vec<AbiParam> {
        types
            .iter()
            .map(|ty| AbiParam::new(clif_type(*ty)))
            .collect()
    };
    if results_in_memory(ty) {
        signature.params.push(AbiParam::new(types::I64));
    } else {
        signature.returns = values(ty.results());
    }
    signature.params.extend(values(ty.params()));
    signature
}

/// The index of the first parameter among a function's arguments.
pub(super) fn first_parameter(ty: &FuncType) -> usize {
    1 + usize::from(results_in_memory(ty))
}

/// The arguments of a call: context, result area if the type needs one, parameters.
pub(super) fn call_arguments(
    builder: &mut FunctionBuilder<'_>,
    ty: &FuncType,
    context: Value,
    parameters: impl IntoIterator<Item = Value>,
) -> Vec<Value> {
    let mut arguments = vec![context];
    if results_in_memory(ty) {
        let size = ty.results().len() as u32 * VALUE_SIZE as u32;
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 4);
        let slot = builder.create_sized_stack_slot(slot);
        arguments.push(builder.ins().stack_addr(types::I64, slot, 0));
    }
    arguments.extend(parameters);
    arguments
}

/// As [`call_results`], for a call that returned these values.
pub(super) fn results_of(
    builder: &mut FunctionBuilder<'_>,
    ty: &FuncType,
    returned: &[Value],
    arguments: &[Value],
) -> Vec<Value> {
    if results_in_memory(ty) {
        return load_values(builder, ty.results(), arguments[1]);
    }
    returned.to_vec()
}

/// The results of a call with these arguments.
pub(super) fn call_results(
    builder: &mut FunctionBuilder<'_>,
    ty: &FuncType,
    call: Inst,
    arguments: &[Value],
) -> Vec<Value> {
    if results_in_memory(ty) {
        return load_values(builder, ty.results(), arguments[1]);
    }
    builder.inst_results(call).to_vec()
}

/// Returns results. `area` is the function's result area, if its type needs one.
pub(super) fn return_results(
    builder: &mut FunctionBuilder<'_>,
    ty: &FuncType,
    area: Option<Value>,
    results: &[Value],
) {
    match area.filter(|_| results_in_memory(ty)) {
        Some(area) => {
            store_values(builder, results.iter().copied(), area);
            builder.ins().return_(&[]);
        }
        None => {
            builder.ins().return_(results);
        }
    }
}

/// Loads values from an array.
pub(super) fn load_values(
    builder: &mut FunctionBuilder<'_>,
    types: &[ValType],
    array: Value,
) -> Vec<Value> {
    let mut values = Vec::with_capacity(types.len());
    for (i, ty) in types.iter().enumerate() {
        let flags = MemFlagsData::trusted();
        let offset = i as i32 * VALUE_SIZE;
        values.push(builder.ins().load(clif_type(*ty), flags, array, offset));
    }
    values
}

/// Stores values into an array.
pub(super) fn store_values(
    builder: &mut FunctionBuilder<'_>,
    values: impl IntoIterator<Item = Value>,
    array: Value,
) {
    for (i, value) in values.into_iter().enumerate() {
        let flags = MemFlagsData::trusted();
        builder
            .ins()
            .store(flags, value, array, i as i32 * VALUE_SIZE);
    }
}
