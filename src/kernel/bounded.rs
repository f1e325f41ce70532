//! Calls that can hang in the kernel, made on threads that can be left behind.
//!
//! `rmdir` of a cgroup and writes to its control files wait for locks that a stuck task may hold,
//! and so do some files of `/proc/PID`, in uninterruptible sleep: nothing can call them back. The
//! caller waits for a while and goes on without; the thread stays until the kernel lets it go. A
//! few such threads are a price worth paying, many are a sign that the host is past helping, so
//! then nothing more is tried. Changes and reads are counted apart: what is only looked at must
//! not use up what a teardown needs.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

/// Most threads left behind of each kind, over the whole process.
const MOST_LEFT: usize = 4;

static CHANGES: AtomicUsize = AtomicUsize::new(0);
static READS: AtomicUsize = AtomicUsize::new(0);

type BoxedCall = Box<dyn FnOnce() + Send>;

#[derive(Debug)]
struct CallThread {
    calls: Sender<BoxedCall>,
    /// Set once, when it is left behind; its thread ends after the call it is in.
    abandoned: Arc<AtomicBool>,
}

/// Threads that wait for a call to make.
#[derive(Debug)]
pub struct Bounded {
    idle: Mutex<Vec<CallThread>>,
    left: &'static AtomicUsize,
}

/// A call has not come back in its time.
#[derive(Debug)]
pub enum Unanswered<T> {
    /// Its thread is left behind; what it says in the end can still be had.
    Late(Late<T>),
    /// It was not made at all.
    NotAsked(NotAsked),
}

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// Too many have not come back.
    #[error("several calls have not come back")]
    TooMany,
    /// No thread can be made for it: a limit of processes, or of memory.
    #[error("no thread can be made: {0}")]
    NoThread(io::Error),
    /// Its thread ended in a panic.
    #[error("the thread for kernel calls is gone")]
    Lost,
}

impl From<NotAsked> for io::Error {
    fn from(why: NotAsked) -> Self {
        match why {
            NotAsked::TooMany => Errno::AGAIN.into(),
            why @ (NotAsked::NoThread(_) | NotAsked::Lost) => Self::other(why),
        }
    }
}

/// The answer of a thread that was left behind.
pub struct Late<T>(Receiver<T>);

impl<T> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Late")
    }
}

/// What has become of a late answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Lateness<T> {
    /// It came.
    Came(T),
    /// It has still not come.
    Waiting,
    /// It will not come.
    Never,
}

impl<T> Late<T> {
    /// Looks whether it has come; never waits.
    pub fn look(&self) -> Lateness<T> {
        match self.0.try_recv() {
            Ok(answer) => Lateness::Came(answer),
            Err(TryRecvError::Empty) => Lateness::Waiting,
            Err(TryRecvError::Disconnected) => Lateness::Never,
        }
    }
}

/// Does something on a thread that nobody waits for; not at all where no thread can be made.
pub(super) fn apart(name: &str, work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).ok();
}

impl Bounded {
    /// For calls that change the machine.
    pub(super) fn changes() -> Self {
        Self::counting(&CHANGES)
    }

    /// For reads.
    pub fn reads() -> Self {
        Self::counting(&READS)
    }

    fn counting(left: &'static AtomicUsize) -> Self {
        Self {
            idle: Mutex::default(),
            left,
        }
    }

    /// Makes the call and waits for it at most `limit`: `ETIMEDOUT` if it has not come back by
    /// then, `EAGAIN` if too many have not. Where no thread can be made for it, this one makes it: a
    /// teardown that might have to wait is better than none, and where no thread is left, none of what
    /// else ocitop does is held by that.
    pub(super) fn call(
        &self,
        limit: Duration,
        call: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        match self.ask_or_here(limit, call) {
            Ok(result) => result,
            Err(Unanswered::Late(_)) => Err(Errno::TIMEDOUT.into()),
            Err(Unanswered::NotAsked(why)) => Err(why.into()),
        }
    }

    /// As [`Self::ask`]; where no thread can be made, this one answers, however long it takes: for what
    /// is not known to hang.
    pub fn ask_or_here<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unanswered<T>> {
        match self.worker() {
            Ok(worker) => self.ask_by(worker, limit, question),
            Err(NotAsked::NoThread(_)) => Ok(question()),
            Err(why) => Err(Unanswered::NotAsked(why)),
        }
    }

    /// As a call, for anything that gives a value back; a late one can be asked for again.
    pub fn ask<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unanswered<T>> {
        let worker = self.worker().map_err(Unanswered::NotAsked)?;
        self.ask_by(worker, limit, question)
    }

