//! All recordings of a folder.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::exchange::{Head, RawStep, Recording, Step};
use super::long_form::strict;

/// Recordings in the order of their files.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    /// The recordings.
    pub recordings: Vec<Recording>,
}

/// Why a folder of recordings could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorpusError {
    /// The file, as far as it is known.
    pub path: PathBuf,
    /// The line in it, counted from 1; 0 if it is about the whole file.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.reason)
    }
}

impl core::error::Error for CorpusError {}

impl Corpus {
    /// The recordings of this repository.
    pub fn golden() -> Result<Self, CorpusError> {
        Self::compact(&Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts"))
    }

    /// A folder in the compact form: every `FAMILY.jsonl` in it.
    pub fn compact(folder: &Path) -> Result<Self, CorpusError> {
        let mut corpus = Self::default();
        for path in files(folder, "jsonl")? {
            let family = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            corpus.read_lines(&path, &family)?;
        }
        Ok(corpus)
    }

    /// A folder in the long form: one scenario in every `.json` file, except an `index.json`.
    pub fn long(folder: &Path) -> Result<Self, CorpusError> {
        let mut corpus = Self::default();
        for path in files(folder, "json")? {
            if path.file_name().is_some_and(|name| name == "index.json") {
                continue;
            }
            let at = |reason: String| CorpusError {
                path: path.clone(),
                line: 0,
                reason,
            };
            let text = fs::read_to_string(&path).map_err(|error| at(error.to_string()))?;
            let whole: LongRecording =
                serde_json::from_str(&strict(&text)).map_err(|error| at(error.to_string()))?;
            let mut recording = begin(&whole.head, whole.family);
            let lengths = whole.head.placeholder_lengths();
            for step in whole.steps {
                recording
                    .steps
                    .extend(step.read(&lengths).map_err(|error| at(error.to_string()))?);
            }
            recording.stored = whole.stored;
            corpus.recordings.push(recording);
        }
        Ok(corpus)
    }

    fn read_lines(&mut self, path: &Path, family: &str) -> Result<(), CorpusError> {
        let at = |line: usize, reason: String| CorpusError {
            path: path.to_owned(),
            line,
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| at(0, error.to_string()))?;
        let mut lengths = Default::default();
        for (number, text) in (1..).zip(text.lines()) {
            let line: CompactLine =
                serde_json::from_str(text).map_err(|error| at(number, error.to_string()))?;
            if let CompactLine::Head(head) = line {
                lengths = head.placeholder_lengths();
                self.recordings.push(begin(&head, family.to_owned()));
                continue;
            }
            let recording = self
                .recordings
                .last_mut()
                .filter(|recording| recording.family == family)
                .ok_or_else(|| at(number, "a step before the first scenario".to_owned()))?;
            match line {
                CompactLine::Head(_) => {}
                CompactLine::Stored { stored } => recording.stored.push(spelled_out(stored)),
                CompactLine::Step(step) => {
                    let steps = step
                        .read(&lengths)
                        .map_err(|error| at(number, error.to_string()))?;
                    recording.steps.extend(steps);
                }
            }
        }
        Ok(())
    }

    /// The recordings of these families.
    pub fn of_families(&self, families: &[&str]) -> impl Iterator<Item = &Recording> {
        self.recordings
            .iter()
            .filter(|recording| families.contains(&recording.family.as_str()))
    }

    /// The number of server packets, silences, closes, outcomes and stored facts to compare.
    pub fn expectations(&self) -> usize {
        let of_step = |step: &Step| match step {
            Step::Receive { packets, .. } => packets.len(),
            Step::Silence { .. } | Step::Closed { .. } | Step::Outcome(_) => 1,
            _ => 0,
        };
        let of_recording = |recording: &Recording| {
            recording.steps.iter().map(of_step).sum::<usize>() + recording.stored.len()
        };
        self.recordings.iter().map(of_recording).sum()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CompactLine {
    Head(Head),
    Stored { stored: Value },
    Step(Box<RawStep>),
}

#[derive(Deserialize)]
struct LongRecording {
    #[serde(flatten)]
    head: Head,
    family: String,
    steps: Vec<RawStep>,
    stored: Vec<Value>,
}

fn begin(head: &Head, family: String) -> Recording {
    Recording {
        id: head.id.clone(),
        family,
        title: head.title.clone(),
        covers: head.covers.clone(),
        protocol: head.protocol,
        setup: head.setup.clone(),
        steps: Vec::new(),
        stored: Vec::new(),
    }
}

/// A long text of one character is written as `{"repeat":"x","count":n}` where a STRING is stored.
fn spelled_out(mut stored: Value) -> Value {
    let repeated = |value: &Value| {
        let count = usize::try_from(value.get("count")?.as_u64()?).ok()?;
        Some(Value::from(value.get("repeat")?.as_str()?.repeat(count)))
    };
    if stored.get("type").is_some_and(|kind| kind == "STRING")
        && let Some(value) = stored.get_mut("value")
        && let Some(text) = repeated(value)
    {
        *value = text;
    }
    stored
}

/// The files with that ending, sorted by name.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, CorpusError> {
    let at = |error: std::io::Error| CorpusError {
        path: folder.to_owned(),
        line: 0,
        reason: error.to_string(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
