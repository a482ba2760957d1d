use serde_json::{Value, json};
use tb_tests::replay::{Expected, Recording, Step, Template, replay_against_simulator};

use crate::families::{All, REPLAYED};

/// A comparison that overlooks something would let one of these pass.
#[test]
fn a_recording_that_was_tampered_with_no_longer_agrees() {
    let all = All::load();
    let mut tampered = 0;
    for recording in all.golden.of_families(&REPLAYED) {
        if replay_against_simulator(recording).is_err() {
            continue;
        }
        for (what, changed) in changed(recording) {
            tampered += 1;
            assert!(
                replay_against_simulator(&changed).is_err(),
                "{}: {what}",
                recording.id
            );
        }
    }
    assert!(tampered > 2_000, "{tampered}");
    println!("{tampered} tampered recordings disagree");
}

fn changed(recording: &Recording) -> Vec<(String, Recording)> {
    let mut all = Vec::new();
    for place in 0..recording.steps.len() {
        let mut changed = recording.clone();
        let what = match &mut changed.steps[place] {
            Step::Receive { packets, .. } => {
                let Some(Expected::Bytes(last)) = packets.last_mut() else {
                    continue;
                };
                let mut bytes = last.bytes().to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                *last = Template::from(bytes);
                "another last byte"
            }
            step @ Step::Closed { .. } => {
                let Step::Closed { connection } = step else {
                    continue;
                };
                *step = Step::Silence {
                    connection: connection.clone(),
                    millis: 130_000,
                };
                "silence for a close"
            }
            Step::Outcome(outcome) => {
                let pending = outcome.get("pending") == Some(&Value::Bool(true));
                outcome["call"] = json!(if pending { "no such call" } else { "r0" });
                "the outcome of another call"
            }
            _ => continue,
        };
        all.push((format!("step {}: {what}", place + 1), changed));

        let mut changed = recording.clone();
        if let Step::Receive { packets, .. } = &mut changed.steps[place]
            && packets.len() > 1
        {
            packets.pop();
            all.push((format!("step {}: a packet less", place + 1), changed));
        }
    }
    for place in 0..recording.stored.len() {
        let mut fewer = recording.clone();
        let fact = fewer.stored.remove(place);
        all.push((format!("without {fact}"), fewer));
        let mut twice = recording.clone();
        twice.stored.push(fact);
        all.push((format!("twice {}", recording.stored[place]), twice));
    }
    all
}
