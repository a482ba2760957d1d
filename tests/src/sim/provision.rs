//! Provisioning sessions (reference §7).

use super::agenda::Job;
use super::backend::{Confirmation, DeviceId};
use super::connection::Phase;
use super::credentials::Credentials;
use super::failures::Failure;
use super::formats::Format;
use super::json::{Json, quote};
use super::packets::Publish;
use super::protobuf::{
    CredentialsType, NotProtobuf, ProvisionDeviceRequest, ProvisionDeviceResponse,
};
use super::setup::{BasicCredentials, DeviceSetup, ProvisionProfile, ProvisionStrategy};
use super::simulator::{ConnectionId, Simulator};
use super::stored::Stored;
use super::subscriptions::Subscriptions;
use super::topics;

const SESSION_AFTER_RESPONSE_MS: u64 = 60_000;

/// How long the transport waits for the service (reference §14.2).
const LOOK_UP_TIMEOUT_MS: u64 = 10_000;

/// What a device asks for.
struct Request {
    device_name: String,
    key: String,
    secret: String,
    gateway: bool,
    credentials: Requested,
}

/// The credentials that the device wants to have.
enum Requested {
    /// `None`: the server invents a token.
    Token(Option<String>),
    Basic(BasicCredentials),
    X509(String),
    /// LwM2M credentials are of no use over MQTT; the server accepts and never uses them.
    Lwm2m,
}

/// Why nothing was provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    NotFound,
    Failure,
    /// The strategy is not for MQTT: the service throws, and nobody answers.
    NoAnswer,
}

/// What the transport hears of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Given(Result<Credentials, Refused>),
    None,
}

/// A session that has no device.
#[derive(Clone, Debug)]
pub(super) struct ProvisionSession {
    pub(super) subscriptions: Subscriptions,
    /// Of the responses.
    format: Format,
}

impl ProvisionSession {
    pub(super) fn new() -> Self {
        Self {
            subscriptions: Subscriptions::default(),
            format: Format::Json,
        }
    }
}

