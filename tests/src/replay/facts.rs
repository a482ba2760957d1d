//! What the simulator's back-end received, against what was recorded.

use serde_json::{Value, json};

use super::json::json_agrees;
use crate::sim::{Stored, Timestamp};

/// Compares as multisets: the order in which facts arrive is not significant.
pub(crate) fn compare_facts(recorded: &[Value], stored: &[Stored]) -> Result<(), String> {
    let mut unclaimed: Vec<Value> = stored.iter().map(as_recorded).collect();
    let mut missing = Vec::new();
    for recorded in recorded {
        match unclaimed
            .iter()
            .position(|stored| json_agrees(recorded, stored))
        {
            Some(place) => {
                unclaimed.swap_remove(place);
            }
            None => missing.push(recorded),
        }
    }
    match (missing.first(), unclaimed.first()) {
        (None, None) => Ok(()),
        (Some(missing), Some(surplus)) => {
            Err(format!("recorded as stored {missing}, but {surplus} is"))
        }
        (Some(missing), None) => Err(format!("recorded as stored {missing}, but nothing is")),
        (None, Some(surplus)) => Err(format!("not recorded as stored, but {surplus} is")),
    }
}

fn as_recorded(stored: &Stored) -> Value {
    match stored {
        Stored::Telemetry {
            device,
            ts,
            key,
            value,
            topic,
        } => {
            let ts = match ts {
                Timestamp::Device(millis) => json!(millis),
                Timestamp::Server(_) => json!("{{server_time_ms}}"),
            };
            let mut fact = json!({
                "kind": "telemetry", "device": device, "ts": ts, "key": key,
                "type": value.type_name(), "value": value.to_json(),
            });
            if let (Some(topic), Value::Object(members)) = (topic, &mut fact) {
                members.insert("topic".to_owned(), json!(topic));
            }
            fact
        }
        Stored::ClientAttribute { device, key, value } => json!({
            "kind": "client_attribute", "device": device, "key": key,
            "type": value.type_name(), "value": value.to_json(),
        }),
        Stored::ClientRpc {
            device,
            id,
            method,
            params,
        } => json!({
            "kind": "client_rpc", "device": device, "id": id, "method": method, "params": params,
        }),
        Stored::RpcReply {
            device,
            id,
            payload,
            error,
            expected,
        } => json!({
            "kind": "rpc_reply", "device": device, "id": id, "payload": payload,
            "error": error, "expected": expected,
        }),
        Stored::RpcDeliveryStatus { device, id, status } => json!({
            "kind": "rpc_delivery_status", "device": device, "id": id, "status": status.name(),
        }),
        Stored::Claim {
            device,
            secret_key,
            duration_ms,
        } => json!({
            "kind": "claim", "device": device, "secret_key": secret_key, "duration_ms": duration_ms,
        }),
        Stored::Provision {
            device,
            credentials_type,
            key,
            gateway,
            status,
        } => json!({
            "kind": "provision", "device": device, "credentials_type": credentials_type, "key": key,
            "gateway": gateway, "status": status,
        }),
        Stored::GatewayChild {
            gateway,
            child,
            device_type,
            created,
        } => json!({
            "kind": "gateway_child", "gateway": gateway, "child": child, "type": device_type,
            "created": created,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::TypedValue;

    fn reading(value: TypedValue) -> Stored {
        Stored::Telemetry {
            device: "dev1".to_owned(),
            ts: Timestamp::Server(5),
            key: "a".to_owned(),
            value,
            topic: None,
        }
    }

    fn recorded(kind: &str, value: Value) -> Value {
        json!({"kind": "telemetry", "device": "dev1", "ts": "{{server_time_ms}}", "key": "a", "type": kind, "value": value})
    }

    #[test]
    fn facts_have_no_order_but_a_number() {
        let (one, two) = (recorded("LONG", json!(1)), recorded("LONG", json!(2)));
        let stored = [reading(TypedValue::Long(2)), reading(TypedValue::Long(1))];
        assert_eq!(compare_facts(&[one.clone(), two.clone()], &stored), Ok(()));
        assert!(compare_facts(&[one.clone(), one], &stored).is_err());
        assert!(compare_facts(&[two], &stored).is_err());
    }

    #[test]
    fn the_type_of_a_number_counts() {
        let stored = [reading(TypedValue::Double(1.0))];
        assert_eq!(
            compare_facts(&[recorded("DOUBLE", json!(1.0))], &stored),
            Ok(())
        );
        assert!(compare_facts(&[recorded("LONG", json!(1))], &stored).is_err());
    }

    #[test]
    fn a_time_that_the_device_gave_is_not_the_servers() {
        let mut recorded = recorded("LONG", json!(1));
        recorded["ts"] = json!(5);
        assert!(compare_facts(&[recorded], &[reading(TypedValue::Long(1))]).is_err());
    }
}
