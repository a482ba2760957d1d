//! What stands behind the transport: devices, their attributes and RPC, the queue and its troubles.

use std::collections::{BTreeMap, HashMap};

use super::claim::Ownership;
use super::control::QueueKind;
use super::credentials::Credentials;
use super::formats::Payloads;
use super::gateway::Latencies;
use super::ota::{Packages, PerKind, Release, UpdateKind};
use super::rate_limits::Limits;
use super::server_rpc::Rpcs;
use super::setup::{DeviceSetup, ProfileSetup, Setup, TenantLimits, TransportType};
use super::simulator::ConnectionId;
use super::stored::TypedValue;
use super::topics::ProfileTopics;

/// A device for as long as the simulator lives; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeviceId(usize);

/// A device profile for as long as the simulator lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProfileId(usize);

/// Whom an OTA package is assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assignee {
    Device(DeviceId),
    Profile(ProfileId),
}

#[derive(Clone, Debug)]
pub(super) struct Backend {
    devices: Vec<Device>,
    /// Those that exist, by name.
    names: HashMap<String, DeviceId>,
    profiles: Vec<Profile>,
    pub(super) packages: Packages,
    pub(super) tenant: Limits,
    /// The tenant has used up what it pays for: nothing is taken any more.
    pub(super) transport_disabled: bool,
    pub(super) service: Service,
    queue_errors: Vec<(QueueKind, Option<DeviceId>)>,
    queue_delays: Vec<QueueDelay>,
}

#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) credentials: Credentials,
    pub(super) gateway: bool,
    profile: usize,
    pub(super) shared: BTreeMap<String, Attribute>,
    pub(super) client: BTreeMap<String, Attribute>,
    pub(super) rpcs: Rpcs,
    /// Limits of the device's own traffic.
    pub(super) limits: Limits,
    /// Limits of all its children together, if it is a gateway.
    pub(super) children_limits: Limits,
    /// The gateway that named it last (`lastConnectedGateway`).
    pub(super) last_gateway: Option<DeviceId>,
    /// The session of a gateway that got it last, and what it is called there: where to look for it.
    pub(super) named_by: Option<(ConnectionId, String)>,
    /// Of its connectors, if it is a gateway.
    pub(super) latencies: Latencies,
    /// Packages assigned to this very device.
    releases: PerKind<Option<Release>>,
    pub(super) deleted: bool,
    pub(super) ownership: Ownership,
    /// It went through provisioning, which happens once.
    pub(super) provisioned: bool,
}

/// The value of an attribute and when it was set, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attribute {
    pub(super) value: TypedValue,
    pub(super) unix_ms: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) transport: TransportType,
    pub(super) payloads: Payloads,
    pub(super) topics: ProfileTopics,
    pub(super) acknowledges_invalid: bool,
    pub(super) sparkplug: bool,
    /// Packages of the devices that have none of their own.
    releases: PerKind<Option<Release>>,
}

/// The service that checks credentials and looks things up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Service {
    pub(super) delay_ms: u64,
    pub(super) fails: bool,
}

/// Messages that are processed, but confirmed late or never.
#[derive(Clone, Debug)]
pub(super) struct QueueDelay {
    pub(super) kind: QueueKind,
    pub(super) device: Option<DeviceId>,
    pub(super) confirmation: Confirmation,
    pub(super) remaining: u32,
}

/// When the queue confirms a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    AtOnce,
    After { millis: u64 },
    Never,
}

