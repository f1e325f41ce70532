//! The lab's cgroups: one directory of its own in every hierarchy that lets it, and below it one
//! per container.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;

use super::containers::LabLimits;
use super::wait;
use crate::cgroup::{CgroupPath, Hierarchies, Hierarchy, Version};
use crate::inventory::cgroups::YOUKI_V1;

/// Long enough for a loaded machine; a freezer of the lab holds only processes that can freeze.
const FREEZE_LIMIT: Duration = Duration::from_secs(2);

/// The lab's own part of every hierarchy it could get into.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    /// The same path in each.
    path: Option<CgroupPath>,
    trees: Vec<Hierarchy>,
}

/// The directories of one container.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupDirs {
    /// The path below the root of every hierarchy; `None` if it has no cgroup.
    pub(super) path: Option<CgroupPath>,
    list: Vec<(Hierarchy, PathBuf)>,
}

impl Groups {
    /// Finds where the lab may have a cgroup called `name`; makes nothing.
    pub(super) fn find(hierarchies: &Hierarchies, own: &[u8], name: &str) -> Self {
        let found = bases(own).into_iter().find_map(|base| {
            let trees: Vec<Hierarchy> = hierarchies
                .iter()
                .filter(|hierarchy| !hierarchy.read_only && may_build(hierarchy, &base))
                .cloned()
                .collect();
            (!trees.is_empty()).then_some((base, trees))
        });
        match found {
            Some((base, trees)) => Self {
                path: CgroupPath::new(&base.relative().join(name)),
                trees,
            },
            None => Self::default(),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.path.is_none()
    }

    /// The lab's directory in each hierarchy.
    pub(super) fn dirs(&self) -> Vec<PathBuf> {
        let path = self.path.iter();
        path.flat_map(|path| self.trees.iter().map(|tree| tree.dir(path)))
            .collect()
    }

    /// Makes the lab's directories; a hierarchy that refuses is left out.
    pub(super) fn make(&mut self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        self.trees.retain(|tree| {
            if let Some(base) = path.parent() {
                enable_controllers(tree, &tree.dir(&base));
            }
            let made = make_dir(tree, &tree.dir(&path)).is_ok();
            if made {
                enable_controllers(tree, &tree.dir(&path));
            }
            made
        });
        if self.trees.is_empty() {
            self.path = None;
        }
    }

    /// Makes the cgroups of the container `id`: every hierarchy, or only those that youki uses.
    pub(super) fn container(&self, id: &str, youki: bool) -> io::Result<GroupDirs> {
        let Some(path) = &self.path else {
            return Ok(GroupDirs::default());
        };
        let v1 = self.trees.iter().any(|tree| tree.version == Version::V1);
        let mut dirs = GroupDirs {
            path: CgroupPath::new(&path.relative().join(id)),
            list: Vec::new(),
        };
        for tree in &self.trees {
            let joins = |name: &String| YOUKI_V1.contains(&name.as_str());
            if youki && v1 && !tree.controllers.iter().any(joins) {
                continue;
            }
            let dir = tree.dir(path).join(id);
            make_dir(tree, &dir)?;
            dirs.list.push((tree.clone(), dir));
        }
        Ok(dirs)
    }
}

impl GroupDirs {
    /// The directories themselves.
    pub(super) fn dirs(&self) -> Vec<PathBuf> {
        self.list.iter().map(|(_, dir)| dir.clone()).collect()
    }

    /// Every hierarchy with its directory.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Hierarchy, &Path)> {
        self.list.iter().map(|(tree, dir)| (tree, dir.as_path()))
    }

    /// The directory in the v1 hierarchy of `controller`, else in the v2 one.
    fn of(&self, controller: &str) -> Option<(Version, &Path)> {
        let v1 = self.iter().find(|(tree, _)| tree.has(controller));
        let found = v1.or_else(|| self.iter().find(|(tree, _)| tree.has("")));
        found.map(|(tree, dir)| (tree.version, dir))
    }

    /// A cgroup below, in every hierarchy.
    pub(super) fn below(&self, name: &str) -> io::Result<Self> {
        let mut below = self.clone();
        below.path = self
            .path
            .as_ref()
            .and_then(|path| CgroupPath::new(&path.relative().join(name)));
        for (tree, dir) in &mut below.list {
            dir.push(name);
            make_dir(tree, dir)?;
        }
        Ok(below)
    }

    /// Sets what limits there are controllers for; `false` if the CPU limit did not hold.
    pub(super) fn limit(&self, limits: LabLimits) -> bool {
        let set = |controller: &str, v1: &[(&str, String)], v2: (&str, String)| {
            let Some((version, dir)) = self.of(controller) else {
                return false;
            };
            match version {
                Version::V1 => v1
                    .iter()
                    .all(|(file, value)| write_control(&dir.join(file), value).is_ok()),
                Version::V2 => write_control(&dir.join(v2.0), &v2.1).is_ok(),
            }
        };
        let pids = limits.pids.to_string();
        set("pids", &[("pids.max", pids.clone())], ("pids.max", pids));
        if let Some(bytes) = limits.memory.map(|bytes| bytes.to_string()) {
            let v1 = [("memory.limit_in_bytes", bytes.clone())];
            set("memory", &v1, ("memory.max", bytes));
        }
        let Some(percent) = limits.cpu else {
            return true;
        };
        let quota = (percent * 1000).to_string();
        let v1 = [
            ("cpu.cfs_period_us", "100000".to_owned()),
            ("cpu.cfs_quota_us", quota.clone()),
        ];
        set("cpu", &v1, ("cpu.max", format!("{quota} 100000")))
    }

