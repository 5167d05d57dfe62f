//! When a view may send: `interval`, `debounce` and `maxEventsPerSecond` (rule W15 of the protocol's `SPEC.md`). Pure: every
//! moment comes in, as the time since some beginning that is always the same.

use std::time::Duration;

/// Quiet that never comes is not waited for longer than this many times.
const DEBOUNCES_MAX: u32 = 10;

/// What part of a second's events may go out at once: a timer for each would cost more than they do.
const BURST_SECONDS: f64 = 0.05;

/// How fast a view may send. The default is as fast as it can.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// At most one batch in this time.
    pub interval: Option<Duration>,
    /// A batch after so much quiet.
    pub debounce: Option<Duration>,
    /// Events a second, above 0.
    pub rate: Option<f64>,
}

impl Pace {
    /// Whether there is anything to wait for.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }

    /// Whether events wait for each other. Those of a `stream` that has a ceiling and nothing else wait in the log, each for
    /// itself.
    #[must_use]
    pub fn holds_back(&self, is_state: bool) -> bool {
        self.interval.is_some() || self.debounce.is_some() || (is_state && self.rate.is_some())
    }
}

/// Where a view stands between what came and what it may send.
#[derive(Clone, Debug)]
pub struct Pacer {
    pace: Pace,
    /// The last batch.
    sent_at: Option<Duration>,
    /// The first and the last of what waits.
    waiting: Option<(Duration, Duration)>,
    /// What waits is left of a batch that has had its quiet.
    is_rest: bool,
    allowance: Option<Allowance>,
}

/// Events that may be sent, or bytes that may be read: a bucket of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    rate: f64,
    burst: f64,
    events: f64,
    at: Option<Duration>,
}

impl Allowance {
    /// For so many events a second, in no second more.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        let burst = (per_second * BURST_SECONDS).floor().max(1.0);
        // Those that go out together and those that follow one by one are no more than a second may have.
        let rate = per_second - (burst - 1.0);
        Self { rate, burst, events: burst, at: None }
    }

    /// The same of batches that are no closer than this: each takes its part of a second.
    fn of_batches(per_second: f64, interval: Duration) -> Self {
        let seconds = interval.as_secs_f64();
        let burst = (per_second / seconds.recip().ceil()).floor();
        if burst < 1.0 {
            return Self::new(per_second);
        }
        Self { rate: burst / seconds, burst, events: burst, at: None }
    }

    /// How many may be sent now.
    #[must_use]
    pub fn now(&mut self, now: Duration) -> usize {
        let since = self.at.map_or(0.0, |at| now.saturating_sub(at).as_secs_f64());
        self.events = (self.events + since * self.rate).min(self.burst);
        self.at = Some(now);
        // Not more than the burst. What rounding took is given back, so that who waits as told does not wait in vain.
        (self.events + 1e-9).max(0.0) as usize
    }

    /// So many were sent.
    pub fn spend(&mut self, events: usize) {
        self.events -= events as f64;
    }

    /// How long until the next one, from when it was last asked.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let missing = (1.0 - self.events).max(0.0);
        // A rate that is next to nothing must not become a time that does not exist.
        let wait =
            Duration::try_from_secs_f64(missing / self.rate).unwrap_or(Duration::MAX).min(Duration::from_secs(86_400));
        // The next whole nanosecond: the time that was rounded down would be too short.
        wait + Duration::from_nanos(1)
    }
}

