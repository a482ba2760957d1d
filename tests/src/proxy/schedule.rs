//! When the next cut is due, counted in bytes.

use core::ops::Range;

use super::Cut;

/// The plan of cuts. Counts bytes, not time, so that a plan means the same on every machine.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    next: Option<Planned>,
    later: Option<Series>,
}

/// What of a chunk may pass, and the cut that comes right behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) bytes: usize,
    pub(super) cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    bytes_left: u64,
    cut: Cut,
}

#[derive(Debug)]
struct Series {
    left: u64,
    bytes: Range<u64>,
    kinds: Vec<Cut>,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            next: None,
            later: None,
        }
    }

    pub(super) fn plan_one(&mut self, bytes: u64, cut: Cut) {
        self.next = Some(Planned {
            bytes_left: bytes,
            cut,
        });
        self.later = None;
    }

    pub(super) fn plan_random(&mut self, cuts: u64, bytes: Range<u64>, kinds: &[Cut]) {
        self.later = Some(Series {
            left: cuts,
            bytes,
            kinds: kinds.to_vec(),
        });
        self.next = self.draw();
    }

    /// Takes a chunk of `len` bytes into account.
    pub(super) fn pass(&mut self, len: usize) -> Passage {
        let Some(planned) = &mut self.next else {
            return Passage {
                bytes: len,
                cut: None,
            };
        };
        match usize::try_from(planned.bytes_left) {
            Ok(allowed) if allowed < len => {
                let cut = planned.cut;
                self.next = self.draw();
                Passage {
                    bytes: allowed,
                    cut: Some(cut),
                }
            }
            _ => {
                planned.bytes_left -= len as u64;
                Passage {
                    bytes: len,
                    cut: None,
                }
            }
        }
    }

    fn draw(&mut self) -> Option<Planned> {
        let series = self.later.as_mut()?;
        series.left = series.left.checked_sub(1)?;
        let bytes_left = self.random.within(&series.bytes)?;
        let kind = self.random.within(&(0..series.kinds.len() as u64))?;
        let cut = *series.kinds.get(usize::try_from(kind).ok()?)?;
        Some(Planned { bytes_left, cut })
    }
}

/// SplitMix64: any seed gives a usable sequence, and eight lines need no dependency.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// A number of `range`; none when it is empty.
    fn within(&mut self, range: &Range<u64>) -> Option<u64> {
        let width = range
            .end
            .checked_sub(range.start)
            .filter(|width| *width > 0)?;
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(range.start + (mixed ^ (mixed >> 31)) % width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts_of(seed: u64) -> Vec<(usize, Cut)> {
        let mut schedule = Schedule::new(seed);
        schedule.plan_random(4, 10..1_000, &[Cut::Fin, Cut::Reset, Cut::Stall]);
        let mut since_last = 0;
        let mut cuts = Vec::new();
        for _ in 0..1_000 {
            let passage = schedule.pass(7);
            since_last += passage.bytes;
            if let Some(cut) = passage.cut {
                cuts.push((since_last, cut));
                since_last = 0;
            }
        }
        cuts
    }

    #[test]
    fn the_same_seed_cuts_at_the_same_bytes() {
        assert_eq!(cuts_of(5), cuts_of(5));
        assert_ne!(cuts_of(5), cuts_of(6));
    }

    #[test]
    fn a_series_has_its_number_of_cuts_within_its_range() {
        for seed in 0..100 {
            let cuts = cuts_of(seed);
            assert_eq!(cuts.len(), 4);
            assert!(
                cuts.iter().all(|(bytes, _)| (10..1_000).contains(bytes)),
                "{cuts:?}"
            );
        }
    }

    #[test]
    fn a_planned_cut_falls_between_two_bytes() {
        let mut schedule = Schedule::new(0);
        schedule.plan_one(5, Cut::Reset);
        assert_eq!(
            schedule.pass(5),
            Passage {
                bytes: 5,
                cut: None
            }
        );
        assert_eq!(
            schedule.pass(3),
            Passage {
                bytes: 0,
                cut: Some(Cut::Reset)
            }
        );
        assert_eq!(
            schedule.pass(3),
            Passage {
                bytes: 3,
                cut: None
            }
        );
    }

    #[test]
    fn a_series_out_of_nothing_plans_nothing() {
        let mut schedule = Schedule::new(0);
        schedule.plan_random(3, 5..5, &[Cut::Fin]);
        assert_eq!(
            schedule.pass(100),
            Passage {
                bytes: 100,
                cut: None
            }
        );
        schedule.plan_random(3, 5..6, &[]);
        assert_eq!(
            schedule.pass(100),
            Passage {
                bytes: 100,
                cut: None
            }
        );
    }
}
