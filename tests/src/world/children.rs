//! The children of a gateway, and what the application and the back-end do about them.

use core::time::Duration;

use tb_proto::{
    AttributeKeys, AttributeQuery, AttributeSubscription, ChildId, Client, Instant, Priority, QoS,
    Refused, RpcMethods, WhichChildren,
};

use super::ledger::Kind;
use super::run::World;
use super::sending::Reading;
use crate::sim::{ChildPoison, Control, Time};

/// The children of a gateway; each is known by a number.
#[derive(Debug, Default)]
pub struct Family {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    number: u8,
    id: ChildId,
    renames: u32,
    is_poisoned: bool,
    /// Its device was deleted at least once.
    was_deleted: bool,
}

impl Family {
    /// The number of a child.
    #[must_use]
    pub fn number(&self, id: ChildId) -> Option<u8> {
        let member = self.members.iter().find(|member| member.id == id);
        member.map(|member| member.number)
    }

    /// How many children there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the server fails over what some of them send.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.members.iter().any(|member| member.is_poisoned)
    }

    /// Whether the server takes everything of this child that is meant for it.
    #[must_use]
    pub fn is_healthy(&self, id: ChildId) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.id == id && !member.is_poisoned)
    }

    /// Whether the server has created this child anew at any time, which it may do for a message.
    pub(super) fn was_deleted(&self, number: u8) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.number == number && member.was_deleted)
    }

    fn member(&self, number: u8) -> Option<&Member> {
        self.members.iter().find(|member| member.number == number)
    }
}

/// What the child with this number is called at first.
fn name(number: u8) -> String {
    match number {
        // Names are data, and may be anything.
        1 => "m1 \"of\" the é\\n".to_owned(),
        2 => "m2/#[]{}+".to_owned(),
        _ => format!("m{number}"),
    }
}

/// The number of the child that a device was once.
pub(super) fn number_of(device: &str) -> Option<u8> {
    let rest = device.strip_prefix('m')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    rest[..digits.unwrap_or(rest.len())].parse().ok()
}

/// The device profile of the child with this number.
pub(super) const fn profile(number: u8) -> Option<&'static str> {
    match number % 3 {
        0 => None,
        1 => Some("water meter"),
        _ => Some("pump"),
    }
}

impl World {
    /// The gateway gets this child, if it has not got it yet.
    pub fn add_child(&mut self, number: u8) -> &mut Self {
        self.child(number);
        self
    }

    /// So many readings of a child are sent, QoS 1, one after the other.
    pub fn child_send(&mut self, number: u8, readings: u32) -> &mut Self {
        self.child_readings(number, readings, Reading::default())
    }

    /// As [`child_send`](Self::child_send), at QoS 0.
    pub fn child_send_qos0(&mut self, number: u8, readings: u32) -> &mut Self {
        let reading = Reading {
            qos: QoS::AtMostOnce,
            ..Reading::default()
        };
        self.child_readings(number, readings, reading)
    }

    /// As [`child_send`](Self::child_send), ahead of others.
    pub fn child_send_urgent(&mut self, number: u8, readings: u32) -> &mut Self {
        let reading = Reading {
            priority: Priority::High,
            ..Reading::default()
        };
        self.child_readings(number, readings, reading)
    }

    /// A reading of a child is sent that is worth nothing after so long.
    pub fn child_send_expiring(&mut self, number: u8, time: Duration) -> &mut Self {
        let reading = Reading {
            expires: Some(time),
            ..Reading::default()
        };
        self.child_readings(number, 1, reading)
    }

    /// A reading of a child is sent with so many bytes of text beside it.
    pub fn child_send_large(&mut self, number: u8, bytes: usize) -> &mut Self {
        let reading = Reading {
            padding: bytes,
            ..Reading::default()
        };
        self.child_readings(number, 1, reading)
    }

