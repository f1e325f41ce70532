//! Where a task waits in the kernel, and the mount behind that.

use std::collections::HashSet;

use super::host;
use super::tasks::{Crowd, MOST_CLOSEUPS, Suspect};
use crate::diagnosis::evidence::{MountSeen, Wait};
use crate::diagnosis::wait_kind::WaitKind;
use crate::inventory::mounts::{self, Mount};
use crate::inventory::processes::Closeup;
use crate::kernel::read::{kernel_file, kernel_text};
use crate::process::syscall::Syscall;

/// Most open files of one process that are looked at.
const MOST_FILES: usize = 256;

impl Crowd<'_> {
    pub(super) fn wait(&self, suspect: &Suspect, closeup: Closeup, wchan: Option<String>) -> Wait {
        let kind = WaitKind::of(wchan.as_deref(), &closeup.stack);
        let mount = self.mount_of(suspect, &closeup, kind);
        // A page of a file is waited for in the same functions, whatever is behind the file.
        let kind = match (&mount, kind) {
            (Some(mount), WaitKind::Block | WaitKind::Other) if mount.fuse => WaitKind::Fuse,
            (Some(mount), WaitKind::Block | WaitKind::Other) if mount.remote => WaitKind::Network,
            _ => kind,
        };
        Wait {
            tid: suspect.task.pid,
            state: suspect.state,
            still: suspect.still,
            frozen: suspect.frozen,
            wchan,
            closeup,
            mount,
            kind,
        }
    }

    /// The mount behind a wait: that of the file the system call is about, or else the only one it
    /// can be.
    fn mount_of(&self, suspect: &Suspect, closeup: &Closeup, kind: WaitKind) -> Option<MountSeen> {
        let pid = suspect.pid;
        let theirs = self.mounts_of(pid);
        let task = suspect.task.pid;
        let of_file = closeup
            .syscall
            .and_then(Syscall::descriptor)
            .and_then(|fd| self.mount_id(task, fd))
            .and_then(|id| theirs.iter().find(|mount| mount.id == id));
        let found = of_file.cloned().or_else(|| match kind {
            WaitKind::Fuse | WaitKind::Block | WaitKind::Other | WaitKind::MemoryLock => self
                .only(&theirs, Mount::is_fuse, kind == WaitKind::Fuse)
                .or_else(|| self.open_remote(pid, &theirs)),
            WaitKind::Network => self.only(&theirs, |mount| mount.remote && !mount.is_fuse(), true),
            WaitKind::ExitTracer
            | WaitKind::Namespace
            | WaitKind::CoreDump
            | WaitKind::CgroupLock
            | WaitKind::Oom
            | WaitKind::MemoryHigh
            | WaitKind::Vfork
            | WaitKind::FrozenFilesystem
            | WaitKind::IoUring
            | WaitKind::Unmapping
            | WaitKind::Faulted
            | WaitKind::Freezer => None,
        });
        found.map(|mount| self.mount_seen(&mount))
    }

    /// The mounts of a process. One that is exiting has none any more: those of its init stand for
    /// them, or else ocitop's.
    fn mounts_of(&self, pid: i32) -> Vec<Mount> {
        let read = |pid: i32| {
            let bytes = kernel_file(&self.machine.pid_file(pid, "mountinfo")).ok()?;
            Some(mounts::mounts(&bytes)).filter(|mounts| !mounts.is_empty())
        };
        let siblings = || {
            self.init
                .into_iter()
                .map(|init| init.pid)
                .chain(self.pids.iter().copied())
        };
        read(pid)
            .or_else(|| siblings().take(MOST_CLOSEUPS).find_map(read))
            .unwrap_or_else(|| self.mounts.to_vec())
    }

    fn mount_id(&self, task: i32, fd: i32) -> Option<u64> {
        let file = self.machine.pid_file(task, "fdinfo").join(fd.to_string());
        let text = kernel_text(&file).ok().flatten()?;
        let line = text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
        line.trim().parse().ok()
    }

    /// The one mount of this kind on which requests wait; without a word of fusectl, the one there
    /// is. Where `sure` is not given, only a word of fusectl will do.
    fn only(&self, theirs: &[Mount], kind: impl Fn(&Mount) -> bool, sure: bool) -> Option<Mount> {
        let mut devices = HashSet::new();
        let mut all: Vec<&Mount> = theirs.iter().filter(|mount| kind(mount)).collect();
        all.retain(|mount| devices.insert(mount.device));
        let waiting = |mount: &&Mount| {
            let waiting = host::fuse_waiting(self.machine, mount.device.1);
            waiting.is_some_and(|count| count > 0)
        };
        let mut busy = all.iter().filter(|mount| waiting(mount));
        match (busy.next(), busy.next(), all.as_slice()) {
            (Some(one), None, _) => Some((*one).clone()),
            (None, _, [one]) if sure => Some((*one).clone()),
            _ => None,
        }
    }

    /// The remote mount on which the process has files open, if that is one.
    fn open_remote(&self, pid: i32, theirs: &[Mount]) -> Option<Mount> {
        let dir = std::fs::read_dir(self.machine.pid_file(pid, "fd")).ok()?;
        let fd = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
        let ids: HashSet<u64> = dir
            .flatten()
            .filter_map(fd)
            .take(MOST_FILES)
            .filter_map(|fd| self.mount_id(pid, fd))
            .collect();
        let mut found = theirs
            .iter()
            .filter(|mount| mount.remote && ids.contains(&mount.id));
        let first = found.next()?;
        found
            .all(|other| other.device == first.device)
            .then(|| first.clone())
    }

    fn mount_seen(&self, mount: &Mount) -> MountSeen {
        let here = self.mounts.iter().find(|here| here.device == mount.device);
        MountSeen {
            kind: crate::text::visible(&mount.kind),
            source: crate::text::visible(&mount.source),
            point: mount.point.clone(),
            here: here.map(|here| here.point.clone()),
            device: mount.device,
            fuse: mount.is_fuse(),
            remote: mount.remote,
            waiting: mount
                .is_fuse()
                .then(|| host::fuse_waiting(self.machine, mount.device.1))
                .flatten(),
        }
    }
}
