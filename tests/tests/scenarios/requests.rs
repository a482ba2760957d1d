//! What becomes of open requests when their connection ends, kind by kind.

use tb_proto::ProtocolVersion::V5;
use tb_proto::{RequestError, UndeliveredCause};
use tb_tests::network::Cut;
use tb_tests::world::{Answering, Ending, Kind, World};

use crate::{ms, sec};

fn connected() -> World {
    let mut world = World::speaking(V5, 3);
    world.call().request_attributes(sec(20)).wait(sec(2));
    assert!(
        world.device().ledger().open().is_empty(),
        "both filters are subscribed"
    );
    world
}

#[test]
fn an_attribute_request_is_asked_again_on_the_next_connection() {
    let mut world = connected();
    world
        .request_attributes(sec(60))
        .cut(Cut::Rst)
        .wait(sec(10));
    assert!(matches!(
        world.device().ledger().ending(2),
        Some(Ending::Answered(_))
    ));
    world.settle();
}

#[test]
fn an_attribute_request_ends_at_its_deadline_wherever_it_is() {
    let mut world = connected();
    world
        .ignore_dials()
        .cut(Cut::Rst)
        .request_attributes(sec(5))
        .wait(ms(5_001));
    let timeout = Ending::Failed(RequestError::Timeout);
    assert_eq!(world.device().ledger().ending(2), Some(&timeout));
    world.drop_answers(1).accept_dials().wait(sec(90));
    world.request_attributes(sec(5)).wait(ms(5_001));
    assert_eq!(world.device().ledger().ending(3), Some(&timeout));
    world.settle();
}

#[test]
fn a_call_that_was_written_is_not_made_again() {
    let mut world = connected();
    let number = world.call_method("echo", false, sec(20));
    world.wait(ms(30)).cut(Cut::Rst).wait(sec(10));
    let lost = Ending::Failed(RequestError::LinkLost);
    assert_eq!(world.device().ledger().ending(2), Some(&lost));
    assert_eq!(world.arrivals().calls(number), 1, "it ran");
    world.settle();
}

#[test]
fn a_call_that_may_run_twice_is_made_again() {
    let mut world = connected();
    let number = world.call_method("echo", true, sec(20));
    world.wait(ms(30)).cut(Cut::Rst).wait(sec(10));
    assert!(matches!(
        world.device().ledger().ending(2),
        Some(Ending::Answered(_))
    ));
    assert_eq!(world.arrivals().calls(number), 2);
    world.settle();
}

#[test]
fn a_call_that_was_not_written_is_made_on_the_next_connection() {
    let mut world = connected();
    world.ignore_dials().cut(Cut::Rst).wait(sec(1));
    let number = world.call_method("echo", false, sec(300));
    world.wait(sec(60)).accept_dials().wait(sec(90));
    assert!(matches!(
        world.device().ledger().ending(2),
        Some(Ending::Answered(_))
    ));
    assert_eq!(world.arrivals().calls(number), 1);
    world.settle();
}

#[test]
fn an_answer_that_comes_before_its_puback_is_an_answer() {
    let mut world = connected();
    world
        .delay_pubacks(sec(3))
        .request_attributes(sec(20))
        .call()
        .wait(ms(200));
    let ledger = world.device().ledger();
    assert!(
        matches!(ledger.ending(2), Some(Ending::Answered(_))),
        "{:?}",
        ledger.ending(2)
    );
    world.settle();
}

#[test]
fn an_answer_after_the_deadline_is_ignored_and_counted() {
    let mut world = connected();
    world.call_method("slow", false, ms(500));
    world
        .latency(ms(600), ms(0))
        .call_method("echo", false, ms(900));
    world.wait(sec(10));
    let timeouts = world
        .device()
        .ledger()
        .count(|ending| *ending == Ending::Failed(RequestError::Timeout));
    assert!(timeouts >= 1);
    assert!(world.device().stats().unexpected_answers >= 1);
    world.settle();
}

#[test]
fn the_reply_to_a_call_survives_the_connection_for_half_a_minute() {
    let mut world = World::speaking(V5, 3);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(sec(1))
        .call_device()
        .wait(sec(1));
    world.cut(Cut::Rst).answer_calls().wait(sec(5));
    assert!(world.results()[0].ok, "{:?}", world.results());
    world.settle();
}

#[test]
fn after_half_a_minute_nobody_waits_for_the_reply_any_more() {
    let mut world = World::speaking(V5, 3);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(sec(1))
        .call_device()
        .wait(sec(1));
    world
        .ignore_dials()
        .cut(Cut::Rst)
        .wait(sec(29))
        .answer_calls()
        .wait(sec(2));
    let expired = Ending::Undelivered(UndeliveredCause::Expired);
    assert_eq!(world.device().ledger().ending(0), Some(&expired));
    world.settle();
}

#[test]
fn a_call_whose_connection_is_long_gone_cannot_be_answered() {
    let mut world = World::speaking(V5, 3);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(sec(1))
        .call_device()
        .wait(sec(1));
    world
        .ignore_dials()
        .cut(Cut::Rst)
        .wait(sec(31))
        .answer_calls();
    assert_eq!(
        world.device().ledger().tickets().count(),
        0,
        "the reply was refused"
    );
    assert_eq!(world.device().unanswered_calls(), 0);
    world.settle();
}

#[test]
fn everything_ends_when_the_device_disconnects() {
    let mut world = connected();
    world
        .fall_silent()
        .call()
        .request_attributes(sec(60))
        .send(2)
        .disconnect(sec(3))
        .wait(sec(5));
    let ledger = world.device().ledger();
    let abandoned = Ending::Failed(RequestError::Abandoned);
    assert_eq!(
        (ledger.ending(2), ledger.ending(3)),
        (Some(&abandoned), Some(&abandoned))
    );
    for (_, ticket) in ledger
        .tickets()
        .filter(|(_, ticket)| matches!(ticket.kind, Kind::Telemetry { .. }))
    {
        let given_back = Ending::Undelivered(UndeliveredCause::Abandoned);
        assert_eq!(ticket.ending, Some(given_back));
    }
    assert!(ledger.open().is_empty());
}
