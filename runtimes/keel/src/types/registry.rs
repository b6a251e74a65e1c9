//! The registry of the types that an engine's modules define. Equal types of different modules
//! share one number.
//!
//! Types are registered by recursion group. Equal groups share one reference-counted entry, which
//! is removed with the last module or host function that uses it. Function types with a
//! [`def::short_id`] need no entry, and a module with no other types registers none.
//!
//! Compiled code reads supertypes from a table at a fixed address, [`DISPLAY_BYTES`] per type: the
//! indices of the type and its supertypes, by depth. A type is a subtype of another if and only if
//! the other's index is at the other's depth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::def::{self, Composite, TypeDef, group_key, groups, short_id_of};
use super::layout::Layout;
use super::{FuncType, HeapType, RefType, TypeId, ValType};
use crate::error::{Error, Result};
use crate::vm::memory::Reservation;

/// Marks the number of a registered type; the other bits are its index.
pub(crate) const REGISTERED: u64 = 1 << 63;
/// The size of a type's row in the table for compiled code: eight indices.
pub(crate) const DISPLAY_BYTES: usize = 32;
/// The number of indices in a row.
pub(crate) const DISPLAY_DEPTHS: usize = DISPLAY_BYTES / 4;
/// The maximum number of types in an engine at one time.
const MAX_TYPES: usize = 4 << 20;

/// The index at depth zero of every structure type; the next two are for arrays and functions.
pub(crate) const ANY_STRUCT: u32 = 1;
/// See [`ANY_STRUCT`].
pub(crate) const ANY_ARRAY: u32 = 2;
/// See [`ANY_STRUCT`].
pub(crate) const ANY_FUNC: u32 = 3;
/// The first index of a registered type.
const FIRST: u32 = 8;

/// A registered type.
#[derive(Debug)]
pub(crate) struct TypeInfo {
    pub(crate) id: TypeId,
    /// The number by which compiled code compares the type.
    pub(crate) number: u64,
    /// The index of each supertype by depth, from [`ANY_STRUCT`] or a similar root down to the type
    /// itself.
    pub(crate) supers: Box<[u32]>,
    /// Concrete types in it have the engine's indices.
    pub(crate) composite: Composite,
    /// The layout of its objects; `None` for functions.
    pub(crate) layout: Option<Layout>,
}

/// The registered types of an engine.
#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: Vec<Place>,
    free_places: Vec<u32>,
    groups: Vec<Option<Group>>,
    free_groups: Vec<u32>,
    by_key: HashMap<Arc<[u64]>, u32>,
    /// The table that compiled code reads.
    displays: Option<Reservation>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    ty: Option<Arc<TypeInfo>>,
    group: u32,
}

struct Group {
    /// The number of sets and groups that use it.
    users: usize,
    key: Arc<[u64]>,
    places: Box<[u32]>,
    /// The groups that it uses.
    uses: Box<[u32]>,
}

/// The types of one module or host function. Keeps them registered.
pub(crate) struct TypeSet {
    registry: Arc<Registry>,
    groups: Vec<u32>,
    /// The first row of the table that compiled code reads.
    displays: *const u8,
    /// In the module's order.
    pub(crate) types: Vec<Arc<TypeInfo>>,
}

// SAFETY: the pointer is to the registry's table, which `registry` keeps alive. Rows of registered
// types are never written, so any thread may read them.
unsafe impl Send for TypeSet {}
// SAFETY: as above.
unsafe impl Sync for TypeSet {}

impl TypeSet {
    /// The first row of the table that compiled code reads; null if there is no type.
    pub(crate) fn displays(&self) -> *const u8 {
        self.displays
    }
}

