//! What was measured, for people.

use core::fmt;

use super::measure::Measurement;
use super::order::Workload;

/// The client that all are compared with because nothing can be cheaper.
const FLOOR: &str = "floor";
/// The client that all are compared with because it is what people use today.
const USUAL: &str = "rumqttc";

/// One workload, one row a client, medians over the rounds.
#[derive(Debug)]
pub struct Table {
    workload: Workload,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    client: String,
    rounds: Vec<Measurement>,
    writes_per_message: Option<f64>,
}

impl Table {
    /// Without rows.
    #[must_use]
    pub const fn new(workload: Workload) -> Self {
        Self {
            workload,
            rows: Vec::new(),
        }
    }

    /// Adds a round of a client.
    pub fn add(&mut self, client: &str, measured: Measurement) {
        self.row(client).rounds.push(measured);
    }

    /// Tells how many write calls a client makes for a message.
    pub fn set_writes(&mut self, client: &str, writes_per_message: Option<f64>) {
        self.row(client).writes_per_message = writes_per_message;
    }

    fn row(&mut self, client: &str) -> &mut Row {
        let index = self
            .rows
            .iter()
            .position(|row| row.client == client)
            .unwrap_or_else(|| {
                let rounds = Vec::new();
                self.rows.push(Row {
                    client: client.to_owned(),
                    rounds,
                    writes_per_message: None,
                });
                self.rows.len() - 1
            });
        &mut self.rows[index]
    }

    fn reference(&self, client: &str, figure: Figure) -> Option<f64> {
        self.rows
            .iter()
            .find(|row| row.client == client)?
            .median(figure)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compared: Figure = match self.workload {
            Workload::RoundTrip => |measured| measured.p50_us,
            Workload::Idle => |measured| measured.memory_kb,
            _ => |measured| Some(measured.cpu_us),
        };
        let floor = self.reference(FLOOR, compared);
        let usual = self.reference(USUAL, compared);
        writeln!(f, "{}", title(self.workload))?;
        writeln!(
            f,
            "{:<18} {:>9} {:>11} {:>9} {:>9} {:>10} {:>8} {:>8} {:>9}",
            "client",
            "CPU µs",
            "per second",
            "p50 µs",
            "p99 µs",
            "writes/msg",
            "kB",
            "× floor",
            "× rumqttc"
        )?;
        for row in &self.rows {
            let own = row.median(compared);
            let ratio = |to: Option<f64>| own.zip(to).map(|(own, to)| own / to);
            writeln!(
                f,
                "{:<18} {:>9} {:>11} {:>9} {:>9} {:>10} {:>8} {:>8} {:>9}",
                row.client,
                shown(row.median(|measured| Some(measured.cpu_us)), 3),
                shown(row.median(|measured| Some(measured.per_second)), 0),
                shown(row.median(|measured| measured.p50_us), 1),
                shown(row.median(|measured| measured.p99_us), 1),
                shown(row.writes_per_message, 3),
                shown(row.median(|measured| measured.memory_kb), 1),
                shown(ratio(floor), 2),
                shown(ratio(usual), 2),
            )?;
        }
        Ok(())
    }
}

type Figure = fn(&Measurement) -> Option<f64>;

impl Row {
    fn median(&self, figure: Figure) -> Option<f64> {
        let mut figures: Vec<f64> = self.rounds.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }
}

const fn title(workload: Workload) -> &'static str {
    match workload {
        Workload::Acknowledged => "W1: QoS 1 published and acknowledged, pipelined",
        Workload::Unacknowledged => "W2: QoS 0 published",
        Workload::Received => "W3: QoS 1 received, parsed to serde_json::Value",
        Workload::RoundTrip => {
            "W4: one QoS 1 publish at a time, until acknowledged (ratios of p50)"
        }
        Workload::Idle => "idle connections in one process (ratios of memory)",
    }
}

fn shown(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(cpu_us: f64) -> Measurement {
        Measurement {
            cpu_us,
            per_second: 1e6 / cpu_us,
            p50_us: None,
            p99_us: None,
            memory_kb: None,
        }
    }

    #[test]
    fn a_row_shows_the_median_and_its_ratio_to_floor_and_rumqttc() {
        let mut table = Table::new(Workload::Acknowledged);
        for (client, rounds) in [
            ("floor", [0.1, 0.1, 9.0]),
            ("ours", [0.2, 0.4, 0.3]),
            ("rumqttc", [3.0, 3.0, 3.0]),
        ] {
            for round in rounds {
                table.add(client, measured(round));
            }
        }
        table.set_writes("ours", Some(0.02));
        let text = table.to_string();
        let ours: Vec<&str> = text
            .lines()
            .find(|line| line.starts_with("ours"))
            .unwrap()
            .split_whitespace()
            .collect();
        assert_eq!(
            ours,
            [
                "ours", "0.300", "3333333", "–", "–", "0.020", "–", "3.00", "0.10"
            ]
        );
    }
}
