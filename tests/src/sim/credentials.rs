//! Which device a CONNECT belongs to (reference §1.3 to §1.6).

use super::backend::{Backend, DeviceId};
use super::packets::Connect;
use super::setup::{BasicCredentials, DeviceSetup};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Token(String),
    Basic(BasicCredentials),
    X509(String),
    /// The device cannot connect by itself (a gateway's child).
    None,
}

/// The name under which credentials are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialsId<'a> {
    Name(&'a str),
    Client(&'a str, Option<&'a str>),
    Certificate(&'a str),
}

/// Why nobody was found: decides the CONNACK code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    BadUserNameOrPassword,
    ClientIdentifierNotValid,
    NotAuthorized,
}

impl Credentials {
    pub(super) fn of(setup: &DeviceSetup) -> Self {
        if let Some(token) = &setup.token {
            Self::Token(token.clone())
        } else if let Some(basic) = &setup.basic {
            Self::Basic(basic.clone())
        } else if let Some(certificate) = &setup.x509 {
            Self::X509(certificate.clone())
        } else {
            Self::None
        }
    }

    /// What no other device of the server may have. A token and a lone user name share their names
    /// (reference §1.4).
    pub(super) fn id(&self) -> Option<CredentialsId<'_>> {
        match self {
            Self::Token(token) => Some(CredentialsId::Name(token)),
            Self::Basic(basic) => match (basic.client_id.as_deref(), basic.user_name.as_deref()) {
                (None, Some(user_name)) => Some(CredentialsId::Name(user_name)),
                (client_id, user_name) => Some(CredentialsId::Client(client_id?, user_name)),
            },
            Self::X509(certificate) => Some(CredentialsId::Certificate(certificate)),
            Self::None => None,
        }
    }

    /// Whether the server stores them: MQTT_BASIC needs a client or user name, and a password a user
    /// name; a certificate cannot be empty.
    pub(super) fn are_valid(&self) -> bool {
        match self {
            Self::Basic(basic) => match (&basic.client_id, &basic.user_name, &basic.password) {
                (None, None, _) | (_, None, Some(_)) => false,
                (_, Some(_), _) | (Some(_), None, None) => true,
            },
            Self::X509(certificate) => !certificate.is_empty(),
            Self::Token(_) | Self::None => true,
        }
    }

    fn basic(&self) -> Option<&BasicCredentials> {
        match self {
            Self::Basic(basic) => Some(basic),
            _ => None,
        }
    }
}

impl Unknown {
    pub(super) const fn v3_code(self) -> u8 {
        match self {
            Self::ClientIdentifierNotValid => 0x02,
            Self::BadUserNameOrPassword | Self::NotAuthorized => 0x05,
        }
    }

    pub(super) const fn v5_code(self) -> u8 {
        match self {
            Self::BadUserNameOrPassword => 0x86,
            Self::ClientIdentifierNotValid => 0x85,
            Self::NotAuthorized => 0x87,
        }
    }
}

/// Looks the device up. A certificate makes user name and password irrelevant (C-027).
pub(super) fn find(
    backend: &Backend,
    connect: &Connect,
    certificate: Option<&str>,
) -> Result<DeviceId, Unknown> {
    if let Some(certificate) = certificate {
        return backend
            .devices()
            .find(|(_, device)| {
                matches!(&device.credentials, Credentials::X509(known) if known == certificate)
            })
            .map(|(id, _)| id)
            .ok_or(Unknown::NotAuthorized);
    }
    find_by_text(backend, connect).ok_or_else(|| {
        if connect.user_name.is_some() || connect.password.is_some() {
            Unknown::BadUserNameOrPassword
        } else if connect.client_id.trim().is_empty() {
            Unknown::NotAuthorized
        } else {
            Unknown::ClientIdentifierNotValid
        }
    })
}

/// The four steps of reference §1.4.
fn find_by_text(backend: &Backend, connect: &Connect) -> Option<DeviceId> {
    let registered = |client_id: Option<&str>, user_name: Option<&str>| {
        backend.devices().find(|(_, device)| {
            device.credentials.basic().is_some_and(|basic| {
                basic.client_id.as_deref() == client_id && basic.user_name.as_deref() == user_name
            })
        })
    };
    let user_name = connect.user_name.as_deref().filter(|name| !name.is_empty());
    let client_id = Some(connect.client_id.as_str());
    let checked = |found: Option<(DeviceId, &super::backend::Device)>| {
        found
            .filter(|(_, device)| {
                device
                    .credentials
                    .basic()
                    .is_some_and(|own| matches(own, connect))
            })
            .map(|(id, _)| id)
    };
    let Some(user_name) = user_name else {
        return checked(registered(client_id, None));
    };
    let pair = registered(client_id, Some(user_name));
    if pair.is_some() {
        // A wrong password is final: the user name is not tried as a token (C-008).
        return checked(pair);
    }
    let token = backend.devices().find(|(_, device)| {
        matches!(&device.credentials, Credentials::Token(token) if token == user_name)
    });
    token
        .map(|(id, _)| id)
        .or_else(|| checked(registered(None, Some(user_name))))
}

/// Every element that is stored must be equal; what is not stored is not compared.
fn matches(basic: &BasicCredentials, connect: &Connect) -> bool {
    basic
        .client_id
        .as_ref()
        .is_none_or(|own| *own == connect.client_id)
        && basic
            .user_name
            .as_ref()
            .is_none_or(|own| Some(own) == connect.user_name.as_ref())
        && basic
            .password
            .as_ref()
            .is_none_or(|own| Some(own.as_bytes()) == connect.password.as_deref())
}
