//! What is never killed or removed, whatever a state file says.
//!
//! A recorded path is input, not authority. Each cgroup has to pass before any signal or `rmdir`:
//! not ocitop's own or one above it, not that of pid 1, none that holds a kernel thread, none that
//! another live container has, none of another user if the record is a user's; and if init is dead,
//! none in which processes of the host run under a name that says nothing of the container.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Component;

use super::claims::Claims;
use super::procs;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::Entry;
use crate::text::visible_path;

/// Why a cgroup must not be touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// ocitop runs in it.
    #[error("{0} holds ocitop itself")]
    Own(String),
    /// pid 1 runs in it.
    #[error("{0} holds pid 1")]
    Init(String),
    /// A kernel thread runs in it.
    #[error("{0} holds kernel thread {1}")]
    KernelThread(String, i32),
    /// Another live container has it.
    #[error("{0} is shared with container {1}, which is alive")]
    Shared(String, String),
    /// Another live container has it, and nothing tells their processes apart.
    #[error(
        "{0} is shared with container {1}, which is alive, and nothing else tells whose its processes are: \
         it has no pid namespace of its own"
    )]
    Inseparable(String, String),
    /// Another live container has it, and lives in this one's pid namespace or below its init.
    #[error("{0} is shared with container {1}, which is alive and would die with it")]
    DiesToo(String, String),
    /// The record is a user's, the cgroup is not that user's.
    #[error("{0} does not belong to uid {1}, who wrote the record")]
    Foreign(String, u32),
    /// Host processes run in it, and nothing ties it to the container.
    #[error("{0} holds pid {1}, a process of the host, and nothing ties it to the container")]
    HostProcess(String, i32),
}

impl Forbidden {
    /// The reason as one stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Own(_) => "holds_ocitop",
            Self::Init(_) => "holds_pid_1",
            Self::KernelThread(..) => "holds_kernel_thread",
            Self::Shared(..) | Self::Inseparable(..) | Self::DiesToo(..) => "shared",
            Self::Foreign(..) => "foreign",
            Self::HostProcess(..) => "host_process",
        }
    }
}

/// What is to be checked.
#[derive(Debug)]
pub struct Suspect<'a> {
    /// The container's entry.
    pub entry: &'a Entry<'static>,
    /// Its cgroups.
    pub cgroups: &'a [CgroupDir],
    /// Its live init.
    pub init: Option<i32>,
    /// Whether that is in one of the cgroups.
    pub init_inside: bool,
    /// Whether a cgroup named after the container counts as its own.
    pub name_counts: bool,
}

/// Checks every cgroup of a container, and its init.
pub fn check(machine: &Machine, suspect: &Suspect<'_>, claims: &Claims) -> Result<(), Forbidden> {
    let Suspect { entry, cgroups, .. } = suspect;
    check_init(machine, suspect)?;
    let mut seen = BTreeSet::new();
    for cgroup in *cgroups {
        let name = visible_path(&cgroup.dir(&machine.hierarchies));
        if holds(machine, cgroup, "self") {
            return Err(Forbidden::Own(name));
        }
        if holds(machine, cgroup, "1") {
            return Err(Forbidden::Init(name));
        }
        check_owner(machine, entry, cgroup, &name)?;
        let named = suspect.name_counts && is_named_after(entry, cgroup);
        let tied = suspect.init_inside || named;
        let pids = procs::members(machine, std::slice::from_ref(cgroup));
        // On v1 the same processes stand in every hierarchy: once is enough for those.
        let fresh: Vec<i32> = pids
            .into_iter()
            .filter(|pid| seen.insert((*pid, tied)))
            .collect();
        check_members(machine, &name, &fresh, tied)?;
    }
    match claims.sharing(&entry.key, cgroups) {
        Some(shared) => {
            let name = visible_path(&shared.cgroup.dir(&machine.hierarchies));
            Err(Forbidden::Shared(name, shared.with.label()))
        }
        None => Ok(()),
    }
}

