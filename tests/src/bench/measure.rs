//! Processor time, wall time and latencies of one run.

use core::time::Duration;
use std::fs;
use std::io;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// What one run cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Processor time of the whole process, user and system, per message, in microseconds.
    pub cpu_us: f64,
    /// Messages per second of wall time.
    pub per_second: f64,
    /// Median latency in microseconds; only of round trips.
    pub p50_us: Option<f64>,
    /// 99th percentile of the latency in microseconds; only of round trips.
    pub p99_us: Option<f64>,
    /// Growth of the resident memory per connection in kB; only of idle connections.
    pub memory_kb: Option<f64>,
}

/// A run that is being measured.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    cpu_before: Duration,
    resident_kb_before: u64,
}

impl Meter {
    /// Starts now.
    ///
    /// # Errors
    ///
    /// When the system does not tell the processor time.
    pub fn start() -> io::Result<Self> {
        Ok(Self {
            resident_kb_before: resident_kb()?,
            cpu_before: cpu_time()?,
            started: Instant::now(),
        })
    }

    /// Ends now, after `messages` messages that took `latencies`, if each was timed.
    ///
    /// # Errors
    ///
    /// When the system does not tell the processor time.
    pub fn stop(self, messages: u64, mut latencies: Vec<Duration>) -> io::Result<Measurement> {
        let elapsed = self.started.elapsed();
        let cpu = cpu_time()?.saturating_sub(self.cpu_before);
        latencies.sort_unstable();
        Ok(Measurement {
            cpu_us: cpu.as_secs_f64() * 1e6 / messages as f64,
            per_second: messages as f64 / elapsed.as_secs_f64(),
            p50_us: percentile(&latencies, 50),
            p99_us: percentile(&latencies, 99),
            memory_kb: None,
        })
    }

    /// Ends now, with so many idle connections open.
    ///
    /// # Errors
    ///
    /// When the system does not tell processor time or memory.
    pub fn stop_idle(self, connections: u64) -> io::Result<Measurement> {
        let grown = resident_kb()?.saturating_sub(self.resident_kb_before);
        let memory_kb = Some(grown as f64 / connections as f64);
        Ok(Measurement {
            memory_kb,
            ..self.stop(connections, Vec::new())?
        })
    }
}

/// Of all threads of this process.
fn cpu_time() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

/// As Linux tells it; 0 elsewhere.
fn resident_kb() -> io::Result<u64> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other("no VmRSS in /proc/self/status"))
}

fn duration(time: TimeVal) -> Duration {
    let whole = Duration::from_secs(time.tv_sec().unsigned_abs());
    whole + Duration::from_micros(time.tv_usec().unsigned_abs())
}

fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted
        .get(last * percent / 100)
        .map(|latency| latency.as_secs_f64() * 1e6)
}
