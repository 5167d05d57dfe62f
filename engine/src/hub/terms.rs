//! What differs between subscriptions to one view.

use fanfare_protocol::OnGone;

/// What a subscription wants when its cursor cannot be continued; everything else is the view's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Take a snapshot, or end.
    pub on_gone: OnGone,
    /// Publications in the snapshot of a `stream`.
    pub limit: usize,
}
