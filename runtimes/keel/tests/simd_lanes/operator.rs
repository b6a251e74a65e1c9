//! Functions of one vector operator, assembled by hand and compared with Rust.

use std::fmt::Debug;

use keel::{Config, Engine, Error, Instance, Linker, Module, Store, TypedFunc, WasmTypes};

use crate::lane::{Lane, lanes, pairs, singles, vector};

const V128: u8 = 0x7b;
const I32: u8 = 0x7f;
const LOCAL_GET: u8 = 0x20;
const END: u8 = 0x0b;

/// A compiled function and its store.
pub(crate) struct Function<P: WasmTypes, R: WasmTypes> {
    store: Store<()>,
    instance: Instance,
    function: TypedFunc<P, R>,
}

impl<P: WasmTypes, R: WasmTypes> Function<P, R> {
    /// The function with this code. Its parameters are locals.
    fn new(params: &[u8], result: u8, code: &[u8]) -> Function<P, R> {
        Function::of(&module(params, result, code, &[], &[1, b'f', 0, 0]))
    }

    fn of(module: &[u8]) -> Function<P, R> {
        let engine = Engine::new(Config::new());
        let module = Module::new(&engine, module).expect("module compiles");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect("module instantiates");
        let function = instance
            .get_typed_func(&mut store, "f")
            .expect("module exports `f`");
        Function {
            store,
            instance,
            function,
        }
    }

    pub(crate) fn call(&mut self, args: P) -> R {
        self.try_call(args)
            .expect("vector arithmetic does not trap")
    }

    pub(crate) fn try_call(&mut self, args: P) -> Result<R, Error> {
        self.function.call(&mut self.store, args)
    }

    /// The contents of the memory exported as `m`.
    pub(crate) fn memory(&mut self) -> &mut [u8] {
        let memory = self
            .instance
            .get_memory(&mut self.store, "m")
            .expect("module exports `m`");
        memory
            .data_mut(&mut self.store)
            .expect("it is of this store")
    }
}

/// A module with one function and at most one memory. Every section is shorter than 128 bytes, so
/// that each length is one byte.
fn module(params: &[u8], result: u8, code: &[u8], memories: &[u8], exports: &[u8]) -> Vec<u8> {
    let section = |id: u8, content: &[u8]| [&[id, content.len() as u8], content].concat();
    let ty = [&[1, 0x60, params.len() as u8], params, &[1, result]].concat();
    let body = [&[0], code, &[END]].concat();
    let exported = exports
        .iter()
        .filter(|byte| byte.is_ascii_lowercase())
        .count() as u8;
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &ty),
        section(3, &[1, 0]),
        if memories.is_empty() {
            Vec::new()
        } else {
            section(5, memories)
        },
        section(7, &[&[exported], exports].concat()),
        section(10, &[&[1, body.len() as u8], &body[..]].concat()),
    ]
    .concat()
}

/// The operator's bytes: the prefix and its number in LEB128.
pub(crate) fn encode(opcode: u32) -> Vec<u8> {
    if opcode < 0x80 {
        return vec![0xfd, opcode as u8];
    }
    vec![0xfd, opcode as u8 | 0x80, (opcode >> 7) as u8]
}

/// Pushes the parameters in this order, then runs the code.
pub(crate) fn with_locals(order: &[u8], code: &[u8]) -> Vec<u8> {
    let gets = order.iter().flat_map(|local| [LOCAL_GET, *local]);
    gets.chain(code.iter().copied()).collect()
}

pub(crate) fn unary(opcode: u32) -> Function<u128, u128> {
    Function::new(&[V128], V128, &with_locals(&[0], &encode(opcode)))
}

pub(crate) fn binary(opcode: u32) -> Function<(u128, u128), u128> {
    two_vectors(&with_locals(&[0, 1], &encode(opcode)))
}

/// A function from two vectors to one.
pub(crate) fn two_vectors(code: &[u8]) -> Function<(u128, u128), u128> {
    Function::new(&[V128, V128], V128, code)
}

pub(crate) fn ternary(opcode: u32) -> Function<(u128, u128, u128), u128> {
    Function::new(&[V128; 3], V128, &with_locals(&[0, 1, 2], &encode(opcode)))
}

