//! Publications that flow to subscribers who are there: `fanout` (one topic, so many in flight), `latency` (one topic, at a
//! rate) and `topics` (many topics with few subscribers each) differ in nothing but their numbers.

use anyhow::{Result, ensure};

use crate::bench::crew::Crew;
use crate::bench::ear::{Audience, Ear, latency};
use crate::bench::flow::{Flow, Pace};
use crate::bench::opening::Opened;
use crate::bench::options::Options;
use crate::bench::run::{Run, setting};
use crate::bench::target::Entrance;
use crate::bench::{Report, Setting};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fanout {
    /// As it is typed.
    pub(crate) scenario: &'static str,
    pub(crate) topics: usize,
    /// Of each topic.
    pub(crate) subscribers: usize,
    pub(crate) publishers: usize,
    pub(crate) pace: Pace,
    /// That the subscribers are shared out to.
    pub(crate) threads: usize,
}

impl Fanout {
    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be run to its end; faults of deliveries stand in the report.
    pub(crate) fn run(&self, options: Options) -> Result<Report> {
        let subscribers = self.topics * self.subscribers;
        let connections = subscribers + self.publishers;
        let mut run = Run::new(options, connections, connections)?;
        run.check_topics(self.topics)?;
        let topics: Vec<String> = (0..self.topics).map(|number| run.topic(number)).collect();
        // Those who pace, one of each topic, are all on the first thread.
        let each = subscribers.div_ceil(self.threads).max(self.topics);
        let audience = |labels| Audience::new(&run, self.topics, self.publishers, labels);
        let of_thread = |thread: usize| (thread * each).min(subscribers)..((thread + 1) * each).min(subscribers);
        let (first, others) = (audience(of_thread(0)), (1..self.threads).map(of_thread).map(audience).collect());
        subscribe(&mut run, first.labels.end, &topics)?;
        let crew = (self.threads > 1).then(|| crew(&mut run, others, &topics)).transpose()?;
        let publishers = run.open_publishers(subscribers..connections)?;
        let mut ear = Ear::new(first, run.options.plant);
        let mut flow = Flow::new(&run, self.pace, topics, publishers);
        flow.crew = crew;
        flow.warm_up(&mut run, &mut ear)?;
        let measured = flow.measure(&mut run, &mut ear, &mut |_, _, _| Ok(()))?;
        run.judge(&measured.from, &measured.to, measured.crew_nanos);
        run.judge_foreign(measured.foreign);
        let seconds = measured.to.seconds_since(&measured.from);
        let mut report = run.report(self.scenario, self.settings(), seconds, measured.account);
        let deliveries = measured.account.received as f64;
        let micros = measured.to.server_micros_since(&measured.from);
        report.figure("CPU of the server per delivery", "µs", micros.map(|micros| micros / deliveries));
        report.figure("deliveries per second", "", deliveries / seconds);
        report.figure("publications per second", "", measured.publications as f64 / seconds);
        let writes = measured.to.writes_since(&measured.from);
        report.figure("writes per delivery", "", writes.map(|writes| writes as f64 / deliveries));
        report.figure("CPU of the server", "%", micros.map(|micros| micros / seconds / 1e4));
        let load = (measured.to.load_nanos - measured.from.load_nanos) as f64 / seconds / 1e7;
        report.figure("CPU of the load generator", "%", load);
        report.publications = measured.publications;
        // With as many in flight as there may be, latency is the time in a queue.
        report.latency = matches!(self.pace, Pace::Rate(_)).then(|| latency(&measured.latencies)).flatten();
        report.series = measured.series;
        Ok(report)
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![
            setting("topics", self.topics),
            setting("subscribers", self.subscribers),
            setting("publishers", self.publishers),
            setting("threads", self.threads),
        ];
        settings.push(match self.pace {
            Pace::InFlight(count) => setting("in-flight", count),
            Pace::Rate(rate) => setting("rate", rate),
        });
        settings
    }
}

/// Subscribers on further threads.
fn crew(run: &mut Run, audiences: Vec<Audience>, topics: &[String]) -> Result<Crew> {
    ensure!(
        run.target().abilities().answers_subscriptions,
        "`{}` does not tell when a subscription stands: leave `--threads` out",
        run.target().name()
    );
    let entrances = entrances(run, topics);
    Crew::start(run, audiences, &entrances)
}

fn entrances(run: &Run, topics: &[String]) -> Vec<Entrance> {
    topics.iter().map(|topic| run.target().subscriber(topic)).collect()
}

/// Opens subscribers, of one topic after the other.
pub(super) fn subscribe(run: &mut Run, subscribers: usize, topics: &[String]) -> Result<Opened> {
    let entrances = entrances(run, topics);
    run.open("subscribers", 0..subscribers, |label| entrances[label % entrances.len()].clone())
}
