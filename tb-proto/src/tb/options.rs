use core::time::Duration;

use crate::codec::QoS;

/// Which lane of the queue a message takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// In the order of acceptance.
    #[default]
    Normal,
    /// Ahead of everything of normal priority that has not been written yet.
    High,
}

/// What the builders of messages have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageOptions {
    /// `None`: what the configuration says.
    pub(crate) qos: Option<QoS>,
    /// Counted from acceptance. `None`: what the configuration says.
    pub(crate) expires_in: Option<Duration>,
    pub(crate) priority: Priority,
}
