//! Devices that ask for credentials, the network and the server, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tb_proto::{
    Credentials, Endpoint, Instant, LinkId, LinkLost, LinkRequest, ProvisionError,
    ProvisionRequest, Provisioning, VersionPolicy,
};
use tb_tests::network::{Arrival, Conditions, Cut, Network, PathId, Side};
use tb_tests::sim::{
    ConnectionId, DeviceSetup, Output, ProvisionProfile, ProvisionStrategy, Setup, Simulator,
    Stored, Time,
};

/// Longer than everything that goes on takes.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// After so many bytes that this side writes on a connection it breaks like this.
pub(crate) type Break = (Side, u64, Cut);

pub(crate) struct Field {
    pub(crate) now: Time,
    network: Network,
    pub(crate) simulator: Simulator,
    connections: BTreeMap<PathId, ConnectionId>,
    paths: BTreeMap<ConnectionId, PathId>,
    applicants: Vec<Applicant>,
    /// For the connections to come, one each.
    pub(crate) breaks: VecDeque<Option<Break>>,
}

/// A device that asks for credentials.
struct Applicant {
    machine: Provisioning,
    link: Option<(LinkId, PathId)>,
    outcome: Option<Outcome>,
    running: bool,
}

pub(crate) type Outcome = Result<Credentials, ProvisionError>;

pub(crate) fn endpoint() -> Endpoint {
    "mqtt://localhost".parse().unwrap()
}

/// Of the profile that creates devices.
pub(crate) fn request() -> ProvisionRequest {
    ProvisionRequest::new("key", "secret")
}

/// Of the profile that knows its devices.
pub(crate) fn request_prepared() -> ProvisionRequest {
    ProvisionRequest::new("prepared key", "prepared secret").device_name("prepared")
}

impl Field {
    pub(crate) fn new(seed: u64) -> Self {
        let setup = Setup {
            devices: vec![
                DeviceSetup::with_token("taken", "TAKEN_TOKEN"),
                DeviceSetup::with_token("prepared", "PREPARED_TOKEN"),
            ],
            provision_profiles: vec![
                ProvisionProfile::new(ProvisionStrategy::AllowCreateNewDevices, "key", "secret"),
                ProvisionProfile::new(
                    ProvisionStrategy::CheckPreProvisionedDevices,
                    "prepared key",
                    "prepared secret",
                ),
            ],
            seed,
            ..Setup::default()
        };
        Self {
            now: Time(0),
            network: Network::new(seed),
            simulator: Simulator::new(setup),
            connections: BTreeMap::new(),
            paths: BTreeMap::new(),
            applicants: Vec::new(),
            breaks: VecDeque::new(),
        }
    }

    pub(crate) const fn conditions(&mut self) -> &mut Conditions {
        self.network.conditions_mut()
    }

    /// A device begins to ask. Returns its number.
    pub(crate) fn ask(&mut self, version: VersionPolicy, request: ProvisionRequest) -> usize {
        let now = Instant::from_micros(self.now.0);
        let machine = Provisioning::new(endpoint(), version, request, now, 1);
        self.begin(machine.unwrap())
    }

    /// A device goes on with a request that may have been made before.
    pub(crate) fn resume(&mut self, version: VersionPolicy, request: ProvisionRequest) -> usize {
        let now = Instant::from_micros(self.now.0);
        let machine = Provisioning::resume(endpoint(), version, request, now, 1);
        self.begin(machine.unwrap())
    }

    fn begin(&mut self, machine: Provisioning) -> usize {
        self.applicants.push(Applicant {
            machine,
            link: None,
            outcome: None,
            running: true,
        });
        self.drain();
        self.applicants.len() - 1
    }

    /// The process of a device ends without a word.
    pub(crate) fn kill(&mut self, device: usize) {
        let applicant = &mut self.applicants[device];
        applicant.running = false;
        if let Some((_, path)) = applicant.link.take() {
            self.network.cut(self.now, path, Cut::Rst);
        }
    }

    /// The outcome of a device, if it is known.
    pub(crate) fn outcome(&self, device: usize) -> Option<&Outcome> {
        self.applicants[device].outcome.as_ref()
    }

    /// Runs until the device has its outcome, and has said goodbye.
    pub(crate) fn finish(&mut self, device: usize) -> Outcome {
        self.wait(LONG);
        assert!(self.applicants[device].machine.is_closed());
        self.outcome(device).cloned().expect("everything ends")
    }

    /// Whether the server knows these credentials.
    pub(crate) fn knows(&mut self, credentials: &Credentials) -> bool {
        self.breaks.clear();
        let before = self.successes();
        let device = self.resume(
            VersionPolicy::Automatic,
            request().credentials(credentials.clone()),
        );
        self.finish(device).is_ok() && self.successes() == before
    }

