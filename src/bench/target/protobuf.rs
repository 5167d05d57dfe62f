//! Fields of protobuf, read where they lie and written one after the other.

use anyhow::{Context as _, Result, bail};

/// Wire types.
pub(super) const VARINT: u64 = 0;
const FIXED64: u64 = 1;
pub(super) const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// Of a field's number and its wire type.
pub(super) const fn key(field: u64, wire: u64) -> u64 {
    field << 3 | wire
}

#[inline]
pub(super) fn varint(input: &mut &[u8]) -> Result<u64> {
    // Nearly all of them are one byte.
    if let [byte @ 0..=0x7f, rest @ ..] = *input {
        *input = rest;
        return Ok(u64::from(*byte));
    }
    let mut value = 0;
    for (index, byte) in input.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    bail!("the server sent a number that does not end")
}

#[inline]
pub(super) fn field_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = varint(input)?;
    take(input, length)
}

fn take<'a>(input: &mut &'a [u8], length: u64) -> Result<&'a [u8]> {
    let split = usize::try_from(length).ok().and_then(|length| input.split_at_checked(length));
    let (taken, rest) = split.context("the server sent a field that is longer than its message")?;
    *input = rest;
    Ok(taken)
}

pub(super) fn skip(key: u64, input: &mut &[u8]) -> Result<()> {
    match key & 7 {
        VARINT => varint(input).map(drop),
        FIXED64 => take(input, 8).map(drop),
        LENGTH => field_bytes(input).map(drop),
        FIXED32 => take(input, 4).map(drop),
        other => bail!("the server sent a field of wire type {other}"),
    }
}

/// Appends a number.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field that is a number.
pub(super) fn put_number(field: u64, value: u64, out: &mut Vec<u8>) {
    put_varint(key(field, VARINT), out);
    put_varint(value, out);
}

/// Appends a field of bytes.
pub(super) fn put_bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    put_varint(key(field, LENGTH), out);
    put_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}
