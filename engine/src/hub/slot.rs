//! A subscription, as its connection knows it.

/// A subscription of an outlet: the view's number and its place in the hub's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The view's number, as clients see it.
    pub view: u32,
    /// Tells it from those that the outlet had in the same place before it.
    pub(super) serial: u32,
    pub(super) key: usize,
}
