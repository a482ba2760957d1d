use std::collections::BTreeMap;

use tb_tests::replay::{Disagreement, Recording, known_disagreements, replay_against_simulator};

use crate::families::{All, REPLAYED, is_replayed};

const KNOWN: &str = include_str!("../../transcripts/disagreements.txt");

#[test]
fn the_simulator_answers_as_the_genuine_server_did() {
    let all = All::load();
    let known = known_disagreements(KNOWN).unwrap();
    let golden = disagreements(all.golden.of_families(&REPLAYED));
    let further = disagreements(
        all.further
            .recordings
            .iter()
            .filter(|each| is_replayed(each)),
    );

    let played = all
        .iter()
        .filter(|recording| is_replayed(recording))
        .count();
    println!(
        "{} of {played} agree",
        played - golden.len() - further.len()
    );
    for family in REPLAYED {
        let of_family = all.iter().filter(|recording| recording.family == family);
        let ids: Vec<_> = of_family.map(|recording| recording.id.as_str()).collect();
        let disagree = ids
            .iter()
            .filter(|id| golden.contains_key(*id) || further.contains_key(*id))
            .count();
        println!("  {family}: {} of {}", ids.len() - disagree, ids.len());
    }

    let mut wrong = String::new();
    for (id, disagreement) in &golden {
        if !known.contains_key(*id) {
            wrong.push_str(&format!("disagrees: {id}: {disagreement}\n"));
        }
    }
    for (id, disagreement) in &further {
        wrong.push_str(&format!("disagrees: {id}: {disagreement}\n"));
    }
    for id in known.keys().filter(|id| !golden.contains_key(id.as_str())) {
        wrong.push_str(&format!("listed, but agrees or does not exist: {id}\n"));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn disagreements<'a>(
    recordings: impl Iterator<Item = &'a Recording>,
) -> BTreeMap<&'a str, Disagreement> {
    recordings
        .filter_map(|recording| {
            Some((
                recording.id.as_str(),
                replay_against_simulator(recording).err()?,
            ))
        })
        .collect()
}
