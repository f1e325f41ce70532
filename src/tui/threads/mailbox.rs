//! What every thread of the screen has: a name, and where it sends to.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use crate::tui::event::{Event, EventKind, Moment};

/// Panics when the tests ask for it; compiled to nothing in a release.
pub(in crate::tui) fn panic_if_asked(thread: &str, now: bool) {
    let asked = cfg!(debug_assertions)
        && now
        && std::env::var("OCITOP_TEST_PANIC").is_ok_and(|name| name == thread);
    assert!(!asked, "asked to panic in {thread}");
}

/// Where threads send to.
#[derive(Clone)]
pub(in crate::tui) struct Mailbox {
    sender: Sender<Event>,
    start: Instant,
}

impl Mailbox {
    pub(in crate::tui) fn new(sender: Sender<Event>, start: Instant) -> Self {
        Self { sender, start }
    }

    /// Sends; `false` when the screen is gone, and with it the reason to go on.
    pub(super) fn send(&self, kind: EventKind) -> bool {
        let at = Moment::now(self.start);
        self.sender.send(Event { at, kind }).is_ok()
    }

    pub(super) fn say(&self, failed: bool, text: impl Into<String>) {
        // Without a screen there is nobody to tell.
        let _told: bool = self.send(EventKind::Said {
            failed,
            text: text.into(),
        });
    }
}

/// Tells the screen when its thread ends in a panic.
struct PanicReport {
    name: String,
    mailbox: Mailbox,
}

impl Drop for PanicReport {
    fn drop(&mut self) {
        if thread::panicking() {
            let _told: bool = self.mailbox.send(EventKind::ThreadLost(self.name.clone()));
        }
    }
}

/// Starts a thread of that name.
pub(super) fn spawn(
    name: &str,
    mailbox: &Mailbox,
    body: impl FnOnce(&Mailbox) + Send + 'static,
) -> io::Result<()> {
    let guard = PanicReport {
        name: name.to_owned(),
        mailbox: mailbox.clone(),
    };
    let thread = thread::Builder::new().name(name.to_owned());
    let started = thread.spawn(move || body(&guard.mailbox));
    let none = |error| io::Error::other(format!("no thread can be made for {name}: {error}"));
    started.map(drop).map_err(none)
}
