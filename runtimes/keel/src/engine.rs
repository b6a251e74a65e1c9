//! What modules are compiled with and how code runs: an [`Engine`] and its [`Config`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::artifact::fingerprint::{METERING_FUEL, METERING_OFF};
use crate::cpu::Cpu;
use crate::module::WeakModule;
use crate::module::features::Features;
use crate::types::registry::Registry;
use crate::vm::budget::Budget;
use crate::vm::slot::{BlankSlot, Shape};

/// Settings of an [`Engine`].
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) fuel: Fuel,
    pub(crate) features: Features,
    pub(crate) stack_bytes: usize,
    pub(crate) pooled_slots: usize,
    pub(crate) collect_always: bool,
    pub(crate) total_bytes: u64,
    pub(crate) cpu: Cpu,
    #[cfg(feature = "cache")]
    pub(crate) cache: Option<crate::cache::CodeCache>,
}

/// Whether code counts what it executes, so that it can be made to stop after so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fuel {
    /// Code is not counted, and runs faster.
    #[default]
    Off,
    /// Every operator costs one unit of the store's fuel; see [`Store::set_fuel`](crate::Store::set_fuel).
    Metered,
}

/// A version of WebAssembly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// WebAssembly 1.0 with mutable globals, and nothing else.
    Wasm1,
    /// WebAssembly 2.0: with vectors, reference types, bulk memory, multiple values.
    Wasm2,
    /// WebAssembly 3.0, as far as keel has it.
    Wasm3,
    /// WebAssembly 3.0 and the proposals beyond it that keel has.
    #[default]
    Extended,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            fuel: Fuel::Off,
            features: Features::default(),
            stack_bytes: 512 << 10,
            pooled_slots: 64,
            collect_always: false,
            total_bytes: u64::MAX,
            cpu: Cpu::native(),
            #[cfg(feature = "cache")]
            cache: None,
        }
    }
}

impl Config {
    /// The default settings.
    pub fn new() -> Config {
        Config::default()
    }

    /// Whether code counts fuel. Off by default.
    pub fn fuel(mut self, fuel: Fuel) -> Config {
        self.fuel = fuel;
        self
    }

    /// What modules may use: all that keel has by default.
    pub fn features(mut self, features: Features) -> Config {
        self.features = features;
        self
    }

    /// What modules may use, by a version of WebAssembly: as [`Config::features`].
    pub fn language(self, language: Language) -> Config {
        self.features(match language {
            Language::Wasm1 => Features::wasm1(),
            Language::Wasm2 => Features::wasm2(),
            Language::Wasm3 => Features::wasm3(),
            Language::Extended => Features::default(),
        })
    }

    /// Bytes of native stack that code may use, 512 KiB by default. Threads that call code need as
    /// much, and some 256 KiB more for the host functions that code calls.
    pub fn stack_bytes(mut self, bytes: usize) -> Config {
        self.stack_bytes = bytes;
        self
    }

    /// Whether the heap of structures and arrays is collected before every allocation, to find faults in
    /// what uses it. Very slow. Off by default.
    pub fn collect_always(mut self, always: bool) -> Config {
        self.collect_always = always;
        self
    }

    /// The CPU that modules are compiled for, this machine's by default. Code for a CPU that has more than
    /// this machine is compiled by [`Engine::compile`], and refused here by the feature that is missing.
    pub fn cpu(mut self, cpu: Cpu) -> Config {
        self.cpu = cpu;
        self
    }

    /// Where [`Module::new`](crate::Module::new) and its like look for a module's code before they compile it, and
    /// keep what they have compiled; nowhere by default.
    #[cfg(feature = "cache")]
    pub fn cache(mut self, cache: crate::cache::CodeCache) -> Config {
        self.cache = Some(cache);
        self
    }

    /// Bytes that the memories and tables of all stores together may have; without limit by default.
    pub fn total_bytes(mut self, bytes: u64) -> Config {
        self.total_bytes = bytes;
        self
    }

    /// How many slots (context, memory and guard of an instance that is gone) the modules of the engine
    /// together keep for their next instances, 64 by default. A slot keeps at most 1 MiB of touched
    /// pages and 4 GiB of address space. One too many takes the place of another module's; the engine
    /// keeps as many of modules that are gone for its next modules, emptied: a page or two.
    pub fn pooled_slots(mut self, slots: usize) -> Config {
        self.pooled_slots = slots;
        self
    }
}

/// Compiles modules and runs them, all with the same settings. Cheap to clone.
///
/// ```
/// let engine = keel::Engine::new(keel::Config::new());
/// # let _ = engine;
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new(Config::default())
    }
}

struct Inner {
    config: Config,
    budget: Arc<Budget>,
    /// The modules that are alive, for the slots that they keep.
    modules: Mutex<Vec<WeakModule>>,
    /// Slots that all of them keep.
    idle: AtomicUsize,
    /// What modules that are gone have left behind.
    slots: Mutex<Vec<BlankSlot>>,
    types: Arc<Registry>,
    #[cfg(feature = "compiler")]
    isa: std::sync::OnceLock<cranelift_codegen::isa::OwnedTargetIsa>,
}

