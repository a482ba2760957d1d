use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::faults::Faults;

/// The world before the first byte: devices, profiles, limits and settings of the server.
///
/// Reads the `setup` member of a recorded exchange as it stands.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// Devices that exist at start. At most one per name; a later one of the same name is ignored.
    pub devices: Vec<DeviceSetup>,
    /// Device profiles. The profile `default` (JSON, default topics, transport `DEFAULT`) always exists.
    pub profiles: Vec<ProfileSetup>,
    /// Rate limits of the tenant profile.
    pub tenant_limits: TenantLimits,
    /// What the rule chain answers to client-side RPC, by method.
    pub client_rpc_replies: BTreeMap<String, Value>,
    /// What happens to client-side RPC of a method that `client_rpc_replies` does not list.
    pub client_rpc_fallback: ClientRpcFallback,
    /// Provisioning keys and strategies.
    pub provision_profiles: Vec<ProvisionProfile>,
    /// OTA packages by name.
    pub packages: BTreeMap<String, Package>,
    /// Set: the tenant's device limit is reached at so many devices, new ones cannot be created.
    pub max_devices: Option<u32>,
    /// Timers, limits and switches of the server.
    pub server: ServerSettings,
    /// What the server does to hurt its clients.
    #[serde(skip)]
    pub faults: Faults,
    /// Seed of everything that is left to chance.
    #[serde(skip)]
    pub seed: u64,
}

impl Setup {
    /// One device named `dev1` with this access token and nothing else out of the ordinary.
    #[must_use]
    pub fn one_device(token: &str) -> Self {
        Self {
            devices: vec![DeviceSetup::with_token("dev1", token)],
            ..Self::default()
        }
    }
}

/// One device and how it authenticates. The first of `token`, `basic`, `x509` that is set counts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceSetup {
    /// Name, unique in the tenant.
    pub name: String,
    /// Access token.
    pub token: Option<String>,
    /// MQTT_BASIC credentials.
    pub basic: Option<BasicCredentials>,
    /// Text of the X.509 certificate, compared with the one that the connection shows.
    pub x509: Option<String>,
    /// Whether the device carries the gateway flag.
    pub gateway: bool,
    /// Device profile; absent means `default`.
    pub profile: Option<String>,
    /// Shared attributes at start; JSON types are kept, nothing is cast.
    pub shared: BTreeMap<String, Value>,
    /// Client attributes at start; JSON types are kept, nothing is cast.
    pub client: BTreeMap<String, Value>,
}

impl DeviceSetup {
    /// A device that connects with an access token.
    #[must_use]
    pub fn with_token(name: &str, token: &str) -> Self {
        Self {
            name: name.to_owned(),
            token: Some(token.to_owned()),
            ..Self::default()
        }
    }
}

/// MQTT_BASIC credentials. Elements that are absent are not compared (reference §1.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicCredentials {
    /// Client identifier.
    pub client_id: Option<String>,
    /// User name.
    pub user_name: Option<String>,
    /// Password.
    pub password: Option<String>,
}

/// A device profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileSetup {
    /// Name, unique in the tenant.
    pub name: String,
    /// Transport type.
    pub transport: TransportType,
    /// Payload format of device topics.
    pub payload: PayloadType,
    /// Filter of telemetry publishes; absent or blank means `v1/devices/me/telemetry`.
    pub telemetry_topic: Option<String>,
    /// Filter of attribute publishes; absent or blank means `v1/devices/me/attributes`.
    pub attributes_topic: Option<String>,
    /// Filter of subscriptions to attribute updates; absent or blank means `v1/devices/me/attributes`.
    pub attributes_subscribe_topic: Option<String>,
    /// On 3.1.1, acknowledge an invalid QoS 1 payload instead of closing.
    pub send_ack_on_validation_exception: bool,
    /// Protobuf schema of telemetry. Here and below: a schema that ThingsBoard would refuse counts as
    /// none, and what needs it fails.
    pub telemetry_proto: Option<String>,
    /// Protobuf schema of attributes.
    pub attributes_proto: Option<String>,
    /// Protobuf schema of server-side RPC requests.
    pub rpc_request_proto: Option<String>,
    /// Protobuf schema of server-side RPC responses.
    pub rpc_response_proto: Option<String>,
    /// Devices are edge nodes of Sparkplug. Their CONNECT is checked; what they publish is class A,
    /// because the messages of Sparkplug are not modelled.
    pub sparkplug: bool,
    /// JSON is accepted on protobuf topics.
    pub json_compat: bool,
    /// JSON is used on the default downlink topics of a protobuf profile.
    pub json_downlink: bool,
}

