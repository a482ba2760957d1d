//! What a client is made of.

use tb_proto::{Config, Endpoint, Scheme};

use crate::StartError;
#[cfg(feature = "_rustls")]
use crate::tls::{Tls, TlsConfig};

/// A transport with all that this build puts over it: [`Tls`](crate::tls::Tls) where a feature brings
/// TLS, otherwise the transport itself.
#[cfg(feature = "_rustls")]
pub type Stack<C> = Tls<C>;

/// A transport with all that this build puts over it: nothing, as no feature brings TLS.
#[cfg(not(feature = "_rustls"))]
pub type Stack<C> = C;

/// What a client is made of: a [`Config`], and how TLS connections are made (with a feature that brings
/// TLS). A `Config` alone is one with the default of everything else.
///
#[cfg_attr(
    feature = "_rustls",
    doc = r#"```
use tb_driver::Setup;
use tb_driver::tls::{Pem, TlsConfig};
use tb_proto::{Config, Credentials};

let config = Config::new("mqtts://tb.example".parse()?, Credentials::token("A1_TEST_TOKEN"));
let setup = Setup::from(config).tls(TlsConfig::new().ca(Pem::file("/etc/tb/ca.pem")));
# Ok::<(), tb_proto::InvalidUrl>(())
```"#
)]
#[derive(Clone, Debug)]
pub struct Setup {
    config: Config,
    #[cfg(feature = "_rustls")]
    tls: TlsConfig,
}

impl From<Config> for Setup {
    fn from(config: Config) -> Self {
        Self {
            config,
            #[cfg(feature = "_rustls")]
            tls: TlsConfig::new(),
        }
    }
}

impl Setup {
    /// With this configuration of TLS; it counts for addresses with `mqtts://`.
    #[cfg(feature = "_rustls")]
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// With the configuration that `change` makes of the present one.
    #[must_use]
    pub fn map(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }

    /// The configuration of the client.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration of TLS.
    #[cfg(feature = "_rustls")]
    pub const fn tls_config(&self) -> &TlsConfig {
        &self.tls
    }

    /// The configuration for a driver, and a connector for it over the connections of `below`.
    ///
    /// # Errors
    #[cfg_attr(feature = "_rustls", doc = "[`StartError::Tls`].")]
    #[cfg_attr(not(feature = "_rustls"), doc = "[`StartError::TlsNotSupported`].")]
    pub fn over<C>(self, below: C) -> Result<(Config, Stack<C>), StartError> {
        #[cfg(feature = "_rustls")]
        let stack = {
            check_tls(&self.tls, self.config.endpoints())?;
            Tls::over(below).config(self.tls)
        };
        #[cfg(not(feature = "_rustls"))]
        let stack = {
            check_plain(self.config.endpoints())?;
            below
        };
        Ok((self.config, stack))
    }
}

/// A connector for one server over the connections of `below`, with the default configuration of TLS.
///
/// # Errors
/// [`StartError::Tls`].
#[cfg(feature = "_rustls")]
pub fn stack<C>(below: C, endpoint: &Endpoint) -> Result<Stack<C>, StartError> {
    stack_with_tls(below, endpoint, TlsConfig::new())
}

/// A connector for one server: the connections of `below`, as no feature brings TLS.
///
/// # Errors
/// [`StartError::TlsNotSupported`].
#[cfg(not(feature = "_rustls"))]
pub fn stack<C>(below: C, endpoint: &Endpoint) -> Result<Stack<C>, StartError> {
    check_plain(core::slice::from_ref(endpoint))?;
    Ok(below)
}

/// As [`stack`], with this configuration of TLS.
///
/// # Errors
/// [`StartError::Tls`].
#[cfg(feature = "_rustls")]
pub fn stack_with_tls<C>(
    below: C,
    endpoint: &Endpoint,
    tls: TlsConfig,
) -> Result<Stack<C>, StartError> {
    check_tls(&tls, core::slice::from_ref(endpoint))?;
    Ok(Tls::over(below).config(tls))
}

/// Checks everything that TLS with these servers needs; reads its files.
///
/// # Errors
/// [`StartError::Tls`].
#[cfg(feature = "_rustls")]
pub fn check_tls(tls: &TlsConfig, endpoints: &[Endpoint]) -> Result<(), StartError> {
    endpoints
        .iter()
        .filter(|to| to.scheme() == Scheme::Mqtts)
        .try_for_each(|to| tls.check(to.host()))
        .map_err(StartError::Tls)
}

/// Checks that none of these servers needs TLS, for a transport that does not speak it.
///
/// # Errors
/// [`StartError::TlsNotSupported`].
pub fn check_plain(endpoints: &[Endpoint]) -> Result<(), StartError> {
    match endpoints.iter().find(|to| to.scheme() != Scheme::Mqtt) {
        Some(endpoint) => Err(StartError::TlsNotSupported {
            endpoint: endpoint.clone(),
        }),
        None => Ok(()),
    }
}
