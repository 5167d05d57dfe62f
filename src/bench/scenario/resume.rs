//! Everyone is cut off and comes back at once, from so many publications back: what that costs beside having been there.

use anyhow::{Context as _, Result, ensure};

use super::fanout::subscribe;
use crate::bench::Report;
use crate::bench::ear::{Audience, Ear};
use crate::bench::flow::{Flow, Pace};
use crate::bench::options::Options;
use crate::bench::run::{Run, setting};
use crate::bench::target::Begin;

/// Publications that have not arrived, while all are there.
const IN_FLIGHT: u64 = 64;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resume {
    pub(crate) subscribers: usize,
    /// Publications that each has missed when it comes back.
    pub(crate) missed: u64,
}

impl Resume {
    /// Runs it.
    ///
    /// # Errors
    /// When someone cannot come back, or from where it wants to.
    pub(crate) fn run(&self, options: Options) -> Result<Report> {
        let count = self.subscribers;
        let mut run = Run::new(options, count + 2, 2 * count + 2)?;
        ensure!(
            run.target().abilities().resumes,
            "`{}` cannot be gone on with after a version: measure it with `fanout`",
            run.target().name()
        );
        let topics = vec![run.topic(0)];
        run.wait_for_rest()?;
        let before = run.server.glance();
        let opened = subscribe(&mut run, count, &topics)?;
        run.wait_for_rest()?;
        let subscribed = run.server.glance();
        let publishers = run.open_publishers(count..count + 1)?;
        let audience = Audience::new(&run, 1, 1, 0..count);
        let mut ear = Ear::new(audience.clone(), None);
        let mut flow = Flow::new(&run, Pace::InFlight(IN_FLIGHT), topics.clone(), publishers);
        // Something has to be there to come back to.
        flow.publish_count(&mut run, &mut ear, 1)?;
        flow.warm_up(&mut run, &mut ear)?;
        let version = version(&mut run, &topics[0])?;
        let first = flow.published().to_vec();
        run.progress.begin("live", 1);
        let live_from = run.server.glance();
        flow.publish_count(&mut run, &mut ear, self.missed)?;
        let live_to = run.server.glance();
        let live = ear.deliveries(flow.published());
        ensure!(live.is_exact(), "those who were there did not hear everything: run `fanout` to see what they miss");
        for id in opened.ids {
            run.fleet.close(id);
        }
        run.wait_for_rest()?;
        let cut = run.server.glance();
        let back = run.open_publishers(0..count)?;
        run.wait_for_rest()?;
        let connected = run.server.glance();
        let mut ear = Ear::new(Audience { first, ..audience }, run.options.plant);
        let mut request = Vec::new();
        run.target().subscribe(&topics[0], Begin::After(version), &mut request);
        run.progress.begin("resuming", 1);
        ear.measure(true);
        let from = run.begin();
        for id in &back {
            if let Some(outbox) = run.fleet.outbox(*id) {
                outbox.extend_from_slice(&request);
            }
            run.fleet.flush(*id)?;
        }
        flow.drain(&mut run, &mut ear)?;
        let to = run.server.end();
        run.judge(&from, &to, 0);
        let seconds = to.seconds_since(&from);
        let account = ear.deliveries(flow.published());
        let settings = vec![setting("subscribers", count), setting("missed", self.missed)];
        let mut report = run.report("resume", settings, seconds, account);
        let deliveries = account.received as f64;
        let live_micros = live_to.server_micros_since(&live_from).map(|micros| micros / deliveries);
        let resumed = to.server_micros_since(&from);
        let resumed_each = resumed.map(|micros| micros / deliveries);
        let connect = connected.server_micros_since(&cut).map(|micros| micros / count as f64);
        let arrive = subscribed.server_micros_since(&before).map(|micros| micros / count as f64);
        let ratio = resumed_each.zip(live_micros).map(|(resumed, live)| resumed / live);
        report.figure("CPU of the server per delivery, resumed", "µs", resumed_each);
        report.figure("CPU of the server per delivery, live", "µs", live_micros);
        report.figure("resumed for each live", "", ratio);
        report.figure("CPU of the server to connect", "µs", connect);
        report.figure("CPU of the server to connect and subscribe to what comes", "µs", arrive);
        report.figure("deliveries per second, resumed", "", deliveries / seconds);
        report.publications = self.missed;
        Ok(report)
    }
}

/// Where the topic stands now.
fn version(run: &mut Run, topic: &str) -> Result<fanfare_protocol::ResourceVersion> {
    let entrance = run.target().subscriber(topic);
    let label = usize::MAX - 1;
    let opened = run.open("place", label..label + 1, |_| entrance.clone())?;
    for id in opened.ids {
        run.fleet.close(id);
    }
    opened.version.context("the server did not tell where the topic stands")
}
