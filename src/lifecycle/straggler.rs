//! A container that had no cgroup and shared the pids of others, whose init is dead: nothing tells any
//! more who was of it, for [`super::kin`] needs init alive. Whoever lives in its root directory, among
//! mounts that are no living container's, may be of it, and keeps the record.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::Doubt;
use super::claims::Claims;
use super::process_table::ProcessTable;
use crate::inventory::entry::Entry;
use crate::inventory::unread::WhyUnread;
use crate::inventory::{Machine, Unread, mounts};
use crate::kernel::Inode;
use crate::kernel::read::{is_gone, kernel_file};
use crate::oci::Record;
use crate::text::visible_path;

/// Who may be of it.
pub(super) fn maybe(machine: &Machine, entry: &Entry<'_>, claims: &Claims) -> Option<Doubt> {
    let record = entry.record.as_ref().ok()?;
    let (path, rootfs) = match rootfs(machine, record) {
        Ok(found) => found?,
        Err(unread) => return Some(Doubt::Members(unread)),
    };
    let of = |pid: &str| std::fs::read_link(machine.proc.join(pid).join("ns/mnt")).ok();
    let others = claims.live_inits().map(|(_, pid)| pid.to_string());
    let others = others.chain(["1", "self"].map(str::to_owned));
    let others: BTreeSet<PathBuf> = others.filter_map(|pid| of(&pid)).collect();
    let may_be = |pid: i32| {
        // One that may not be looked at is another user's, as every process is of which nothing tells.
        let is_apart = of(&pid.to_string()).is_some_and(|mounts| !others.contains(&mounts));
        is_apart && root_of(machine, pid) == Some(rootfs)
    };
    let look = ProcessTable::at(machine, &may_be);
    let lives = |pid: &&i32| look.stats.get(pid).is_some_and(|stat| !stat.is_dead());
    if let Some(&pid) = look.among.iter().find(lives) {
        let rootfs = visible_path(&path);
        return Some(Doubt::Straggler { pid, rootfs });
    }
    let outrun = || Unread::dir(&machine.proc, WhyUnread::Late);
    let unread = look.unseen.or_else(|| look.is_outrun.then(outrun))?;
    Some(Doubt::Members(unread))
}

/// Its root directory, where the record tells it, looking at it cannot hang, and it is not the host's.
/// One that is gone is nobody's any more that could be found.
fn rootfs(machine: &Machine, record: &Record) -> Result<Option<(PathBuf, Inode)>, Unread> {
    let Some(rootfs) = &record.rootfs else {
        return Ok(None);
    };
    let path = record.bundle.join(rootfs);
    let here = machine.on_host(&path);
    if mounts::is_apart(&here, &machine.mounts()) {
        return Ok(None);
    }
    let own = inode(Path::new("/")).ok();
    match inode(&here) {
        Ok(found) if Some(found) == own => Ok(None),
        Ok(found) => Ok(Some((path, found))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(Unread::dir(&here, (&error).into())),
    }
}

/// The root directory of a process, unless what it is on may never answer.
fn root_of(machine: &Machine, pid: i32) -> Option<Inode> {
    let theirs = kernel_file(&machine.pid_file(pid, "mountinfo")).unwrap_or_default();
    let theirs = mounts::mounts(&theirs);
    if mounts::above(Path::new("/"), &theirs).is_some_and(|mount| mount.remote) {
        return None;
    }
    inode(&machine.pid_file(pid, "root")).ok()
}

fn inode(path: &Path) -> io::Result<Inode> {
    let found = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO)?;
    Ok(Inode {
        device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
        number: found.stx_ino,
    })
}
