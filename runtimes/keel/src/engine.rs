//! An [`Engine`] and its [`Config`]: how modules are compiled and how their code runs.

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

/// Whether code counts the operators that it executes, so that a budget can stop it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fuel {
    /// Code is not metered, and runs faster.
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
    /// WebAssembly 3.0, as far as keel supports it.
    Wasm3,
    /// WebAssembly 3.0 and the later proposals that keel supports.
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

    /// Sets whether code is metered. Off by default.
    pub fn fuel(mut self, fuel: Fuel) -> Config {
        self.fuel = fuel;
        self
    }

    /// Sets the features that modules may use. All that keel supports by default.
    pub fn features(mut self, features: Features) -> Config {
        self.features = features;
        self
    }

    /// Sets the features of a WebAssembly version, as [`Config::features`].
    pub fn language(self, language: Language) -> Config {
        self.features(match language {
            Language::Wasm1 => Features::wasm1(),
            Language::Wasm2 => Features::wasm2(),
            Language::Wasm3 => Features::wasm3(),
            Language::Extended => Features::default(),
        })
    }

    /// Sets the native stack for code, bytes; 512 KiB by default. A thread that calls code needs
    /// that much, and about 256 KiB more for host functions.
    pub fn stack_bytes(mut self, bytes: usize) -> Config {
        self.stack_bytes = bytes;
        self
    }

    /// Collects the object heap before every allocation, to find missing roots. Very slow. Off by
    /// default.
    pub fn collect_always(mut self, always: bool) -> Config {
        self.collect_always = always;
        self
    }

    /// Sets the target CPU, this machine's by default. [`Engine::compile`] can target a CPU with
    /// more features than this machine; loading such code here fails with the name of the missing
    /// feature.
    pub fn cpu(mut self, cpu: Cpu) -> Config {
        self.cpu = cpu;
        self
    }

    /// Sets a compilation cache for [`Module::new`](crate::Module::new) and its variants. None by
    /// default.
    #[cfg(feature = "cache")]
    pub fn cache(mut self, cache: crate::cache::CodeCache) -> Config {
        self.cache = Some(cache);
        self
    }

    /// Limits the memories and tables of all stores together, bytes. No limit by default.
    pub fn total_bytes(mut self, bytes: u64) -> Config {
        self.total_bytes = bytes;
        self
    }

    /// Sets how many slots (context, memory and guard of a dropped instance) the engine's modules
    /// together keep for their next instances; 64 by default. A slot keeps at most 1 MiB of touched
    /// pages and 4 GiB of address space. Above the limit, a new slot replaces one of another
    /// module. The engine also keeps up to this many slots of dropped modules for new modules; each
    /// is emptied to a page or two.
    pub fn pooled_slots(mut self, slots: usize) -> Config {
        self.pooled_slots = slots;
        self
    }
}

/// Compiles and runs modules with the same settings. Cheap to clone.
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
    /// Live modules, which may keep slots.
    modules: Mutex<Vec<WeakModule>>,
    /// The number of slots that all modules keep.
    idle: AtomicUsize,
    /// Slots of dropped modules.
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

    /// The registry of types that modules of this engine define.
    pub(crate) fn types(&self) -> &Arc<Registry> {
        &self.inner.types
    }

    /// Whether two handles refer to the same engine.
    pub(crate) fn is_same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.inner.budget
    }

    /// Registers a module, which may keep slots.
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

    /// Reserves one kept slot for a module and returns whether that succeeded. At the limit, evicts
    /// another.
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
        // Which module was used least recently is not recorded. The oldest module is as good a
        // guess.
        let evicted = self.modules().iter().find_map(WeakModule::evict_one);
        drop(evicted);
        claim()
    }

    /// Records that a module keeps `count` fewer slots.
    pub(crate) fn release_slots(&self, count: usize) {
        self.inner.idle.fetch_sub(count, Ordering::Relaxed);
    }

    /// Frees the address space of all unused slots.
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

    /// A blank slot that can be adapted to this shape, if there is one.
    pub(crate) fn take_blank_slot(&self, shape: Shape) -> Option<BlankSlot> {
        let mut slots = self.blank_slots();
        let place = slots.iter().rposition(|slot| slot.fits(shape))?;
        Some(slots.swap_remove(place))
    }

    /// Whether the engine would keep another blank slot.
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

    /// The metering of this engine's artefacts.
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
        /// Compiles a module to the bytes of an artefact, for [`Module::deserialize`] or
        /// `keel run`.
        ///
        /// # Errors
        /// [`Error::Invalid`](crate::Error::Invalid) and the other errors of a rejected module.
        ///
        /// [`Module::deserialize`]: crate::Module::deserialize
        pub fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>> {
            self.compile_interruptible(wasm, &CompileInterrupt::new())
        }

        /// As [`Engine::compile`], stopped when `interrupt` requests it.
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

        /// As [`Engine::compile_interruptible`], with the cache key.
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
