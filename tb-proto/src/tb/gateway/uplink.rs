use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::tb::InvalidPayload;
use crate::tb::json::scan::{BadJson, Scanner};
use crate::tb::json::{write_integer, write_text};

/// What announcements and goodbyes begin with.
const DEVICE: &[u8] = b"{\"device\":";

/// The name in what payloads of a child [begin](super::opening) with, as a JSON string.
pub(crate) fn device(opening: &[u8]) -> &[u8] {
    opening
        .strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b":["))
        .unwrap_or_default()
}

/// `{"device": …, "type": …}`. Without a type a device that has to be created gets the profile
/// `default`.
pub(crate) fn connect(device: &[u8], profile: Option<&str>) -> Vec<u8> {
    let mut out = of_device(device);
    if let Some(profile) = profile {
        out.extend_from_slice(b",\"type\":");
        write_text(&mut out, profile);
    }
    out.push(b'}');
    out
}

/// Whether this payload [connects](connect) the child of this name.
pub(crate) fn connects(payload: &[u8], device: &[u8]) -> bool {
    payload
        .strip_prefix(DEVICE)
        .is_some_and(|rest| rest.starts_with(device))
}

pub(crate) fn disconnect(device: &[u8]) -> Vec<u8> {
    let mut out = of_device(device);
    out.push(b'}');
    out
}

/// `{"id": …, "device": …` followed by `rest`.
pub(crate) fn numbered(number: i32, device: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut out = b"{\"id\":".to_vec();
    write_integer(&mut out, i64::from(number));
    let mut out = of_device_behind(out, device);
    out.extend_from_slice(rest);
    out
}

/// What is [numbered], with the name of another child in place of the one that it has.
pub(crate) fn renumbered(payload: &[u8], device: &[u8]) -> Bytes {
    let written = core::str::from_utf8(payload).unwrap_or_default();
    let mut scanner = Scanner::new(written);
    let mut parts = || -> Result<_, BadJson> {
        scanner.enter(b'{')?;
        scanner.member(true)?;
        scanner.value()?;
        scanner.member(false)?;
        Ok(scanner.value()?.range)
    };
    let Ok(old) = parts() else {
        return Bytes::copy_from_slice(payload);
    };
    let before = payload.get(..old.start).unwrap_or_default();
    let after = payload.get(old.end..).unwrap_or_default();
    [before, device, after].concat().into()
}

/// The reply to a call. `data` stands within the message, so that it must be JSON; nothing is null.
pub(crate) fn reply(number: i32, device: &[u8], data: &[u8]) -> Result<Vec<u8>, InvalidPayload> {
    let data = core::str::from_utf8(data).map_err(|error| InvalidPayload::Syntax {
        offset: error.valid_up_to(),
    })?;
    let data = if data.trim().is_empty() { "null" } else { data };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(data) {
        let before: usize = data
            .lines()
            .take(error.line().saturating_sub(1))
            .map(|line| line.len() + 1)
            .sum();
        return Err(InvalidPayload::Syntax {
            offset: (before + error.column().saturating_sub(1)).min(data.len()),
        });
    }
    let mut rest = String::from(",\"data\":");
    rest.push_str(data);
    rest.push('}');
    Ok(numbered(number, device, rest.as_bytes()))
}

fn of_device(device: &[u8]) -> Vec<u8> {
    let mut out = DEVICE.to_vec();
    out.extend_from_slice(device);
    out
}

fn of_device_behind(mut out: Vec<u8>, device: &[u8]) -> Vec<u8> {
    out.extend_from_slice(b",\"device\":");
    out.extend_from_slice(device);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tb::gateway::opening;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_child_is_connected_with_its_profile_or_without() {
        let name = opening("meter \"1\"");
        assert_eq!(
            text(connect(device(&name), Some("water"))),
            r#"{"device":"meter \"1\"","type":"water"}"#
        );
        assert_eq!(
            text(connect(device(&name), None)),
            text(disconnect(device(&name)))
        );
        let announced = connect(device(&name), Some("water"));
        assert!(connects(&announced, device(&name)));
        assert!(!connects(&announced, device(&opening("meter \"1\"b"))));
        assert!(!connects(&announced, device(&opening("meter"))));
    }

    #[test]
    fn what_has_a_number_gets_another_name() {
        for rest in [&b",\"key\":\"a\"}"[..], b",\"data\":{\"device\":\"a\"}}"] {
            let named = |name: &[u8]| numbered(-4, name, rest);
            let old = named(b"\"m \\\"1\\\"\"");
            assert_eq!(renumbered(&old, b"\"other\""), named(b"\"other\""));
        }
    }

    #[test]
    fn a_reply_holds_any_json_and_nothing_else() {
        let answer = |data: &[u8]| reply(4, b"\"m\"", data).map(text);
        let with = |data: &str| Ok(alloc::format!(r#"{{"id":4,"device":"m","data":{data}}}"#));
        assert_eq!(answer(br#"{"ok":true}"#), with(r#"{"ok":true}"#));
        assert_eq!(answer(b""), with("null"));
        assert_eq!(answer(b"7"), with("7"));
        let broken = InvalidPayload::Syntax { offset: 7 };
        assert_eq!(
            answer(br#"{"ok":1}}"#),
            Err(InvalidPayload::Syntax { offset: 8 })
        );
        assert_eq!(answer(b"{\"ok\":\n}"), Err(broken));
        assert!(answer(b"\xff").is_err());
    }
}
