//! What one message costs in the machine: nanoseconds, allocations and bytes, a row for each kind.

use std::time::{Duration, Instant};

/// A table whose rows are measured so many times; the best time counts.
pub(crate) struct Costs {
    /// Bytes of the longest name.
    pub(crate) width: usize,
    pub(crate) rounds: usize,
}

impl Costs {
    pub(crate) fn head(&self) {
        let width = self.width;
        println!("{:<width$} {:>9} {:>9} {:>9}", "", "ns", "allocs", "bytes");
    }

    /// What one message costs when `work`, called `batches` times, moves `batch` of them at a time.
    pub(crate) fn row(&self, name: &str, batches: usize, batch: usize, mut work: impl FnMut()) {
        work();
        let total = (batches * batch) as f64;
        let mut best = Duration::MAX;
        let mut allocations = allocation_counter::AllocationInfo::default();
        for _ in 0..self.rounds {
            let mut spent = Duration::MAX;
            allocations = allocation_counter::measure(|| {
                let start = Instant::now();
                (0..batches).for_each(|_| work());
                spent = start.elapsed();
            });
            best = best.min(spent);
        }
        let width = self.width;
        println!(
            "{name:<width$} {:>9.1} {:>9.2} {:>9.1}",
            best.as_nanos() as f64 / total,
            allocations.count_total as f64 / total,
            allocations.bytes_total as f64 / total
        );
    }
}
