//! One device: drives through the town, waits at lights, runs out of battery, is told what to do.

use fastrand::Rng;
use serde_json::{Value, json};

use super::town::{Point, Town, Way};

/// In metres a second.
const AVENUE_SPEED: f64 = 14.0;
const STREET_SPEED: f64 = 8.5;
const ACCELERATION: f64 = 1.8;
const BRAKING: f64 = 3.5;

/// In hundredths of the battery a second: faster than in life, so that there is something to see.
const DRAIN: f64 = 0.06;
const CHARGE: f64 = 1.4;
const BATTERY_LOW: f64 = 8.0;

/// For how long its lights flash when it is asked to show itself.
const FLASH_S: f64 = 6.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    Driving,
    /// At a light, or to unload, for so many seconds.
    Waiting(f64),
    Charging,
    /// Because it was told to.
    Halted,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: String,
    name: String,
    kind: &'static str,
    from: usize,
    way: Way,
    /// Of the way, behind it.
    run_m: f64,
    speed: f64,
    /// How fast it drives where others drive at 1.
    haste: f64,
    /// Drives too fast for so many seconds.
    rush_s: f64,
    battery: f64,
    doing: Doing,
    has_door_open: bool,
    flash_s: f64,
}

impl Device {
    pub(super) fn new(number: usize, town: &Town, rng: &mut Rng) -> Self {
        let (kind, name, haste) = match number % 5 {
            0 => ("bike", "Bike", 0.6),
            1 | 2 => ("truck", "Truck", 0.85),
            _ => ("van", "Van", 1.0),
        };
        let from = town.reachable[rng.usize(..town.reachable.len())];
        let way = town.ways[from][rng.usize(..town.ways[from].len())];
        Self {
            id: format!("{kind}-{number:03}"),
            name: format!("{name} {number}"),
            kind,
            from,
            way,
            run_m: rng.f64() * way.length_m,
            speed: STREET_SPEED,
            haste: haste * (0.9 + rng.f64() * 0.2),
            rush_s: 0.0,
            battery: 5.0 + rng.f64() * 95.0,
            doing: Doing::Driving,
            has_door_open: false,
            flash_s: 0.0,
        }
    }

    /// Does what it is told. False when it does not know what that is.
    pub(super) fn obey(&mut self, command: &str) -> bool {
        match command {
            "halt" => self.doing = Doing::Halted,
            "go" if self.doing == Doing::Halted => self.doing = Doing::Driving,
            "go" => {}
            "flash" => self.flash_s = FLASH_S,
            _ => return false,
        }
        true
    }

    pub(super) fn pass(&mut self, seconds: f64, town: &Town, rng: &mut Rng) {
        self.flash_s = (self.flash_s - seconds).max(0.0);
        self.rush_s = (self.rush_s - seconds).max(0.0);
        match self.doing {
            Doing::Driving => self.drive(seconds, town, rng),
            Doing::Waiting(left) if left > seconds => {
                self.doing = Doing::Waiting(left - seconds);
                self.speed = 0.0;
            }
            Doing::Waiting(_) => (self.doing, self.has_door_open) = (Doing::Driving, false),
            Doing::Charging => {
                self.battery = (self.battery + CHARGE * seconds).min(100.0);
                if self.battery > 96.0 {
                    self.doing = Doing::Driving;
                }
            }
            Doing::Halted => self.speed = (self.speed - BRAKING * seconds).max(0.0),
        }
    }

    fn drive(&mut self, seconds: f64, town: &Town, rng: &mut Rng) {
        if rng.f64() < 0.0006 * seconds {
            self.rush_s = 15.0 + rng.f64() * 20.0;
        }
        let limit = if town.streets[self.way.street].is_avenue { AVENUE_SPEED } else { STREET_SPEED };
        let wanted = limit * self.haste * if self.rush_s > 0.0 { 1.7 } else { 1.0 };
        let change = (wanted - self.speed).clamp(-BRAKING * seconds, ACCELERATION * seconds);
        self.speed += change;
        self.run_m += self.speed * seconds;
        self.battery = (self.battery - DRAIN * seconds).max(0.0);
        while self.run_m >= self.way.length_m {
            self.run_m -= self.way.length_m;
            self.turn(town, rng);
        }
        if self.battery < 3.0 {
            (self.doing, self.speed) = (Doing::Charging, 0.0);
        }
    }

