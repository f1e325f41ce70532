//! Finding a container's cgroups when its record is lost: by the names runtimes give them.

use std::path::Path;

use crate::cgroup::CgroupPath;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;

/// Deepest level at which runtimes and engines put containers.
const MAX_DEPTH: usize = 12;
/// Most directories looked at in one hierarchy.
const MAX_DIRS: usize = 50_000;

/// What runtimes and engines put before an id in a cgroup's name.
const PREFIXES: [&str; 8] = [
    "runc-",
    "crun-",
    "youki-",
    "libpod-",
    "docker-",
    "cri-containerd-",
    "crio-",
    "nerdctl-",
];

/// Whether a cgroup's name is one that a runtime or engine gives to the container `id`.
///
/// ```
/// use ocitop::lifecycle::find::is_name_of;
/// assert!(is_name_of("web", "web"));
/// assert!(is_name_of(":youki:web", "web"));
/// assert!(is_name_of("crun-web.scope", "web"));
/// assert!(!is_name_of("web2", "web"));
/// ```
pub fn is_name_of(name: &str, id: &str) -> bool {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    if name == id || name.strip_prefix(":youki:") == Some(id) {
        return true;
    }
    PREFIXES.iter().any(|prefix| name.strip_prefix(prefix) == Some(id))
        // A systemd-style path on cgroupfs is a literal directory `slice:prefix:name`.
        || name.rsplit_once(':').is_some_and(|(before, last)| before.contains(".slice") && last == id)
}

/// Two cgroups of one hierarchy have the container's name: which is its own cannot be known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} and {1} are both named after it")]
pub struct Ambiguous(pub String, pub String);

/// The cgroups named after `id`, at most one in each hierarchy.
pub fn by_name(machine: &Machine, id: &str) -> Result<Vec<CgroupDir>, Ambiguous> {
    let mut found = Vec::new();
    for (index, hierarchy) in machine.hierarchies.iter().enumerate() {
        let mut hits = Vec::new();
        let mut budget = MAX_DIRS;
        search(&hierarchy.mount, id, 0, &mut budget, &mut hits);
        let mut hits = hits.iter().filter_map(|dir| {
            let path = CgroupPath::new(dir.strip_prefix(&hierarchy.mount).ok()?)?;
            Some(CgroupDir {
                hierarchy: index,
                path,
            })
        });
        let first = hits.next();
        if let (Some(one), Some(other)) = (&first, hits.next()) {
            return Err(Ambiguous(one.path.to_string(), other.path.to_string()));
        }
        found.extend(first);
    }
    Ok(found)
}

fn search(
    dir: &Path,
    id: &str,
    depth: usize,
    budget: &mut usize,
    hits: &mut Vec<std::path::PathBuf>,
) {
    if depth >= MAX_DEPTH {
        return;
    }
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return;
        }
        // What lies below a hit belongs to it.
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| is_name_of(name, id))
        {
            hits.push(entry.path());
        } else {
            search(&entry.path(), id, depth + 1, budget, hits);
        }
    }
}
