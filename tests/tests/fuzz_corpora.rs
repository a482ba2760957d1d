//! The corpora of the fuzz targets, replayed without a fuzzer: each file is named after what it shows.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use tb_proto::fuzzing;

/// Runs a target on every file of its corpus and names those that fail.
fn replay(target: &str, run: fn(&[u8]), at_least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut failed = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is part of the repository") {
        let path = entry.expect("a file").path();
        let data = fs::read(&path).expect("a readable file");
        files += 1;
        if catch_unwind(|| run(&data)).is_err() {
            failed.push(
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    assert!(
        files >= at_least,
        "only {files} files in the corpus of {target}"
    );
    assert!(failed.is_empty(), "{target} fails on {failed:?}");
}

#[test]
fn bytes_from_the_network_become_the_same_packets_however_they_are_cut() {
    replay("decode", fuzzing::decode, 60);
}

#[test]
fn what_is_encoded_is_read_by_others_as_it_was_meant() {
    replay("roundtrip", fuzzing::roundtrip, 30);
}

#[test]
fn topics_are_refused_or_work() {
    replay("topics", fuzzing::topics, 25);
}

#[test]
fn payloads_are_refused_or_say_what_they_said() {
    replay("payloads", fuzzing::payloads, 45);
}

#[test]
fn the_client_keeps_its_promises_through_every_script() {
    replay("machine", fuzzing::machine, 60);
}

#[test]
fn a_dialogue_with_a_proxy_ends_the_same_way_however_its_answer_is_cut() {
    replay("proxies", tb_driver::fuzzing::proxies, 20);
}

#[test]
fn every_prefix_of_a_script_is_a_script() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/machine");
    for entry in fs::read_dir(folder).expect("the corpus is part of the repository") {
        let data = fs::read(entry.expect("a file").path()).expect("a readable file");
        // A client must be able to close from wherever it is.
        for len in 0..data.len() {
            fuzzing::machine(&data[..len]);
        }
    }
}
