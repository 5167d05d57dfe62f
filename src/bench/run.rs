//! One run: the connections, the server and the clock that a scenario works with, and the report that it ends in.

use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::client::{Fleet, Happening, Sources};
use super::curve::MemoryCurve;
use super::opening::{self, Opened};
use super::options::Options;
use super::progress::Progress;
use super::server::{Moment, Server};
use super::target::{
    Bare, Centrifuge, Door, Entrance, Fanfare, Heard, Mqtt, Nats, Nchan, Plain, SocketIo, Target, TargetName,
};
use super::{Deliveries, Figure, Machine, Report, Setting};

/// Descriptors for everything that is no connection.
const OTHER_DESCRIPTORS: u64 = 64;

/// What a run may take beside its warm-up and its measured part, and for each connection of it.
const OTHER_PATIENCE: Duration = Duration::from_secs(120);
const EACH_PATIENCE: Duration = Duration::from_millis(5);

/// A server that takes less than this share of a core for so long rests.
const REST: Duration = Duration::from_millis(200);
const REST_SHARE: f64 = 0.05;
const REST_PATIENCE: Duration = Duration::from_secs(10);

/// Of its core, the share from which on the load generator may be what is measured.
const BUSY: f64 = 0.9;
/// The share of the time that server or load generator may wait for a core.
const STARVED: f64 = 0.1;

/// See the module.
pub(crate) struct Run {
    pub(crate) fleet: Fleet,
    pub(crate) server: Server,
    pub(crate) options: Options,
    pub(crate) progress: Progress,
    /// Told from other runs by it.
    pub(crate) tag: u32,
    /// That its connections take, in the course of it.
    pub(crate) ports: usize,
    /// Where a scenario wants it.
    pub(crate) memory: Option<MemoryCurve>,
    warnings: Vec<String>,
    began_at_ms: u64,
    /// When it has to be over.
    deadline: Instant,
}

impl Run {
    /// Prepares one of at most so many connections at once, which take so many ports in the course of it.
    pub(crate) fn new(options: Options, connections: usize, ports: usize) -> Result<Self> {
        allow_descriptors(connections)?;
        let server = Server::find(options.url.clone(), options.pid, options.target == TargetName::Fanfare)?;
        let target = target(&options);
        let sources = Sources::new(options.sources.clone(), server.address, ports);
        let fleet = Fleet::new(target, server.address, sources, Instant::now())?;
        // Every scenario measures its window twice at most.
        let patience = OTHER_PATIENCE + EACH_PATIENCE * ports as u32 + options.warm_up + 2 * options.window;
        let mut warnings = Vec::new();
        if server.pid.is_none() {
            warnings.push(
                "the server's process was not found, so nothing is told of its CPU time and memory: run where it runs, \
                 or name it with --pid"
                    .to_owned(),
            );
        }
        Ok(Self {
            fleet,
            server,
            progress: Progress::new(options.is_quiet),
            options,
            tag: fastrand::u32(..),
            ports,
            memory: None,
            warnings,
            began_at_ms: 0,
            deadline: Instant::now() + patience,
        })
    }

    pub(crate) fn target(&self) -> &dyn Target {
        &**self.fleet.target()
    }

    /// # Errors
    /// When so many topics are more than the target has.
    pub(crate) fn check_topics(&self, topics: usize) -> Result<()> {
        let target = self.target();
        ensure!(
            topics == 1 || target.abilities().has_topics,
            "`{}` knows no topics: leave `--topics` out, or measure another target",
            target.name()
        );
        Ok(())
    }

    /// # Errors
    /// When the run takes longer than any that says something.
    pub(crate) fn check_time(&self) -> Result<()> {
        check_time(self.deadline)
    }

    /// A topic of this run alone.
    pub(crate) fn topic(&self, number: usize) -> String {
        format!("{}:bench-{:08x}-{number}", self.options.namespace, self.tag)
    }

    pub(crate) fn warn(&mut self, sentence: impl Into<String>) {
        self.warnings.push(sentence.into());
    }

    /// Opens connections with these labels, and waits until what each asks for stands.
    pub(crate) fn open(
        &mut self,
        what: &'static str,
        labels: Range<usize>,
        entrance: impl FnMut(usize) -> Entrance,
    ) -> Result<Opened> {
        let Self { fleet, server, progress, memory, deadline, .. } = self;
        progress.begin(what, labels.len() as u64);
        opening::open(fleet, labels, entrance, |ready| {
            progress.at(ready as u64);
            if let Some(memory) = memory {
                memory.step(server);
            }
            check_time(*deadline)
        })
    }

    /// Opens connections that publish.
    pub(crate) fn open_publishers(&mut self, labels: Range<usize>) -> Result<Vec<usize>> {
        let entrance = self.target().publisher();
        Ok(self.open("publishers", labels, |_| entrance.clone())?.ids)
    }

    /// The measured part begins now.
    pub(crate) fn begin(&mut self) -> Moment {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.began_at_ms = now.as_millis() as u64;
        self.server.begin()
    }

