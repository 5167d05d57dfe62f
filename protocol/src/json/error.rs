//! ERROR, and the errors inside of other messages.

use super::Object;
use super::form::{Always, Integer, Optional, Version, json_form};
use crate::wire::Error;

/// Appends the JSON form of an error: also the members of a problem document.
pub fn write_error(error: &Error, out: &mut Vec<u8>) {
    Object::whole(error, out);
}

json_form!(Error {
    "code": code = Always,
    "name": name = Always,
    "message": message = Always,
    "class": class = Always,
    "retryAfterMs": retry_after_ms = Integer,
    "topic": topic = Optional,
    "oldest": oldest = Version,
    "current": current = Version,
    "expected": expected = Integer,
    "parameter": parameter = Optional,
    "nearest": nearest = Optional,
});
