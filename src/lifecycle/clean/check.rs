//! What keeps a leftover from being touched: looked at before the plan is made, in the first step, and
//! in part again right before each directory goes.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Kept, Remains};
use crate::inventory::author::{Author, Whose};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::identity::Identity;
use crate::inventory::members;
use crate::inventory::owners::Owners;
use crate::inventory::pins::Scopes;
use crate::inventory::{Machine, Unread};
use crate::kernel::read::{is_gone, kernel_text};
use crate::lifecycle::claims::Claims;
use crate::lifecycle::doubt::Doubt;
use crate::lifecycle::evidence::{NoEvidence, TeardownEvidence};
use crate::lifecycle::guard::{self, Forbidden};
use crate::lifecycle::job::Clean;
use crate::lifecycle::plan::check_held;
use crate::lifecycle::removable::Removable;
use crate::lifecycle::{Accounted, Accounts, Refusal, outer_freeze, procs};
use crate::text::{visible, visible_path};

/// Why it must not be touched: somebody owns it, it is not what was shown, or something lives in it.
pub(super) fn check(
    machine: &Machine,
    remains: &Remains<'_>,
    claims: &Claims,
) -> Result<(), Refusal> {
    if let Some(why) = machine.sight.doubt(remains.target.key.root()) {
        return Err(Refusal::OutOfSight(why));
    }
    let cgroups = remains.cgroups(machine);
    let owners = Owners::read(machine);
    check_author(machine, remains.order, &cgroups)?;
    if let Some(id) = &remains.order.id {
        let whose = whose(machine, remains, &cgroups)?;
        check_owner(remains, claims, &owners, (id, &whose))?;
    }
    if remains.order.sure {
        let dirs = cgroups
            .iter()
            .map(|cgroup| cgroup.dir(&machine.hierarchies));
        let unread = claims.unread.iter().chain(&owners.unread);
        check_read(remains, &dirs.collect::<Vec<_>>(), unread)?;
    }
    for cgroup in &cgroups {
        check_cgroup(machine, remains.order, claims, cgroup)?;
    }
    if remains.order.kill {
        let pids: Vec<i32> = remains.members(machine).pids.into_iter().collect();
        let key = &remains.target.key;
        check_held(outer_freeze::look(machine, key, (&cgroups, &pids), claims).as_ref())?;
    }
    for (dir, _) in &remains.order.rdt {
        check_rdt(dir)?;
    }
    if let Some((file, _)) = &remains.order.pin {
        check_pin(machine, claims, file)?;
    }
    if remains.order.state_dir {
        check_state_dir(machine, remains, claims)?;
    }
    Ok(())
}

/// What was shown as sure was judged by all who may own it: one of them that cannot be asked any more
/// may have become its owner.
fn check_read<'a>(
    remains: &Remains<'_>,
    cgroups: &[PathBuf],
    mut unread: impl Iterator<Item = &'a Unread>,
) -> Result<(), Kept> {
    let own = remains.target.key.dir();
    // A mount point is not touched; root alone mounts where everybody sees it.
    let own = Some(own).filter(|_| remains.order.mounts.is_empty());
    let owned = |path: &PathBuf| {
        let uid = std::fs::symlink_metadata(path).map_or(0, |found| found.uid());
        (uid, path.clone())
    };
    let mut places: Vec<(u32, PathBuf)> = cgroups.iter().chain(&own).map(owned).collect();
    if places.is_empty() {
        places.push((0, remains.target.key.dir()));
    }
    let may_own = |unread: &&Unread| places.iter().any(|(uid, path)| unread.may_own(*uid, path));
    match unread.find(may_own) {
        Some(unread) => Err(Kept::NotAsked(unread.clone())),
        None => Ok(()),
    }
}

/// Whose it is, all of it.
fn whose(
    machine: &Machine,
    remains: &Remains<'_>,
    cgroups: &[CgroupDir],
) -> Result<Vec<Whose>, Kept> {
    let dirs = cgroups
        .iter()
        .map(|cgroup| cgroup.dir(&machine.hierarchies));
    let own = remains.target.key.dir();
    // A mount point is not touched; root alone mounts where everybody sees it.
    let own = Some(own).filter(|_| remains.order.mounts.is_empty());
    let at = |dir: PathBuf| match Whose::at(&dir) {
        Ok(whose) => Some(Ok(whose)),
        // Somebody was faster.
        Err(error) if is_gone(&error) => None,
        Err(error) => Some(Err(Kept::Unread {
            file: visible_path(&dir),
            cause: error.to_string(),
        })),
    };
    let all: Vec<Whose> = dirs.chain(own).filter_map(at).collect::<Result<_, _>>()?;
    // A mount: nobody but root makes one where everybody sees it.
    Ok(if all.is_empty() {
        vec![Whose::ROOTS]
    } else {
        all
    })
}

/// A state directory that a plain user wrote takes nothing with it that is not that user's: not by its
/// name, and not if it was that user's when it was shown.
pub(super) fn check_author(
    machine: &Machine,
    order: &Clean,
    cgroups: &[CgroupDir],
) -> Result<(), Forbidden> {
    let Author::User(uid) = order.author else {
        return Ok(());
    };
    if let Some((dir, _)) = order.rdt.first() {
        return Err(Forbidden::Foreign(visible_path(dir), uid));
    }
    for cgroup in cgroups {
        let dir = cgroup.dir(&machine.hierarchies);
        match Whose::at(&dir) {
            Ok(whose) if whose.uid == uid => {}
            Err(error) if is_gone(&error) => {}
            Ok(_) | Err(_) => return Err(Forbidden::Foreign(visible_path(&dir), uid)),
        }
    }
    Ok(())
}

