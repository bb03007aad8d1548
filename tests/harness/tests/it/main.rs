//! The harness against itself, over real sockets.

mod mocks;
mod schemas;
mod shop;
mod support;
