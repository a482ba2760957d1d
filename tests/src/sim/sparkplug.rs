//! Profiles of Sparkplug: what their CONNECT has to have (reference §12.1). The messages of Sparkplug are
//! not modelled: all that an edge node publishes is class A.

use super::packets::{Connect, Version, Will};
use super::protobuf;

/// Whether an edge node may connect.
pub(super) fn takes(connect: &Connect) -> bool {
    let expires_at_once = connect.version == Version::V3 || connect.session_expiry == Some(0);
    connect.clean && expires_at_once && connect.will.as_ref().is_some_and(is_death_certificate)
}

/// `spBv1.0/{group}/NDEATH/{node}`, QoS 1, not retained, with a payload in protobuf.
fn is_death_certificate(will: &Will) -> bool {
    let mut levels = will.topic.split('/');
    let mut level = || levels.next().unwrap_or_default();
    level() == "spBv1.0"
        && !level().is_empty()
        && level() == "NDEATH"
        && !level().is_empty()
        && levels.next().is_none()
        && will.qos == 1
        && !will.retain
        && !will.payload.is_empty()
        && protobuf::is_message(&will.payload)
}
