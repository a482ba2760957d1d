use alloc::string::String;
use core::fmt;

use super::family::{Names, TopicFamily, V1};
use super::numbered;
use crate::codec::{Filter, InvalidFilter, InvalidTopic, Topic};
use crate::tb::PayloadFormat;

/// The topics of a device: a family, and those that the device profile sets otherwise.
///
/// A profile of transport type MQTT may have topic filters of its own (TB §11.2). What they name
/// replaces the v1 topic, which the server then does not know any more (C-144): on MQTT 5 it refuses
/// what comes there, on 3.1.1 it acknowledges it and throws it away. Say here what the profile says;
/// where its filter has wildcards, the topic of this device among those that match. The short topics
/// need nothing: they work beside the profile's.
///
/// ```
/// # use tb_proto::{Config, Credentials, TopicFamily, Topics};
/// # let config = Config::new("mqtt://localhost".parse()?, Credentials::token("A1_TEST_TOKEN"));
/// let lab = Topics::default()
///     .telemetry("lab/7/telemetry")
///     .attributes("lab/7/attributes")
///     .attribute_updates("lab/attributes");
/// let short = Topics::new(TopicFamily::V2);
/// # let config = config.topics(lab).topics(short);
/// # Ok::<(), tb_proto::InvalidUrl>(())
/// ```
///
/// Beware of filters that match more than they should: with `#` for telemetry a profile swallows
/// claims, RPC and attribute requests, and with `#` for attribute updates every subscription, so that
/// no RPC call ever comes (C-146). The device cannot tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    family: TopicFamily,
    telemetry: Option<String>,
    attributes: Option<String>,
    attribute_updates: Option<String>,
}

impl Topics {
    /// The topics of this family.
    pub fn new(family: TopicFamily) -> Self {
        Self {
            family,
            ..Self::default()
        }
    }

    /// Sends telemetry here: the profile's *telemetry topic filter*.
    pub fn telemetry(mut self, topic: impl Into<String>) -> Self {
        self.telemetry = Some(topic.into());
        self
    }

    /// Sends client attributes here: the profile's *attributes publish topic filter*.
    pub fn attributes(mut self, topic: impl Into<String>) -> Self {
        self.attributes = Some(topic.into());
        self
    }

    /// Subscribes to changes of shared attributes with this filter: the profile's *attributes subscribe
    /// topic filter*. They come on the v1 topic all the same (C-145), and the server does not end the
    /// subscription while the connection lasts: what nobody wants any more is dropped here.
    pub fn attribute_updates(mut self, filter: impl Into<String>) -> Self {
        self.attribute_updates = Some(filter.into());
        self
    }

    /// Whether a device can speak on these.
    pub(crate) fn resolve(&self, format: PayloadFormat) -> Result<DeviceTopics, InvalidTopics> {
        let custom = [&self.telemetry, &self.attributes, &self.attribute_updates];
        if self.family == TopicFamily::V2Explicit && custom.into_iter().any(Option::is_some) {
            return Err(InvalidTopics::ExplicitFormat);
        }
        let names = self.family.names(format);
        let telemetry = match &self.telemetry {
            Some(topic) => uplink(topic, V1.telemetry, InvalidTopics::Telemetry)?,
            None => Topic::from_static(names.telemetry),
        };
        let attributes = match &self.attributes {
            Some(topic) => uplink(topic, V1.attributes, InvalidTopics::Attributes)?,
            None => Topic::from_static(names.attributes),
        };
        if telemetry == attributes {
            return Err(InvalidTopics::Same);
        }
        let attribute_updates = match &self.attribute_updates {
            Some(filter) => {
                let checked = Filter::new(filter).map_err(InvalidTopics::AttributeUpdates)?;
                free(filter, V1.attributes)?;
                checked
            }
            None => Filter::from_static(names.attributes),
        };
        Ok(DeviceTopics {
            names,
            telemetry,
            attributes,
            attribute_updates,
        })
    }
}

/// A topic of the profile in place of `own`.
fn uplink(
    topic: &str,
    own: &str,
    invalid: fn(InvalidTopic) -> InvalidTopics,
) -> Result<Topic, InvalidTopics> {
    let checked = Topic::new(topic).map_err(invalid)?;
    free(topic, own)?;
    Ok(checked)
}

