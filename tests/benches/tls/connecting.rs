//! How long connecting takes, from the start of a client until the server has accepted it.

use core::fmt::Write;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::time::Instant;

use tb_driver::{Client, Setup};
use tb_proto::{Config, Credentials, Endpoint, Scheme};

use crate::ours::{PATIENCE, trusting};

/// What a connection begins with.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    /// A device that knows nothing of the server but its authority: certificates are read and verified.
    Full,
    /// A device that was connected before.
    Resumed,
}

const KINDS: [Kind; 3] = [Kind::Plain, Kind::Full, Kind::Resumed];

/// Connects so many times in each way to the plain and the encrypted server, and tells the medians.
pub(crate) fn measured(
    connects: usize,
    (plain, encrypted): (SocketAddr, SocketAddr),
) -> io::Result<String> {
    let known = trusting();
    let setup = |kind| {
        let (scheme, server) = match kind {
            Kind::Plain => (Scheme::Mqtt, plain),
            Kind::Full | Kind::Resumed => (Scheme::Mqtts, encrypted),
        };
        let host = server.ip().to_string();
        let endpoint = Endpoint::new(scheme, &host, server.port()).map_err(io::Error::other)?;
        let config = Config::new(endpoint, Credentials::token("BENCH")).ask_session_limits(false);
        let tls = match kind {
            Kind::Plain | Kind::Full => trusting(),
            Kind::Resumed => known.clone(),
        };
        Ok::<_, io::Error>(Setup::from(config).tls(tls))
    };

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let on_tokio = |setup| runtime.block_on(on_tokio(setup));
    let mut text = format!("connecting {connects} times: medians in milliseconds\n");
    let _ = writeln!(
        text,
        "{:<18} {:>9} {:>9} {:>9}",
        "client", "plain", "TLS", "resumed"
    );
    for (client, connect) in [
        (
            "tb-tokio",
            &on_tokio as &dyn Fn(Setup) -> io::Result<Duration>,
        ),
        ("tb-blocking", &on_threads),
    ] {
        // The first time is nobody's: it resumes nothing.
        connect(setup(Kind::Resumed)?)?;
        let mut times = KINDS.map(|_| Vec::new());
        for _ in 0..connects {
            for (kind, times) in KINDS.iter().zip(&mut times) {
                times.push(connect(setup(*kind)?)?);
            }
        }
        let [plain, full, resumed] = times.map(median);
        let _ = writeln!(text, "{client:<18} {plain:>9.3} {full:>9.3} {resumed:>9.3}");
    }
    Ok(text)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e3
}

async fn on_tokio(setup: Setup) -> io::Result<Duration> {
    let from = Instant::now();
    let client = tb_tokio::start(setup).map_err(io::Error::other)?;
    client.connected().await.map_err(io::Error::other)?;
    let taken = from.elapsed();
    client
        .disconnect(PATIENCE)
        .await
        .map_err(io::Error::other)?;
    Ok(taken)
}

fn on_threads(setup: Setup) -> io::Result<Duration> {
    let from = Instant::now();
    let client: Client = tb_blocking::start(setup).map_err(io::Error::other)?;
    client.connected_wait(PATIENCE).map_err(io::Error::other)?;
    let taken = from.elapsed();
    let goodbye = client.disconnect(PATIENCE);
    goodbye.wait().map_err(io::Error::other)?;
    Ok(taken)
}