/// Transport type of a device profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransportType {
    /// Any built-in transport; MQTT with JSON and default topics.
    #[default]
    Default,
    /// MQTT with the settings of the profile.
    Mqtt,
    /// CoAP: MQTT connections are refused (C-022).
    Coap,
    /// LwM2M: MQTT connections are refused (C-022).
    Lwm2m,
    /// SNMP: MQTT connections are refused (C-022).
    Snmp,
}

impl TransportType {
    /// Whether a device of this profile may connect over MQTT.
    #[must_use]
    pub const fn takes_mqtt(self) -> bool {
        matches!(self, Self::Default | Self::Mqtt)
    }
}

/// Payload format of a device profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PayloadType {
    /// JSON.
    #[default]
    Json,
    /// Protobuf with the schemas of the profile.
    Protobuf,
}

/// Rate limits of the tenant profile: `capacity:seconds[,…]`; absent and blank mean unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the names are those of ThingsBoard's tenant profile"
)]
pub struct TenantLimits {
    #[serde(rename = "transportTenantMsgRateLimit")]
    pub tenant_messages: Option<String>,
    #[serde(rename = "transportTenantTelemetryMsgRateLimit")]
    pub tenant_telemetry_messages: Option<String>,
    #[serde(rename = "transportTenantTelemetryDataPointsRateLimit")]
    pub tenant_data_points: Option<String>,
    #[serde(rename = "transportDeviceMsgRateLimit")]
    pub device_messages: Option<String>,
    #[serde(rename = "transportDeviceTelemetryMsgRateLimit")]
    pub device_telemetry_messages: Option<String>,
    #[serde(rename = "transportDeviceTelemetryDataPointsRateLimit")]
    pub device_data_points: Option<String>,
    #[serde(rename = "transportGatewayMsgRateLimit")]
    pub gateway_messages: Option<String>,
    #[serde(rename = "transportGatewayTelemetryMsgRateLimit")]
    pub gateway_telemetry_messages: Option<String>,
    #[serde(rename = "transportGatewayTelemetryDataPointsRateLimit")]
    pub gateway_data_points: Option<String>,
    #[serde(rename = "transportGatewayDeviceMsgRateLimit")]
    pub gateway_device_messages: Option<String>,
    #[serde(rename = "transportGatewayDeviceTelemetryMsgRateLimit")]
    pub gateway_device_telemetry_messages: Option<String>,
    #[serde(rename = "transportGatewayDeviceTelemetryDataPointsRateLimit")]
    pub gateway_device_data_points: Option<String>,
}

/// What the rule chain does with a client-side RPC whose method is not in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientRpcFallback {
    /// As in the recordings: echo the request, except for the methods `noReply` (no answer), `error`
    /// (error text), `slow` (echo after `params.delayMs`) and `rawText` (text that is not JSON).
    #[default]
    Echo,
    /// As the default root rule chain: nobody answers, the transport reports a timeout.
    Timeout,
}

