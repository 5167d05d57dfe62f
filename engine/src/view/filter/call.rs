//! The functions and operators that a filter may call. There is no clock among them, nor anything else that gives another answer
//! tomorrow: a view must look the same to whoever reads the log again.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};

use super::compile::{Compiler, literal};
use super::expression::{Function, Literal, Node, Operator};
use super::pattern::{BadPattern, PATTERN_COUNT_MAX, Pattern};
use super::refusal::{Refusal, instead, quoted};
use super::region::{POLYGON_POINT_COUNT_MAX, Region};

pub(super) const OPERATORS: [(&str, Operator); 12] = [
    (operators::EQUALS, Operator::Equal),
    (operators::NOT_EQUALS, Operator::NotEqual),
    (operators::LESS, Operator::Less),
    (operators::LESS_EQUALS, Operator::LessOrEqual),
    (operators::GREATER, Operator::Greater),
    (operators::GREATER_EQUALS, Operator::GreaterOrEqual),
    (operators::ADD, Operator::Add),
    (operators::SUBSTRACT, Operator::Subtract),
    (operators::MULTIPLY, Operator::Multiply),
    (operators::DIVIDE, Operator::Divide),
    (operators::MODULO, Operator::Remainder),
    (operators::IN, Operator::In),
];

/// Functions with the number of values they take; whether they are called as `f(x)` or `x.f()`.
const FUNCTIONS: [(&str, Function, usize, Style); 7] = [
    ("size", Function::Size, 1, Style::Both),
    ("contains", Function::Contains, 2, Style::Member),
    ("startsWith", Function::StartsWith, 2, Style::Member),
    ("endsWith", Function::EndsWith, 2, Style::Member),
    ("int", Function::Int, 1, Style::Global),
    ("double", Function::Double, 1, Style::Global),
    ("string", Function::Text, 1, Style::Global),
];

/// Names that are no function of the table, for who spells one wrong.
const OTHER_NAMES: [&str; 8] = ["matches", "has", "all", "exists", "exists_one", "map", "filter", "geo.within"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Global,
    Member,
    Both,
}

pub(super) fn function(compiler: &mut Compiler<'_>, call: &CallExpr, depth: usize) -> Result<Node, Refusal> {
    let name = call.func_name.as_str();
    let is_geo =
        |target: &IdedExpr| matches!(&target.expr, Expr::Ident(name) if name == "geo" && !compiler.is_item(name));
    if call.target.as_deref().is_some_and(is_geo) {
        return if name == "within" {
            within(compiler, &call.args, depth)
        } else {
            Err(unknown(compiler, "geo.", name))
        };
    }
    let style = if call.target.is_some() { Style::Member } else { Style::Global };
    let values: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
    if name == "matches" {
        return matches(compiler, &values, depth);
    }
    if ["box", "circle", "polygon"].contains(&name) && style == Style::Global {
        return Err(compiler.bad(name, format_args!("`{name}` stands only as the third value of `geo.within`")));
    }
    let Some((_, function, count, known)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return Err(unknown(compiler, "", name));
    };
    if (*known != Style::Both && *known != style) || *count != values.len() {
        let form = match (known, count) {
            (Style::Member, _) => format!("text.{name}(part)"),
            _ => format!("{name}(value)"),
        };
        return Err(compiler.bad(name, format_args!("expected `{form}`")));
    }
    let values = values.into_iter().map(|value| compiler.node(value, depth + 1)).collect::<Result<_, _>>()?;
    Ok(Node::Call(*function, values))
}

fn unknown(compiler: &Compiler<'_>, prefix: &str, name: &str) -> Refusal {
    let full = format!("{prefix}{name}");
    if OTHER_NAMES.contains(&name) {
        return compiler.bad(name, format_args!("wrong number of values for `{name}`"));
    }
    let known: Vec<_> = FUNCTIONS.iter().map(|(known, ..)| *known).chain(OTHER_NAMES).collect();
    compiler.bad(name, format_args!("unknown function `{}`, {}", quoted(&full), instead(&full, &known)))
}

