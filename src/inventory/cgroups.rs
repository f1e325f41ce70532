//! Which cgroups a record names, as directories of the mounted hierarchies.
//!
//! v1 paths of one container may differ per controller, so each hierarchy is resolved by itself
//! and none is derived from another.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::container::CgroupView;
use super::sight::{CgroupsOutOfSight, OutOfSight};
use crate::cgroup::freezer::{self, Freezer};
use crate::cgroup::{CgroupPath, Hierarchies, Hierarchy, Version};
use crate::kernel::Inode;
use crate::kernel::read::{is_absent, kernel_words};
use crate::oci::{RecordedCgroup, RuntimeKind};

/// One cgroup in one hierarchy. Never the hierarchy's root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct CgroupDir {
    /// Index into [`Hierarchies`].
    pub hierarchy: usize,
    /// Path below its root.
    pub path: CgroupPath,
}

/// The v1 controllers youki joins; it never joins `name=systemd` or the v2 tree of a hybrid host,
/// so a directory of the same path there is somebody else's.
pub(crate) const YOUKI_V1: [&str; 12] = [
    "cpu",
    "cpuacct",
    "cpuset",
    "devices",
    "hugetlb",
    "memory",
    "pids",
    "perf_event",
    "blkio",
    "net_prio",
    "net_cls",
    "freezer",
];

impl CgroupDir {
    /// Its directory.
    pub fn dir(&self, hierarchies: &Hierarchies) -> PathBuf {
        match hierarchies.at(self.hierarchy) {
            Some(hierarchy) => hierarchy.dir(&self.path),
            None => PathBuf::from("/nonexistent"),
        }
    }

    /// The cgroup that a row shows, if its hierarchy still is what it was.
    pub fn of_view(view: &CgroupView, hierarchies: &Hierarchies) -> Option<Self> {
        let (at, found) = hierarchies
            .iter()
            .enumerate()
            .find(|(_, hierarchy)| hierarchy.label() == view.hierarchy)?;
        let path = view.dir.strip_prefix(&found.mount).ok();
        let path = path
            .and_then(CgroupPath::new)
            .filter(|path| !path.is_root())?;
        Some(Self {
            hierarchy: at,
            path,
        })
    }

    /// The cgroup whose directory this is, whether it exists or not.
    pub fn at(dir: &Path, hierarchies: &Hierarchies) -> Option<Self> {
        hierarchies.iter().enumerate().find_map(|(index, found)| {
            let path = CgroupPath::new(dir.strip_prefix(&found.mount).ok()?)?;
            let cgroup = Self {
                hierarchy: index,
                path,
            };
            (!cgroup.path.is_root()).then_some(cgroup)
        })
    }

    /// As the snapshot shows it.
    pub fn view(&self, hierarchies: &Hierarchies) -> CgroupView {
        let hierarchy = hierarchies
            .at(self.hierarchy)
            .map(Hierarchy::label)
            .unwrap_or_default();
        CgroupView {
            hierarchy,
            dir: self.dir(hierarchies),
        }
    }
}

/// The cgroups a record names, whether they exist or not. A path outside the mounts, with `..` in
/// it, or of a hierarchy's root is not among them.
pub fn recorded(
    cgroup: &RecordedCgroup,
    runtime: RuntimeKind,
    id: &str,
    hierarchies: &Hierarchies,
) -> Vec<CgroupDir> {
    let mut dirs = match cgroup {
        RecordedCgroup::PerController(paths) => paths
            .iter()
            .filter_map(|(controller, dir)| in_hierarchy(controller, dir, hierarchies))
            .collect(),
        RecordedCgroup::Everywhere(path) => everywhere(path, runtime, hierarchies),
        RecordedCgroup::SliceOrLiteral(name) => {
            let mut dirs = everywhere(Path::new(name), runtime, hierarchies);
            if let Some(scope) = scope_path(name) {
                dirs.extend(everywhere(&scope, runtime, hierarchies));
            }
            dirs
        }
        RecordedCgroup::Unknown if runtime == RuntimeKind::Youki => {
            everywhere(Path::new(&format!(":youki:{id}")), runtime, hierarchies)
        }
        RecordedCgroup::Unknown | RecordedCgroup::Disabled => Vec::new(),
    };
    dirs.retain(|dir| !dir.path.is_root());
    dirs.sort();
    dirs.dedup();
    dirs
}

fn in_hierarchy(controller: &str, dir: &Path, hierarchies: &Hierarchies) -> Option<CgroupDir> {
    let index = hierarchies.index_of(controller)?;
    let path = hierarchies.at(index)?.path_of(dir)?;
    Some(CgroupDir {
        hierarchy: index,
        path,
    })
}

