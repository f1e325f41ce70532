//! Words that several causes and checks share.

use std::path::Path;

use crate::cgroup::freezer::Freezer;
use crate::diagnosis::evidence::CgroupSeen;
use crate::inventory::freezers::FreezersUnseen;
use crate::text::{visible, visible_path};

/// `1 process`, `3 processes`.
pub(in crate::diagnosis) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

pub(in crate::diagnosis) fn processes(number: usize) -> String {
    count(number, "process", "processes")
}

/// `pid 7`, `pids 7, 8`.
pub(in crate::diagnosis) fn pids(pids: &[i32]) -> String {
    let list: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let word = if list.len() == 1 { "pid" } else { "pids" };
    format!("{word} {}", list.join(", "))
}

pub(in crate::diagnosis) fn path(path: &Path) -> String {
    visible_path(path)
}

/// Who is in a cgroup.
pub(in crate::diagnosis) fn of_members(cgroup: &CgroupSeen) -> String {
    format!("{}: {}", path(&cgroup.dir), processes(cgroup.processes))
}

/// What the files of a freezer say.
pub(in crate::diagnosis) fn of_freezer(cgroup: &CgroupSeen) -> String {
    let word = match cgroup.freezer {
        Some(Freezer::Frozen) => "frozen by its own setting",
        Some(Freezer::Freezing) => "being frozen",
        Some(Freezer::FrozenAbove) => "frozen with a cgroup above",
        Some(Freezer::Thawed) | None => "thawed",
    };
    format!(
        "{}: {word}, {}",
        path(&cgroup.dir),
        processes(cgroup.processes)
    )
}

/// Why the freezers over a task cannot be told.
pub(in crate::diagnosis) fn of_unseen(why: &FreezersUnseen) -> String {
    match why {
        FreezersUnseen::NotAsked => "nobody looked at it".to_owned(),
        FreezersUnseen::NoMembership => "which cgroup it is in cannot be read".to_owned(),
        FreezersUnseen::Exiting => {
            "it is on its way out, and its cgroup is not told any more".to_owned()
        }
        FreezersUnseen::NotMounted => "the v1 freezer is not mounted here".to_owned(),
        FreezersUnseen::OutOfReach(place) => {
            format!("{} is not below what is mounted here", path(place))
        }
        FreezersUnseen::Unreadable(dir) => format!("{} cannot be read", path(dir)),
        FreezersUnseen::TooMany => "it has more threads than are looked at".to_owned(),
    }
}

/// What the pids controller says.
pub(in crate::diagnosis) fn of_pids(cgroup: &CgroupSeen) -> String {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let limit = cgroup
        .pids_limit
        .map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    format!(
        "{}: pids.current {}, pids.max {limit}, forks refused {} (just now {})",
        path(&cgroup.dir),
        number(cgroup.pids),
        number(cgroup.counts.forks_refused),
        cgroup.since.forks_refused.unwrap_or(0)
    )
}

/// Text of a machine in the middle of a sentence.
pub(in crate::diagnosis) fn name(text: &str) -> String {
    visible(text)
}

/// Millionths of a CPU.
pub(in crate::diagnosis) fn cores(millionths: u64) -> String {
    format!("{} CPU", millionths as f64 / 1e6)
}

/// Bytes, rounded down to a unit: `212M`.
pub(in crate::diagnosis) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..0x10_0000 => format!("{}K", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{}M", bytes >> 20),
        _ => format!("{}G", bytes >> 30),
    }
}
