//! `fanfare demo-feed`: what the demos show, published over a socket as any program would.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use fanfare_client::{Client, ConnectionState, Error, ErrorKind, Event, Publication, Start, Watch};
use fastrand::Rng;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered, SelectAll};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::node::{Node, block_on};
use super::output;
use super::signals::Signals;
use crate::demo::{DEVICES_MAX, Fleet, Market, SYMBOLS_MAX, World};

/// How often something is published: batches that are small, and no timer that a busy machine would miss.
const TURN: Duration = Duration::from_millis(50);

/// Publications of a batch: well below what a frame holds.
const BATCH_COUNT: usize = 250;

/// Batches without an answer. A node that is behind is not given more, and the world stands still.
const IN_FLIGHT_MAX: usize = 8;

/// How often it is looked whether the node keeps up.
const LOOK: Duration = Duration::from_secs(10);

/// Feed the demos of a node, until Ctrl-C.
#[derive(Debug, Subcommand)]
pub(super) enum DemoFeed {
    /// Prices and order books that walk at random, for /demo/ticker/.
    Ticker(Ticker),
    /// Devices that drive through a town and take commands, for /demo/fleet/.
    Fleet(FleetOfDevices),
}

/// What the market is like.
#[derive(Debug, Args)]
pub(super) struct Ticker {
    /// How many symbols.
    #[arg(long, value_name = "COUNT", default_value_t = 5_000, value_parser = count(SYMBOLS_MAX))]
    symbols: usize,
    /// Updates a second, of all symbols together.
    #[arg(long, value_name = "COUNT", default_value_t = 4_000, value_parser = count(50_000))]
    rate: usize,
    #[command(flatten)]
    node: Node,
}

/// What the fleet is like.
#[derive(Debug, Args)]
pub(super) struct FleetOfDevices {
    /// How many devices.
    #[arg(long, value_name = "COUNT", default_value_t = 300, value_parser = count(DEVICES_MAX))]
    devices: usize,
    /// Updates a second, of all devices together.
    #[arg(long, value_name = "COUNT", default_value_t = 600, value_parser = count(10_000))]
    rate: usize,
    #[command(flatten)]
    node: Node,
}

impl DemoFeed {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Ticker(Ticker { symbols, rate, node }) => {
                let market = Market::new(symbols, Rng::new());
                let what = format!("{symbols} symbols");
                block_on(Feed::start(node, market, rate, &what, "ticker"))
            }
            Self::Fleet(FleetOfDevices { devices, rate, node }) => {
                let fleet = Fleet::new(devices, Rng::new());
                let what = format!("{devices} devices");
                block_on(Feed::start(node, fleet, rate, &what, "fleet"))
            }
        }
    }
}

type Answer = BoxFuture<'static, (usize, Result<(), Error>)>;
type Commands = SelectAll<BoxStream<'static, (usize, Result<Event, Error>)>>;

struct Feed<W> {
    client: Client,
    world: W,
    rate: usize,
    answers: FuturesUnordered<Answer>,
    /// Part of an update that the last turn left over.
    owed: f64,
    published: usize,
}

impl<W: World> Feed<W> {
    async fn start(node: Node, world: W, rate: usize, what: &str, page: &str) -> Result<()> {
        let mut signals = Signals::listen()?;
        let client = tokio::select! {
            _ = signals.next() => return Ok(()),
            client = node.connect() => client?,
        };
        let topic = world.topic();
        writeln!(io::stdout(), "{what} to `{topic}` at {rate} updates a second: open {}", node.page(page)?)?;
        let mut feed = Self { client, world, rate, answers: FuturesUnordered::new(), owed: 0.0, published: 0 };
        let outcome = tokio::select! {
            _ = signals.next() => Ok(()),
            outcome = feed.go_on() => outcome.with_context(|| {
                format!("the node does not take what the demo publishes; its namespaces must be those of a node without a \
                         configuration file, where `{topic}` is of the kind `state`")
            }),
        };
        feed.client.close().await;
        outcome?;
        writeln!(io::stdout(), "{} updates published", feed.published)?;
        Ok(())
    }

