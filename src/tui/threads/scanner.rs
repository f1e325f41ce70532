//! The scanner's thread: looks at the machine again and again, and sends what it saw.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::inventory::Watch;
use crate::tui::event::EventKind;
use crate::tui::host::{self, Host};

use super::{Mailbox, panic_if_asked, spawn};

/// What the scanner can be told.
pub(super) enum Order {
    Now,
    Interval(Duration),
    Watch(Watch),
}

/// Starts the scanner.
pub(super) fn start(
    mailbox: &Mailbox,
    host: Host,
    interval: Duration,
) -> io::Result<Sender<Order>> {
    let (sender, orders) = mpsc::channel();
    spawn("scanner", mailbox, move |mailbox| {
        scan_loop(mailbox, &host, &orders, interval);
    })?;
    Ok(sender)
}

/// Scans every `interval`. A scan that takes longer skips ticks: they are counted from its end on.
fn scan_loop(mailbox: &Mailbox, host: &Host, orders: &Receiver<Order>, mut interval: Duration) {
    let mut scanner = host.scanner();
    for scans in 0_u64.. {
        let began = Instant::now();
        panic_if_asked("scanner", scans == 1);
        if !mailbox.send(EventKind::Snapshot(host::scan(&mut scanner))) {
            return;
        }
        // The first rates need two scans; nobody should wait a long interval for them.
        let pause = if scans == 0 {
            interval.min(Duration::from_millis(500))
        } else {
            interval
        };
        match orders.recv_timeout(pause.saturating_sub(began.elapsed())) {
            Ok(order) => {
                // Orders that came meanwhile are all served by the one scan that follows.
                for order in std::iter::once(order).chain(orders.try_iter()) {
                    match order {
                        Order::Now => {}
                        Order::Interval(wanted) => interval = wanted,
                        // A scan looks at every container closely.
                        Order::Watch(watch) => drop(watch),
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