    /// How many requests were granted: devices created, or prepared devices taken.
    pub(crate) fn successes(&self) -> usize {
        self.statuses()
            .filter(|status| *status == "SUCCESS")
            .count()
    }

    /// What the server decided, request by request.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &str> {
        self.simulator
            .stored()
            .iter()
            .filter_map(|fact| match fact {
                Stored::Provision { status, .. } => Some(status.as_str()),
                _ => None,
            })
    }

    /// Lets virtual time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.next_time().filter(|&next| next <= until) {
            self.now = self.now.max(next);
            self.happen();
            self.drain();
        }
        self.now = until;
    }

    fn next_time(&self) -> Option<Time> {
        let running = self.applicants.iter().filter(|device| device.running);
        running
            .filter_map(|device| device.machine.poll_timeout())
            .map(|at| Time(at.as_micros()))
            .chain(self.network.poll_timeout())
            .chain(self.simulator.poll_timeout())
            .min()
    }

    fn happen(&mut self) {
        let now = self.now;
        if let Some(delivery) = self.network.poll_delivery(now) {
            match delivery.to {
                Side::Server => self.arrive_at_server(delivery.path, &delivery.what),
                Side::Client => self.arrive_at_device(delivery.path, delivery.what),
            }
            return;
        }
        self.simulator.handle_timeout(now);
        let clock = Instant::from_micros(now.0);
        for device in self.applicants.iter_mut().filter(|device| device.running) {
            device.machine.handle_timeout(clock);
        }
    }

    fn arrive_at_server(&mut self, path: PathId, what: &Arrival) {
        let known = self.connections.get(&path).copied();
        match (what, known) {
            (Arrival::Opened, _) => {
                let connection = self.simulator.open(self.now, None);
                self.connections.insert(path, connection);
                self.paths.insert(connection, path);
            }
            (Arrival::Bytes(bytes), Some(connection)) => {
                self.simulator.handle_input(self.now, connection, bytes);
            }
            (Arrival::Closed | Arrival::Reset, Some(connection)) => {
                self.connections.remove(&path);
                self.paths.remove(&connection);
                self.simulator.handle_closed(self.now, connection);
            }
            _ => {}
        }
    }

    fn arrive_at_device(&mut self, path: PathId, what: Arrival) {
        let now = Instant::from_micros(self.now.0);
        let refusal = self.network.refusal(path);
        let owner = |device: &&mut Applicant| device.link.is_some_and(|(_, own)| own == path);
        let Some(device) = self.applicants.iter_mut().find(owner) else {
            return;
        };
        let Some((link, _)) = device.link else { return };
        let machine = &mut device.machine;
        let lost = match what {
            Arrival::Opened => return machine.handle_connected(now, link),
            Arrival::Bytes(bytes) => return machine.handle_input(now, link, &bytes),
            Arrival::Refused => refusal,
            Arrival::Closed => LinkLost::Closed,
            Arrival::Reset => LinkLost::Reset,
        };
        device.link = None;
        machine.handle_disconnected(now, link, lost);
    }

    fn drain(&mut self) {
        let now = self.now;
        while let Some(output) = self.simulator.poll_output() {
            match output {
                Output::Send { connection, bytes } => {
                    if let Some(&path) = self.paths.get(&connection) {
                        self.network.write(now, path, Side::Server, &bytes);
                    }
                }
                Output::Close { connection } => {
                    if let Some(path) = self.paths.remove(&connection) {
                        self.connections.remove(&path);
                        self.network.close(now, path, Side::Server);
                    }
                }
            }
        }
        for device in self.applicants.iter_mut().filter(|device| device.running) {
            let mut outputs = 0;
            loop {
                let before = outputs;
                while let Some(chunk) = device.machine.poll_transmit() {
                    outputs += 1;
                    if let Some((_, path)) = device.link {
                        self.network.write(now, path, Side::Client, &chunk);
                    }
                }
                while let Some(wanted) = device.machine.poll_link() {
                    outputs += 1;
                    match wanted {
                        LinkRequest::Open { link, .. } => {
                            let path = self.network.dial(now);
                            if let Some((side, bytes, how)) = self.breaks.pop_front().flatten() {
                                self.network.cut_after(path, side, bytes, how);
                            }
                            device.link = Some((link, path));
                        }
                        LinkRequest::Close { link } => {
                            if let Some((_, path)) = device.link.take_if(|(own, _)| *own == link) {
                                self.network.close(now, path, Side::Client);
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
                if let Some(outcome) = device.machine.poll_outcome() {
                    assert_eq!(device.outcome, None, "an outcome comes once");
                    device.outcome = Some(outcome);
                }
                if outputs == before {
                    break;
                }
                assert!(outputs < 1_000, "the machine never comes to rest");
            }
        }
    }
}