impl Engine {
    /// An engine with these settings.
    pub fn new(config: Config) -> Engine {
        Engine {
            inner: Arc::new(Inner {
                budget: Budget::new(config.total_bytes, None),
                config,
                modules: Mutex::default(),
                idle: AtomicUsize::new(0),
                slots: Mutex::default(),
                types: Arc::default(),
                #[cfg(feature = "compiler")]
                isa: std::sync::OnceLock::new(),
            }),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The types that modules of this engine define.
    pub(crate) fn types(&self) -> &Arc<Registry> {
        &self.inner.types
    }

    /// Whether two handles are of one engine.
    pub(crate) fn is_same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }

    /// Notes a module, which may keep slots.
    pub(crate) fn add_module(&self, module: WeakModule) {
        let mut modules = self.modules();
        if modules.len() == modules.capacity() {
            modules.retain(WeakModule::is_alive);
        }
        modules.push(module);
    }

    fn modules(&self) -> MutexGuard<'_, Vec<WeakModule>> {
        let modules = self.inner.modules.lock();
        modules.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a module may keep another slot, which then counts. One that some module keeps makes room.
    pub(crate) fn claim_slot(&self) -> bool {
        let most = self.config().pooled_slots;
        let (relaxed, idle) = (Ordering::Relaxed, &self.inner.idle);
        let claim = || {
            let more = |count: usize| (count < most).then_some(count + 1);
            idle.fetch_update(relaxed, relaxed, more).is_ok()
        };
        if claim() {
            return true;
        }
        // The one that was used longest ago is in the module that was; which, nobody notes. The oldest
        // module is as good a guess.
        let evicted = self.modules().iter().find_map(WeakModule::evict_one);
        drop(evicted);
        claim()
    }

    /// Notes that a module keeps some slots fewer.
    pub(crate) fn release_slots(&self, count: usize) {
        self.inner.idle.fetch_sub(count, Ordering::Relaxed);
    }

    /// Gives back the address space of all slots that nobody uses.
    pub(crate) fn evict_slots(&self) {
        let blank = std::mem::take(&mut *self.blank_slots());
        drop(blank);
        loop {
            let evicted = self.modules().iter().find_map(WeakModule::evict_one);
            if evicted.is_none() {
                break;
            }
        }
    }

    fn blank_slots(&self) -> MutexGuard<'_, Vec<BlankSlot>> {
        let slots = self.inner.slots.lock();
        slots.unwrap_or_else(PoisonError::into_inner)
    }

    /// A blank slot that can be made one of this shape, if there is one.
    pub(crate) fn take_blank_slot(&self, shape: Shape) -> Option<BlankSlot> {
        let mut slots = self.blank_slots();
        let place = slots.iter().rposition(|slot| slot.fits(shape))?;
        Some(slots.swap_remove(place))
    }

    /// Whether another blank slot would be kept.
    pub(crate) fn has_room_for_slots(&self) -> bool {
        self.blank_slots().len() < self.config().pooled_slots
    }

    /// Keeps a blank slot for the next module.
    pub(crate) fn keep_blank_slot(&self, slot: BlankSlot) {
        let mut slots = self.blank_slots();
        if slots.len() < self.config().pooled_slots {
            slots.push(slot);
        }
    }

    /// What artefacts of this engine count.
    pub(crate) fn metering(&self) -> u32 {
        match self.config().fuel {
            Fuel::Off => METERING_OFF,
            Fuel::Metered => METERING_FUEL,
        }
    }
}

#[cfg(feature = "compiler")]
mod compiling {
    use cranelift_codegen::isa::OwnedTargetIsa;

    use super::{Engine, Fuel};
    use crate::artifact::fingerprint::Fingerprint;
    use crate::compile::translate::Metering;
    use crate::compile::{CompileInterrupt, CompileOptions, compile, target_isa, write};
    use crate::error::Result;

    impl Engine {
        /// Compiles a module to the bytes of an artefact, which [`Module::deserialize`] and
        /// `keel run` take.
        ///
        /// # Errors
        /// [`Error::Invalid`](crate::Error::Invalid) and what else a module can do wrong.
        ///
        /// [`Module::deserialize`]: crate::Module::deserialize
        pub fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>> {
            self.compile_interruptible(wasm, &CompileInterrupt::new())
        }

        /// As [`Engine::compile`], until the handle says to stop.
        ///
        /// # Errors
        /// As [`Engine::compile`], and [`Error::Interrupted`](crate::Error::Interrupted).
        pub fn compile_interruptible(
            &self,
            wasm: &[u8],
            interrupt: &CompileInterrupt,
        ) -> Result<Vec<u8>> {
            self.compile_for(wasm, None, interrupt)
        }

        /// As [`Engine::compile_interruptible`], with what the artefact is found by.
        pub(crate) fn compile_for(
            &self,
            wasm: &[u8],
            source: Option<String>,
            interrupt: &CompileInterrupt,
        ) -> Result<Vec<u8>> {
            let isa = self.isa()?;
            let options = CompileOptions {
                interrupt: interrupt.clone(),
                ..self.compile_options()
            };
            let compiled = compile(wasm, &**isa, &options)?;
            let mut fingerprint = self.fingerprint(isa);
            if let Some(source) = source {
                fingerprint.add_source(&source);
            }
            write(&compiled, &fingerprint)
        }

        pub(crate) fn compile_options(&self) -> CompileOptions {
            let metering = match self.config().fuel {
                Fuel::Off => Metering::Off,
                Fuel::Metered => Metering::Fuel,
            };
            CompileOptions {
                features: self.config().features,
                metering,
                interrupt: CompileInterrupt::new(),
            }
        }

        pub(crate) fn isa(&self) -> Result<&OwnedTargetIsa> {
            if let Some(isa) = self.inner.isa.get() {
                return Ok(isa);
            }
            let isa = target_isa(&self.config().cpu)?;
            Ok(self.inner.isa.get_or_init(|| isa))
        }

        fn fingerprint(&self, isa: &OwnedTargetIsa) -> Fingerprint {
            let enabled = isa
                .isa_flags()
                .into_iter()
                .filter(|flag| flag.name.starts_with("has_") && flag.as_bool() == Some(true));
            let cpu: Vec<String> = enabled.map(|flag| flag.name.to_owned()).collect();
            Fingerprint::new(&cpu, self.metering())
        }
    }
}
