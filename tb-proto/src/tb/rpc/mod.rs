//! Remote procedure calls in both directions.

mod answer;
mod call;
mod params;
mod reply;
mod request;

pub use answer::{RpcError, RpcResponse};
pub use call::RpcCall;
pub use params::Params;
pub use reply::RpcReply;

#[cfg(feature = "_fuzzing")]
pub(crate) use answer::parse_rpc_answer;
pub(crate) use answer::read_rpc_answer;
pub(crate) use request::RpcRequestBody;
