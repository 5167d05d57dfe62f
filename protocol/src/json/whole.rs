//! Whole numbers, read so that one which is not allowed is told what is: JSON itself knows numbers of any size and with fractions.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use super::Context;
use crate::limits::INTEGER_MAX;
use crate::wire::Error;

/// A type of a field that is a whole number in JSON.
pub(crate) trait Whole: TryFrom<i128> {
    /// The least that is allowed.
    const MIN: i64;
    /// The greatest that is allowed.
    const MAX: u64;
}

impl Whole for u32 {
    const MIN: i64 = 0;
    const MAX: u64 = u32::MAX as u64;
}

impl Whole for u64 {
    const MIN: i64 = 0;
    const MAX: u64 = INTEGER_MAX;
}

impl Whole for i64 {
    const MIN: i64 = i64::MIN;
    const MAX: u64 = i64::MAX as u64;
}

/// Reads a whole number or null. One that is out of range, and one with a fraction, is BAD_PARAMETER.
pub(crate) struct WholeSeed<'s, 'c, T> {
    pub(crate) context: &'s Context<'c>,
    pub(crate) name: &'s str,
    pub(crate) number: PhantomData<T>,
}

impl<T: Whole> WholeSeed<'_, '_, T> {
    fn number<E: serde::de::Error>(&self, number: i128) -> Result<Option<T>, E> {
        let is_allowed = (i128::from(T::MIN)..=i128::from(T::MAX)).contains(&number);
        match T::try_from(number) {
            Ok(number) if is_allowed => Ok(Some(number)),
            _ => Err(self.refused()),
        }
    }

    fn refused<E: serde::de::Error>(&self) -> E {
        let reason = format_args!("expected a whole number from {} to {}", T::MIN, T::MAX);
        self.context.refuse(Error::bad_parameter(self.name, reason))
    }
}

impl<'de, T: Whole> DeserializeSeed<'de> for WholeSeed<'_, '_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T: Whole> Visitor<'_> for WholeSeed<'_, '_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", T::MIN, T::MAX)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Option<T>, E> {
        self.number(number.into())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Option<T>, E> {
        self.number(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Option<T>, E> {
        Err(self.refused())
    }
}