impl Simulator {
    pub(super) fn publish_provision(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<(), Failure> {
        const TOPIC_NAME_INVALID: u8 = 0x90;
        if packet.topic != topics::PROVISION_REQUEST {
            if let Some(packet_id) = packet.packet_id {
                self.acknowledge_with(id, packet_id, TOPIC_NAME_INVALID);
            }
            self.close_with(id, TOPIC_NAME_INVALID);
            return Ok(());
        }
        let (request, format) = Request::read(&packet.payload)?;
        let Some(session) = self.provision_session(id) else {
            return Ok(());
        };
        // The first request in protobuf decides for the rest of the session.
        if format == Format::Protobuf {
            session.format = Format::Protobuf;
        }
        let service = self.backend.service;
        let (answer, after_ms) = if service.fails {
            (Answer::None, service.delay_ms)
        } else {
            match self.provision(&request) {
                Err(Refused::NoAnswer) => (Answer::None, LOOK_UP_TIMEOUT_MS),
                outcome => {
                    self.record_provision(&request, outcome.as_ref().err());
                    (Answer::Given(outcome), service.delay_ms)
                }
            }
        };
        let job = Job::ProvisionAnswer {
            connection: id,
            packet_id: packet.packet_id,
            answer,
        };
        let at = self.core_time().plus_millis(after_ms);
        self.agenda.schedule(at, job);
        Ok(())
    }

    /// The service has answered: the PUBACK goes out with the response. A service that does not answer
    /// is an error of the handler.
    pub(super) fn answer_provision(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        answer: &Answer,
    ) {
        let Some(session) = self.provision_session(id) else {
            return;
        };
        let Answer::Given(outcome) = answer else {
            self.fail_publish(id, packet_id, Failure::Handler);
            return;
        };
        let body = match session.format {
            Format::Json => json_response(outcome).into_bytes(),
            Format::Protobuf => protobuf_response(outcome),
        };
        if let Some(packet_id) = packet_id {
            self.acknowledge(id, packet_id, Confirmation::AtOnce);
        }
        if self.drops_response() {
            return;
        }
        if self
            .publish_downlink(id, topics::PROVISION_RESPONSE, &body)
            .is_some()
        {
            let at = self.now.plus_millis(SESSION_AFTER_RESPONSE_MS);
            self.agenda.schedule(at, Job::ProvisionEnd(id));
        }
    }

    fn provision_session(&mut self, id: ConnectionId) -> Option<&mut ProvisionSession> {
        match &mut self.connections.get_mut(&id)?.phase {
            Phase::Provision(session) => Some(session),
            _ => None,
        }
    }

    fn record_provision(&mut self, request: &Request, refused: Option<&Refused>) {
        self.record(Stored::Provision {
            device: request.device_name.clone(),
            credentials_type: request.credentials.type_name().to_owned(),
            key: request.key.clone(),
            gateway: request.gateway,
            status: match refused {
                None => "SUCCESS",
                Some(Refused::NotFound) => "NOT_FOUND",
                Some(_) => "FAILURE",
            }
            .to_owned(),
        });
    }

    fn provision(&mut self, request: &Request) -> Result<Credentials, Refused> {
        let profile = self
            .setup
            .provision_profiles
            .iter()
            .find(|profile| profile.key == request.key && profile.secret == request.secret)
            .ok_or(Refused::NotFound)?
            .clone();
        match profile.strategy {
            ProvisionStrategy::Disabled => Err(Refused::NotFound),
            ProvisionStrategy::X509CertificateChain => Err(Refused::NoAnswer),
            ProvisionStrategy::AllowCreateNewDevices => self.create_provisioned(request, &profile),
            ProvisionStrategy::CheckPreProvisionedDevices => {
                self.take_pre_provisioned(request, &profile)
            }
        }
    }

    fn create_provisioned(
        &mut self,
        request: &Request,
        profile: &ProvisionProfile,
    ) -> Result<Credentials, Refused> {
        let name = match request.device_name.as_str() {
            "" => self.random.token(),
            name => name.trim().to_owned(),
        };
        let credentials = self.requested_credentials(&request.credentials);
        if name.is_empty()
            || self.backend.device_named(&name).is_some()
            || self.device_limit_reached()
            || !credentials.are_valid()
            || self.credentials_are_taken(&credentials, None)
        {
            return Err(Refused::Failure);
        }
        let setup = DeviceSetup {
            name,
            gateway: request.gateway,
            profile: profile.profile.clone(),
            ..DeviceSetup::default()
        };
        let device = self
            .backend
            .create(&setup, self.unix_ms(), &self.setup.tenant_limits);
        let device = self.backend.device_mut(device);
        device.credentials = credentials.clone();
        device.provisioned = true;
        Ok(credentials)
    }

    fn take_pre_provisioned(
        &mut self,
        request: &Request,
        profile: &ProvisionProfile,
    ) -> Result<Credentials, Refused> {
        let wanted = profile.profile.as_deref().unwrap_or("default");
        let device = self
            .backend
            .device_named(request.device_name.trim())
            .filter(|&device| self.backend.profile_of(device).name == wanted)
            .filter(|&device| !self.backend.device(device).provisioned)
            .ok_or(Refused::Failure)?;
        let credentials = match request.credentials {
            Requested::Token(None) => self.backend.device(device).credentials.clone(),
            ref requested => self.requested_credentials(requested),
        };
        if !credentials.are_valid() || self.credentials_are_taken(&credentials, Some(device)) {
            return Err(Refused::Failure);
        }
        let device = self.backend.device_mut(device);
        device.credentials = credentials.clone();
        device.provisioned = true;
        Ok(credentials)
    }

    fn requested_credentials(&mut self, requested: &Requested) -> Credentials {
        match requested {
            Requested::Token(Some(token)) => Credentials::Token(token.clone()),
            Requested::Token(None) => Credentials::Token(self.random.token()),
            Requested::Basic(basic) => Credentials::Basic(basic.clone()),
            Requested::X509(certificate) => Credentials::X509(certificate.clone()),
            Requested::Lwm2m => Credentials::None,
        }
    }

    fn credentials_are_taken(&self, credentials: &Credentials, own: Option<DeviceId>) -> bool {
        credentials.id().is_some_and(|taken| {
            self.backend
                .devices()
                .any(|(id, device)| Some(id) != own && device.credentials.id() == Some(taken))
        })
    }
}

impl Request {
    /// JSON first; what is no JSON object is tried as protobuf.
    fn read(payload: &[u8]) -> Result<(Self, Format), Failure> {
        if let Ok(json @ Json::Object(_)) = Json::parse(payload) {
            let request = Self::from_json(&json).ok_or(Failure::Handler)?;
            return Ok((request, Format::Json));
        }
        let message = ProvisionDeviceRequest::read(payload);
        let message = message.map_err(|NotProtobuf| Failure::Adaptor)?;
        Ok((Self::from_protobuf(message), Format::Protobuf))
    }

