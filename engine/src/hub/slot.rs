//! A subscription, as its connection knows it.

/// A subscription of an outlet: the view's number and its place in the hub's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The view's number, as clients see it.
    pub view: u32,
    /// Tells it from those that the outlet had in the same place before it.
    serial: u32,
    pub(super) key: usize,
}

/// The subscriptions of an outlet.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) open: Vec<Slot>,
    /// Of the next one.
    serial: u32,
}

impl Slots {
    pub(super) fn add(&mut self, view: u32, key: usize) -> Slot {
        let slot = Slot { view, serial: self.serial, key };
        self.serial = self.serial.wrapping_add(1);
        // Most hold one subscription for ever, and four would be made room for.
        if self.open.is_empty() {
            self.open.reserve_exact(1);
        }
        self.open.push(slot);
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.open.retain(|open| *open != slot);
    }
}
