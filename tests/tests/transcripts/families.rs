//! Which recordings take part.

use std::collections::BTreeSet;
use std::path::Path;

use tb_tests::replay::{Corpus, Recording};

/// Families that are played to the simulator.
pub(crate) const REPLAYED: [&str; 14] = [
    "connect",
    "pubsub",
    "telemetry",
    "attributes",
    "server-rpc",
    "client-rpc",
    "failure-classes",
    "claim",
    "gateway",
    "profile",
    "ota",
    "protobuf",
    "provision",
    "rate-limits",
];

/// The recordings of the repository, and those that `TB_TRANSCRIPTS` adds.
pub(crate) struct All {
    pub(crate) golden: Corpus,
    pub(crate) further: Corpus,
}

impl All {
    pub(crate) fn load() -> Self {
        let golden = Corpus::golden().unwrap();
        let named = std::env::var_os("TB_TRANSCRIPTS");
        let mut further = named.map_or_else(Corpus::default, |folder| {
            Corpus::long(Path::new(&folder)).unwrap()
        });
        for recording in &further.recordings {
            let same = golden
                .recordings
                .iter()
                .find(|known| known.id == recording.id);
            assert!(
                same.is_none_or(|known| known == recording),
                "{} differs",
                recording.id
            );
        }
        let known: BTreeSet<_> = golden
            .recordings
            .iter()
            .map(|known| known.id.as_str())
            .collect();
        further
            .recordings
            .retain(|recording| !known.contains(recording.id.as_str()));
        Self { golden, further }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Recording> {
        self.golden
            .recordings
            .iter()
            .chain(&self.further.recordings)
    }
}

pub(crate) fn is_replayed(recording: &Recording) -> bool {
    REPLAYED.contains(&recording.family.as_str())
}
