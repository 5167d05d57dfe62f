//! What operators do with numbers, and the conversions between kinds. `None` is a failure: another kind, an overflow, a division by
//! zero. Kinds may be mixed, which plain CEL refuses, because JSON does not let a publisher say which kind a number is.

use super::super::json::whole;
use super::expression::Operator;
use super::path::CanonicalValue;
use super::value::{Number, Value};

pub(super) fn arithmetic<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Option<Value<'a>> {
    let (left_number, right_number) = (left.number()?, right.number()?);
    let are_ints = matches!((left, right), (Value::Int(_), Value::Int(_)));
    if let (Number::Int(left), Number::Int(right)) = (left_number, right_number) {
        let exact = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Remainder => return left.checked_rem(right).map(Value::Int),
            Operator::Divide if are_ints => left.checked_div(right),
            _ => return Some(Value::Double(left_number.double() / right_number.double())),
        };
        return exact.map(if are_ints { Value::Int } else { Value::Whole });
    }
    let (left, right) = (left_number.double(), right_number.double());
    match operator {
        Operator::Add => Some(Value::Double(left + right)),
        Operator::Subtract => Some(Value::Double(left - right)),
        Operator::Multiply => Some(Value::Double(left * right)),
        Operator::Divide => Some(Value::Double(left / right)),
        _ => None,
    }
}

/// `x[y]`: an item of a list by its place, a member of a map by its name.
pub(super) fn index<'a>(of: &Value<'a>, at: &Value<'a>) -> Option<Value<'a>> {
    match (at.number(), at.text()) {
        (Some(Number::Int(place)), _) => of.item(usize::try_from(place).ok()?),
        (Some(Number::Double(place)), _) => of.item(usize::try_from(whole(place)?).ok()?),
        (_, Some(name)) => of.member(name),
        _ => None,
    }
}

pub(super) fn to_int(of: &Value<'_>) -> Option<i64> {
    match of.number() {
        Some(Number::Int(number)) => Some(number),
        Some(Number::Double(number)) => whole(number.trunc()),
        None => of.text()?.parse().ok(),
    }
}

pub(super) fn canonical(value: &Value<'_>) -> Option<CanonicalValue> {
    match value {
        Value::Null => Some(CanonicalValue::Null),
        Value::Bool(is_true) => Some(CanonicalValue::Bool(*is_true)),
        Value::Int(number) | Value::Whole(number) => Some(CanonicalValue::Whole(*number)),
        Value::Double(number) => CanonicalValue::number(*number),
        _ => value.text().map(|text| CanonicalValue::Text(text.into())),
    }
}