    fn child_readings(&mut self, number: u8, readings: u32, reading: Reading) -> &mut Self {
        if let Some(child) = self.child(number) {
            for _ in 0..readings {
                let child = Some(child);
                self.reading(Reading { child, ..reading }).ok();
            }
        }
        self
    }

    /// The attribute `a` with this index of a child gets a new value.
    pub fn child_attribute(&mut self, number: u8, index: u8) -> &mut Self {
        if let Some(child) = self.child(number) {
            self.attribute(Some(child), index, QoS::AtLeastOnce, None);
        }
        self
    }

    /// A child allows to be claimed for a minute, with a secret that no other claim has.
    pub fn child_claim(&mut self, number: u8) -> &mut Self {
        if let Some(child) = self.child(number) {
            self.claim_for(Some(child));
        }
        self
    }

    /// The application asks for two shared attributes of a child and waits so long for the answer.
    pub fn child_request(&mut self, number: u8, timeout: Duration) -> &mut Self {
        self.with_child(number, Kind::AttributeRequest, |client, clock, child| {
            let query = AttributeQuery::shared(["s0", "s1"]).timeout(timeout);
            let asked = client.gateway().request_attributes(clock, child, query);
            asked.map(|pending| pending.id()).ok()
        })
    }

    /// The application says that a child is gone.
    pub fn child_disconnect(&mut self, number: u8) -> &mut Self {
        self.with_child(number, Kind::Goodbye, |client, clock, child| {
            let gone = client.gateway().disconnect(clock, child);
            gone.map(|pending| pending.id())
                .map_err(|Refused { item, .. }| assert_eq!(*item, child))
                .ok()
        })
    }

    /// The application follows all shared attributes of a child from now on.
    pub fn follow_child(&mut self, number: u8) -> &mut Self {
        if let Some(child) = self.child(number) {
            self.follow(WhichChildren::One(child));
        }
        self
    }

    /// The application follows all shared attributes of all children from now on.
    pub fn follow_children(&mut self) -> &mut Self {
        self.follow(WhichChildren::All)
    }

