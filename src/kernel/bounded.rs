//! Calls that can hang in the kernel, made on threads that can be left behind.
//!
//! `rmdir` of a cgroup and writes to its control files wait for locks that a stuck task may hold,
//! in uninterruptible sleep: nothing can call them back. The caller waits for a while and goes on
//! without; the thread stays until the kernel lets it go. A few such threads are a price worth
//! paying, many are a sign that the host is past helping, so then nothing more is tried.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

/// Most threads left behind, over the whole process.
const MOST_LEFT: usize = 4;

static LEFT: AtomicUsize = AtomicUsize::new(0);

type Call = Box<dyn FnOnce() -> io::Result<()> + Send>;

#[derive(Debug)]
struct Worker {
    calls: Sender<Call>,
    results: Receiver<io::Result<()>>,
}

/// Threads that wait for a call to make.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    idle: Mutex<Vec<Worker>>,
}

impl Bounded {
    /// Makes the call and waits for it at most `limit`: `ETIMEDOUT` if it has not come back by
    /// then, `EAGAIN` if too many have not.
    pub(super) fn call(
        &self,
        limit: Duration,
        call: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        if LEFT.load(Ordering::SeqCst) >= MOST_LEFT {
            return Err(Errno::AGAIN.into());
        }
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let worker = match idle {
            Some(worker) => worker,
            None => Worker::start()?,
        };
        let lost = || io::Error::other("the thread for kernel calls is gone");
        worker.calls.send(Box::new(call)).map_err(|_gone| lost())?;
        match worker.results.recv_timeout(limit) {
            Ok(result) => {
                self.idle
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(worker);
                result
            }
            Err(RecvTimeoutError::Timeout) => {
                LEFT.fetch_add(1, Ordering::SeqCst);
                // When the kernel lets it go after all, it ends: nobody listens any more.
                Err(Errno::TIMEDOUT.into())
            }
            Err(RecvTimeoutError::Disconnected) => Err(lost()),
        }
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (calls, orders) = channel::<Call>();
        let (answers, results) = channel();
        thread::Builder::new()
            .name("kernel-call".to_owned())
            .spawn(move || {
                while let Ok(call) = orders.recv() {
                    if answers.send(call()).is_err() {
                        LEFT.fetch_sub(1, Ordering::SeqCst);
                        return;
                    }
                }
            })?;
        Ok(Self { calls, results })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_left_behind() {
        let bounded = Bounded::default();
        let (release, blocked) = channel::<()>();
        let hangs = move || {
            blocked.recv().ok();
            Ok(())
        };
        let error = bounded.call(Duration::from_millis(10), hangs).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::TIMEDOUT.raw_os_error()));
        // Others still get through, on a thread of their own.
        bounded.call(Duration::from_secs(10), || Ok(())).unwrap();
        drop(release);
    }

    #[test]
    fn a_call_returns_what_it_returned() {
        let error = Bounded::default()
            .call(Duration::from_secs(10), || Err(Errno::BUSY.into()))
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BUSY.raw_os_error()));
    }
}
