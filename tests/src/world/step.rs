use core::fmt;
use core::time::Duration;

use tb_proto::LinkLost;

use super::application::Answering;
use super::begin::Start;
use super::child_step::ChildStep;
use super::run::World;
use crate::network::{Cut, Pieces, Side};
use crate::sim::{CloseReason, Mqtt5Support};

/// One thing that happens to a [`World`]: each is a method of the same name, and prints as its call.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "each is documented at the method that it stands for"
)]
pub enum Step {
    Send(u32),
    SendQos0(u32),
    SendUrgent(u32),
    SendExpiring(Duration),
    SendPack(u32),
    Flush(Duration),
    SendLarge(usize),
    SendAttribute(u8),
    SendAttributeQos0(u8),
    SendAttributeExpiring(u8, Duration),
    Claim,
    Reserve(usize, bool),
    RequestAttributes(Duration),
    Call,
    CallIdempotent,
    FollowAttributes,
    UnfollowAttributes,
    ServeCalls,
    EndServing,
    Answering(Answering),
    AnswerCalls,
    FetchEvents(bool),
    Cancel(usize),
    Reconnect,
    RenewCredentials,
    Disconnect(Duration),
    CallDevice,
    SetShared(u8),
    DeleteShared(u8),
    CloseSession(CloseReason),
    Cut(Cut),
    CutAfter(Side, u64, Cut),
    FailLocally,
    Stall(Duration),
    Latency(Duration, Duration),
    Pieces(Pieces),
    Coalesce(Duration),
    RefuseDials(LinkLost),
    IgnoreDials,
    AcceptDials,
    DelayPubacks(Duration),
    WithholdPubacks(u32),
    DropAnswers(u32),
    FallSilent,
    SpeakAgain,
    DropConnections,
    RefuseConnect(u8, u8, Duration),
    Ghosts(u32),
    Suspend(Duration),
    Freeze(Duration),
    ReportStaleLink,
    WakeEarly,
    SupportMqtt5(Mqtt5Support),
    Child(u8, ChildStep),
    Wait(Duration),
}

/// Carries steps out.
pub trait Play {
    /// Carries one step out, and checks what has to be true after each.
    fn play(&mut self, step: Step) -> &mut Self;
}

