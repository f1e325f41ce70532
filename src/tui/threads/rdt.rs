//! The thread that reads resctrl, when asked: a reading waits for interrupts on other CPUs and for a
//! mutex of the kernel.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use crate::inventory::Container;
use crate::resctrl::ResctrlReader;
use crate::tui::event::EventKind;
use crate::tui::host::JobHost;

use super::mailbox::{Mailbox, panic_if_asked, spawn};

/// The containers to find in the groups.
pub(super) type RdtRequest = Vec<Arc<Container>>;

/// Starts it.
pub(super) fn start(mailbox: &Mailbox, host: JobHost) -> io::Result<Sender<RdtRequest>> {
    let (sender, orders) = mpsc::channel::<RdtRequest>();
    spawn("rdt", mailbox, move |mailbox| {
        // Rates are between two readings of this thread.
        let mut reader = ResctrlReader::default();
        while let Ok(order) = orders.recv() {
            panic_if_asked("rdt", true);
            let view = host.rdt(&mut reader, &order);
            if !mailbox.send(EventKind::Rdt(Arc::new(view))) {
                return;
            }
        }
    })?;
    Ok(sender)
}
