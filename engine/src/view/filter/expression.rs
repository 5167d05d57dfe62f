//! A compiled expression: names are resolved, patterns and regions made, and lists of literals are sets.

use super::path::CanonicalValue;
use super::pattern::Pattern;
use super::region::Region;
use crate::hash::HashSet;

/// One node of an expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Literal(Literal),
    Variable(Variable),
    /// `data.a.b`.
    Data(Box<[Box<str>]>),
    /// `attributes.a`.
    Attribute(Box<str>),
    /// What the loop is at.
    Item,
    /// `x.a`, of anything else.
    Member(Box<Node>, Box<str>),
    /// `has(x.a)`.
    Has(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Conditional(Box<[Node; 3]>),
    Binary(Operator, Box<[Node; 2]>),
    /// `x in [literals]`.
    OneOf(Box<Node>, HashSet<CanonicalValue>),
    List(Box<[Node]>),
    Call(Function, Box<[Node]>),
    Matches(Box<Node>, Box<Pattern>),
    Within(Box<[Node; 2]>, Region),
    Loop(Box<Loop>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Key,
    Data,
    Attributes,
    Time,
    Publisher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    In,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Int,
    Double,
    Text,
}

/// A comprehension over the items of a list or the names of a map.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) range: Node,
    pub(super) kind: LoopKind,
}

#[derive(Clone, Debug)]
pub(super) enum LoopKind {
    All(Node),
    Exists(Node),
    ExistsOne(Node),
    /// `map`, and `filter`, which maps each item to itself.
    Map {
        guard: Option<Node>,
        item: Node,
    },
}

impl Literal {
    pub(super) fn canonical(&self) -> Option<CanonicalValue> {
        match self {
            Self::Null => Some(CanonicalValue::Null),
            Self::Bool(is_true) => Some(CanonicalValue::Bool(*is_true)),
            Self::Int(number) => Some(CanonicalValue::Whole(*number)),
            Self::Double(number) => CanonicalValue::number(*number),
            Self::Text(text) => Some(CanonicalValue::Text(text.clone())),
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "of coordinates")]
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }
}

impl Node {
    /// Whether it can be true: arithmetic, lists and most literals never are.
    pub(super) fn is_condition(&self) -> bool {
        match self {
            Self::Literal(literal) => matches!(literal, Literal::Bool(_)),
            Self::Negate(_) | Self::List(_) | Self::Call(Function::Size | Function::Int | Function::Double, _) => false,
            Self::Call(Function::Text, _) | Self::Attribute(_) => false,
            Self::Variable(variable) => *variable == Variable::Data,
            Self::Binary(operator, _) => !matches!(
                operator,
                Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder
            ),
            Self::Loop(comprehension) => !matches!(comprehension.kind, LoopKind::Map { .. }),
            _ => true,
        }
    }
}
