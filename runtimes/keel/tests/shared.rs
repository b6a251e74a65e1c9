//! Shared memories: several stores on several threads, waiting, growth, and interruption of
//! waiters.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use keel::{
    Config, Engine, Error, IndexType, Instance, Limits, Linker, Memory, MemoryType, Module,
    SharedMemory, Sharing, Store, TrapKind,
};

const TEXT: &str = r#"(module
    (import "host" "memory" (memory $m 1 8 shared))
    (export "memory" (memory $m))
    (func (export "count") (param $times i32)
        (loop $more
            (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
            (drop (i64.atomic.rmw.add (i32.const 16) (i64.const 0x100000001)))
            (drop (i32.atomic.rmw8.add_u (i32.const 24) (i32.const 1)))
            (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    (func (export "exchange") (param $times i32) (local $old i32)
        (loop $more
            (local.set $old (i32.atomic.load (i32.const 32)))
            (br_if $more (i32.ne (local.get $old)
                (i32.atomic.rmw.cmpxchg (i32.const 32) (local.get $old)
                    (i32.add (local.get $old) (i32.const 3)))))
            (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    (func (export "wait") (param i64) (result i32)
        (memory.atomic.wait32 (i32.const 64) (i32.const 0) (local.get 0)))
    (func (export "wait64") (param i64) (result i32)
        (memory.atomic.wait64 (i32.const 64) (i64.const 0) (local.get 0)))
    (func (export "notify") (param i32) (result i32)
        (memory.atomic.notify (i32.const 64) (local.get 0)))
    (func (export "until-grown") (param i32)
        (loop $more (br_if $more (i32.lt_u (memory.size) (local.get 0))))
        (i32.store8 (i32.sub (i32.shl (local.get 0) (i32.const 16)) (i32.const 1)) (i32.const 9)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "bulk") (param i32 i32 i32)
        (memory.fill (local.get 0) (i32.const 5) (local.get 2))
        (memory.copy (local.get 1) (local.get 0) (local.get 2))))"#;

fn shared(engine: &Engine) -> (SharedMemory, Module) {
    let ty = MemoryType {
        sharing: Sharing::Shared,
        ..MemoryType::new(1, Some(8))
    };
    let memory = SharedMemory::new(ty, &Limits::default()).expect("there is room");
    let module = Module::new(engine, TEXT.as_bytes()).expect("it compiles");
    (memory, module)
}

fn enter(engine: &Engine, memory: &SharedMemory, module: &Module) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    let item = Memory::from_shared(&mut store, memory);
    linker.define("host", "memory", item).expect("free");
    let instance = linker.instantiate(&mut store, module).expect("it starts");
    (store, instance)
}

#[test]
fn threads_count_together() {
    const THREADS: u32 = 4;
    const TIMES: u32 = 20_000;
    let engine = Engine::default();
    let (memory, module) = shared(&engine);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (mut store, instance) = enter(&engine, &memory, &module);
                for name in ["count", "exchange"] {
                    let run = instance.get_typed_func::<u32, ()>(&mut store, name);
                    run.expect("exported")
                        .call(&mut store, TIMES)
                        .expect("no trap");
                }
            });
        }
    });
    let all = u64::from(THREADS * TIMES);
    let word = |at| {
        memory
            .atomic_u32(at)
            .expect("aligned")
            .load(Ordering::SeqCst)
    };
    assert_eq!(u64::from(word(8)), all);
    let long = memory
        .atomic_u64(16)
        .expect("aligned")
        .load(Ordering::SeqCst);
    assert_eq!(long, all << 32 | all);
    assert_eq!(
        word(24),
        (all as u32) & 0xff,
        "a byte, and nothing beside it"
    );
    assert_eq!(u64::from(word(32)), 3 * all);
}

#[test]
fn those_that_wait_are_woken_whatever_their_width() {
    let engine = Engine::default();
    let (memory, module) = shared(&engine);
    std::thread::scope(|scope| {
        let waits = ["wait", "wait64", "wait", "wait64"].map(|name| {
            let (engine, memory, module) = (&engine, &memory, &module);
            scope.spawn(move || {
                let (mut store, instance) = enter(engine, memory, module);
                let wait = instance.get_typed_func::<i64, i32>(&mut store, name);
                wait.expect("exported")
                    .call(&mut store, -1)
                    .expect("no trap")
            })
        });
        let (mut store, instance) = enter(&engine, &memory, &module);
        let notify = instance.get_typed_func::<u32, u32>(&mut store, "notify");
        let notify = notify.expect("exported");
        let mut woken = 0;
        while woken < 4 {
            let now = notify.call(&mut store, 1).expect("no trap");
            assert!(now <= 1);
            woken += now;
        }
        for wait in waits {
            assert_eq!(wait.join().expect("no panic"), 0);
        }
        assert_eq!(memory.notify(64, u32::MAX), 0, "nobody is left");
    });
}