    /// What the load generator and its place have to answer for.
    pub(crate) fn judge(&mut self, from: &Moment, to: &Moment, crew_nanos: u64) {
        let nanos = to.seconds_since(from) * 1e9;
        let share = |after: u64, before: u64| after.saturating_sub(before) as f64 / nanos;
        let busy = share(to.load_nanos, from.load_nanos).max(crew_nanos as f64 / nanos);
        if busy > BUSY {
            self.warn(format!(
                "the load generator was the bottleneck: a thread of it was busy {:.0} % of the time, a faster one might \
                 have measured more deliveries per second",
                busy * 100.0
            ));
        }
        let waited = share(to.load_waited_nanos, from.load_waited_nanos);
        let server_waited = share(to.server_waited_nanos, from.server_waited_nanos);
        for (who, waited) in [("the load generator", waited), ("the server", server_waited)] {
            if waited > STARVED {
                self.warn(format!(
                    "{who} waited for a core {:.0} % of the time: give server and load generator a core each, with `taskset`",
                    waited * 100.0
                ));
            }
        }
    }

    /// What was heard that nobody of this run said.
    pub(crate) fn judge_foreign(&mut self, count: u64) {
        if count > 0 {
            self.warn(format!("{count} deliveries were of no publication of this run: it had no server for itself"));
        }
    }

    /// Waits, while connections are kept alive, until the server has nothing to do any more.
    pub(crate) fn wait_for_rest(&mut self) -> Result<()> {
        let begin = Instant::now();
        let mut before = self.server.glance();
        while begin.elapsed() < REST_PATIENCE {
            let pause = Instant::now();
            while pause.elapsed() < REST {
                self.idle(REST)?;
            }
            let now = self.server.glance();
            match now.server_micros_since(&before) {
                Some(micros) if micros > REST.as_micros() as f64 * REST_SHARE => before = now,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Answers pings for a while, and wants to hear nothing else.
    pub(crate) fn idle(&mut self, patience: Duration) -> Result<()> {
        self.check_time()?;
        let mut failure = None;
        self.fleet.turn(patience, |_, happening| match happening {
            Happening::Failed(error) => failure = Some(error),
            Happening::Heard(Heard::Refused(why)) => failure = Some(anyhow!(why)),
            Happening::Ready | Happening::Heard(_) => {}
        })?;
        if let Some(memory) = &mut self.memory {
            memory.step(&self.server);
        }
        failure.map_or(Ok(()), Err)
    }

    /// Ends in a report, without its figures.
    pub(crate) fn report(self, scenario: &str, settings: Vec<Setting>, seconds: f64, deliveries: Deliveries) -> Report {
        let target = self.target();
        let (target, guarantees) = (target.name().to_owned(), target.guarantees());
        Report {
            scenario: scenario.to_owned(),
            target,
            guarantees,
            settings: [settings, shared_settings(&self.options, self.server.pid)].concat(),
            machine: Machine::here(),
            began_at_ms: self.began_at_ms,
            seconds,
            publications: 0,
            deliveries,
            figures: Vec::new(),
            latency: None,
            series: Vec::new(),
            warnings: self.warnings,
        }
    }
}

impl Report {
    /// Adds a figure, where it could be measured.
    pub(crate) fn figure(&mut self, name: &'static str, unit: &'static str, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into().filter(|value| value.is_finite()) {
            self.figures.push(Figure { name, value, unit });
        }
    }
}

fn check_time(deadline: Instant) -> Result<()> {
    ensure!(
        Instant::now() < deadline,
        "the run took far longer than was asked for, so it was ended: ask for fewer connections, or see what the server logs"
    );
    Ok(())
}

/// A row of the settings.
pub(crate) fn setting(name: &'static str, value: impl Copy + ToString) -> Setting {
    Setting { name, value: value.to_string() }
}

fn shared_settings(options: &Options, pid: Option<u32>) -> Vec<Setting> {
    let mut settings = vec![setting("url", &options.url)];
    if options.target == TargetName::Fanfare {
        settings.push(setting("namespace", &options.namespace));
    }
    settings.push(setting("payload-bytes", options.payload_bytes));
    settings.push(setting("seconds", options.window.as_secs_f64()));
    settings.push(setting("warm-up", options.warm_up.as_secs_f64()));
    settings.extend(pid.map(|pid| setting("pid", pid)));
    settings
}

/// Whom a fleet of this run speaks to.
pub(crate) fn target(options: &Options) -> Rc<dyn Target> {
    let url = &options.url;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = format!("{}{port}", url.host_str().unwrap_or("localhost"));
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}{query}", url.path());
    let door = Door { host, path, subprotocol: None, token: options.token.clone() };
    match options.target {
        TargetName::Fanfare => Rc::new(Fanfare::new(door)),
        TargetName::Plain => Rc::new(Plain::new(door)),
        TargetName::Bare => Rc::new(Bare::new(door)),
        TargetName::Nats => Rc::new(Nats::new(door)),
        TargetName::SocketIo => Rc::new(SocketIo::new(door)),
        TargetName::Centrifuge => Rc::new(Centrifuge::new(door)),
        TargetName::Mqtt => Rc::new(Mqtt::new(door)),
        TargetName::Nchan => Rc::new(Nchan::new(door)),
    }
}

/// A connection is a descriptor, and shells grant 1,024; up to the hard limit they may be had without asking.
fn allow_descriptors(connections: usize) -> Result<()> {
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    let granted = rlimit::increase_nofile_limit(u64::MAX).context("the limit of descriptors cannot be raised")?;
    if granted < needed {
        bail!(
            "{connections} connections need {needed} descriptors and this process may have {granted}: raise the hard limit \
             (`ulimit -Hn {needed}`, as root), or ask for fewer"
        );
    }
    Ok(())
}
