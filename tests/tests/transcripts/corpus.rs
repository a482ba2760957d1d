use std::collections::{BTreeMap, BTreeSet};

use crate::families::{All, REPLAYED};

#[test]
fn every_family_is_played_to_the_simulator() {
    let all = All::load();
    let found: BTreeSet<_> = all
        .iter()
        .map(|recording| recording.family.as_str())
        .collect();
    assert_eq!(found, BTreeSet::from(REPLAYED));
}

#[test]
fn every_recording_is_read_and_says_something() {
    let all = All::load();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for recording in all.iter() {
        assert!(ids.insert(&recording.id), "{} is there twice", recording.id);
        assert!(!recording.steps.is_empty(), "{} has no steps", recording.id);
        *counts.entry(&recording.family).or_default() += 1;
    }
    assert_eq!(all.golden.recordings.len(), 839);
    assert_eq!(all.golden.expectations(), 5_495);
    println!(
        "{} recordings, {} of them further ones: {counts:?}",
        ids.len(),
        all.further.recordings.len()
    );
}
