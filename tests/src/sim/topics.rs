//! The topic catalogue: how PUBLISH topics and SUBSCRIBE filters are matched (reference T.1 to T.7).

use super::ota::UpdateKind;

/// The four sets of topics that a session can speak on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Family {
    #[default]
    V1,
    V2,
    V2Json,
    V2Proto,
}

/// What a PUBLISH of a normal session is about. Identifiers are still text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uplink<'a> {
    Gateway,
    Telemetry(Family),
    Attributes(Family),
    AttributeRequest(Family, &'a str),
    RpcResponse(Family, &'a str),
    RpcRequest(Family, &'a str),
    Claim,
    OtaChunk(OtaChunk<'a>),
    Unknown,
}

/// A request for a piece of an OTA package. The two numbers are decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtaChunk<'a> {
    pub(super) kind: UpdateKind,
    pub(super) request: &'a str,
    pub(super) chunk: &'a str,
}

/// What an accepted SUBSCRIBE filter causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    AttributeUpdates(Family),
    RpcRequests(Family),
    /// Nothing but a QoS for what comes anyway.
    QosOnly,
}

/// The three topic filters of a device profile (reference §11.2).
#[derive(Clone, Debug)]
pub(super) struct ProfileTopics {
    pub(super) telemetry: ProfileFilter,
    pub(super) attributes: ProfileFilter,
    /// `None` unless the profile sets one of its own.
    pub(super) attributes_subscribe: Option<ProfileFilter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProfileFilter {
    Everything,
    Exactly(String),
    /// Levels, `+` among them, and whether `/#` follows.
    Levels(Vec<String>, bool),
}

const TELEMETRY: &str = "v1/devices/me/telemetry";
const ATTRIBUTES: &str = "v1/devices/me/attributes";
pub(super) const PROVISION_REQUEST: &str = "/provision/request";
pub(super) const PROVISION_RESPONSE: &str = "/provision/response";
pub(super) const OTA_ERROR: &str = "v2/fw/error";

/// Finds out what a publish is about, in the server's order of tests (reference T.5).
pub(super) fn classify<'a>(topic: &'a str, profile: &ProfileTopics) -> Uplink<'a> {
    if topic.starts_with("v1/gateway") {
        return Uplink::Gateway;
    }
    if profile.attributes.matches(topic) {
        return Uplink::Attributes(Family::V1);
    }
    if profile.telemetry.matches(topic) {
        return Uplink::Telemetry(Family::V1);
    }
    if let Some(id) = topic.strip_prefix("v1/devices/me/attributes/request/") {
        return Uplink::AttributeRequest(Family::V1, id);
    }
    if let Some(id) = topic.strip_prefix("v1/devices/me/rpc/response/") {
        return Uplink::RpcResponse(Family::V1, id);
    }
    if let Some(id) = topic.strip_prefix("v1/devices/me/rpc/request/") {
        return Uplink::RpcRequest(Family::V1, id);
    }
    if topic == "v1/devices/me/claim" {
        return Uplink::Claim;
    }
    if let Some(chunk) = ota_chunk(topic, "v2/fw/request/", UpdateKind::Firmware)
        .or_else(|| ota_chunk(topic, "v2/sw/request/", UpdateKind::Software))
    {
        return Uplink::OtaChunk(chunk);
    }
    short_topic(topic)
}

fn short_topic(topic: &str) -> Uplink<'_> {
    match topic {
        "v2/t" => return Uplink::Telemetry(Family::V2),
        "v2/t/j" => return Uplink::Telemetry(Family::V2Json),
        "v2/t/p" => return Uplink::Telemetry(Family::V2Proto),
        "v2/a" => return Uplink::Attributes(Family::V2),
        "v2/a/j" => return Uplink::Attributes(Family::V2Json),
        "v2/a/p" => return Uplink::Attributes(Family::V2Proto),
        _ => {}
    }
    if let Some(rest) = topic.strip_prefix("v2/r/res/") {
        let (family, id) = format_and_id(rest);
        Uplink::RpcResponse(family, id)
    } else if let Some(rest) = topic.strip_prefix("v2/r/req/") {
        let (family, id) = format_and_id(rest);
        Uplink::RpcRequest(family, id)
    } else if let Some(rest) = topic.strip_prefix("v2/a/req/") {
        let (family, id) = format_and_id(rest);
        Uplink::AttributeRequest(family, id)
    } else {
        Uplink::Unknown
    }
}

fn format_and_id(rest: &str) -> (Family, &str) {
    if let Some(id) = rest.strip_prefix("j/") {
        (Family::V2Json, id)
    } else if let Some(id) = rest.strip_prefix("p/") {
        (Family::V2Proto, id)
    } else {
        (Family::V2, rest)
    }
}

/// The pattern is searched for, not matched: it may stand anywhere in the topic.
fn ota_chunk<'a>(topic: &'a str, prefix: &str, kind: UpdateKind) -> Option<OtaChunk<'a>> {
    topic.match_indices(prefix).find_map(|(position, _)| {
        let rest = &topic[position + prefix.len()..];
        let (request, rest) = leading_digits(rest)?;
        let (chunk, _) = leading_digits(rest.strip_prefix("/chunk/")?)?;
        Some(OtaChunk {
            kind,
            request,
            chunk,
        })
    })
}

