//! A device gets its credentials, whatever happens to its connections.

mod field;
mod kept;
mod machine;