/// A provisioning key with its strategy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionProfile {
    /// What the profile allows.
    pub strategy: ProvisionStrategy,
    /// Provision device key.
    pub key: String,
    /// Provision device secret.
    pub secret: String,
    /// Profile of the devices; absent means `default`.
    #[serde(default)]
    pub profile: Option<String>,
    /// Finds the name of a device, as its first group, in the common name of its certificate, if certificates
    /// decide.
    #[serde(default)]
    pub common_name_pattern: Option<String>,
    /// Whether devices that do not exist are created, if certificates decide.
    #[serde(default)]
    pub creates_devices: bool,
}

impl ProvisionProfile {
    /// For devices of the profile `default`, by strategy, key and secret.
    #[must_use]
    pub fn new(strategy: ProvisionStrategy, key: &str, secret: &str) -> Self {
        Self {
            strategy,
            key: key.to_owned(),
            secret: secret.to_owned(),
            profile: None,
            common_name_pattern: None,
            creates_devices: false,
        }
    }
}

/// What a provisioning profile allows (reference §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ProvisionStrategy {
    /// Devices are created.
    #[serde(rename = "allow create new devices")]
    AllowCreateNewDevices,
    /// Devices must exist, and each can be provisioned once.
    #[serde(rename = "check pre-provisioned devices")]
    CheckPreProvisionedDevices,
    /// Certificates decide, during the TLS handshake: over MQTT nobody answers.
    #[serde(rename = "x509 certificate chain")]
    X509CertificateChain,
    /// Nothing is provisioned.
    #[serde(rename = "disabled")]
    Disabled,
}

/// An OTA package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Package {
    /// The bytes of this text.
    Text {
        /// Content.
        text: String,
    },
    /// Byte i is (31·i + 7) mod 256.
    Pattern {
        /// Number of bytes.
        length: u32,
    },
    /// These bytes.
    #[serde(skip)]
    Bytes(Vec<u8>),
}

/// Timers, limits and switches of the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Milliseconds until a client-side RPC without answer gets `{"error":"timeout"}`.
    pub client_rpc_timeout_ms: u64,
    /// Milliseconds that the server waits for the PUBACK of a server-side RPC.
    pub rpc_puback_timeout_ms: u64,
    /// Milliseconds without activity after which a session is closed.
    pub inactivity_timeout_ms: u64,
    /// Milliseconds between checks for inactive sessions.
    pub inactivity_check_period_ms: u64,
    /// Seconds between reports of gateway latency metrics.
    pub gateway_metrics_period_s: u64,
    /// Largest remaining length of a packet from a client, in bytes.
    pub max_packet_remaining_length: u32,
    /// Packets that wait for the credential check before the connection is closed.
    pub max_queued_packets: usize,
    /// Strings that look like numbers become numbers.
    pub json_type_cast: bool,
    /// Longest accepted string value in characters; 0 switches the check off.
    pub json_max_string_length: usize,
    /// Whether devices may be claimed.
    pub claiming_allowed: bool,
    /// Milliseconds that a claim holds if the device gives no duration.
    pub claim_duration_ms: u64,
    /// Milliseconds from the core to the transport: responses, pushes and RPC come so much later than
    /// their cause, and therefore after its PUBACK.
    pub core_latency_ms: u64,
    /// Wall-clock time at the simulator's epoch, in milliseconds since 1970.
    pub unix_ms_at_start: i64,
    /// Whether [`Stored`](super::Stored) facts are kept. Off for long load runs.
    pub record_stored: bool,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            client_rpc_timeout_ms: 60_000,
            rpc_puback_timeout_ms: 10_000,
            inactivity_timeout_ms: 600_000,
            inactivity_check_period_ms: 3_000,
            gateway_metrics_period_s: 60,
            max_packet_remaining_length: 65_536,
            max_queued_packets: 100,
            json_type_cast: true,
            json_max_string_length: 0,
            claiming_allowed: true,
            claim_duration_ms: 86_400_000,
            core_latency_ms: 12,
            unix_ms_at_start: 1_767_225_600_000,
            record_stored: true,
        }
    }
}