/// A function of an address and a vector, in a module with one page of memory. It pushes some of
/// the two, runs the code, and pushes others.
pub(crate) fn access(before: &[u8], code: &[u8], after: &[u8]) -> Function<(i32, u128), u128> {
    let code = with_locals(before, &[code, &with_locals(after, &[])].concat());
    let exports = [1, b'f', 0, 0, 1, b'm', 2, 0];
    Function::of(&module(&[I32, V128], V128, &code, &[1, 0, 1], &exports))
}

fn shift(opcode: u32) -> Function<(u128, i32), u128> {
    Function::new(&[V128, I32], V128, &with_locals(&[0, 1], &encode(opcode)))
}

fn test(opcode: u32) -> Function<u128, i32> {
    Function::new(&[V128], I32, &with_locals(&[0], &encode(opcode)))
}

fn assert_lanes<R: Lane>(opcode: u32, input: impl Debug, actual: u128, expected: u128) {
    let same = lanes::<R>(actual)
        .iter()
        .zip(lanes::<R>(expected))
        .all(|(a, e)| a.same_as(e));
    assert!(
        same,
        "0xfd {opcode:#x} of {input:x?}: {actual:#034x}, but Rust says {expected:#034x}"
    );
}

/// Compares an operator on one vector with lanes `T` with Rust.
pub(crate) fn check_vector<T: Lane, R: Lane>(opcode: u32, reference: impl Fn(&[T]) -> Vec<R>) {
    let mut function = unary(opcode);
    for value in singles::<T>() {
        let expected = vector(&reference(&lanes(value)));
        assert_lanes::<R>(opcode, value, function.call(value), expected);
    }
}

/// Compares an operator on two vectors with Rust.
pub(crate) fn check_vectors<T: Lane, R: Lane>(
    opcode: u32,
    reference: impl Fn(&[T], &[T]) -> Vec<R>,
) {
    let mut function = binary(opcode);
    for (a, b) in pairs::<T>() {
        let expected = vector(&reference(&lanes(a), &lanes(b)));
        assert_lanes::<R>(opcode, (a, b), function.call((a, b)), expected);
    }
}

/// Compares an operator that works lane by lane with Rust.
pub(crate) fn check_unary<T: Lane, R: Lane>(opcode: u32, reference: impl Fn(T) -> R) {
    check_vector(opcode, |lanes: &[T]| {
        lanes.iter().map(|lane| reference(*lane)).collect()
    });
}

/// Compares an operator that works on pairs of lanes with Rust.
pub(crate) fn check_binary<T: Lane, R: Lane>(opcode: u32, reference: impl Fn(T, T) -> R) {
    check_vectors(opcode, |a: &[T], b: &[T]| {
        a.iter().zip(b).map(|(a, b)| reference(*a, *b)).collect()
    });
}

/// Compares a shift of each lane by the same count with Rust.
pub(crate) fn check_shift<T: Lane>(opcode: u32, reference: impl Fn(T, u32) -> T) {
    let mut function = shift(opcode);
    for value in singles::<T>() {
        for count in (0..=T::BITS + 1).chain([u32::MAX, 1 << 31]) {
            let shifted: Vec<T> = lanes(value)
                .into_iter()
                .map(|lane| reference(lane, count % T::BITS))
                .collect();
            let actual = function.call((value, count as i32));
            assert_lanes::<T>(opcode, (value, count), actual, vector(&shifted));
        }
    }
}

/// Compares an operator from a vector to an `i32` with Rust.
pub(crate) fn check_test<T: Lane>(opcode: u32, reference: impl Fn(&[T]) -> u32) {
    let mut function = test(opcode);
    let few_lanes = (0..128 / T::BITS).flat_map(|lane| {
        let one = ((1_u128 << (T::BITS - 1) << 1) - 1) << (lane * T::BITS);
        [one, !one, one >> 1 & one, 1 << (lane * T::BITS)]
    });
    for value in singles::<T>()
        .into_iter()
        .chain(few_lanes)
        .chain([0, u128::MAX])
    {
        let expected = reference(&lanes(value)) as i32;
        assert_eq!(
            function.call(value),
            expected,
            "0xfd {opcode:#x} of {value:#034x}"
        );
    }
}
