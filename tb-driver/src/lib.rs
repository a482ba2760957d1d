//! What every adapter of the ThingsBoard device SDK shares: handle, tickets, streams, one driver loop.
#![forbid(unsafe_code)]
