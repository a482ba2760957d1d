//! Payloads in both directions: every parser of what the server sends, and JSON text that an
//! application hands over to be sent.

use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::Value;

use crate::tb::rpc::{RpcRequestBody, parse_rpc_answer, read_rpc_answer};
use crate::tb::telemetry::TelemetryBody;
use crate::tb::{
    AttributeUpdate, AttributeValues, Attributes, PayloadFormat, RpcError, Telemetry, protobuf,
};

/// A time that readings without one are given.
const TS: i64 = 1_767_225_600_000;

/// The same bytes as every kind of payload.
pub fn payloads(data: &[u8]) {
    attribute_update(data);
    attribute_values(data);
    let payload = Bytes::copy_from_slice(data);
    rpc_request(&payload);
    rpc_answer(&payload);
    telemetry(data);
    attributes(data);
    fixed_messages(&payload);
    own_messages(data);
}

/// As the protobuf messages of the server, whose first byte may say which request they are for.
fn fixed_messages(payload: &Bytes) {
    let requests = [payload.get(1).copied().map_or(0, i32::from), 0];
    if let Ok(update) = protobuf::read_attribute_update(payload) {
        disjoint(&update);
        assert!(!update.is_empty(), "an update that says nothing is none");
        // `{` is no field: what is a message is no JSON object.
        assert!(AttributeUpdate::parse(payload).is_err());
        assert_eq!(AttributeUpdate::read(payload).as_ref(), Ok(&update));
    }
    for request in requests {
        if let Ok(values) = protobuf::read_attribute_values(payload, request) {
            assert!(values.client.len() + values.shared.len() <= payload.len() / 2);
            assert_eq!(AttributeValues::read(payload, request), Ok(values));
        }
        if let Ok(Ok(answer)) = protobuf::read_rpc_answer(payload, request) {
            assert!(answer.is_empty() || payload.as_ptr_range().contains(&answer.as_ptr()));
        }
        let _ = read_rpc_answer(payload, request);
        let Ok(call) = protobuf::read_rpc_request(payload, request) else {
            continue;
        };
        assert!(!call.method.is_empty());
        let Ok(RpcRequestBody { method, params }) = RpcRequestBody::read(payload, request) else {
            panic!("a call is refused");
        };
        assert_eq!(method, call.method);
        match serde_json::from_str::<Value>(&params.as_json()) {
            Ok(json) => assert_eq!(params.parse(), Ok(json)),
            Err(why) => assert!(beyond_serde_json(&why), "parameters are no JSON: {why}"),
        }
        assert!(call.params.is_some() || params.is_null());
    }
}

/// As messages of an application: they are sent as they are, behind their time.
fn own_messages(data: &[u8]) {
    let protobuf = |ts_field| PayloadFormat::Protobuf { ts_field };
    let (plain, _) = Telemetry::protobuf(data)
        .into_parts(protobuf(None))
        .expect("any bytes may be a message");
    assert!(!plain.needs_stamp());
    assert_eq!(payload(&plain), data);
    let (mut timed, _) = Telemetry::protobuf(data)
        .into_parts(protobuf(Some(1)))
        .expect("any bytes may be a message");
    assert!(timed.needs_stamp());
    let before = timed.stamp(TS);
    let stamped = payload(&timed);
    assert!(stamped.ends_with(data) && stamped.len() == data.len() + 7);
    timed.restore(before);
    assert_eq!(payload(&timed), data);
    let attributes = Attributes::protobuf(data);
    assert!(attributes.check(PayloadFormat::Json).is_err());
}

fn attribute_update(data: &[u8]) {
    // Two payloads that come one after the other, if there is a line end between them.
    let (first, second) = match data.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, data),
    };
    let Ok(mut update) = AttributeUpdate::parse(first) else {
        return;
    };
    disjoint(&update);
    let Ok(later) = AttributeUpdate::parse(second) else {
        return;
    };
    update.merge(later.clone());
    disjoint(&update);
    for (key, value) in later.updated.iter() {
        assert_eq!(
            update.updated.get_value(key),
            Some(value),
            "the later value holds"
        );
    }
    for key in &later.deleted {
        let gone = update.deleted.contains(key) && !update.updated.contains_key(key);
        assert!(
            gone || later.updated.contains_key(key),
            "the later deletion of {key:?} holds"
        );
    }
    update.retain(|_| false);
    assert!(update.is_empty());
}

/// A key is either there or gone; keys that are gone are sorted, each once.
fn disjoint(update: &AttributeUpdate) {
    assert!(
        update.deleted.is_sorted_by(|a, b| a < b),
        "{:?}",
        update.deleted
    );
    assert!(
        update
            .deleted
            .iter()
            .all(|key| !update.updated.contains_key(key))
    );
}

fn attribute_values(data: &[u8]) {
    let Ok(values) = AttributeValues::parse(data) else {
        return;
    };
    let whole: Value = serde_json::from_slice(data).expect("what was parsed is JSON");
    for (name, scope) in [("client", &values.client), ("shared", &values.shared)] {
        let expected = whole.get(name).and_then(Value::as_object);
        assert_eq!(scope.len(), expected.map_or(0, serde_json::Map::len));
        for (key, value) in scope.iter() {
            assert_eq!(expected.and_then(|expected| expected.get(key)), Some(value));
        }
    }
}

