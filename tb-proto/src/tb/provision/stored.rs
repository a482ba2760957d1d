//! Credentials as JSON, in the words in which ThingsBoard answers a provisioning request.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

use crate::mqtt::{Credentials, Kind};
use crate::tb::UnexpectedPayload;
use crate::tb::json::write_text;

impl Credentials {
    /// These credentials as JSON text, to be kept where nobody else can read it: token and password
    /// are in it. [`from_json`](Self::from_json) reads it again.
    ///
    /// It is what ThingsBoard answers to a provisioning request:
    /// `{"credentialsType":"ACCESS_TOKEN","credentialsValue":"…"}`.
    pub fn to_json(&self) -> String {
        let mut text = b"{\"credentialsType\":".to_vec();
        match self.kind() {
            Kind::Token(token) => {
                text.extend_from_slice(b"\"ACCESS_TOKEN\",\"credentialsValue\":");
                write_text(&mut text, token);
            }
            Kind::Basic {
                client_id,
                username,
                password,
            } => {
                text.extend_from_slice(b"\"MQTT_BASIC\",\"credentialsValue\":{\"clientId\":");
                write_text(&mut text, client_id);
                for (name, value) in [("userName", username), ("password", password)] {
                    if let Some(value) = value {
                        text.push(b',');
                        write_text(&mut text, name);
                        text.push(b':');
                        write_text(&mut text, value);
                    }
                }
                text.push(b'}');
            }
            // The certificate itself is the transport's.
            Kind::Certificate => text.extend_from_slice(b"\"X509_CERTIFICATE\""),
        }
        text.push(b'}');
        into_text(text)
    }

    /// Credentials from the text of [`to_json`](Self::to_json), or from the answer of a server to a
    /// provisioning request.
    ///
    /// # Errors
    /// [`UnexpectedPayload`]: it is something else, or no server can accept such credentials.
    pub fn from_json(text: &str) -> Result<Self, UnexpectedPayload> {
        parse(&serde_json::from_str(text)?)
    }
}

pub(super) fn parse(answer: &Map<String, Value>) -> Result<Credentials, UnexpectedPayload> {
    let value = answer.get("credentialsValue");
    let credentials = match answer.get("credentialsType").and_then(Value::as_str) {
        Some("ACCESS_TOKEN") => value.and_then(Value::as_str).map(Credentials::token),
        Some("MQTT_BASIC") => value.and_then(Value::as_object).map(|basic| {
            // The server writes what the device does not have as an empty text (TB §7.3).
            let element = |name| {
                let text = basic.get(name).and_then(Value::as_str);
                text.filter(|text| !text.is_empty())
            };
            let client_id = element("clientId").unwrap_or_default();
            Credentials::basic(client_id, element("userName"), element("password"))
        }),
        Some("X509_CERTIFICATE") => Some(Credentials::certificate()),
        _ => None,
    };
    match credentials {
        Some(credentials) if credentials.check().is_ok() => Ok(credentials),
        _ => Err(UnexpectedPayload::new(
            "there are no usable credentials in it",
        )),
    }
}

/// `write_text` writes whole characters only.
fn into_text(text: Vec<u8>) -> String {
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn credentials() -> impl Strategy<Value = Credentials> {
        prop_oneof![
            any::<String>().prop_map(Credentials::token),
            (any::<String>(), "\\PC+", proptest::option::of("\\PC+")).prop_map(
                |(client_id, username, password)| {
                    Credentials::basic(client_id, Some(&username), password.as_deref())
                }
            ),
            "\\PC+".prop_map(|client_id| Credentials::basic(client_id, None, None)),
            Just(Credentials::certificate()),
        ]
    }

    proptest! {
        #[test]
        fn what_was_kept_is_read_again(credentials in credentials()) {
            prop_assume!(credentials.check().is_ok());
            prop_assert_eq!(Credentials::from_json(&credentials.to_json()), Ok(credentials));
        }
    }
}
