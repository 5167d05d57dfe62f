//! The connection itself: CONNECT, REFRESH, PING and their answers, GOAWAY.

use super::form::{Always, Child, Integer, Optional, UnlessDefault, json_form};
use crate::wire::{Connect, Connected, Features, Goaway, Limits, Ping, Pong, Refresh, Refreshed};

json_form!(Features {
    "compression": compression = UnlessDefault,
    "appPing": app_ping = UnlessDefault,
});

json_form!(Limits {
    "frameBytesMax": frame_bytes_max = Integer,
    "publicationBytesMax": publication_bytes_max = Integer,
    "subscriptionsMax": subscriptions_max = Always,
    "requestsInFlightMax": requests_in_flight_max = Always,
});

json_form!(Connect {
    "token": token = Optional,
    "client": client = Optional,
    "features": features = Child,
});

json_form!(Connected {
    "connectionId": connection_id = Always,
    "nodeId": node_id = Always,
    "features": features = Child,
    "limits": limits = Child,
    "expiresAt": expires_at = Optional,
});

json_form!(Refresh {
    "token": token = Always,
});

json_form!(Refreshed {
    "expiresAt": expires_at = Optional,
});

json_form!(Ping {});

json_form!(Pong {});

json_form!(Goaway {
    "withinMs": within_ms = Integer,
    "node": node = Optional,
});
