//! Everything that dies with a connection. It is made anew for each one and dropped whole.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::time::Duration;

use super::LinkId;
use super::identifiers::{Identifiers, Owner};
use super::outbox::{MessageId, SlotIndex};
use super::pacing::{Cost, Tokens, Unproven};
use super::settings::Settings;
use crate::codec::{
    ConnAckProperties, Decoder, Filter, PacketIdentifier, ProtocolVersion, QoS, ReasonCode, encode,
};
use crate::time::Instant;

/// A chunk is handed out when it has reached this size, or when nothing more is due.
pub(crate) const CHUNK: usize = 32 * 1024;

/// Answers to the server that may wait to be written. A server that sends and never reads reaches
/// it; 16,000 acknowledgements are far beyond what any server has on its way.
const MAX_WAITING_ANSWERS: usize = 64 * 1024;

/// An outgoing buffer that has grown beyond this is given back when the connection falls idle.
const IDLE_BUFFER: usize = 2 * 1024;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) version: ProtocolVersion,
    pub(crate) decoder: Decoder,
    pub(crate) out: BytesMut,
    pub(crate) identifiers: Identifiers,
    /// QoS 1 messages that may be unacknowledged: ours, lowered by the server's Receive Maximum.
    pub(crate) window: usize,
    /// Of the messages in flight those that have a packet together with an earlier one.
    pub(crate) along: usize,
    /// The server's Maximum Packet Size, whole packet [MQTT-3.2.2-15].
    pub(crate) max_packet: Option<usize>,
    /// The server's Maximum QoS [MQTT-3.2.2-11].
    pub(crate) max_qos: QoS,
    /// Ours, or the server's in its place [MQTT-3.2.2-21].
    pub(crate) keep_alive: Duration,
    /// The last uplink that ThingsBoard counts as activity.
    pub(crate) last_activity: Instant,
    pub(crate) last_received: Instant,
    /// PINGREQ was written and nothing has come since.
    pub(crate) pinging: bool,
    /// A sign of life was asked for out of turn and must come by then.
    pub(crate) probed: Option<Instant>,
    pub(crate) online_since: Instant,
    /// Counts written messages; tells which of two was written later.
    pub(crate) order: u64,
    /// The latest write that was acknowledged.
    pub(crate) newest_acknowledged: Option<u64>,
    pub(crate) burst: Burst,
    /// The suspect that travels alone now, and until when the others wait for it.
    pub(crate) trial: Option<(MessageId, Instant)>,
    /// What the server's rate limits charge for and no acknowledgement tells of.
    pub(crate) unproven: Unproven,
    /// Until then the backlog waits for the server's limits.
    pub(crate) backlog_held: Option<Instant>,
    /// Acknowledged, and believed when the connection outlives it (MQTT 3.1.1, gateways).
    pub(crate) unconfirmed: VecDeque<SlotIndex>,
    /// A message was refused for quota on this connection, last at this time.
    pub(crate) refused_for_quota: Option<Instant>,
    filters: Vec<(Filter, FilterState)>,
    subscribing: VecDeque<(PacketIdentifier, Instant, Vec<Filter>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilterState {
    Due,
    Asked,
    Leaving,
}

impl Link {
    pub(crate) fn new(id: LinkId, version: ProtocolVersion, now: Instant, s: &Settings) -> Self {
        Self {
            id,
            version,
            decoder: Decoder::new(version, s.max_incoming),
            out: BytesMut::new(),
            identifiers: Identifiers::new(),
            window: usize::from(s.max_inflight),
            along: 0,
            max_packet: None,
            max_qos: QoS::AtLeastOnce,
            keep_alive: s.keep_alive,
            last_activity: now,
            last_received: now,
            pinging: false,
            probed: None,
            online_since: now,
            order: 0,
            newest_acknowledged: None,
            burst: Burst::default(),
            trial: None,
            unproven: Unproven::default(),
            backlog_held: None,
            unconfirmed: VecDeque::new(),
            refused_for_quota: None,
            filters: Vec::new(),
            subscribing: VecDeque::new(),
        }
    }

    /// The server accepted the connection, on these terms.
    pub(crate) fn accepted(&mut self, now: Instant, terms: &ConnAckProperties, wanted: &[Filter]) {
        if let Some(maximum) = terms.receive_maximum {
            self.window = self.window.min(usize::from(maximum));
        }
        self.max_packet = terms.maximum_packet_size.map(|size| size as usize);
        if terms.maximum_qos == Some(0) {
            self.max_qos = QoS::AtMostOnce;
        }
        if let Some(seconds) = terms.server_keep_alive.filter(|&seconds| seconds > 0) {
            self.keep_alive = Duration::from_secs(u64::from(seconds));
        }
        self.online_since = now;
        self.last_activity = now;
        self.filters = wanted
            .iter()
            .map(|filter| (filter.clone(), FilterState::Due))
            .collect();
    }

    pub(crate) fn subscribe(&mut self, filter: Filter) {
        self.filters.push((filter, FilterState::Due));
    }

    pub(crate) fn unsubscribe(&mut self, filter: &Filter) {
        self.filters.retain_mut(|(known, state)| {
            if known != filter {
                return true;
            }
            let was_asked = *state != FilterState::Due;
            *state = FilterState::Leaving;
            was_asked
        });
    }

    /// Writes what is due of UNSUBSCRIBE and SUBSCRIBE, as far as `tokens` pay for it: all filters in one
    /// packet, or in as many as the server's Maximum Packet Size makes of it. Returns the filters that
    /// are too long for any.
    pub(crate) fn write_subscriptions(
        &mut self,
        now: Instant,
        mut tokens: u64,
        cost: fn(&Filter) -> Cost,
    ) -> Vec<Filter> {
        if !self.has_subscriptions_due() {
            return Vec::new();
        }
        let too_long = self.drop_filters_too_long();
        while let Some(leaving) = self.next_filters(FilterState::Leaving, &mut tokens, cost) {
            let Some(id) = self.identifiers.take(Owner::Unsubscribe) else {
                return too_long;
            };
            let refs: Vec<&Filter> = leaving.iter().collect();
            if encode::unsubscribe(self.version, id, &refs, &mut self.out).is_err() {
                self.identifiers.release(id);
            }
            // The same filter may be wanted anew already.
            self.filters.retain(|(filter, state)| {
                *state != FilterState::Leaving || !leaving.contains(filter)
            });
            self.last_activity = now;
        }
        while let Some(due) = self.next_filters(FilterState::Due, &mut tokens, cost) {
            let Some(id) = self.identifiers.take(Owner::Subscribe) else {
                return too_long;
            };
            let refs: Vec<(&Filter, QoS)> = due
                .iter()
                .map(|filter| (filter, QoS::AtLeastOnce))
                .collect();
            if encode::subscribe(self.version, id, &refs, &mut self.out).is_err() {
                self.identifiers.release(id);
            }
            for (filter, state) in &mut self.filters {
                if *state == FilterState::Due && due.contains(filter) {
                    *state = FilterState::Asked;
                }
            }
            self.subscribing.push_back((id, now, due));
            self.last_activity = now;
        }
        too_long
    }

    /// Asks for all filters once more.
    pub(crate) fn subscribe_again(&mut self) {
        for (_, state) in &mut self.filters {
            if *state == FilterState::Asked {
                *state = FilterState::Due;
            }
        }
    }

    pub(crate) fn has_subscriptions_due(&self) -> bool {
        self.filters
            .iter()
            .any(|&(_, state)| state != FilterState::Asked)
    }

    /// Forgets the filters that the server takes in no packet, and returns those that were wanted.
    fn drop_filters_too_long(&mut self) -> Vec<Filter> {
        let (version, limit) = (self.version, self.max_packet.unwrap_or(usize::MAX));
        let mut too_long = Vec::new();
        self.filters.retain(|(filter, state)| {
            let fits = encode::filters_that_fit(version, [filter], limit) == 1;
            if !fits && *state == FilterState::Due {
                too_long.push(filter.clone());
            }
            fits
        });
        too_long
    }

    /// The filters in this state that go into the next packet. They are paid from `tokens`.
    fn next_filters(
        &mut self,
        wanted: FilterState,
        tokens: &mut u64,
        cost: fn(&Filter) -> Cost,
    ) -> Option<Vec<Filter>> {
        let mut left = *tokens;
        let payable = self
            .filters
            .iter()
            .filter(|&&(_, state)| state == wanted)
            .map(|(filter, _)| filter)
            .take_while(|filter| {
                let rest = left.checked_sub(Tokens::from(cost(filter)).messages);
                left = rest.unwrap_or(left);
                rest.is_some()
            });
        let payable: Vec<&Filter> = payable.collect();
        let limit = self.max_packet.unwrap_or(usize::MAX);
        let fit = encode::filters_that_fit(self.version, payable.iter().copied(), limit);
        let next: Vec<Filter> = payable.into_iter().take(fit).cloned().collect();
        let price = next
            .iter()
            .map(|filter| Tokens::from(cost(filter)).messages);
        let price = price.sum();
        *tokens = tokens.saturating_sub(price);
        self.unproven.add(Tokens::messages(price));
        (!next.is_empty()).then_some(next)
    }

    /// The filters that this SUBACK is about, with the server's answer to each. Nothing if it answers
    /// no SUBSCRIBE of ours.
    pub(crate) fn subscribed(
        &mut self,
        id: PacketIdentifier,
        codes: Vec<u8>,
    ) -> Option<impl Iterator<Item = (Filter, Result<(), ReasonCode>)> + use<>> {
        let position = self
            .subscribing
            .iter()
            .position(|&(asked, ..)| asked == id)?;
        let (_, _, filters) = self.subscribing.remove(position)?;
        self.identifiers.release(id);
        // ThingsBoard answers SUBSCRIBE without filters, and Sparkplug filters, with too few codes.
        let codes = codes.into_iter().chain(core::iter::repeat(0x80));
        Some(filters.into_iter().zip(codes).map(|(filter, code)| {
            let granted = code < 0x80;
            (
                filter,
                if granted {
                    Ok(())
                } else {
                    Err(ReasonCode::new(code))
                },
            )
        }))
    }

    /// When the oldest unanswered SUBSCRIBE was written.
    pub(crate) fn subscribing_since(&self) -> Option<Instant> {
        self.subscribing.front().map(|&(_, since, _)| since)
    }

    /// Acknowledges a message from the server. Packet identifier 0, which ThingsBoard sends after
    /// 65,535 messages (C-043), cannot be acknowledged.
    pub(crate) fn acknowledge(&mut self, packet_id: u16) {
        if let Some(id) = PacketIdentifier::new(packet_id) {
            encode::puback(self.version, id, &mut self.out);
        }
    }

    /// Something came from the server.
    pub(crate) const fn received(&mut self, now: Instant) {
        self.last_received = now;
        self.pinging = false;
        self.probed = None;
    }

    pub(crate) fn ping(&mut self, now: Instant) {
        encode::pingreq(&mut self.out);
        self.unproven.pinged();
        self.pinging = true;
        self.last_activity = now;
    }

    /// Whether more answers wait to be written than may wait.
    pub(crate) fn is_stalled(&self) -> bool {
        self.out.len() > MAX_WAITING_ANSWERS
    }

    /// Whether bytes wait to be taken, or filters to be written.
    pub(crate) fn has_output(&self) -> bool {
        let unwritten = |&(_, state): &(_, FilterState)| {
            matches!(state, FilterState::Due | FilterState::Leaving)
        };
        !self.out.is_empty() || self.filters.iter().any(unwritten)
    }

    /// Makes room for a whole chunk as soon as more than a few messages are written: a buffer that
    /// doubles again and again copies all that is in it each time.
    pub(crate) fn make_room_for_many(&mut self) {
        if self.out.len() > IDLE_BUFFER && self.out.capacity() < CHUNK {
            self.out.reserve(CHUNK + IDLE_BUFFER - self.out.len());
        }
    }

    /// The bytes written so far, if any.
    pub(crate) fn take_chunk(&mut self) -> Option<Bytes> {
        (!self.out.is_empty()).then(|| self.out.split().freeze())
    }

    /// Gives a large outgoing buffer back.
    pub(crate) fn fall_idle(&mut self) {
        if self.out.is_empty() && self.out.capacity() > IDLE_BUFFER {
            self.out = BytesMut::new();
        }
    }

    /// Memory held for packets on their way in and out.
    pub(crate) fn buffered(&self) -> usize {
        self.decoder.buffered() + self.out.capacity()
    }
}

/// How much was written lately; a burst makes a rate limit plausible.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Burst {
    since: Instant,
    count: u32,
}

impl Burst {
    /// Messages within [`Self::SPAN`] that no device sends by accident and rate limits are made for.
    const MANY: u32 = 50;
    const SPAN: Duration = Duration::from_secs(5);

    pub(crate) fn count(&mut self, now: Instant) {
        if now > self.since + Self::SPAN {
            *self = Self {
                since: now,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
    }

    /// Whether anything was written lately.
    pub(crate) fn is_recent(&self, now: Instant) -> bool {
        self.count > 0 && now.duration_since(self.since) <= Self::SPAN * 2
    }

    pub(crate) fn makes_rate_limit_plausible(&self, now: Instant) -> bool {
        self.count >= Self::MANY && now.duration_since(self.since) <= Self::SPAN * 2
    }
}
