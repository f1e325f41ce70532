//! What the sampler tells of what happened: conditions that became others, ends, OOM kills.

use std::sync::Arc;

use super::Sampler;
use super::descriptors::HeldDescriptors;
use super::events::RowId;
use crate::inventory::Condition;
use crate::inventory::happenings::{ExitStatus, Happened, Happening};
use crate::oci::{ContainerKey, Status};

/// Happenings that are kept.
const LONGEST: usize = 1000;

impl Sampler {
    /// The kernel tells how a process ended for as long as nobody has reaped it.
    pub(super) fn note_exit(&mut self, id: RowId) {
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        let pid = row.shown().init.map(|init| init.pid);
        let raw = pid.and_then(|pid| self.machine.exit_code(pid));
        row.ended = raw.map(ExitStatus::from_raw);
        self.budget.spend(row.held(), HeldDescriptors::default());
        row.let_go();
        self.budget.spend(HeldDescriptors::default(), row.held());
    }

    /// Tells what became of a container since it was in the condition `before`; `None`: since it
    /// was not there.
    pub(super) fn happened_since(&mut self, id: RowId, before: Option<Condition>) {
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        let now = row.shown().condition;
        let status = row.ended.take_if(|_| !now.is_alive());
        let key = row.key.clone();
        // What was there at the first look did not just come.
        if row.unborn || before == Some(now) || (before.is_none() && !self.settled) {
            return;
        }
        let was_alive = before.is_some_and(Condition::is_alive);
        let what = match now {
            Condition::Known(Status::Created) => Happened::Created,
            Condition::Known(Status::Paused) => Happened::Paused,
            Condition::Known(Status::Running) => match before {
                Some(Condition::Known(Status::Paused) | Condition::Freezing) => Happened::Resumed,
                _ => Happened::Started,
            },
            Condition::Known(Status::Stopped) if was_alive => Happened::Exited { status },
            Condition::Known(_)
            | Condition::Freezing
            | Condition::Broken
            | Condition::Unknown(_) => return,
        };
        self.tell(key, what);
    }

    pub(super) fn tell(&mut self, key: ContainerKey, what: Happened) {
        let happenings = Arc::make_mut(&mut self.happenings);
        let surplus = (happenings.len() + 1).saturating_sub(LONGEST);
        happenings.drain(..surplus);
        happenings.push(Happening {
            at: jiff::Timestamp::now(),
            uptime: self.begun.elapsed(),
            key,
            what,
        });
    }
}
