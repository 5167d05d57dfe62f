//! Cases for the micro benches (`engine/benches/micro`): what a pure core does, over and over, with input that is the same
//! in every run. Built with the feature `micro` alone, so that no node has them.

/// Something that a core does.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The core and what it does, as `core/deed`.
    pub name: &'static str,
    /// How often it is done to be counted once: enough for what happens now and then, when a buffer is full, to happen
    /// as often as it should.
    pub rounds: u64,
    /// Makes ready what one round does again and again.
    pub prepare: fn() -> Body,
}

/// One round.
pub type Body = Box<dyn FnMut()>;

/// All cases of this crate.
pub fn cases() -> impl Iterator<Item = Case> {
    crate::log::micro::CASES.into_iter()
}
