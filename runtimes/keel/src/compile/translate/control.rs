//! Translates blocks, branches and the other control operators.

use std::collections::HashMap;

use cranelift_codegen::ir::{Block, BlockArg, BlockCall, InstBuilder, JumpTableData, Value};
use wasmparser::{BlockType, Catch, Operator, TryTable};

use super::{FuncTranslator, Place};
use crate::compile::abi::{clif_type, return_results};
use crate::compile::trap_code;
use crate::error::Result;
use crate::module::convert::val_type;
use crate::trap::TrapKind;
use crate::types::{FuncType, ValType};

/// An open block, loop, `if` or the function itself.
pub(super) struct Frame {
    kind: FrameKind,
    /// The target of a branch to this frame.
    target: Block,
    /// The number of values that a branch to this frame passes.
    arity: usize,
    /// The block after `end`; `None` for a loop, which is only left by falling through.
    exit: Option<Block>,
    results: usize,
    /// The height of the operand stack below the frame's parameters.
    height: usize,
    /// Whether a branch to the exit has been emitted.
    exit_used: bool,
    /// The mark in [`Reached`](super::reached::Reached) when the frame was opened.
    reached: usize,
}

enum FrameKind {
    Block,
    Loop,
    /// An `if` before its `else`. The parameters are the arguments of the `else` branch.
    If {
        otherwise: Block,
        params: Vec<Value>,
    },
    /// A `try_table`, with its catch clauses.
    Try(Vec<Catch>),
    /// A frame in unreachable code: nothing is emitted for it.
    Unreachable,
}

impl FuncTranslator<'_, '_> {
    /// Opens the frame of the function itself.
    pub(super) fn push_function_frame(&mut self, ty: &FuncType) {
        let exit = self.block_with(ty.results());
        self.control.push(Frame {
            kind: FrameKind::Block,
            target: exit,
            arity: ty.results().len(),
            exit: Some(exit),
            results: ty.results().len(),
            height: self.stack.len(),
            exit_used: false,
            reached: self.reached.mark(),
        });
    }

    /// Translates a control operator; returns false for any other operator.
    pub(super) fn control_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match op {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.charge();
                self.builder.ins().trap(trap_code(TrapKind::Unreachable));
                self.reachable = false;
            }
            Operator::Block { blockty } => self.block(*blockty)?,
            Operator::Loop { blockty } => self.open_loop(*blockty)?,
            Operator::If { blockty } => self.open_if(*blockty)?,
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.charge();
                self.branch(*relative_depth);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrTable { targets } => self.branch_table(targets)?,
            Operator::Return => {
                self.charge();
                self.branch(self.control.len() as u32 - 1);
                self.reachable = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Tracks the nesting of unreachable code.
    pub(super) fn unreachable_operator(&mut self, op: &Operator<'_>) -> Result<()> {
        match op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                let height = self.stack.len();
                // The target is never used, because unreachable code has no branches.
                let target = self.control[0].target;
                self.control.push(Frame {
                    kind: FrameKind::Unreachable,
                    target,
                    arity: 0,
                    exit: None,
                    results: 0,
                    height,
                    exit_used: false,
                    reached: self.reached.mark(),
                });
            }
            Operator::Else if matches!(self.frame().kind, FrameKind::Unreachable) => {}
            Operator::Else => self.otherwise(),
            Operator::End => {
                if matches!(self.frame().kind, FrameKind::Unreachable) {
                    self.control.pop();
                } else {
                    self.end();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self) -> &mut Frame {
        self.control
            .last_mut()
            .expect("validated code closes only what it opened")
    }

    /// A block with a parameter of each type.
    fn block_with(&mut self, types: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for ty in types {
            self.builder.append_block_param(block, clif_type(*ty));
        }
        block
    }

    fn block_type(&self, ty: BlockType) -> Result<(Vec<ValType>, Vec<ValType>)> {
        Ok(match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![val_type(ty)?]),
            BlockType::FuncType(index) => {
                let ty = self.env.module.func_type(index);
                (ty.params().to_vec(), ty.results().to_vec())
            }
        })
    }

