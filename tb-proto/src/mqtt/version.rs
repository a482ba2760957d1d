//! Which version of MQTT to speak: 5 first, 3.1.1 where that is all there is.

use core::time::Duration;

use crate::codec::ProtocolVersion;
use crate::time::Instant;

/// Closes without a word before CONNACK that lead to the other version.
const SILENT_CLOSES: u8 = 3;

/// How long 3.1.1 is kept after silence led to it, before MQTT 5 is tried again.
const RETRY: Duration = Duration::from_secs(3600);

/// The choice of the version, and what is known about the server.
///
/// ```text
///            refused (0x84, 0x01), or silent three times
///   MQTT 5 ───────────────────────────────────────────────▶ 3.1.1
///          ◀───────────────────────────────────────────────
///            refused, silent again, or an hour after silence
/// ```
#[derive(Clone, Debug)]
pub(crate) struct VersionChoice {
    fixed: bool,
    current: ProtocolVersion,
    /// Once MQTT 5 was accepted, silence is trouble of another kind.
    v5_accepted: bool,
    silent: u8,
    by_silence: bool,
}

impl VersionChoice {
    pub(crate) const fn automatic() -> Self {
        Self {
            fixed: false,
            current: ProtocolVersion::V5,
            v5_accepted: false,
            silent: 0,
            by_silence: false,
        }
    }

    pub(crate) const fn only(version: ProtocolVersion) -> Self {
        Self {
            fixed: true,
            current: version,
            v5_accepted: false,
            silent: 0,
            by_silence: false,
        }
    }

    pub(crate) const fn current(&self) -> ProtocolVersion {
        self.current
    }

    /// The server accepted the current version. Returns when MQTT 5 should be tried again, if it should.
    pub(crate) fn accepted(&mut self, now: Instant) -> Option<Instant> {
        self.silent = 0;
        match self.current {
            ProtocolVersion::V5 => {
                self.v5_accepted = true;
                self.by_silence = false;
                None
            }
            ProtocolVersion::V3_1_1 => self.by_silence.then(|| now + RETRY),
        }
    }

    /// The server refused the current version in so many words. Returns the other one if it is to be tried.
    pub(crate) const fn refused(&mut self) -> Option<ProtocolVersion> {
        if self.fixed {
            return None;
        }
        self.v5_accepted = false;
        self.by_silence = false;
        Some(self.switch())
    }

    /// The server closed before CONNACK. Returns the other version if it is its turn.
    pub(crate) const fn silence(&mut self) -> Option<ProtocolVersion> {
        if self.fixed || self.v5_accepted {
            return None;
        }
        self.silent = self.silent.saturating_add(1);
        if self.silent < SILENT_CLOSES {
            return None;
        }
        self.by_silence = matches!(self.current, ProtocolVersion::V5);
        Some(self.switch())
    }

    /// An hour has passed on 3.1.1. One more silence now leads straight back to it.
    pub(crate) const fn retry(&mut self) -> ProtocolVersion {
        self.silent = SILENT_CLOSES - 1;
        self.switch()
    }

    const fn switch(&mut self) -> ProtocolVersion {
        self.current = match self.current {
            ProtocolVersion::V5 => ProtocolVersion::V3_1_1,
            ProtocolVersion::V3_1_1 => ProtocolVersion::V5,
        };
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProtocolVersion::{V3_1_1, V5};

    #[test]
    fn after_ten_silent_closes_a_server_that_speaks_5_is_spoken_to_in_5() {
        let mut choice = VersionChoice::automatic();
        for _ in 0..10 {
            choice.silence();
        }
        assert_eq!(choice.current(), V5);
    }

    #[test]
    fn three_silent_closes_lead_to_the_other_version_and_then_they_alternate() {
        let mut choice = VersionChoice::automatic();
        let tried: alloc::vec::Vec<_> = (0..6)
            .map(|_| (choice.current(), choice.silence()).0)
            .collect();
        assert_eq!(tried, [V5, V5, V5, V3_1_1, V5, V3_1_1]);
    }

    #[test]
    fn once_5_was_accepted_only_an_explicit_refusal_leaves_it() {
        let mut choice = VersionChoice::automatic();
        assert_eq!(choice.accepted(Instant::default()), None);
        for _ in 0..20 {
            assert_eq!(choice.silence(), None);
        }
        assert_eq!(choice.refused(), Some(V3_1_1));
    }

    #[test]
    fn a_fallback_by_silence_tries_5_again_after_an_hour_and_goes_back_after_one_silence() {
        let mut choice = VersionChoice::automatic();
        for _ in 0..3 {
            choice.silence();
        }
        assert_eq!(
            choice.accepted(Instant::default()),
            Some(Instant::default() + RETRY)
        );
        assert_eq!(choice.retry(), V5);
        assert_eq!(choice.silence(), Some(V3_1_1));
    }

    #[test]
    fn a_fallback_after_a_refusal_is_kept() {
        let mut choice = VersionChoice::automatic();
        choice.refused();
        assert_eq!(choice.accepted(Instant::default()), None);
    }

    #[test]
    fn a_fixed_version_is_never_left() {
        let mut choice = VersionChoice::only(V3_1_1);
        assert_eq!(choice.refused(), None);
        assert_eq!(choice.silence(), None);
        assert_eq!(choice.current(), V3_1_1);
    }
}
