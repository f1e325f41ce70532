//! Whose tasks are looked at in a pass, and whose limits.
//!
//! A look at tasks reads a file of each, which costs ten times a counter: a pass has a budget. What the
//! operator looks at comes first, then those that were odd, then those whose CPU time has just come to
//! a stand, then everybody in turn.

use std::collections::VecDeque;

use super::Sampler;
use super::events::RowId;
use super::row::SampledRow;
use crate::inventory::vitals::{Now, SETTLED};

/// Files that a pass reads of tasks: as many as it takes to come round in so many passes where each
/// container has one task, and not less and not more than these.
const ROUND: usize = 40;
const LEAST: usize = 25;
const MOST: usize = 400;
/// Tasks of one container that a look reads, beside init and those that were odd.
const TASKS: usize = 32;
/// What the operator looks at is looked at closely at one pass of this many.
const TABLE: usize = 5;
/// Containers whose limits' counters are read in a pass: as many as it takes to come round in so many
/// passes, and not less than these.
const LIMITS_ROUND: usize = 100;
const LEAST_LIMITS: usize = 5;
/// Containers that are asked in a pass whether their init still is where it is counted: the same, of
/// those that were asked before. It costs as much as all else of a row.
const PLACES_ROUND: usize = 200;
const LEAST_PLACES: usize = 5;
/// And of those that were not.
const UNPLACED: usize = 50;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Those that were odd, the one that was looked at longest ago first.
    suspects: VecDeque<RowId>,
    /// Where the next turns begin.
    round: usize,
    limits: usize,
    places: usize,
}

impl Turns {
    /// It may be odd, or was: it is looked at again soon.
    fn suspect(&mut self, id: RowId, row: &mut SampledRow) {
        if !std::mem::replace(&mut row.turn_of_tasks.suspected, true) {
            self.suspects.push_back(id);
        }
    }
}

impl Sampler {
    /// Looks at tasks and at limits, as far as the budget goes.
    pub(super) fn look_for_trouble(&mut self) {
        let now = self.moment();
        let rows = self.rows.len();
        let budget = (rows / ROUND).clamp(LEAST, MOST);
        self.look_at_watched(now);
        let spent = self.look_at_suspects(now, budget / 2);
        let spent = spent + self.look_at_stilled(now, budget / 2 - spent.min(budget / 2));
        self.look_at_round(now, budget.saturating_sub(spent));
        self.look_at_limits(now, (rows / LIMITS_ROUND).max(LEAST_LIMITS));
        self.look_at_places((rows / PLACES_ROUND).max(LEAST_PLACES));
    }

    /// Asks where inits are: first of those on the screen that were not asked yet, then of others, and
    /// in turn of everybody again.
    fn look_at_places(&mut self, most: usize) {
        let order = self.rows.order();
        let rows = order.len();
        let unplaced = |id: &&RowId| self.rows.get(**id).is_some_and(SampledRow::is_unplaced);
        let next = |step: usize| order.get((self.turns.places + step) % rows).copied();
        let new = self.visible.iter().chain(order).filter(unplaced);
        let mut turn: Vec<RowId> = new.take(UNPLACED.max(most)).copied().collect();
        turn.extend((0..most.min(rows)).filter_map(next));
        turn.sort_unstable();
        turn.dedup();
        self.turns.places = (self.turns.places + most).checked_rem(rows).unwrap_or(0);
        for id in turn {
            if let Some(row) = self.rows.get_mut(id) {
                row.find_astray(&self.machine);
            }
        }
    }

    pub(super) fn moment(&self) -> Now {
        Now {
            uptime: self.begun.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }

    /// One look at the tasks of a row, unless it was looked at in this very pass; the files it took.
    fn look_at_tasks(&mut self, id: RowId, now: Now) -> usize {
        let Some(row) = self
            .rows
            .get_mut(id)
            .filter(|row| row.turn_of_tasks.looked != Some(now.uptime))
        else {
            return 0;
        };
        let reads = row.look_at_tasks(&self.machine, now, TASKS);
        if row.is_suspect() {
            self.turns.suspect(id, row);
        }
        reads
    }

    fn look_at_watched(&mut self, now: Now) {
        let selected = self
            .watch
            .selected
            .as_ref()
            .and_then(|key| self.rows.id(key));
        let passes = self.passes;
        let turn = |id: &RowId| {
            let turn = usize::try_from(*id).unwrap_or_default() + passes;
            turn.is_multiple_of(TABLE)
        };
        let visible: Vec<RowId> = self.visible.iter().copied().filter(turn).collect();
        for id in selected.into_iter().chain(visible) {
            self.look_at_tasks(id, now);
        }
        // Who came on the screen only now does not wait for its turn.
        for at in 0..self.visible.len() {
            let id = self.visible.get(at).copied();
            let unseen = |id: &RowId| {
                self.rows
                    .get(*id)
                    .is_some_and(|row| row.turn_of_tasks.looked.is_none())
            };
            if let Some(id) = id.filter(unseen) {
                self.look_at_tasks(id, now);
            }
        }
    }

    fn look_at_suspects(&mut self, now: Now, budget: usize) -> usize {
        let mut spent = 0;
        for _ in 0..self.turns.suspects.len() {
            if spent >= budget {
                break;
            }
            let Some(id) = self.turns.suspects.pop_front() else {
                break;
            };
            let Some(row) = self.rows.get_mut(id) else {
                continue;
            };
            let looked = row.turn_of_tasks.looked.unwrap_or_default();
            if now.uptime.saturating_sub(looked) < SETTLED {
                self.turns.suspects.push_back(id);
                continue;
            }
            row.turn_of_tasks.suspected = false;
            spent += self.look_at_tasks(id, now);
        }
        spent
    }

    /// Those whose CPU time moved until now. Where there are more than there is time for, the rest
    /// waits for its turn like everybody.
    fn look_at_stilled(&mut self, now: Now, budget: usize) -> usize {
        let mut spent = 0;
        for id in std::mem::take(&mut self.stilled) {
            if spent >= budget {
                break;
            }
            spent += self.look_at_tasks(id, now);
            // Moved out of the cgroup that counts its time, it stands still there.
            if let Some(row) = self.rows.get_mut(id) {
                row.find_astray(&self.machine);
            }
        }
        spent
    }

    fn look_at_round(&mut self, now: Now, budget: usize) {
        let rows = self.rows.order().len();
        let (mut spent, mut seen) = (0, 0);
        while spent < budget && seen < rows {
            let at = self.turns.round % rows;
            let id = self.rows.order().get(at).copied();
            self.turns.round = at + 1;
            seen += 1;
            if let Some(id) = id {
                spent += self.look_at_tasks(id, now);
            }
        }
    }

    fn look_at_limits(&mut self, now: Now, most: usize) {
        let rows = self.rows.order().len();
        let mut looked = 0;
        let first = self.turns.limits;
        for step in 0..rows {
            let at = (first + step) % rows;
            let id = self.rows.order().get(at).copied();
            let Some(row) = id.and_then(|id| self.rows.get_mut(id)) else {
                continue;
            };
            if row.strains(now) && looked < most {
                row.look_at_limits(&self.machine, now);
                looked += 1;
                self.turns.limits = at + 1;
            }
        }
    }
}
