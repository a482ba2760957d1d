//! Children are announced before anything is sent for them, on every connection.

use serde_json::json;
use tb_proto::{
    ChildRefusal, Event, InvalidChild, ProtocolVersion, UndeliveredCause, VersionPolicy,
};
use tb_tests::sim::Setup;

use super::rig::{Rig, config, setup};
use crate::{ms, sec};

#[test]
fn a_child_is_created_with_its_profile_although_telemetry_was_there_first() {
    let mut rig = Rig::new();
    let meter = rig.child("Meter \"7\"");
    let sent = rig.send(meter, &json!({ "flow": 1 }));
    rig.wait(sec(2));
    assert!(rig.is_delivered(sent));
    assert_eq!(rig.looked_up(), [("Meter \"7\"", "meter")]);
    assert_eq!(rig.stored("Meter \"7\"", "flow"), [1]);
}

#[test]
fn every_connection_announces_all_children_again_those_first_of_which_something_waits() {
    let mut rig = Rig::new();
    let children: Vec<_> = (0..600).map(|at| rig.child(&format!("m{at}"))).collect();
    rig.wait(sec(3));
    assert_eq!(rig.looked_up().len(), 600);
    rig.simulator.clear_stored();
    rig.cut();
    let sent = rig.send(children[599], &json!({ "flow": 2 }));
    rig.wait(sec(5));
    assert!(rig.is_delivered(sent));
    let again = rig.looked_up();
    assert_eq!(again.len(), 600);
    let place = again.iter().position(|&(name, _)| name == "m599").unwrap();
    assert!(place < 40, "it was number {place}");
    assert!(again.iter().all(|&(_, profile)| profile == "meter"));
}

#[test]
fn what_a_lost_connection_carried_waits_for_its_child_and_keeps_its_order() {
    let mut rig = Rig::new();
    let [one, two] = ["one", "two"].map(|name| rig.child(name));
    rig.wait(sec(2));
    let mut sent = Vec::new();
    for number in 0..50 {
        sent.push(rig.send(one, &json!({ "flow": number })));
        sent.push(rig.send(two, &json!({ "flow": number })));
    }
    // Written, and never heard of again.
    rig.wait(ms(1)).cut();
    for number in 50..60 {
        sent.push(rig.send(one, &json!({ "flow": number })));
    }
    rig.simulator.clear_stored();
    rig.wait(sec(5));
    for sent in sent {
        assert!(rig.is_delivered(sent));
    }
    assert_eq!(rig.stored("one", "flow"), (0..60).collect::<Vec<_>>());
    assert_eq!(rig.stored("two", "flow"), (0..50).collect::<Vec<_>>());
    assert!(
        rig.looked_up()
            .iter()
            .all(|&(_, profile)| profile == "meter")
    );
    assert_eq!(rig.looked_up().len(), 2, "nobody was connected by the way");
}

#[test]
fn a_child_that_left_comes_back_with_its_next_message_only() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    rig.wait(sec(2));
    let before = rig.send(meter, &json!({ "flow": 1 }));
    let now = rig.at();
    let left = rig.client.gateway().disconnect(now, meter).unwrap();
    rig.wait(sec(1));
    assert!(rig.is_delivered(before) && rig.is_delivered(left));
    rig.cut();
    rig.wait(sec(5));
    assert_eq!(rig.looked_up().len(), 1, "it is not announced again");
    assert!(!rig.client.gateway().is_announced(meter));
    let after = rig.send(meter, &json!({ "flow": 2 }));
    rig.wait(sec(1));
    assert!(rig.is_delivered(after));
    assert_eq!(rig.looked_up().last(), Some(&("meter", "meter")));
}

#[test]
fn what_is_sent_behind_a_goodbye_announces_the_child_anew() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    rig.wait(sec(2));
    let now = rig.at();
    let left = rig.client.gateway().disconnect(now, meter).unwrap();
    let after = rig.send(meter, &json!({ "flow": 2 }));
    let named = rig.attributes(meter, &json!({ "serial": 7 }));
    rig.wait(sec(1));
    assert!(rig.is_delivered(left) && rig.is_delivered(after) && rig.is_delivered(named));
    let profiles: Vec<_> = rig.looked_up();
    assert_eq!(profiles, [("meter", "meter"), ("meter", "meter")]);
}

