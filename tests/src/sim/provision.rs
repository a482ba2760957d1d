//! Provisioning sessions (reference §7). JSON only: a payload in protobuf is class A here.

use super::agenda::Job;
use super::backend::{Confirmation, DeviceId};
use super::credentials::Credentials;
use super::failures::Failure;
use super::json::{Json, quote};
use super::packets::Publish;
use super::setup::{BasicCredentials, DeviceSetup, ProvisionProfile, ProvisionStrategy};
use super::simulator::{ConnectionId, Simulator};
use super::stored::Stored;
use super::topics;

const SESSION_AFTER_RESPONSE_MS: u64 = 60_000;

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

/// How the service answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    NotFound,
    Failure,
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
        let Ok(json @ Json::Object(_)) = Json::parse(&packet.payload) else {
            return Err(Failure::Adaptor);
        };
        let request = Request::read(&json).ok_or(Failure::Handler)?;
        let outcome = self.provision(&request);
        self.record(Stored::Provision {
            device: request.device_name.clone(),
            credentials_type: request.credentials.type_name().to_owned(),
            key: request.key.clone(),
            gateway: request.gateway,
            status: match outcome {
                Ok(_) => "SUCCESS",
                Err(Refused::NotFound) => "NOT_FOUND",
                Err(Refused::Failure) => "FAILURE",
            }
            .to_owned(),
        });
        let body = response(&outcome).into_bytes();
        if let Some(packet_id) = packet.packet_id {
            self.acknowledge(id, packet_id, Confirmation::AtOnce);
        }
        let delay = self.backend.service.delay_ms;
        let at = self.core_time().plus_millis(delay);
        self.agenda.schedule(
            at,
            Job::ProvisionResponse {
                connection: id,
                body,
            },
        );
        Ok(())
    }

    pub(super) fn send_provision_response(&mut self, id: ConnectionId, body: &[u8]) {
        if self
            .publish_downlink(id, topics::PROVISION_RESPONSE, body)
            .is_some()
        {
            let at = self.now.plus_millis(SESSION_AFTER_RESPONSE_MS);
            self.agenda.schedule(at, Job::ProvisionEnd(id));
        }
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
        let device = self.backend.create(&setup, &self.setup.tenant_limits);
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
        if self.credentials_are_taken(&credentials, Some(device)) {
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
        *credentials != Credentials::None
            && self
                .backend
                .devices()
                .any(|(id, device)| Some(id) != own && device.credentials == *credentials)
    }
}

impl Request {
    /// `None`: a member is missing, null or not text (C-111).
    fn read(json: &Json) -> Option<Self> {
        let optional = |name| match json.member(name) {
            None => Some(String::new()),
            Some(value) => value.as_text(),
        };
        let credentials = match optional("credentialsType")?.as_str() {
            "" | "ACCESS_TOKEN" => {
                let token = optional("token")?;
                Requested::Token((!token.is_empty()).then_some(token))
            }
            "MQTT_BASIC" => {
                let element = |text: String| (!text.is_empty()).then_some(text);
                Requested::Basic(BasicCredentials {
                    client_id: element(optional("clientId")?),
                    user_name: element(optional("username")?),
                    password: element(optional("password")?),
                })
            }
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

fn response(outcome: &Result<Credentials, Refused>) -> String {
    let quoted = |text: &str| {
        let mut out = String::new();
        quote(&mut out, text);
        out
    };
    let (value, type_name) = match outcome {
        Ok(Credentials::Token(token)) => (quoted(token), "ACCESS_TOKEN"),
        Ok(Credentials::X509(certificate)) => (quoted(certificate), "X509_CERTIFICATE"),
        Ok(Credentials::None) => (quoted(""), "LWM2M_CREDENTIALS"),
        Ok(Credentials::Basic(basic)) => {
            let element = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
            let value = format!(
                "{{\"clientId\":{},\"userName\":{},\"password\":{}}}",
                element(&basic.client_id),
                element(&basic.user_name),
                element(&basic.password),
            );
            (value, "MQTT_BASIC")
        }
        Err(Refused::NotFound) => {
            return r#"{"errorMsg":"Provision data was not found!","status":"NOT_FOUND"}"#
                .to_owned();
        }
        Err(Refused::Failure) => {
            return r#"{"errorMsg":"Failed to provision device!","status":"FAILURE"}"#.to_owned();
        }
    };
    format!(
        "{{\"credentialsValue\":{value},\"credentialsType\":\"{type_name}\",\"status\":\"SUCCESS\"}}"
    )
}
