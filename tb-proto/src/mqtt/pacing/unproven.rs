//! What was written and is acknowledged by nothing of its own.

use super::Tokens;

/// Tokens of messages at QoS 0, subscriptions and acknowledgements on one connection.
///
/// The server handles what comes in its order, so PINGRESP shows that all that was written before
/// its PINGREQ has arrived.
#[derive(Debug, Default)]
pub(crate) struct Unproven {
    tokens: Tokens,
    /// PINGREQs without PINGRESP.
    pings: u32,
    /// What the last of so many PINGRESPs will show.
    proving: Option<(u32, Tokens)>,
}

impl Unproven {
    pub(crate) fn add(&mut self, tokens: Tokens) {
        self.tokens += tokens;
    }

    /// All of it, whether a proof is under way or not.
    pub(crate) fn owed(&self) -> Tokens {
        let mut owed = self.tokens;
        if let Some((_, tokens)) = self.proving {
            owed += tokens;
        }
        owed
    }

    /// What a proof could be asked for; nothing while one is under way.
    pub(crate) fn provable(&self) -> Tokens {
        match self.proving {
            Some(_) => Tokens::NONE,
            None => self.tokens,
        }
    }

    /// The next PINGREQ is written for the sake of the proof.
    pub(crate) fn prove(&mut self) {
        let tokens = core::mem::take(&mut self.tokens);
        self.proving = Some((self.pings.saturating_add(1), tokens));
    }

    pub(crate) const fn pinged(&mut self) {
        self.pings = self.pings.saturating_add(1);
    }

    /// PINGRESP: returns what has been shown to have arrived.
    pub(crate) fn ponged(&mut self) -> Tokens {
        self.pings = self.pings.saturating_sub(1);
        match &mut self.proving {
            Some((1, tokens)) => {
                let tokens = *tokens;
                self.proving = None;
                tokens
            }
            Some((pings, _)) => {
                *pings -= 1;
                Tokens::NONE
            }
            None => Tokens::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pingresp_shows_what_was_written_before_its_own_pingreq() {
        let mut unproven = Unproven::default();
        unproven.pinged();
        unproven.add(Tokens::messages(3));
        unproven.prove();
        unproven.pinged();
        unproven.add(Tokens::messages(1));
        assert_eq!(unproven.ponged(), Tokens::NONE, "it answers the older one");
        assert_eq!(unproven.owed(), Tokens::messages(4));
        assert_eq!(unproven.ponged(), Tokens::messages(3));
        assert_eq!(unproven.owed(), Tokens::messages(1));
    }
}
