//! What tests stand on: an engine in process, the demo shop, a server on real sockets.

pub(crate) mod busy;
mod engine;
pub(crate) mod faulty;
pub(crate) mod guarded;
pub(crate) mod local;
pub(crate) mod persisted;
pub(crate) mod server;
pub(crate) mod shop;
pub(crate) mod threats;

pub(crate) use engine::{Ask, LINK, TestEngine, anonymous, root};
