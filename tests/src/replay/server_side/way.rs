use serde_json::Value;
use tb_proto::{Config, PayloadFormat, TopicFamily, Topics};

use super::super::exchange::{Recording, Step};
use super::super::packet::PacketView;

/// On which topics and in which format the recorded client spoke: the client under test does likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    family: TopicFamily,
    custom_topics: bool,
    pub(crate) protobuf: bool,
}

impl Way {
    pub(crate) fn of(recording: &Recording) -> Self {
        let profile = |name: &str| {
            let profile = recording.setup.get("profiles").and_then(|all| all.get(0));
            profile
                .and_then(|profile| profile.get(name))
                .and_then(Value::as_str)
        };
        let topics = uplinks(recording);
        let any = |fits: fn(&str) -> bool| topics.iter().any(|topic| fits(topic));
        let explicit = any(|topic| topic.starts_with("v2/") && topic.contains("/j"));
        Self {
            family: if explicit {
                TopicFamily::V2Explicit
            } else if any(|topic| {
                topic.starts_with("v2/t") || topic.starts_with("v2/a") || topic.starts_with("v2/r")
            }) {
                TopicFamily::V2
            } else {
                TopicFamily::V1
            },
            custom_topics: !explicit
                && profile("attributes_subscribe_topic") == Some("lab/attributes"),
            protobuf: !explicit && profile("payload") == Some("PROTOBUF"),
        }
    }

    pub(crate) fn configure(self, config: Config) -> Config {
        let mut topics = Topics::new(self.family);
        if self.custom_topics {
            topics = topics
                .telemetry("lab/x/telemetry")
                .attributes("lab/x/attributes")
                .attribute_updates("lab/attributes");
        }
        let format = if self.protobuf {
            PayloadFormat::Protobuf { ts_field: None }
        } else {
            PayloadFormat::Json
        };
        config.topics(topics).payload_format(format)
    }
}

/// The topics that the recorded client published on.
fn uplinks(recording: &Recording) -> Vec<String> {
    let sent = recording.steps.iter().filter_map(|step| match step {
        Step::Send { packets, .. } => Some(packets),
        _ => None,
    });
    let topic = |packet: &[u8]| {
        let publish = PacketView::new(packet, recording.protocol).publish()?;
        Some(String::from_utf8_lossy(publish.topic).into_owned())
    };
    sent.flatten()
        .filter_map(|packet| topic(packet.bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Corpus;

    fn way(id: &str) -> Way {
        let corpus = Corpus::golden().unwrap();
        let found = corpus.recordings.iter().find(|each| each.id == id);
        Way::of(found.unwrap())
    }

    #[test]
    fn a_recording_tells_topics_and_format() {
        let plain = Way {
            family: TopicFamily::V1,
            custom_topics: false,
            protobuf: false,
        };
        assert_eq!(way("c-029-qos0-nothing-v4"), plain);
        let protobuf = Way {
            protobuf: true,
            ..plain
        };
        assert_eq!(way("proto-claim-v5"), protobuf);
        assert_eq!(
            way("proto-telemetry-v2-v4"),
            Way {
                family: TopicFamily::V2,
                ..protobuf
            }
        );
        assert_eq!(
            way("proto-attr-request-v2-j-v4"),
            Way {
                family: TopicFamily::V2Explicit,
                ..plain
            }
        );
        assert_eq!(
            way("c-144-custom-telemetry-v5"),
            Way {
                custom_topics: true,
                ..plain
            }
        );
    }
}
