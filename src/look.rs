//! One look at every state root, by several threads: the reading of thousands of records is most of
//! what `list` and the first screen wait for.
//!
//! A root whose file system may never answer is asked by a [`probe`] first, and left out if that
//! does not come back in time.

pub mod probe;

use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::config::StateRoot;
use crate::inventory::glance::{Tasks, Unsure};
use crate::inventory::machine::Parted;
use crate::inventory::{Machine, RootState, RootView, Scanner, Snapshot};
use crate::kernel::Kernel;
use probe::Probe;

/// Most threads that read side by side: the kernel's part of it does not scale further.
const PARTS: usize = 4;

/// Between two looks at what one look is not enough for. Most of that is a moment's wait, and over
/// by the first of them.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(750),
    Duration::from_millis(1050),
];

/// How much of each record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookDepth {
    /// What status needs.
    Status,
    /// Every file: annotations, and what only a second file tells.
    Complete,
    /// Every file, and counters with their limits.
    Counted,
}

/// A reading thread ended in a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reading thread was lost")]
pub struct Lost;

/// What a look is for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How much of each record is read.
    pub depth: LookDepth,
    /// Whose tasks are looked at.
    pub tasks: Tasks,
    /// Until when roots apart have to answer.
    pub patience: Duration,
}

/// Looks once, each processor at a part of every root.
pub fn once(machine: &Machine, wish: Wish) -> Result<Snapshot, Lost> {
    look(machine, wish).map(|(snapshot, _)| snapshot)
}

/// As [`once`], and again at those of whose tasks one look does not tell whether they are stuck:
/// until it is known, or for as long as it takes to be sure.
pub fn until_sure(machine: &Machine, wish: Wish, kernel: &impl Kernel) -> Result<Snapshot, Lost> {
    let (mut snapshot, mut unsure) = look(machine, wish)?;
    for wait in AGAIN {
        if unsure.is_empty() {
            break;
        }
        kernel.pause(wait);
        unsure.retain_mut(|one| {
            let mut rows = snapshot.containers.iter_mut();
            let row = rows.find(|row| row.key == one.key);
            row.is_some_and(|row| one.look_again(machine, Arc::make_mut(row)))
        });
    }
    snapshot.taken = jiff::Timestamp::now();
    Ok(snapshot)
}

fn look(machine: &Machine, wish: Wish) -> Result<(Snapshot, Vec<Unsure>), Lost> {
    let roots = machine.state_roots();
    let Parted { mut near, apart } = machine.parted(roots.clone());
    let mut silent = Vec::new();
    let deadline = Instant::now() + wish.patience;
    for root in apart {
        let left = deadline.saturating_duration_since(Instant::now());
        match Probe::new(root.path.to_path_buf()).answers(left) {
            Ok(true) => near.push(root),
            Ok(false) | Err(_) => silent.push(root),
        }
    }
    let (mut whole, unsure) = side_by_side(machine, wish, &near)?;
    whole.roots.extend(silent.into_iter().map(|root| RootView {
        path: root.path,
        origin: root.origin,
        state: RootState::Failed("does not answer".to_owned()),
    }));
    whole.arrange(&roots);
    Ok((whole, unsure))
}

fn scanner(machine: &Machine, wish: Wish) -> Scanner {
    let scanner = match wish.depth {
        LookDepth::Complete => Scanner::complete(machine.clone()),
        LookDepth::Counted => Scanner::complete(machine.clone()).with_counters(),
        LookDepth::Status => Scanner::status_only(machine.clone()),
    };
    scanner.with_tasks(wish.tasks)
}

fn side_by_side(
    machine: &Machine,
    wish: Wish,
    roots: &[StateRoot],
) -> Result<(Snapshot, Vec<Unsure>), Lost> {
    let parts = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(PARTS);
    let part = |index| {
        let scanner = scanner(machine, wish).at(roots.to_vec());
        let mut scanner = scanner.part(index, parts);
        let snapshot = scanner.scan();
        (snapshot, scanner.take_unsure())
    };
    std::thread::scope(|scope| {
        let start = |index| {
            let thread = Builder::new().spawn_scoped(scope, move || part(index));
            // Where no thread can be made this one reads that part too.
            thread.map_err(|_none| index)
        };
        let others: Vec<_> = (1..parts).map(start).collect();
        let (mut whole, mut unsure) = part(0);
        for other in others {
            let (rows, more) = match other {
                Ok(thread) => thread.join().map_err(|_panic| Lost)?,
                Err(index) => part(index),
            };
            whole.merge(rows);
            unsure.extend(more);
        }
        Ok((whole, unsure))
    })
}
