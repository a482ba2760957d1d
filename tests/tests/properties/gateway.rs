//! What is promised to the children of a gateway, over random lives of it.

use proptest::prelude::*;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_tests::sim::ChildPoison;
use tb_tests::world::{ChildStep, Start, Step};

use crate::promises::{config, live};
use crate::strategy::{World as Kind, life_of, other_support, request_time, step, time};

const STEPS: usize = 200;

/// Children of a gateway: as many as share some moments and have some for themselves.
const CHILDREN: u8 = 5;

/// Steps of a gateway: its own, and those of its children.
pub(crate) fn gateway(world: Kind) -> BoxedStrategy<Step> {
    prop_oneof![3 => step(world), 2 => of_children()].boxed()
}

/// As [`gateway`], and the server fails over what some of the children send.
fn with_poison(world: Kind, poison: &'static [ChildPoison]) -> BoxedStrategy<Step> {
    let poisoned = (0..CHILDREN, prop::sample::select(poison))
        .prop_map(|(child, poison)| Step::Child(child, ChildStep::Poison(poison)));
    prop_oneof![150 => gateway(world), 1 => poisoned].boxed()
}

fn of_children() -> impl Strategy<Value = Step> {
    let step = prop_oneof![
        2 => Just(ChildStep::Add),
        20 => (1..5_u32).prop_map(ChildStep::Send),
        3 => (1..4_u32).prop_map(ChildStep::SendQos0),
        3 => (1..4_u32).prop_map(ChildStep::SendUrgent),
        3 => time().prop_map(ChildStep::SendExpiring),
        2 => (1..5_000_usize).prop_map(ChildStep::SendLarge),
        8 => (0..3_u8).prop_map(ChildStep::Attribute),
        1 => Just(ChildStep::Claim),
        4 => request_time().prop_map(ChildStep::Request),
        2 => Just(ChildStep::Disconnect),
        1 => Just(ChildStep::Follow),
        1 => Just(ChildStep::FollowAll),
        1 => Just(ChildStep::Serve),
        1 => Just(ChildStep::ServeAll),
        3 => Just(ChildStep::Call),
        2 => (0..3_u8).prop_map(ChildStep::SetShared),
        1 => (0..3_u8).prop_map(ChildStep::DeleteShared),
        1 => Just(ChildStep::Rename),
        1 => Just(ChildStep::Delete),
    ];
    (0..CHILDREN, step).prop_map(|(child, step)| Step::Child(child, step))
}

/// What the server says of a part that it does not take, or that breaks it.
const REFUSED: &[ChildPoison] = &[ChildPoison::Element, ChildPoison::Handler];

/// On 3.1.1 it may say nothing at all.
const HANGS_UP: &[ChildPoison] = &[
    ChildPoison::Element,
    ChildPoison::Handler,
    ChildPoison::HangUp,
];

fn any_version() -> BoxedStrategy<Step> {
    prop_oneof![60 => gateway(Kind::Hostile), 1 => other_support()].boxed()
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn nothing_of_a_healthy_child_is_rejected_on_mqtt_5(
        life in life_of(with_poison(Kind::Hostile, REFUSED), Start::Gateway(V5), STEPS)
    ) {
        live(&life);
    }

    #[test]
    fn nothing_of_a_child_is_rejected_on_mqtt_3_when_nobody_hangs_up(
        life in life_of(gateway(Kind::NobodyHangsUp), Start::Gateway(V3_1_1), STEPS)
    ) {
        live(&life);
    }

    #[test]
    fn nothing_of_a_healthy_child_is_rejected_on_mqtt_3_but_within_the_bound_for_hang_ups(
        life in life_of(with_poison(Kind::Hostile, HANGS_UP), Start::Gateway(V3_1_1), STEPS)
    ) {
        live(&life);
    }

    #[test]
    fn every_promise_to_children_is_kept_whichever_versions_the_server_speaks_from_time_to_time(
        life in life_of(any_version(), Start::AutomaticGateway, STEPS)
    ) {
        live(&life);
    }
}
