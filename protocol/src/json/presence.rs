//! Who is in a topic: PRESENCE_SET, PRESENCE_GET and PRESENCE_STATE.

use super::form::{Always, Inline, Integer, Items, Named, Optional, Version, json_form};
use crate::wire::{Member, PresenceAction, PresenceGet, PresenceSet, PresenceState};

const ACTIONS: &[(&str, PresenceAction)] =
    &[("enter", PresenceAction::Enter), ("update", PresenceAction::Update), ("leave", PresenceAction::Leave)];

json_form!(PresenceSet {
    "topic": topic = Always,
    "action": action = Named::closed(ACTIONS),
    "data": data = Inline,
});

json_form!(PresenceGet {
    "topic": topic = Always,
    "limit": limit = Integer,
    "continue": r#continue = Optional,
});

json_form!(Member {
    "connectionId": connection_id = Always,
    "sub": sub = Optional,
    "data": data = Inline,
    "since": since = Integer,
});

json_form!(PresenceState {
    "topic": topic = Always,
    "members": members = Items,
    "resourceVersion": resource_version = Version,
    "continue": r#continue = Optional,
});
