//! A device gets its credentials: a machine of its own, over the same MQTT client as the device's.

mod error;
mod step;
#[cfg(test)]
mod tests;

use alloc::vec;
use bytes::Bytes;
use core::time::Duration;

pub use error::ProvisionError;

use crate::client::VersionPolicy;
use crate::codec::{Filter, QoS, Topic};
use crate::mqtt::{
    self, Cause, Cost, Credentials, Endpoint, Lane, LinkId, LinkLost, LinkRequest, MessageId, Mqtt,
    OnLinkEnd, OutboxLimits, Outcome, Progress, Publication, Refusal, Rejection, Scheme, Settings,
    Share, Signal, UndeliveredCause,
};
use crate::tb::{
    InvalidProvisionRequest, ProvisionAnswer, ProvisionRequest, parse_provision_answer, topics,
};
use crate::time::Instant;
use step::{Step, Verdict};

const REQUEST: Topic = Topic::from_static(topics::PROVISION_REQUEST);

/// The pause before the credentials or the request are tried again after the server did not know the
/// credentials; it is spread over half to one and a half of this.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(2);

/// The pause after the server refused a connection because of a rate limit.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(15);

/// The longest back-off: there is not much time.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The largest answer that is taken: a certificate of the largest request, and what stands around it.
const MAX_ANSWER: usize = 2 * 65_536;

/// Asks a ThingsBoard server for a device and its credentials, as a pure state machine like
/// [`Client`](crate::Client), with the same groups of methods and the same contract.
///
/// ```text
///   Asking ──success──▶ done                     Trying ──accepted──▶ done
///     │  ▲                                          ▲  │
///     │  └──────────── not known ───────────────────┼──┘
///     └── no answer, or refused after no answer ────┘
/// ```
///
/// - The request is written only while a connection stands. Once it was written and the connection ends
///   without an answer, it is not repeated blindly: the server may have done what was asked. If the
///   credentials were chosen on this side they are tried; when the server knows them, that was so. Only
///   when it does not, the same request is made again: at most one device can have these credentials.
/// - There is one deadline for everything ([`ProvisionRequest::timeout`]).
///
/// **Keep the credentials before the machine is given its first connection**
/// ([`ProvisionRequest::expected`]), and after a crash [`resume`](Self::resume) with the same request.
pub struct Provisioning {
    mqtt: Mqtt<Request>,
    request: ProvisionRequest,
    /// What the device can show that it exists, if that is known here.
    own: Option<Credentials>,
    step: Step,
    deadline: Instant,
    /// A request was made that the server may have carried out.
    asked_before: bool,
    /// Why the last connection, or attempt to connect, ended.
    last: Option<Cause>,
    outcome: Option<Result<Credentials, ProvisionError>>,
}

/// The request, on its way. Its text has secrets in it.
struct Request(Bytes);

impl Provisioning {
    /// Begins to ask the server at `endpoint`. `seed` spreads reconnects.
    ///
    /// # Errors
    /// [`InvalidProvisionRequest`] for what every server refuses.
    pub fn new(
        endpoint: Endpoint,
        version: VersionPolicy,
        request: ProvisionRequest,
        now: Instant,
        seed: u64,
    ) -> Result<Self, InvalidProvisionRequest> {
        let asking = Step::Asking { written: false };
        Self::begin(endpoint, version, request, now, seed, asking)
    }

