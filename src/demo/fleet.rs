//! A fleet of devices in a town, each of which is told in turn where it is by now.

use std::time::Duration;

use fanfare_client::Publication;
use fastrand::Rng;

use super::World;
use super::device::Device;
use super::town::Town;

/// As many as one connection may watch topics of, for their commands.
pub(crate) const DEVICES_MAX: usize = 500;

const DEVICES: &str = "fleet:devices";
const MAP: &str = "fleet:map";

/// See the module.
#[derive(Debug)]
pub(crate) struct Fleet {
    rng: Rng,
    town: Town,
    devices: Vec<Tracked>,
    now: Duration,
    next: usize,
}

#[derive(Debug)]
struct Tracked {
    device: Device,
    /// Until when it has moved.
    moved: Duration,
}

impl Fleet {
    pub(crate) fn new(count: usize, mut rng: Rng) -> Self {
        let town = Town::new();
        let device = |number| Tracked { device: Device::new(number, &town, &mut rng), moved: Duration::ZERO };
        let devices = (1..=count).map(device).collect();
        Self { rng, town, devices, now: Duration::ZERO, next: 0 }
    }

    fn moved(&mut self, number: usize) -> Publication {
        let Tracked { device, moved } = &mut self.devices[number];
        let passed = self.now.saturating_sub(std::mem::replace(moved, self.now));
        device.pass(passed.as_secs_f64(), &self.town, &mut self.rng);
        Publication::json(device.data(&self.town)).key(&device.id)
    }
}

impl World for Fleet {
    fn topic(&self) -> &'static str {
        DEVICES
    }

    fn all(&mut self) -> Vec<(&'static str, Publication)> {
        let map = self.town.drawn().into_iter().map(|(name, data)| (MAP, Publication::json(data).key(name)));
        let mut all: Vec<_> = map.collect();
        all.extend((0..self.devices.len()).map(|number| (DEVICES, self.moved(number))));
        all
    }

    fn turn(&mut self, passed: Duration, count: usize) -> Vec<Publication> {
        self.now += passed;
        let first = self.next;
        let count = count.min(self.devices.len());
        self.next = (first + count) % self.devices.len();
        (first..first + count).map(|number| self.moved(number % self.devices.len())).collect()
    }

    fn command_topics(&self) -> Vec<String> {
        self.devices.iter().map(|tracked| format!("fleet:{}", tracked.device.id)).collect()
    }

    fn command(&mut self, number: usize, command: &str) -> Option<Publication> {
        let tracked = self.devices.get_mut(number)?;
        tracked.device.obey(command).then(|| self.moved(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_its_turn() {
        let mut fleet = Fleet::new(10, Rng::with_seed(3));
        for _ in 0..5 {
            assert_eq!(fleet.turn(Duration::from_millis(500), 4).len(), 4);
        }
        assert!(fleet.devices.iter().all(|tracked| tracked.moved > Duration::ZERO));
        assert_eq!(fleet.turn(Duration::from_secs(1), 99).len(), 10, "no device twice in a turn");
    }

    #[test]
    fn a_command_that_is_not_known_changes_nothing() {
        let mut fleet = Fleet::new(2, Rng::with_seed(3));
        assert_eq!(fleet.command_topics(), ["fleet:truck-001", "fleet:truck-002"]);
        assert!(fleet.command(0, "halt").is_some());
        assert!(fleet.command(0, "fly").is_none() && fleet.command(2, "halt").is_none());
    }
}
