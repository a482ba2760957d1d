//! Telemetry, up.

mod body;
mod forms;

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Serialize;

pub(crate) use body::{Stamp, TelemetryBody, Unstamped};

use super::json::serializer;
use super::{Encoding, InvalidPayload, MessageOptions, PayloadFormat, Priority};
use crate::codec::QoS;

/// Readings to be sent, with everything that goes with them.
///
/// A reading is any value that serialises to an object of keys: a struct, a map, `json!({…})`. It
/// is serialised when this is built, never under a lock; what is wrong with it is reported when it
/// is sent, as [`InvalidPayload`].
///
/// ```
/// # use tb_proto::{QoS, Telemetry};
/// # use core::time::Duration;
/// # use serde::Serialize;
/// #[derive(Serialize)]
/// struct Reading {
///     temperature: f64,
///     door_open: bool,
/// }
///
/// let reading = Reading { temperature: 21.5, door_open: false };
/// let telemetry = Telemetry::new(&reading)
///     .at(1_767_225_600_000)
///     .qos(QoS::AtLeastOnce)
///     .expires_in(Duration::from_secs(3600));
/// ```
///
/// # Time
///
/// A reading gets the time at which it was accepted, unless it has one ([`at`](Self::at), or the
/// form `{"ts": …, "values": {…}}`) or is [`unstamped`](Self::unstamped).
///
/// # Numbers and text
///
/// A float is stored as a double with the same value: `1e16` is sent as `10000000000000000.0`. The
/// server stores text in place of a number with more than 16 decimals, so such a number is rounded
/// to 16 decimals (`0.1 + 0.2` is sent as `0.3`). NaN, infinities and integers outside `i64` are
/// refused; so are keys that are blank or longer than 255 characters. A null value is sent and
/// stores nothing. Below an object or array the value is stored as JSON text, and only NaN and
/// infinities are refused.
///
/// Text that looks like a number is stored as a number (`"0012"` as 12) unless the server's type
/// cast is off; wrap it in an object if the text matters.
#[derive(Clone, PartialEq)]
pub struct Telemetry {
    body: Result<TelemetryBody, InvalidPayload>,
    time: Time,
    options: MessageOptions,
}

/// What becomes of entries without a time of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// They get the time of acceptance.
    Acceptance,
    /// They get this one, in milliseconds since 1970.
    At(i64),
    /// They get none: the server takes the time of arrival.
    Arrival,
}

/// Timestamps closer to 1970 than this are seconds, not milliseconds: in seconds it is the year
/// 5138, in milliseconds March 1973.
const FIRST_PLAUSIBLE_MS: u64 = 100_000_000_000;

impl Telemetry {
    /// The reading `values`.
    ///
    /// `values` must serialise to an object of keys, to an object `{ts, values}` whose time is
    /// taken, or to a sequence of both.
    pub fn new<T: Serialize + ?Sized>(values: &T) -> Self {
        let text = TelemetryBody::room_for(serializer::CAPACITY);
        Self::from_body(
            serializer::write_behind(text, values).and_then(TelemetryBody::from_written),
        )
    }

    /// Readings as JSON text, in any form that ThingsBoard takes: an object of keys, an object with
    /// the members `ts` and `values`, or an array of both.
    ///
    /// The text has to be strict JSON, nested at most 128 levels deep. It is sent as it is, except
    /// for floats that the server would not store as a double: they are written anew.
    pub fn json(text: impl Into<Vec<u8>>) -> Self {
        Self::from_body(TelemetryBody::from_text(text.into()))
    }

    /// A reading as the bytes of a message of the profile's telemetry schema, for a connection that
    /// speaks protobuf ([`PayloadFormat::Protobuf`]). It is sent as it is, apart from its time.
    ///
    /// A message gets the time of its acceptance if the configuration says where the schema has one
    /// (`ts_field`); a time that it has of its own holds. Without that it is stored at the time it
    /// states, or at that of arrival, and a message that is sent again after a lost connection is then
    /// stored twice.
    ///
    /// The server stores fields without a value as 0, `""` or false unless the schema declares them
    /// `optional`, and writes their names in lowerCamelCase: `tank_level` becomes `tankLevel`
    /// (TB §11.4).
    ///
    /// ```
    /// # use tb_proto::Telemetry;
    /// // optional double temperature = 1;
    /// let message = [&[0x09][..], &21.5_f64.to_le_bytes()].concat();
    /// let telemetry = Telemetry::protobuf(message);
    /// ```
    pub fn protobuf(message: impl Into<Vec<u8>>) -> Self {
        Self::from_body(Ok(TelemetryBody::from_message(message.into())))
    }

    /// As [`protobuf`](Self::protobuf), from a message of the `prost` crate.
    #[cfg(feature = "prost")]
    pub fn message(message: &impl prost::Message) -> Self {
        Self::protobuf(message.encode_to_vec())
    }

    /// How many values a protobuf message has: what the server's limits on data points count. Default 1.
    /// Of JSON they are counted, and this changes nothing.
    pub fn counted_as(mut self, data_points: u32) -> Self {
        if let Ok(body) = &mut self.body
            && body.encoding() == Encoding::Protobuf
        {
            body.set_data_points(data_points);
        }
        self
    }

