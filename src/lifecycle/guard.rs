//! What is never killed or removed, whatever a state file says.
//!
//! A recorded path is input, not authority. Each cgroup has to pass before any signal or `rmdir`:
//! not ocitop's own or one above it, not that of pid 1, none that holds a kernel thread, none that
//! another live container has, none of another user if the record is a user's; and if init is dead,
//! none in which processes of the host, or that may be, run under a name that says nothing of the
//! container.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, PathBuf};

use super::claims::Claims;
use super::procs;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::Entry;
use crate::inventory::members::is_of_host;
use crate::inventory::{Machine, Unread};
use crate::kernel::read::{is_gone, kernel_file};
use crate::process::ProcStat;
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
    /// Who is in it was not seen, and it may be one of these or another container.
    #[error("who is in {0} cannot be told: {1}")]
    Unseen(String, Unread),
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
    /// A process runs in it of which that cannot be told, and nothing ties it to the container.
    #[error(
        "{dir} holds pid {pid}, which nothing ties to the container, and whether it is a process of the host \
         cannot be told: {file} cannot be read"
    )]
    Untold {
        /// The cgroup.
        dir: String,
        /// The process.
        pid: i32,
        /// What would tell.
        file: String,
    },
}

impl Forbidden {
    /// Whether processes of nobody known are in it: then the record may be all that tells of them.
    pub(super) fn keeps_record(&self) -> bool {
        matches!(
            self,
            Self::HostProcess(..) | Self::Untold { .. } | Self::Unseen(..)
        )
    }

    /// The reason as one stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Own(_) => "holds_ocitop",
            Self::Init(_) => "holds_pid_1",
            Self::KernelThread(..) => "holds_kernel_thread",
            Self::Shared(..) | Self::Inseparable(..) | Self::DiesToo(..) => "shared",
            Self::Foreign(..) => "foreign",
            Self::HostProcess(..) => "host_process",
            Self::Untold { .. } => "host_process_unknown",
            Self::Unseen(..) => "members_unknown",
        }
    }
}

