//! One control file of a container, kept open. A `pread` of it costs a sixth of open, read and
//! close, and 4 KiB of kernel memory as long as it is kept.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::cgroups::{CgroupDir, for_controller};
use crate::cgroup::{Hierarchies, Version};
use crate::kernel::read::kept;

/// The cgroups of one container.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContainerCgroups<'a> {
    pub(super) dirs: &'a [CgroupDir],
    pub(super) hierarchies: &'a Hierarchies,
}

impl ContainerCgroups<'_> {
    /// Opens the file of a controller: `v1` in its own hierarchy, else `v2`. `None` if there is
    /// none, or if that version has no such file (an empty name).
    pub(super) fn open(self, controller: &str, v1: &str, v2: &str) -> Option<ControlFile> {
        let (cgroup, version) = for_controller(self.dirs, controller, self.hierarchies)?;
        let name = if version == Version::V1 { v1 } else { v2 };
        if name.is_empty() {
            return None;
        }
        ControlFile::open(&cgroup.dir(self.hierarchies).join(name), version)
    }

    /// Opens a file of the v2 hierarchy, whichever the controllers are in.
    pub(super) fn open_unified(self, name: &str) -> Option<ControlFile> {
        let index = self.hierarchies.index_of("")?;
        let cgroup = self.dirs.iter().find(|dir| dir.hierarchy == index)?;
        ControlFile::open(&cgroup.dir(self.hierarchies).join(name), Version::V2)
    }
}

/// A control file. What cannot be read any more (its cgroup is gone, its controller is off) is
/// `None`.
#[derive(Debug)]
pub(super) struct ControlFile {
    fd: OwnedFd,
    pub(super) version: Version,
}

impl ControlFile {
    pub(super) fn open(path: &Path, version: Version) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        Some(Self { fd, version })
    }

    pub(super) fn text<'buffer>(&self, buffer: &'buffer mut Vec<u8>) -> Option<&'buffer str> {
        kept(&self.fd, buffer).ok()
    }

    /// A file of one number.
    pub(super) fn number(&self, buffer: &mut Vec<u8>) -> Option<u64> {
        self.text(buffer)?.trim().parse().ok()
    }
}

impl AsFd for ControlFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
