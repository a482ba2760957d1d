use core::time::Duration;

use tb_proto::Config;

use super::arrivals::Arrivals;
use super::device::{Device, Draining, Limits, Trace};
use super::meter::Meter;
use super::server::Server;
use crate::network::{Network, PathId, Side};
use crate::sim::{CallResult, Simulator, Time};

/// How often the driver tells the machine what the wall clock shows.
pub(super) const CLOCK_TICK: Duration = Duration::from_secs(60);

/// More than this happening at one instant is a world that stands still.
const MOST_AT_ONCE: u32 = 200_000;

/// See the [module](super).
#[derive(Debug)]
pub struct World {
    pub(super) now: Time,
    pub(super) network: Network,
    pub(super) server: Server,
    pub(super) devices: Vec<Device>,
    /// Which device a path belongs to, in the order of the paths.
    pub(super) owners: Vec<(PathId, usize)>,
    pub(super) selected: usize,
    pub(super) arrivals: Arrivals,
    pub(super) results: Vec<CallResult>,
    pub(super) faults: u64,
    /// Connections that were ended by FIN or RST while the device was online, whoever did it.
    pub(super) hang_ups: u64,
    pub(super) withheld: bool,
    pub(super) withheld_since: Option<Time>,
    pub(super) number: u64,
    pub(super) next_tick: Time,
    pub(super) unix_ms_at_start: i64,
    pub(super) seed: u64,
}

/// The access token of every device.
pub const TOKEN: &str = "A1_TEST_TOKEN";

impl World {
    /// Another device with this configuration comes, and is the one that is acted on from now on.
    pub fn join(&mut self, config: Config) -> &mut Self {
        let index = self.devices.len();
        let seed = self.seed.wrapping_add(index as u64);
        let device = Device::new(config, Limits::DEFAULT, self.now, seed, Meter::default());
        self.devices.push(device);
        self.selected = index;
        self.tell_wall_clock(index);
        self
    }

    /// From now on the device that came so many-th is acted on; the first is 0.
    pub const fn on(&mut self, device: usize) -> &mut Self {
        self.selected = device;
        self
    }