fn matches(compiler: &mut Compiler<'_>, values: &[&IdedExpr], depth: usize) -> Result<Node, Refusal> {
    let [text, pattern] = values else {
        return Err(compiler.bad("matches", "expected `text.matches(\"pattern\")`"));
    };
    // One that comes with the data would have to be compiled for each event.
    let Some(Ok(Literal::Text(pattern))) = literal(pattern) else {
        return Err(compiler.bad("matches", "the pattern of `matches` must be written as a string"));
    };
    compiler.pattern_count += 1;
    if compiler.pattern_count > PATTERN_COUNT_MAX {
        return Err(Refusal::TooCostly(format!("more than {PATTERN_COUNT_MAX} patterns; join them by `|`")));
    }
    let text = compiler.node(text, depth + 1)?;
    match Pattern::compile(&pattern) {
        Ok(pattern) => Ok(Node::Matches(Box::new(text), Box::new(pattern))),
        Err(BadPattern::Syntax(reason)) => {
            Err(compiler.bad("matches", format_args!("the pattern `{}` is none: {reason}", quoted(&pattern))))
        }
        Err(BadPattern::TooLarge) => Err(Refusal::TooCostly(format!(
            "the pattern `{}` needs too much memory; repeat less, or match a part of it",
            quoted(&pattern)
        ))),
    }
}

fn within(compiler: &mut Compiler<'_>, values: &[IdedExpr], depth: usize) -> Result<Node, Refusal> {
    let bad = |compiler: &Compiler<'_>, reason: &str| Err(compiler.bad("within", reason));
    let [latitude, longitude, region] = values else {
        return bad(compiler, "expected `geo.within(latitude, longitude, box(…) | circle(…) | polygon([…]))`");
    };
    let Expr::Call(CallExpr { func_name, target: None, args }) = &region.expr else {
        return bad(compiler, "expected `box`, `circle` or `polygon` as the third value of `geo.within`");
    };
    let region = match (func_name.as_str(), numbers(args).as_deref()) {
        ("box", Some(&[south, west, north, east])) => Region::of_box([south, west, north, east]),
        ("circle", Some(&[latitude, longitude, metres])) => Region::of_circle(latitude, longitude, metres),
        ("polygon", _) => return polygon(compiler, [latitude, longitude], args, depth),
        ("box", _) => Err("expected `box(south, west, north, east)`, all numbers"),
        ("circle", _) => Err("expected `circle(latitude, longitude, metres)`, all numbers"),
        _ => Err("expected `box`, `circle` or `polygon` as the third value of `geo.within`"),
    };
    let region = region.map_err(|reason| compiler.bad(func_name, reason))?;
    Ok(Node::Within(compiler.boxed([latitude, longitude], depth)?, region))
}

fn polygon(
    compiler: &mut Compiler<'_>,
    point: [&IdedExpr; 2],
    args: &[IdedExpr],
    depth: usize,
) -> Result<Node, Refusal> {
    let [IdedExpr { expr: Expr::List(list), .. }] = args else {
        return Err(compiler.bad("polygon", "expected `polygon([[latitude, longitude], …])`"));
    };
    if list.elements.len() > POLYGON_POINT_COUNT_MAX {
        return Err(Refusal::TooCostly(format!("a polygon of more than {POLYGON_POINT_COUNT_MAX} points")));
    }
    let corner = |corner: &IdedExpr| match &corner.expr {
        Expr::List(pair) => <[f64; 2]>::try_from(numbers(&pair.elements)?).ok(),
        _ => None,
    };
    let points: Option<Vec<_>> = list.elements.iter().map(corner).collect();
    let region =
        points.ok_or("expected `polygon([[latitude, longitude], …])`, all numbers").and_then(Region::of_polygon);
    let region = region.map_err(|reason| compiler.bad("polygon", reason))?;
    Ok(Node::Within(compiler.boxed(point, depth)?, region))
}

fn numbers(values: &[IdedExpr]) -> Option<Vec<f64>> {
    values.iter().map(|value| literal(value)?.ok()?.number()).collect()
}