impl Pacer {
    /// Nothing was sent yet, and nothing waits.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        let allowance = pace.rate.map(|rate| match pace.interval {
            Some(interval) => Allowance::of_batches(rate, interval),
            None => Allowance::new(rate),
        });
        Self { pace, sent_at: None, waiting: None, is_rest: false, allowance }
    }

    /// For who may have been sent all that is allowed at this moment.
    #[must_use]
    pub fn spent(pace: Pace, now: Duration) -> Self {
        let mut pacer = Self::new(pace);
        let most = pacer.most(now);
        pacer.sent(now, most, false);
        pacer
    }

    /// One event at least may be sent now: there is no later time for it.
    pub fn allow_one(&mut self, now: Duration) {
        if let Some(allowance) = &mut self.allowance
            && allowance.now(now) == 0
        {
            allowance.events = 1.0;
        }
    }

    /// Something came that is to be sent.
    pub fn heard(&mut self, now: Duration) {
        let first = self.waiting.map_or(now, |(first, _)| first);
        self.waiting = Some((first, now));
    }

    /// When what waits may be sent; `None` when nothing waits.
    #[must_use]
    pub fn due(&mut self, now: Duration) -> Option<Duration> {
        let (first, last) = self.waiting?;
        let mut due = first;
        if let (Some(interval), Some(sent_at)) = (self.pace.interval, self.sent_at) {
            due = due.max(sent_at.saturating_add(interval));
        }
        if let Some(debounce) = self.pace.debounce.filter(|_| !self.is_rest) {
            due = due
                .max(last.saturating_add(debounce).min(first.saturating_add(debounce.saturating_mul(DEBOUNCES_MAX))));
        }
        if let Some(allowance) = &mut self.allowance
            && allowance.now(now) == 0
        {
            due = due.max(now.saturating_add(allowance.wait()));
        }
        Some(due)
    }

    /// How many events may be sent at a moment when it is due.
    #[must_use]
    pub fn most(&mut self, now: Duration) -> usize {
        self.allowance.as_mut().map_or(usize::MAX, |allowance| allowance.now(now))
    }

    /// Nothing waits any more, and nothing of it was sent.
    pub fn forget(&mut self) {
        (self.waiting, self.is_rest) = (None, false);
    }

    /// So many were sent. What more waits was part of the same batch, and need not wait for quiet again.
    pub fn sent(&mut self, now: Duration, events: usize, more: bool) {
        self.sent_at = Some(now);
        if let Some(allowance) = &mut self.allowance {
            allowance.spend(events);
        }
        (self.waiting, self.is_rest) = (more.then_some((now, now)), more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_batch_goes_at_once_and_the_next_an_interval_later() {
        let mut pacer = Pacer::new(Pace { interval: Some(100 * MS), ..Pace::default() });
        let start = Duration::from_secs(7);
        assert_eq!(pacer.due(start), None);
        pacer.heard(start);
        assert_eq!(pacer.due(start), Some(start));
        pacer.sent(start, 1, false);
        assert_eq!(pacer.due(start), None);
        pacer.heard(start + 30 * MS);
        assert_eq!(pacer.due(start + 30 * MS), Some(start + 100 * MS));
        pacer.sent(start + 100 * MS, 1, false);
        pacer.heard(start + 350 * MS);
        assert_eq!(pacer.due(start + 350 * MS), Some(start + 350 * MS));
    }

    #[test]
    fn quiet_is_waited_for_but_not_for_ever() {
        let mut pacer = Pacer::new(Pace { debounce: Some(100 * MS), ..Pace::default() });
        let start = Duration::from_secs(7);
        for ms in 0..20 {
            pacer.heard(start + 70 * MS * ms);
        }
        assert_eq!(pacer.due(start + 1_400 * MS), Some(start + 1_000 * MS));
        pacer.sent(start + 1_000 * MS, 20, false);
        pacer.heard(start + 2_000 * MS);
        assert_eq!(pacer.due(start + 2_000 * MS), Some(start + 2_100 * MS));
    }

    #[test]
    fn what_a_ceiling_leaves_of_a_batch_does_not_wait_for_quiet_again() {
        let mut pacer = Pacer::new(Pace { debounce: Some(400 * MS), rate: Some(20.0), ..Pace::default() });
        let start = Duration::from_secs(7);
        pacer.heard(start);
        let mut now = pacer.due(start).unwrap();
        assert_eq!(now, start + 400 * MS);
        for _ in 0..5 {
            assert_eq!(pacer.most(now), 1);
            pacer.sent(now, 1, true);
            pacer.heard(now + 10 * MS);
            let due = pacer.due(now + 10 * MS).unwrap();
            assert!((45 * MS..60 * MS).contains(&(due - now)), "{:?}", due - now);
            now = due;
        }
        pacer.sent(now, 1, false);
        pacer.heard(now + 10 * MS);
        assert_eq!(pacer.due(now + 10 * MS), Some(now + 410 * MS));
    }

    #[test]
    fn quiet_is_not_counted_from_what_fell_away() {
        let mut pacer = Pacer::new(Pace { debounce: Some(100 * MS), ..Pace::default() });
        let start = Duration::from_secs(7);
        pacer.heard(start);
        pacer.forget();
        assert_eq!(pacer.due(start), None);
        pacer.heard(start + 5_000 * MS);
        assert_eq!(pacer.due(start + 5_000 * MS), Some(start + 5_100 * MS));
    }

    #[test]
    fn who_may_have_been_sent_all_just_now_waits_as_if_it_was() {
        let pace = Pace { interval: Some(100 * MS), rate: Some(10.0), ..Pace::default() };
        let start = Duration::from_secs(7);
        let mut pacer = Pacer::spent(pace, start);
        pacer.heard(start + 30 * MS);
        let due = pacer.due(start + 30 * MS).unwrap();
        assert!(due >= start + 100 * MS && due < start + 101 * MS, "{due:?}");
        assert_eq!((pacer.most(start + 30 * MS), pacer.most(due)), (0, 1));
        let mut pacer = Pacer::spent(pace, start);
        pacer.allow_one(start);
        assert_eq!(pacer.most(start), 1);
    }

    #[test]
    fn no_second_has_more_than_the_ceiling() {
        let ms = |ms: Option<u32>| ms.map(|ms| MS * ms);
        for (per_second, interval) in [
            (0.5, None),
            (1.0, None),
            (2.0, None),
            (10.0, None),
            (333.0, None),
            (5_000.0, None),
            (0.5, Some(100)),
            (20.0, Some(1_000)),
            (20.0, Some(400)),
            (333.0, Some(7)),
        ] {
            let pace = Pace { rate: Some(per_second), interval: ms(interval), ..Pace::default() };
            let mut pacer = Pacer::new(pace);
            let start = Duration::from_secs(7);
            let mut now = start;
            let mut sent: Vec<(Duration, usize)> = Vec::new();
            pacer.heard(now);
            while now < start + Duration::from_secs(10) {
                let count = pacer.most(now);
                assert!(count > 0, "it was due");
                sent.push((now, count));
                pacer.sent(now, count, true);
                now = pacer.due(now).expect("more waits");
            }
            let (mut most, mut within, mut begin) = (0, 0, 0);
            for (at, count) in &sent {
                within += count;
                while sent[begin].0 + Duration::from_secs(1) <= *at {
                    within -= sent[begin].1;
                    begin += 1;
                }
                most = most.max(within);
            }
            assert!(most as f64 <= per_second.ceil(), "{most} in a second of at most {per_second}");
            let all: usize = sent.iter().map(|(_, count)| count).sum();
            assert!(all as f64 >= per_second * 7.0, "{all} in ten seconds of {per_second} each, {interval:?}");
        }
    }
}
