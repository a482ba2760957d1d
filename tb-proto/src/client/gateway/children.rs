//! The children of a gateway, and how each stands on this connection.
//!
//! ```text
//!   Unannounced ──▶ Queued (something waits) ──▶ Announcing ──acknowledged──▶ Announced
//!       ▲                                            │ refused                  │ disconnected
//!       │ the connection ended                       ▼                          ▼
//!       └──────────── all but ── Suspected, Refused until a time        Left, Deleted
//! ```

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::combining::Waiting;
use super::doubts::Doubts;
use super::names::Names;
use crate::client::attribute_lane::AttributeLane;
use crate::mqtt::Origin;
use crate::time::Instant;

/// The name of a child within its client: small, and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildId(pub(crate) Origin);

impl ChildId {
    /// A number that stands for this child in tables and logs: children are counted from 0.
    pub const fn get(self) -> usize {
        self.0.index()
    }
}

/// How a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its turn comes.
    Unannounced,
    /// Something of it waits, so that its turn comes sooner.
    Queued,
    Announcing,
    Announced,
    /// The application has disconnected it. It is announced when something is sent for it.
    Left,
    /// The device was deleted on the server. Only what the application sends later announces it.
    Deleted,
    /// Its announcement may be what ends connections: it travels alone.
    Suspected,
    /// The server does not take it; it is tried again then.
    Refused {
        until: Instant,
    },
}

#[derive(Debug)]
struct Child {
    name: Box<str>,
    profile: Option<ProfileIndex>,
    standing: Standing,
    /// The connection for which that holds.
    as_of: u32,
    /// When it has been quiet for too long; it is then looked at.
    quiet_at: Instant,
    /// While attributes of it are on their way or wait.
    lane: Option<Box<AttributeLane>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProfileIndex(u32);

#[derive(Debug, Default)]
pub(in crate::client) struct Children {
    all: Vec<Child>,
    names: Names,
    /// Children share a few profiles.
    profiles: Vec<Box<str>>,
    text_bytes: usize,
    /// Counts connections.
    connection: u32,
    /// Those that were queued, in order; some may stand otherwise by now.
    queued: VecDeque<ChildId>,
    /// The first child whose turn has not come on this connection.
    cursor: usize,
    announcing: usize,
    refused: BTreeSet<(Instant, ChildId)>,
    pub(super) doubts: Doubts,
    quiet: BTreeSet<(Instant, ChildId)>,
    /// Telemetry that waits for others.
    pub(super) waiting: Waiting,
    /// Whose attributes may be sent on.
    pub(in crate::client) lanes_due: Vec<ChildId>,
}

impl Children {
    /// Bytes that an entry of an ordered set takes, roughly.
    const TIMER_BYTES: usize = 32;

    pub(in crate::client) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn contains(&self, child: ChildId) -> bool {
        child.get() < self.all.len()
    }

    pub(super) fn find(&self, name: &str) -> Option<ChildId> {
        let place = self.names.find(name, |at| self.name_at(at))?;
        Origin::at(place).map(ChildId)
    }

    pub(super) fn add(&mut self, origin: Origin, name: &str, profile: Option<&str>) -> ChildId {
        let profile = profile.map(|profile| self.profile_index(profile));
        let all = &self.all;
        let name_at = |at: usize| all.get(at).map(|child: &Child| &*child.name);
        self.names.insert(name, origin.index(), name_at);
        self.text_bytes += name.len();
        self.all.push(Child {
            name: name.into(),
            profile,
            standing: Standing::Unannounced,
            as_of: self.connection,
            quiet_at: Instant::default(),
            lane: None,
        });
        ChildId(origin)
    }

    pub(super) fn name(&self, child: ChildId) -> Option<&str> {
        self.name_at(child.get())
    }

    pub(super) fn profile(&self, child: ChildId) -> Option<&str> {
        let index = self.all.get(child.get())?.profile?;
        self.profiles
            .get(index.0 as usize)
            .map(|profile| &**profile)
    }

    pub(super) fn standing(&self, child: ChildId) -> Option<Standing> {
        let child = self.all.get(child.get())?;
        Some(match child.standing {
            standing @ (Standing::Left
            | Standing::Deleted
            | Standing::Suspected
            | Standing::Refused { .. }) => standing,
            standing if child.as_of == self.connection => standing,
            _ => Standing::Unannounced,
        })
    }

    /// The connection stands: all children have to be announced.
    pub(in crate::client) fn online(&mut self) {
        self.connection = self.connection.wrapping_add(1);
        self.queued.clear();
        self.cursor = 0;
        self.announcing = 0;
        self.quiet.clear();
        self.doubts.online();
    }

    /// Something is wanted of a child: it is announced soon.
    pub(super) fn want(&mut self, child: ChildId) {
        if matches!(
            self.standing(child),
            Some(Standing::Unannounced | Standing::Left)
        ) {
            self.stand(child, Standing::Queued);
            self.queued.push_back(child);
        }
    }

    /// Whether there may be something to do.
    #[inline]
    pub(in crate::client) fn are_due(&self) -> bool {
        self.cursor < self.all.len() || !self.queued.is_empty() || !self.lanes_due.is_empty()
    }

    /// The next child to be announced: those that are queued, then all others for which there is a reason.
    pub(super) fn next(&mut self, is_worth_it: impl Fn(ChildId) -> bool) -> Option<ChildId> {
        while let Some(child) = self.queued.pop_front() {
            if self.standing(child) == Some(Standing::Queued) {
                return Some(child);
            }
        }
        while self.cursor < self.all.len() {
            let child = Origin::at(self.cursor).map(ChildId)?;
            self.cursor += 1;
            if self.standing(child) == Some(Standing::Unannounced) && is_worth_it(child) {
                return Some(child);
            }
        }
        None
    }

