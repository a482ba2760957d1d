use alloc::string::String;

use serde_json::{Map, Value};

use super::stored;
use crate::mqtt::Credentials;
use crate::tb::UnexpectedPayload;
use crate::tb::invalid::bounded;

/// What the server answered to a request for provisioning (C-109, C-110, C-114).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProvisionAnswer {
    /// The device exists and has these credentials.
    Success(Credentials),
    /// Key or secret are not those of a profile that provisions.
    NotFound { message: String },
    /// The profile refuses this device.
    Failure { message: String },
}

pub(crate) fn parse_provision_answer(payload: &[u8]) -> Result<ProvisionAnswer, UnexpectedPayload> {
    let answer: Map<String, Value> = serde_json::from_slice(payload)?;
    let text = |name| answer.get(name).and_then(Value::as_str);
    // Servers before 3.3 wrote the second name.
    let status = text("status").or_else(|| text("provisionDeviceStatus"));
    let message = || bounded(text("errorMsg").unwrap_or_default());
    match status {
        Some("SUCCESS") => stored::parse(&answer).map(ProvisionAnswer::Success),
        Some("NOT_FOUND") => Ok(ProvisionAnswer::NotFound { message: message() }),
        Some("FAILURE") => Ok(ProvisionAnswer::Failure { message: message() }),
        _ => Err(UnexpectedPayload::new("the answer has no known status")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ProvisionAnswer, UnexpectedPayload> {
        parse_provision_answer(text.as_bytes())
    }

    #[test]
    fn every_answer_of_the_server_is_understood() {
        for (text, credentials) in [
            (
                r#"{"credentialsValue":"T0k3nOfPump7","credentialsType":"ACCESS_TOKEN","status":"SUCCESS"}"#,
                Credentials::token("T0k3nOfPump7"),
            ),
            (
                r#"{"credentialsValue":{"clientId":"c7","userName":"u7","password":"p7"},"credentialsType":"MQTT_BASIC","status":"SUCCESS"}"#,
                Credentials::basic("c7", Some("u7"), Some("p7")),
            ),
            (
                r#"{"credentialsValue":{"clientId":"","userName":"u7","password":"p7"},"credentialsType":"MQTT_BASIC","status":"SUCCESS"}"#,
                Credentials::basic("", Some("u7"), Some("p7")),
            ),
            (
                r#"{"credentialsValue":{"clientId":"c7","userName":null,"password":""},"credentialsType":"MQTT_BASIC","status":"SUCCESS"}"#,
                Credentials::basic("c7", None, None),
            ),
            (
                r#"{"credentialsValue":"MIIBszCCAVmgAwIBAgIUtest","credentialsType":"X509_CERTIFICATE","status":"SUCCESS"}"#,
                Credentials::certificate(),
            ),
            (
                r#"{"credentialsValue":"T1","credentialsType":"ACCESS_TOKEN","provisionDeviceStatus":"SUCCESS"}"#,
                Credentials::token("T1"),
            ),
        ] {
            assert_eq!(
                parse(text),
                Ok(ProvisionAnswer::Success(credentials)),
                "{text}"
            );
        }
        assert_eq!(
            parse(r#"{"errorMsg":"Provision data was not found!","status":"NOT_FOUND"}"#),
            Ok(ProvisionAnswer::NotFound {
                message: "Provision data was not found!".into()
            })
        );
        assert_eq!(
            parse(r#"{"errorMsg":"Failed to provision device!","status":"FAILURE"}"#),
            Ok(ProvisionAnswer::Failure {
                message: "Failed to provision device!".into()
            })
        );
    }

    #[test]
    fn what_gives_no_usable_credentials_is_no_success() {
        for text in [
            "",
            "\u{8}\u{2}",
            "[]",
            "{}",
            r#"{"status":"PENDING"}"#,
            r#"{"status":"SUCCESS"}"#,
            r#"{"status":"SUCCESS","credentialsType":"ACCESS_TOKEN"}"#,
            r#"{"status":"SUCCESS","credentialsType":"ACCESS_TOKEN","credentialsValue":""}"#,
            r#"{"status":"SUCCESS","credentialsType":"ACCESS_TOKEN","credentialsValue":{}}"#,
            r#"{"status":"SUCCESS","credentialsType":"MQTT_BASIC","credentialsValue":{}}"#,
            r#"{"status":"SUCCESS","credentialsType":"MQTT_BASIC","credentialsValue":"x"}"#,
            r#"{"status":"SUCCESS","credentialsType":"LWM2M_CREDENTIALS","credentialsValue":""}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_message_of_the_server_is_kept_at_a_bounded_length() {
        let text = alloc::format!(
            r#"{{"status":"FAILURE","errorMsg":"{}"}}"#,
            "é".repeat(10_000)
        );
        let Ok(ProvisionAnswer::Failure { message }) = parse(&text) else {
            panic!("{text}")
        };
        assert!(message.len() < 600);
    }
}
