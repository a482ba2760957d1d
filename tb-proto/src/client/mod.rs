//! The public machine: API methods, open requests, timers.
