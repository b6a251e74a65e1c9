use super::super::def::{Field, Storage};
use super::*;

/// A recursive pair: `(type $p (struct (field i32) (field (ref null $p))))`, final or not.
fn pair(index: u32, is_final: bool) -> TypeDef {
    let field = |ty| Field {
        storage: Storage::Val(ty),
        mutable: true,
    };
    let next = HeapType::Concrete(TypeId::of_module(index));
    TypeDef {
        is_final,
        supertype: None,
        group: index,
        composite: Composite::Struct(
            [
                field(ValType::I32),
                field(ValType::Ref(RefType::nullable(next))),
            ]
            .into(),
        ),
    }
}

#[test]
fn equal_groups_share_an_entry_that_goes_with_the_last() {
    let registry = Arc::new(Registry::default());
    let one = registry
        .register(&[pair(0, true), pair(1, false)])
        .expect("room");
    let two = registry.register(&[pair(0, false)]).expect("room");
    assert_eq!(one.types[1].id, two.types[0].id);
    assert_ne!(one.types[0].id, two.types[0].id);
    assert_eq!(registry.count(), 2);
    let kept = two.types[0].id;
    drop(one);
    assert_eq!(registry.count(), 1);
    assert!(registry.info(kept).is_some());
    drop(two);
    assert_eq!(registry.count(), 0);
    assert!(registry.info(kept).is_none());
}

#[test]
fn a_place_that_is_used_again_is_another_type() {
    let registry = Arc::new(Registry::default());
    let gone = registry.register(&[pair(0, true)]).expect("room").types[0].id;
    let set = registry.register(&[pair(0, false)]).expect("room");
    assert_eq!(set.types[0].id.index, gone.index);
    assert!(registry.info(gone).is_none());
    let ty = ValType::Ref(RefType::nullable(HeapType::Concrete(gone)));
    assert!(registry.register_func(&FuncType::new([ty], [])).is_err());
}

#[test]
fn a_type_is_below_its_supertypes_and_what_is_above_all() {
    let registry = Arc::new(Registry::default());
    let below = TypeDef {
        supertype: Some(0),
        ..pair(1, true)
    };
    let set = registry.register(&[pair(0, false), below]).expect("room");
    let heap = |i: usize| HeapType::Concrete(set.types[i].id);
    assert!(registry.heap_matches(heap(1), heap(0)));
    assert!(!registry.heap_matches(heap(0), heap(1)));
    assert!(registry.heap_matches(heap(1), HeapType::Struct));
    assert!(registry.heap_matches(heap(1), HeapType::Any));
    assert!(!registry.heap_matches(heap(1), HeapType::Array));
    assert!(registry.heap_matches(HeapType::None, heap(0)));
    assert!(!registry.heap_matches(HeapType::NoFunc, heap(0)));
    assert!(registry.is_subtype(set.types[1].number, set.types[0].number));
}

#[test]
fn a_chain_of_many_groups_is_registered_and_freed() {
    let registry = Arc::new(Registry::default());
    let chain: Vec<TypeDef> = (0..100_000)
        .map(|i| TypeDef {
            group: i,
            ..pair(i.saturating_sub(1), true)
        })
        .collect();
    let set = registry.register(&chain).expect("room");
    let last = set.types[99_999].id;
    let ty = ValType::Ref(RefType::nullable(HeapType::Concrete(last)));
    let func = registry
        .register_func(&FuncType::new([ty], []))
        .expect("known");
    drop(set);
    assert!(registry.count() >= 99_999);
    drop(func);
    assert_eq!(registry.count(), 0);
}
