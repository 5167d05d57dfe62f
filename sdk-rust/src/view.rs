//! What a watch shows of its topic, and how fast.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// What a watch shows of its topic, and how fast: [`WatchBuilder`](crate::WatchBuilder) has the same methods for how it
/// begins, [`Watch::update`](crate::Watch::update) takes one to go on with. Made with [`View::new`], which shows
/// everything at once.
///
/// ```no_run
/// # use std::time::Duration;
/// # fn example(fleet: &fanfare_client::Watch) -> Result<(), fanfare_client::Error> {
/// use fanfare_client::View;
///
/// fleet.update(View::new().filter("geo.within(data.lat, data.lon, box(52, 13, 53, 14))").fields(["lat", "lon"]))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a view shows nothing until a watch is given it"]
pub struct View {
    wire: fanfare_protocol::Watch,
    /// What was given and cannot be said to a node.
    error: Option<Error>,
}

impl View {
    /// Everything, at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only events for which this CEL expression holds, over `key`, `data`, `attributes`, `time` and `publisher`.
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        self.wire.filter = Some(expression.into());
        self
    }

    /// Only events whose `key`, `attributes.NAME` or `data.PATH` equals the value; cheaper than a filter.
    pub fn equal<T: Serialize>(mut self, path: impl Into<String>, value: T) -> Self {
        match serde_json::to_string(&value) {
            Ok(json) => {
                self.wire.r#where.insert(path.into(), json);
            }
            Err(error) => self.error = Some(Error::with_source(ErrorKind::Input, error)),
        }
        self
    }

    /// Dotted paths of the data to keep.
    pub fn fields<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.wire.fields = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Only events whose kept fields changed.
    pub fn on_change(mut self) -> Self {
        self.wire.on_change = true;
        self
    }

    /// At most one batch in this time, in whole milliseconds. Of a `state` topic the latest of each key, of a `stream`
    /// everything.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.wire.interval_ms = Some(whole_ms(interval));
        self
    }

    /// A batch after so much quiet, after ten times that at longest.
    pub fn debounce(mut self, quiet: Duration) -> Self {
        self.wire.debounce_ms = Some(whole_ms(quiet));
        self
    }

    /// A ceiling for the rate of events, of a `state` topic by leaving out what was replaced, of a `stream` by lagging
    /// behind.
    pub fn max_events_per_second(mut self, rate: f64) -> Self {
        self.wire.max_events_per_second = Some(rate);
        self
    }

    /// Changed keys of a `state` topic come as merge patches over the line. They are applied here: what a watch delivers is
    /// whole. Costs the memory of the last value of each key.
    pub fn delta(mut self) -> Self {
        self.wire.delta = true;
        self
    }

    pub(crate) fn into_wire(self) -> Result<fanfare_protocol::Watch, Error> {
        self.error.map_or(Ok(self.wire), Err)
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
