//! One MQTT client: connect, keep alive, in-flight window, subscriptions, back-off.
