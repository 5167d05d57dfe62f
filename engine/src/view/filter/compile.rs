//! From the tree of the parser to one that runs: names are resolved, and what would cost too much or fail always is refused here,
//! so that whoever subscribes is told.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators};

use super::call::{OPERATORS, function};
use super::comprehension::comprehension;
use super::expression::{Literal, Node, Operator, Variable};
use super::parse::parse;
use super::refusal::{Refusal, instead, place, quoted};
use crate::hash::HashSet;

/// Nodes of an expression, apart from the literals in lists: each takes a step, or a thousand inside of a loop.
const NODE_COUNT_MAX: usize = 512;

/// Levels of the expression: it is compiled and run by recursion, a few hundred bytes of stack for each.
const NODE_DEPTH_MAX: usize = 64;

/// Items of a list that is written in the filter.
pub(super) const LIST_ITEM_COUNT_MAX: usize = 1_000;

const VARIABLES: [(&str, Variable); 5] = [
    ("key", Variable::Key),
    ("data", Variable::Data),
    ("attributes", Variable::Attributes),
    ("time", Variable::Time),
    ("publisher", Variable::Publisher),
];

/// Compiles the text of a filter, without white space around it.
pub(super) fn compile(text: &str) -> Result<Node, Refusal> {
    let parsed = parse(text)?;
    let mut compiler = Compiler { text, node_count: 0, loop_count: 0, pattern_count: 0, item: None };
    let node = compiler.node(&parsed, 0)?;
    if node.is_condition() {
        Ok(node)
    } else {
        Err(Refusal::Bad("expected a condition, which is true or false".into()))
    }
}

pub(super) struct Compiler<'t> {
    text: &'t str,
    node_count: usize,
    pub(super) loop_count: usize,
    pub(super) pattern_count: usize,
    /// What the loop calls its items, inside of it.
    pub(super) item: Option<String>,
}

impl Compiler<'_> {
    pub(super) fn node(&mut self, parsed: &IdedExpr, depth: usize) -> Result<Node, Refusal> {
        self.node_count += 1;
        if self.node_count > NODE_COUNT_MAX || depth > NODE_DEPTH_MAX {
            return Err(Refusal::TooCostly(format!(
                "more than {NODE_COUNT_MAX} operations, or nested deeper than {NODE_DEPTH_MAX} of them"
            )));
        }
        if let Some(literal) = literal(parsed) {
            return literal.map(Node::Literal);
        }
        match &parsed.expr {
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.select(select, depth),
            Expr::List(list) => {
                if list.elements.len() > LIST_ITEM_COUNT_MAX {
                    return Err(Refusal::TooCostly(format!("a list of more than {LIST_ITEM_COUNT_MAX} items")));
                }
                let item = |item| match literal(item) {
                    Some(literal) => literal.map(Node::Literal),
                    None => self.node(item, depth + 1),
                };
                list.elements.iter().map(item).collect::<Result<_, _>>().map(Node::List)
            }
            Expr::Call(call) => self.call(call, depth),
            Expr::Comprehension(parsed) => comprehension(self, parsed, depth),
            Expr::Map(_) | Expr::Struct(_) => {
                Err(Refusal::Bad("maps and messages cannot be made in a filter, only lists".to_owned()))
            }
            Expr::Literal(_) | Expr::Unspecified => Err(Refusal::Bad("no expression".to_owned())),
        }
    }

    pub(super) fn boxed<const COUNT: usize>(
        &mut self,
        parsed: [&IdedExpr; COUNT],
        depth: usize,
    ) -> Result<Box<[Node; COUNT]>, Refusal> {
        let nodes = parsed.into_iter().map(|parsed| self.node(parsed, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        nodes.try_into().map_err(|_| Refusal::Bad("wrong number of operands".to_owned()))
    }

    /// A refusal that says where the name stands.
    pub(super) fn bad(&self, name: &str, what: impl std::fmt::Display) -> Refusal {
        Refusal::Bad(format!("{}{what}", place(self.text, name)))
    }

    pub(super) fn is_item(&self, name: &str) -> bool {
        self.item.as_deref() == Some(name)
    }

    fn variable(&self, name: &str) -> Result<Node, Refusal> {
        if self.is_item(name) {
            return Ok(Node::Item);
        }
        let known = VARIABLES.iter().find(|(known, _)| *known == name);
        known.map(|(_, variable)| Node::Variable(*variable)).ok_or_else(|| {
            let known = VARIABLES.map(|(known, _)| known);
            self.bad(name, format_args!("unknown variable `{}`, {}", quoted(name), instead(name, &known)))
        })
    }

    fn select(&mut self, select: &SelectExpr, depth: usize) -> Result<Node, Refusal> {
        let of = self.node(&select.operand, depth + 1)?;
        let name = select.field.as_str();
        Ok(if select.test { Node::Has(Box::new(of), name.into()) } else { member(of, name) })
    }

    fn call(&mut self, call: &CallExpr, depth: usize) -> Result<Node, Refusal> {
        let (name, arguments) = (call.func_name.as_str(), call.args.as_slice());
        if call.target.is_some() {
            return function(self, call, depth);
        }
        match (name, arguments) {
            (operators::LOGICAL_NOT, [of]) => Ok(Node::Not(Box::new(self.node(of, depth + 1)?))),
            (operators::NEGATE, [of]) => Ok(Node::Negate(Box::new(self.node(of, depth + 1)?))),
            (operators::LOGICAL_AND, [left, right]) => self.boxed([left, right], depth).map(Node::And),
            (operators::LOGICAL_OR, [left, right]) => self.boxed([left, right], depth).map(Node::Or),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.boxed([condition, yes, no], depth).map(Node::Conditional)
            }
            (operators::INDEX, [of, at]) => {
                let both = self.boxed([of, at], depth)?;
                Ok(match *both {
                    [of, Node::Literal(Literal::Text(name))] => member(of, &name),
                    both => Node::Index(Box::new(both)),
                })
            }
            (_, [left, right]) if let Some(operator) = OPERATORS.iter().find(|(known, _)| *known == name) => {
                let both = self.boxed([left, right], depth)?;
                Ok(match (operator.1, *both) {
                    (Operator::In, [of, Node::List(items)]) if let Some(literals) = set(&items) => {
                        Node::OneOf(Box::new(of), literals)
                    }
                    (operator, both) => Node::Binary(operator, Box::new(both)),
                })
            }
            _ => function(self, call, depth),
        }
    }
}