/// What is to be checked.
#[derive(Debug)]
pub struct Checked<'a> {
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
pub fn check(machine: &Machine, suspect: &Checked<'_>, claims: &Claims) -> Result<(), Forbidden> {
    let Checked { entry, cgroups, .. } = suspect;
    check_init(machine, suspect)?;
    let mut seen = BTreeSet::new();
    for cgroup in *cgroups {
        let name = visible_path(&cgroup.dir(&machine.hierarchies));
        check_not_ours(machine, cgroup, &name)?;
        check_owner(machine, entry, cgroup, &name)?;
        let named = suspect.name_counts && is_named_after(entry, cgroup);
        let tied = suspect.init_inside || named;
        let pids = procs::members(machine, std::slice::from_ref(cgroup));
        // On v1 the same processes stand in every hierarchy: once is enough for those.
        let fresh: Vec<i32> = pids
            .pids
            .into_iter()
            .filter(|pid| seen.insert((*pid, tied)))
            .collect();
        check_members(machine, &name, &fresh, tied)?;
    }
    match claims.sharing(&entry.key, cgroups) {
        Some(shared) => {
            let name = visible_path(&shared.cgroup.dir(&machine.hierarchies));
            Err(Forbidden::Shared(name, shared.with.label_in_root()))
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
fn check_init(machine: &Machine, suspect: &Checked<'_>) -> Result<(), Forbidden> {
    let Some(pid) = suspect.init else {
        return Ok(());
    };
    // Without a cgroup init's family is killed: ocitop must not be of it.
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    if suspect.cgroups.is_empty() {
        let name = || format!("the family of pid {pid}");
        let family = procs::family(machine, pid);
        if family.pids.contains(&own) {
            return Err(Forbidden::Own(name()));
        }
        if let Some(unseen) = family.unseen {
            return Err(Forbidden::Unseen(name(), unseen));
        }
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

/// Neither ocitop nor pid 1 is in the cgroup or below it.
pub(super) fn check_not_ours(
    machine: &Machine,
    cgroup: &CgroupDir,
    name: &str,
) -> Result<(), Forbidden> {
    let holds = |pid| {
        holds(machine, cgroup, pid).map_err(|unseen| Forbidden::Unseen(name.to_owned(), unseen))
    };
    if holds("self")? {
        return Err(Forbidden::Own(name.to_owned()));
    }
    if holds("1")? {
        return Err(Forbidden::Init(name.to_owned()));
    }
    Ok(())
}

/// Whether the process `pid` (or `self`) is in the cgroup or below it. Both are always there; a pid 1 that
/// is hidden from a user is in no cgroup that this user could touch.
fn holds(machine: &Machine, cgroup: &CgroupDir, pid: &str) -> Result<bool, Unread> {
    let file = machine.proc.join(pid).join("cgroup");
    let bytes = match kernel_file(&file) {
        Ok(bytes) => bytes,
        Err(error) if pid == "1" && is_gone(&error) && !rustix::process::geteuid().is_root() => {
            return Ok(false);
        }
        Err(error) => return Err(Unread::dir(&file, (&error).into())),
    };
    let membership = crate::cgroup::Membership::parse(&bytes);
    let hierarchy = machine.hierarchies.at(cgroup.hierarchy);
    let path = hierarchy.and_then(|hierarchy| membership.path(hierarchy));
    Ok(path.is_some_and(|path| cgroup.path.contains(&path)))
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
    for pid in pids {
        let stat = match machine.stat(*pid) {
            Ok(Some(stat)) => stat,
            Err(_) if !tied => {
                let file = visible_path(&machine.pid_file(*pid, "stat"));
                let (dir, pid) = (name.to_owned(), *pid);
                return Err(Forbidden::Untold { dir, pid, file });
            }
            Ok(None) | Err(_) => continue,
        };
        if stat.is_kernel_thread() {
            return Err(Forbidden::KernelThread(name.to_owned(), *pid));
        }
        if tied || has_ended(&stat) {
            continue;
        }
        match origin(machine, *pid) {
            Origin::Host => return Err(Forbidden::HostProcess(name.to_owned(), *pid)),
            Origin::Untold(file) if still_there(machine, *pid) => {
                let (dir, pid, file) = (name.to_owned(), *pid, visible_path(&file));
                return Err(Forbidden::Untold { dir, pid, file });
            }
            Origin::Elsewhere | Origin::Untold(_) => {}
        }
    }
    Ok(())
}

/// Whose a process is, by its mount namespace.
pub(super) enum Origin {
    Host,
    Elsewhere,
    /// This file would tell, and cannot be read.
    Untold(PathBuf),
}

/// The host's mount namespace is that of pid 1. Where that one may not be looked at, it is ocitop's own
/// if [`Sight`](crate::inventory::Sight) says so; else what is nested in no pid namespace may be the
/// host's.
pub(super) fn origin(machine: &Machine, pid: i32) -> Origin {
    let of_pid = |pid: &str| machine.proc.join(pid).join("ns/mnt");
    let file = of_pid(&pid.to_string());
    let Ok(theirs) = std::fs::read_link(&file) else {
        return Origin::Untold(file);
    };
    let first = std::fs::read_link(of_pid("1")).ok();
    let own = || {
        let is_hosts = machine.sight.mounts().is_none();
        let own = std::fs::read_link(of_pid("self")).ok();
        own.filter(|_| is_hosts)
    };
    let is_of_host = match first.or_else(own) {
        Some(host) => Some(theirs == host),
        None => is_of_host(machine, pid),
    };
    match is_of_host {
        Some(true) => Origin::Host,
        Some(false) => Origin::Elsewhere,
        None => Origin::Untold(of_pid("1")),
    }
}

/// Whether all of it is on its way out: it has let go of its namespaces, and cannot be harmed.
fn has_ended(stat: &ProcStat) -> bool {
    stat.is_dead() || (stat.is_exiting() && stat.threads <= 1)
}

/// Whether it lives, and has not begun to end since it was listed.
fn still_there(machine: &Machine, pid: i32) -> bool {
    match machine.stat(pid) {
        Ok(Some(stat)) => !has_ended(&stat),
        Ok(None) => false,
        Err(_) => true,
    }
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
