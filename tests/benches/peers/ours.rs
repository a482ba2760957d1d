//! What our two clients have in common.

use core::time::Duration;
use std::io;

use serde_json::Value;
use tb_proto::{AttributeUpdate, Config, Credentials, Endpoint, Scheme};
use tb_tests::bench::Order;

/// Bytes of room for a stamped reading.
pub(crate) const ROOM: usize = 128;
/// For a connection to be made.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The window of the order, and a queue that holds as much again, as rumqttc's channel does.
pub(crate) fn config(order: &Order) -> io::Result<Config> {
    config_over(Scheme::Mqtt, order)
}

/// The same over this.
pub(crate) fn config_over(scheme: Scheme, order: &Order) -> io::Result<Config> {
    let (host, port) = (order.server.ip().to_string(), order.server.port());
    let endpoint = Endpoint::new(scheme, &host, port).map_err(io::Error::other)?;
    // The peer is no ThingsBoard: it tells no limits.
    Ok(Config::new(endpoint, Credentials::token("BENCH"))
        .ask_session_limits(false)
        .max_inflight(order.window)
        .max_queued_messages(2 * usize::from(order.window)))
}

/// All of an update as one value, as a client of bare MQTT would parse it.
pub(crate) fn value(update: AttributeUpdate) -> Value {
    Value::Object(update.updated.into_inner().into_iter().collect())
}

/// How many readings were before this one.
pub(crate) fn counter(reading: &Value) -> u64 {
    reading["counter"].as_u64().unwrap_or_default()
}