#[test]
fn a_wait_ends_by_its_time_by_another_value_and_by_the_store_s_timeout() {
    let engine = Engine::default();
    let (memory, module) = shared(&engine);
    let (mut store, instance) = enter(&engine, &memory, &module);
    let wait = instance
        .get_typed_func::<i64, i32>(&mut store, "wait")
        .expect("exported");
    let start = Instant::now();
    assert_eq!(wait.call(&mut store, 20_000_000).expect("no trap"), 2);
    assert!(start.elapsed() >= Duration::from_millis(20));
    memory.write(64, &[1]).expect("in bounds");
    assert_eq!(wait.call(&mut store, -1).expect("no trap"), 1);
    memory.write(64, &[0]).expect("in bounds");
    let timeout = store.set_timeout(Some(Duration::from_millis(50)));
    timeout.expect("a thread for it");
    let error = wait.call(&mut store, -1).expect_err("it takes too long");
    assert_eq!(
        error.as_trap().map(|trap| trap.kind),
        Some(TrapKind::Interrupted)
    );
    store.set_timeout(None).expect("nothing to start");
    let handle = store.interrupt_handle().expect("a thread for it");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            handle.interrupt();
        });
        let error = wait.call(&mut store, -1).expect_err("it is interrupted");
        assert_eq!(
            error.as_trap().map(|trap| trap.kind),
            Some(TrapKind::Interrupted)
        );
    });
    assert_eq!(memory.notify(64, u32::MAX), 0, "nobody is left");
}

#[test]
fn what_one_thread_grows_all_have() {
    let engine = Engine::default();
    let (memory, module) = shared(&engine);
    std::thread::scope(|scope| {
        let wait = scope.spawn(|| {
            let (mut store, instance) = enter(&engine, &memory, &module);
            let run = instance.get_typed_func::<u32, ()>(&mut store, "until-grown");
            run.expect("exported").call(&mut store, 4).expect("no trap");
        });
        let (mut store, instance) = enter(&engine, &memory, &module);
        let grow = instance
            .get_typed_func::<u32, i32>(&mut store, "grow")
            .expect("exported");
        assert_eq!(grow.call(&mut store, 2).expect("no trap"), 1);
        assert_eq!(grow.call(&mut store, 100).expect("no trap"), -1);
        assert_eq!(memory.grow(1).expect("there is room"), 3);
        wait.join().expect("no panic");
    });
    let mut last = [0];
    memory.read((4 << 16) - 1, &mut last).expect("in bounds");
    assert_eq!(last, [9]);
    assert!(matches!(
        memory.read(4 << 16, &mut last),
        Err(Error::Limit(_))
    ));
    assert!(memory.atomic_u32((4 << 16) - 2).is_none());
}

#[test]
fn the_bytes_of_a_shared_memory_are_not_lent() {
    let engine = Engine::default();
    let (memory, module) = shared(&engine);
    let (mut store, instance) = enter(&engine, &memory, &module);
    let handle = instance.get_memory(&mut store, "memory").expect("exported");
    assert!(matches!(handle.data(&store), Err(Error::Type(_))));
    assert!(matches!(handle.data_mut(&mut store), Err(Error::Type(_))));
    let again = handle
        .shared(&store)
        .expect("its own store")
        .expect("it is shared");
    let bulk = instance
        .get_typed_func::<(u32, u32, u32), ()>(&mut store, "bulk")
        .expect("exported");
    // Ranges that overlap in either direction.
    for (from, to) in [(1000, 1003), (2003, 2000)] {
        bulk.call(&mut store, (from, to, 10)).expect("no trap");
        let mut found = [0; 14];
        again
            .read(u64::from(from.min(to)), &mut found)
            .expect("in bounds");
        assert_eq!(found[..13], [5; 13]);
        assert_eq!(found[13], 0);
    }
    let error = bulk
        .call(&mut store, (0, 65530, 10))
        .expect_err("out of bounds");
    assert_eq!(
        error.as_trap().map(|trap| trap.kind),
        Some(TrapKind::MemoryOutOfBounds)
    );
    assert!(SharedMemory::new(MemoryType::new(1, Some(2)), &Limits::default()).is_err());
}