    fn block(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty)?;
        let exit = self.block_with(&results);
        self.control.push(Frame {
            kind: FrameKind::Block,
            target: exit,
            arity: results.len(),
            exit: Some(exit),
            results: results.len(),
            height: self.stack.len() - params.len(),
            exit_used: false,
            reached: self.reached.mark(),
        });
        Ok(())
    }

    /// Opens the frame of a `try_table`.
    pub(super) fn push_try(&mut self, try_table: &TryTable) -> Result<()> {
        self.block(try_table.ty)?;
        self.frame().kind = FrameKind::Try(try_table.catches.clone());
        Ok(())
    }

    fn open_loop(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty)?;
        let header = self.block_with(&params);
        self.charge();
        self.jump(header, params.len());
        let height = self.stack.len() - params.len();
        self.stack.truncate(height);
        self.control.push(Frame {
            kind: FrameKind::Loop,
            target: header,
            arity: params.len(),
            exit: None,
            results: results.len(),
            height,
            exit_used: false,
            reached: self.reached.mark(),
        });
        self.builder.switch_to_block(header);
        self.stack
            .extend_from_slice(self.builder.block_params(header));
        self.charge_loop();
        Ok(())
    }

    fn open_if(&mut self, ty: BlockType) -> Result<()> {
        let condition = self.pop();
        let (params, results) = self.block_type(ty)?;
        self.charge();
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        let exit = self.block_with(&results);
        match self.hint() {
            Some(true) => self.builder.set_cold_block(otherwise),
            Some(false) => self.builder.set_cold_block(then),
            None => {}
        }
        self.builder
            .ins()
            .brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);
        let height = self.stack.len() - params.len();
        self.control.push(Frame {
            kind: FrameKind::If {
                otherwise,
                params: self.stack[height..].to_vec(),
            },
            target: exit,
            arity: results.len(),
            exit: Some(exit),
            results: results.len(),
            height,
            exit_used: false,
            reached: self.reached.mark(),
        });
        self.builder.switch_to_block(then);
        Ok(())
    }

    fn otherwise(&mut self) {
        if self.reachable {
            self.charge();
            self.leave_to_exit();
        }
        self.discard_fuel();
        let frame = self.frame();
        let FrameKind::If { otherwise, params } =
            std::mem::replace(&mut frame.kind, FrameKind::Block)
        else {
            unreachable!("validated code has an else only in an if");
        };
        let height = frame.height;
        let mark = frame.reached;
        self.reached.return_to(mark);
        self.stack.truncate(height);
        self.stack.extend(params);
        self.builder.switch_to_block(otherwise);
        self.reachable = true;
    }

    fn end(&mut self) {
        if self.reachable {
            self.charge();
        }
        self.discard_fuel();
        if matches!(self.frame().kind, FrameKind::Loop) {
            let frame = self.control.pop().expect("just looked at");
            self.builder.seal_block(frame.target);
            // A loop is only left by falling through, with its results already on the stack.
            return;
        }
        if self.reachable {
            self.leave_to_exit();
        }
        let mut frame = self.control.pop().expect("just looked at");
        self.reached.return_to(frame.reached);
        if let FrameKind::Try(catches) = &frame.kind {
            let reachable = std::mem::replace(&mut self.reachable, true);
            self.close_try(catches);
            self.reachable = reachable;
        }
        if let FrameKind::If { otherwise, params } = &frame.kind {
            // Without `else`, the parameters are the results.
            let exit = frame.target;
            self.builder.switch_to_block(*otherwise);
            let args: Vec<BlockArg> = params.iter().map(|value| BlockArg::from(*value)).collect();
            self.builder.ins().jump(exit, &args);
            frame.exit_used = true;
        }
        self.stack.truncate(frame.height);
        let exit = frame.exit.expect("every frame but a loop has an exit");
        self.builder.switch_to_block(exit);
        self.builder.seal_block(exit);
        self.reachable = frame.exit_used;
        self.stack
            .extend_from_slice(self.builder.block_params(exit));
        if self.control.is_empty() && self.place == Place::Function {
            let at = self.stack.len() - frame.results;
            if self.reachable {
                self.charge_exit();
                let results = self.stack.split_off(at);
                return_results(&mut self.builder, self.ty, self.result_area, &results);
            } else {
                // Nothing jumps here, but every block needs a terminator.
                self.builder.ins().trap(trap_code(TrapKind::Unreachable));
            }
        } else if !self.reachable {
            // The block is empty and will be removed. It still needs a terminator.
            self.builder.ins().trap(trap_code(TrapKind::Unreachable));
        }
    }

    /// Jumps to the exit of the innermost frame with its results.
    fn leave_to_exit(&mut self) {
        let frame = self.frame();
        frame.exit_used = true;
        let (exit, results) = (frame.target, frame.results);
        self.jump(exit, results);
    }

    /// Jumps with the topmost `count` values, which stay on the operand stack.
    fn jump(&mut self, block: Block, count: usize) {
        let args = self.top(count);
        self.builder.ins().jump(block, &args);
    }

    fn top(&self, count: usize) -> Vec<BlockArg> {
        self.stack[self.stack.len() - count..]
            .iter()
            .map(|value| BlockArg::from(*value))
            .collect()
    }

    /// The target block of a branch and its number of values.
    fn target(&mut self, depth: u32) -> (Block, usize) {
        let index = self.control.len() - 1 - depth as usize;
        let frame = &mut self.control[index];
        frame.exit_used = true;
        (frame.target, frame.arity)
    }

    pub(super) fn branch(&mut self, depth: u32) {
        let (target, arity) = self.target(depth);
        self.jump(target, arity);
    }

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop();
        self.branch_on(condition, depth);
    }

    /// Branches with the topmost values, which stay on the operand stack, if `condition` is not
    /// zero.
    pub(super) fn branch_on(&mut self, condition: Value, depth: u32) {
        self.charge();
        let (target, arity) = self.target(depth);
        let args = self.top(arity);
        let next = self.builder.create_block();
        match self.hint() {
            Some(false) => {
                // Only this edge is unlikely: the target may be reached by others.
                let way = self.builder.create_block();
                self.builder.set_cold_block(way);
                self.builder.ins().brif(condition, way, &[], next, &[]);
                self.builder.seal_block(way);
                self.builder.switch_to_block(way);
                self.builder.ins().jump(target, &args);
            }
            hint => {
                if hint == Some(true) {
                    self.builder.set_cold_block(next);
                }
                self.builder.ins().brif(condition, target, &args, next, &[]);
            }
        }
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// Whether the current branch is likely taken, if the module has a hint for it.
    fn hint(&mut self) -> Option<bool> {
        let at = (self.offset - self.body_start) as u32;
        let next = self.hints.partition_point(|(offset, _)| *offset < at);
        self.hints = &self.hints[next..];
        let (offset, taken) = self.hints.first()?;
        (*offset == at).then_some(*taken)
    }

    fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<()> {
        let index = self.pop();
        self.charge();
        // One block per frame passes the values on, because a large table may have many entries
        // with the same target.
        let mut ways: HashMap<u32, Block> = HashMap::new();
        let mut call = |this: &mut Self, depth| {
            let (target, arity) = this.target(depth);
            let block = match arity {
                0 => target,
                _ => *ways
                    .entry(depth)
                    .or_insert_with(|| this.builder.create_block()),
            };
            BlockCall::new(block, [], &mut this.builder.func.dfg.value_lists)
        };
        let default = call(self, targets.default());
        let mut table = Vec::with_capacity(targets.len() as usize);
        for depth in targets.targets() {
            table.push(call(self, depth?));
        }
        let mut ways: Vec<(u32, Block)> = ways.into_iter().collect();
        ways.sort_unstable();
        if table.is_empty() {
            let only = default.block(&self.builder.func.dfg.value_lists);
            self.builder.ins().jump(only, &[]);
        } else {
            let table = self
                .builder
                .create_jump_table(JumpTableData::new(default, &table));
            self.builder.ins().br_table(index, table);
        }
        for (depth, way) in ways {
            self.builder.seal_block(way);
            self.builder.switch_to_block(way);
            self.branch(depth);
        }
        self.reachable = false;
        Ok(())
    }
}
