//! Firmware on its way into a file.

use std::any::type_name;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tb_driver::{
    Client, Download, FileSink, Progress, UpdateOffer, UpdateSink, Updates, WaitError,
};
use tb_proto::{Config, Installed, Package, UpdateError, Verifier};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Assignment, Control, Package as Stored, Setup};

use crate::adapter::{Adapter, Running, start};
use crate::protection;
use crate::server::{PATIENCE, TOKEN};

const SIZE: u32 = 100_000;

fn image() -> Vec<u8> {
    (0..SIZE).map(|i| (31 * i + 7) as u8).collect()
}

fn setup() -> Setup {
    let mut setup = Setup::one_device(TOKEN);
    setup
        .packages
        .insert("fw".to_owned(), Stored::Pattern { length: SIZE });
    setup
}

fn assignment() -> Control {
    Control::SetFw(Assignment::of_package("dev1", "fw", "pump", "1.4"))
}

/// A server that wants its device to run pump 1.4.
pub(crate) fn server() -> SimulatorServer {
    let server = protection::serve(setup());
    server.control(assignment());
    server
}

pub(crate) fn config(server: &SimulatorServer) -> Config {
    crate::server::config(server).chunk_size(1_000)
}

fn begin<A: Adapter>(server: &SimulatorServer) -> (Client, Updates, Running) {
    let (client, running) = start::<A>(config(server));
    let updates = client
        .update_firmware(Installed::new("pump", "1.3"))
        .unwrap();
    (client, updates, running)
}

/// A name of its own for each test, adapter and protection, with nothing there.
fn path<A>(test: &str) -> PathBuf {
    let adapter = type_name::<A>().rsplit("::").next().unwrap_or_default();
    let name = format!("{test}-{adapter}-{:?}", protection::current());
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory.join("firmware.bin")
}

/// Waits until the platform was told exactly these states, and gives the last error.
fn told(server: &SimulatorServer, expected: &[&str]) -> Option<String> {
    let mut error = None;
    let mut states: Vec<String> = Vec::new();
    let all = server.wait_until(PATIENCE, |simulator| {
        let reports = simulator.update_reports().iter();
        states = reports
            .filter_map(|report| {
                error = report.error.clone().or_else(|| error.take());
                report.state.clone()
            })
            .filter(|state| state != "QUEUED" && state != "INITIATED")
            .collect();
        states == expected
    });
    assert!(all, "{states:?}");
    error
}

/// A file that takes so many bytes, and then does nothing any more or fails.
#[derive(Debug)]
struct Limited {
    file: FileSink,
    left: usize,
    fails: bool,
    resumed: u64,
    /// It has taken all that it takes.
    full: Arc<AtomicBool>,
}

impl Limited {
    fn new(path: PathBuf, left: usize, fails: bool) -> Self {
        Self {
            file: FileSink::new(path),
            left,
            fails,
            resumed: 0,
            full: Arc::default(),
        }
    }
}

impl UpdateSink for Limited {
    fn poll_resume(
        &mut self,
        cx: &mut Context<'_>,
        package: &Package,
        verifier: &mut Verifier,
    ) -> Poll<io::Result<()>> {
        let polled = self.file.poll_resume(cx, package, verifier);
        self.resumed = verifier.seen();
        polled
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.left == 0 {
            self.full.store(true, Ordering::Relaxed);
            return if self.fails {
                Poll::Ready(Err(io::Error::other("no space left")))
            } else {
                Poll::Pending
            };
        }
        let some = bytes.len().min(self.left);
        let polled = self.file.poll_write(cx, &bytes[..some]);
        if let Poll::Ready(Ok(written)) = &polled {
            self.left -= written;
        }
        polled
    }

    fn poll_commit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.file.poll_commit(cx)
    }

    fn discard(&mut self) {
        self.file.discard();
    }
}

/// A download whose sink has taken so many bytes and takes no more.
fn stopped_after(bytes: usize, offer: &UpdateOffer, path: &Path) -> Download<Limited> {
    let sink = Limited::new(path.to_owned(), bytes, false);
    let full = Arc::clone(&sink.full);
    let mut download = offer.download(sink);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match download.wait_timeout(Duration::from_millis(10)) {
            Err(WaitError::TimedOut(again)) => download = again,
            other => panic!("the sink takes no more, and still: {other:?}"),
        }
        if full.load(Ordering::Relaxed) {
            return download;
        }
        assert!(Instant::now() < deadline, "the chunks must come");
    }
}

pub(crate) fn a_firmware_becomes_a_file_and_every_state_is_told<A: Adapter>() {
    let server = server();
    let (_client, mut updates, _running) = begin::<A>(&server);
    let path = path::<A>("becomes-a-file");
    fs::write(&path, "the old one").unwrap();

    let offer = updates.recv_timeout(PATIENCE).unwrap();
    assert_eq!(offer.package().installed(), Installed::new("pump", "1.4"));
    let mut download = offer.download(FileSink::new(&path));
    let mut progress = download.progress().unwrap();
    let total = u64::from(SIZE);
    assert_eq!(progress.try_recv(), Some(Progress { done: 0, total }));
    let file = download.wait_timeout(PATIENCE).unwrap();
    assert_eq!(file.path(), path);
    assert_eq!(fs::read(&path).unwrap(), image());
    assert_eq!(progress.try_recv(), Some(Progress { done: total, total }));
    // Nothing but the file itself is left.
    let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(names, 1);

    updates.updating().unwrap().wait_timeout(PATIENCE).unwrap();
    let installed = offer.package().installed();
    let updated = updates.updated(installed).unwrap();
    updated.wait_timeout(PATIENCE).unwrap();
    told(
        &server,
        &[
            "DOWNLOADING",
            "DOWNLOADED",
            "VERIFIED",
            "UPDATING",
            "UPDATED",
        ],
    );
    assert!(updates.try_recv().is_none());
}

