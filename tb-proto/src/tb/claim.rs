use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::codec::QoS;
use crate::tb::json::{write_integer, write_text};
use crate::tb::{MessageOptions, PayloadFormat, Priority, protobuf};

/// A device allows a customer to claim it (TB §6).
///
/// Whoever knows the name of the device and the secret can assign it to himself while the claim lasts.
/// The server keeps the first claim until it is used or over: another one meanwhile changes nothing.
/// What comes of it is never told to the device, not even that claiming is not allowed; the outcome of
/// the message only says that the server has the claim.
///
/// ```
/// # use core::time::Duration;
/// # use tb_proto::Claim;
/// let claim = Claim::new("tulip").duration(Duration::from_secs(60));
/// let anybody_for_a_day = Claim::default();
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claim {
    secret: Option<String>,
    duration: Option<Duration>,
    options: MessageOptions,
}

impl Claim {
    /// A claim that needs this secret. Without one ([`Claim::default`]) the secret is empty.
    pub fn new(secret: impl Into<String>) -> Self {
        Self {
            secret: Some(secret.into()),
            ..Self::default()
        }
    }

    /// How long the device can be claimed, counted by the server in milliseconds; at least 1 ms.
    /// Without it the server decides: a day, unless it is set up otherwise.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Sends with this quality of service instead of the configured one.
    pub fn qos(mut self, qos: QoS) -> Self {
        self.options.qos = Some(qos);
        self
    }

    /// Gives the claim up if it was not acknowledged so long after it was accepted.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.options.expires_in = Some(time);
        self
    }

    /// Sends in this lane of the queue.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// What [`into_parts`](Self::into_parts) took apart.
    pub(crate) fn from_parts(body: ClaimBody, options: MessageOptions) -> Self {
        Self {
            secret: body.secret,
            duration: body.duration,
            options,
        }
    }

    pub(crate) fn into_parts(self, format: PayloadFormat) -> (ClaimBody, MessageOptions) {
        // Zero would mean the server's own default.
        let millis = self.duration.map(|duration| {
            i64::try_from(duration.as_millis())
                .unwrap_or(i64::MAX)
                .max(1)
        });
        let secret = self.secret.as_deref();
        let payload = match format {
            PayloadFormat::Json => json(secret, millis),
            PayloadFormat::Protobuf { .. } => {
                protobuf::claim(secret.unwrap_or_default(), millis.unwrap_or_default())
            }
        };
        let body = ClaimBody {
            payload,
            secret: self.secret,
            duration: self.duration,
        };
        (body, self.options)
    }
}

fn json(secret: Option<&str>, millis: Option<i64>) -> Vec<u8> {
    let mut text = Vec::from(*b"{");
    // A member that is null makes the server hang up (C-105): what was not given is left out.
    if let Some(secret) = secret {
        text.extend_from_slice(b"\"secretKey\":");
        write_text(&mut text, secret);
    }
    if let Some(millis) = millis {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(b"\"durationMs\":");
        write_integer(&mut text, millis);
    }
    text.push(b'}');
    text
}

/// A claim that needs this secret, for as long as the server decides.
impl From<&str> for Claim {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

/// Never shows the secret.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("duration", &self.duration)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A claim as it is sent, with what it was made of.
pub(crate) struct ClaimBody {
    pub(crate) payload: Vec<u8>,
    secret: Option<String>,
    duration: Option<Duration>,
}

impl ClaimBody {
    /// Bytes of memory that it holds.
    pub(crate) fn memory(&self) -> usize {
        self.payload.capacity() + self.secret.as_ref().map_or(0, String::capacity)
    }
}

/// Never shows the secret.
impl fmt::Debug for ClaimBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimBody(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const JSON: PayloadFormat = PayloadFormat::Json;
    const PROTOBUF: PayloadFormat = PayloadFormat::Protobuf { ts_field: None };

    fn text(claim: Claim) -> String {
        String::from_utf8(claim.into_parts(JSON).0.payload).unwrap()
    }

    #[test]
    fn in_protobuf_what_was_not_given_is_left_out_too() {
        let payload = |claim: Claim| claim.into_parts(PROTOBUF).0.payload;
        assert_eq!(payload(Claim::default()), b"");
        let tulip = Claim::new("tulip").duration(Duration::from_secs(60));
        assert_eq!(payload(tulip), b"\x0A\x05tulip\x10\xE0\xD4\x03");
        let shortest = Claim::default().duration(Duration::ZERO);
        assert_eq!(payload(shortest), b"\x10\x01");
    }

    #[test]
    fn what_was_not_given_is_left_out() {
        let minute = Duration::from_secs(60);
        assert_eq!(text(Claim::default()), "{}");
        assert_eq!(text("tulip".into()), r#"{"secretKey":"tulip"}"#);
        assert_eq!(
            text(Claim::default().duration(minute)),
            r#"{"durationMs":60000}"#
        );
        assert_eq!(
            text(Claim::new("tulip").duration(minute)),
            r#"{"secretKey":"tulip","durationMs":60000}"#
        );
    }

    #[test]
    fn a_secret_can_be_any_text() {
        assert_eq!(
            text(Claim::new("a \"b\"\\\n")),
            r#"{"secretKey":"a \"b\"\\\n"}"#
        );
    }

    #[test]
    fn a_duration_is_never_the_zero_that_means_a_day_and_never_overflows() {
        assert_eq!(
            text(Claim::default().duration(Duration::from_micros(1))),
            r#"{"durationMs":1}"#
        );
        assert_eq!(
            text(Claim::default().duration(Duration::MAX)),
            r#"{"durationMs":9223372036854775807}"#
        );
    }

    #[test]
    fn a_claim_that_was_taken_apart_is_the_same_again() {
        let claim = Claim::new("tulip")
            .duration(Duration::from_secs(60))
            .priority(Priority::High);
        for format in [JSON, PROTOBUF] {
            let (body, options) = claim.clone().into_parts(format);
            assert_eq!(Claim::from_parts(body, options), claim);
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let claim = Claim::new("tulip");
        let shown = format!("{claim:?} {:?}", claim.clone().into_parts(JSON).0);
        assert!(!shown.contains("tulip"), "{shown}");
    }
}
