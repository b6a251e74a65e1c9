//! Random object graphs, collected at random times and compared with a model of reachability.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::types::def::{Composite, Field, Storage, TypeDef};
use crate::types::registry::Registry;
use crate::types::{HeapType, RefType, ValType};

/// An operation on the heap. Its numbers are reduced modulo what exists.
#[derive(Clone, Debug)]
enum Step {
    /// Allocates and roots a structure with two references.
    Struct(usize, usize),
    /// Allocates and roots an array of `n` references to one object.
    Array(u32, usize),
    Unroot(usize),
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        8 => (any(), any()).prop_map(|(first, second)| Step::Struct(first, second)),
        2 => (0u32..40, any()).prop_map(|(length, of)| Step::Array(length, of)),
        1 => (1000u32..40_000, any()).prop_map(|(length, of)| Step::Array(length, of)),
        6 => any().prop_map(Step::Unroot),
        1 => Just(Step::Collect),
    ]
}

struct Object {
    reference: u32,
    number: u32,
    /// The objects that it refers to, and how often.
    to: Vec<(usize, u32)>,
    handle: Option<(u32, u32)>,
}

struct Model {
    heap: Heap,
    objects: Vec<Object>,
    structure: u32,
    array: u32,
}

const NONE: Roots<'static> = Roots {
    each: &|_| {},
    stack_end: 0,
};

/// The offsets of a structure's number and two references, and its size.
const NUMBER: u32 = 4;
const REFERENCES: u32 = 8;
const BYTES: u32 = 16;

impl Model {
    fn new(limit: u64, stress: bool) -> Model {
        let field = |storage| Field {
            storage,
            mutable: true,
        };
        let eq = Storage::Val(ValType::Ref(RefType::nullable(HeapType::Eq)));
        let number = field(Storage::Val(ValType::I32));
        let def = |group, composite| TypeDef {
            is_final: true,
            supertype: None,
            group,
            composite,
        };
        let types = [
            def(0, Composite::Struct([number, field(eq), field(eq)].into())),
            def(1, Composite::Array(field(eq))),
        ];
        let registry = Arc::new(Registry::default());
        let set = registry.register(&types).expect("room");
        let budget = Budget::new(u64::MAX, None);
        let mut heap = Heap::new(limit, &budget, stress).expect("address space");
        set.types.iter().for_each(|ty| heap.know(ty));
        Model {
            heap,
            objects: Vec::new(),
            structure: set.types[0].id.index,
            array: set.types[1].id.index,
        }
    }

    /// Picks a rooted object.
    fn choose(&self, number: usize) -> Option<usize> {
        let rooted: Vec<usize> = (0..self.objects.len())
            .filter(|i| self.objects[*i].handle.is_some())
            .collect();
        (!rooted.is_empty()).then(|| rooted[number % rooted.len()])
    }

    fn reference(&self, object: Option<usize>) -> u32 {
        object.map_or(0, |i| self.objects[i].reference)
    }

