//! Envelopes that cannot be read, or say what may not be said.

use super::{Row, deep, envelope, raw, request, subscribe};

pub(super) fn rows() -> Vec<Row> {
    let two = |first: &str, second: &str| format!("{first}\n{second}");
    let ping = |id: u32| format!(r#"{{"type":"PING","id":{id}}}"#);
    vec![
        raw("garbage", "}{", 3500, "MALFORMED").without_id(),
        raw("zero bytes", "\0\0\0", 3500, "MALFORMED").without_id(),
        raw("a byte order mark", format!("\u{feff}{}", ping(7)), 3500, "MALFORMED").without_id(),
        raw("a list", "[1,2]", 3500, "MALFORMED").without_id(),
        raw("a list 10,000 levels deep", deep(10_000), 3500, "MALFORMED").without_id(),
        raw("half an object", r#"{"id":7,"type":"PING""#, 3500, "MALFORMED"),
        raw("more behind the object", r#"{"id":7,"type":"PING"} x"#, 3500, "MALFORMED"),
        raw("a member twice", r#"{"id":7,"id":8,"type":"PING"}"#, 3500, "MALFORMED"),
        raw("a type that is a number", r#"{"id":7,"type":16}"#, 3500, "MALFORMED"),
        raw("a payload that is a string", r#"{"id":7,"type":"SUBSCRIBE","payload":"chat:a"}"#, 3500, "MALFORMED"),
        subscribe("a payload 10,000 levels deep", deep(10_000), 3500, "MALFORMED"),
        raw("a negative id", r#"{"id":-1,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id with a fraction", r#"{"id":1.5,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id above 2^53 - 1", r#"{"id":9007199254740992,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id beyond a double", r#"{"id":1e400,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id that is a string", r#"{"id":"7","type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an unknown type", r#"{"id":7,"type":"DANCE"}"#, 3501, "UNKNOWN_TYPE"),
        raw(
            "a type of 100,000 letters",
            format!(r#"{{"id":7,"type":"{}"}}"#, "A".repeat(100_000)),
            3501,
            "UNKNOWN_TYPE",
        ),
        raw("no type", r#"{"id":7}"#, 3501, "UNKNOWN_TYPE"),
        raw("a bad line between good ones", two(&two(&ping(1), "{"), &ping(2)), 3500, "MALFORMED")
            .without_id()
            .beside(["PONG", "PONG"]),
        raw(
            "an id that waits for its answer",
            two(&envelope("PUBLISH", r#"{"topic":"chat:a","data":1}"#), &ping(7)),
            3513,
            "ID_IN_USE",
        )
        .beside(["PUBLISHED"]),
        raw(
            "one request more than may wait at once",
            two(
                &(1..=16)
                    .map(|n| format!(r#"{{"type":"PUBLISH","id":10{n},"payload":{{"topic":"chat:a","data":{n}}}}}"#))
                    .collect::<Vec<_>>()
                    .join("\n"),
                &envelope("PUBLISH", r#"{"topic":"chat:a","data":17}"#),
            ),
            3403,
            "TOO_MANY_REQUESTS_IN_FLIGHT",
        )
        .beside(["PUBLISHED"; 16]),
        request("CONNECT twice", "CONNECT", "{}", 3525, "PROTOCOL_VIOLATION").after("CONNECT", "{}"),
        request("CONNECT behind another request", "CONNECT", "{}", 3525, "PROTOCOL_VIOLATION").after("PING", "{}"),
        request("a token that is a list", "CONNECT", r#"{"token":["a"]}"#, 3500, "MALFORMED"),
        request("an unknown member of PING", "PING", r#"{"at":1}"#, 3502, "UNKNOWN_PARAMETER"),
        request("what only a node says: EVENT", "EVENT", "{}", 3525, "PROTOCOL_VIOLATION"),
        request("what only a node says: PONG", "PONG", "{}", 3525, "PROTOCOL_VIOLATION"),
        request("what only a node says: GOAWAY", "GOAWAY", "{}", 3525, "PROTOCOL_VIOLATION"),
        request("what is not built: REFRESH", "REFRESH", r#"{"token":"t"}"#, 3519, "NOT_SUPPORTED"),
        request("a view that is not there", "UPDATE_VIEW", r#"{"view":1}"#, 3511, "NO_SUCH_VIEW"),
        request("what is not built: REQUEST", "REQUEST", r#"{"service":"svc:a","data":1}"#, 3519, "NOT_SUPPORTED"),
        request("what is not built: PRESENCE_GET", "PRESENCE_GET", r#"{"topic":"chat:a"}"#, 3519, "NOT_SUPPORTED"),
    ]
}
