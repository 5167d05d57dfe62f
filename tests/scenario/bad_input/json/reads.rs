//! Views and history.

use serde_json::Value;

use super::{Row, request, several, subscribe};

pub(super) fn rows() -> Vec<Row> {
    let of = |parameter: &str| format!(r#"{{"topic":"chat:a",{parameter}}}"#);
    vec![
        subscribe("no topic", "{}", 3503, "BAD_PARAMETER").with("parameter", "topic"),
        subscribe("an empty topic", r#"{"topic":""}"#, 3504, "BAD_TOPIC"),
        subscribe("a topic with a space", r#"{"topic":"no spaces"}"#, 3504, "BAD_TOPIC"),
        subscribe("a topic beyond ASCII", r#"{"topic":"chat:ä"}"#, 3504, "BAD_TOPIC"),
        subscribe("a topic of 256 bytes", format!(r#"{{"topic":"{}"}}"#, "a".repeat(256)), 3504, "BAD_TOPIC"),
        subscribe("half a character in a topic", r#"{"topic":"\ud800"}"#, 3500, "MALFORMED"),
        subscribe("a topic that is an object", r#"{"topic":{"name":"chat:a"}}"#, 3500, "MALFORMED"),
        subscribe("a topic of the node's own", r#"{"topic":"_node"}"#, 3508, "FORBIDDEN"),
        subscribe("an unknown parameter", of(r#""form":"latest""#), 3502, "UNKNOWN_PARAMETER").with("nearest", "from"),
        subscribe("an unknown equality", of(r#""where.size":1"#), 3502, "UNKNOWN_PARAMETER"),
        subscribe("a parameter like no other", of(r#""foo":1"#), 3502, "UNKNOWN_PARAMETER")
            .with("nearest", Value::Null),
        subscribe("a bad value of an enum", of(r#""from":"yesterday""#), 3503, "BAD_PARAMETER")
            .with("parameter", "from"),
        subscribe("another bad one", of(r#""onGone":"explode""#), 3503, "BAD_PARAMETER").with("parameter", "onGone"),
        subscribe("a limit of none", of(r#""limit":0"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a negative limit", of(r#""limit":-1"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a limit of a million", of(r#""limit":1000000"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a limit with a fraction", of(r#""limit":1.5"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a limit of 2^64", of(r#""limit":18446744073709551616"#), 3503, "BAD_PARAMETER"),
        subscribe("a duration in parsecs", of(r#""timeout":"5 parsecs""#), 3503, "BAD_PARAMETER"),
        subscribe("a negative duration", of(r#""timeout":-1"#), 3503, "BAD_PARAMETER").with("parameter", "timeout"),
        subscribe("a flag that is a word", of(r#""delta":"perhaps""#), 3503, "BAD_PARAMETER")
            .with("parameter", "delta"),
        subscribe("a version of one part", of(r#""resourceVersion":"6f1c""#), 3503, "BAD_PARAMETER"),
        subscribe("a negative version", of(r#""resourceVersion":"6f1c.-1""#), 3503, "BAD_PARAMETER"),
        subscribe("a version with zeros before it", of(r#""resourceVersion":"6f1c.007""#), 3503, "BAD_PARAMETER"),
        subscribe("a parameter twice", of(r#""limit":1,"limit":2"#), 3500, "MALFORMED"),
        subscribe("a filter under two names", of(r#""filter":"true","selector":"true""#), 3503, "BAD_PARAMETER")
            .with("parameter", "selector"),
        subscribe(
            "a version under two names",
            of(r#""sinceRevision":"1.1","resourceVersion":"1.1""#),
            3503,
            "BAD_PARAMETER",
        )
        .with("parameter", "resourceVersion"),
        subscribe(
            "a beginning under two names",
            of(r#""from":"latest","includeInitialData":false"#),
            3503,
            "BAD_PARAMETER",
        )
        .with("parameter", "includeInitialData"),
        subscribe("a view beside views", of(r#""views":[{"topic":"chat:b"}]"#), 3503, "BAD_PARAMETER"),
        subscribe(
            "1,001 views",
            format!(r#"{{"views":[{}]}}"#, several(1_001, r#"{"topic":"chat:a"}"#)),
            3503,
            "BAD_PARAMETER",
        ),
        subscribe(
            "one view more than a connection may hold",
            format!(r#"{{"views":[{}]}}"#, several(9, r#"{"topic":"chat:a"}"#)),
            3521,
            "TOO_MANY_SUBSCRIPTIONS",
        ),
        subscribe("an equal view", of(r#""from":"latest""#), 3512, "ALREADY_SUBSCRIBED")
            .after("SUBSCRIBE", r#"{"topic":"chat:a","from":"latest"}"#),
        subscribe("a filter that is none", of(r#""filter":"data.n >""#), 3517, "BAD_FILTER"),
        subscribe(
            "a version of another epoch",
            of(r#""resourceVersion":"77aa.3","onGone":"close""#),
            3302,
            "EPOCH_CHANGED",
        )
        .after("PUBLISH", r#"{"topic":"chat:a","data":1}"#),
        request("an unknown view", "UNSUBSCRIBE", r#"{"view":4294967295}"#, 3511, "NO_SUCH_VIEW"),
        request("no view", "UNSUBSCRIBE", "{}", 3511, "NO_SUCH_VIEW"),
        request("a negative view", "UNSUBSCRIBE", r#"{"view":-1}"#, 3503, "BAD_PARAMETER").with("parameter", "view"),
        request("a view beyond 32 bits", "UNSUBSCRIBE", r#"{"view":4294967296}"#, 3503, "BAD_PARAMETER"),
        request("fewer than no events", "GRANT", r#"{"view":1,"events":-1}"#, 3503, "BAD_PARAMETER")
            .with("parameter", "events"),
        request("a misspelt member of HISTORY", "HISTORY", of(r#""befor":"1.1""#), 3502, "UNKNOWN_PARAMETER"),
        request("a page of none", "HISTORY", of(r#""limit":0"#), 3503, "BAD_PARAMETER"),
        request("a page of a million", "HISTORY", of(r#""limit":1000000"#), 3503, "BAD_PARAMETER"),
        request("a bad version of a page", "HISTORY", of(r#""after":"x""#), 3503, "BAD_PARAMETER"),
        request("history without a topic", "HISTORY", "{}", 3504, "BAD_TOPIC"),
    ]
}
