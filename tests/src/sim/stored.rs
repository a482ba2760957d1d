use serde_json::Value;

/// A fact that reached the back-end.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// One data point.
    Telemetry {
        /// Device.
        device: String,
        /// Its time.
        ts: Timestamp,
        /// Key.
        key: String,
        /// Value as stored.
        value: TypedValue,
        /// Topic of the message, recorded for devices on a profile of transport type MQTT.
        topic: Option<String>,
    },
    /// One client-side attribute.
    ClientAttribute {
        /// Device.
        device: String,
        /// Key.
        key: String,
        /// Value as stored.
        value: TypedValue,
    },
    /// A client-side RPC reached the rule chain.
    ClientRpc {
        /// Device.
        device: String,
        /// Request identifier of the topic.
        id: i32,
        /// Method.
        method: String,
        /// Parameters; null if there were none.
        params: Value,
    },
    /// A reply to a server-side RPC reached the core.
    RpcReply {
        /// Device.
        device: String,
        /// Request identifier.
        id: i32,
        /// The reply: its value if it is JSON, else its text; null if there is none.
        payload: Value,
        /// Set if the transport itself answered instead of the device.
        error: Option<String>,
        /// False: the call is unknown or finished; the reply is ignored.
        expected: bool,
    },
    /// The transport reported on the delivery of a server-side RPC.
    RpcDeliveryStatus {
        /// Device.
        device: String,
        /// Request identifier.
        id: i32,
        /// What it reported.
        status: DeliveryStatus,
    },
    /// A device allowed a customer to claim it.
    Claim {
        /// Device.
        device: String,
        /// Secret key; empty if none was given.
        secret_key: String,
        /// Duration in milliseconds; 0: the system default applies.
        duration_ms: i64,
    },
    /// A provisioning request was handled.
    Provision {
        /// Device name of the request.
        device: String,
        /// Type of the requested credentials.
        credentials_type: String,
        /// Provision device key of the request.
        key: String,
        /// Whether a gateway was asked for.
        gateway: bool,
        /// `SUCCESS`, `NOT_FOUND` or `FAILURE`.
        status: String,
    },
    /// A gateway made the core look up a child.
    GatewayChild {
        /// Gateway.
        gateway: String,
        /// Child.
        child: String,
        /// Device type of the request.
        device_type: String,
        /// Whether the child was created.
        created: bool,
    },
}

/// The time of a data point, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timestamp {
    /// The device gave it.
    Device(i64),
    /// The server's time of arrival.
    Server(i64),
}

impl Timestamp {
    /// Milliseconds since 1970, whoever gave them.
    #[must_use]
    pub const fn millis(self) -> i64 {
        match self {
            Self::Device(millis) | Self::Server(millis) => millis,
        }
    }
}

/// A value with the type under which ThingsBoard stores it (reference §2.3).
#[derive(Clone, Debug, PartialEq)]
pub enum TypedValue {
    /// `BOOLEAN`
    Boolean(bool),
    /// `LONG`
    Long(i64),
    /// `DOUBLE`
    Double(f64),
    /// `STRING`
    String(String),
    /// `JSON`, as the text that is stored.
    Json(String),
}

impl TypedValue {
    /// ThingsBoard's name of the type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "BOOLEAN",
            Self::Long(_) => "LONG",
            Self::Double(_) => "DOUBLE",
            Self::String(_) => "STRING",
            Self::Json(_) => "JSON",
        }
    }

    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Boolean(value) => Value::from(*value),
            Self::Long(value) => Value::from(*value),
            Self::Double(value) => Value::from(*value),
            Self::String(value) => Value::from(value.as_str()),
            Self::Json(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
            }
        }
    }

    /// The value of a JSON attribute as an administrator sets it: types are kept, nothing is cast.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => number.as_i64().map_or_else(
                || Self::Double(number.as_f64().unwrap_or_default()),
                Self::Long,
            ),
            Value::String(text) => Self::String(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Json(value.to_string()),
        }
    }
}

/// What the transport reports about the delivery of a server-side RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Written, not yet acknowledged (persistent RPC only).
    Sent,
    /// Acknowledged, or written at QoS 0.
    Delivered,
    /// Not acknowledged in time.
    Timeout,
}

impl DeliveryStatus {
    /// ThingsBoard's name of the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "SENT",
            Self::Delivered => "DELIVERED",
            Self::Timeout => "TIMEOUT",
        }
    }
}
