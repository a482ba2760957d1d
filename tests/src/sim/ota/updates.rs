//! Assigning packages to devices and profiles, and how far updates have come.

use super::package::{self, Release, UpdateKind};
use crate::sim::backend::{Assignee, DeviceId};
use crate::sim::control::Assignment;
use crate::sim::simulator::Simulator;
use crate::sim::stored::TypedValue;

/// What the back-end learnt about an update: from itself (`QUEUED` and `INITIATED`, with the title and
/// version that it wants), or from the device (with those that it runs). ThingsBoard checks none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateReport {
    /// Device.
    pub device: String,
    /// Firmware or software.
    pub kind: UpdateKind,
    /// Title, if it was told.
    pub title: Option<String>,
    /// Version, if it was told. The type cast may have made a number of it (`1.10` becomes `1.1`).
    pub version: Option<String>,
    /// `fw_state` or `sw_state`, if it was told.
    pub state: Option<String>,
    /// `fw_error` or `sw_error`, if it was told.
    pub error: Option<String>,
}

impl Simulator {
    /// What the back-end learnt about updates, in the order of arrival. Kept if facts are
    /// ([`ServerSettings::record_stored`](crate::sim::ServerSettings::record_stored)).
    #[must_use]
    pub fn update_reports(&self) -> &[UpdateReport] {
        &self.update_reports
    }

    /// An assignment to a device that does not exist, or of a package that does not, does nothing.
    pub(in crate::sim) fn assign(&mut self, kind: UpdateKind, assignment: Assignment) {
        let assignee = match &assignment.profile {
            Some(profile) => self.backend.profile_named(profile).map(Assignee::Profile),
            None => self
                .backend
                .device_named(&assignment.device)
                .map(Assignee::Device),
        };
        let known = &self.setup.packages;
        let release = Release::new(assignment, &mut self.backend.packages, known);
        let (Some(assignee), Ok(release)) = (assignee, release) else {
            return;
        };
        let affected: Vec<_> = (self.backend.devices_of(assignee).into_iter())
            .map(|device| (device, self.backend.release_of(device, kind).cloned()))
            .collect();
        *self.backend.release_mut(assignee, kind) = release;
        for (device, before) in affected {
            self.announce(device, kind, before.as_ref());
        }
    }

    /// Announces what is in force now, if it is not what was before.
    fn announce(&mut self, device: DeviceId, kind: UpdateKind, before: Option<&Release>) {
        let Some(release) = self.backend.release_of(device, kind).cloned() else {
            if before.is_some() {
                self.delete_shared(device, package::all_keys(kind));
            }
            return;
        };
        if before == Some(&release) {
            return;
        }
        for state in ["QUEUED", "INITIATED"] {
            self.report_update(UpdateReport {
                device: self.backend.device(device).name.clone(),
                kind,
                title: Some(release.title.clone()),
                version: Some(release.version.clone()),
                state: Some(state.to_owned()),
                error: None,
            });
        }
        let (present, absent) = release.attributes(kind);
        // Two operations that nothing keeps in order (reference §8.2).
        if self.faults.late_ota_deletion {
            self.set_shared(device, &present);
        }
        if !absent.is_empty() {
            self.delete_shared(device, absent);
        }
        if !self.faults.late_ota_deletion {
            self.set_shared(device, &present);
        }
    }

    /// Finds reports among the telemetry of a device.
    pub(in crate::sim) fn notice_update_reports(
        &mut self,
        device: DeviceId,
        values: &[(String, TypedValue)],
    ) {
        for kind in [UpdateKind::Firmware, UpdateKind::Software] {
            // Most telemetry is none of this.
            let marked = kind.key("");
            if !values.iter().any(|(key, _)| key.contains(&marked)) {
                continue;
            }
            let told = |name: &str| {
                let (_, value) = values.iter().find(|(key, _)| key == name)?;
                Some(match value {
                    TypedValue::String(text) => text.clone(),
                    other => other.to_json().to_string(),
                })
            };
            let prefix = kind.prefix();
            let report = UpdateReport {
                device: self.backend.device(device).name.clone(),
                kind,
                title: told(&format!("current_{prefix}_title")),
                version: told(&format!("current_{prefix}_version")),
                state: told(&kind.key("state")),
                error: told(&kind.key("error")),
            };
            let parts = [&report.title, &report.version, &report.state, &report.error];
            if parts.iter().any(|part| part.is_some()) {
                self.report_update(report);
            }
        }
    }

    fn report_update(&mut self, report: UpdateReport) {
        if self.setup.server.record_stored {
            self.update_reports.push(report);
        }
    }
}
