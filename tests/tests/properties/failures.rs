//! Lives that went wrong once, as they were printed.
