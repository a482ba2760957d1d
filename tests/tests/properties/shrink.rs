//! From three hundred steps to the few that matter.

use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tb_tests::world::Step;

/// Lists of so many steps, which shrink by leaving out large parts first, then smaller ones.
#[derive(Debug)]
pub(crate) struct Steps<S> {
    pub(crate) step: S,
    pub(crate) count: usize,
}

/// A list of steps, and the attempt to leave some out.
#[derive(Debug)]
pub(crate) struct Shorter {
    steps: Vec<Step>,
    /// Where the next steps to be left out begin, and how many they are.
    at: usize,
    size: usize,
    /// What was left out last.
    without: Vec<Step>,
    /// Whether anything was left out for good since the beginning was last passed.
    progress: bool,
}

impl<S: Strategy<Value = Step>> Strategy for Steps<S> {
    type Tree = Shorter;
    type Value = Vec<Step>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let steps = (0..self.count)
            .map(|_| Ok(self.step.new_tree(runner)?.current()))
            .collect::<Result<Vec<_>, proptest::test_runner::Reason>>()?;
        let size = steps.len().div_ceil(2);
        Ok(Shorter {
            steps,
            at: 0,
            size,
            without: Vec::new(),
            progress: false,
        })
    }
}

impl ValueTree for Shorter {
    type Value = Vec<Step>;

    fn current(&self) -> Vec<Step> {
        self.steps.clone()
    }

    fn simplify(&mut self) -> bool {
        self.progress |= !self.without.is_empty();
        if self.at >= self.steps.len() {
            if self.size <= 1 && !self.progress {
                return false;
            }
            self.at = 0;
            self.progress = false;
            self.size = self.size.div_ceil(2).max(1);
        }
        if self.steps.is_empty() {
            return false;
        }
        let end = (self.at + self.size).min(self.steps.len());
        self.without = self.steps.drain(self.at..end).collect();
        true
    }

    fn complicate(&mut self) -> bool {
        if self.without.is_empty() {
            return false;
        }
        let without = core::mem::take(&mut self.without);
        let next = self.at + without.len();
        self.steps.splice(self.at..self.at, without);
        self.at = next;
        true
    }
}