impl Play for World {
    fn play(&mut self, step: Step) -> &mut Self {
        match step {
            Step::Send(readings) => self.send(readings),
            Step::SendQos0(readings) => self.send_qos0(readings),
            Step::SendUrgent(readings) => self.send_urgent(readings),
            Step::SendExpiring(time) => self.send_expiring(time),
            Step::Flush(time) => self.flush(time),
            Step::SendPack(readings) => self.send_pack(readings),
            Step::SendLarge(bytes) => self.send_large(bytes),
            Step::SendAttribute(index) => self.send_attribute(index),
            Step::SendAttributeQos0(index) => self.send_attribute_qos0(index),
            Step::SendAttributeExpiring(index, time) => self.send_attribute_expiring(index, time),
            Step::Claim => self.claim(),
            Step::Reserve(bytes, used) => self.reserve(bytes, used),
            Step::RequestAttributes(timeout) => self.request_attributes(timeout),
            Step::Call => self.call(),
            Step::CallIdempotent => self.call_idempotent(),
            Step::FollowAttributes => self.follow_attributes(),
            Step::UnfollowAttributes => self.unfollow_attributes(),
            Step::ServeCalls => self.serve_calls(),
            Step::EndServing => self.end_serving(),
            Step::Answering(answering) => self.answering(answering),
            Step::AnswerCalls => self.answer_calls(),
            Step::FetchEvents(fetches) => self.fetch_events(fetches),
            Step::Cancel(back) => self.cancel(back),
            Step::Reconnect => self.reconnect(),
            Step::RenewCredentials => self.renew_credentials(),
            Step::Disconnect(time) => self.disconnect(time),
            Step::CallDevice => self.call_device(),
            Step::SetShared(index) => self.set_shared(index),
            Step::DeleteShared(index) => self.delete_shared(index),
            Step::CloseSession(reason) => self.close_session(reason),
            Step::Cut(how) => self.cut(how),
            Step::CutAfter(side, bytes, how) => self.cut_after(side, bytes, how),
            Step::FailLocally => self.fail_locally(),
            Step::Stall(time) => self.stall(time),
            Step::Latency(latency, jitter) => self.latency(latency, jitter),
            Step::Pieces(pieces) => self.pieces(pieces),
            Step::Coalesce(time) => self.coalesce(time),
            Step::RefuseDials(why) => self.refuse_dials(why),
            Step::IgnoreDials => self.ignore_dials(),
            Step::AcceptDials => self.accept_dials(),
            Step::DelayPubacks(time) => self.delay_pubacks(time),
            Step::WithholdPubacks(every) => self.withhold_pubacks(every),
            Step::DropAnswers(every) => self.drop_answers(every),
            Step::FallSilent => self.fall_silent(),
            Step::SpeakAgain => self.speak_again(),
            Step::DropConnections => self.drop_connections(),
            Step::RefuseConnect(v3, v5, time) => self.refuse_connect(v3, v5, time),
            Step::Ghosts(ghosts) => self.ghosts(ghosts),
            Step::Suspend(time) => self.suspend(time),
            Step::Freeze(time) => self.freeze(time),
            Step::ReportStaleLink => self.report_stale_link(),
            Step::WakeEarly => self.wake_early(),
            Step::SupportMqtt5(support) => self.support_mqtt5(support),
            Step::Child(child, step) => step.play(self, child),
            Step::Wait(time) => self.wait(time),
        };
        self.check()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(readings) => write!(f, ".send({readings})"),
            Self::SendQos0(readings) => write!(f, ".send_qos0({readings})"),
            Self::SendUrgent(readings) => write!(f, ".send_urgent({readings})"),
            Self::SendExpiring(time) => write!(f, ".send_expiring({})", Millis(*time)),
            Self::Flush(time) => write!(f, ".flush({})", Millis(*time)),
            Self::SendPack(readings) => write!(f, ".send_pack({readings})"),
            Self::SendLarge(bytes) => write!(f, ".send_large({bytes})"),
            Self::SendAttribute(index) => write!(f, ".send_attribute({index})"),
            Self::SendAttributeQos0(index) => write!(f, ".send_attribute_qos0({index})"),
            Self::SendAttributeExpiring(index, time) => {
                write!(f, ".send_attribute_expiring({index}, {})", Millis(*time))
            }
            Self::Claim => f.write_str(".claim()"),
            Self::Reserve(bytes, used) => write!(f, ".reserve({bytes}, {used})"),
            Self::RequestAttributes(time) => write!(f, ".request_attributes({})", Millis(*time)),
            Self::Call => f.write_str(".call()"),
            Self::CallIdempotent => f.write_str(".call_idempotent()"),
            Self::FollowAttributes => f.write_str(".follow_attributes()"),
            Self::UnfollowAttributes => f.write_str(".unfollow_attributes()"),
            Self::ServeCalls => f.write_str(".serve_calls()"),
            Self::EndServing => f.write_str(".end_serving()"),
            Self::Answering(answering) => write!(f, ".answering(Answering::{answering:?})"),
            Self::AnswerCalls => f.write_str(".answer_calls()"),
            Self::FetchEvents(fetches) => write!(f, ".fetch_events({fetches})"),
            Self::Cancel(back) => write!(f, ".cancel({back})"),
            Self::Reconnect => f.write_str(".reconnect()"),
            Self::RenewCredentials => f.write_str(".renew_credentials()"),
            Self::Disconnect(time) => write!(f, ".disconnect({})", Millis(*time)),
            Self::CallDevice => f.write_str(".call_device()"),
            Self::SetShared(index) => write!(f, ".set_shared({index})"),
            Self::DeleteShared(index) => write!(f, ".delete_shared({index})"),
            Self::CloseSession(reason) => write!(f, ".close_session(CloseReason::{reason:?})"),
            Self::Cut(how) => write!(f, ".cut(Cut::{how:?})"),
            Self::CutAfter(side, bytes, how) => {
                write!(f, ".cut_after(Side::{side:?}, {bytes}, Cut::{how:?})")
            }
            Self::FailLocally => f.write_str(".fail_locally()"),
            Self::Stall(time) => write!(f, ".stall({})", Millis(*time)),
            Self::Latency(latency, jitter) => {
                write!(f, ".latency({}, {})", Millis(*latency), Millis(*jitter))
            }
            Self::Pieces(pieces) => write!(f, ".pieces(Pieces::{pieces:?})"),
            Self::Coalesce(time) => write!(f, ".coalesce({})", Millis(*time)),
            Self::RefuseDials(why) => write!(f, ".refuse_dials(LinkLost::{why:?})"),
            Self::IgnoreDials => f.write_str(".ignore_dials()"),
            Self::AcceptDials => f.write_str(".accept_dials()"),
            Self::DelayPubacks(time) => write!(f, ".delay_pubacks({})", Millis(*time)),
            Self::WithholdPubacks(every) => write!(f, ".withhold_pubacks({every})"),
            Self::DropAnswers(every) => write!(f, ".drop_answers({every})"),
            Self::FallSilent => f.write_str(".fall_silent()"),
            Self::SpeakAgain => f.write_str(".speak_again()"),
            Self::DropConnections => f.write_str(".drop_connections()"),
            Self::RefuseConnect(v3, v5, time) => {
                write!(f, ".refuse_connect({v3}, {v5}, {})", Millis(*time))
            }
            Self::Ghosts(ghosts) => write!(f, ".ghosts({ghosts})"),
            Self::Suspend(time) => write!(f, ".suspend({})", Millis(*time)),
            Self::Freeze(time) => write!(f, ".freeze({})", Millis(*time)),
            Self::ReportStaleLink => f.write_str(".report_stale_link()"),
            Self::WakeEarly => f.write_str(".wake_early()"),
            Self::SupportMqtt5(support) => {
                write!(f, ".support_mqtt5(Mqtt5Support::{support:?})")
            }
            Self::Child(child, step) => step.print(*child, f),
            Self::Wait(time) => write!(f, ".wait({})", Millis(*time)),
        }
    }
}

/// A duration as it is written in a script.
pub(super) struct Millis(pub(super) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ms({})", self.0.as_millis())
    }
}

/// A test of at most thirty lines that does the same again.
#[must_use]
pub fn script(start: Start, seed: u64, steps: &[Step], end: &str) -> String {
    const LINES: usize = 26;
    let per_line = steps.len().div_ceil(LINES).max(1);
    let lines = steps.chunks(per_line).map(|steps| {
        let calls: Vec<String> = steps.iter().map(ToString::to_string).collect();
        format!("        {}\n", calls.join(""))
    });
    format!(
        "#[test]\nfn what_happened() {{\n    {start}{seed})\n{}        {end};\n}}\n",
        lines.collect::<String>()
    )
}
