//! What has to be true.

use core::time::Duration;

use tb_proto::{ProtocolVersion, QoS, Rejection, State, UndeliveredCause};

use super::ledger::{Ending, Kind};
use super::run::World;
use super::server::Server;

/// Memory beyond the configured limits: buffers, and bookkeeping that does not grow with them.
const STATED_CONSTANT: usize = 256 * 1024;

/// Messages that the machine adds to those of the application: requests, replies, merged attributes.
const MACHINE_OWN: usize = 300;

/// How long after the last fault everything has to be done.
const RECOVERY: Duration = Duration::from_secs(600);

impl World {
    /// Promises that hold at every moment: memory and books are within their limits.
    ///
    /// # Panics
    /// If one is broken.
    pub fn check(&mut self) -> &mut Self {
        for device in &self.devices {
            let stats = device.stats();
            let limits = &device.limits;
            assert!(
                stats.queued_messages <= limits.queued_messages + MACHINE_OWN,
                "{stats:?}"
            );
            let bound = limits.queued_bytes + limits.incoming_packet_size + STATED_CONSTANT;
            assert!(
                stats.queued_bytes + stats.buffered_bytes <= bound,
                "{stats:?}"
            );
            let live = usize::try_from(device.meter.live()).unwrap_or(0);
            assert!(
                live <= bound,
                "{live} bytes are live, {bound} are allowed: {stats:?}"
            );
            assert!(
                device.wire.is_between_packets(),
                "only whole packets are handed out"
            );
        }
        self
    }

    /// Nothing goes wrong from now on: within ten virtual minutes everything has its outcome, the
    /// device is connected and at rest, and every promise about what was accepted is kept.
    ///
    /// # Panics
    /// If it is not so.
    pub fn settle(&mut self) -> &mut Self {
        self.settle_within(RECOVERY)
    }

    /// As [`settle`](Self::settle), with another time to recover.
    ///
    /// # Panics
    /// If a promise is broken.
    pub fn settle_within(&mut self, recovery: Duration) -> &mut Self {
        self.heal()
            .fetch_events(true)
            .answer_calls()
            .wait(recovery)
            .check();
        for index in 0..self.devices.len() {
            self.on(index).check_outcomes().check_rest();
        }
        self.on(0)
    }

    /// Every message that the selected device accepted has the outcome that was promised.
    ///
    /// # Panics
    /// If one has not.
    pub fn check_outcomes(&mut self) -> &mut Self {
        let device = self.device();
        let simulated = matches!(self.server, Server::Simulator(_));
        let mut rejected = 0;
        for (id, ticket) in device.ledger.tickets() {
            let ending = ticket.ending.as_ref();
            let ending = ending.unwrap_or_else(|| panic!("{id:?} has no outcome: {ticket:?}"));
            let (qos, expires) = match ticket.kind {
                Kind::Telemetry { qos, expires, .. } | Kind::Attribute { qos, expires, .. } => {
                    (qos, expires)
                }
                Kind::Claim { .. } => (QoS::AtLeastOnce, false),
                _ => continue,
            };
            match ending {
                // An attribute at QoS 0 may have travelled together with others.
                Ending::Acknowledged(_) => assert!(
                    qos == QoS::AtLeastOnce || matches!(ticket.kind, Kind::Attribute { .. }),
                    "{id:?}: {ticket:?}"
                ),
                Ending::Sent => assert_eq!(qos, QoS::AtMostOnce, "{id:?}: {ticket:?}"),
                Ending::Undelivered(UndeliveredCause::Expired) => {
                    assert!(expires, "{id:?}: {ticket:?}");
                }
                Ending::Undelivered(UndeliveredCause::Rejected(Rejection::NoAnswer)) => {
                    assert!(self.withheld, "{id:?}: {ticket:?}");
                }
                Ending::Undelivered(UndeliveredCause::Rejected(_)) => rejected += 1,
                Ending::Undelivered(_) => continue,
                other => panic!("{id:?} ended as {other:?}"),
            }
            if let Kind::Telemetry { number, .. } | Kind::Claim { number } = ticket.kind
                && simulated
                && (matches!(ending, Ending::Acknowledged(_))
                    || *ending
                        == Ending::Undelivered(UndeliveredCause::Rejected(Rejection::NoAnswer)))
            {
                assert!(
                    self.arrivals.has_reading(number) || self.arrivals.has_claim(number),
                    "{ticket:?} is not at the server"
                );
            }
        }
        // Three hang-ups while it is alone, after two in company, reject a message on 3.1.1.
        let bound = match device.client.state() {
            State::Connected {
                version: ProtocolVersion::V3_1_1,
            } => self.hang_ups / 3,
            _ => 0,
        };
        assert!(
            rejected <= bound,
            "{rejected} innocent messages were rejected, {bound} are stated"
        );
        self
    }

    /// The selected device is connected and has nothing to do but keep the connection alive.
    ///
    /// # Panics
    /// If it has.
    pub fn check_rest(&mut self) -> &mut Self {
        let device = self.device();
        if device.client.state() == State::Closed {
            return self;
        }
        let stats = device.stats();
        assert!(
            matches!(device.client.state(), State::Connected { .. }),
            "{:?}",
            device.client.state()
        );
        assert_eq!(stats.queued_messages, 0, "{stats:?}");
        assert_eq!(stats.inflight, 0, "{stats:?}");
        assert_eq!(stats.open_requests, 0, "{stats:?}");
        assert!(
            stats.connects <= self.faults + 5,
            "{} faults, but {stats:?}",
            self.faults
        );
        let keep_alive = device.limits.keep_alive;
        let (wakes, quiet) = (device.wakes, keep_alive * 5);
        self.wait(quiet);
        let woken = self.device().wakes - wakes;
        assert!(woken <= 6, "woken {woken} times in {quiet:?} of rest");
        assert_eq!(
            self.device().stats().connects,
            stats.connects,
            "the connection has held"
        );
        self
    }
}