impl Backend {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut profiles: Vec<_> = setup.profiles.iter().map(Profile::new).collect();
        if !profiles.iter().any(|profile| profile.name == "default") {
            profiles.push(Profile::new(&ProfileSetup {
                name: "default".to_owned(),
                ..ProfileSetup::default()
            }));
        }
        let mut backend = Self {
            devices: Vec::new(),
            names: HashMap::new(),
            profiles,
            packages: Packages::default(),
            tenant: Limits::of_tenant(&setup.tenant_limits),
            transport_disabled: false,
            service: Service::default(),
            queue_errors: Vec::new(),
            queue_delays: Vec::new(),
        };
        for device in &setup.devices {
            if backend.device_named(&device.name).is_none() {
                let unix_ms = setup.server.unix_ms_at_start;
                backend.create(device, unix_ms, &setup.tenant_limits);
            }
        }
        backend
    }

    pub(super) fn create(
        &mut self,
        setup: &DeviceSetup,
        unix_ms: i64,
        tenant_limits: &TenantLimits,
    ) -> DeviceId {
        let profile = setup.profile.as_deref().unwrap_or("default");
        // A profile that is not there is created with defaults, as gateways and provisioning do.
        let profile = self
            .profiles
            .iter()
            .position(|known| known.name == profile)
            .unwrap_or_else(|| {
                self.profiles.push(Profile::new(&ProfileSetup {
                    name: profile.to_owned(),
                    ..ProfileSetup::default()
                }));
                self.profiles.len() - 1
            });
        let typed = |values: &BTreeMap<String, serde_json::Value>| {
            values
                .iter()
                .map(|(key, value)| {
                    let value = TypedValue::from_json(value);
                    (key.clone(), Attribute { value, unix_ms })
                })
                .collect()
        };
        self.devices.push(Device {
            name: setup.name.clone(),
            credentials: Credentials::of(setup),
            gateway: setup.gateway,
            profile,
            shared: typed(&setup.shared),
            client: typed(&setup.client),
            rpcs: Rpcs::default(),
            limits: Limits::of_device(tenant_limits, setup.gateway),
            children_limits: Limits::of_children(tenant_limits),
            last_gateway: None,
            named_by: None,
            latencies: Latencies::new(),
            releases: PerKind::default(),
            deleted: false,
            ownership: Ownership::default(),
            provisioned: false,
        });
        let id = DeviceId(self.devices.len() - 1);
        self.names.insert(setup.name.clone(), id);
        id
    }

    pub(super) fn delete(&mut self, id: DeviceId) {
        let device = &mut self.devices[id.0];
        device.deleted = true;
        self.names.remove(&device.name);
    }

    pub(super) fn rename(&mut self, id: DeviceId, name: String) {
        let device = &mut self.devices[id.0];
        self.names.remove(&device.name);
        self.names.insert(name.clone(), id);
        device.name = name;
    }

    /// The devices that exist.
    pub(super) fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        self.devices
            .iter()
            .enumerate()
            .filter(|(_, device)| !device.deleted)
            .map(|(index, device)| (DeviceId(index), device))
    }

    pub(super) fn device_named(&self, name: &str) -> Option<DeviceId> {
        self.names.get(name).copied()
    }

    pub(super) fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.0]
    }

    pub(super) fn device_mut(&mut self, id: DeviceId) -> &mut Device {
        &mut self.devices[id.0]
    }

    pub(super) fn profile_of(&self, device: DeviceId) -> &Profile {
        &self.profiles[self.devices[device.0].profile]
    }

    /// The package of a device: its own, or else its profile's.
    pub(super) fn release_of(&self, device: DeviceId, kind: UpdateKind) -> Option<&Release> {
        let own = self.device(device).releases.get(kind);
        let of_profile = self.profile_of(device).releases.get(kind);
        own.as_ref().or(of_profile.as_ref())
    }

    pub(super) fn release_mut(
        &mut self,
        assignee: Assignee,
        kind: UpdateKind,
    ) -> &mut Option<Release> {
        let releases = match assignee {
            Assignee::Device(device) => &mut self.devices[device.0].releases,
            Assignee::Profile(profile) => &mut self.profiles[profile.0].releases,
        };
        releases.get_mut(kind)
    }

    pub(super) fn devices_of(&self, assignee: Assignee) -> Vec<DeviceId> {
        match assignee {
            Assignee::Device(device) => vec![device],
            Assignee::Profile(ProfileId(profile)) => self
                .devices()
                .filter(|(_, device)| device.profile == profile)
                .map(|(id, _)| id)
                .collect(),
        }
    }

    pub(super) fn profile_named(&self, name: &str) -> Option<ProfileId> {
        let position = self.profiles.iter().position(|known| known.name == name);
        position.map(ProfileId)
    }

    /// Other limits apply from now on; buckets are full again.
    pub(super) fn limit(&mut self, tenant_limits: &TenantLimits) {
        self.tenant = Limits::of_tenant(tenant_limits);
        for device in &mut self.devices {
            device.limits = Limits::of_device(tenant_limits, device.gateway);
            device.children_limits = Limits::of_children(tenant_limits);
        }
    }

    /// What only the server's process remembers.
    pub(super) fn forget_memory(&mut self) {
        for device in &mut self.devices {
            device.rpcs = Rpcs::default();
            device.latencies = Latencies::new();
        }
    }

    pub(super) fn fail_queue(&mut self, kind: QueueKind, device: Option<DeviceId>) {
        self.queue_errors.push((kind, device));
    }

    pub(super) fn delay_queue(&mut self, delay: QueueDelay) {
        self.queue_delays.push(delay);
    }

    pub(super) fn queue_fails(&self, device: DeviceId, kind: QueueKind) -> bool {
        self.queue_errors
            .iter()
            .any(|&(what, whose)| what == kind && whose.is_none_or(|whose| whose == device))
    }

    /// When the queue will confirm the message that it takes now.
    pub(super) fn confirmation(&mut self, device: DeviceId, kind: QueueKind) -> Confirmation {
        let Some(delay) = self.queue_delays.iter_mut().find(|delay| {
            delay.remaining > 0
                && delay.kind == kind
                && delay.device.is_none_or(|whose| whose == device)
        }) else {
            return Confirmation::AtOnce;
        };
        delay.remaining -= 1;
        delay.confirmation
    }
}

impl Profile {
    fn new(setup: &ProfileSetup) -> Self {
        Self {
            name: setup.name.clone(),
            transport: setup.transport,
            payloads: Payloads::new(setup),
            topics: ProfileTopics::new(
                setup.telemetry_topic.as_deref(),
                setup.attributes_topic.as_deref(),
                setup.attributes_subscribe_topic.as_deref(),
            ),
            acknowledges_invalid: setup.send_ack_on_validation_exception,
            sparkplug: setup.sparkplug,
            releases: PerKind::default(),
        }
    }
}