    /// A message without readings yet: add them with [`entry`](Self::entry) and
    /// [`entry_at`](Self::entry_at).
    ///
    /// ```
    /// # use tb_proto::Telemetry;
    /// # use std::collections::BTreeMap;
    /// let telemetry = Telemetry::batch()
    ///     .entry_at(1_767_225_600_000, &BTreeMap::from([("t", 21.5)]))
    ///     .entry_at(1_767_225_601_000, &BTreeMap::from([("t", 21.6)]));
    /// ```
    pub fn batch() -> Self {
        Self::from_body(Ok(TelemetryBody::empty()))
    }

    /// Adds a reading. It gets the same time as all others that have none of their own.
    pub fn entry<T: Serialize + ?Sized>(self, values: &T) -> Self {
        self.append(Self::new(values), None)
    }

    /// Adds a reading with its time, in milliseconds since 1970.
    ///
    /// A time that `values` has of its own stays.
    pub fn entry_at<T: Serialize + ?Sized>(self, unix_ms: i64, values: &T) -> Self {
        self.append(Self::new(values), Some(unix_ms))
    }

    /// Gives all readings that have no time this one, in milliseconds since 1970.
    ///
    /// A time that is obviously in seconds is refused when the message is sent.
    pub fn at(mut self, unix_ms: i64) -> Self {
        self.time = Time::At(unix_ms);
        self
    }

    /// Leaves readings that have no time without one: the server takes the time of arrival.
    ///
    /// A message that is sent again after a lost connection is then stored twice.
    pub fn unstamped(mut self) -> Self {
        self.time = Time::Arrival;
        self
    }

    /// Sends with this quality of service instead of the configured one.
    pub fn qos(mut self, qos: QoS) -> Self {
        self.options.qos = Some(qos);
        self
    }

    /// Gives the message up if it was not acknowledged so long after it was accepted.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.options.expires_in = Some(time);
        self
    }

    /// Sends in this lane of the queue.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// How many values the server would store: what its limits on data points count; of a protobuf
    /// message what [`counted_as`](Self::counted_as) said. 0 if it cannot be sent.
    pub fn data_points(&self) -> u32 {
        self.body.as_ref().map_or(0, TelemetryBody::data_points)
    }

    /// Whether it can be sent; if so, [`into_parts`](Self::into_parts) succeeds.
    pub(crate) fn check(&self, format: PayloadFormat) -> Result<(), InvalidPayload> {
        let body = self.body.as_ref().map_err(Clone::clone)?;
        body.encoding().check(format)?;
        match self.time {
            _ if body.is_empty() => Err(InvalidPayload::Empty),
            Time::At(_) if !format.is_json() && format.ts_field().is_none() => {
                Err(InvalidPayload::NoTsField)
            }
            Time::At(unix_ms) => plausible(unix_ms),
            Time::Acceptance | Time::Arrival => Ok(()),
        }
    }

    pub(crate) fn into_parts(
        self,
        format: PayloadFormat,
    ) -> Result<(TelemetryBody, MessageOptions), InvalidPayload> {
        self.check(format)?;
        self.into_checked_parts(format)
    }

    /// As [`into_parts`](Self::into_parts), when [`check`](Self::check) has let it pass.
    #[inline]
    pub(crate) fn into_checked_parts(
        self,
        format: PayloadFormat,
    ) -> Result<(TelemetryBody, MessageOptions), InvalidPayload> {
        let mut body = self.body?;
        body.set_ts_field(format.ts_field());
        match self.time {
            Time::Acceptance => {}
            Time::At(unix_ms) => {
                body.stamp(unix_ms);
            }
            Time::Arrival => {
                body.leave_unstamped();
            }
        }
        Ok((body, self.options))
    }

    /// What [`into_parts`](Self::into_parts) took apart.
    pub(crate) fn from_parts(body: TelemetryBody, options: MessageOptions) -> Self {
        Self {
            options,
            ..Self::from_body(Ok(body))
        }
    }

    fn from_body(body: Result<TelemetryBody, InvalidPayload>) -> Self {
        Self {
            body,
            time: Time::Acceptance,
            options: MessageOptions::default(),
        }
    }

    fn append(mut self, entry: Self, unix_ms: Option<i64>) -> Self {
        self.body = self.body.and_then(|mut body| {
            let mut entry = entry.body?;
            if let Some(unix_ms) = unix_ms {
                plausible(unix_ms)?;
                entry.stamp(unix_ms);
            }
            body.append(&entry)?;
            Ok(body)
        });
        self
    }
}

/// Refuses seconds given for milliseconds.
fn plausible(unix_ms: i64) -> Result<(), InvalidPayload> {
    if unix_ms.unsigned_abs() < FIRST_PLAUSIBLE_MS {
        return Err(InvalidPayload::TimestampInSeconds { ts: unix_ms });
    }
    Ok(())
}

/// So that a reading can be passed as it is.
impl<T: Serialize + ?Sized> From<&T> for Telemetry {
    fn from(values: &T) -> Self {
        Self::new(values)
    }
}

/// Tells the size, not the readings: they belong into no log.
impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("bytes", &self.body.as_ref().map(TelemetryBody::len))
            .field("time", &self.time)
            .field("options", &self.options)
            .finish()
    }
}

#[cfg(test)]
mod tests;
