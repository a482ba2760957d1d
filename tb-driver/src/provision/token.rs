use super::NotProvisioned;

/// Characters of a token: some 190 bits of chance. ThingsBoard itself makes 20 of the same kind.
const LENGTH: usize = 32;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// An access token out of the randomness of the operating system.
pub(crate) fn fresh_token() -> Result<String, NotProvisioned> {
    let mut token = String::with_capacity(LENGTH);
    while token.len() < LENGTH {
        let mut drawn = [0; 2 * LENGTH];
        getrandom::fill(&mut drawn).map_err(|_| NotProvisioned::NoRandomness)?;
        // Six bits; the two numbers without a letter are drawn again, so that all are equally likely.
        let letters = drawn
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        token.extend(letters.map(|&letter| char::from(letter)));
    }
    token.truncate(LENGTH);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_alphanumeric_and_never_the_same() {
        let tokens: std::collections::BTreeSet<_> =
            (0..100).map(|_| fresh_token().unwrap()).collect();
        assert_eq!(tokens.len(), 100);
        for token in &tokens {
            assert_eq!(token.len(), LENGTH);
            assert!(token.chars().all(|letter| letter.is_ascii_alphanumeric()));
        }
        let used: std::collections::BTreeSet<_> = tokens.iter().flat_map(|t| t.chars()).collect();
        assert_eq!(used.len(), ALPHABET.len(), "every letter occurs");
    }
}
