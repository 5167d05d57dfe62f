//! Runs a compiled expression on one event. What goes wrong (a missing member, a wrong type, an overflow) makes the expression
//! fail, and `&&`, `||`, `all` and `exists` go on where the other side decides, as CEL has it.
//!
//! Every node, item and sixteen bytes of text take a step, and steps are bounded, so that no filter and no event can hold a
//! worker: beyond the bound everything fails.

use std::sync::Arc;

use super::super::facts::Facts;
use super::arithmetic::{arithmetic, canonical, index, to_int};
use super::expression::{Function, Literal, Loop, LoopKind, Node, Operator, Variable};
use super::value::{Number, Value, text_steps};

/// Steps of one evaluation, of some ten nanoseconds each: a millisecond. A loop over a thousand items may take a hundred each.
pub(super) const STEP_COUNT_MAX: u32 = 100_000;

/// Items that a comprehension goes over; a longer list makes it fail.
pub(super) const LOOP_ITEM_COUNT_MAX: usize = 1_000;

/// A string that a filter makes.
const MADE_BYTES_MAX: usize = 64 * 1024;

/// No value. That is all that anyone asks: an expression that fails does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure;

type Outcome<'a> = Result<Value<'a>, Failure>;

/// Whether the expression is true of the event.
pub(super) fn is_true(node: &Node, facts: &Facts<'_>) -> bool {
    let mut run = Run { facts, steps_left: STEP_COUNT_MAX, item: None };
    // Without steps left a failure may have been absorbed that was none.
    matches!(run.value(node), Ok(Value::Bool(true))) && run.steps_left > 0
}

struct Run<'a, 'e> {
    facts: &'a Facts<'e>,
    steps_left: u32,
    item: Option<Value<'a>>,
}