    pub(super) const fn announcing(&self) -> usize {
        self.announcing
    }

    pub(super) fn announce(&mut self, child: ChildId) {
        self.announcing += 1;
        self.stand(child, Standing::Announcing);
    }

    pub(super) fn suspect(&mut self, child: ChildId) {
        self.stand(child, Standing::Suspected);
    }

    pub(super) fn announced(&mut self, child: ChildId) {
        self.stand(child, Standing::Announced);
    }

    /// An announcement has its outcome, one that did not travel alone.
    pub(super) fn answered(&mut self) {
        self.announcing = self.announcing.saturating_sub(1);
    }

    pub(super) fn refuse(&mut self, child: ChildId, until: Instant) {
        self.stand(child, Standing::Refused { until });
        self.refused.insert((until, child));
    }

    /// A refused child that is tried again by `now`.
    pub(super) fn forgive(&mut self, now: Instant) -> bool {
        let due = self.refused.first().filter(|&&(until, _)| until <= now);
        let Some(&(until, child)) = due else {
            return false;
        };
        self.refused.remove(&(until, child));
        if self.standing(child) == Some(Standing::Refused { until }) {
            self.stand(child, Standing::Queued);
            self.queued.push_back(child);
        }
        true
    }

    pub(in crate::client) fn next_deadline(&self) -> Option<Instant> {
        let refused = self.refused.first().map(|&(until, _)| until);
        let quiet = self.quiet.first().map(|&(at, _)| at);
        let waiting = self.waiting.due();
        let others = self.cursor < self.all.len() || !self.queued.is_empty();
        let announcement = self.doubts.next_announcement().filter(|_| others);
        let each = [refused, quiet, waiting, announcement];
        each.into_iter().flatten().min()
    }

    /// The child is looked at then.
    pub(super) fn keep_alive_at(&mut self, child: ChildId, at: Instant) {
        if let Some(known) = self.all.get_mut(child.get()) {
            self.quiet.remove(&(known.quiet_at, child));
            known.quiet_at = at;
            self.quiet.insert((at, child));
        }
    }

    /// A child that has to be looked at by `now`.
    pub(super) fn next_quiet(&mut self, now: Instant) -> Option<ChildId> {
        let &(at, child) = self.quiet.first().filter(|&&(at, _)| at <= now)?;
        self.quiet.remove(&(at, child));
        Some(child)
    }

    /// The application sends something for the child.
    pub(in crate::client) fn revive(&mut self, child: ChildId) {
        if self.standing(child) == Some(Standing::Deleted) {
            self.lose(child);
            self.want(child);
        }
    }

    pub(super) fn delete(&mut self, child: ChildId) {
        self.stand(child, Standing::Deleted);
    }

    /// Gives a child another name, which no child has.
    pub(super) fn rename(&mut self, child: ChildId, name: &str) {
        let all = &self.all;
        let name_at = |at: usize| all.get(at).map(|child: &Child| &*child.name);
        let Some(old) = name_at(child.get()) else {
            return;
        };
        self.names.remove(old, name_at);
        self.names.insert(name, child.get(), name_at);
        self.text_bytes = self.text_bytes + name.len() - old.len();
        if let Some(child) = self.all.get_mut(child.get()) {
            child.name = name.into();
        }
    }

    pub(super) fn lose(&mut self, child: ChildId) {
        self.stand(child, Standing::Unannounced);
    }

    pub(super) fn leave(&mut self, child: ChildId) {
        self.stand(child, Standing::Left);
    }

    pub(in crate::client) fn lane(&mut self, child: ChildId) -> Option<&mut AttributeLane> {
        self.all.get_mut(child.get())?.lane.as_deref_mut()
    }

    pub(in crate::client) fn lane_or_new(&mut self, child: ChildId) -> Option<&mut AttributeLane> {
        let child = self.all.get_mut(child.get())?;
        Some(child.lane.get_or_insert_default())
    }

    /// Gives the lane of a child back if nothing is in it.
    pub(in crate::client) fn tidy_lane(&mut self, child: ChildId) {
        if let Some(child) = self.all.get_mut(child.get())
            && child.lane.as_ref().is_some_and(|lane| lane.is_empty())
        {
            child.lane = None;
        }
    }

    /// Bytes that the children take, messages apart.
    pub(in crate::client) fn memory(&self) -> usize {
        self.all.capacity() * size_of::<Child>()
            + self.names.memory()
            + self.text_bytes
            + self.queued.capacity() * size_of::<ChildId>()
            + self.waiting.memory()
            + (self.refused.len() + self.quiet.len() + self.doubts.len()) * Self::TIMER_BYTES
    }

    fn stand(&mut self, child: ChildId, standing: Standing) {
        let connection = self.connection;
        if let Some(child) = self.all.get_mut(child.get()) {
            child.standing = standing;
            child.as_of = connection;
        }
    }

    fn name_at(&self, place: usize) -> Option<&str> {
        self.all.get(place).map(|child| &*child.name)
    }

    fn profile_index(&mut self, profile: &str) -> ProfileIndex {
        let known = self.profiles.iter().position(|known| **known == *profile);
        let index = known.unwrap_or_else(|| {
            self.profiles.push(profile.into());
            self.profiles.len() - 1
        });
        ProfileIndex(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