/// The user who wrote a record, if that is neither root nor the one ocitop runs as.
fn other_user(entry: &Entry<'_>) -> Option<u32> {
    let own = rustix::process::geteuid().as_raw();
    Some(entry.uid).filter(|uid| *uid != 0 && *uid != own)
}

/// A user can name any pid with its true start time in a record. Only a process of that user, or
/// one inside that user's own cgroup, is taken for init.
fn check_init(machine: &Machine, suspect: &Suspect<'_>) -> Result<(), Forbidden> {
    let Some(pid) = suspect.init else {
        return Ok(());
    };
    // Without a cgroup init's family is killed: ocitop must not be of it.
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    if suspect.cgroups.is_empty() && procs::family(machine, pid).contains(&own) {
        return Err(Forbidden::Own(format!("the family of pid {pid}")));
    }
    let Some(uid) = other_user(suspect.entry) else {
        return Ok(());
    };
    let owner = std::fs::metadata(machine.proc.join(pid.to_string())).map(|found| found.uid());
    if suspect.init_inside || owner.is_ok_and(|owner| owner == uid) {
        return Ok(());
    }
    Err(Forbidden::Foreign(format!("pid {pid}"), uid))
}

/// Whether the process `pid` (or `self`) is in the cgroup or below it.
pub(super) fn holds(machine: &Machine, cgroup: &CgroupDir, pid: &str) -> bool {
    let file = machine.proc.join(pid).join("cgroup");
    let Ok(bytes) = crate::kernel::read::kernel_file(&file) else {
        return false;
    };
    let membership = crate::cgroup::Membership::parse(&bytes);
    let hierarchy = machine.hierarchies.at(cgroup.hierarchy);
    let path = hierarchy.and_then(|hierarchy| membership.path(hierarchy));
    path.is_some_and(|path| cgroup.path.contains(&path))
}

/// A record that a plain user wrote reaches no further than that user's own cgroups.
fn check_owner(
    machine: &Machine,
    entry: &Entry<'_>,
    cgroup: &CgroupDir,
    name: &str,
) -> Result<(), Forbidden> {
    let Some(uid) = other_user(entry) else {
        return Ok(());
    };
    match std::fs::symlink_metadata(cgroup.dir(&machine.hierarchies)) {
        Ok(metadata) if metadata.uid() != uid => Err(Forbidden::Foreign(name.to_owned(), uid)),
        _ => Ok(()),
    }
}

fn check_members(machine: &Machine, name: &str, pids: &[i32], tied: bool) -> Result<(), Forbidden> {
    let host = std::fs::read_link(machine.proc.join("1/ns/mnt")).ok();
    for pid in pids {
        let Ok(Some(stat)) = machine.stat(*pid) else {
            continue;
        };
        if stat.is_kernel_thread() {
            return Err(Forbidden::KernelThread(name.to_owned(), *pid));
        }
        let namespace = std::fs::read_link(machine.pid_file(*pid, "ns/mnt")).ok();
        if !tied && host.is_some() && namespace == host {
            return Err(Forbidden::HostProcess(name.to_owned(), *pid));
        }
    }
    Ok(())
}

/// Whether the cgroup's name holds the id as a whole word: `web`, `runc-web.scope`, `:youki:web`.
fn is_named_after(entry: &Entry<'_>, cgroup: &CgroupDir) -> bool {
    let Some(id) = entry.key.name().to_str() else {
        return false;
    };
    let is_name = |name: Component<'_>| {
        name.as_os_str()
            .to_str()
            .is_some_and(|name| super::find::is_name_of(name, id))
    };
    let mut names = cgroup.path.relative().components().rev();
    match names.next() {
        // crun puts the container of a systemd scope one level below it.
        Some(Component::Normal(last)) if last == "container" => names.next().is_some_and(is_name),
        Some(last) => is_name(last),
        None => false,
    }
}