impl<'a> Run<'a, '_> {
    fn take(&mut self, steps: u32) -> Result<(), Failure> {
        self.steps_left = self.steps_left.saturating_sub(steps);
        if self.steps_left == 0 { Err(Failure) } else { Ok(()) }
    }

    fn value(&mut self, node: &'a Node) -> Outcome<'a> {
        self.take(1)?;
        match node {
            Node::Literal(literal) => Ok(match literal {
                Literal::Null => Value::Null,
                Literal::Bool(is_true) => Value::Bool(*is_true),
                Literal::Int(number) => Value::Int(*number),
                Literal::Double(number) => Value::Double(*number),
                Literal::Text(text) => Value::Text(text),
            }),
            Node::Variable(variable) => Ok(self.variable(*variable)),
            Node::Data(steps) => self.facts.data().at(steps).map(Value::of).ok_or(Failure),
            Node::Attribute(name) => self.facts.attributes().get(&**name).map(|text| Value::Text(text)).ok_or(Failure),
            Node::Item => self.item.clone().ok_or(Failure),
            Node::Member(of, name) => self.value(of)?.member(name).ok_or(Failure),
            Node::Has(of, name) => {
                let of = self.value(of)?;
                of.map_len().ok_or(Failure)?;
                Ok(Value::Bool(of.member(name).is_some()))
            }
            Node::Index(both) => {
                let [of, at] = self.both(both)?;
                index(&of, &at).ok_or(Failure)
            }
            Node::Not(of) => self.condition(of).map(|is_true| Value::Bool(!is_true)),
            Node::Negate(of) => match self.value(of)? {
                Value::Int(number) => number.checked_neg().map(Value::Int).ok_or(Failure),
                Value::Whole(number) => number.checked_neg().map(Value::Whole).ok_or(Failure),
                Value::Double(number) => Ok(Value::Double(-number)),
                _ => Err(Failure),
            },
            Node::And(both) => self.decided_by(both, false),
            Node::Or(both) => self.decided_by(both, true),
            Node::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                if self.condition(condition)? { self.value(yes) } else { self.value(no) }
            }
            Node::Binary(operator, both) => {
                let [left, right] = self.both(both)?;
                self.binary(*operator, &left, &right)
            }
            Node::OneOf(of, literals) => {
                let of = self.value(of)?;
                self.take(of.text().map_or(1, text_steps))?;
                Ok(Value::Bool(canonical(&of).is_some_and(|value| literals.contains(&value))))
            }
            Node::List(items) => items.iter().map(|item| self.value(item)).collect::<Result<_, _>>().map(Value::List),
            Node::Call(function, arguments) => self.call(*function, arguments),
            Node::Matches(of, pattern) => {
                let of = self.value(of)?;
                let text = of.text().ok_or(Failure)?;
                // A byte at a time, and not sixteen.
                self.take(text_steps(text).saturating_mul(4))?;
                Ok(Value::Bool(pattern.is_match(text)))
            }
            Node::Within(both, region) => {
                let [latitude, longitude] = self.both(both)?;
                self.take(region.steps())?;
                let degrees = |value: &Value<'_>| value.number().map(Number::double).ok_or(Failure);
                region.contains(degrees(&latitude)?, degrees(&longitude)?).map(Value::Bool).ok_or(Failure)
            }
            Node::Loop(comprehension) => {
                let outcome = self.comprehension(comprehension);
                self.item = None;
                outcome
            }
        }
    }

    fn variable(&self, variable: Variable) -> Value<'a> {
        match variable {
            Variable::Key => self.facts.key().map_or(Value::Null, Value::Text),
            Variable::Data => Value::of(self.facts.data()),
            Variable::Attributes => Value::Attributes(self.facts.attributes()),
            Variable::Time => self.facts.time().map_or(Value::Null, Value::Int),
            Variable::Publisher => self.facts.publisher().map_or(Value::Null, Value::Text),
        }
    }

    fn both(&mut self, both: &'a [Node; 2]) -> Result<[Value<'a>; 2], Failure> {
        Ok([self.value(&both[0])?, self.value(&both[1])?])
    }

    fn condition(&mut self, node: &'a Node) -> Result<bool, Failure> {
        if let Value::Bool(is_true) = self.value(node)? { Ok(is_true) } else { Err(Failure) }
    }

    /// One side that is `decisive` decides, whatever the other side is or fails with.
    fn decided_by(&mut self, both: &'a [Node; 2], decisive: bool) -> Outcome<'a> {
        let left = self.condition(&both[0]);
        if left == Ok(decisive) {
            return Ok(Value::Bool(decisive));
        }
        let right = self.condition(&both[1]);
        if right == Ok(decisive) { Ok(Value::Bool(decisive)) } else { left.and(right).map(Value::Bool) }
    }

    fn binary(&mut self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
        let ordered =
            |is: fn(std::cmp::Ordering) -> bool| left.compare(right).map(|order| Value::Bool(is(order))).ok_or(Failure);
        match operator {
            Operator::Equal | Operator::NotEqual => {
                self.take_compared(left, right)?;
                Ok(Value::Bool(left.equals(right) == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.take_compared(left, right)?;
                match operator {
                    Operator::Less => ordered(std::cmp::Ordering::is_lt),
                    Operator::LessOrEqual => ordered(std::cmp::Ordering::is_le),
                    Operator::Greater => ordered(std::cmp::Ordering::is_gt),
                    _ => ordered(std::cmp::Ordering::is_ge),
                }
            }
            Operator::In => {
                if right.map_len().is_some() {
                    return Ok(Value::Bool(left.text().is_some_and(|name| right.member(name).is_some())));
                }
                let len = right.list_len().ok_or(Failure)?;
                for item in (0..len).filter_map(|at| right.item(at)) {
                    self.take_compared(left, &item)?;
                    if left.equals(&item) {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
            Operator::Add if left.text().is_some() || left.list_len().is_some() => self.join(left, right),
            _ => arithmetic(operator, left, right).ok_or(Failure),
        }
    }

    fn take_compared(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<(), Failure> {
        let is_small = |value: &Value<'_>| match value {
            Value::Json(_) | Value::List(_) | Value::Attributes(_) => false,
            value => value.text().is_none_or(|text| text.len() < 16),
        };
        let steps = if is_small(left) || is_small(right) { 1 } else { left.steps().saturating_add(right.steps()) };
        self.take(steps)
    }

    fn join(&mut self, left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
        if let (Some(left), Some(right)) = (left.text(), right.text()) {
            if left.len() + right.len() > MADE_BYTES_MAX {
                return Err(Failure);
            }
            self.take(text_steps(left).saturating_add(text_steps(right)).saturating_mul(2))?;
            return Ok(Value::Made(Arc::from([left, right].concat())));
        }
        let (Some(left_len), Some(right_len)) = (left.list_len(), right.list_len()) else { return Err(Failure) };
        self.take(u32::try_from(left_len.saturating_add(right_len)).unwrap_or(u32::MAX))?;
        let items = (0..left_len).filter_map(|at| left.item(at)).chain((0..right_len).filter_map(|at| right.item(at)));
        Ok(Value::List(items.collect()))
    }

    fn call(&mut self, function: Function, arguments: &'a [Node]) -> Outcome<'a> {
        let of = self.value(arguments.first().ok_or(Failure)?)?;
        if let Some(text) = of.text() {
            self.take(text_steps(text))?;
        }
        match function {
            Function::Size => {
                let len = of.text().map(|text| text.chars().count()).or(of.list_len()).or(of.map_len());
                len.and_then(|len| i64::try_from(len).ok()).map(Value::Int).ok_or(Failure)
            }
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                let part = self.value(arguments.get(1).ok_or(Failure)?)?;
                let (Some(text), Some(part)) = (of.text(), part.text()) else { return Err(Failure) };
                Ok(Value::Bool(match function {
                    Function::Contains => text.contains(part),
                    Function::StartsWith => text.starts_with(part),
                    _ => text.ends_with(part),
                }))
            }
            Function::Int => to_int(&of).map(Value::Int).ok_or(Failure),
            Function::Double => match &of {
                value if value.number().is_some() => value.number().map(Number::double),
                value => value.text().and_then(|text| text.parse().ok()),
            }
            .map(Value::Double)
            .ok_or(Failure),
            Function::Text => match of {
                Value::Text(_) | Value::Made(_) => Ok(of),
                Value::Bool(is_true) => Ok(Value::Text(if is_true { "true" } else { "false" })),
                Value::Int(number) | Value::Whole(number) => Ok(Value::Made(number.to_string().into())),
                Value::Double(number) => Ok(Value::Made(number.to_string().into())),
                _ => Err(Failure),
            },
        }
    }

    fn comprehension(&mut self, comprehension: &'a Loop) -> Outcome<'a> {
        let range = self.value(&comprehension.range)?;
        let len = range.list_len().or(range.map_len()).filter(|len| *len <= LOOP_ITEM_COUNT_MAX).ok_or(Failure)?;
        let names = range.names();
        let mut items = (0..len).filter_map(|at| range.item(at)).chain(names);
        match &comprehension.kind {
            LoopKind::All(condition) => self.any(items, condition, false),
            LoopKind::Exists(condition) => self.any(items, condition, true),
            LoopKind::ExistsOne(condition) => {
                let count = items.try_fold(0_usize, |count, item| {
                    self.item = Some(item);
                    Ok(count + usize::from(self.condition(condition)?))
                })?;
                Ok(Value::Bool(count == 1))
            }
            LoopKind::Map { guard, item: node } => {
                let mut list = Vec::new();
                for item in items {
                    self.item = Some(item);
                    let is_kept = guard.as_ref().map_or(Ok(true), |guard| self.condition(guard))?;
                    if is_kept {
                        list.push(self.value(node)?);
                    }
                }
                Ok(Value::List(list.into()))
            }
        }
    }

    /// One item for which the condition is `decisive` decides.
    fn any(&mut self, items: impl Iterator<Item = Value<'a>>, condition: &'a Node, decisive: bool) -> Outcome<'a> {
        let mut outcome = Ok(Value::Bool(!decisive));
        for item in items {
            self.item = Some(item);
            match self.condition(condition) {
                Ok(is_true) if is_true == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(failure) => outcome = Err(failure),
            }
        }
        outcome
    }
}