impl Drop for TypeSet {
    fn drop(&mut self) {
        self.registry
            .lock()
            .release(std::mem::take(&mut self.groups));
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the types of a module. Concrete types in them have the module's indices.
    ///
    /// # Errors
    /// [`Error::Limit`] if the engine has too many types.
    pub(crate) fn register(self: &Arc<Registry>, types: &[TypeDef]) -> Result<TypeSet> {
        let mut set = TypeSet {
            registry: self.clone(),
            groups: Vec::new(),
            displays: std::ptr::null(),
            types: Vec::with_capacity(types.len()),
        };
        let mut state = self.lock();
        // Growing the hash table rehashes all of it, which costs more the larger it is.
        state.by_key.reserve(types.len());
        for (first, group) in groups(types) {
            let known = &set.types;
            let place = |index: u32| known[index as usize].id.index;
            let key = group_key(first, group, |index| place(index).into());
            let entry = state.enter(first, group, &key, known)?;
            set.groups.push(entry);
            state.collect(entry, &mut set.types);
        }
        set.displays = state.displays();
        Ok(set)
    }

    /// Registers the type of a host function. Concrete types in it have the engine's indices.
    ///
    /// # Errors
    /// [`Error::Type`] if a concrete type in it is not registered.
    pub(crate) fn register_func(self: &Arc<Registry>, ty: &FuncType) -> Result<TypeSet> {
        let mut state = self.lock();
        let mut known = Vec::new();
        // The types that it mentions come first, so that they have indices.
        let mut local = |ty: &ValType| -> Result<ValType> {
            let ValType::Ref(RefType {
                nullable,
                heap: HeapType::Concrete(id),
            }) = *ty
            else {
                return Ok(*ty);
            };
            let info = state.info(id).ok_or_else(unknown_type)?;
            known.push(info);
            let heap = HeapType::Concrete(TypeId::of_module(known.len() as u32 - 1));
            Ok(ValType::Ref(RefType { nullable, heap }))
        };
        let params: Vec<ValType> = ty.params().iter().map(&mut local).collect::<Result<_>>()?;
        let results: Vec<ValType> = ty.results().iter().map(&mut local).collect::<Result<_>>()?;
        let first = known.len() as u32;
        let group = [TypeDef {
            is_final: true,
            supertype: None,
            group: first,
            composite: Composite::Func(FuncType::new(params, results)),
        }];
        let key = group_key(first, &group, |index| known[index as usize].id.index.into());
        let entry = state.enter(first, &group, &key, &known)?;
        let mut types = Vec::new();
        state.collect(entry, &mut types);
        let displays = state.displays();
        drop(state);
        Ok(TypeSet {
            displays,
            registry: self.clone(),
            groups: vec![entry],
            types,
        })
    }

    /// The registered type; `None` if it was removed.
    pub(crate) fn info(&self, id: TypeId) -> Option<Arc<TypeInfo>> {
        self.lock().info(id)
    }

    /// The registered type with this number.
    pub(crate) fn by_number(&self, number: u64) -> Option<Arc<TypeInfo>> {
        if number & REGISTERED == 0 {
            return None;
        }
        let place = (number & !REGISTERED) as usize;
        self.lock().places.get(place)?.ty.clone()
    }

    /// The function type with this number.
    pub(crate) fn func_type(&self, number: u64) -> FuncType {
        match self.by_number(number).as_deref() {
            Some(TypeInfo {
                composite: Composite::Func(ty),
                ..
            }) => ty.clone(),
            _ => def::type_of_short_id(number & !REGISTERED),
        }
    }

    /// Whether a type is a function type.
    pub(crate) fn is_function(&self, id: TypeId) -> bool {
        let info = self.info(id);
        info.is_some_and(|ty| matches!(ty.composite, Composite::Func(_)))
    }

    /// Whether the type numbered `number` equals the type numbered `wide`, or is a subtype of it.
    pub(crate) fn is_subtype(&self, number: u64, wide: u64) -> bool {
        number == wide
            || self.by_number(number).is_some_and(|ty| {
                ty.supers
                    .iter()
                    .any(|place| u64::from(*place) | REGISTERED == wide)
            })
    }

    /// Whether `ty` is a subtype of `wide`.
    pub(crate) fn matches(&self, ty: ValType, wide: ValType) -> bool {
        match (ty, wide) {
            (ValType::Ref(ty), ValType::Ref(wide)) => {
                (wide.nullable || !ty.nullable) && self.heap_matches(ty.heap, wide.heap)
            }
            _ => ty == wide,
        }
    }

    /// Whether the heap type `heap` is a subtype of `wide`.
    pub(crate) fn heap_matches(&self, heap: HeapType, wide: HeapType) -> bool {
        match (heap, wide) {
            (HeapType::Concrete(id), HeapType::Concrete(wide)) => {
                id == wide
                    || self.info(id).is_some_and(|ty| {
                        self.info(wide).is_some() && ty.supers.contains(&wide.index)
                    })
            }
            (HeapType::Concrete(id), wide) => self
                .info(id)
                .is_some_and(|ty| ty.composite.heap().is_within(wide)),
            (heap, HeapType::Concrete(wide)) => self
                .info(wide)
                .is_some_and(|ty| heap.is_within(ty.composite.heap()) && heap.is_bottom()),
            (heap, wide) => heap.is_within(wide),
        }
    }

    /// The number of registered types.
    #[cfg(test)]
    fn count(&self) -> usize {
        let state = self.lock();
        state
            .places
            .iter()
            .filter(|place| place.ty.is_some())
            .count()
    }
}

fn unknown_type() -> Error {
    Error::Type("a type is mentioned that no module of the engine defines any more".to_owned())
}

impl HeapType {
    /// Whether null is the only value.
    pub(crate) fn is_bottom(self) -> bool {
        matches!(
            self,
            HeapType::None | HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn
        )
    }
}

impl Composite {
    /// The abstract supertype of all types of this kind.
    pub(crate) fn heap(&self) -> HeapType {
        match self {
            Composite::Func(_) => HeapType::Func,
            Composite::Struct(_) => HeapType::Struct,
            Composite::Array(_) => HeapType::Array,
        }
    }

