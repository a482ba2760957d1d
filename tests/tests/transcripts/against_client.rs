use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use tb_tests::replay::{Answers, Survived, play_to_client};

use crate::families::All;

#[test]
fn the_client_survives_what_the_genuine_server_did() {
    let total = survives_all(Answers::Adapted);
    // Otherwise the answers went past it.
    assert!(
        total.rejected > 50 && total.unexpected_acknowledgements < 300,
        "{total:?}"
    );
}

#[test]
fn a_client_on_the_topics_and_in_the_format_of_its_profile_gets_its_answers() {
    let all = All::load();
    let of_profiles = all
        .iter()
        .filter(|recording| ["profile", "protobuf"].contains(&recording.family.as_str()));
    let mut answered = Vec::new();
    for recording in of_profiles {
        let survived = play_to_client(recording, Answers::Adapted)
            .unwrap_or_else(|fault| panic!("{}: {fault}", recording.id));
        if survived.answered > 0 {
            answered.push(recording.id.as_str());
        }
    }
    answered.sort_unstable();
    assert_eq!(
        answered,
        [
            "proto-attr-request-compat-json-downlink-v4",
            "proto-attr-request-compat-json-downlink-v5",
            "proto-attr-request-v2-j-v4",
            "proto-attr-request-v4",
            "proto-attr-request-v5",
            "proto-client-rpc-v4",
            "proto-client-rpc-v5",
            "proto-session-limits-v4",
            "proto-session-limits-v5",
        ]
    );
}

#[test]
fn the_client_survives_answers_that_were_meant_for_another() {
    let total = survives_all(Answers::AsRecorded);
    assert!(strays(&total) > 20, "{total:?}");
}

fn survives_all(answers: Answers) -> Survived {
    let all = All::load();
    let mut total = Survived::default();
    let mut recordings = 0;
    let mut faults = String::new();
    for recording in all.iter() {
        recordings += 1;
        match catch_unwind(AssertUnwindSafe(|| play_to_client(recording, answers))) {
            Ok(Ok(survived)) => total.add(&survived),
            Ok(Err(fault)) => faults.push_str(&format!("{}: {fault}\n", recording.id)),
            Err(_) => faults.push_str(&format!("{}: it panics\n", recording.id)),
        }
    }
    println!("{recordings} recordings, answers {answers:?}: {total:?}");
    assert!(faults.is_empty(), "{faults}");
    total
}

/// Acknowledgements that the client had no use for, in a hundred packets that it read.
fn strays(total: &Survived) -> u64 {
    total.unexpected_acknowledgements * 100 / total.packets as u64
}
