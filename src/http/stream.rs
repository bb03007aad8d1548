//! Streams of HTTP/2 that can be ended one by one.
//!
//! hyper makes a task of each request and waits in it until its client has opened its window; nothing can end that but the task itself. So it is told here which
//! stream it is, and its answer can say that it has waited for too long.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
};

use futures_util::task::AtomicWaker;
use hyper::rt::Executor;

thread_local! {
    /// The stream whose task runs.
    static CURRENT: RefCell<Option<Arc<Stream>>> = const { RefCell::new(None) };
}

/// Runs the tasks that hyper makes of HTTP/2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams;

/// One of them.
#[derive(Debug, Default)]
pub(super) struct Stream {
    is_reset: AtomicBool,
    task: AtomicWaker,
}

// === impl Stream ===

impl Stream {
    /// The one whose task asks; `None`: it is none of HTTP/2.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Ends it: what its client has not taken is dropped, and the client told so.
    pub(super) fn reset(&self) {
        self.is_reset.store(true, Relaxed);
        self.task.wake();
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(async move {
            let stream = Arc::<Stream>::default();
            let mut future = pin!(future);
            poll_fn(|cx| {
                stream.task.register(cx.waker());
                if stream.is_reset.load(Relaxed) {
                    return Poll::Ready(());
                }
                let before = CURRENT.replace(Some(Arc::clone(&stream)));
                let polled = future.as_mut().poll(cx);
                CURRENT.set(before);
                polled.map(drop)
            })
            .await;
        });
    }
}
