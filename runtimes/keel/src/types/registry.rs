//! The types that an engine's modules define, each known by one number however many modules define it.
//!
//! Types are registered by group, and equal groups share one entry, which is counted: it goes with the last
//! module or host function that uses it. Function types that say themselves by a number ([`def::short_id`])
//! need no entry, and a module of nothing else registers none.
//!
//! Compiled code reads what lies above a type out of a table at a fixed place, [`DISPLAY_BYTES`] a type:
//! the places of the type and of its supertypes, by depth. A type is below another if and only if the
//! other's place stands at the other's depth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::def::{self, Composite, TypeDef, group_key, groups, short_id_of};
use super::layout::Layout;
use super::{FuncType, HeapType, RefType, TypeId, ValType};
use crate::error::{Error, Result};
use crate::vm::memory::Reservation;

/// Marks the number of a type that has one by registry only; the rest is its place.
pub(crate) const REGISTERED: u64 = 1 << 63;
/// Bytes of a type's line in the table that compiled code reads: eight places.
pub(crate) const DISPLAY_BYTES: usize = 32;
/// Depths that a line of the table has room for.
pub(crate) const DISPLAY_DEPTHS: usize = DISPLAY_BYTES / 4;
/// Types that an engine can know at a time.
const MAX_TYPES: usize = 4 << 20;

/// Stand at depth zero, for what is no type of a module: every structure, array, function.
pub(crate) const ANY_STRUCT: u32 = 1;
/// See [`ANY_STRUCT`].
pub(crate) const ANY_ARRAY: u32 = 2;
/// See [`ANY_STRUCT`].
pub(crate) const ANY_FUNC: u32 = 3;
/// The first place that a type can have.
const FIRST: u32 = 8;

/// A registered type.
#[derive(Debug)]
pub(crate) struct TypeInfo {
    pub(crate) id: TypeId,
    /// The number by which compiled code compares it.
    pub(crate) number: u64,
    /// The place of each supertype by depth, from [`ANY_STRUCT`] or its like down to the type itself.
    pub(crate) supers: Box<[u32]>,
    /// Concrete types in it are the engine's.
    pub(crate) composite: Composite,
    /// How its objects lie; functions have none.
    pub(crate) layout: Option<Layout>,
}

/// The types of an engine.
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
    /// How many sets and other groups use it.
    users: usize,
    key: Arc<[u64]>,
    places: Box<[u32]>,
    /// The groups that it uses.
    uses: Box<[u32]>,
}

/// The types of one module or host function, which keeps them registered.
pub(crate) struct TypeSet {
    registry: Arc<Registry>,
    groups: Vec<u32>,
    /// The first line of the table that compiled code reads.
    displays: *const u8,
    /// In the module's order.
    pub(crate) types: Vec<Arc<TypeInfo>>,
}

// SAFETY: the table is the registry's, which the set keeps, and anybody may read it.
unsafe impl Send for TypeSet {}
// SAFETY: as above.
unsafe impl Sync for TypeSet {}

impl TypeSet {
    /// The first line of the table that compiled code reads; null where there is no type at all.
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

    /// Registers the types of a module, concrete types in which are the module's own.
    ///
    /// # Errors
    /// [`Error::Limit`] if the engine knows too many types already.
    pub(crate) fn register(self: &Arc<Registry>, types: &[TypeDef]) -> Result<TypeSet> {
        let mut set = TypeSet {
            registry: self.clone(),
            groups: Vec::new(),
            displays: std::ptr::null(),
            types: Vec::with_capacity(types.len()),
        };
        let mut state = self.lock();
        // A table that grows moves all that is in it, which costs more the larger it is.
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

    /// Registers the type of a host function, concrete types in which are the engine's.
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

    /// A registered type; nothing if it is gone.
    pub(crate) fn info(&self, id: TypeId) -> Option<Arc<TypeInfo>> {
        self.lock().info(id)
    }

    /// The registered type with a number.
    pub(crate) fn by_number(&self, number: u64) -> Option<Arc<TypeInfo>> {
        if number & REGISTERED == 0 {
            return None;
        }
        let place = (number & !REGISTERED) as usize;
        self.lock().places.get(place)?.ty.clone()
    }

    /// The function type with a number.
    pub(crate) fn func_type(&self, number: u64) -> FuncType {
        match self.by_number(number).as_deref() {
            Some(TypeInfo {
                composite: Composite::Func(ty),
                ..
            }) => ty.clone(),
            _ => def::type_of_short_id(number & !REGISTERED),
        }
    }

    /// Whether a type is a function's.
    pub(crate) fn is_function(&self, id: TypeId) -> bool {
        let info = self.info(id);
        info.is_some_and(|ty| matches!(ty.composite, Composite::Func(_)))
    }

    /// Whether the function or object type with one number is the one with the other, or below it.
    pub(crate) fn is_subtype(&self, number: u64, wide: u64) -> bool {
        number == wide
            || self.by_number(number).is_some_and(|ty| {
                ty.supers
                    .iter()
                    .any(|place| u64::from(*place) | REGISTERED == wide)
            })
    }

    /// Whether every value of one type is one of the other.
    pub(crate) fn matches(&self, ty: ValType, wide: ValType) -> bool {
        match (ty, wide) {
            (ValType::Ref(ty), ValType::Ref(wide)) => {
                (wide.nullable || !ty.nullable) && self.heap_matches(ty.heap, wide.heap)
            }
            _ => ty == wide,
        }
    }

    /// Whether whatever one type describes is described by the other.
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

    /// How many types are registered.
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
    /// Whether only null has the type.
    pub(crate) fn is_bottom(self) -> bool {
        matches!(
            self,
            HeapType::None | HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn
        )
    }
}

impl Composite {
    /// The abstract type right above all types of this kind.
    pub(crate) fn heap(&self) -> HeapType {
        match self {
            Composite::Func(_) => HeapType::Func,
            Composite::Struct(_) => HeapType::Struct,
            Composite::Array(_) => HeapType::Array,
        }
    }

    /// What stands at depth zero of types of this kind.
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

    /// Adds the types of a group to a list.
    fn collect(&self, group: u32, types: &mut Vec<Arc<TypeInfo>>) {
        let Some(group) = &self.groups[group as usize] else {
            return;
        };
        let places = group.places.iter();
        types.extend(places.filter_map(|place| self.places[*place as usize].ty.clone()));
    }

    /// The entry of a group, which has one more user from now on. `known` are the types before it.
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

    /// Puts the types of a group at their places, and notes the groups that they mention.
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

    /// Gives up one use of each of these groups, and of those that they alone kept.
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
