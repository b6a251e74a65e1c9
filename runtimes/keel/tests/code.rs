//! Optimised code accesses memory and traps exactly as the specification requires.

use keel::{Engine, Error, Linker, Module, Store, TrapKind, TypedFunc, WasmTypes};

fn function<P: WasmTypes, R: WasmTypes>(text: &str) -> (Store<()>, TypedFunc<P, R>) {
    let engine = Engine::default();
    let module = Module::new(&engine, text.as_bytes()).expect("the module compiles");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let instance = instance.expect("an instance");
    let f = instance.get_typed_func(&mut store, "f").expect("f");
    (store, f)
}

/// The result of `f` for an index; `None` if it is out of bounds.
fn reads(body: &str, index: u32) -> Option<u32> {
    let text = format!(
        "(module (memory 1) (data (i32.const 8) \"\\08\\00\\00\\00\") (data (i32.const 65524) \"\\01\\02\\03\\04\")
           (func (export \"f\") (param $x i32) (result i32) (local $i i32) {body}))"
    );
    let (mut store, f) = function::<u32, u32>(&text);
    match f.call(&mut store, index) {
        Ok(value) => Some(value),
        Err(Error::Trap(trap)) => {
            assert_eq!(trap.kind, TrapKind::MemoryOutOfBounds);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

const AT: &str = "(drop (i32.load (local.get $x)))";
const ABOVE: &str = "(i32.load (i32.add (local.get $x) (i32.const 16)))";
/// An index that wraps to 8 when 16 is added.
const WRAPS: u32 = 0xffff_fff8;

#[test]
fn a_sum_wraps_where_nothing_was_reached_before() {
    assert_eq!(reads(ABOVE, WRAPS), Some(8));
    assert_eq!(reads(ABOVE, 65508), Some(0x0403_0201));
    assert_eq!(reads(ABOVE, 65521), None);
}

#[test]
fn a_sum_behind_an_access_is_within_the_memory_or_traps() {
    let body = format!("{AT} {ABOVE}");
    assert_eq!(reads(&body, WRAPS), None);
    assert_eq!(reads(&body, 65508), Some(0x0403_0201));
    for index in [65509, 65516, 65520, 65521, 65532, 65533, 0x7fff_ffff] {
        let inside = index + 16 <= 65532;
        assert_eq!(reads(&body, index).is_some(), inside, "{index}");
    }
}

#[test]
fn an_access_on_another_way_shows_nothing() {
    for before in [
        format!("(if (i32.gt_s (local.get $x) (i32.const 0)) (then {AT}))"),
        format!("(if (i32.gt_s (local.get $x) (i32.const 0)) (then {AT}) (else))"),
        format!("(if (i32.le_s (local.get $x) (i32.const 0)) (then) (else {AT}))"),
        format!("(block (br_if 0 (i32.le_s (local.get $x) (i32.const 0))) {AT})"),
        format!("(block (block (br_table 0 1 (i32.le_s (local.get $x) (i32.const 0)))) {AT})"),
        format!("(block (br 0) {AT})"),
        format!("(block (loop (br_if 1 (i32.le_s (local.get $x) (i32.const 0))) {AT}))"),
    ] {
        let body = format!("{before} {ABOVE}");
        assert_eq!(reads(&body, WRAPS), Some(8), "{before}");
        assert_eq!(reads(&body, 65508), Some(0x0403_0201), "{before}");
    }
}

#[test]
fn each_pass_of_a_loop_reaches_anew() {
    // The second pass accesses 0xffff_fff8 + 16 without a previous access below it.
    let body = "(loop (result i32)
        (if (i32.eqz (local.get $i)) (then (drop (i32.load (local.get $x)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (i32.load (i32.add (local.get $x) (i32.const 16)))
        (local.set $x (i32.const -8))
        (br_if 0 (i32.lt_u (local.get $i) (i32.const 2))))";
    assert_eq!(reads(body, 0), Some(8));
}

#[test]
fn a_difference_and_a_far_sum_are_what_they_are() {
    let body =
        |op: &str, by: u32| format!("{AT} (i32.load (i32.{op} (local.get $x) (i32.const {by})))");
    assert_eq!(reads(&body("sub", 16), 24), Some(8));
    assert_eq!(reads(&body("sub", 16), 8), None);
    assert_eq!(reads(&body("add", -16i32 as u32), 24), Some(8));
    assert_eq!(reads(&body("add", 65537), 0), None);
    assert_eq!(reads(&body("add", 65516), 8), Some(0x0403_0201));
    // Two additions and one subtraction.
    let steps = format!(
        "{AT} (i32.load (i32.sub (i32.add (i32.add (local.get $x) (i32.const 40)) (i32.const 8)) (i32.const 32)))"
    );
    assert_eq!(reads(&steps, 65508), Some(0x0403_0201));
}

#[test]
fn a_memory_never_gets_its_last_page() {
    let text = "(module (memory 1) (func (export \"f\") (param i32) (result i32) (memory.grow (local.get 0))))";
    let (mut store, grow) = function::<i32, i32>(text);
    assert_eq!(grow.call(&mut store, 65535).expect("it runs"), -1);
}

#[test]
fn products_with_constants_are_products() {
    for factor in [3u64, 5, 9, 0x1_0000_0003, 0x1_0000_0005, 7] {
        let text = format!(
            "(module (func (export \"f\") (param i64) (result i64) (i64.mul (local.get 0) (i64.const {factor}))))"
        );
        let (mut store, f) = function::<u64, u64>(&text);
        for value in [0, 1, 7, 0xdead_beef_1234_5678, u64::MAX] {
            let found = f.call(&mut store, value).expect("it runs");
            assert_eq!(found, value.wrapping_mul(factor));
        }
    }
}

/// The functions in the frames of a trap in `f`, and whether each has an offset.
fn frames(text: &str, argument: i32) -> Vec<(u32, bool)> {
    let (mut store, f) = function::<i32, i32>(text);
    match f.call(&mut store, argument) {
        Err(Error::Trap(trap)) => trap
            .frames
            .iter()
            .map(|frame| (frame.function, frame.offset.is_some()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_function_that_stands_in_the_place_of_its_call_has_its_frame() {
    let leaf = "(func $divide (param i32) (result i32) (i32.div_s (i32.const 7) (local.get 0)))";
    let text = format!(
        "(module {leaf} (func (export \"f\") (param i32) (result i32) (call $divide (local.get 0))))"
    );
    assert_eq!(frames(&text, 0), [(0, true), (1, false)]);
    // A function called by an inlined one has a frame of its own.
    let text = format!(
        "(module {leaf}
           (func $calls (param i32) (result i32) (call $divide (local.get 0)))
           (func (export \"f\") (param i32) (result i32) (i32.add (call $calls (local.get 0)) (i32.const 1))))"
    );
    assert_eq!(frames(&text, 0), [(0, true), (1, true), (2, false)]);
}

#[test]
fn a_function_in_the_place_of_its_call_starts_with_locals_of_zero() {
    let text = "(module
        (func $count (param i32) (result i32) (local i32)
            (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (if (i32.eqz (local.get 0)) (then (return (i32.const 100))))
            (local.get 1))
        (func (export \"f\") (param i32) (result i32) (local $sum i32)
            (loop
                (local.set $sum (i32.add (local.get $sum) (call $count (local.get 0))))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if 0 (i32.ge_s (local.get 0) (i32.const 0))))
            (local.get $sum)))";
    let (mut store, f) = function::<i32, i32>(text);
    assert_eq!(f.call(&mut store, 4).expect("it runs"), 4 + 3 + 2 + 1 + 100);
}
