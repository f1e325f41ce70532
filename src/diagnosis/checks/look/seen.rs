//! What was looked at, as proof that it was.

use crate::diagnosis::evidence::{CgroupSeen, Disk, HookSeen, InitSeen, RdtSeen, Task, UnitSeen};
use crate::leftovers::Leftover;
use crate::oci::RuntimeKind;

/// Why a check was not made, or not all of it; safe to print.
pub(in crate::diagnosis) type NotLookedAt = String;

/// What a check saw, all of it.
#[derive(Debug)]
pub(in crate::diagnosis) enum LookedAt<'e> {
    /// Who was searched for an owner.
    Leftover(&'e Leftover),
    /// A record that could be read, whose.
    Record(RuntimeKind),
    /// What became of init.
    Init(&'e InitSeen),
    /// The processes in its cgroups.
    Tasks(AllTasks<'e>),
    /// All of its processes, and where each in D waits.
    Unkillable(AllTasks<'e>),
    /// All of its processes, and what each that exits waits for.
    Exits(AllTasks<'e>),
    /// All of its processes, of which none is meant.
    Nobody,
    /// Its freezers, or those over each of its processes.
    Frozen(ThawedFreezers),
    /// Its cgroups.
    Cgroups(OwnCgroups<'e>),
    /// The records of all state roots.
    Shared,
    /// What a controller says of it.
    Limit(OwnCgroups<'e>),
    /// Its poststop hooks.
    Hooks(&'e [HookSeen]),
    /// The mounts of ocitop's mount namespace.
    Mounts,
    /// resctrl.
    Rdt(&'e RdtSeen),
    /// The command lines of all runtimes that run.
    Runtime,
    /// The record, and the command lines of all shims.
    Owner,
    /// systemd does not run this host.
    NoSystemd,
    /// Its record, which names no scope.
    NoUnit,
    /// What systemd says of its scope.
    Unit(&'e UnitSeen),
    /// The file system of its state root.
    Disk(&'e Disk),
    /// Its own rights and namespaces.
    Viewer,
}

/// Every process of a container, or every one in its cgroups: none is missing.
#[derive(Debug, Clone, Copy)]
pub(in crate::diagnosis) struct AllTasks<'e>(pub(super) &'e [Task]);

impl<'e> AllTasks<'e> {
    /// Each of them.
    pub(in crate::diagnosis) fn all(self) -> &'e [Task] {
        self.0
    }
}

/// The cgroups of a container.
#[derive(Debug)]
pub(in crate::diagnosis) enum OwnCgroups<'e> {
    /// Its own and those below.
    There(Vec<&'e CgroupSeen>),
    /// Every one that it was in is gone, as it is.
    Gone,
}

/// Freezers that say they are thawed.
#[derive(Debug)]
pub(in crate::diagnosis) enum ThawedFreezers {
    /// Those of its cgroups, above and below.
    OfCgroups {
        /// So many above.
        above: usize,
        /// So many below.
        below: usize,
    },
    /// Those over each of its processes.
    OfTasks,
    /// None is left, and no process.
    Gone,
}
