use std::collections::{BTreeMap, BTreeSet};

use crate::families::{All, LATER, REPLAYED};

#[test]
fn every_family_is_either_replayed_or_named_as_later() {
    let all = All::load();
    let found: BTreeSet<_> = all
        .iter()
        .map(|recording| recording.family.as_str())
        .collect();
    let known: BTreeSet<_> = REPLAYED
        .into_iter()
        .chain(LATER.map(|(family, _)| family))
        .collect();
    assert_eq!(known.len(), REPLAYED.len() + LATER.len());
    assert!(found.is_subset(&known), "{found:?}");
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
