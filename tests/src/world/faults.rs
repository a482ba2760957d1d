//! What goes wrong, and what the back-end does.

use core::time::Duration;
use std::collections::VecDeque;

use serde_json::json;
use tb_proto::LinkLost;

use super::run::World;
use super::scripted::Packet;
use super::server::Server;
use crate::network::{Conditions, Cut, Dial, Pieces, Side};
use crate::sim::{CloseReason, ConnectRefusal, Control, Faults};

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
        self.withheld = true;
        self.simulator().faults_mut().withhold_puback_every = every;
        self
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

    /// So many connections that are accepted from now on are thrown out by the ghost of an older one.
    pub fn ghosts(&mut self, ghosts: u32) -> &mut Self {
        for _ in 0..ghosts {
            self.fault(true);
        }
        self.simulator().faults_mut().ghosts = ghosts;
        self
    }

    /// Something happens at the back-end.
    pub fn control(&mut self, control: Control) -> &mut Self {
        let now = self.now;
        self.simulator().control(now, control);
        self.drain_server();
        self
    }

    /// The server closes the session of the device.
    pub fn close_session(&mut self, reason: CloseReason) -> &mut Self {
        self.fault(true);
        self.control(Control::CloseSession {
            device: "dev1".into(),
            reason,
        })
    }

    /// The server calls a method of the device.
    pub fn call_device(&mut self) -> &mut Self {
        self.number += 1;
        let number = self.number;
        self.control(Control::Rpc {
            call: format!("call {number}"),
            device: "dev1".into(),
            method: "m".into(),
            params: Some(json!({ "s": number })),
            raw_params: None,
            oneway: false,
            timeout_ms: Some(30_000),
            persisted: false,
            request_id: None,
        })
    }

    /// The shared attribute `s` with this index gets a new value.
    pub fn set_shared(&mut self, index: u8) -> &mut Self {
        self.number += 1;
        let mut values = serde_json::Map::new();
        values.insert(format!("s{index}"), json!(self.number));
        self.control(Control::SetShared {
            device: "dev1".into(),
            values,
        })
    }

    /// The shared attribute `s` with this index is deleted.
    pub fn delete_shared(&mut self, index: u8) -> &mut Self {
        let keys = vec![format!("s{index}")];
        self.control(Control::DeleteShared {
            device: "dev1".into(),
            keys,
        })
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
        if let Server::Simulator(connected) = &mut self.server {
            let silent = connected.simulator.faults_mut().silent;
            *connected.simulator.faults_mut() = Faults::default();
            if silent {
                self.drop_connections();
            }
        }
        self
    }

    fn fault(&mut self, hang_up: bool) {
        self.faults += 1;
        self.hang_ups += u64::from(hang_up);
    }

    fn drain_server(&mut self) {
        let Self {
            server,
            network,
            now,
            ..
        } = self;
        if let Server::Simulator(connected) = server {
            connected.drain(*now, network);
        }
        self.collect();
    }

    /// The next packet that the device sends to a scripted server, and nothing if none comes within
    /// this time.
    ///
    /// # Panics
    /// If the server is a simulator.
    pub fn receive(&mut self, within: Duration) -> Option<Packet> {
        let until = self.now + within;
        loop {
            let Server::Scripted(scripted) = &mut self.server else {
                panic!("this server is a simulator")
            };
            if let Some(packet) = scripted.next_packet() {
                return Some(packet);
            }
            if self.now >= until {
                return None;
            }
            self.wait(Duration::from_millis(5));
        }
    }

    /// The next packet of this type within a virtual hour; others before it are skipped.
    ///
    /// # Panics
    /// If it does not come.
    pub fn expect(&mut self, kind: u8) -> Packet {
        for _ in 0..100_000 {
            let Some(packet) = self.receive(Duration::from_secs(3600)) else {
                break;
            };
            if packet.kind() == kind {
                return packet;
            }
        }
        panic!("no packet of type {kind} came")
    }

    /// A scripted server writes to the connection that was opened last.
    pub fn reply(&mut self, bytes: &[u8]) -> &mut Self {
        if let Server::Scripted(scripted) = &self.server
            && let Some(path) = scripted.path()
        {
            self.network.write(self.now, path, Side::Server, bytes);
        }
        self
    }

    /// A scripted server closes the connection that was opened last.
    pub fn hang_up(&mut self) -> &mut Self {
        if let Server::Scripted(scripted) = &self.server
            && let Some(path) = scripted.path()
        {
            self.network.close(self.now, path, Side::Server);
        }
        self
    }
}
