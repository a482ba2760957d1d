//! Remote procedure calls in both directions.

mod answer;
mod call;
mod reply;
mod request;

pub use answer::{RpcError, RpcResponse};
pub use call::RpcCall;
pub use reply::RpcReply;
pub use request::Params;

pub(crate) use answer::parse_rpc_answer;
pub(crate) use request::RpcRequestBody;