#[test]
fn a_tenant_that_may_have_no_more_devices_holds_up_the_new_child_only() {
    let setup = Setup {
        max_devices: Some(2),
        ..setup()
    };
    let mut rig = Rig::of(config(), setup);
    let [old, new] = ["old", "new"].map(|name| rig.child(name));
    let [first, second] = [old, new].map(|child| rig.send(child, &json!({ "flow": 1 })));
    rig.wait(sec(30));
    assert!(rig.is_delivered(first));
    assert_eq!(rig.outcome(second), None);
    let refused = Event::ChildRefused {
        child: new,
        reason: ChildRefusal::DeviceLimit,
    };
    assert_eq!(rig.events.iter().filter(|&it| *it == refused).count(), 1);
    // The other one makes place.
    rig.control(json!({ "do": "delete_device", "device": "old" }));
    rig.wait(sec(700));
    assert!(rig.is_delivered(second));
}

#[test]
fn a_client_that_disconnects_delivers_what_children_have_left() {
    let mut rig = Rig::new();
    let child = rig.child("meter");
    let sent = rig.send(child, &json!({ "flow": 1 }));
    let now = rig.at();
    let _ = rig.client.disconnect(now, now + sec(10));
    rig.wait(sec(11));
    assert!(rig.is_delivered(sent));
}

#[test]
fn a_client_that_disconnects_delivers_what_waited_for_its_child_when_a_connection_was_lost() {
    let mut rig = Rig::new();
    let child = rig.child("meter");
    let sent = rig.send(child, &json!({ "flow": 1 }));
    // Connected, and the announcement is on its way.
    rig.wait(ms(12)).cut();
    let now = rig.at();
    let _ = rig.client.disconnect(now, now + sec(10));
    rig.wait(sec(11));
    assert!(rig.is_delivered(sent));
}

#[test]
fn an_announcement_that_is_believed_as_the_connection_ends_opens_nothing_on_the_next_one() {
    let config = config().version(VersionPolicy::Only(ProtocolVersion::V3_1_1));
    let mut rig = Rig::of(config, setup());
    let meter = rig.child("meter");
    let sent = rig.send(meter, &json!({ "flow": 1 }));
    // Acknowledged, and in doubt.
    rig.wait(ms(25));
    // The device sleeps: all that was due meanwhile is due at once, the end of the connection too.
    let later = rig.at() + sec(200);
    rig.client.handle_timeout(later);
    rig.wait(sec(400));
    assert!(rig.is_delivered(sent));
    assert_eq!(rig.looked_up(), [("meter", "meter"), ("meter", "meter")]);
}

#[test]
fn what_could_not_be_delivered_comes_back_as_it_was_given_and_names_its_child() {
    let mut rig = Rig::new();
    let child = rig.child("meter");
    let values = json!({ "serial": 1 });
    let sent = rig.attributes(child, &values);
    let now = rig.at();
    assert!(rig.client.cancel(now, sent.id()));
    rig.wait(ms(0));
    let back = rig.outcome(sent).unwrap().unwrap_err();
    assert_eq!(back.cause, UndeliveredCause::Cancelled);
    assert_eq!(back.target.child(), Some(child));
    assert_eq!(&back.payload[..], values.to_string().as_bytes());
}

#[test]
fn one_name_is_one_child_with_one_profile() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    assert_eq!(rig.child("meter"), meter);
    let now = rig.at();
    let other = rig.client.gateway().child(now, "meter", None);
    let expected = InvalidChild::OtherProfile {
        child: meter,
        profile: Some("meter".to_owned()),
    };
    assert_eq!(other, Err(expected));
    assert!(rig.client.gateway().child(now, "", None).is_err());
    assert_eq!(rig.client.gateway().find("meter"), Some(meter));
    assert_eq!(rig.client.gateway().name(meter), Some("meter"));
}

#[test]
fn a_message_of_a_child_that_is_too_large_goes_in_parts() {
    let mut rig = Rig::new();
    let child = rig.child("meter");
    let values: serde_json::Map<_, _> = (0..8_000)
        .map(|at| (format!("register-{at}"), at.into()))
        .collect();
    let sent = rig.send(child, &values.clone().into());
    let named = rig.attributes(child, &values.into());
    rig.wait(sec(10));
    assert!(rig.is_delivered(sent) && rig.is_delivered(named));
    assert_eq!(rig.stored("meter", "register-7999"), [7_999, 7_999]);
    assert_eq!(rig.looked_up(), [("meter", "meter")]);
}
