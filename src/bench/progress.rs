//! What a run is doing, on standard error, while somebody looks.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// See the module.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Silent when that is wished, and where nobody would see it move.
    pub(crate) fn new(is_quiet: bool) -> Self {
        let is_seen = !is_quiet && std::io::stderr().is_terminal();
        let target = if is_seen { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    /// Begins a part of the run: so many steps.
    pub(crate) fn begin(&self, what: &'static str, steps: u64) {
        let style = ProgressStyle::with_template("{msg:<14} {wide_bar} {pos}/{len}").expect("the template is right");
        self.bar.set_style(style);
        self.bar.set_length(steps);
        self.bar.set_position(0);
        self.bar.set_message(what);
    }

    /// Begins a part that lasts so long.
    pub(crate) fn begin_time(&self, what: &'static str, time: Duration) {
        self.begin(what, time.as_millis() as u64);
        let style = ProgressStyle::with_template("{msg:<14} {wide_bar} {percent}%").expect("the template is right");
        self.bar.set_style(style);
    }

    pub(crate) fn at(&self, step: u64) {
        self.bar.set_position(step);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