pub(crate) fn a_download_that_is_dropped_is_given_up_and_goes_on_from_its_file<A: Adapter>() {
    let server = server();
    let (client, mut updates, running) = begin::<A>(&server);
    let path = path::<A>("goes-on");
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    drop(stopped_after(34_567, &offer, &path));
    let error = told(&server, &["DOWNLOADING", "FAILED"]);
    assert_eq!(error.as_deref(), Some("given up by the device"));
    assert!(!path.exists());

    // The device restarts.
    drop((client, updates, running));
    let (_client, mut updates, _running) = begin::<A>(&server);
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    let download = offer.download(Limited::new(path.clone(), usize::MAX, false));
    let sink = download.wait_timeout(PATIENCE).unwrap();
    assert_eq!(sink.resumed, 34_567);
    assert_eq!(fs::read(&path).unwrap(), image());
}

pub(crate) fn bytes_of_another_package_are_not_gone_on_from<A: Adapter>() {
    let server = server();
    let (_client, mut updates, _running) = begin::<A>(&server);
    let path = path::<A>("another");
    fs::write(path.with_extension("bin.part"), vec![0; 5_000]).unwrap();
    fs::write(path.with_extension("bin.part.of"), "100000 SHA256:00\n").unwrap();
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    let download = offer.download(Limited::new(path.clone(), usize::MAX, false));
    assert_eq!(download.wait_timeout(PATIENCE).unwrap().resumed, 0);
    assert_eq!(fs::read(&path).unwrap(), image());
}

pub(crate) fn a_spoilt_file_fails_once_and_is_thrown_away<A: Adapter>() {
    let server = server();
    let (_client, mut updates, _running) = begin::<A>(&server);
    let path = path::<A>("spoilt");
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    drop(stopped_after(20_000, &offer, &path));
    let part = path.with_extension("bin.part");
    let mut spoilt = fs::read(&part).unwrap();
    spoilt[10] ^= 1;
    fs::write(&part, spoilt).unwrap();
    let download = offer.download(FileSink::new(&path));
    assert!(matches!(
        download.wait_timeout(PATIENCE),
        Err(WaitError::Over(UpdateError::ChecksumMismatch { .. }))
    ));
    assert!(!path.exists() && !part.exists());
    let download = offer.download(FileSink::new(&path));
    download.wait_timeout(PATIENCE).unwrap();
    assert_eq!(fs::read(&path).unwrap(), image());
}

pub(crate) fn a_sink_that_is_behind_holds_up_nobody_else<A: Adapter>() {
    let server = server();
    let (client, mut updates, _running) = begin::<A>(&server);
    let path = path::<A>("behind");
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    let _download = stopped_after(5_000, &offer, &path);
    for n in 0..100 {
        let reading = client.send_telemetry(&json!({ "n": n })).unwrap();
        reading.wait_timeout(PATIENCE).unwrap();
    }
    assert!(client.stats().buffered_bytes < 200_000);
}

pub(crate) fn a_sink_that_fails_ends_the_download_and_the_platform_hears_why<A: Adapter>() {
    let server = server();
    let (_client, mut updates, _running) = begin::<A>(&server);
    let path = path::<A>("fails");
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    let download = offer.download(Limited::new(path.clone(), 5_000, true));
    assert!(matches!(
        download.wait_timeout(PATIENCE),
        Err(WaitError::Over(UpdateError::Storage { message })) if message == "no space left"
    ));
    let error = told(&server, &["DOWNLOADING", "FAILED"]);
    assert!(error.is_some_and(|error| error.contains("no space left")));
    assert!(!path.exists());
}

pub(crate) fn a_download_ends_with_the_assignment_with_the_interest_and_with_the_client<
    A: Adapter,
>() {
    type Ending = fn(&SimulatorServer, &Client, Updates);
    let endings: [(UpdateError, Ending); 3] = [
        (UpdateError::Cancelled, |server, _, updates| {
            std::mem::forget(updates);
            server.control(Control::SetFw(Assignment::none("dev1")));
        }),
        (UpdateError::GivenUp, |_, _, updates| drop(updates)),
        (UpdateError::Abandoned, |_, client, updates| {
            std::mem::forget(updates);
            client.disconnect(Duration::ZERO).wait().unwrap();
        }),
    ];
    for (expected, end) in endings {
        let server = protection::serve(setup());
        let (client, mut updates, _running) = begin::<A>(&server);
        // What is installed is told behind the subscriptions.
        assert!(server.wait_until(PATIENCE, |simulator| {
            !simulator.update_reports().is_empty()
        }));
        // Nothing is answered any more: what is assigned comes by a push, and chunks do not come.
        server.with(|simulator, _| simulator.faults_mut().drop_response_every = 1);
        server.control(assignment());
        let offer = updates.recv_timeout(PATIENCE).unwrap();
        let download = offer.download(FileSink::new(path::<A>("ends")));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| download.wait());
            told(&server, &["DOWNLOADING"]);
            end(&server, &client, updates);
            match waiting.join().unwrap() {
                Err(WaitError::Over(error)) => assert_eq!(error, expected),
                other => panic!("{other:?}"),
            }
        });
    }
}