#[test]
fn a_memory_with_pages_of_a_byte_ends_where_it_says() {
    let engine = Engine::default();
    let module = br#"(module (memory (export "m") i64 0 100000 (pagesize 1))
        (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
        (func (export "load") (param i64) (result i64) (i64.load offset=3 (local.get 0)))
        (func (export "far") (param i64) (result i32) (i32.load8_u offset=0xffffffffffffffff (local.get 0)))
        (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1))))"#;
    let module = Module::new(&engine, module).expect("it compiles");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("it starts");
    let memory = instance.get_memory(&mut store, "m").expect("exported");
    let ty = memory.ty(&store).expect("its own store");
    assert_eq!((ty.index, ty.page_size_log2), (IndexType::I64, 0));
    let grow = instance
        .get_typed_func::<u64, i64>(&mut store, "grow")
        .expect("exported");
    let load = instance
        .get_typed_func::<u64, u64>(&mut store, "load")
        .expect("exported");
    let far = instance
        .get_typed_func::<u64, u32>(&mut store, "far")
        .expect("exported");
    let fill = instance
        .get_typed_func::<(u64, u64), ()>(&mut store, "fill")
        .expect("exported");
    let mut length = 0;
    for by in [11, 1, 4085, 4096, 1, 65535] {
        assert_eq!(grow.call(&mut store, by).expect("no trap"), length as i64);
        length += by;
        fill.call(&mut store, (0, length))
            .expect("all of it is there");
        assert!(fill.call(&mut store, (1, length)).is_err());
        load.call(&mut store, length - 11)
            .expect("the last eight bytes");
        for beyond in [
            length - 10,
            length,
            u64::MAX,
            u64::MAX - 3,
            u64::MAX - 10,
            1 << 63,
        ] {
            let error = load.call(&mut store, beyond).expect_err("out of bounds");
            let kind = error.as_trap().map(|trap| trap.kind);
            assert_eq!(
                kind,
                Some(TrapKind::MemoryOutOfBounds),
                "{beyond} of {length}"
            );
        }
        assert!(far.call(&mut store, 0).is_err());
        assert!(
            far.call(&mut store, 1).is_err(),
            "the sum wraps, but is out of bounds"
        );
    }
    assert_eq!(grow.call(&mut store, 100_000).expect("no trap"), -1);
}

#[test]
fn a_64_bit_memory_has_what_the_limits_allow() {
    let engine = Engine::new(Config::new());
    let text = br#"(module (memory i64 1)
        (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
        (func (export "store") (param i64) (i64.store offset=40000000 (local.get 0) (i64.const 7)))
        (func (export "near") (param i64) (result i64) (i64.load (local.get 0))))"#;
    let module = Module::new(&engine, text).expect("it compiles");
    let mut store = Store::new(&engine, ());
    store.set_limits(Limits {
        memory_bytes: 6 << 30,
        ..Limits::default()
    });
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("it starts");
    let grow = instance
        .get_typed_func::<u64, i64>(&mut store, "grow")
        .expect("exported");
    let write = instance
        .get_typed_func::<u64, ()>(&mut store, "store")
        .expect("exported");
    let near = instance
        .get_typed_func::<u64, u64>(&mut store, "near")
        .expect("exported");
    let five = 5 << 30;
    assert_eq!(grow.call(&mut store, (five >> 16) - 1).expect("no trap"), 1);
    assert_eq!(
        grow.call(&mut store, 1 << 15).expect("no trap"),
        -1,
        "beyond the limit"
    );
    assert_eq!(grow.call(&mut store, u64::MAX).expect("no trap"), -1);
    write
        .call(&mut store, five - 40_000_008)
        .expect("the last eight bytes");
    assert_eq!(near.call(&mut store, five - 8).expect("no trap"), 7);
    for beyond in [five - 40_000_007, five, u64::MAX, u64::MAX - 40_000_000] {
        assert!(write.call(&mut store, beyond).is_err(), "{beyond}");
    }
    for beyond in [five - 7, five, u64::MAX, u64::MAX - 7] {
        assert!(near.call(&mut store, beyond).is_err(), "{beyond}");
    }
}

#[test]
fn shared_memories_count_in_the_total_of_their_store() {
    let engine = Engine::default();
    let text = "(module (memory (export \"m\") 1 8 shared)
        (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))";
    let module = Module::new(&engine, text.as_bytes()).expect("it compiles");
    let mut store = Store::new(&engine, ());
    store.set_limits(keel::Limits {
        total_bytes: 4 << 16,
        ..keel::Limits::default()
    });
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &module).expect("a page");
    let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow");
    let grow = grow.expect("it is exported");
    assert_eq!(grow.call(&mut store, 2).expect("no trap"), 1);
    assert_eq!(store.used_bytes(), 3 << 16);
    assert_eq!(grow.call(&mut store, 2).expect("no trap"), -1);
    linker
        .instantiate(&mut store, &module)
        .expect("the last page");
    assert!(linker.instantiate(&mut store, &module).is_err());
    assert_eq!(grow.call(&mut store, 1).expect("no trap"), -1);
}