    async fn go_on(&mut self) -> Result<()> {
        let mut commands = self.commands();
        let mut state = self.client.state();
        state.mark_unchanged();
        let (mut turns, mut looks) = (interval(TURN), interval(LOOK));
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        looks.tick().await;
        let mut was = Instant::now();
        let mut seen = self.published;
        self.publish_all();
        loop {
            tokio::select! {
                now = turns.tick() => {
                    self.turn(now.saturating_duration_since(std::mem::replace(&mut was, now)));
                }
                Some((count, answer)) = self.answers.next() => self.answered(count, answer)?,
                Some((device, event)) = commands.next() => self.command(device, event),
                Ok(()) = state.changed() => {
                    let is_back = note(&state.borrow_and_update());
                    // The topics are ephemeral: a node that was started again has nothing of them.
                    if is_back {
                        self.publish_all();
                    }
                }
                _ = looks.tick() => self.look(std::mem::replace(&mut seen, self.published)),
            }
        }
    }

    fn turn(&mut self, passed: Duration) {
        if self.answers.len() >= IN_FLIGHT_MAX || !is_connected(&self.client) {
            return;
        }
        // After a pause it goes on at its pace, not with what it missed.
        let passed = passed.min(TURN * 4);
        self.owed += passed.as_secs_f64() * self.rate as f64;
        let count = self.owed as usize;
        self.owed -= count as f64;
        let topic = self.world.topic();
        let publications = self.world.turn(passed, count);
        self.publish(topic, publications);
    }

    fn publish_all(&mut self) {
        let mut by_topic: BTreeMap<&str, Vec<Publication>> = BTreeMap::new();
        for (topic, publication) in self.world.all() {
            by_topic.entry(topic).or_default().push(publication);
        }
        for (topic, publications) in by_topic {
            self.publish(topic, publications);
        }
    }

    fn publish(&self, topic: &str, publications: Vec<Publication>) {
        let topic = self.client.topic(topic);
        let mut rest = publications.into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(BATCH_COUNT).collect();
            let count = batch.len();
            let answer = topic.publish_all(batch).send();
            self.answers.push(Box::pin(async move { (count, answer.await.map(|_| ())) }));
        }
    }

    fn answered(&mut self, count: usize, answer: Result<(), Error>) -> Result<()> {
        match answer {
            Ok(()) => self.published += count,
            Err(error) if error.kind() == ErrorKind::Refused => return Err(error.into()),
            // The next turn replaces what was lost.
            Err(error) => output::tell("note", format_args!("{count} updates were not answered: {error}")),
        }
        Ok(())
    }

    fn commands(&self) -> Commands {
        let watch = |topic| self.client.topic(topic).watch().from(Start::Latest).open();
        let numbered = |(number, watch): (usize, Watch)| watch.map(move |event| (number, event)).boxed();
        self.world.command_topics().into_iter().map(watch).enumerate().map(numbered).collect()
    }

    fn command(&mut self, device: usize, event: Result<Event, Error>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                return output::tell("note", format_args!("device {} takes no commands: {error}", device + 1));
            }
        };
        let data = event.json::<Value>().unwrap_or_default();
        let Some(command) = data["command"].as_str() else { return };
        let topic = self.world.topic();
        if let Some(publication) = self.world.command(device, command) {
            self.publish(topic, vec![publication]);
        }
    }

    /// Says so when the node takes less than it is offered.
    fn look(&self, published_before: usize) {
        let a_second = (self.published - published_before) / LOOK.as_secs() as usize;
        if is_connected(&self.client) && a_second < self.rate * 4 / 5 {
            output::tell("note", format_args!("the node takes {a_second} of {} updates a second", self.rate));
        }
    }
}

fn is_connected(client: &Client) -> bool {
    matches!(*client.state().borrow(), ConnectionState::Connected { .. })
}

/// Tells of the connection. True when it is back.
fn note(state: &ConnectionState) -> bool {
    match state {
        ConnectionState::Disconnected { error, .. } => {
            output::tell("note", format_args!("not connected, trying again: {error}"));
            false
        }
        ConnectionState::Connected { .. } => {
            output::tell("note", "connected again, going on");
            true
        }
        _ => false,
    }
}

fn count(max: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text: &str| match text.parse() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        Ok(_) | Err(_) => Err(format!("give a number from 1 to {max}")),
    }
}
