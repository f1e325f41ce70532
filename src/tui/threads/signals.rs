//! Signals sent to ocitop, as events.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::tui::event::EventKind;
use crate::tui::terminal;

use super::mailbox::{Mailbox, spawn};

/// How long the screen may take to end after a signal asked for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Starts to listen.
pub(super) fn start(mailbox: &Mailbox) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGQUIT, SIGINT, SIGTSTP, SIGCONT])?;
    spawn("signals", mailbox, move |mailbox| {
        for signal in signals.forever() {
            let kind = match signal {
                SIGTERM => EventKind::Terminate("SIGTERM"),
                SIGHUP => EventKind::Terminate("SIGHUP"),
                SIGQUIT => EventKind::Terminate("SIGQUIT"),
                SIGINT => EventKind::Terminate("SIGINT"),
                SIGTSTP => EventKind::Suspend,
                _ => EventKind::Continued,
            };
            let ends = matches!(kind, EventKind::Terminate(_));
            if !mailbox.send(kind) {
                return;
            }
            if ends {
                end_if_stuck(signal);
            }
        }
    })
}

/// A terminal that takes no output (a stalled connection) holds the drawing thread in a write; a
/// signal has to end ocitop all the same.
fn end_if_stuck(signal: i32) {
    let asked = Instant::now();
    while terminal::is_taken() {
        let Some(left) = PATIENCE.checked_sub(asked.elapsed()) else {
            if let Err(error) = signal_hook::low_level::emulate_default_handler(signal) {
                tracing::error!("end by signal {signal}: {error}");
            }
            return;
        };
        thread::park_timeout(left.min(Duration::from_millis(100)));
    }
}
