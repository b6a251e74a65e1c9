//! Translates exception operators.
//!
//! Every open `try_table` has a landing block. It takes an exception, compares its tag, and
//! branches to the matching catch clause, or else to the landing block of the enclosing
//! `try_table`. A throw in the same function jumps there. Calls have it as their handler; in a
//! function without `try_table` they have none.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, SigRef, Value,
    types,
};
use wasmparser::{Catch, Operator, TryTable};

use super::FuncTranslator;
use super::object::Extension;
use crate::compile::{Libcall, trap_code};
use crate::error::Result;
use crate::exception::TAG_OFFSET;
use crate::trap::TrapKind;
use crate::types::FuncType;
use crate::types::def::Storage;
use crate::types::layout::{Place, exception_layout};

/// The target of a call with a handler.
pub(super) enum Handled {
    Direct(cranelift_codegen::ir::FuncRef),
    Indirect(Value),
}

impl FuncTranslator<'_, '_> {
    /// Translates an exception operator; returns false for any other operator.
    pub(super) fn exception_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match op {
            Operator::TryTable { try_table } => self.open_try(try_table)?,
            Operator::Throw { tag_index } => {
                self.charge();
                let exception = self.new_exception(*tag_index);
                self.throw(exception);
                self.reachable = false;
            }
            Operator::ThrowRef => {
                self.charge();
                let exception = self.pop();
                let null = trap_code(TrapKind::NullReference);
                self.builder.ins().trapz(exception, null);
                self.throw(exception);
                self.reachable = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn open_try(&mut self, try_table: &TryTable) -> Result<()> {
        let landing = self.builder.create_block();
        self.builder.append_block_param(landing, types::I64);
        self.builder.set_cold_block(landing);
        self.push_try(try_table)?;
        self.landings.push(landing);
        Ok(())
    }

    /// Throws an exception: jumps to the innermost landing block, or calls the runtime.
    fn throw(&mut self, exception: Value) {
        match self.landings.last().copied() {
            Some(landing) => {
                self.builder.ins().jump(landing, &[exception.into()]);
            }
            None => {
                self.libcall(Libcall::Throw, &[exception]);
                // The call never returns.
                self.builder.ins().trap(trap_code(TrapKind::Unreachable));
            }
        }
    }

    /// Writes the landing block of a `try_table` that was just closed.
    pub(super) fn close_try(&mut self, catches: &[Catch]) {
        let landing = self.landings.pop().expect("every try_table has its block");
        self.builder.switch_to_block(landing);
        self.builder.seal_block(landing);
        let exception = self.builder.block_params(landing)[0];
        let height = self.stack.len();
        let mut tag = None;
        for catch in catches {
            let (label, of, with_reference) = match *catch {
                Catch::One { tag, label } => (label, Some(tag), false),
                Catch::OneRef { tag, label } => (label, Some(tag), true),
                Catch::All { label } => (label, None, false),
                Catch::AllRef { label } => (label, None, true),
            };
            let next = of.map(|of| {
                let tag = *tag.get_or_insert_with(|| self.tag_of(exception));
                self.unless_tag(tag, of)
            });
            if let Some(of) = of {
                self.push_values(exception, of);
            }
            if with_reference {
                self.push(exception);
            }
            self.branch(label);
            self.stack.truncate(height);
            match next {
                Some(next) => self.builder.switch_to_block(next),
                // The clauses after `catch_all` are unreachable.
                None => return,
            }
        }
        self.throw(exception);
    }

    /// Opens a block for exceptions with tag `tag`, and returns the block for all others.
    fn unless_tag(&mut self, found: Value, tag: u32) -> Block {
        let caught = self.builder.create_block();
        let next = self.builder.create_block();
        let own = self.tag_address(tag);
        let same = self.builder.ins().icmp(IntCC::Equal, found, own);
        self.builder.ins().brif(same, caught, &[], next, &[]);
        self.builder.seal_block(caught);
        self.builder.seal_block(next);
        self.builder.switch_to_block(caught);
        next
    }

    /// The address that identifies a tag of the module.
    fn tag_address(&mut self, tag: u32) -> Value {
        match tag.checked_sub(self.env.module.imported_tags) {
            Some(defined) => {
                let offset = i64::from(self.env.layout.tag(defined));
                self.builder.ins().iadd_imm_s(self.vmctx, offset)
            }
            None => self.load_pointer(self.env.layout.imported_tag(tag)),
        }
    }

    fn tag_of(&mut self, exception: Value) -> Value {
        let address = self.object_address(exception);
        let flags = self.new_object_flags();
        let offset = TAG_OFFSET as i32;
        self.builder.ins().load(types::I64, flags, address, offset)
    }

    fn tag_type(&self, tag: u32) -> &FuncType {
        let ty = self.env.module.tags[tag as usize];
        self.env.module.func_type(ty)
    }

    fn exception_places(&self, tag: u32) -> (u32, Vec<Place>) {
        let module = self.env.module;
        exception_layout(self.tag_type(tag), |id| module.is_function_type(id))
    }

    /// Pops the values of a tag and allocates an exception with them.
    fn new_exception(&mut self, tag: u32) -> Value {
        let (bytes, places) = self.exception_places(tag);
        let values = self.pop_many(places.len() - 1);
        let record = self.tag_address(tag);
        let flags = self.constant_field();
        let header = self.builder.ins().load(types::I32, flags, record, 0);
        let room = self.open_object_with(header, bytes);
        let flags = self.new_object_flags();
        let fields = std::iter::once(record).chain(values);
        for (place, value) in places.into_iter().zip(fields) {
            self.store_place(place, flags, room.address, place.offset as i32, value);
        }
        self.close_object(room);
        self.pop()
    }

    /// Pushes the values of an exception.
    fn push_values(&mut self, exception: Value, tag: u32) {
        let (_, places) = self.exception_places(tag);
        let params = self.tag_type(tag).params().to_vec();
        let address = self.object_address(exception);
        let flags = self.new_object_flags();
        for (ty, place) in params.into_iter().zip(&places[1..]) {
            let (storage, offset) = (Storage::Val(ty), place.offset as i32);
            let unsigned = Extension::Unsigned;
            let value = self.load_place(storage, *place, unsigned, flags, address, offset);
            self.push(value);
        }
    }

    /// Emits a call with a handler. Afterwards, the block after the call is current.
    pub(super) fn try_call(
        &mut self,
        callee: Handled,
        signature: SigRef,
        args: &[Value],
        landing: Block,
    ) -> Vec<Value> {
        let next = self.builder.create_block();
        let returns = self.builder.func.dfg.signatures[signature].returns.clone();
        for result in &returns {
            self.builder.append_block_param(next, result.value_type);
        }
        let results = (0..returns.len() as u32).map(BlockArg::TryCallRet);
        let lists = &mut self.builder.func.dfg.value_lists;
        let normal = BlockCall::new(next, results, lists);
        let caught = BlockCall::new(landing, [BlockArg::TryCallExn(0)], lists);
        let caught = ExceptionTableItem::Default(caught);
        let table = ExceptionTableData::new(signature, normal, [caught]);
        let table = self.builder.func.dfg.exception_tables.push(table);
        match callee {
            Handled::Direct(function) => self.builder.ins().try_call(function, args, table),
            Handled::Indirect(code) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        self.builder.block_params(next).to_vec()
    }
}
