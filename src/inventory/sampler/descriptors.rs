//! How many descriptors may be kept, and for what.

use super::row::Keep;
use crate::inventory::counters::DESCRIPTORS;
use crate::kernel::limit;

/// Left for everything else: files read in passing, terminals, the engine's work.
const RESERVE: usize = 512;

/// Descriptors of one kind each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct HeldDescriptors {
    /// Of inits.
    pub(super) inits: usize,
    /// Of counters.
    pub(super) counters: usize,
}

/// Descriptors that may be kept and are.
#[derive(Debug)]
pub(super) struct DescriptorBudget {
    limit: usize,
    held: HeldDescriptors,
}

impl DescriptorBudget {
    /// What this process may have. The soft limit is raised to the hard one first.
    pub(super) fn of_process() -> Self {
        let limit = limit::raise();
        Self::new(limit.saturating_sub(RESERVE))
    }

    fn new(limit: usize) -> Self {
        Self {
            limit,
            held: HeldDescriptors::default(),
        }
    }

    /// What one more row, of `rows`, may keep. A single descriptor tells when an init ends: every
    /// row should have that before any that is not on the screen has its counters open.
    pub(super) fn keep(&self, rows: usize, visible: bool) -> Keep {
        let inits = self.held.inits + 1;
        let promised = if visible { inits } else { inits.max(rows) };
        if promised + self.held.counters + DESCRIPTORS <= self.limit {
            Keep::All
        } else if inits + self.held.counters <= self.limit {
            Keep::Init
        } else {
            Keep::Nothing
        }
    }

    /// A row held `before` and holds `after` by now.
    pub(super) fn spend(&mut self, before: HeldDescriptors, after: HeldDescriptors) {
        let moved = |sum: usize, before, after: usize| sum.saturating_sub(before) + after;
        self.held = HeldDescriptors {
            inits: moved(self.held.inits, before.inits, after.inits),
            counters: moved(self.held.counters, before.counters, after.counters),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_descriptors_are_short_every_init_comes_before_any_counters() {
        let mut budget = DescriptorBudget::new(20);
        let all = HeldDescriptors {
            inits: 1,
            counters: DESCRIPTORS,
        };
        let rows = 12;
        let mut kept = Vec::new();
        for _ in 0..rows {
            let keep = budget.keep(rows, false);
            let after = match keep {
                Keep::All => all,
                Keep::Init => HeldDescriptors { counters: 0, ..all },
                Keep::Nothing => HeldDescriptors::default(),
            };
            budget.spend(HeldDescriptors::default(), after);
            kept.push(keep);
        }
        assert_eq!(kept[..2], [Keep::All; 2]);
        assert_eq!(kept[2..], [Keep::Init; 10]);
        // What is on the screen takes what is left.
        budget.spend(all, HeldDescriptors::default());
        assert_eq!(budget.keep(rows, true), Keep::All);
    }
}