    fn add(&mut self, reference: u32, number: u32, to: Vec<(usize, u32)>) {
        let handle = Some(self.heap.handles.add(reference));
        self.objects.push(Object {
            reference,
            number,
            to,
            handle,
        });
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Struct(first, second) => {
                let to = [self.choose(first), self.choose(second)];
                let Ok(made) = self.heap.new_struct(&NONE, self.structure, BYTES) else {
                    return;
                };
                let number = self.objects.len() as u32;
                self.heap.write_u32(made + NUMBER, number);
                for (i, object) in to.into_iter().enumerate() {
                    let reference = self.reference(object);
                    self.heap
                        .write_u32(made + REFERENCES + 4 * i as u32, reference);
                }
                let to = to.into_iter().enumerate();
                let to = to.filter_map(|(i, object)| Some((object?, i as u32)));
                self.add(made, number, to.collect());
            }
            Step::Array(length, of) => {
                let of = self.choose(of);
                let Ok(made) = self.heap.new_array(&NONE, self.array, 4, length) else {
                    return;
                };
                let reference = self.reference(of);
                for i in 0..length {
                    self.heap
                        .write_u32(made + ARRAY_ELEMENTS as u32 + 4 * i, reference);
                }
                let to = of.filter(|_| length > 0).map(|of| (of, length));
                self.add(made, length, to.into_iter().collect());
            }
            Step::Unroot(number) => {
                if let Some(object) = self.choose(number)
                    && let Some((place, generation)) = self.objects[object].handle.take()
                {
                    self.heap.handles.remove(place, generation);
                }
            }
            Step::Collect => self.heap.collect(&NONE),
        }
    }

    /// Checks that all reachable objects are unchanged.
    fn check(&self) {
        let mut reached = vec![false; self.objects.len()];
        let rooted = |i: &usize| self.objects[*i].handle.is_some();
        let mut pending: Vec<usize> = (0..self.objects.len()).filter(rooted).collect();
        while let Some(i) = pending.pop() {
            if std::mem::replace(&mut reached[i], true) {
                continue;
            }
            let object = &self.objects[i];
            let (heap, at) = (&self.heap, object.reference);
            if heap.type_of(at) == self.array {
                assert_eq!(heap.array_length(at), object.number);
                let expected = object
                    .to
                    .first()
                    .map_or(0, |(to, _)| self.objects[*to].reference);
                for element in 0..object.number {
                    let found = heap.read_u32(at + ARRAY_ELEMENTS as u32 + 4 * element);
                    assert_eq!(found, expected);
                }
            } else {
                assert_eq!(heap.type_of(at), self.structure);
                assert_eq!(heap.read_u32(at + NUMBER), object.number);
                for (to, place) in &object.to {
                    let found = heap.read_u32(at + REFERENCES + 4 * place);
                    assert_eq!(found, self.objects[*to].reference);
                }
            }
            pending.extend(object.to.iter().map(|(to, _)| *to));
        }
    }
}

proptest! {
    #[test]
    fn whatever_can_be_reached_stays_as_it_was(
        steps in proptest::collection::vec(step(), 1..400),
        stress: bool,
    ) {
        let mut model = Model::new(2 << 20, stress);
        for step in &steps {
            model.take(step);
        }
        model.check();
        model.heap.collect(&NONE);
        model.check();
    }

    #[test]
    fn every_address_within_an_object_finds_it(
        steps in proptest::collection::vec(step(), 1..200),
        within: usize,
    ) {
        let mut model = Model::new(8 << 20, false);
        for step in &steps {
            model.take(step);
        }
        model.heap.retire();
        model.heap.retire_overflow();
        model.heap.fresh.sort();
        for i in 0..model.objects.len() {
            if model.objects[i].handle.is_none() {
                continue;
            }
            let object = model.objects[i].reference;
            let bytes = model.heap.object_bytes(object).expect("its type is known");
            let offset = object as usize + within % bytes as usize;
            // As an offset, as an address, and in the upper half of a word.
            for word in [offset, model.heap.base() as usize + offset, offset << 32] {
                let stack = [word];
                let start = stack.as_ptr() as usize;
                let mut found = Vec::new();
                // SAFETY: the range is that of the array `stack`.
                unsafe { model.heap.find(start..start + 8, &mut found) };
                prop_assert!(found.contains(&object));
            }
        }
    }
}

#[test]
fn a_heap_that_is_full_of_garbage_is_not_exhausted() {
    let mut model = Model::new(1 << 20, false);
    for _ in 0..1_000_000 {
        model
            .heap
            .new_struct(&NONE, model.structure, BYTES)
            .expect("all else is garbage");
    }
    assert!(model.heap.collections > 10);
    for _ in 0..1000 {
        model
            .heap
            .new_array(&NONE, model.array, 4, 100_000)
            .expect("all else is garbage");
    }
}