    /// The index at depth zero of types of this kind.
    fn root(&self) -> u32 {
        match self {
            Composite::Func(_) => ANY_FUNC,
            Composite::Struct(_) => ANY_STRUCT,
            Composite::Array(_) => ANY_ARRAY,
        }
    }
}

impl State {
    fn info(&self, id: TypeId) -> Option<Arc<TypeInfo>> {
        let place = self.places.get(id.index as usize)?;
        place.ty.clone().filter(|ty| ty.id == id)
    }

    fn displays(&self) -> *const u8 {
        let displays = self.displays.as_ref();
        displays.map_or(std::ptr::null(), |lines| lines.base().as_ptr())
    }

    /// Appends the types of a group to a list.
    fn collect(&self, group: u32, types: &mut Vec<Arc<TypeInfo>>) {
        let Some(group) = &self.groups[group as usize] else {
            return;
        };
        let places = group.places.iter();
        types.extend(places.filter_map(|place| self.places[*place as usize].ty.clone()));
    }

    /// The entry of a group, with one more user. `known` are the types before it.
    fn enter(
        &mut self,
        first: u32,
        group: &[TypeDef],
        key: &[u64],
        known: &[Arc<TypeInfo>],
    ) -> Result<u32> {
        if let Some(entry) = self.by_key.get(key) {
            let entry = *entry;
            self.use_group(entry);
            return Ok(entry);
        }
        if self.places.len() - self.free_places.len() + group.len() > MAX_TYPES {
            return Err(Error::Limit(format!(
                "the engine's modules define more than {MAX_TYPES} types"
            )));
        }
        if self.displays.is_none() {
            let lines = Reservation::new(MAX_TYPES * DISPLAY_BYTES)?;
            lines.make_accessible(0, MAX_TYPES * DISPLAY_BYTES)?;
            self.displays = Some(lines);
            self.places.resize_with(FIRST as usize, Place::default);
        }
        let places: Box<[u32]> = group.iter().map(|_| self.take_place()).collect();
        let entry = match self.free_groups.pop() {
            Some(entry) => entry,
            None => {
                self.groups.push(None);
                self.groups.len() as u32 - 1
            }
        };
        let ids: Vec<TypeId> = places
            .iter()
            .map(|index| TypeId {
                index: *index,
                generation: self.places[*index as usize].generation,
            })
            .collect();
        let mut uses: Vec<u32> = Vec::new();
        self.fill(entry, first, group, &ids, known, &mut uses);
        uses.sort_unstable();
        uses.dedup();
        for used in &uses {
            self.use_group(*used);
        }
        let key: Arc<[u64]> = key.into();
        self.by_key.insert(key.clone(), entry);
        self.groups[entry as usize] = Some(Group {
            users: 1,
            key,
            places,
            uses: uses.into(),
        });
        Ok(entry)
    }

