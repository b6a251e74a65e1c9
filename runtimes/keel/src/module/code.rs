//! Facts about a code address of a module: trap kind, frames, exception handler.

use super::Module;
use crate::artifact::format::{self, NONE, Section};
use crate::trap::{Frame, TrapKind};

impl Module {
    /// The offset in the text of an address, if it is in this module's code.
    pub(crate) fn code_offset(&self, address: usize) -> Option<u32> {
        let (start, length) = self.artifact().code();
        let offset = address.checked_sub(start as usize)?;
        (offset < length).then_some(offset as u32)
    }

    /// The kind of trap that the instruction at an offset of the text raises, if any.
    pub(crate) fn trap_at(&self, offset: u32) -> Option<TrapKind> {
        if !self.artifact().has_sections_for_traps() {
            return Some(TrapKind::DamagedCode);
        }
        TrapKind::from_raw(self.trap_site(offset)?.kind as u8)
    }

    fn trap_site(&self, offset: u32) -> Option<&format::TrapSite> {
        let traps: &[format::TrapSite] = self.artifact().section(Section::Traps);
        traps
            .binary_search_by_key(&offset, |site| site.code)
            .ok()
            .map(|i| &traps[i])
    }

    /// The frames at an offset of the text where code stopped or to which a call returns. An
    /// inlined body comes first, then its caller. A thunk has no frame.
    pub(crate) fn frames(&self, offset: u32, innermost: bool) -> impl Iterator<Item = Frame> {
        let (inner, outer) = self.frame_pair(offset, innermost).unzip();
        inner.into_iter().chain(outer.flatten())
    }

    fn frame_pair(&self, offset: u32, innermost: bool) -> Option<(Frame, Option<Frame>)> {
        if !self.artifact().has_sections_for_traps() {
            return None;
        }
        let ranges: &[format::CodeRange] = self.artifact().section(Section::Code);
        // A call may be the last instruction, so its return address may be past the function.
        let inside = if innermost {
            offset
        } else {
            offset.checked_sub(1)?
        };
        let next = ranges.partition_point(|range| range.start <= inside);
        let range = ranges[..next]
            .last()
            .filter(|range| inside - range.start < range.length)?;
        if range.function == NONE {
            return None;
        }
        let place = if innermost {
            self.trap_site(offset).map(|site| site.offset)
        } else {
            let calls: &[format::CallSite] = self.artifact().section(Section::Calls);
            let found = calls.binary_search_by_key(&offset, |call| call.code);
            found.ok().map(|i| calls[i].offset)
        };
        let place = place.filter(|place| *place != NONE);
        let whose = place.and_then(|place| {
            let after = ranges.partition_point(|range| range.body <= place);
            ranges[..after].last().map(|range| range.function)
        });
        Some(match whose.filter(|whose| *whose != range.function) {
            None => (self.named(range.function, place), None),
            Some(inner) => (
                self.named(inner, place),
                Some(self.named(range.function, None)),
            ),
        })
    }

    fn named(&self, function: u32, offset: Option<u32>) -> Frame {
        let names: &[format::Name] = self.artifact().section(Section::Names);
        let name = names.binary_search_by_key(&function, |name| name.function);
        let name = name.ok().map(|i| {
            let name = names[i].name;
            self.artifact()
                .string(Section::NameStrings, name)
                .to_owned()
        });
        Frame {
            function,
            name,
            offset,
        }
    }

    /// The handler of exceptions from the call that returns to an offset of the text: its address,
    /// and the stack pointer there in bytes below the frame pointer.
    pub(crate) fn handler_at(&self, offset: u32) -> Option<(*const u8, usize)> {
        if !self.artifact().has_sections_for_traps() {
            return None;
        }
        let handlers: &[format::Handler] = self.artifact().section(Section::Handlers);
        let found = handlers.binary_search_by_key(&offset, |handler| handler.code);
        let handler = &handlers[found.ok()?];
        Some((self.code(handler.handler), handler.frame as usize))
    }
}
