//! `/proc/PID/cgroup` (cgroups(7)): which cgroup of each hierarchy a process is in.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{CgroupPath, Hierarchies, Hierarchy, Version};

/// The cgroups of one process, one per hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Membership(Vec<MembershipLine>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct MembershipLine {
    /// Empty for v2.
    controllers: Vec<u8>,
    path: PathBuf,
}

impl Membership {
    /// Parses the file. The path may hold `:` and any byte but a newline; lines that do not have
    /// the shape are left out.
    pub fn parse(bytes: &[u8]) -> Self {
        let line = |line: &[u8]| {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            let (_id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            Some(MembershipLine {
                controllers: controllers.to_vec(),
                path: PathBuf::from(OsStr::from_bytes(path)),
            })
        };
        Self(
            bytes
                .split(|byte| *byte == b'\n')
                .filter_map(line)
                .collect(),
        )
    }

    /// The path as written, for the hierarchy `of`.
    pub fn raw(&self, of: &Hierarchy) -> Option<&Path> {
        self.0
            .iter()
            .find(|line| line.is_of(of))
            .map(|line| line.path.as_path())
    }

    /// The path in every hierarchy of the kernel, mounted here or not, as written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|line| line.path.as_path())
    }

    /// The cgroup in the hierarchy `of`, if its mount reaches it.
    pub fn path(&self, of: &Hierarchy) -> Option<CgroupPath> {
        of.path_in_mount(self.raw(of)?)
    }

    /// Whether the kernel has a v1 hierarchy with this controller, mounted here or not.
    pub fn has(&self, controller: &str) -> bool {
        let mut names = self
            .0
            .iter()
            .flat_map(|line| line.controllers.split(|byte| *byte == b','));
        names.any(|name| name == controller.as_bytes())
    }

    /// The cgroup in every hierarchy that reaches it, with the hierarchy's index.
    pub fn all<'a>(
        &'a self,
        hierarchies: &'a Hierarchies,
    ) -> impl Iterator<Item = (usize, CgroupPath)> + 'a {
        hierarchies
            .iter()
            .enumerate()
            .filter_map(|(at, of)| Some((at, self.path(of)?)))
    }
}

impl MembershipLine {
    fn is_of(&self, hierarchy: &Hierarchy) -> bool {
        match hierarchy.version {
            Version::V2 => self.controllers.is_empty(),
            Version::V1 => {
                let mut names = self.controllers.split(|byte| *byte == b',');
                names.any(|name| {
                    hierarchy
                        .controllers
                        .iter()
                        .any(|own| own.as_bytes() == name)
                })
            }
        }
    }
}