    /// Stores the types of a group, and collects the groups that they mention.
    fn fill(
        &mut self,
        entry: u32,
        first: u32,
        group: &[TypeDef],
        ids: &[TypeId],
        known: &[Arc<TypeInfo>],
        uses: &mut Vec<u32>,
    ) {
        let alone = group.len() == 1;
        for (i, ty) in group.iter().enumerate() {
            let uses = std::cell::RefCell::new(&mut *uses);
            let resolve = |index: u32| match index.checked_sub(first) {
                Some(within) => ids[within as usize],
                None => {
                    let id = known[index as usize].id;
                    uses.borrow_mut().push(self.places[id.index as usize].group);
                    id
                }
            };
            let supertype = ty.supertype.map(resolve);
            let composite = ty.composite.map(|id| resolve(id.index));
            let above = supertype.and_then(|id| self.places[id.index as usize].ty.as_ref());
            let mut supers = match above {
                Some(above) => above.supers.to_vec(),
                None => vec![ty.composite.root()],
            };
            let is_function = |id: TypeId| match id.index.checked_sub(first) {
                Some(within) => matches!(group[within as usize].composite, Composite::Func(_)),
                None => matches!(known[id.index as usize].composite, Composite::Func(_)),
            };
            let above = above.and_then(|above| above.layout.as_ref());
            let layout = Layout::new(&ty.composite, above, is_function);
            let id = ids[i];
            supers.push(id.index);
            let info = TypeInfo {
                id,
                number: short_id_of(ty, alone).unwrap_or(u64::from(id.index) | REGISTERED),
                supers: supers.into(),
                composite,
                layout,
            };
            self.write_display(&info);
            let place = &mut self.places[id.index as usize];
            place.ty = Some(Arc::new(info));
            place.group = entry;
        }
    }

    fn write_display(&mut self, ty: &TypeInfo) {
        let mut line = [0u32; DISPLAY_DEPTHS];
        for (to, from) in line.iter_mut().zip(&ty.supers) {
            *to = *from;
        }
        if let Some(lines) = &self.displays {
            lines.write(ty.id.index as usize * DISPLAY_BYTES, line);
        }
    }

    fn take_place(&mut self) -> u32 {
        let place = match self.free_places.pop() {
            Some(place) => place,
            None => {
                self.places.push(Place::default());
                self.places.len() as u32 - 1
            }
        };
        let generation = &mut self.places[place as usize].generation;
        *generation = generation.wrapping_add(1).max(1);
        place
    }

    fn use_group(&mut self, group: u32) {
        if let Some(group) = &mut self.groups[group as usize] {
            group.users += 1;
        }
    }

    /// Removes one use of each of these groups, and of the groups that only they used.
    fn release(&mut self, mut groups: Vec<u32>) {
        while let Some(entry) = groups.pop() {
            let place = &mut self.groups[entry as usize];
            let Some(group) = place else { continue };
            group.users -= 1;
            if group.users > 0 {
                continue;
            }
            let Some(group) = place.take() else { continue };
            self.by_key.remove(&group.key);
            self.free_groups.push(entry);
            for index in group.places {
                self.places[index as usize].ty = None;
                self.free_places.push(index);
            }
            groups.extend(group.uses);
        }
    }
}

#[cfg(test)]
mod tests;
