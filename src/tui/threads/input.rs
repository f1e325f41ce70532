//! The thread that reads keys and the mouse from the terminal.

use std::io;

use ratatui::crossterm::event::{self as terminal_event, Event as Input, MouseEventKind};

use super::mailbox::{Mailbox, spawn};
use crate::tui::event::EventKind;

/// Starts it.
pub(super) fn start(mailbox: &Mailbox) -> io::Result<()> {
    spawn("input", mailbox, |mailbox| {
        loop {
            let kind = match terminal_event::read() {
                // Nothing reacts to it, and every one would draw the screen again.
                Ok(Input::Mouse(mouse)) if mouse.kind == MouseEventKind::Moved => continue,
                Ok(input) => EventKind::Input(input),
                Err(error) => {
                    tracing::error!("read from the terminal: {error}");
                    EventKind::Terminate("end of input")
                }
            };
            let over = matches!(kind, EventKind::Terminate(_));
            if !mailbox.send(kind) || over {
                return;
            }
        }
    })
}
