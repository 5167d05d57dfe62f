//! Pages of the binary, compressed: each once in the life of the process, when it is first asked for.

use std::collections::HashMap;
use std::sync::OnceLock;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::compression::Coding;

/// By digest and coding. Only what the binary brings along gets in, so it is at most three times as large as that.
static PACKED: OnceLock<Mutex<HashMap<(String, Coding), Bytes>>> = OnceLock::new();

/// The asset of this digest, compressed; `None` when that would not make it smaller.
pub(super) fn packed(digest: &str, coding: Coding, plain: &[u8]) -> Option<Bytes> {
    let kept = PACKED.get_or_init(Mutex::default);
    let key = (digest.to_owned(), coding);
    let known = kept.lock().get(&key).cloned();
    let packed = match known {
        Some(packed) => packed,
        // Not under the lock: two workers that both do it find the same.
        None => {
            let packed = Bytes::from(coding.compress_well(plain).ok()?);
            kept.lock().insert(key, packed.clone());
            packed
        }
    };
    (packed.len() < plain.len()).then_some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        assert!(packed("digest-a", Coding::Brotli, b"x").is_none());
        let plain = b"body { color: red }\n".repeat(100);
        let once = packed("digest-b", Coding::Brotli, &plain).unwrap();
        assert!(once.len() < plain.len() / 10);
        assert_eq!(packed("digest-b", Coding::Brotli, &plain).unwrap().as_ptr(), once.as_ptr());
    }
}
