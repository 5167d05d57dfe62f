//! HISTORY and its page, which is also the answer of `GET /v1/topics/{topic}/history`.

use super::form::{Always, Integer, Items, Optional, UnlessDefault, Version, json_form};
use crate::wire::{History, HistoryPage};

json_form!(History {
    "topic": topic = Always,
    "after": after = Version,
    "limit": limit = Integer,
    "reverse": reverse = UnlessDefault,
});

json_form!(HistoryPage {
    "topic": topic = Always,
    "items": items = Items,
    "resourceVersion": resource_version = Version,
    "continue": r#continue = Optional,
});
