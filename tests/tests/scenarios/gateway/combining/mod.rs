//! Messages of several children in one publish.

mod connections;
mod limits;
mod outcomes;
mod refused;
mod sending;

use serde_json::Value;
use tb_proto::{ChildId, Combining, Config, Delivered, GatewayConfig, Pending};
use tb_tests::sim::Setup;

use super::rig::{Rig, config, setup};
use crate::sec;

fn combining(combining: Combining) -> Config {
    config().gateway(GatewayConfig::new().combine(combining))
}

/// A gateway that combines, with so many children, all announced.
fn with_children(config: Config, setup: Setup, children: usize) -> (Rig, Vec<ChildId>) {
    let mut rig = Rig::of(config, setup);
    let children = (0..children).map(|at| rig.child(&name(at))).collect();
    rig.wait(sec(5));
    (rig, children)
}

fn rig(children: usize) -> (Rig, Vec<ChildId>) {
    with_children(combining(Combining::new()), setup(), children)
}

fn name(child: usize) -> String {
    format!("m{child}")
}

/// The payloads of all publishes on a topic, in order.
fn publishes(rig: &Rig, topic: &str) -> Vec<Value> {
    let mut rest = rig.written.as_slice();
    let mut payloads = Vec::new();
    while let [first, after @ ..] = rest {
        let (mut length, mut digits) = (0, 0);
        for &byte in after.iter().take(4) {
            length |= usize::from(byte & 0x7F) << (7 * digits);
            digits += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (body, behind) = after[digits..].split_at(length);
        rest = behind;
        if first >> 4 == 3
            && body[..2] == u16::try_from(topic.len()).unwrap().to_be_bytes()
            && body[2..].starts_with(topic.as_bytes())
        {
            let identifier = usize::from(first & 0b0110 != 0) * 2;
            let behind = &body[2 + topic.len() + identifier..];
            // On MQTT 5 the length of no properties stands before it.
            let payload = behind.strip_prefix(&[0]).unwrap_or(behind);
            payloads.push(serde_json::from_slice(payload).unwrap());
        }
    }
    payloads
}

fn telemetry(rig: &Rig) -> Vec<Value> {
    publishes(rig, "v1/gateway/telemetry")
}

/// How many elements a publish has.
fn elements(publish: &Value) -> usize {
    let children = publish.as_object().unwrap().values();
    children.map(|child| child.as_array().unwrap().len()).sum()
}

fn all_delivered(rig: &mut Rig, sent: Vec<Pending<Delivered>>) {
    for sent in sent {
        assert!(rig.is_delivered(sent), "{sent:?}");
    }
}