fn everywhere(path: &Path, runtime: RuntimeKind, hierarchies: &Hierarchies) -> Vec<CgroupDir> {
    let Some(path) = CgroupPath::new(path) else {
        return Vec::new();
    };
    let legacy = hierarchies.v1().next().is_some();
    let joined = |hierarchy: &Hierarchy| match (runtime, hierarchy.version) {
        (RuntimeKind::Youki, Version::V1) => YOUKI_V1.iter().any(|name| hierarchy.has(name)),
        (RuntimeKind::Youki, Version::V2) => !legacy,
        _ => true,
    };
    let indices = hierarchies
        .iter()
        .enumerate()
        .filter(|(_, hierarchy)| joined(hierarchy));
    indices
        .map(|(index, _)| CgroupDir {
            hierarchy: index,
            path: path.clone(),
        })
        .collect()
}

/// The path of the systemd scope that `slice:prefix:name` names (systemd.slice(5)).
///
/// ```
/// use ocitop::inventory::cgroups::scope_path;
/// let path = scope_path("a-b.slice:youki:web").unwrap();
/// assert_eq!(path.to_str(), Some("a.slice/a-b.slice/youki-web.scope"));
/// ```
pub fn scope_path(name: &str) -> Option<PathBuf> {
    let mut parts = name.splitn(3, ':');
    let (slice, prefix, name) = (parts.next()?, parts.next()?, parts.next()?);
    let slice = if slice.is_empty() {
        "system.slice"
    } else {
        slice
    };
    let stem = slice.strip_suffix(".slice")?;
    let mut path = PathBuf::new();
    let mut so_far = String::new();
    for part in stem.split('-').filter(|_| stem != "-") {
        if part.is_empty() || part.contains('/') {
            return None;
        }
        if !so_far.is_empty() {
            so_far.push('-');
        }
        so_far.push_str(part);
        path.push(format!("{so_far}.slice"));
    }
    path.push(if prefix.is_empty() {
        format!("{name}.scope")
    } else {
        format!("{prefix}-{name}.scope")
    });
    Some(path)
}

/// Those that exist.
pub fn existing(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Vec<CgroupDir> {
    dirs.iter()
        .filter(|dir| dir.dir(hierarchies).is_dir())
        .cloned()
        .collect()
}

/// What one look at each of some cgroups came to. One that is gone is in neither list.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Those that are there, each with what its directory is.
    pub there: Vec<(CgroupDir, Inode)>,
    /// Those at which the look fails.
    pub unread: Vec<CgroupDir>,
}

/// Looks at each once: what two looks tell may differ.
pub fn look(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Looked {
    let mut looked = Looked::default();
    for cgroup in dirs {
        match Inode::of_dir(&cgroup.dir(hierarchies)) {
            Ok(Some(inode)) => looked.there.push((cgroup.clone(), inode)),
            Ok(None) => {}
            Err(error) if is_absent(&error) => {}
            Err(_) => looked.unread.push(cgroup.clone()),
        }
    }
    looked
}

/// As [`CgroupsOutOfSight`], of those at which a look fails.
pub fn out_of_sight(unread: &[CgroupDir], hierarchies: &Hierarchies) -> Option<CgroupsOutOfSight> {
    let label = |dir: &CgroupDir| Some(hierarchies.at(dir.hierarchy)?.label());
    let hierarchies: Vec<String> = unread.iter().filter_map(label).collect();
    (!hierarchies.is_empty()).then_some(CgroupsOutOfSight {
        hierarchies,
        why: OutOfSight::CgroupUnreadable,
    })
}

/// Those of which a look does not tell whether they exist.
pub fn unreadable(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<CgroupsOutOfSight> {
    out_of_sight(&look(dirs, hierarchies).unread, hierarchies)
}

/// The container's directory in the hierarchy of a v1 controller, or else in the v2 one.
pub fn for_controller<'a>(
    dirs: &'a [CgroupDir],
    controller: &str,
    hierarchies: &Hierarchies,
) -> Option<(&'a CgroupDir, Version)> {
    let of = |name: &str| {
        let index = hierarchies.index_of(name)?;
        dirs.iter().find(|dir| dir.hierarchy == index)
    };
    let v1 = of(controller).map(|dir| (dir, Version::V1));
    v1.or_else(|| of("").map(|dir| (dir, Version::V2)))
}

/// What the freezer of these cgroups says; read once, never waited for. `None` without a freezer.
pub fn freezer(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<Freezer> {
    let (cgroup, version) = for_controller(dirs, "freezer", hierarchies)?;
    freezer_at(&cgroup.dir(hierarchies), version)
}

/// The freezer of one cgroup directory.
pub fn freezer_at(dir: &Path, version: Version) -> Option<Freezer> {
    freezer_of(version, |name| kernel_words(&dir.join(name)).ok().flatten())
}

/// As [`freezer_at`], from the texts of its files.
pub fn freezer_of(version: Version, text: impl Fn(&str) -> Option<String>) -> Option<Freezer> {
    match version {
        Version::V1 => {
            let state = text("freezer.state")?;
            // Only a frozen one needs the second file.
            let own = if state.starts_with("FROZEN") {
                text("freezer.self_freezing")
            } else {
                None
            };
            freezer::parse_v1(&state, own.as_deref())
        }
        Version::V2 => freezer::parse_v2(&text("cgroup.freeze")?, &text("cgroup.events")?),
    }
}
