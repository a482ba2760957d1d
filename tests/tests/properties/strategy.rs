//! Random lives.

use core::fmt;
use core::time::Duration;

use proptest::prelude::*;
use tb_proto::{LinkLost, TlsFault};
use tb_tests::network::{Cut, Pieces, Side};
use tb_tests::sim::{CloseReason, Mqtt5Support};
use tb_tests::world::{Answering, Start, Step, script};

use crate::ms;
use crate::shrink::Steps;

/// What the world may do to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// Everything.
    Hostile,
    /// Connections end silently or on the device's own side, never by FIN, RST or the server.
    NobodyHangsUp,
    /// Nothing goes wrong, and nothing is left to chance.
    Calm,
}

/// One random life; its `Debug` form is the test that lives it again.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) start: Start,
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = script(self.start, self.seed, &self.steps, ".settle()");
        write!(f, "\n{text}")
    }
}

/// Lives of so many steps.
pub(crate) fn life(
    world: World,
    start: impl Into<Start>,
    steps: usize,
) -> impl Strategy<Value = Life> {
    life_of(step(world), start.into(), steps)
}

/// Lives of so many such steps.
pub(crate) fn life_of(
    step: BoxedStrategy<Step>,
    start: Start,
    count: usize,
) -> impl Strategy<Value = Life> {
    (any::<u8>().no_shrink(), Steps { step, count }).prop_map(move |(seed, steps)| Life {
        start,
        seed: u64::from(seed),
        steps,
    })
}

pub(crate) fn step(world: World) -> BoxedStrategy<Step> {
    let calm = prop_oneof![
        20 => (1..6_u32).prop_map(Step::Send),
        4 => (1..4_u32).prop_map(Step::SendQos0),
        4 => (1..4_u32).prop_map(Step::SendUrgent),
        4 => time().prop_map(Step::SendExpiring),
        2 => (1..100_u32).prop_map(Step::SendPack),
        1 => time().prop_map(Step::Flush),
        2 => (1..5_000_usize).prop_map(Step::SendLarge),
        10 => (0..3_u8).prop_map(Step::SendAttribute),
        2 => (0..3_u8).prop_map(Step::SendAttributeQos0),
        2 => ((0..3_u8), time()).prop_map(|(index, time)| Step::SendAttributeExpiring(index, time)),
        1 => Just(Step::Claim),
        2 => (60..200_usize, any::<bool>()).prop_map(|(bytes, used)| Step::Reserve(bytes, used)),
        4 => request_time().prop_map(Step::RequestAttributes),
        4 => Just(Step::Call),
        2 => Just(Step::CallIdempotent),
        2 => Just(Step::FollowAttributes),
        1 => Just(Step::UnfollowAttributes),
        2 => Just(Step::ServeCalls),
        1 => Just(Step::EndServing),
        1 => Just(Step::Answering(Answering::AtOnce)),
        1 => Just(Step::Answering(Answering::WhenTold)),
        2 => Just(Step::AnswerCalls),
        1 => Just(Step::FetchEvents(false)),
        2 => Just(Step::FetchEvents(true)),
        3 => (0..30_usize).prop_map(Step::Cancel),
        3 => Just(Step::CallDevice),
        2 => (0..3_u8).prop_map(Step::SetShared),
        1 => (0..3_u8).prop_map(Step::DeleteShared),
        1 => Just(Step::ReportStaleLink),
        1 => Just(Step::WakeEarly),
        1 => Just(Step::Reconnect),
        40 => time().prop_map(Step::Wait),
    ];
    if world == World::Calm {
        return calm.boxed();
    }
    let troubled = prop_oneof![
        3 => Just(Step::Cut(Cut::Silent)),
        2 => (side(), 0..400_u64).prop_map(|(side, bytes)| Step::CutAfter(side, bytes, Cut::Silent)),
        2 => Just(Step::FailLocally),
        2 => time().prop_map(Step::Stall),
        2 => (0..300_u64, 0..300_u64)
            .prop_map(|(latency, jitter)| Step::Latency(ms(latency), ms(jitter))),
        1 => Just(Step::Pieces(Pieces::Whole)),
        1 => Just(Step::Pieces(Pieces::OneByte)),
        1 => (1..64_usize).prop_map(|most| Step::Pieces(Pieces::UpTo(most))),
        1 => (0..200_u64).prop_map(|millis| Step::Coalesce(ms(millis))),
        1 => refusal().prop_map(Step::RefuseDials),
        1 => Just(Step::IgnoreDials),
        4 => Just(Step::AcceptDials),
        2 => (0..3_000_u64).prop_map(|millis| Step::DelayPubacks(ms(millis))),
        1 => (0..20_u32).prop_map(Step::WithholdPubacks),
        2 => Just(Step::WithholdPubacks(0)),
        1 => (0..5_u32).prop_map(Step::DropAnswers),
        1 => time().prop_map(Step::Suspend),
        1 => time().prop_map(Step::Freeze),
        1 => connect_refusal(),
        1 => Just(Step::RenewCredentials),
    ];
    if world == World::NobodyHangsUp {
        return prop_oneof![8 => calm, 2 => troubled].boxed();
    }
    let hung_up = prop_oneof![
        3 => Just(Step::Cut(Cut::Fin)),
        3 => Just(Step::Cut(Cut::Rst)),
        2 => (side(), 0..400_u64).prop_map(|(side, bytes)| Step::CutAfter(side, bytes, Cut::Fin)),
        2 => (side(), 0..400_u64).prop_map(|(side, bytes)| Step::CutAfter(side, bytes, Cut::Rst)),
        1 => Just(Step::DropConnections),
        1 => Just(Step::FallSilent),
        2 => Just(Step::SpeakAgain),
        1 => (1..3_u32).prop_map(Step::Ghosts),
        1 => reason().prop_map(Step::CloseSession),
    ];
    prop_oneof![240 => calm, 48 => troubled, 24 => hung_up].boxed()
}

