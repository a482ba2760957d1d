//! What goes wrong.

use core::time::Duration;
use std::collections::VecDeque;

use tb_proto::LinkLost;

use super::run::World;
use super::server::Server;
use crate::network::{Conditions, Cut, Dial, Pieces, Side};
use crate::sim::{ConnectRefusal, Faults, Mqtt5Support};

impl World {
    /// The connection of the device breaks.
    pub fn cut(&mut self, how: Cut) -> &mut Self {
        self.fault(how != Cut::Silent);
        if let Some((_, path)) = self.device().link {
            self.network.cut(self.now, path, how);
        }
        self
    }

    /// The connection of the device breaks when this side has written so many more bytes.
    pub fn cut_after(&mut self, side: Side, bytes: u64, how: Cut) -> &mut Self {
        self.fault(how != Cut::Silent);
        if let Some((_, path)) = self.device().link {
            self.network.cut_after(path, side, bytes, how);
        }
        self
    }

    /// The device's own transport fails.
    pub fn fail_locally(&mut self) -> &mut Self {
        self.fault(false);
        let now = self.now;
        if let Some((_, path)) = self.device().link {
            self.network.cut(now, path, Cut::Rst);
        }
        self.device_mut().lose(now, LinkLost::Local);
        self.drain_after_call();
        self
    }

    /// The server reads nothing for so long.
    pub fn stall(&mut self, time: Duration) -> &mut Self {
        self.fault(false);
        let until = self.now + time;
        self.network.conditions_mut().stalled_until = until;
        self
    }

    /// Bytes take at least so long, and up to `jitter` more.
    pub fn latency(&mut self, latency: Duration, jitter: Duration) -> &mut Self {
        let conditions = self.network.conditions_mut();
        conditions.latency = latency;
        conditions.jitter = jitter;
        self
    }

    /// How writes are cut up.
    pub fn pieces(&mut self, pieces: Pieces) -> &mut Self {
        self.network.conditions_mut().pieces = pieces;
        self
    }

    /// Bytes arrive only at multiples of this time.
    pub fn coalesce(&mut self, time: Duration) -> &mut Self {
        self.network.conditions_mut().coalesce = time;
        self
    }

    /// Attempts to connect fail for this reason.
    pub fn refuse_dials(&mut self, why: LinkLost) -> &mut Self {
        self.fault(false);
        self.network.conditions_mut().dial = Dial::Refused(why);
        self
    }

    /// Attempts to connect are not answered.
    pub fn ignore_dials(&mut self) -> &mut Self {
        self.fault(false);
        self.network.conditions_mut().dial = Dial::Unanswered;
        self
    }

    /// Attempts to connect succeed again.
    pub fn accept_dials(&mut self) -> &mut Self {
        self.network.conditions_mut().dial = Dial::Accepted;
        self
    }

    /// The server acknowledges after up to so long, out of order.
    pub fn delay_pubacks(&mut self, time: Duration) -> &mut Self {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.simulator().faults_mut().puback_delay_us = micros;
        self
    }

    /// The server withholds every so many-th acknowledgement for ever; 0: none.
    pub fn withhold_pubacks(&mut self, every: u32) -> &mut Self {
        self.fault(false);
        self.end_withholding();
        self.withheld = true;
        self.withheld_since = (every > 0).then_some(self.now);
        self.simulator().faults_mut().withhold_puback_every = every;
        self
    }

    /// While acknowledgements are withheld each minute may cost a connection, the machine's own questions
    /// being enough.
    fn end_withholding(&mut self) {
        if let Some(since) = self.withheld_since.take() {
            self.faults += (self.now.as_millis() - since.as_millis()) / 60_000;
        }
    }

    /// The server drops every so many-th answer to a request; 0: none.
    pub fn drop_answers(&mut self, every: u32) -> &mut Self {
        self.simulator().faults_mut().drop_response_every = every;
        self
    }

    /// The server reads and says nothing.
    pub fn fall_silent(&mut self) -> &mut Self {
        self.fault(false);
        self.simulator().faults_mut().silent = true;
        self
    }

    /// The server speaks again. What came in between is lost to it.
    pub fn speak_again(&mut self) -> &mut Self {
        self.fault(false);
        self.simulator().faults_mut().silent = false;
        self.drop_connections()
    }

    /// The server closes every connection without a word.
    pub fn drop_connections(&mut self) -> &mut Self {
        self.fault(true);
        let now = self.now;
        self.simulator().drop_connections(now);
        self.drain_server();
        self
    }

