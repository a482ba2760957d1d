//! What ThingsBoard means: topics, payloads, RPC.
