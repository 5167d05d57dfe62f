//! The macros `all`, `exists`, `exists_one`, `map` and `filter`: the parser spells each of them out as a loop with an accumulator,
//! of which this reads back what was meant.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::compile::Compiler;
use super::expression::{Loop, LoopKind, Node};
use super::refusal::Refusal;

pub(super) fn comprehension(
    compiler: &mut Compiler<'_>,
    parsed: &ComprehensionExpr,
    depth: usize,
) -> Result<Node, Refusal> {
    compiler.loop_count += 1;
    if compiler.loop_count > 1 {
        return Err(Refusal::TooCostly("more than one comprehension".to_owned()));
    }
    let range = compiler.node(&parsed.iter_range, depth + 1)?;
    compiler.item = Some(parsed.iter_var.clone());
    let kind = kind(compiler, parsed, depth + 1);
    compiler.item = None;
    Ok(Node::Loop(Box::new(Loop { range, kind: kind? })))
}

fn kind(compiler: &mut Compiler<'_>, parsed: &ComprehensionExpr, depth: usize) -> Result<LoopKind, Refusal> {
    let Expr::Call(step) = &parsed.loop_step.expr else { return Err(unknown()) };
    match (&parsed.accu_init.expr, step.func_name.as_str(), step.args.as_slice()) {
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND, [_, condition]) => {
            compiler.node(condition, depth).map(LoopKind::All)
        }
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR, [_, condition]) => {
            compiler.node(condition, depth).map(LoopKind::Exists)
        }
        (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL, [condition, _, _]) => {
            compiler.node(condition, depth).map(LoopKind::ExistsOne)
        }
        (Expr::List(_), operators::ADD, _) => {
            Ok(LoopKind::Map { guard: None, item: compiler.node(appended(step)?, depth)? })
        }
        (Expr::List(_), operators::CONDITIONAL, [guard, IdedExpr { expr: Expr::Call(append), .. }, _]) => {
            let guard = Some(compiler.node(guard, depth)?);
            Ok(LoopKind::Map { guard, item: compiler.node(appended(append)?, depth)? })
        }
        _ => Err(unknown()),
    }
}

/// The `x` of `accumulator + [x]`.
fn appended(append: &CallExpr) -> Result<&IdedExpr, Refusal> {
    match append.args.as_slice() {
        [_, IdedExpr { expr: Expr::List(list), .. }] => list.elements.first().ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::Bad("a comprehension that is none of `all`, `exists`, `exists_one`, `map`, `filter`".to_owned())
}
