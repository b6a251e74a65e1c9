//! Inlining of small functions.
//!
//! A small function without calls costs less inline than a call, and its body can use what is known
//! about its arguments. An inlined body keeps its own offsets in the module, so that a trap names
//! its function. Calls in it are ordinary calls. It has no stack check of its own: the surrounding
//! function has done one.

use super::{FuncTranslator, Metering, Place};
use crate::compile::abi::results_in_memory;
use crate::error::Result;

/// The maximum total size of the bodies inlined into one function, bytes.
const MAX_INLINED: u64 = 16 << 10;

impl FuncTranslator<'_, '_> {
    /// Inlines a call if that is worthwhile; returns false otherwise.
    pub(super) fn inline(&mut self, function: u32) -> Result<bool> {
        let env = self.env;
        let Some(defined) = function.checked_sub(env.module.imported_functions) else {
            return Ok(false);
        };
        let ty = env.module.function_type(function);
        let body = &env.module.bodies[defined as usize].body;
        let bytes = body.range().end - body.range().start;
        // Fuel is checked at function entry and exit, which inlining would remove.
        if !env.module.inlined[defined as usize]
            || self.place == Place::Caller
            || env.metering == Metering::Fuel
            || results_in_memory(ty)
            || self.inlined_bytes + bytes > MAX_INLINED
        {
            return Ok(false);
        }
        self.inlined_bytes += bytes;
        let arguments = self.pop_many(ty.params().len());
        let (start, offset) = (self.body_start, self.offset);
        let hints = std::mem::replace(&mut self.hints, env.module.hints_of(function));
        let control = std::mem::take(&mut self.control);
        let locals = std::mem::take(&mut self.locals);
        self.place = Place::Caller;
        self.body_start = body.range().start;
        self.declare_locals(&arguments, ty, body)?;
        self.push_function_frame(ty);
        self.operators(body)?;
        self.place = Place::Function;
        (self.locals, self.control, self.hints) = (locals, control, hints);
        (self.body_start, self.offset) = (start, offset);
        Ok(true)
    }
}