    /// The server refuses CONNECT for so long, with this code of 3.1.1 and this one of MQTT 5.
    pub fn refuse_connect(&mut self, v3: u8, v5: u8, time: Duration) -> &mut Self {
        self.fault(false);
        let until = Some(self.now + time);
        self.simulator().faults_mut().refuse_connect = Some(ConnectRefusal { v3, v5, until });
        self
    }

    /// From now on the server meets MQTT 5 like this, and ends the connections that it has.
    pub fn support_mqtt5(&mut self, support: Mqtt5Support) -> &mut Self {
        self.fault(false);
        self.simulator().faults_mut().mqtt5 = support;
        self.drop_connections()
    }

    /// So many connections that are accepted from now on are thrown out by the ghost of an older one.
    pub fn ghosts(&mut self, ghosts: u32) -> &mut Self {
        for _ in 0..ghosts {
            self.fault(true);
        }
        self.simulator().faults_mut().ghosts = ghosts;
        self
    }

    /// The device sleeps: its own clock stands still, and its wall clock jumps when it wakes up.
    pub fn suspend(&mut self, time: Duration) -> &mut Self {
        self.fault(false);
        // Whole milliseconds, so that both clocks go on in step.
        let time = Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let selected = self.selected;
        self.drain_all();
        self.device_mut().mailbox = Some(VecDeque::new());
        self.wait(time);
        let now = self.now;
        let device = self.device_mut();
        device.slept += u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mailbox = device.mailbox.take().unwrap_or_default();
        self.tell_wall_clock(selected);
        for (path, what) in mailbox {
            let Self {
                devices, network, ..
            } = self;
            devices[selected].arrive(now, path, what, network);
        }
        self.drain_after_call();
        self
    }

    /// The driver does not run for so long, while its clock goes on: it is late for everything.
    pub fn freeze(&mut self, time: Duration) -> &mut Self {
        self.fault(false);
        let selected = self.selected;
        self.drain_all();
        self.device_mut().mailbox = Some(VecDeque::new());
        self.wait(time);
        let now = self.now;
        let device = self.device_mut();
        let mailbox = device.mailbox.take().unwrap_or_default();
        device.wake(now);
        self.drain_after_call();
        for (path, what) in mailbox {
            let Self {
                devices, network, ..
            } = self;
            devices[selected].arrive(now, path, what, network);
            self.drain_after_call();
        }
        self
    }

    /// The device does not know the time: its wall clock shows 1970.
    pub fn lose_wall_clock(&mut self) -> &mut Self {
        self.device_mut().clock_is_right = false;
        self
    }

    /// The device learns the time.
    pub fn learn_wall_clock(&mut self) -> &mut Self {
        let selected = self.selected;
        self.device_mut().clock_is_right = true;
        self.tell_wall_clock(selected);
        self.drain_after_call();
        self
    }

    /// The driver reports things about a connection that is over.
    pub fn report_stale_link(&mut self) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let Some(link) = device.past_link else {
            return self;
        };
        let clock = device.clock(now);
        let before = device.stats().stale_reports;
        device.call(|client| {
            client.handle_connected(clock, link);
            client.handle_input(clock, link, &[0xFF; 40]);
            client.handle_disconnected(clock, link, LinkLost::Reset);
        });
        assert_eq!(
            device.stats().stale_reports,
            before + 3,
            "stale reports are counted"
        );
        self.drain_after_call();
        self
    }

    /// The driver wakes the machine although nothing is due: nothing changes.
    pub fn wake_early(&mut self) -> &mut Self {
        // What a call before has left to be done until output is asked for would be done now.
        self.drain_all();
        let now = self.now;
        let device = self.device_mut();
        if device.poll_timeout().is_none_or(|at| at > now) {
            let clock = device.clock(now);
            let before = (device.stats(), device.poll_timeout());
            device.call(|client| client.handle_timeout(clock));
            assert_eq!(
                (device.stats(), device.poll_timeout()),
                before,
                "an early call did something"
            );
        }
        self
    }

    /// Nothing goes wrong any more.
    pub fn heal(&mut self) -> &mut Self {
        let stalled_until = self.now;
        *self.network.conditions_mut() = Conditions {
            stalled_until,
            ..Conditions::default()
        };
        self.network.disarm();
        self.end_withholding();
        if let Server::Simulator(connected) = &mut self.server {
            let faults = connected.simulator.faults_mut();
            let silent = faults.silent;
            // Poison is in what is sent, and goes wrong whenever that is.
            *faults = Faults {
                poisoned_children: core::mem::take(&mut faults.poisoned_children),
                ..Faults::default()
            };
            if silent {
                self.drop_connections();
            }
        }
        self
    }

    pub(super) fn fault(&mut self, hang_up: bool) {
        self.faults += 1;
        self.hang_ups += u64::from(hang_up);
    }
}
