/// Runs something and says how many more bytes are allocated after it than before.
///
/// It needs an allocator that counts, so the test binary brings it.
pub type Measure = fn(&mut dyn FnMut()) -> i64;

/// The memory that belongs to a device's client: whatever is allocated while it works, less what is
/// released while it works or by the application that got it from there.
#[derive(Debug, Default)]
pub struct Meter {
    measure: Option<Measure>,
    live: i64,
}

impl Meter {
    /// A meter that measures like this.
    #[must_use]
    pub const fn new(measure: Measure) -> Self {
        Self {
            measure: Some(measure),
            live: 0,
        }
    }

    /// Live bytes; nothing if nothing is measured.
    #[must_use]
    pub const fn live(&self) -> i64 {
        self.live
    }

    pub(super) fn run<R>(&mut self, act: impl FnOnce() -> R) -> R {
        let Some(measure) = self.measure else {
            return act();
        };
        let (mut act, mut result) = (Some(act), None);
        self.live += measure(&mut || result = act.take().map(|act| act()));
        result.expect("a measured closure runs once")
    }
}
