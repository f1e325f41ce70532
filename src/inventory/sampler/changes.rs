//! What has changed since the last look: containers that came and went, files that were written, states
//! to derive again.

use crate::inventory::happenings::Happened;
use crate::inventory::vitals::Now;
use crate::oci::ContainerKey;

use super::Sampler;
use super::descriptors::HeldDescriptors;
use super::events::RowId;

impl Sampler {
    /// Lists the roots that may have changed: finds what is new, forgets what is gone.
    pub(super) fn look_at_roots(&mut self) {
        let now = self.begun.elapsed();
        let found = self
            .roots
            .look(&self.machine, &mut self.events, &self.rows, now);
        for id in found.gone {
            self.forget(id);
        }
        self.expected = self.rows.len() + found.new.len();
        for (root, key) in found.new {
            if let Some(id) = self.add(root, key) {
                self.happened_since(id, None);
            }
        }
    }

    pub(super) fn add(&mut self, root: usize, key: ContainerKey) -> Option<RowId> {
        let dir = self.roots.dir(root)?;
        let tracked = self.rows.read(dir, &key, &mut self.users, &self.machine)?;
        let id = self.rows.insert(key, root, tracked, &self.machine);
        self.attach(id);
        Some(id)
    }

    pub(super) fn attach(&mut self, id: RowId) {
        let visible = self.visible.binary_search(&id).is_ok();
        // The first ones must not take what those found with them need.
        let rows = self.rows.len().max(self.expected);
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        let Some(dir) = self.roots.dir(row.root) else {
            return;
        };
        let before = row.held();
        self.budget.spend(before, HeldDescriptors::default());
        let keep = self.budget.keep(rows, visible);
        row.attach(id, dir, &self.machine, &mut self.events, keep);
        self.budget.spend(HeldDescriptors::default(), row.held());
    }

    pub(super) fn forget(&mut self, id: RowId) {
        let Some(row) = self.rows.remove(id) else {
            return;
        };
        self.budget.spend(row.held(), HeldDescriptors::default());
        let (key, ended) = (row.key.clone(), row.ended);
        let (was_alive, unborn) = (row.shown().condition.is_alive(), row.unborn);
        row.detach(&mut self.events);
        if unborn {
            return;
        }
        if was_alive {
            self.tell(key.clone(), Happened::Exited { status: ended });
        }
        self.tell(key, Happened::Deleted);
    }

    /// Reads changed files and derives changed states. True if anything that is shown changed.
    pub(super) fn catch_up(&mut self) -> bool {
        if self.roots.have_changed() {
            self.rows.sort_again();
        }
        let mut changed = false;
        for id in std::mem::take(&mut self.unread) {
            let Some(row) = self.rows.get(id) else {
                continue;
            };
            let (key, root) = (row.key.clone(), row.root);
            let read = self
                .roots
                .dir(root)
                .and_then(|dir| self.rows.read(dir, &key, &mut self.users, &self.machine));
            match (read, self.rows.get_mut(id)) {
                (Some(tracked), Some(row)) if row.is_of(&tracked) => {
                    row.replace(tracked, &mut self.events);
                    self.stirred.insert(id);
                }
                // Gone, or another container of the same name by now.
                (read, _) => {
                    self.forget(id);
                    changed = true;
                    if read.is_some()
                        && let Some(id) = self.add(root, key)
                    {
                        self.happened_since(id, None);
                    }
                }
            }
        }
        let stirred = std::mem::take(&mut self.stirred);
        let sliced = std::mem::take(&mut self.sliced);
        for id in sliced.difference(&stirred) {
            changed |= self.refresh(*id, self.asks);
        }
        for id in stirred {
            changed |= self.refresh(id, true);
        }
        changed | self.rows.have_changed()
    }

    pub(super) fn refresh(&mut self, id: RowId, asks: bool) -> bool {
        let Some(row) = self.rows.get_mut(id) else {
            return false;
        };
        let before = (!row.unborn).then(|| row.shown().condition);
        let held = row.held();
        let mut changed = row.refresh(&self.machine, &mut self.events, asks);
        let mut processes = 0;
        if asks {
            let wall = jiff::Timestamp::now();
            let uptime = self.begun.elapsed();
            let (counted, more) = row.look_for_oom_kills(&self.machine, Now { uptime, wall });
            changed |= counted;
            processes = more;
        }
        self.budget.spend(held, row.held());
        if processes > 0 {
            let key = row.key.clone();
            self.tell(key, Happened::OomKilled { processes });
        }
        self.attach(id);
        self.happened_since(id, before);
        changed
    }
}
