//! Connections that come and go while others stay: what one costs, and whether those who stay miss anything.

use std::time::Duration;

use anyhow::Result;

use super::fanout::subscribe;
use crate::bench::Report;
use crate::bench::ear::{Audience, Ear, latency};
use crate::bench::flow::{Flow, Pace};
use crate::bench::guests::Guests;
use crate::bench::options::Options;
use crate::bench::run::{Run, setting};

/// How long a port of a connection that we closed cannot be taken again, in seconds.
const TIME_WAIT_SECONDS: f64 = 60.0;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Churn {
    /// Those who stay.
    pub(crate) subscribers: usize,
    /// Those who come, and go, a second.
    pub(crate) churn: f64,
    /// Publications a second, meanwhile.
    pub(crate) rate: f64,
}

impl Churn {
    /// Runs it: as long without anyone who comes, and then with them.
    ///
    /// # Errors
    /// When those who stay cannot; whoever comes and is turned away is counted.
    pub(crate) fn run(&self, options: Options) -> Result<Report> {
        let window = options.window.as_secs_f64();
        let connections = self.subscribers + 1 + (self.churn * 4.0) as usize;
        let ports = connections + (self.churn * window.min(TIME_WAIT_SECONDS)) as usize;
        let mut run = Run::new(options, connections, ports)?;
        let topics = vec![run.topic(0)];
        subscribe(&mut run, self.subscribers, &topics)?;
        let publishers = run.open_publishers(self.subscribers..self.subscribers + 1)?;
        let mut ear = Ear::new(Audience::new(&run, 1, 1, 0..self.subscribers), run.options.plant);
        let mut flow = Flow::new(&run, Pace::Rate(self.rate), topics.clone(), publishers);
        flow.warm_up(&mut run, &mut ear)?;
        let quiet = flow.measure(&mut run, &mut ear, &mut |_, _, _| Ok(()))?;
        let entrance = run.target().subscriber(&topics[0]);
        ear.guests = Some(Guests::new(self.subscribers + 1, self.churn, entrance));
        flow.beat = Duration::from_secs_f64(1.0 / self.churn).clamp(Duration::from_millis(1), flow.beat);
        let busy = flow.measure(&mut run, &mut ear, &mut |run, ear, elapsed| {
            ear.guests.as_mut().map_or(Ok(()), |guests| guests.step(&mut run.fleet, elapsed))
        })?;
        run.judge(&busy.from, &busy.to, 0);
        run.judge_foreign(busy.foreign);
        let guests = ear.guests.take();
        let came = guests.as_ref().map_or(0, Guests::came);
        if (came as f64) < self.churn * window * 0.95 - 1.0 {
            run.warn(format!("the server let in fewer than were to come: {came} in {window} s"));
        }
        if let Some(reason) = guests.as_ref().and_then(|guests| guests.reason.clone()) {
            run.warn(format!("the first who failed was told: {reason}"));
        }
        let seconds = busy.to.seconds_since(&busy.from);
        let settings =
            vec![setting("subscribers", self.subscribers), setting("churn", self.churn), setting("rate", self.rate)];
        let mut report = run.report("churn", settings, seconds, busy.account);
        let without = quiet.to.server_micros_since(&quiet.from).zip(busy.to.server_micros_since(&busy.from));
        let each = without.map(|(quiet_micros, busy_micros)| {
            (busy_micros - quiet_micros * seconds / quiet.to.seconds_since(&quiet.from)) / came as f64
        });
        report.figure("CPU of the server to connect, subscribe and leave", "µs", each);
        report.figure("connections that came per second", "", came as f64 / seconds);
        report.figure("connections that failed", "", guests.as_ref().map_or(0, |guests| guests.failed) as f64);
        let subscribed = guests.as_ref().and_then(Guests::latency);
        report.figure("until subscribed, median", "ms", subscribed.as_ref().map(|it| it.p50 as f64 / 1e3));
        report.figure("until subscribed, 99 %", "ms", subscribed.as_ref().map(|it| it.p99 as f64 / 1e3));
        report.publications = busy.publications;
        report.latency = latency(&busy.latencies);
        report.series = busy.series;
        Ok(report)
    }
}