/// Refuses a topic to which ThingsBoard gives another meaning than `own`, the v1 topic that it replaces.
fn free(topic: &str, own: &str) -> Result<(), InvalidTopics> {
    const TAKEN: [&str; 4] = ["v1/devices/me/", "v1/gateway", "v2/", "/provision/"];
    if topic != own && TAKEN.iter().any(|prefix| topic.starts_with(prefix)) {
        return Err(InvalidTopics::Taken {
            topic: topic.chars().take(256).collect(),
        });
    }
    Ok(())
}

/// Why a device cannot speak on the topics that were configured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTopics {
    /// The topic for telemetry is none.
    Telemetry(InvalidTopic),
    /// The topic for attributes is none.
    Attributes(InvalidTopic),
    /// The filter for attribute updates is none.
    AttributeUpdates(InvalidFilter),
    /// Telemetry and attributes have one topic: the server would take both for attributes.
    Same,
    /// ThingsBoard has given the topic, or what begins like it, another meaning.
    Taken {
        /// The topic or filter; at most its first 256 characters.
        topic: String,
    },
    /// Topics of the profile beside topics that name the format: the former carry the format of the
    /// profile, so that one connection would speak two.
    ExplicitFormat,
}

impl fmt::Display for InvalidTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Telemetry(invalid) => write!(f, "topic for telemetry: {invalid}"),
            Self::Attributes(invalid) => write!(f, "topic for attributes: {invalid}"),
            Self::AttributeUpdates(invalid) => write!(f, "filter for attribute updates: {invalid}"),
            Self::Same => f.write_str(
                "telemetry and attributes have the same topic; the server would take both for attributes",
            ),
            Self::Taken { topic } => write!(
                f,
                "`{topic}` means something else to ThingsBoard; use the topic of the device profile"
            ),
            Self::ExplicitFormat => f.write_str(
                "topics of the profile carry its own format; use them with the family V1 or V2",
            ),
        }
    }
}

impl core::error::Error for InvalidTopics {}

/// The topics of one device, checked.
#[derive(Debug)]
pub(crate) struct DeviceTopics {
    names: &'static Names,
    /// Telemetry, up.
    pub(crate) telemetry: Topic,
    /// Client attributes, up.
    pub(crate) attributes: Topic,
    /// Filter of changes of shared attributes.
    pub(crate) attribute_updates: Filter,
}

impl DeviceTopics {
    /// Where an attribute request goes. A negative `request` is never answered (C-074).
    pub(crate) fn attribute_request(&self, request: i32) -> Topic {
        numbered(self.names.attribute_request, request)
    }

    /// Where an RPC request of our own goes.
    pub(crate) fn rpc_request(&self, request: i32) -> Topic {
        numbered(self.names.rpc_request, request)
    }

    /// Where the reply to the server's RPC request `id` goes.
    pub(crate) fn rpc_reply(&self, id: i32) -> Topic {
        numbered(self.names.rpc_response, id)
    }

    /// Filter of the answers to attribute requests.
    pub(crate) fn attribute_responses(&self) -> Filter {
        Filter::from_static(self.names.attribute_responses)
    }

    /// Filter of the server's RPC requests.
    pub(crate) fn rpc_requests(&self) -> Filter {
        Filter::from_static(self.names.rpc_requests)
    }

    /// Filter of the answers to our own RPC requests.
    pub(crate) fn rpc_responses(&self) -> Filter {
        Filter::from_static(self.names.rpc_responses)
    }

    /// What was subscribed to with `filter`, if it was for answers.
    pub(crate) fn answers(&self, filter: &Filter) -> Option<Answers> {
        let filter = filter.as_str();
        if filter == self.names.attribute_responses {
            Some(Answers::Attributes)
        } else if filter == self.names.rpc_responses {
            Some(Answers::Rpc)
        } else {
            None
        }
    }
}

/// Answers to which requests a filter brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Attributes,
    Rpc,
}

#[cfg(test)]
mod tests;