fn check_owner(
    remains: &Remains<'_>,
    claims: &Claims,
    owners: &Owners,
    (id, whose): (&str, &[Whose]),
) -> Result<(), Kept> {
    if let Some((key, true)) = claims.of_id(id, whose) {
        return Err(Kept::Alive {
            id: key.label(),
            root: visible_path(key.root()),
        });
    }
    // A mount lies in the record itself: that is no owner, a process would be.
    match owners.of_beyond(id, &remains.target.key.dir(), whose) {
        Some(owner) => Err(Kept::Owned(owner.words())),
        None => Ok(()),
    }
}

fn check_cgroup(
    machine: &Machine,
    order: &Clean,
    claims: &Claims,
    cgroup: &CgroupDir,
) -> Result<(), Refusal> {
    let dir = cgroup.dir(&machine.hierarchies);
    let name = visible_path(&dir);
    if cgroup.path.is_root() {
        return Err(Kept::Root(name).into());
    }
    guard::check_not_ours(machine, cgroup, &name)?;
    if let Some((key, true)) = claims.holder(cgroup) {
        let id = key.label();
        return Err(Kept::Claimed { dir: name, id }.into());
    }
    let inside = std::slice::from_ref(cgroup);
    let members = procs::members(machine, inside);
    if let Some(unseen) = members.unseen {
        return Err(Refusal::CannotKnow(Doubt::Members(unseen)));
    }
    let pids = members.pids;
    let accounts = Accounts::new(machine, claims);
    // Only what is named after an id is tied to a container at all.
    let by = |pid: &i32| match order.id {
        Some(_) => accounts.of_tied(*pid, inside),
        None => accounts.of(*pid, inside),
    };
    match pids.iter().find_map(by).filter(|_| order.kill) {
        Some(Accounted::Kernel(pid)) => return Err(Forbidden::KernelThread(name, pid).into()),
        Some(why) => return Err(Kept::Accounted { dir: name, why }.into()),
        None => {}
    }
    match pids.first() {
        Some(pid) if !order.kill => {
            let pid = *pid;
            Err(Kept::Process { dir: name, pid }.into())
        }
        None if !is_empty(machine, cgroup) => Err(Kept::Populated(name).into()),
        _ => Ok(()),
    }
}

pub(super) fn is_empty(machine: &Machine, cgroup: &CgroupDir) -> bool {
    let version = machine.hierarchies.at(cgroup.hierarchy).map(|h| h.version);
    let dir = cgroup.dir(&machine.hierarchies);
    version.is_some_and(|version| members::is_empty(&dir, version))
}

/// A pin that a container needs: without it systemd's next reload lets that container at any device.
fn check_pin(machine: &Machine, claims: &Claims, file: &Path) -> Result<(), Kept> {
    let Some(name) = file.file_name().and_then(OsStr::to_str) else {
        return Ok(());
    };
    if let Some(key) = claims.of_pin(name) {
        let (id, root) = (key.label(), visible_path(key.root()));
        return Err(Kept::PinOf { id, root });
    }
    match Scopes::read(machine).holder(name) {
        Some(holder) => Err(Kept::PinHeld(holder)),
        None => Ok(()),
    }
}

/// resctrl removes a group with tasks in it without a word, and they lose what it gave them.
pub(super) fn check_rdt(dir: &Path) -> Result<(), Kept> {
    let text = |file: &str| {
        kernel_text(&dir.join(file)).map_err(|error| Kept::Unread {
            file: visible_path(&dir.join(file)),
            cause: error.to_string(),
        })
    };
    let name = visible_path(dir);
    if text("tasks")?.is_some_and(|tasks| !tasks.trim().is_empty()) {
        return Err(Kept::Tasks(name));
    }
    if text("cpus_list")?.is_some_and(|cpus| !cpus.trim().is_empty()) {
        return Err(Kept::Cpus(name));
    }
    match text("mode")? {
        // A monitoring group has none.
        Some(mode) if !matches!(mode.trim(), "" | "shareable") => Err(Kept::Mode {
            dir: name,
            mode: visible(mode.trim()),
        }),
        _ => Ok(()),
    }
}

/// The engine's own evidence of the directory: its init must be dead, and nothing live of it.
fn check_state_dir(
    machine: &Machine,
    remains: &Remains<'_>,
    claims: &Claims,
) -> Result<(), Refusal> {
    let evidence = match TeardownEvidence::gather(machine, &remains.target.key, claims) {
        Ok(evidence) => evidence,
        // Somebody was faster.
        Err(NoEvidence::Absent) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if evidence.entry.inode != remains.target.state_dir {
        return Err(Kept::Replaced.into());
    }
    if let Some(init) = evidence.identity.alive() {
        return Err(Kept::Init(init.pid).into());
    }
    if let Identity::Unknown(why) = evidence.identity {
        return Err(evidence.forbidden.unwrap_or(Refusal::OutOfSight(why)));
    }
    if let Some(unseen) = evidence.out_of_sight {
        return Err(Refusal::CgroupsOutOfSight(unseen));
    }
    match (evidence.pids.first(), &evidence.forbidden) {
        (Some(pid), _) if !remains.order.kill => return Err(Kept::Lives(*pid).into()),
        (_, Some(forbidden)) => return Err(forbidden.clone()),
        _ => {}
    }
    // The record may be all that tells of it.
    let shown = |cgroup: &CgroupDir| remains.order.cgroups.iter().any(|(own, _)| own == cgroup);
    let mut own = evidence.cgroups(machine).into_iter();
    if let Some(cgroup) = own.find(|cgroup| !shown(cgroup)) {
        let dir = cgroup.dir(&machine.hierarchies);
        return Err(Kept::Missed(visible_path(&dir)).into());
    }
    Ok(())
}
