//! The text form of a run: two letters of settings, then steps of a letter and a character each.
//!
//! `00 c0 k0 t0 p0` reads: default settings; connected, CONNACK, telemetry, PUBACK. Blanks and line
//! ends separate nothing and may stand between steps. Any other byte is a step too, so that no
//! mutation is wasted.

/// What happens in one step; the number behind it chooses the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    // Time.
    Wait,
    NextTimeout,
    Timeout,
    WallClock,
    // Transport and server.
    Connected,
    Lost,
    ConnAck,
    Acknowledge,
    AcknowledgeAll,
    Publish,
    PingResp,
    ServerDisconnect,
    Raw,
    StaleInput,
    // Application.
    Telemetry,
    Attributes,
    Room,
    Query,
    Call,
    Reply,
    Serve,
    EndServing,
    Follow,
    EndFollowing,
    Cancel,
    Credentials,
    Reconnect,
    Disconnect,
    Claim,
    FollowUpdates,
    UnfollowUpdates,
    Download,
    FetchChunk,
    ReportUpdate,
    ChildMessage,
    AboutChild,
    ChildPublish,
    // Driver, where it does not fetch everything at once.
    FetchLink,
    FetchBytes,
    FetchEvent,
}

const LETTERS: [(u8, Verb); 40] = [
    (b'w', Verb::Wait),
    (b'>', Verb::NextTimeout),
    (b'.', Verb::Timeout),
    (b'W', Verb::WallClock),
    (b'c', Verb::Connected),
    (b'l', Verb::Lost),
    (b'k', Verb::ConnAck),
    (b'p', Verb::Acknowledge),
    (b'P', Verb::AcknowledgeAll),
    (b'm', Verb::Publish),
    (b'g', Verb::PingResp),
    (b'd', Verb::ServerDisconnect),
    (b'x', Verb::Raw),
    (b'X', Verb::StaleInput),
    (b't', Verb::Telemetry),
    (b'a', Verb::Attributes),
    (b'o', Verb::Room),
    (b'q', Verb::Query),
    (b'r', Verb::Call),
    (b'y', Verb::Reply),
    (b's', Verb::Serve),
    (b'S', Verb::EndServing),
    (b'f', Verb::Follow),
    (b'F', Verb::EndFollowing),
    (b'z', Verb::Cancel),
    (b'C', Verb::Credentials),
    (b'R', Verb::Reconnect),
    (b'D', Verb::Disconnect),
    (b'j', Verb::Claim),
    (b'u', Verb::FollowUpdates),
    (b'U', Verb::UnfollowUpdates),
    (b'v', Verb::Download),
    (b'V', Verb::FetchChunk),
    (b'e', Verb::ReportUpdate),
    (b'h', Verb::ChildMessage),
    (b'H', Verb::AboutChild),
    (b'n', Verb::ChildPublish),
    (b'L', Verb::FetchLink),
    (b'B', Verb::FetchBytes),
    (b'E', Verb::FetchEvent),
];

pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn step(&mut self) -> Option<(Verb, u8)> {
        while let Some((b' ' | b'\n', rest)) = self.0.split_first() {
            self.0 = rest;
        }
        let letter = self.byte()?;
        let known = LETTERS.iter().find(|(known, _)| *known == letter);
        let (_, verb) = known.unwrap_or_else(|| &LETTERS[usize::from(letter) % LETTERS.len()]);
        Some((*verb, self.number().unwrap_or(0)))
    }

    /// A character as a number: `0` is 0, `9` is 9, `:` is 10 and so on.
    pub(super) fn number(&mut self) -> Option<u8> {
        self.byte().map(|byte| byte.wrapping_sub(b'0'))
    }

    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }
}