    /// Goes on where an earlier attempt was interrupted, or another process may be at work: the same
    /// request may have been made already. The credentials are tried first.
    ///
    /// A request that leaves its token to the server begins anew: there is nothing to try.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn resume(
        endpoint: Endpoint,
        version: VersionPolicy,
        request: ProvisionRequest,
        now: Instant,
        seed: u64,
    ) -> Result<Self, InvalidProvisionRequest> {
        let step = match own_credentials(&endpoint, &request) {
            Some(credentials) => Step::Trying {
                credentials,
                verdict: None,
            },
            None => Step::Asking { written: false },
        };
        Self::begin(endpoint, version, request, now, seed, step)
    }

    fn begin(
        endpoint: Endpoint,
        version: VersionPolicy,
        request: ProvisionRequest,
        now: Instant,
        seed: u64,
        step: Step,
    ) -> Result<Self, InvalidProvisionRequest> {
        request.check()?;
        let own = own_credentials(&endpoint, &request);
        let settings = Settings {
            endpoints: vec![endpoint],
            version: match version {
                VersionPolicy::Automatic => None,
                VersionPolicy::Only(version) => Some(version),
            },
            keep_alive: Duration::from_secs(60),
            ping_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(20),
            acknowledgement_timeout: Duration::from_secs(60),
            backoff_min: Duration::from_secs(1),
            backoff_max: MAX_BACKOFF,
            slow_retry: Some(UNKNOWN_PAUSE),
            rate_limit_pause: RATE_LIMIT_PAUSE,
            rate_limit_share: Share::percent(100),
            max_inflight: 1,
            max_incoming: MAX_ANSWER,
            sharing: None,
            outbox: OutboxLimits {
                messages: 1,
                bytes: MAX_ANSWER,
            },
        };
        let asked_before = matches!(step, Step::Trying { .. });
        let mut mqtt = Mqtt::new(settings, step.credentials(), now, seed);
        if !asked_before {
            mqtt.subscribe(response());
        }
        Ok(Self {
            deadline: now + request.timeout_after(),
            mqtt,
            request,
            own,
            step,
            asked_before,
            last: None,
            outcome: None,
        })
    }

    /// The connection that was asked for under `link` is open.
    pub fn handle_connected(&mut self, now: Instant, link: LinkId) {
        self.mqtt.handle_connected(now, link);
        self.advance();
    }

    /// Bytes came from the server, any number of them. This never fails.
    pub fn handle_input(&mut self, now: Instant, link: LinkId, data: &[u8]) {
        self.mqtt.handle_input(now, link, data);
        while self.mqtt.handle_next_packet() != Progress::Done {
            self.advance();
        }
        self.advance();
    }

    /// The connection could not be opened, or is lost.
    pub fn handle_disconnected(&mut self, now: Instant, link: LinkId, why: LinkLost) {
        self.mqtt.handle_disconnected(now, link, why);
        self.advance();
    }

    /// Time has passed. Does what is due; when that is, [`poll_timeout`](Self::poll_timeout) tells.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.mqtt.handle_timeout(now);
        self.advance();
        if self.deadline <= self.mqtt.now() {
            let written = self.asked_before || self.is_written();
            let last = self.last;
            self.finish(Err(ProvisionError::TimedOut { last, written }));
        }
    }

    /// What to do about connections.
    #[must_use = "the machine waits for what it asked for"]
    pub fn poll_link(&mut self) -> Option<LinkRequest> {
        self.mqtt.poll_link()
    }

    /// The next bytes for the connection that was opened last. They count as written.
    #[must_use = "bytes that are not written are lost to the server"]
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        let chunk = self.mqtt.poll_transmit();
        self.advance();
        chunk
    }

    /// The outcome; comes exactly once. Afterwards the machine only says goodbye.
    #[must_use = "the outcome comes once"]
    pub fn poll_outcome(&mut self) -> Option<Result<Credentials, ProvisionError>> {
        self.outcome.take()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use = "nobody keeps the deadline if nobody keeps the time"]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = (self.step != Step::Done).then_some(self.deadline);
        self.mqtt.poll_timeout().into_iter().chain(deadline).min()
    }

    /// Whether nothing is left to do, not even to close a connection.
    pub const fn is_closed(&self) -> bool {
        self.mqtt.is_closed()
    }

    fn advance(&mut self) {
        while let Some(signal) = self.mqtt.poll_signal() {
            self.handle_signal(signal);
        }
    }

    fn handle_signal(&mut self, signal: Signal) {
        match (signal, &mut self.step) {
            (Signal::Online { .. }, Step::Asking { .. }) => self.ask(),
            (Signal::Online { .. }, Step::Trying { credentials, .. }) => {
                let credentials = credentials.clone();
                self.finish(Ok(credentials));
            }
            (Signal::Received(publish), Step::Asking { .. })
                if &*publish.topic == topics::PROVISION_RESPONSE =>
            {
                self.answered(&publish.payload);
            }
            (Signal::ReceivedTooLarge { .. }, Step::Asking { .. }) => {
                self.finish(Err(ProvisionError::Unexpected));
            }
            (Signal::Settled { id, outcome }, _) => self.settled(id, outcome),
            (Signal::Offline { cause, .. }, _) => self.offline(cause),
            _ => {}
        }
    }

    fn ask(&mut self) {
        let publication = Publication {
            topic: REQUEST,
            content: Request(self.request.payload().into()),
            qos: QoS::AtLeastOnce,
            lane: Lane::Urgent,
            accepted: self.mqtt.now(),
            expires: None,
            on_link_end: OnLinkEnd::End,
            is_activity: true,
            origin: None,
        };
        self.mqtt.submit(publication, false);
    }

    fn is_written(&self) -> bool {
        matches!(self.step, Step::Asking { written: true }) || self.mqtt.inflight() > 0
    }

    fn answered(&mut self, payload: &[u8]) {
        match parse_provision_answer(payload) {
            Ok(ProvisionAnswer::Success(credentials)) => self.finish(Ok(credentials)),
            Ok(ProvisionAnswer::NotFound { message }) => {
                self.finish(Err(ProvisionError::NotFound { message }));
            }
            Ok(ProvisionAnswer::Failure { message }) => {
                let failed = ProvisionError::Failed { message };
                match self.own.clone() {
                    // The device may exist because of an earlier request.
                    Some(credentials) if self.asked_before => {
                        let verdict = Some(Verdict(failed));
                        self.step = Step::Trying {
                            credentials: credentials.clone(),
                            verdict,
                        };
                        self.mqtt.set_credentials(self.mqtt.now(), credentials);
                        self.mqtt.unsubscribe(&response());
                    }
                    _ => self.finish(Err(failed)),
                }
            }
            Err(_) => self.finish(Err(ProvisionError::Unexpected)),
        }
    }

    /// The message that carries the request has an outcome; that is not yet an answer.
    fn settled(&mut self, id: MessageId, outcome: Outcome) {
        let entry = self.mqtt.outbox_mut().take(id);
        let Step::Asking { written } = &mut self.step else {
            return;
        };
        *written |= entry.is_some_and(|entry| entry.writes > 0);
        if let Outcome::Undelivered(UndeliveredCause::Rejected(rejection)) = outcome {
            self.finish(Err(match rejection {
                Rejection::Reason(reason) => ProvisionError::Rejected(reason),
                _ => ProvisionError::Unanswered,
            }));
        }
    }

    fn offline(&mut self, cause: Cause) {
        self.last = Some(cause);
        match &mut self.step {
            Step::Asking { written: true } => match self.own.clone() {
                Some(credentials) => {
                    self.asked_before = true;
                    self.mqtt.unsubscribe(&response());
                    self.mqtt.use_credentials(credentials.clone());
                    self.step = Step::Trying {
                        credentials,
                        verdict: None,
                    };
                }
                None => self.finish(Err(ProvisionError::Unanswered)),
            },
            Step::Trying { verdict, .. } if cause == Cause::Refused(Refusal::Credentials) => {
                match verdict.take() {
                    Some(Verdict(failed)) => self.finish(Err(failed)),
                    None => {
                        self.step = Step::Asking { written: false };
                        self.mqtt.use_credentials(self.step.credentials());
                        self.mqtt.subscribe(response());
                    }
                }
            }
            Step::Asking { .. } | Step::Trying { .. } if cause.is_permanent() => {
                self.finish(Err(ProvisionError::NotConnected(cause)));
            }
            _ => {}
        }
    }

    /// The first outcome counts. What is left is to say goodbye.
    fn finish(&mut self, outcome: Result<Credentials, ProvisionError>) {
        if self.step == Step::Done {
            return;
        }
        self.step = Step::Done;
        self.outcome = Some(outcome);
        let now = self.mqtt.now();
        self.mqtt.disconnect(now, now);
        self.mqtt.handle_timeout(now);
    }
}

/// The credentials that can be tried. A certificate is shown by TLS or not at all.
fn own_credentials(endpoint: &Endpoint, request: &ProvisionRequest) -> Option<Credentials> {
    let plain = endpoint.scheme() == Scheme::Mqtt;
    request
        .expected()
        .filter(|own| !plain || *own != Credentials::certificate())
}

const fn response() -> Filter {
    Filter::from_static(topics::PROVISION_RESPONSE)
}

impl mqtt::Content for Request {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn memory(&self) -> usize {
        self.0.len()
    }

    fn cost(&self) -> Cost {
        Cost::Free
    }

    fn filter_cost(_: &Filter) -> Cost {
        Cost::Free
    }
}

/// Shows no secret.
impl core::fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Provisioning")
            .field("request", &self.request)
            .field("step", &self.step)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// Never shows what is in it.
impl core::fmt::Debug for Request {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Request(..)")
    }
}