/// A member of what another node gives: paths of `data` and `attributes` become one node.
fn member(of: Node, name: &str) -> Node {
    match of {
        Node::Variable(Variable::Data) => Node::Data([name.into()].into()),
        Node::Data(steps) => Node::Data(steps.into_iter().chain([name.into()]).collect()),
        Node::Variable(Variable::Attributes) => Node::Attribute(name.into()),
        of => Node::Member(Box::new(of), name.into()),
    }
}

/// A list of literals, when it is nothing else.
fn set(items: &[Node]) -> Option<HashSet<super::path::CanonicalValue>> {
    let literal = |item: &Node| if let Node::Literal(literal) = item { literal.canonical() } else { None };
    items.iter().map(literal).collect()
}

/// A literal, negative numbers too; `None` for everything else.
pub(super) fn literal(parsed: &IdedExpr) -> Option<Result<Literal, Refusal>> {
    Some(Ok(match &parsed.expr {
        Expr::Literal(LiteralValue::Null) => Literal::Null,
        Expr::Literal(LiteralValue::Boolean(is_true)) => Literal::Bool(*is_true.inner()),
        Expr::Literal(LiteralValue::Int(number)) => Literal::Int(*number.inner()),
        Expr::Literal(LiteralValue::UInt(number)) => match i64::try_from(*number.inner()) {
            Ok(number) => Literal::Int(number),
            Err(_) => return Some(Err(Refusal::Bad("an integer beyond 64 bits with a sign".to_owned()))),
        },
        Expr::Literal(LiteralValue::Double(number)) => Literal::Double(*number.inner()),
        Expr::Literal(LiteralValue::String(text)) => Literal::Text(text.inner().into()),
        Expr::Literal(LiteralValue::Bytes(_)) => {
            return Some(Err(Refusal::Bad("bytes cannot be compared with anything here".to_owned())));
        }
        Expr::Call(CallExpr { func_name, target: None, args }) if func_name == operators::NEGATE => {
            match args.as_slice() {
                [IdedExpr { expr: Expr::Literal(LiteralValue::Double(number)), .. }] => {
                    Literal::Double(-number.inner())
                }
                _ => return None,
            }
        }
        _ => return None,
    }))
}
