//! A firmware of 64 MiB over loopback, with 1, 2 and 4 chunks in flight, from the simulator's thread to a
//! sink that keeps nothing; the checksum is computed on the way.
//!
//! `cargo bench -p tb-tests --bench updates`; with `-- --short` 4 MiB once, to see whether it runs.
//! Rates of different machines or runs are not compared: the ratios of one run are.

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tb_blocking::{Config, Credentials, Installed, Package, UpdateSink, Verifier};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Assignment, ChecksumAlgorithm, Control, Package as Stored, Setup};

const TOKEN: &str = "A1_TEST_TOKEN";

/// A sink that keeps nothing.
struct Nowhere;

impl UpdateSink for Nowhere {
    fn poll_resume(
        &mut self,
        _: &mut Context<'_>,
        _: &Package,
        _: &mut Verifier,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_commit(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn discard(&mut self) {}
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The time from accepting the offer to the verified package.
fn download(length: u32, chunks: u32, algorithm: ChecksumAlgorithm) -> Result<Duration> {
    let mut setup = Setup::one_device(TOKEN);
    let package = Stored::Pattern { length };
    setup.packages.insert("fw".to_owned(), package);
    let server = SimulatorServer::start(setup)?;
    let assignment = Assignment::of_package("dev1", "fw", "pump", "1.4");
    server.control(Control::SetFw(assignment.with_algorithm(algorithm)));

    let url = format!("mqtt://{}", server.address());
    let config = Config::new(url.as_str().try_into()?, Credentials::token(TOKEN));
    let client = tb_blocking::start(config.chunks_in_flight(chunks))?;
    let mut updates = client.update_firmware(Installed::new("pump", "1.3"))?;
    let offer = updates.recv_wait()?;
    let begin = Instant::now();
    offer
        .download(Nowhere)
        .wait()
        .map_err(tb_blocking::Error::from)?;
    Ok(begin.elapsed())
}

fn main() -> Result<()> {
    let short = std::env::args().any(|argument| argument == "--short");
    let (length, runs) = if short {
        (4 * 1024 * 1024, 1)
    } else {
        (64 * 1024 * 1024, 5)
    };
    println!("{} MiB in chunks of 16 KiB; median of {runs}", length >> 20);
    for (name, algorithm) in [
        ("SHA256", ChecksumAlgorithm::Sha256),
        ("CRC32", ChecksumAlgorithm::Crc32),
    ] {
        for chunks in [1, 2, 4] {
            let mut times = (0..runs)
                .map(|_| download(length, chunks, algorithm))
                .collect::<Result<Vec<_>>>()?;
            times.sort_unstable();
            let median = times[runs / 2];
            let rate = f64::from(length >> 20) / median.as_secs_f64();
            println!("{name:7} {chunks} in flight  {median:>9.1?}  {rate:>6.0} MiB/s");
        }
    }
    Ok(())
}