/// The server is replaced by one that meets MQTT 5 otherwise.
pub(crate) fn other_support() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Mqtt5Support::Accepted),
        1 => Just(Mqtt5Support::ClosedSilently),
        1 => Just(Mqtt5Support::Refused),
        1 => Just(Mqtt5Support::RefusedAsV3),
    ]
    .prop_map(Step::SupportMqtt5)
}

/// Mostly short, sometimes minutes.
pub(crate) fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => 0..100_u64,
        4 => 100..3_000_u64,
        2 => 3_000..30_000_u64,
        1 => 30_000..200_000_u64,
    ]
    .prop_map(ms)
}

pub(crate) fn request_time() -> impl Strategy<Value = Duration> {
    (100..60_000_u64).prop_map(ms)
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
}

fn refusal() -> impl Strategy<Value = LinkLost> {
    prop_oneof![
        Just(LinkLost::ConnectionRefused),
        Just(LinkLost::HostNotFound),
        Just(LinkLost::Unreachable),
        Just(LinkLost::Tls(TlsFault::UnknownIssuer)),
        Just(LinkLost::Local),
    ]
}

/// Codes that ThingsBoard refuses CONNECT with, on 3.1.1 and on MQTT 5 (C-003, C-022, C-023).
fn connect_refusal() -> impl Strategy<Value = Step> {
    let codes = prop_oneof![
        Just((3, 0x88)),
        Just((3, 0x89)),
        Just((5, 0x87)),
        Just((4, 0x86)),
        Just((5, 0x97)),
    ];
    (codes, time()).prop_map(|((v3, v5), time)| Step::RefuseConnect(v3, v5, time))
}

fn reason() -> impl Strategy<Value = CloseReason> {
    prop_oneof![
        Just(CloseReason::SessionTimeout),
        Just(CloseReason::RpcDeliveryTimeout),
        Just(CloseReason::MaxConcurrentSessionsLimitReached),
        Just(CloseReason::UnknownReason),
    ]
}
