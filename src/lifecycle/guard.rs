//! What is never killed or removed, whatever a state file says.
//!
//! A recorded path is input, not authority. Each cgroup has to pass before any signal or `rmdir`:
//! not ocitop's own or one above it, not that of pid 1, none that holds a kernel thread, none that
//! another live container has, none of another user if the record is a user's; and if init is dead,
//! none in which processes of the host run under a name that says nothing of the container.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

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
    /// The record is a user's, the cgroup is not that user's.
    #[error("{0} does not belong to uid {1}, who wrote the record")]
    Foreign(String, u32),
    /// Host processes run in it, and nothing ties it to the container.
    #[error("{0} holds pid {1}, a process of the host, and nothing ties it to the container")]
    HostProcess(String, i32),
}

/// Checks every cgroup of a container. `init_inside`: its verified init is in one of them.
pub fn check(
    machine: &Machine,
    entry: &Entry,
    cgroups: &[CgroupDir],
    claims: &Claims,
    init_inside: bool,
) -> Result<(), Forbidden> {
    let mut seen = BTreeSet::new();
    for cgroup in cgroups {
        let name = visible_path(&cgroup.dir(&machine.hierarchies));
        if holds(machine, cgroup, "self") {
            return Err(Forbidden::Own(name));
        }
        if holds(machine, cgroup, "1") {
            return Err(Forbidden::Init(name));
        }
        check_owner(machine, entry, cgroup, &name)?;
        let tied = init_inside || is_named_after(entry, cgroup);
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

/// Whether the process `pid` (or `self`) is in the cgroup or below it.
fn holds(machine: &Machine, cgroup: &CgroupDir, pid: &str) -> bool {
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
    entry: &Entry,
    cgroup: &CgroupDir,
    name: &str,
) -> Result<(), Forbidden> {
    let own = rustix::process::geteuid().as_raw();
    if entry.uid == 0 || entry.uid == own {
        return Ok(());
    }
    match std::fs::symlink_metadata(cgroup.dir(&machine.hierarchies)) {
        Ok(metadata) if metadata.uid() != entry.uid => {
            Err(Forbidden::Foreign(name.to_owned(), entry.uid))
        }
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
fn is_named_after(entry: &Entry, cgroup: &CgroupDir) -> bool {
    let Some(id) = entry.key.name().to_str() else {
        return false;
    };
    // crun's systemd scopes have the container below, in `container`.
    let mut names = cgroup.path.relative().components().rev().take(2);
    names.any(|name| {
        name.as_os_str()
            .to_str()
            .is_some_and(|name| super::find::is_name_of(name, id))
    })
}