fn leading_digits(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What a SUBSCRIBE filter stands for on a normal session; `None` refuses it (reference T.6).
pub(super) fn interest(filter: &str, profile: &ProfileTopics) -> Option<Interest> {
    if let Some(custom) = &profile.attributes_subscribe
        && custom.matches(filter)
    {
        return Some(Interest::AttributeUpdates(Family::V1));
    }
    Some(match filter {
        ATTRIBUTES => Interest::AttributeUpdates(Family::V1),
        "v2/a" => Interest::AttributeUpdates(Family::V2),
        "v2/a/j" => Interest::AttributeUpdates(Family::V2Json),
        "v2/a/p" => Interest::AttributeUpdates(Family::V2Proto),
        "v1/devices/me/rpc/request/+" => Interest::RpcRequests(Family::V1),
        "v2/r/req/+" => Interest::RpcRequests(Family::V2),
        "v2/r/req/j/+" => Interest::RpcRequests(Family::V2Json),
        "v2/r/req/p/+" => Interest::RpcRequests(Family::V2Proto),
        "v1/devices/me/attributes/response/+"
        | "v2/a/res/+"
        | "v2/a/res/j/+"
        | "v2/a/res/p/+"
        | "v1/devices/me/rpc/response/+"
        | "v2/r/res/+"
        | "v2/r/res/j/+"
        | "v2/r/res/p/+"
        | "v2/fw/response/+/chunk/+"
        | OTA_ERROR
        | "v2/sw/response/+/chunk/+"
        | "v2/sw/error"
        | "v1/gateway/attributes"
        | "v1/gateway/attributes/response"
        | "v1/gateway/rpc" => Interest::QosOnly,
        _ => return None,
    })
}

/// The identifier at the end of a topic: a signed 32-bit decimal and nothing else.
pub(super) fn request_id(text: &str) -> Option<i32> {
    text.parse().ok()
}

impl Family {
    pub(super) const fn attribute_updates(self) -> &'static str {
        match self {
            Self::V1 => ATTRIBUTES,
            Self::V2 => "v2/a",
            Self::V2Json => "v2/a/j",
            Self::V2Proto => "v2/a/p",
        }
    }

    pub(super) fn attribute_response(self, id: i32) -> String {
        match self {
            Self::V1 => format!("v1/devices/me/attributes/response/{id}"),
            Self::V2 => format!("v2/a/res/{id}"),
            Self::V2Json => format!("v2/a/res/j/{id}"),
            Self::V2Proto => format!("v2/a/res/p/{id}"),
        }
    }

    pub(super) fn rpc_request(self, id: i32) -> String {
        match self {
            Self::V1 => format!("v1/devices/me/rpc/request/{id}"),
            Self::V2 => format!("v2/r/req/{id}"),
            Self::V2Json => format!("v2/r/req/j/{id}"),
            Self::V2Proto => format!("v2/r/req/p/{id}"),
        }
    }

    pub(super) fn rpc_response(self, id: i32) -> String {
        match self {
            Self::V1 => format!("v1/devices/me/rpc/response/{id}"),
            Self::V2 => format!("v2/r/res/{id}"),
            Self::V2Json => format!("v2/r/res/j/{id}"),
            Self::V2Proto => format!("v2/r/res/p/{id}"),
        }
    }
}

impl ProfileTopics {
    pub(super) fn new(
        telemetry: Option<&str>,
        attributes: Option<&str>,
        attributes_subscribe: Option<&str>,
    ) -> Self {
        let filled = |filter: Option<&str>| {
            filter
                .filter(|filter| !filter.trim().is_empty())
                .map(ProfileFilter::new)
        };
        Self {
            telemetry: filled(telemetry).unwrap_or_else(|| ProfileFilter::new(TELEMETRY)),
            attributes: filled(attributes).unwrap_or_else(|| ProfileFilter::new(ATTRIBUTES)),
            attributes_subscribe: filled(attributes_subscribe),
        }
    }
}

impl ProfileFilter {
    fn new(filter: &str) -> Self {
        if filter == "#" {
            return Self::Everything;
        }
        let (levels, open) = filter
            .strip_suffix("/#")
            .map_or((filter, false), |prefix| (prefix, true));
        if open || levels.split('/').any(|level| level == "+") {
            Self::Levels(levels.split('/').map(str::to_owned).collect(), open)
        } else {
            Self::Exactly(filter.to_owned())
        }
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Exactly(filter) => filter == topic,
            Self::Levels(filter, open) => {
                let mut levels = topic.split('/');
                filter.iter().all(|wanted| {
                    levels
                        .next()
                        .is_some_and(|level| level_matches(wanted, level))
                }) && (*open || levels.next().is_none())
            }
        }
    }
}

/// The rest of a wildcard filter is a regular expression to the server: a dot matches any character.
fn level_matches(wanted: &str, level: &str) -> bool {
    if wanted == "+" {
        return !level.is_empty();
    }
    wanted.chars().count() == level.chars().count()
        && (wanted.chars().zip(level.chars())).all(|(want, is)| want == '.' || want == is)
}

/// Whether a recorded filter matches the topic of a downlink: `+` stands for one level.
pub(super) fn filter_matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    filter.split('/').all(|wanted| {
        levels
            .next()
            .is_some_and(|level| wanted == "+" || wanted == level)
    }) && levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ota_requests_are_searched_for_anywhere_in_the_topic() {
        let profile = ProfileTopics::new(None, None, None);
        let wanted = Uplink::OtaChunk(OtaChunk {
            kind: UpdateKind::Firmware,
            request: "1",
            chunk: "0",
        });
        assert_eq!(classify("x/v2/fw/request/1/chunk/0/y", &profile), wanted);
        assert_eq!(
            classify("v2/fw/request/a/chunk/0", &profile),
            Uplink::Unknown
        );
    }

    #[test]
    fn a_wildcard_filter_of_a_profile_takes_dots_for_any_character() {
        let filter = ProfileFilter::new("a.b/+");
        assert!(filter.matches("axb/1"));
        assert!(!filter.matches("axb/"));
        assert!(!filter.matches("axb/1/2"));
        assert!(ProfileFilter::new("a/#").matches("a"));
    }
}
