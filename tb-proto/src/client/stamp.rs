//! Readings get the time of their acceptance.

use super::Client;
use super::message::Content;
use super::wall_clock::WallClock;
use crate::mqtt::MessageId;
use crate::tb::telemetry::{TelemetryBody, Unstamped};
use crate::time::Instant;

impl Client {
    /// Gives telemetry the time of its acceptance. Returns whether it has to wait for the wall clock;
    /// then everything behind it waits too, so that the order is kept. Also returns what undoes it.
    pub(super) fn stamp(
        &mut self,
        body: &mut TelemetryBody,
        accepted: Instant,
    ) -> (bool, Option<Unstamped>) {
        let before = if !self.config.stamp {
            Some(body.leave_unstamped())
        } else if body.needs_stamp() {
            self.wall_clock.at(accepted).map(|unix_ms| {
                self.stamp.set(unix_ms);
                body.stamp_with(&self.stamp)
            })
        } else {
            None
        };
        let parked = matches!(self.wall_clock, WallClock::AwaitedUntil(_))
            && (body.needs_stamp() || !self.unstamped.is_empty());
        (parked, before)
    }

    /// Lets telemetry go that waited for the wall clock, with a time if there is one now.
    pub(super) fn release_unstamped(&mut self) {
        if matches!(self.wall_clock, WallClock::AwaitedUntil(_)) {
            return;
        }
        // Those are older.
        self.release_children();
        let mut without_time = 0;
        while let Some(id) = self.unstamped.pop_front() {
            let id = MessageId::from_raw(id.0);
            let wall_clock = self.wall_clock;
            self.mqtt.outbox_mut().edit(id, |publication| {
                let accepted = publication.accepted;
                if let Content::Telemetry(body) = &mut publication.content
                    && body.needs_stamp()
                {
                    match wall_clock.at(accepted) {
                        Some(unix_ms) => {
                            body.stamp(unix_ms);
                        }
                        None => {
                            body.leave_unstamped();
                            without_time += 1;
                        }
                    }
                }
            });
            self.mqtt.unpark(id);
        }
        self.unstamped = alloc::collections::VecDeque::new();
        if without_time > 0 {
            self.events.unstamped(without_time);
        }
    }
}
