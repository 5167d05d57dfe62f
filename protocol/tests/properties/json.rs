//! Compaction against serde_json's own.

use bytes::Bytes;
use fanfare_protocol::compact;
use fanfare_protocol::limits::JSON_DEPTH_MAX;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

pub(crate) fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
        Just(Value::from("\u{0}\t\"\\/\u{7f}\u{2028}😀")),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(".{0,5}", inner, 0..5).prop_map(Value::from_iter),
        ]
    })
}

/// Text that is nearly JSON.
fn tokens() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just(" "),
        Just("\n"),
        Just("\""),
        Just("\\"),
        Just("\\u"),
        Just("d8"),
        Just("00"),
        Just("1"),
        Just("0"),
        Just("-"),
        Just("."),
        Just("e"),
        Just("+"),
        Just("true"),
        Just("null"),
        Just("\"a\""),
        Just("\"a\":"),
        Just("\"\\ud83d\\ude00\""),
        Just("é"),
        Just("\u{1}"),
    ];
    vec(token, 0..14).prop_map(|tokens| tokens.concat())
}

fn compacted(text: &str) -> Option<String> {
    let bytes = compact(Bytes::copy_from_slice(text.as_bytes()), JSON_DEPTH_MAX).ok()?;
    String::from_utf8(bytes.into()).ok()
}

proptest! {
    /// P2.
    #[test]
    fn compaction_is_that_of_serde_json(value in json_value()) {
        let plain = value.to_string();
        let pretty = serde_json::to_string_pretty(&value).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(compacted(&pretty), Some(plain.clone()));
        prop_assert_eq!(compacted(&plain), Some(plain));
    }

    /// P3: exactly what serde_json reads is accepted, and stays the same value.
    #[test]
    fn what_is_nearly_json_is_judged_as_serde_json_judges_it(text in tokens()) {
        let read = serde_json::from_str::<Value>(&text);
        match compacted(&text) {
            Some(compacted) => {
                let again = serde_json::from_str::<Value>(&compacted);
                prop_assert!(!compacted.contains('\n'));
                prop_assert_eq!(again.ok(), read.ok(), "{:?} became {:?}", text, compacted);
            }
            None => prop_assert!(read.is_err(), "{:?} was refused", text),
        }
    }

    /// P3.
    #[test]
    fn no_bytes_break_the_compaction(bytes in vec(any::<u8>(), 0..64), depth_max in 0..200_usize) {
        let _ = compact(Bytes::from(bytes), depth_max);
    }
}
