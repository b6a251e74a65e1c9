//! A slot of a dropped module serves the engine's next module, which finds no trace of the first.

use keel::{Config, Engine, Linker, Memory, Module, Store};

/// Grows its memory and fills it with a pattern. Its data makes an image.
const FIRST: &str = r#"(module (memory (export "memory") 3) (data (i32.const 70000) "the first module's")
    (global $a (mut i64) (i64.const 0x5ec4e75ec4e75ec4)) (export "a" (global $a))
    (func (export "run")
        (drop (memory.grow (i32.const 2)))
        (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 327680))))"#;

/// A module with `pages` pages of memory and an optional data segment.
fn second(pages: u32, data: &str) -> String {
    format!(
        r#"(module (memory (export "memory") {pages} 5) {data}
        (global $a (mut i64) (i64.const 0)) (export "a" (global $a))
        (func (export "run") (drop (memory.grow (i32.sub (i32.const 5) (memory.size))))))"#
    )
}

struct Ran {
    module: Option<Module>,
    store: Store<()>,
    memory: Memory,
}

impl Ran {
    fn new(engine: &Engine, wat: &str) -> Ran {
        let module = Module::new(engine, wat.as_bytes()).expect("a valid module");
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine)
            .instantiate(&mut store, &module)
            .expect("an instance");
        let memory = instance.get_memory(&mut store, "memory").expect("a memory");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run");
        run.expect("run").call(&mut store, ()).expect("it runs");
        let module = Some(module);
        Ran {
            module,
            store,
            memory,
        }
    }

    fn bytes(&mut self) -> &[u8] {
        self.memory.data(&self.store).expect("its own store")
    }
}

/// Which of the two is dropped first.
#[derive(Clone, Copy, Debug)]
enum Order {
    Module,
    Instance,
}

/// Runs and drops a first module, and returns the address of its memory.
fn leave_one_behind(engine: &Engine, order: Order) -> *const u8 {
    let mut first = Ran::new(engine, FIRST);
    assert!(first.bytes().iter().all(|byte| *byte == 0xa5));
    let place = first.bytes().as_ptr();
    match order {
        Order::Module => {
            first.module = None;
            drop(first);
        }
        Order::Instance => {
            let module = first.module.take();
            drop(first);
            drop(module);
        }
    }
    place
}

#[test]
fn the_next_module_takes_the_slot_and_finds_nothing_of_the_last() {
    for (pages, order) in [1, 2, 3, 4, 5]
        .into_iter()
        .flat_map(|pages| [(pages, Order::Module), (pages, Order::Instance)])
    {
        for data in ["", r#"(data (i32.const 40000) "the second's")"#] {
            let engine = Engine::default();
            let place = leave_one_behind(&engine, order);
            let mut next = Ran::new(&engine, &second(pages, data));
            let bytes = next.bytes();
            assert_eq!(bytes.as_ptr(), place, "{pages} pages: another slot");
            assert_eq!(bytes.len(), 5 << 16);
            let mut expected = vec![0; bytes.len()];
            if !data.is_empty() {
                expected[40000..40012].copy_from_slice(b"the second's");
            }
            let differs = bytes.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!(
                differs, None,
                "{pages} pages, data {data:?}, {order:?} first"
            );
        }
    }
}

#[test]
fn a_slot_that_the_next_module_takes_is_as_small_as_that_module_says() {
    let engine = Engine::default();
    leave_one_behind(&engine, Order::Instance);
    let wat = r#"(module (memory (export "memory") 1) (func (export "run"))
        (global $a (mut i64) (i64.const 0))
        (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    let module = Module::new(&engine, wat.as_bytes()).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("an instance");
    let read = instance.get_typed_func::<u32, u32>(&mut store, "read");
    let read = read.expect("read");
    assert_eq!(read.call(&mut store, 65535).expect("the last byte"), 0);
    for beyond in [65536, 3 << 16, (5 << 16) - 1, u32::MAX] {
        assert!(read.call(&mut store, beyond).is_err(), "byte {beyond}");
    }
}

#[test]
fn an_engine_that_pools_nothing_keeps_no_slot() {
    let engine = Engine::new(Config::new().pooled_slots(0));
    let first = Ran::new(&engine, FIRST);
    drop(first);
    let mut next = Ran::new(&engine, &second(3, ""));
    assert!(next.bytes().iter().all(|byte| *byte == 0));
}
