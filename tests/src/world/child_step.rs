use core::fmt;
use core::time::Duration;

use super::run::World;
use super::step::Millis;
use crate::sim::ChildPoison;

/// One thing that happens to a child of a gateway, which the number names: each is a method of a
/// [`World`], and prints as its call.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each is documented at the method that it stands for"
)]
pub enum ChildStep {
    Add,
    Send(u32),
    SendQos0(u32),
    SendUrgent(u32),
    SendExpiring(Duration),
    SendLarge(usize),
    Attribute(u8),
    Claim,
    Request(Duration),
    Disconnect,
    Follow,
    FollowAll,
    Serve,
    ServeAll,
    Call,
    SetShared(u8),
    DeleteShared(u8),
    Poison(ChildPoison),
    Rename,
    Delete,
}

impl ChildStep {
    pub(super) fn play(self, world: &mut World, child: u8) -> &mut World {
        match self {
            Self::Add => world.add_child(child),
            Self::Send(readings) => world.child_send(child, readings),
            Self::SendQos0(readings) => world.child_send_qos0(child, readings),
            Self::SendUrgent(readings) => world.child_send_urgent(child, readings),
            Self::SendExpiring(time) => world.child_send_expiring(child, time),
            Self::SendLarge(bytes) => world.child_send_large(child, bytes),
            Self::Attribute(index) => world.child_attribute(child, index),
            Self::Claim => world.child_claim(child),
            Self::Request(timeout) => world.child_request(child, timeout),
            Self::Disconnect => world.child_disconnect(child),
            Self::Follow => world.follow_child(child),
            Self::FollowAll => world.follow_children(),
            Self::Serve => world.serve_child(child),
            Self::ServeAll => world.serve_children(),
            Self::Call => world.call_child(child),
            Self::SetShared(index) => world.set_child_shared(child, index),
            Self::DeleteShared(index) => world.delete_child_shared(child, index),
            Self::Poison(poison) => world.poison_child(child, poison),
            Self::Rename => world.rename_child(child),
            Self::Delete => world.delete_child(child),
        }
    }

    pub(super) fn print(self, child: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add => write!(f, ".add_child({child})"),
            Self::Send(readings) => write!(f, ".child_send({child}, {readings})"),
            Self::SendQos0(readings) => write!(f, ".child_send_qos0({child}, {readings})"),
            Self::SendUrgent(readings) => write!(f, ".child_send_urgent({child}, {readings})"),
            Self::SendExpiring(time) => {
                write!(f, ".child_send_expiring({child}, {})", Millis(time))
            }
            Self::SendLarge(bytes) => write!(f, ".child_send_large({child}, {bytes})"),
            Self::Attribute(index) => write!(f, ".child_attribute({child}, {index})"),
            Self::Claim => write!(f, ".child_claim({child})"),
            Self::Request(time) => write!(f, ".child_request({child}, {})", Millis(time)),
            Self::Disconnect => write!(f, ".child_disconnect({child})"),
            Self::Follow => write!(f, ".follow_child({child})"),
            Self::FollowAll => f.write_str(".follow_children()"),
            Self::Serve => write!(f, ".serve_child({child})"),
            Self::ServeAll => f.write_str(".serve_children()"),
            Self::Call => write!(f, ".call_child({child})"),
            Self::SetShared(index) => write!(f, ".set_child_shared({child}, {index})"),
            Self::DeleteShared(index) => write!(f, ".delete_child_shared({child}, {index})"),
            Self::Poison(poison) => {
                write!(f, ".poison_child({child}, ChildPoison::{poison:?})")
            }
            Self::Rename => write!(f, ".rename_child({child})"),
            Self::Delete => write!(f, ".delete_child({child})"),
        }
    }
}