    /// At a crossing: mostly straight on, never back unless there is no other way.
    fn turn(&mut self, town: &Town, rng: &mut Rng) {
        let (came_from, here, street) = (self.from, self.way.to, self.way.street);
        let ways = &town.ways[here];
        let onward: Vec<&Way> = ways.iter().filter(|way| way.to != came_from).collect();
        let straight = onward.iter().find(|way| way.street == street && rng.f64() < 0.6);
        let next = straight.or_else(|| (!onward.is_empty()).then(|| &onward[rng.usize(..onward.len())]));
        let back = Way { to: came_from, ..self.way };
        (self.from, self.way) = (here, next.map_or(back, |way| **way));
        if rng.f64() < 0.22 {
            (self.doing, self.speed, self.run_m) = (Doing::Waiting(2.0 + rng.f64() * 9.0), 0.0, 0.0);
            self.has_door_open = rng.f64() < 0.06;
        }
    }

    fn place(&self, town: &Town) -> (Point, f64) {
        let (from, to) = (town.crossings[self.from], town.crossings[self.way.to]);
        (from.towards(to, (self.run_m / self.way.length_m).min(1.0)), from.heading(to))
    }

    pub(super) fn data(&self, town: &Town) -> Value {
        let (place, heading) = self.place(town);
        let [lat, lon] = place.degrees();
        let status = match self.doing {
            Doing::Driving => "driving",
            Doing::Waiting(_) => "waiting",
            Doing::Charging => "charging",
            Doing::Halted => "halted",
        };
        json!({
            "name": self.name,
            "kind": self.kind,
            "lat": lat,
            "lon": lon,
            "heading": heading.round() as i64,
            "speed": (self.speed * 3.6).round() as i64,
            "battery": self.battery.round() as i64,
            "street": town.streets[self.way.street].name,
            "status": status,
            "alert": self.alert(),
            "flash": self.flash_s > 0.0,
        })
    }

    /// Empty when all is well.
    fn alert(&self) -> &'static str {
        match self.doing {
            _ if self.has_door_open => "door open",
            Doing::Driving if self.rush_s > 0.0 => "too fast",
            Doing::Driving | Doing::Waiting(_) | Doing::Halted if self.battery < BATTERY_LOW => "battery low",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> (Device, Town, Rng) {
        let (town, mut rng) = (Town::new(), Rng::with_seed(5));
        (Device::new(3, &town, &mut rng), town, rng)
    }

    #[test]
    fn it_stays_on_the_streets_and_never_jumps() {
        let (mut device, town, mut rng) = device();
        let mut before = device.place(&town).0;
        for _ in 0..20_000 {
            device.pass(0.5, &town, &mut rng);
            let (here, _) = device.place(&town);
            assert!(before.distance_m(here) < 20.0, "{before:?} to {here:?}");
            assert!(town.ways[device.from].iter().any(|way| way.to == device.way.to));
            before = here;
        }
        assert!((0.0..=100.0).contains(&device.battery));
    }

    #[test]
    fn it_halts_when_it_is_told_to_and_goes_on_when_it_is_told_so() {
        let (mut device, town, mut rng) = device();
        assert!(device.obey("halt"));
        (0..20).for_each(|_| device.pass(0.5, &town, &mut rng));
        let data = device.data(&town);
        assert_eq!((&data["status"], &data["speed"]), (&json!("halted"), &json!(0)));
        assert!(device.obey("go"));
        (0..20).for_each(|_| device.pass(0.5, &town, &mut rng));
        assert_ne!(device.data(&town)["status"], "halted");
        assert!(!device.obey("fly"));
    }

    #[test]
    fn an_empty_battery_is_told_and_charged() {
        let (mut device, town, mut rng) = device();
        device.battery = 6.0;
        assert_eq!(device.data(&town)["alert"], "battery low");
        let mut seen = Vec::new();
        for _ in 0..5_000 {
            device.pass(0.5, &town, &mut rng);
            if device.doing == Doing::Charging {
                seen.push(device.battery);
            }
        }
        assert!(seen.first().is_some_and(|battery| *battery < 5.0) && seen.iter().any(|battery| *battery > 90.0));
    }
}