    /// The device that is acted on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.devices[self.selected]
    }

    pub(super) fn device_mut(&mut self) -> &mut Device {
        &mut self.devices[self.selected]
    }

    /// Time since the beginning.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// What reached the back-end.
    #[must_use]
    pub const fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Calls of the back-end that are over.
    #[must_use]
    pub fn results(&self) -> &[CallResult] {
        &self.results
    }

    /// Readings of the selected device may go past each other.
    pub fn expect_any_order(&mut self) -> &mut Self {
        self.devices[self.selected].wire.expect_any_order();
        self
    }

    /// Readings of the selected device from now on may go past those from before, which rate limits
    /// hold up.
    pub fn expect_overtaking(&mut self) -> &mut Self {
        let first = self.number + 1;
        self.devices[self.selected].wire.expect_overtaking(first);
        self
    }

    /// Whether the reading with this number has been stored.
    #[must_use]
    pub fn has_arrived(&self, number: u64) -> bool {
        self.arrivals.has_reading(number)
    }

    /// The simulator.
    ///
    /// # Panics
    /// If the server is a scripted one.
    pub fn simulator(&mut self) -> &mut Simulator {
        match &mut self.server {
            Server::Simulator(connected) => &mut connected.simulator,
            Server::Scripted(_) => panic!("this server is scripted"),
        }
    }

    /// In which order devices are drained from now on.
    pub fn draining(&mut self, draining: Draining) -> &mut Self {
        self.device_mut().draining = draining;
        self
    }

    /// From now on everything that the device says is kept, to be compared.
    pub fn trace(&mut self) -> &mut Self {
        self.device_mut().trace = Some(Trace::default());
        self
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) -> &mut Self {
        let until = self.now + time;
        let mut last = (self.now, 0_u32);
        self.drain_all();
        while let Some(next) = self.next_time().filter(|&next| next <= until) {
            self.now = self.now.max(next);
            last = if last.0 == self.now {
                (last.0, last.1 + 1)
            } else {
                (self.now, 0)
            };
            assert!(last.1 < MOST_AT_ONCE, "time stands still at {:?}", self.now);
            self.happen();
        }
        self.now = until;
        self
    }

    /// Drains what a call has caused, unless the driver is late.
    pub(super) fn drain_after_call(&mut self) {
        if self.device().draining != Draining::Late {
            self.drain_all();
        }
    }

    pub(super) fn drain_all(&mut self) {
        for index in 0..self.devices.len() {
            let before = self.devices[index].link;
            self.devices[index].drain(self.now, &mut self.network);
            self.note_owner(index, before.map(|(_, path)| path));
        }
    }

    fn note_owner(&mut self, index: usize, before: Option<PathId>) {
        if let Some((_, path)) = self.devices[index].link
            && Some(path) != before
        {
            self.owners.push((path, index));
        }
    }

    fn next_time(&self) -> Option<Time> {
        let devices = self
            .devices
            .iter()
            .filter(|device| device.mailbox.is_none());
        let awake = devices.filter_map(Device::poll_timeout);
        awake
            .chain(self.network.poll_timeout())
            .chain(self.server.poll_timeout())
            .chain([self.next_tick])
            .min()
    }

    /// One thing that is due.
    fn happen(&mut self) {
        if let Some(delivery) = self.network.poll_delivery(self.now) {
            match delivery.to {
                Side::Server => {
                    let Self {
                        server,
                        network,
                        now,
                        ..
                    } = self;
                    server.arrive(*now, delivery.path, &delivery.what, network);
                    self.collect();
                    return;
                }
                Side::Client => {
                    let owner = self
                        .owners
                        .iter()
                        .rev()
                        .find(|(path, _)| *path == delivery.path);
                    if let Some(&(_, index)) = owner {
                        let Self {
                            devices,
                            network,
                            now,
                            ..
                        } = self;
                        devices[index].arrive(*now, delivery.path, delivery.what, network);
                        self.drain_due(index);
                    }
                    return;
                }
            }
        }
        if self.server.poll_timeout().is_some_and(|at| at <= self.now) {
            let Self {
                server,
                network,
                now,
                ..
            } = self;
            server.handle_timeout(*now, network);
            self.collect();
            return;
        }
        if self.next_tick <= self.now {
            self.next_tick = self.now + CLOCK_TICK;
            for index in 0..self.devices.len() {
                self.tell_wall_clock(index);
                self.drain_due(index);
            }
            return;
        }
        for index in 0..self.devices.len() {
            let device = &mut self.devices[index];
            if device.mailbox.is_some() || device.poll_timeout().is_none_or(|at| at > self.now) {
                continue;
            }
            device.wake(self.now);
            let next = device.client.poll_timeout();
            let clock = device.clock(self.now);
            self.drain_due(index);
            let then = self.devices[index].client.poll_timeout();
            assert!(
                then.is_none_or(|at| at > clock),
                "a timer that was due at {clock:?} is due again: {next:?}, drained {then:?}"
            );
        }
    }

    /// Drains a device after something happened to it; a late driver waits until nothing more is due now.
    fn drain_due(&mut self, index: usize) {
        let late = self.devices[index].draining == Draining::Late
            && self.network.poll_timeout().is_some_and(|at| at <= self.now);
        if !late {
            let before = self.devices[index].link;
            self.devices[index].drain(self.now, &mut self.network);
            self.note_owner(index, before.map(|(_, path)| path));
        }
    }

    /// Looks at what has reached the back-end.
    pub(super) fn collect(&mut self) {
        if let Server::Simulator(connected) = &mut self.server {
            let simulator = &mut connected.simulator;
            if !simulator.stored().is_empty() {
                for fact in simulator.stored() {
                    self.arrivals.take(fact);
                }
                simulator.clear_stored();
            }
            while let Some(result) = simulator.poll_result() {
                self.results.push(result);
            }
        }
    }

    /// Milliseconds since 1970 at this moment.
    #[must_use]
    pub fn unix_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX);
        self.unix_ms_at_start.saturating_add(elapsed)
    }

    pub(super) fn tell_wall_clock(&mut self, index: usize) {
        let right = self.unix_ms();
        let now = self.now;
        let device = &mut self.devices[index];
        if device.mailbox.is_none() {
            let shown = if device.clock_is_right {
                right
            } else {
                right - self.unix_ms_at_start
            };
            let clock = device.clock(now);
            device.call(|client| client.set_wall_clock(clock, shown));
        }
    }
}
