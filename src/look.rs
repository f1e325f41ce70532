//! One look at every state root, by several threads: the reading of thousands of records is most of
//! what `list` and the first screen wait for.

use crate::inventory::{Machine, Scanner, Snapshot};

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

/// Looks once, each processor at a part of every root.
pub fn once(machine: &Machine, depth: Depth) -> Result<Snapshot, Lost> {
    let parts = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(PARTS);
    let part = |index| {
        let scanner = match depth {
            Depth::Complete => Scanner::complete(machine.clone()),
            Depth::Counted => Scanner::complete(machine.clone()).with_counters(),
            Depth::Status => Scanner::status_only(machine.clone()),
        };
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
