//! Between us and the storage engine: a damaged file must not take a thread with it.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use super::fault::StoreError;

/// Runs what may panic inside the engine, of which some asserts can be reached by damaged files, and says so as an error.
/// Nothing of ours is left half done by it: what is inside only calls the engine.
pub(super) fn shielded<T>(doing: &'static str, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(panic) => Err(StoreError::Panicked { doing, text: text(&*panic) }),
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it said nothing").to_owned()
}
