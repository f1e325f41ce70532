//! How poll(2) is told how long to wait.

use std::time::Duration;

use rustix::event::Timespec;

/// `None`, which is for ever, for what is longer than it can be told.
pub(super) fn timespec(time: Duration) -> Option<Timespec> {
    time.try_into().ok()
}
