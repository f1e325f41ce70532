//! The freezer: `freezer.state` with its `self_freezing` (v1, freezer-subsystem.rst) and
//! `cgroup.freeze` with `cgroup.events` (v2, cgroup-v2.rst "Core Interface Files").

use super::flat_key;

/// What a cgroup's freezer says, read once and never waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freezer {
    /// Nothing here is frozen.
    Thawed,
    /// A freeze is under way; it may never end if a process sleeps uninterruptibly.
    Freezing,
    /// Every process is frozen, by this cgroup's own setting.
    Frozen,
    /// Frozen only because a cgroup above is.
    FrozenAbove,
}

/// v1: `freezer.state` and, where the kernel has it, `freezer.self_freezing`.
///
/// ```
/// use ocitop::cgroup::freezer::{Freezer, parse_v1};
/// assert_eq!(parse_v1("FROZEN\n", Some("1\n")), Some(Freezer::Frozen));
/// assert_eq!(parse_v1("FROZEN\n", Some("0\n")), Some(Freezer::FrozenAbove));
/// ```
pub fn parse_v1(state: &str, self_freezing: Option<&str>) -> Option<Freezer> {
    match state.trim() {
        "THAWED" => Some(Freezer::Thawed),
        "FREEZING" => Some(Freezer::Freezing),
        "FROZEN" if self_freezing.map(str::trim) == Some("0") => Some(Freezer::FrozenAbove),
        "FROZEN" => Some(Freezer::Frozen),
        _ => None,
    }
}

/// v2: `cgroup.freeze` (the own setting) and `cgroup.events` (what is so).
pub fn parse_v2(freeze: &str, events: &str) -> Option<Freezer> {
    let frozen = flat_key(events, "frozen")? == 1;
    match (freeze.trim(), frozen) {
        ("0", false) => Some(Freezer::Thawed),
        ("0", true) => Some(Freezer::FrozenAbove),
        ("1", false) => Some(Freezer::Freezing),
        ("1", true) => Some(Freezer::Frozen),
        _ => None,
    }
}

/// `populated` of v2 `cgroup.events`: whether this cgroup or one below holds a live process.
pub fn parse_populated(events: &str) -> Option<bool> {
    flat_key(events, "populated").map(|value| value == 1)
}
