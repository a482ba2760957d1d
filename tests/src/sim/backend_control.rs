//! Carrying out what happens at the back-end.

use super::backend::{Confirmation, DeviceId, QueueDelay};
use super::control::{CallResult, CloseReason, Control};
use super::credentials::Credentials;
use super::ota::UpdateKind;
use super::server_rpc::Call;
use super::simulator::Simulator;
use super::time::Time;

impl Simulator {
    /// Something happens at the back-end.
    pub fn control(&mut self, now: Time, control: Control) {
        self.advance(now);
        match control {
            Control::SetShared { device, values } => {
                self.for_device(&device, |simulator, device| {
                    simulator.set_shared(device, &values)
                });
            }
            Control::DeleteShared { device, keys } => {
                self.for_device(&device, |simulator, device| {
                    simulator.delete_shared(device, keys)
                });
            }
            Control::Rpc {
                call,
                device,
                method,
                params,
                raw_params,
                oneway,
                timeout_ms,
                persisted,
                request_id,
            } => {
                let params = raw_params.unwrap_or_else(|| params.unwrap_or_default().to_string());
                self.rpc(
                    &device,
                    Call {
                        name: call,
                        method,
                        params,
                        oneway,
                        persisted,
                        timeout_ms,
                        request_id,
                    },
                );
            }
            Control::SetFw(assignment) => self.assign(UpdateKind::Firmware, assignment),
            Control::SetSw(assignment) => self.assign(UpdateKind::Software, assignment),
            Control::EvictPackages => self.backend.packages.evict(),
            Control::CloseSession { device, reason } => {
                self.for_device(&device, |simulator, device| {
                    simulator.close_sessions(device, reason);
                });
            }
            Control::SetCredentials { device, token } => {
                self.for_device(&device, |simulator, device| {
                    simulator.backend.device_mut(device).credentials = Credentials::Token(token);
                    simulator.close_sessions(device, CloseReason::CredentialsUpdated);
                });
            }
            Control::DeleteDevice { device } => {
                self.for_device(&device, |simulator, device| {
                    simulator.delete_device(device);
                });
            }
            Control::RenameDevice { device, name } => {
                self.for_device(&device, |simulator, device| {
                    simulator.rename_device(device, name);
                });
            }
            Control::ServiceDelay { delay_ms, off } => {
                self.backend.service.delay_ms = delay_ms.filter(|_| !off).unwrap_or(0);
            }
            Control::ServiceError { off } => self.backend.service.fails = !off,
            Control::SetTenantLimits { limits } => {
                self.backend.limit(&limits);
                self.setup.tenant_limits = limits;
            }
            Control::TransportDisabled { off } => self.backend.transport_disabled = !off,
            Control::QueueError { what, device } => {
                let device = self.optional_device(device.as_deref());
                self.backend.fail_queue(what, device);
            }
            Control::QueueCallbackLost {
                what,
                device,
                count,
            } => {
                let device = self.optional_device(device.as_deref());
                self.backend.delay_queue(QueueDelay {
                    kind: what,
                    device,
                    confirmation: Confirmation::Never,
                    remaining: count,
                });
            }
            Control::QueueCallbackDelayed {
                what,
                device,
                delay_ms,
                count,
            } => {
                let device = self.optional_device(device.as_deref());
                self.backend.delay_queue(QueueDelay {
                    kind: what,
                    device,
                    confirmation: Confirmation::After { millis: delay_ms },
                    remaining: count,
                });
            }
        }
    }

    fn rpc(&mut self, device: &str, call: Call) {
        match self.backend.device_named(device) {
            Some(device) => self.issue_rpc(device, call),
            None => self.results.push_back(CallResult {
                call: call.name,
                ok: false,
                rpc_id: None,
                reply: None,
                reply_text: None,
                sent: false,
                error: Some("NO_SUCH_DEVICE".to_owned()),
            }),
        }
    }

    fn for_device(&mut self, name: &str, act: impl FnOnce(&mut Self, DeviceId)) {
        if let Some(device) = self.backend.device_named(name) {
            act(self, device);
        }
    }

    fn optional_device(&self, name: Option<&str>) -> Option<DeviceId> {
        name.and_then(|name| self.backend.device_named(name))
    }
}
