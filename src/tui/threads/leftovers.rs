//! The thread that looks for leftovers, when asked: it reads every cgroup and every state root, which
//! takes longer than a tick, and the screen never waits for it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use crate::oci::ContainerKey;
use crate::tui::event::EventKind;
use crate::tui::host::JobHost;

use super::mailbox::{Mailbox, panic_if_asked, spawn};

/// Containers that were seen to end.
pub(super) type LeftoversRequest = BTreeSet<ContainerKey>;

/// Starts it.
pub(super) fn start(mailbox: &Mailbox, host: JobHost) -> io::Result<Sender<LeftoversRequest>> {
    let (sender, orders) = mpsc::channel::<LeftoversRequest>();
    spawn("leftovers", mailbox, move |mailbox| {
        // What it saw first when: a cgroup that was watched for a while is not just being made.
        let mut known = host.known();
        while let Ok(order) = orders.recv() {
            panic_if_asked("leftovers", true);
            // Several orders are one: they all ask for what is there now.
            known.saw(&orders.try_iter().last().unwrap_or(order));
            let found = host.leftovers(&known);
            known.remember(&found);
            if !mailbox.send(EventKind::Leftovers(Arc::new(found))) {
                return;
            }
        }
    })?;
    Ok(sender)
}
