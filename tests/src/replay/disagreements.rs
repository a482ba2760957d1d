//! The list of recordings that the simulator is known to answer differently.

use std::collections::BTreeMap;

/// Reads `id: reason` lines. Empty lines and lines that begin with `#` say nothing.
pub fn known_disagreements(text: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut known = BTreeMap::new();
    for line in lines {
        let (id, reason) = line
            .split_once(": ")
            .ok_or_else(|| format!("no reason: {line}"))?;
        if known
            .insert(id.to_owned(), reason.trim().to_owned())
            .is_some()
        {
            return Err(format!("listed twice: {id}"));
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recording_has_one_reason() {
        let known = known_disagreements("# why\n\nc-1-v4: it is so\n").unwrap();
        assert_eq!(known.get("c-1-v4").map(String::as_str), Some("it is so"));
        assert!(known_disagreements("c-1-v4\n").is_err());
        assert!(known_disagreements("c-1-v4: a\nc-1-v4: b\n").is_err());
    }
}
