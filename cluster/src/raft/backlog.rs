//! Whether the state machines have applied more than they could store, and what becomes of commands meanwhile.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// Commands are proposed as they come.
const CLEAR: u8 = 0;
/// Commands wait, within the bounds of their batcher.
const HELD: u8 = 1;
/// Commands are told `StorageFault`.
const RAISED: u8 = 2;

/// Told by who stores, asked by the groups of the shards, so that what is not stored yet stays bounded. Clones share it.
#[derive(Clone, Default)]
pub struct Backlog(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: AtomicU8,
    let_go: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Backlog {
    /// Commands wait until it is over: for a store that is behind.
    pub fn hold(&self) {
        // Who has raised it knows more.
        let _ = self.0.state.compare_exchange(CLEAR, HELD, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The store has failed: nothing more is taken, what was taken goes on its way.
    pub fn raise(&self) {
        self.change(RAISED);
    }

    /// Commands go on their way again.
    pub fn clear(&self) {
        self.change(CLEAR);
    }

    fn change(&self, state: u8) {
        if self.0.state.swap(state, Ordering::AcqRel) == HELD
            && let Some(let_go) = self.0.let_go.get()
        {
            let_go();
        }
    }

    /// Whether commands wait.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == HELD
    }

    /// Whether commands are refused.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == RAISED
    }

    /// Called whenever commands no longer wait.
    pub(super) fn when_let_go(&self, let_go: impl Fn() + Send + Sync + 'static) {
        // Set once, by the groups that it is handed to.
        let _ = self.0.let_go.set(Box::new(let_go));
    }
}

impl fmt::Debug for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backlog").field(&self.0.state).finish()
    }
}
