//! The thread that reads the processes of the container looked at, again and again, for as long as
//! somebody looks. It alone waits for them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::inventory::processes::{Listing, ProcessReader, ProcessSubject};
use crate::tui::event::EventKind;
use crate::tui::host::JobHost;

use super::mailbox::{Mailbox, panic_if_asked, spawn};

/// A pass that takes long is not made more often than leaves this many times its time free.
const REST: u32 = 4;

/// What it is told: whose processes to read how often; nothing, when nobody looks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ProcessesRequest {
    pub(super) subject: Option<ProcessSubject>,
    pub(super) interval: Duration,
}

pub(super) fn start(mailbox: &Mailbox, host: JobHost) -> io::Result<Sender<ProcessesRequest>> {
    let (sender, orders) = mpsc::channel();
    spawn("processes", mailbox, move |mailbox| {
        read_loop(mailbox, host.reader(), &orders);
    })?;
    Ok(sender)
}

/// The time since boot.
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.try_into().unwrap_or_default()
}

fn read_loop(mailbox: &Mailbox, mut reader: ProcessReader, orders: &Receiver<ProcessesRequest>) {
    let mut order = ProcessesRequest::default();
    let mut last: Option<(Listing, Instant)> = None;
    let mut fresh = false;
    loop {
        let Some(subject) = &order.subject else {
            match orders.recv() {
                Ok(next) => order = newest(next, orders),
                Err(_) => return,
            }
            last = None;
            fresh = false;
            continue;
        };
        panic_if_asked("processes", true);
        let began = Instant::now();
        let listing = match last.take() {
            // Only the cursor has moved: what was just read of the others still holds.
            Some((listing, read)) if fresh => (listing, read),
            _ => (reader.look(subject, now()), began),
        };
        let (mut listing, read) = listing;
        if reader.will_wait(&listing) && !send(mailbox, &listing) {
            return;
        }
        reader.ask(&mut listing, subject, now());
        if !send(mailbox, &listing) {
            return;
        }
        let pause = order.interval.max(began.elapsed() * REST);
        last = Some((listing, read));
        fresh = false;
        match orders.recv_timeout(pause.saturating_sub(read.elapsed())) {
            Ok(next) => {
                let next = newest(next, orders);
                fresh = only_the_cursor(&order, &next) && read.elapsed() < pause;
                order = next;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn send(mailbox: &Mailbox, listing: &Listing) -> bool {
    mailbox.send(EventKind::Processes(Arc::new(listing.clone())))
}

/// The last order that has come by now.
fn newest(first: ProcessesRequest, orders: &Receiver<ProcessesRequest>) -> ProcessesRequest {
    orders.try_iter().last().unwrap_or(first)
}

/// Whether two orders differ in the selected process, and in nothing else.
fn only_the_cursor(before: &ProcessesRequest, after: &ProcessesRequest) -> bool {
    let (Some(one), Some(other)) = (&before.subject, &after.subject) else {
        return false;
    };
    let aside = ProcessSubject {
        selected: other.selected,
        ..one.clone()
    };
    one != other && aside == *other && before.interval == after.interval
}
