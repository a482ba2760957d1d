//! What becomes of children at the back-end, and how their gateway hears of it (reference §9.11).

use crate::sim::backend::DeviceId;
use crate::sim::control::CloseReason;
use crate::sim::json::quote;
use crate::sim::server_rpc::Call;
use crate::sim::simulator::Simulator;

/// How long a notice waits for its gateway.
const LIFETIME_MS: u64 = 86_400_000;

impl Simulator {
    /// The name of the gateway through which a device was reached last, whether or not it still is.
    #[must_use]
    pub fn last_gateway_of(&self, device: &str) -> Option<&str> {
        let device = self.backend.device_named(device)?;
        let gateway = self.backend.device(device).last_gateway?;
        Some(&self.backend.device(gateway).name)
    }

    /// The name of a device's profile.
    #[must_use]
    pub fn profile_name_of(&self, device: &str) -> Option<&str> {
        let device = self.backend.device_named(device)?;
        Some(&self.backend.profile_of(device).name)
    }

    /// The names by which the sessions of a gateway know the children that are reached through them now.
    #[must_use]
    pub fn children_of(&self, gateway: &str) -> Vec<&str> {
        let Some(gateway) = self.backend.device_named(gateway) else {
            return Vec::new();
        };
        let sessions = self.connections.values().filter_map(|connection| {
            let session = connection.session()?;
            (session.device == gateway).then_some(&session.children)
        });
        sessions
            .flatten()
            .filter(|&(_, &child)| self.is_reached(child))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    pub(in crate::sim) fn delete_device(&mut self, device: DeviceId) {
        let gateway = self.backend.device(device).last_gateway;
        self.backend.delete(device);
        self.close_sessions(device, CloseReason::CredentialsUpdated);
        let mut params = String::new();
        quote(&mut params, &self.backend.device(device).name);
        self.notify_gateway(gateway, "gateway_device_deleted", params);
    }

    /// Does nothing if the name is taken. A session that has the device as a child keeps its old name
    /// for it.
    pub(in crate::sim) fn rename_device(&mut self, device: DeviceId, name: String) {
        if self.backend.device_named(&name).is_some() {
            return;
        }
        let gateway = self.backend.device(device).last_gateway;
        let mut params = String::from("{");
        quote(&mut params, &self.backend.device(device).name);
        params.push(':');
        quote(&mut params, &name);
        params.push('}');
        self.backend.rename(device, name);
        self.notify_gateway(gateway, "gateway_device_renamed", params);
    }

    /// A persistent one-way RPC to the gateway itself; its outcome bears the name of the method.
    fn notify_gateway(&mut self, gateway: Option<DeviceId>, method: &str, params: String) {
        let Some(gateway) = gateway.filter(|&gateway| !self.backend.device(gateway).deleted) else {
            return;
        };
        let call = Call {
            name: method.to_owned(),
            method: method.to_owned(),
            params,
            oneway: true,
            persisted: true,
            timeout_ms: Some(LIFETIME_MS),
            request_id: None,
        };
        self.issue_rpc(gateway, call);
    }
}