    /// A thread that waits for a call, or a new one.
    fn worker(&self) -> Result<CallThread, NotAsked> {
        if self.left.load(Ordering::SeqCst) >= MOST_LEFT {
            return Err(NotAsked::TooMany);
        }
        let idle = self.lock().pop();
        idle.map_or_else(
            || CallThread::start(self.left).map_err(NotAsked::NoThread),
            Ok,
        )
    }

    fn ask_by<T: Send + 'static>(
        &self,
        worker: CallThread,
        limit: Duration,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unanswered<T>> {
        let (answer, answers) = channel();
        let call: BoxedCall = Box::new(move || {
            // Without a listener there is nobody to tell.
            answer.send(question()).ok();
        });
        worker
            .calls
            .send(call)
            .map_err(|_gone| Unanswered::NotAsked(NotAsked::Lost))?;
        match answers.recv_timeout(limit) {
            Ok(value) => {
                self.lock().push(worker);
                Ok(value)
            }
            Err(RecvTimeoutError::Timeout) => {
                // Counted first: the thread takes itself off the count when it sees the mark.
                self.left.fetch_add(1, Ordering::SeqCst);
                worker.abandoned.store(true, Ordering::SeqCst);
                Err(Unanswered::Late(Late(answers)))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Unanswered::NotAsked(NotAsked::Lost)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<CallThread>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes an abandoned thread off the count when it ends, whichever way.
struct Account {
    left: &'static AtomicUsize,
    abandoned: Arc<AtomicBool>,
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.abandoned.load(Ordering::SeqCst) {
            self.left.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl CallThread {
    fn start(left: &'static AtomicUsize) -> io::Result<Self> {
        let (calls, orders) = channel::<BoxedCall>();
        let abandoned = Arc::new(AtomicBool::new(false));
        let account = Account {
            left,
            abandoned: Arc::clone(&abandoned),
        };
        thread::Builder::new()
            .name("kernel-call".to_owned())
            .spawn(move || {
                // Whoever leaves it behind drops its end: there is no further order then.
                let _account = account;
                while let Ok(call) = orders.recv() {
                    call();
                }
            })?;
        Ok(Self { calls, abandoned })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A count of its own, so that no other test is in the way.
    fn alone() -> Bounded {
        Bounded::counting(Box::leak(Box::default()))
    }

    /// A question that is answered when its other end is dropped.
    fn blocked() -> (Sender<()>, impl FnOnce() -> i32 + Send + 'static) {
        let (release, blocked) = channel::<()>();
        let hangs = move || {
            blocked.recv().ok();
            7
        };
        (release, hangs)
    }

    #[test]
    fn a_call_that_does_not_come_back_is_left_behind() {
        let bounded = alone();
        let (release, hangs) = blocked();
        let error = bounded
            .call(Duration::from_millis(10), move || {
                hangs();
                Ok(())
            })
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::TIMEDOUT.raw_os_error()));
        // Others still get through, on a thread of their own.
        bounded.call(Duration::from_secs(10), || Ok(())).unwrap();
        drop(release);
    }

    #[test]
    fn a_call_returns_what_it_returned() {
        let error = alone()
            .call(Duration::from_secs(10), || Err(Errno::BUSY.into()))
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BUSY.raw_os_error()));
    }

    #[test]
    fn a_late_answer_can_still_be_had_and_frees_its_place() {
        let bounded = alone();
        let (release, hangs) = blocked();
        let Err(Unanswered::Late(late)) = bounded.ask(Duration::from_millis(1), hangs) else {
            panic!("it cannot have been answered");
        };
        assert_eq!(late.look(), Lateness::Waiting);
        assert_eq!(bounded.left.load(Ordering::SeqCst), 1);
        drop(release);
        while late.look() == Lateness::Waiting {
            thread::yield_now();
        }
        while bounded.left.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn after_four_that_hang_nothing_more_is_asked() {
        let bounded = alone();
        let mut held = Vec::new();
        for _ in 0..MOST_LEFT {
            let (release, hangs) = blocked();
            let asked = bounded.ask(Duration::from_millis(1), hangs);
            assert!(matches!(asked, Err(Unanswered::Late(_))));
            held.push(release);
        }
        let asked = bounded.ask(Duration::from_secs(10), || 1);
        assert!(matches!(
            asked,
            Err(Unanswered::NotAsked(NotAsked::TooMany))
        ));
    }
}
