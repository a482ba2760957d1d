use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;
use crate::codec::{Filter, PacketIdentifier, QoS, Topic};

#[derive(Debug)]
struct Bytes(Vec<u8>);

impl Content for Bytes {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn memory(&self) -> usize {
        self.0.capacity()
    }

    fn cost(&self) -> Cost {
        Cost::Telemetry { data_points: 1 }
    }

    fn filter_cost(_: &Filter) -> Cost {
        Cost::Message
    }
}

const LIMITS: OutboxLimits = OutboxLimits {
    messages: 50,
    bytes: 64 * 1024,
};

fn publication(lane: Lane, expires: Option<Instant>) -> Publication<Bytes> {
    Publication {
        topic: Topic::from_static("t"),
        content: Bytes(alloc::vec![0; 100]),
        qos: QoS::AtLeastOnce,
        lane,
        accepted: Instant::default(),
        expires,
        on_link_end: OnLinkEnd::Resend,
        is_activity: true,
        origin: None,
    }
}

fn ids(outbox: &Outbox<Bytes>, queue: Queue) -> Vec<MessageId> {
    let mut found = Vec::new();
    let mut place = outbox.first(queue);
    while let Some(at) = place {
        found.push(outbox.at(at).unwrap().id);
        place = outbox.behind(at);
    }
    found
}

#[test]
fn messages_leave_in_the_order_of_acceptance() {
    let mut outbox = Outbox::new(LIMITS);
    let accepted: Vec<_> = (0..20)
        .map(|_| outbox.insert(publication(Lane::Normal, None), false))
        .collect();
    assert_eq!(ids(&outbox, Queue::Normal), accepted);
}

#[test]
fn the_limits_on_messages_and_on_bytes_both_hold() {
    let mut outbox = Outbox::new(LIMITS);
    while outbox.has_room(0, 100) {
        outbox.insert(publication(Lane::Normal, None), false);
    }
    assert_eq!(outbox.len(), LIMITS.messages);
    let mut outbox = Outbox::new(OutboxLimits {
        messages: 1_000_000,
        ..LIMITS
    });
    while outbox.has_room(0, 100) {
        outbox.insert(publication(Lane::Normal, None), false);
    }
    assert!(outbox.bytes() <= LIMITS.bytes && outbox.len() > 50);
}

#[test]
fn kept_room_is_not_given_to_others() {
    let mut outbox = Outbox::<Bytes>::new(OutboxLimits {
        messages: 1,
        ..LIMITS
    });
    outbox.reserve(10);
    assert!(!outbox.has_room(0, 0));
    outbox.release(10);
    assert!(outbox.has_room(0, 0));
}

#[test]
fn a_message_that_has_its_outcome_is_edited_no_more() {
    let mut outbox = Outbox::new(LIMITS);
    let id = outbox.insert(publication(Lane::Normal, None), false);
    outbox.settle(id);
    outbox.edit(id, |publication| {
        publication.expires = Some(Instant::default())
    });
    assert_eq!(outbox.next_expiry(), None);
    outbox.take(id).unwrap();
    assert_eq!(outbox.bytes(), 0);
}

#[test]
fn an_id_whose_place_was_used_again_names_nothing() {
    let mut outbox = Outbox::new(LIMITS);
    let first = outbox.insert(publication(Lane::Normal, None), false);
    outbox.remove(first).unwrap();
    let second = outbox.insert(publication(Lane::Normal, None), false);
    assert_eq!(first.place(), second.place());
    assert!(outbox.get(first).is_none() && outbox.remove(first).is_none());
}