fn rpc_request(payload: &Bytes) {
    let parsed = RpcRequestBody::parse(payload);
    let Ok(whole) = serde_json::from_slice::<Value>(payload) else {
        return;
    };
    // The scanner bounds the depth one level later than serde_json, so it takes all of this.
    let method = whole
        .as_object()
        .and_then(|object| object.get("method")?.as_str());
    match parsed {
        Ok(RpcRequestBody {
            method: found,
            params,
        }) => {
            assert_eq!(Some(found.as_str()), method);
            let expected = whole.get("params").unwrap_or(&Value::Null);
            assert_eq!(params.parse::<Value>().as_ref(), Ok(expected));
            assert!(!params.is_null() || expected.is_null());
        }
        Err(_) => assert_eq!(method, None, "a call with a method is refused"),
    }
}

fn rpc_answer(payload: &Bytes) {
    let whole = serde_json::from_slice::<Value>(payload).ok();
    let object = whole.as_ref().and_then(Value::as_object);
    let told = object
        .filter(|object| object.len() == 1)
        .and_then(|object| object.get("error"));
    match parse_rpc_answer(payload) {
        Ok(answer) => assert_eq!(
            answer.as_bytes(),
            payload,
            "an answer is handed over as it came"
        ),
        Err(RpcError::Timeout) => assert_eq!(told.and_then(Value::as_str), Some("timeout")),
        Err(RpcError::Answered { error }) => {
            // Where serde_json refuses the text there is nothing to compare with.
            assert!(whole.is_none() || told == Some(&error), "{error}");
        }
    }
}

fn telemetry(data: &[u8]) {
    let Ok((mut body, _)) = Telemetry::json(data).into_parts(PayloadFormat::Json) else {
        return;
    };
    let sent = payload(&body);
    same(data, &sent);
    let again = Telemetry::json(sent.clone()).into_parts(PayloadFormat::Json);
    let (again, _) = again.expect("what is sent would be accepted again");
    assert_eq!(payload(&again), sent, "what is sent needs no more mending");
    assert_eq!(again.data_points(), body.data_points());

    body.stamp(TS);
    assert!(!body.needs_stamp());
    let stamped = payload(&body);
    assert_eq!(stamped.len(), body.len());
    let Ok(stamped) = serde_json::from_slice::<Value>(&stamped) else {
        return;
    };
    let entries = match &stamped {
        Value::Array(entries) => entries.as_slice(),
        entry => core::slice::from_ref(entry),
    };
    for entry in entries {
        assert!(
            entry.get("ts").is_some() && entry["values"].is_object(),
            "{entry}"
        );
    }
}

fn payload(body: &TelemetryBody) -> Vec<u8> {
    body.bytes().to_vec()
}

fn attributes(data: &[u8]) {
    let Ok((body, _)) = Attributes::json(data).into_parts() else {
        return;
    };
    same(data, &body.text);
    let merged = crate::tb::attributes::merge(&[&body.text, &body.text]);
    same(&body.text, &merged.text);
    assert!(
        merged.data_points <= body.data_points,
        "merging adds no data points"
    );
}

/// What is sent says what was given: equal as JSON, apart from the rounding of floats.
fn same(given: &[u8], sent: &[u8]) {
    match (serde_json::from_slice(given), serde_json::from_slice(sent)) {
        (Ok(given), Ok(sent)) => assert!(equal(&given, &sent), "{given} is sent as {sent}"),
        (Err(why), Err(_)) => assert!(beyond_serde_json(&why), "accepted although {why}"),
        (Ok(given), Err(why)) => panic!("{given} is sent as something else: {why}"),
        (Err(why), Ok(sent)) => panic!("what is no JSON ({why}) is sent as {sent}"),
    }
}

/// What strict JSON allows and serde_json cannot hold: half a surrogate pair, a number beyond a
/// double deep inside, one more level of nesting.
fn beyond_serde_json(why: &serde_json::Error) -> bool {
    let why = alloc::format!("{why}");
    ["surrogate", "hex escape", "out of range", "recursion limit"]
        .iter()
        .any(|known| why.contains(known))
}

fn equal(given: &Value, sent: &Value) -> bool {
    match (given, sent) {
        (Value::Number(given), Value::Number(sent)) => match (given.as_f64(), sent.as_f64()) {
            // 16 decimals are kept, and a double is stored for what is written as one.
            (Some(given), Some(sent)) => {
                let difference = given - sent;
                (-1e-16..=1e-16).contains(&difference) || given == sent
            }
            _ => given == sent,
        },
        (Value::Array(given), Value::Array(sent)) => {
            given.len() == sent.len() && given.iter().zip(sent).all(|(a, b)| equal(a, b))
        }
        (Value::Object(given), Value::Object(sent)) => {
            given.len() == sent.len()
                && given
                    .iter()
                    .all(|(key, value)| sent.get(key).is_some_and(|sent| equal(value, sent)))
        }
        _ => given == sent,
    }
}
