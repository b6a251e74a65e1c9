//! Bodies in the place of calls of them.
//!
//! What is small and calls nothing costs less where it is called than a call of it does, and what is known of its
//! arguments is known in it. A body that was put in a caller's place keeps its own offsets in the module, so that a
//! trap says which function it was in; what it calls in turn is called. It does not look at the stack: the function
//! around it has done so.

use super::{FuncTranslator, Metering, Place};
use crate::compile::abi::results_in_memory;
use crate::error::Result;

/// Bytes of bodies in the place of calls that one function takes.
const MAX_INLINED: u64 = 16 << 10;

impl FuncTranslator<'_, '_> {
    /// Translates a call of a function by its body, where that pays; false where it does not.
    pub(super) fn inline(&mut self, function: u32) -> Result<bool> {
        let env = self.env;
        let Some(defined) = function.checked_sub(env.module.imported_functions) else {
            return Ok(false);
        };
        let ty = env.module.function_type(function);
        let body = &env.module.bodies[defined as usize].body;
        let bytes = body.range().end - body.range().start;
        // Fuel is compared where functions begin and end.
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
