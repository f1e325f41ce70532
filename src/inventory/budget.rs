//! How much of a user's state root is read at a time. Its owner decides how many state files it has,
//! how long they are and how fast they answer; what is beyond is said to be unread, and everybody
//! else's containers are not kept waiting.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::author::Author;
use crate::kernel::read::ReadError;

/// Bytes of state files: those of some thousand containers as the runtimes write them.
const BYTES: u64 = 16 << 20;
/// How long reading and understanding them may take.
const TIME: Duration = Duration::from_secs(2);

/// What is left of it for one root, at one look.
#[derive(Debug)]
pub struct RootBudget(Option<BudgetLimits>);

#[derive(Debug)]
struct BudgetLimits {
    bytes: AtomicU64,
    until: Instant,
}

impl RootBudget {
    /// That of an open root. Root's own, and those of the user ocitop runs as, have none.
    pub fn of(root: &OwnedFd) -> Self {
        let owner = rustix::fs::fstat(root).map(|stat| Author::of(stat.st_uid));
        match owner {
            Ok(Author::Trusted) => Self::none(),
            Ok(Author::User(_)) | Err(_) => Self::within(BYTES, TIME),
        }
    }

    /// No limit.
    pub const fn none() -> Self {
        Self(None)
    }

    /// So many bytes, in so long a time from now.
    pub fn within(bytes: u64, time: Duration) -> Self {
        Self(Instant::now().checked_add(time).map(|until| BudgetLimits {
            bytes: AtomicU64::new(bytes),
            until,
        }))
    }

    /// Whether another file may be read.
    pub(super) fn ask(&self, file: &str) -> Result<(), ReadError> {
        match &self.0 {
            Some(limits)
                if limits.bytes.load(Ordering::Relaxed) == 0 || Instant::now() >= limits.until =>
            {
                Err(ReadError::OverBudget {
                    file: file.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Takes off what was read.
    pub(super) fn spend(&self, bytes: usize) {
        if let Some(limits) = &self.0 {
            let spent = u64::try_from(bytes).unwrap_or(u64::MAX);
            let left = limits.bytes.load(Ordering::Relaxed);
            limits
                .bytes
                .store(left.saturating_sub(spent), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_with_its_bytes_or_with_its_time() {
        let budget = RootBudget::within(10, Duration::from_hours(1));
        budget.ask("state.json").unwrap();
        budget.spend(9);
        budget.ask("state.json").unwrap();
        budget.spend(2);
        let over = budget.ask("state.json").unwrap_err();
        assert!(matches!(over, ReadError::OverBudget { .. }), "{over:?}");
        let late = RootBudget::within(10, Duration::ZERO);
        assert!(late.ask("state.json").is_err());
        RootBudget::none().spend(usize::MAX);
        RootBudget::none().ask("state.json").unwrap();
    }
}
