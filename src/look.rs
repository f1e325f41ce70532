//! One look at every state root, by several threads: the reading of thousands of records is most of
//! what `list` and the first screen wait for.
//!
//! A root whose file system may never answer is asked by a [`probe`] first, and left out if that
//! does not come back in time.

pub mod probe;

use std::time::{Duration, Instant};

use crate::config::StateRoot;
use crate::inventory::machine::Parted;
use crate::inventory::{Machine, RootState, RootView, Scanner, Snapshot};
use probe::Probe;

/// Most threads that read side by side: the kernel's part of it does not scale further.
const PARTS: usize = 4;

/// How much of each record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
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

/// Looks once, each processor at a part of every root. Roots apart have until `patience` has passed.
pub fn once(machine: &Machine, depth: Depth, patience: Duration) -> Result<Snapshot, Lost> {
    let roots = machine.state_roots();
    let Parted { mut near, apart } = machine.parted(roots.clone());
    let mut silent = Vec::new();
    let deadline = Instant::now() + patience;
    for root in apart {
        let left = deadline.saturating_duration_since(Instant::now());
        match Probe::new(root.path.to_path_buf()).answers(left) {
            Ok(true) => near.push(root),
            Ok(false) | Err(_) => silent.push(root),
        }
    }
    let mut whole = side_by_side(machine, depth, &near)?;
    whole.roots.extend(silent.into_iter().map(|root| RootView {
        path: root.path,
        origin: root.origin,
        state: RootState::Failed("does not answer".to_owned()),
    }));
    whole.arrange(&roots);
    Ok(whole)
}

fn scanner(machine: &Machine, depth: Depth) -> Scanner {
    match depth {
        Depth::Complete => Scanner::complete(machine.clone()),
        Depth::Counted => Scanner::complete(machine.clone()).with_counters(),
        Depth::Status => Scanner::status_only(machine.clone()),
    }
}

fn side_by_side(machine: &Machine, depth: Depth, roots: &[StateRoot]) -> Result<Snapshot, Lost> {
    let parts = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(PARTS);
    let part = |index| {
        let scanner = scanner(machine, depth).at(roots.to_vec());
        scanner.part(index, parts).scan()
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts)
            .map(|index| scope.spawn(move || part(index)))
            .collect();
        let mut whole = part(0);
        for other in others {
            whole.merge(other.join().map_err(|_panic| Lost)?);
        }
        Ok(whole)
    })
}