#[test]
fn messages_of_an_origin_are_written_again_in_their_order_though_the_later_was_held_first() {
    let mut outbox = Outbox::new(LIMITS);
    let origin = outbox.add_origin(Vec::new()).unwrap();
    let of_origin = || Publication {
        origin: Some(origin),
        ..publication(Lane::Normal, None)
    };
    let messages: Vec<_> = (0..4).map(|_| outbox.insert(of_origin(), false)).collect();
    let packet = PacketIdentifier::new(1).unwrap();
    for id in &messages[..3] {
        outbox.written(id.place(), packet, Instant::default(), 1);
        outbox.again_first(id.place());
    }
    for held in [1, 3, 2, 0] {
        outbox.hold(messages[held].place());
    }
    outbox.open_origin(origin);
    assert_eq!(ids(&outbox, Queue::Again), messages[..3]);
    assert_eq!(ids(&outbox, Queue::Origins), messages[3..]);
}

#[test]
fn an_expiry_that_passed_in_company_is_due_when_the_message_is_alone_again() {
    let mut outbox = Outbox::new(LIMITS);
    let at = Instant::from_micros(7);
    let id = outbox.insert(publication(Lane::Normal, Some(at)), true);
    outbox.join(id);
    outbox.forget_expiry(at, id);
    assert_eq!(outbox.next_expiry(), None);
    outbox.part(id);
    assert_eq!(outbox.next_expiry(), Some((at, id)));
}

#[test]
fn a_settled_message_counts_no_more_and_is_given_out_once() {
    let mut outbox = Outbox::new(LIMITS);
    let id = outbox.insert(publication(Lane::Normal, Some(Instant::default())), false);
    assert!(outbox.settle(id));
    assert!(!outbox.settle(id) && outbox.remove(id).is_none());
    assert_eq!(
        (outbox.len(), outbox.any(), outbox.next_expiry()),
        (0, None, None)
    );
    assert!(outbox.take(id).is_some());
    assert!(outbox.take(id).is_none());
    assert_eq!(outbox.bytes(), 0);
}

proptest! {
    #[test]
    fn every_message_is_in_exactly_one_queue_and_all_is_given_back(
        steps in proptest::collection::vec((0_u8..7, any::<u8>()), 0..400)
    ) {
        let mut outbox = Outbox::new(OutboxLimits { messages: 1_000, bytes: 1 << 20 });
        let mut live = Vec::new();
        for (number, (step, pick)) in steps.into_iter().enumerate() {
            let number = number as u64;
            let chosen = (!live.is_empty()).then(|| live[usize::from(pick) % live.len()]);
            match (step, chosen) {
                (0, _) | (_, None) => live.push(outbox.insert(publication(Lane::Normal, None), false)),
                (1, _) => {
                    let expires = Some(Instant::from_micros(u64::from(pick)));
                    live.push(outbox.insert(publication(Lane::Urgent, expires), true));
                }
                (2, Some(id)) => outbox.unpark(id),
                (3, Some(id)) => {
                    let packet = PacketIdentifier::new(1).unwrap();
                    outbox.written(id.place(), packet, Instant::from_micros(number), number);
                }
                (4, Some(id)) => outbox.again_first(id.place()),
                (5, Some(id)) => outbox.suspect(id, Instant::default()),
                (6, Some(id)) if pick % 2 == 0 => outbox.join(id),
                (_, Some(id)) => {
                    prop_assert!(outbox.remove(id).is_some());
                    live.retain(|&other| other != id);
                }
            }
            let queues = [
                Queue::InFlight, Queue::Again, Queue::Suspect, Queue::Urgent, Queue::First, Queue::Live, Queue::Normal, Queue::Parked, Queue::Joined,
            ];
            let mut listed: Vec<_> = queues.into_iter().flat_map(|queue| ids(&outbox, queue)).collect();
            listed.sort_unstable();
            live.sort_unstable();
            prop_assert_eq!(&listed, &live);
            prop_assert_eq!(queues.into_iter().map(|queue| outbox.count(queue)).sum::<usize>(), live.len());
        }
        while let Some(id) = outbox.any() {
            outbox.remove(id);
        }
        // What is a part of another message ends with that one.
        for id in ids(&outbox, Queue::Joined) {
            outbox.remove(id);
        }
        prop_assert_eq!(outbox.len(), 0);
        prop_assert_eq!(outbox.bytes(), 0);
        prop_assert_eq!(outbox.next_expiry(), None);
    }
}
