//! The harness against itself, over real sockets.

mod mocks;
mod shop;
mod support;
