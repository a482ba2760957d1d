//! What has to be true.

use core::time::Duration;

use tb_proto::{ProtocolVersion, QoS, Rejection, State, UndeliveredCause};

use super::ledger::{Ending, Kind};
use super::run::World;
use super::server::Server;
use super::{Created, children};
use crate::sim::Violation;

/// Memory beyond the configured limits: buffers, and bookkeeping that does not grow with them.
const STATED_CONSTANT: usize = 256 * 1024;

/// Messages that the machine adds to those of the application: requests, replies, merged attributes.
const MACHINE_OWN: usize = 300;

/// How long after the last fault everything has to be done.
const RECOVERY: Duration = Duration::from_secs(600);

/// As [`RECOVERY`], for gateways: a child that the server did not take is announced again after ten minutes.
const RECOVERY_OF_CHILDREN: Duration = Duration::from_secs(1_800);

/// As [`RECOVERY`], where there is poison: each such message is tried [so often](CONNECTS_OF_POISON).
const RECOVERY_FROM_POISON: Duration = Duration::from_secs(8 * 3_600);

/// How many connections a message that is poison may cost: two in company, three alone, and five slow
/// tries (see [`Rejection::ClosesConnection`]). Several that were merged cost that together, and then three
/// each, which is less.
const CONNECTS_OF_POISON: u64 = 10;

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

    /// Nothing goes wrong from now on: within ten virtual minutes (longer if there are children) everything has its outcome, the
    /// device is connected and at rest, and every promise about what was accepted is kept.
    ///
    /// # Panics
    /// If it is not so.
    pub fn settle(&mut self) -> &mut Self {
        let family = self.device().family();
        self.settle_within(if family.is_poisoned() {
            RECOVERY_FROM_POISON
        } else if family.is_empty() {
            RECOVERY
        } else {
            RECOVERY_OF_CHILDREN
        })
    }

    /// As [`settle`](Self::settle), with another time to recover.
    ///
    /// # Panics
    /// If a promise is broken.
    pub fn settle_within(&mut self, recovery: Duration) -> &mut Self {
        self.heal().fetch_events(true).answer_calls().wait(recovery);
        if self.revive_children() {
            self.wait(recovery);
        }
        self.check();
        for index in 0..self.devices.len() {
            self.on(index)
                .check_outcomes()
                .check_children()
                .check_rest();
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
                Ending::Undelivered(UndeliveredCause::Rejected(_)) => {
                    let family = device.family();
                    let innocent = ticket.child.is_none_or(|child| family.is_healthy(child));
                    rejected += u64::from(innocent);
                }
                Ending::Undelivered(_) => continue,
                other => panic!("{id:?} ended as {other:?}"),
            }
            // On 3.1.1 what is refused is acknowledged, and the close may come too late for disbelief.
            let is_poison = ticket
                .child
                .is_some_and(|child| !device.family().is_healthy(child));
            let is_doubtful = is_poison && *ending == Ending::Acknowledged(ProtocolVersion::V3_1_1);
            if let Kind::Telemetry { number, .. } | Kind::Claim { number } = ticket.kind
                && simulated
                && !is_doubtful
                && (matches!(ending, Ending::Acknowledged(_))
                    || *ending
                        == Ending::Undelivered(UndeliveredCause::Rejected(Rejection::NoAnswer)))
            {
                assert!(
                    self.arrivals.has_reading(number) || self.arrivals.has_claim(number),
                    "{ticket:?} is not at the server"
                );
                let whose = ticket.child.and_then(|child| device.family().number(child));
                assert!(
                    self.arrivals.has_claim(number) || self.arrivals.child_of(number) == whose,
                    "{ticket:?} is stored under {:?}",
                    self.arrivals.child_of(number)
                );
            }
        }
        // Three hang-ups while it is alone, after two in company, reject a message on 3.1.1. Poison adds
        // nothing: while another message is alone on a connection, no poison is on it.
        let bound = if device.wire.has_spoken_3() {
            self.hang_ups / 3
        } else {
            0
        };
        assert!(
            rejected <= bound,
            "{rejected} innocent messages were rejected, {bound} are stated"
        );
        self
    }

    /// Every child of the selected device that the server did not have was created by its announcement,
    /// with the profile that it was given. Only one that was deleted may come back by what was on its way.
    ///
    /// # Panics
    /// If one was not.
    pub fn check_children(&mut self) -> &mut Self {
        let family = self.device().family();
        for Created { child, profile } in self.arrivals.created() {
            let given = children::profile(*child).unwrap_or("default");
            assert!(
                profile == given || family.was_deleted(*child),
                "child {child} was created with the profile {profile}"
            );
        }
        if let Server::Simulator(connected) = &self.server {
            for violation in connected.simulator.violations() {
                if let Violation::CreatedWithoutConnect { child, .. } = violation {
                    let number = children::number_of(child);
                    assert!(
                        number.is_some_and(|number| family.was_deleted(number)),
                        "{violation:?}"
                    );
                }
            }
        }
        self
    }

    /// The selected device is connected and has nothing to do but keep the connection alive, and its
    /// children.
    ///
    /// # Panics
    /// If it has.
    pub fn check_rest(&mut self) -> &mut Self {
        let device = self.device();
        if device.client.state() == State::Closed {
            return self;
        }
        assert!(
            matches!(device.client.state(), State::Connected { .. }),
            "{:?}",
            device.client.state()
        );
        let children = device.family().len() as u64;
        for _ in 0..children {
            // Perhaps a quiet child is being kept alive at this moment.
            if self.device().stats().queued_messages > 0 {
                self.wait(Duration::from_secs(1));
            }
        }
        let device = self.device();
        let stats = device.stats();
        assert_eq!(stats.queued_messages, 0, "{stats:?}");
        assert_eq!(stats.inflight, 0, "{stats:?}");
        assert_eq!(stats.open_requests, 0, "{stats:?}");
        let tickets = device.ledger.tickets();
        let poison = tickets
            .filter_map(|(_, ticket)| ticket.child)
            .filter(|&child| !device.family().is_healthy(child))
            .count() as u64;
        assert!(
            stats.connects <= self.faults + 5 + poison * CONNECTS_OF_POISON,
            "{} faults, {poison} messages that are poison, but {stats:?}",
            self.faults
        );
        let keep_alive = device.limits.keep_alive;
        let (wakes, quiet) = (device.wakes, keep_alive * 5);
        let version = device.client.state();
        self.wait(quiet);
        let woken = self.device().wakes - wakes;
        let most = 8 + 4 * children;
        assert!(woken <= most, "woken {woken} times in {quiet:?} of rest");
        // MQTT 5 is tried again an hour after silence led to 3.1.1.
        let is_newer = self.device().client.state() != version;
        assert_eq!(
            self.device().stats().connects,
            stats.connects + u64::from(is_newer),
            "the connection has held"
        );
        self
    }
}
