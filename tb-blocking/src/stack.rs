//! The transport with all that this build puts over it.

use tb_driver::{Setup, StartError};
use tb_proto::Endpoint;

#[cfg(feature = "_rustls")]
use crate::Tls;

/// A transport with all that this build puts over it: `Tls` where a feature brings TLS, otherwise the
/// transport itself.
#[cfg(feature = "_rustls")]
pub type Stack<C> = Tls<C>;

/// A transport with all that this build puts over it: nothing, as no feature brings TLS.
#[cfg(not(feature = "_rustls"))]
pub type Stack<C> = C;

#[cfg(feature = "_rustls")]
pub(crate) fn of_setup<C>(below: C, setup: &Setup) -> Result<Stack<C>, StartError> {
    tb_driver::check_tls(setup.tls_config(), setup.config().endpoints())?;
    Ok(Tls::over(below).config(setup.tls_config().clone()))
}

#[cfg(not(feature = "_rustls"))]
pub(crate) fn of_setup<C>(below: C, setup: &Setup) -> Result<Stack<C>, StartError> {
    tb_driver::check_plain(setup.config().endpoints())?;
    Ok(below)
}

/// As far as nothing is chosen about TLS.
#[cfg(feature = "_rustls")]
pub(crate) fn default<C>(below: C, endpoint: &Endpoint) -> Result<Stack<C>, StartError> {
    with_tls(below, endpoint, tb_driver::tls::TlsConfig::new())
}

#[cfg(not(feature = "_rustls"))]
pub(crate) fn default<C>(below: C, endpoint: &Endpoint) -> Result<Stack<C>, StartError> {
    tb_driver::check_plain(core::slice::from_ref(endpoint))?;
    Ok(below)
}

#[cfg(feature = "_rustls")]
pub(crate) fn with_tls<C>(
    below: C,
    endpoint: &Endpoint,
    tls: tb_driver::tls::TlsConfig,
) -> Result<Stack<C>, StartError> {
    tb_driver::check_tls(&tls, core::slice::from_ref(endpoint))?;
    Ok(Tls::over(below).config(tls))
}