    /// `None`: a member is missing, null or not text (C-111).
    fn from_json(json: &Json) -> Option<Self> {
        let optional = |name| match json.member(name) {
            None => Some(String::new()),
            Some(value) => value.as_text(),
        };
        let credentials = match optional("credentialsType")?.as_str() {
            "" | "ACCESS_TOKEN" => Requested::Token(filled(optional("token")?)),
            "MQTT_BASIC" => Requested::Basic(BasicCredentials {
                client_id: filled(optional("clientId")?),
                user_name: filled(optional("username")?),
                password: filled(optional("password")?),
            }),
            "X509_CERTIFICATE" => Requested::X509(optional("hash")?),
            "LWM2M_CREDENTIALS" => Requested::Lwm2m,
            _ => return None,
        };
        Some(Self {
            device_name: optional("deviceName")?,
            key: json.member("provisionDeviceKey")?.as_text()?,
            secret: json.member("provisionDeviceSecret")?.as_text()?,
            gateway: optional("gateway")?.eq_ignore_ascii_case("true"),
            credentials,
        })
    }

    fn from_protobuf(message: ProvisionDeviceRequest) -> Self {
        let credentials = match message.credentials_type {
            CredentialsType::AccessToken => Requested::Token(filled(message.token)),
            CredentialsType::X509Certificate => Requested::X509(message.hash),
            CredentialsType::MqttBasic => Requested::Basic(BasicCredentials {
                client_id: filled(message.client_id),
                user_name: filled(message.user_name),
                password: filled(message.password),
            }),
            CredentialsType::Lwm2mCredentials => Requested::Lwm2m,
        };
        Self {
            device_name: message.device_name,
            key: message.key,
            secret: message.secret,
            gateway: message.gateway,
            credentials,
        }
    }
}

impl Requested {
    const fn type_name(&self) -> &'static str {
        match self {
            Self::Token(_) => "ACCESS_TOKEN",
            Self::Basic(_) => "MQTT_BASIC",
            Self::X509(_) => "X509_CERTIFICATE",
            Self::Lwm2m => "LWM2M_CREDENTIALS",
        }
    }
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(&mut out, text);
    out
}

fn json_response(outcome: &Result<Credentials, Refused>) -> String {
    let (value, type_name) = match outcome {
        Ok(Credentials::Token(token)) => (quoted(token), "ACCESS_TOKEN"),
        Ok(Credentials::X509(certificate)) => (quoted(certificate), "X509_CERTIFICATE"),
        Ok(Credentials::None) => (quoted(""), "LWM2M_CREDENTIALS"),
        Ok(Credentials::Basic(basic)) => (basic_value(basic), "MQTT_BASIC"),
        Err(Refused::NotFound) => {
            return r#"{"errorMsg":"Provision data was not found!","status":"NOT_FOUND"}"#
                .to_owned();
        }
        Err(Refused::Failure | Refused::NoAnswer) => {
            return r#"{"errorMsg":"Failed to provision device!","status":"FAILURE"}"#.to_owned();
        }
    };
    format!(
        "{{\"credentialsValue\":{value},\"credentialsType\":\"{type_name}\",\"status\":\"SUCCESS\"}}"
    )
}

fn protobuf_response(outcome: &Result<Credentials, Refused>) -> Vec<u8> {
    let success = |credentials_type, value: &str| {
        ProvisionDeviceResponse::Success(credentials_type, value).to_bytes()
    };
    match outcome {
        Ok(Credentials::Token(token)) => success(CredentialsType::AccessToken, token),
        Ok(Credentials::X509(certificate)) => {
            success(CredentialsType::X509Certificate, certificate)
        }
        Ok(Credentials::None) => success(CredentialsType::Lwm2mCredentials, ""),
        Ok(Credentials::Basic(basic)) => success(CredentialsType::MqttBasic, &basic_value(basic)),
        Err(Refused::NotFound) => ProvisionDeviceResponse::NotFound.to_bytes(),
        Err(Refused::Failure | Refused::NoAnswer) => ProvisionDeviceResponse::Failure.to_bytes(),
    }
}

/// JSON, in protobuf as text.
fn basic_value(basic: &BasicCredentials) -> String {
    let element = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
    format!(
        "{{\"clientId\":{},\"userName\":{},\"password\":{}}}",
        element(&basic.client_id),
        element(&basic.user_name),
        element(&basic.password),
    )
}