    /// cgroup v1 counts a cgroup's IO on a disk only once a limit was set for that disk, so this
    /// sets one that the lab never reaches.
    pub(super) fn count_io(&self, path: &Path) {
        const PLENTY: u64 = 64 << 20;
        let Some((Version::V1, dir)) = self.of("blkio") else {
            return;
        };
        if let Ok(stat) = rustix::fs::stat(path) {
            let (major, minor) = (
                rustix::fs::major(stat.st_dev),
                rustix::fs::minor(stat.st_dev),
            );
            let rule = format!("{major}:{minor} {PLENTY}");
            // A file system without a disk of its own has no such counter, and needs none.
            drop(write_control(
                &dir.join("blkio.throttle.write_bps_device"),
                &rule,
            ));
        }
    }

    /// Freezes it, and waits until it is.
    pub(super) fn freeze(&self) -> io::Result<()> {
        let Some((version, dir)) = self.of("freezer") else {
            return Err(io::Error::other("no freezer"));
        };
        let what = format!("freeze {}", dir.display());
        wait::until(&what, FREEZE_LIMIT, || match version {
            Version::V1 => {
                write_control(&dir.join("freezer.state"), "FROZEN")?;
                Ok(fs::read_to_string(dir.join("freezer.state"))?.trim() == "FROZEN")
            }
            Version::V2 => {
                write_control(&dir.join("cgroup.freeze"), "1")?;
                Ok(fs::read_to_string(dir.join("cgroup.events"))?.contains("frozen 1"))
            }
        })
    }
}

/// Where a cgroup may be made, best first: at the top, as runtimes do, else below a cgroup that
/// was delegated to us, the highest first (moving a process needs the common ancestor).
fn bases(own: &[u8]) -> Vec<CgroupPath> {
    let own = String::from_utf8_lossy(own);
    let v2 = own.lines().find_map(|line| line.strip_prefix("0::"));
    let mut bases: Vec<CgroupPath> = Path::new(v2.unwrap_or("/"))
        .ancestors()
        .filter_map(CgroupPath::new)
        .collect();
    bases.reverse();
    bases
}

fn may_build(hierarchy: &Hierarchy, base: &CgroupPath) -> bool {
    let dir = hierarchy.dir(base);
    let write = |path: &Path| rustix::fs::access(path, Access::WRITE_OK).is_ok();
    write(&dir) && write(&dir.join("cgroup.procs"))
}

/// Makes one cgroup, fit for processes.
fn make_dir(tree: &Hierarchy, dir: &Path) -> io::Result<()> {
    fs::create_dir(dir)?;
    if tree.has("cpuset") {
        // Empty on v1 until written, and without them no process may enter.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let above = dir.parent().unwrap_or(dir).join(file);
            write_control(&dir.join(file), fs::read_to_string(above)?.trim())?;
        }
    }
    Ok(())
}

/// v2: hands the controllers that the lab's limits need to the cgroups below `dir`, as runtimes do.
fn enable_controllers(tree: &Hierarchy, dir: &Path) {
    if tree.version == Version::V1 {
        return;
    }
    let offered = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
    for name in offered.split_whitespace() {
        if ["cpu", "memory", "pids", "io"].contains(&name) {
            // Refused where processes live in `dir` itself; the lab then has fewer numbers.
            drop(write_control(
                &dir.join("cgroup.subtree_control"),
                &format!("+{name}"),
            ));
        }
    }
}

/// Writes a control file; never creates one.
pub(super) fn write_control(file: &Path, value: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(file)?;
    file.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_tree(names: &[&str]) -> (tempfile::TempDir, Hierarchies) {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("cgroup.procs"), "").unwrap();
        }
        let hierarchies = Hierarchies::from_dir(dir.path()).unwrap();
        (dir, hierarchies)
    }

    #[test]
    fn the_lab_has_the_same_path_in_every_hierarchy() {
        let (dir, hierarchies) = plain_tree(&["freezer", "memory", "systemd", "unified"]);
        let mut groups = Groups::find(&hierarchies, b"0::/\n", "lab-1");
        groups.make();
        for name in ["freezer", "memory", "systemd", "unified"] {
            assert!(dir.path().join(name).join("lab-1").is_dir());
        }
        assert_eq!(groups.dirs().len(), 4);
    }

    #[test]
    fn youki_joins_neither_named_hierarchies_nor_unified_on_a_hybrid_host() {
        let (dir, hierarchies) = plain_tree(&["freezer", "memory", "systemd", "unified"]);
        let mut groups = Groups::find(&hierarchies, b"0::/\n", "lab-1");
        groups.make();
        assert_eq!(groups.container("web", true).unwrap().dirs().len(), 2);
        assert!(!dir.path().join("systemd/lab-1/web").exists());
        assert_eq!(groups.container("db", false).unwrap().dirs().len(), 4);
    }

    #[test]
    fn a_delegated_cgroup_is_looked_for_from_the_top() {
        let bases = bases(b"1:name=systemd:/x\n0::/user.slice/u.service/app\n");
        let text: Vec<String> = bases.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "/",
                "/user.slice",
                "/user.slice/u.service",
                "/user.slice/u.service/app"
            ]
        );
    }

    #[test]
    fn without_a_hierarchy_there_is_no_cgroup_and_no_error() {
        let mut groups = Groups::find(&Hierarchies::default(), b"0::/\n", "lab-1");
        groups.make();
        assert!(groups.is_empty());
        assert!(groups.container("web", false).unwrap().path.is_none());
    }
}
