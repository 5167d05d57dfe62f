//! What differs between subscriptions to one view.

use fanfare_protocol::OnGone;

/// What a subscription wants of the snapshots that it is told, above all when its cursor cannot be continued; everything else
/// is the view's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Take a snapshot, or end.
    pub on_gone: OnGone,
    /// Publications in the snapshot of a `stream`.
    pub limit: usize,
    /// Whatever this replica knows is enough, and its answers say so (`stale`).
    pub is_local: bool,
}
