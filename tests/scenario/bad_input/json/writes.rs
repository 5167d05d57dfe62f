//! Publications.

use super::{Row, deep, publish, several};

pub(super) fn rows() -> Vec<Row> {
    let of = |members: &str| format!(r#"{{"topic":"chat:a",{members}}}"#);
    let board = |members: &str| format!(r#"{{"topic":"board:a",{members}}}"#);
    vec![
        publish("nothing to publish", r#"{"topic":"chat:a"}"#, 3503, "BAD_PARAMETER").with("parameter", "data"),
        publish("a topic that is a number", r#"{"topic":5,"data":1}"#, 3500, "MALFORMED"),
        publish("a topic of the node's own", r#"{"topic":"_node","data":1}"#, 3508, "FORBIDDEN"),
        publish("both kinds of data", of(r#""data":1,"dataBase64":"AA==""#), 3503, "BAD_PARAMETER"),
        publish("what is no base64", of(r#""dataBase64":"%%%""#), 3503, "BAD_PARAMETER")
            .with("parameter", "dataBase64"),
        publish("base64 that is a number", of(r#""dataBase64":5"#), 3500, "MALFORMED"),
        publish("JSON that claims to be bytes", of(r#""data":1,"contentType":"bytes""#), 3503, "BAD_PARAMETER"),
        publish("an unknown content type", of(r#""data":1,"contentType":"xml""#), 3503, "BAD_PARAMETER"),
        publish("data 10,000 levels deep", of(&format!(r#""data":{}"#, deep(10_000))), 3500, "MALFORMED"),
        publish("data 65 levels deep", of(&format!(r#""data":{}"#, deep(65))), 3500, "MALFORMED"),
        publish("half a character in data", of(r#""data":"\ud83d""#), 3500, "MALFORMED"),
        publish("the other half in data", of(r#""data":{"a":["\ude00"]}"#), 3500, "MALFORMED"),
        publish("a number beyond a double in data", of(r#""data":1e999"#), 3500, "MALFORMED"),
        publish("a number with a zero before it in data", of(r#""data":{"n":01}"#), 3500, "MALFORMED"),
        publish("data twice", of(r#""data":1,"data":2"#), 3500, "MALFORMED"),
        publish("a misspelt member", of(r#""dta":1"#), 3502, "UNKNOWN_PARAMETER").with("nearest", "data"),
        publish("attributes that are no texts", of(r#""data":1,"attributes":{"n":1}"#), 3500, "MALFORMED"),
        publish("a negative ttl", of(r#""data":1,"ttl":"-1s""#), 3503, "BAD_PARAMETER").with("parameter", "ttl"),
        publish("a time beyond 64 bits", of(r#""data":1,"originTime":1e300"#), 3503, "BAD_PARAMETER"),
        publish("a key in a stream", of(r#""data":1,"key":"k""#), 3520, "WRONG_KIND"),
        publish("a deletion in a stream", of(r#""delete":true,"key":"k""#), 3520, "WRONG_KIND")
            .after("PUBLISH", r#"{"topic":"chat:a","data":1}"#),
        publish("no key in a state topic", board(r#""data":1"#), 3520, "WRONG_KIND"),
        publish("a deletion of no key", board(r#""delete":true"#), 3503, "BAD_PARAMETER").with("parameter", "key"),
        publish("a deletion with data", board(r#""delete":true,"key":"k","data":1"#), 3503, "BAD_PARAMETER"),
        publish("an empty key", board(r#""data":1,"key":"""#), 3503, "BAD_PARAMETER").with("parameter", "key"),
        publish(
            "a key of 1,025 bytes",
            board(&format!(r#""data":1,"key":"{}""#, "k".repeat(1_025))),
            3503,
            "BAD_PARAMETER",
        ),
        publish("ifVersion of what is not there", of(r#""data":1,"ifVersion":"6f1c.5""#), 3514, "VERSION_CONFLICT"),
        publish("ifVersion that is no version", of(r#""data":1,"ifVersion":"x""#), 3503, "BAD_PARAMETER"),
        publish("another body under a key", of(r#""data":2,"idempotencyKey":"once""#), 3516, "IDEMPOTENCY_MISMATCH")
            .after("PUBLISH", r#"{"topic":"chat:a","data":1,"idempotencyKey":"once"}"#),
        publish("an empty idempotency key", of(r#""data":1,"idempotencyKey":"""#), 3503, "BAD_PARAMETER"),
        publish(
            "an idempotency key of 256 bytes",
            of(&format!(r#""data":1,"idempotencyKey":"{}""#, "k".repeat(256))),
            3503,
            "BAD_PARAMETER",
        ),
        publish("a sequence that skips", of(r#""data":1,"producer":{"id":"p","sequence":9}"#), 3515, "OUT_OF_SEQUENCE")
            .after("PUBLISH", r#"{"topic":"chat:a","data":1,"producer":{"id":"p","sequence":5}}"#)
            .with("expected", 6),
        publish(
            "another body under a sequence",
            of(r#""data":2,"producer":{"id":"q","sequence":5}"#),
            3516,
            "IDEMPOTENCY_MISMATCH",
        )
        .after("PUBLISH", r#"{"topic":"chat:a","data":1,"producer":{"id":"q","sequence":5}}"#),
        publish("a negative sequence", of(r#""data":1,"producer":{"id":"p","sequence":-1}"#), 3503, "BAD_PARAMETER")
            .with("parameter", "sequence"),
        publish("a producer without a name", of(r#""data":1,"producer":{"sequence":1}"#), 3503, "BAD_PARAMETER"),
        publish(
            "more than a publication may have",
            r#"{"topic":"small:a","data":"0123456789012345678901234567890123456789012345678901234567890123456789"}"#,
            3506,
            "PUBLICATION_TOO_LARGE",
        ),
        publish("an empty batch", of(r#""publications":[]"#), 3503, "BAD_PARAMETER"),
        publish(
            "a batch of 1,001",
            of(&format!(r#""publications":[{}]"#, several(1_001, r#"{"data":1}"#))),
            3503,
            "BAD_PARAMETER",
        ),
        publish("a batch beside a publication", of(r#""data":1,"publications":[{"data":2}]"#), 3503, "BAD_PARAMETER"),
        publish("a bad one in a batch", of(r#""publications":[{"data":1},{"data":2,"key":"k"}]"#), 3520, "WRONG_KIND"),
    ]
}