    fn follow(&mut self, which: WhichChildren) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let followed: AttributeSubscription = device.call(|client| {
            let mut gateway = client.gateway();
            gateway.subscribe_to_attributes(clock, which, AttributeKeys::All)
        });
        device.application.follows.push(followed);
        self.drain_after_call();
        self
    }

    /// The application serves all methods of a child that the server calls, from now on.
    pub fn serve_child(&mut self, number: u8) -> &mut Self {
        if let Some(child) = self.child(number) {
            self.serve(WhichChildren::One(child));
        }
        self
    }

    /// The application serves all methods of all children that the server calls, from now on.
    pub fn serve_children(&mut self) -> &mut Self {
        self.serve(WhichChildren::All)
    }

    fn serve(&mut self, which: WhichChildren) -> &mut Self {
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let served = device.call(|client| {
            let mut gateway = client.gateway();
            gateway.serve_rpc(clock, which, RpcMethods::All)
        });
        if let Ok(server) = served {
            device.application.serves.push(server);
        }
        self.drain_after_call();
        self
    }

    /// The server calls a method of a child.
    pub fn call_child(&mut self, number: u8) -> &mut Self {
        match self.child_name(number) {
            Some(device) => self.call_method_of(device),
            None => self,
        }
    }

    /// The shared attribute `s` with this index of a child gets a new value.
    pub fn set_child_shared(&mut self, number: u8, index: u8) -> &mut Self {
        match self.child_name(number) {
            Some(device) => self.set_shared_of(device, index),
            None => self,
        }
    }

    /// The shared attribute `s` with this index of a child is deleted.
    pub fn delete_child_shared(&mut self, number: u8, index: u8) -> &mut Self {
        let Some(device) = self.child_name(number) else {
            return self;
        };
        let keys = vec![format!("s{index}")];
        self.control(Control::DeleteShared { device, keys })
    }

    /// From now on the server fails over what this child sends.
    pub fn poison_child(&mut self, number: u8, poison: ChildPoison) -> &mut Self {
        self.child(number);
        let mut members = self.device_mut().family.members.iter_mut();
        let Some(member) = members.find(|member| member.number == number) else {
            return self;
        };
        member.is_poisoned = true;
        self.device_mut().wire.expect_suspects();
        if let Some(device) = self.child_name(number) {
            let faults = self.simulator().faults_mut();
            faults.poisoned_children.insert(device, poison);
        }
        self
    }

    /// The device of a child gets another name on the server.
    pub fn rename_child(&mut self, number: u8) -> &mut Self {
        let Some(device) = self.child_name(number) else {
            return self;
        };
        let mut members = self.device_mut().family.members.iter_mut();
        let Some(member) = members.find(|member| member.number == number) else {
            return self;
        };
        member.renames += 1;
        let new = format!("{}.{}", name(number), member.renames);
        let poisoned = &mut self.simulator().faults_mut().poisoned_children;
        if let Some(&poison) = poisoned.get(&device) {
            poisoned.insert(new.clone(), poison);
        }
        self.control(Control::RenameDevice { device, name: new })
    }

    /// The device of a child is deleted on the server.
    pub fn delete_child(&mut self, number: u8) -> &mut Self {
        let Some(device) = self.child_name(number) else {
            return self;
        };
        let mut members = self.device_mut().family.members.iter_mut();
        if let Some(member) = members.find(|member| member.number == number) {
            member.was_deleted = true;
        }
        self.control(Control::DeleteDevice { device })
    }

    /// Something more is sent for children that were deleted, so that they are created anew and what
    /// waits for them goes on. Returns whether there are such children.
    pub(super) fn revive_children(&mut self) -> bool {
        let members = self.device().family.members.iter();
        let deleted: Vec<_> = members
            .filter(|member| member.was_deleted)
            .map(|member| member.number)
            .collect();
        for &number in &deleted {
            self.child_send(number, 1);
        }
        !deleted.is_empty()
    }

    /// The child with this number, which is added if it is not there. None if nothing is accepted any
    /// more, or the device is no gateway.
    fn child(&mut self, number: u8) -> Option<ChildId> {
        let known = self.device().family.member(number).map(|known| known.id);
        // The same name is always the same child, whatever it was called when it was added.
        let now = self.now;
        let device = self.device_mut();
        let clock = device.clock(now);
        let added = device.call(|client| {
            let mut gateway = client.gateway();
            let called = known.and_then(|known| gateway.name(known).map(str::to_owned));
            let called = called.unwrap_or_else(|| name(number));
            gateway.child(clock, &called, profile(number))
        });
        if let Some(known) = known {
            assert_eq!(added, Ok(known), "child {number} is another one");
        } else if let Ok(id) = added {
            device.family.members.push(Member {
                number,
                id,
                renames: 0,
                is_poisoned: false,
                was_deleted: false,
            });
        }
        self.drain_after_call();
        added.ok()
    }

    /// What a child that was added is called, as far as the gateway knows.
    fn child_name(&mut self, number: u8) -> Option<String> {
        let id = self.device().family.member(number)?.id;
        let name = self.device_mut().client.gateway().name(id)?.to_owned();
        Some(name)
    }

    /// Does something that gives a ticket.
    fn with_child(
        &mut self,
        number: u8,
        kind: Kind,
        act: impl FnOnce(&mut Client, Instant, ChildId) -> Option<tb_proto::RequestId>,
    ) -> &mut Self {
        if let Some(child) = self.child(number) {
            let now = self.now;
            let device = self.device_mut();
            let clock = device.clock(now);
            if let Some(id) = device.call(|client| act(client, clock, child)) {
                let accepted = Time(clock.as_micros());
                device.ledger.issue_for(Some(child), id, kind, accepted);
            }
            self.drain_after_call();
        }
        self
    }
}
