//! Finding a container's cgroups when its record is lost: by the names runtimes give them.

use std::path::Path;

use super::doubt::Doubt;
use crate::cgroup::CgroupPath;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::unread::WhyUnread;
use crate::inventory::{Machine, Unread};
use crate::kernel::read::is_gone;

/// Deepest level that is looked at. Runtimes and engines put containers far above it: what is nested
/// deeper is said, and proves nothing.
const MAX_DEPTH: usize = 64;
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

/// The cgroups named after `id`, at most one in each hierarchy. Where not all of a hierarchy was
/// looked at, another one may be there.
pub fn by_name(machine: &Machine, id: &str) -> Result<Vec<CgroupDir>, Doubt> {
    let mut found = Vec::new();
    for (index, hierarchy) in machine.hierarchies.iter().enumerate() {
        let mut hits = Vec::new();
        let mut budget = MAX_DIRS;
        let searched = search(&hierarchy.mount, id, 0, &mut budget, &mut hits);
        let mut hits = hits.iter().filter_map(|dir| {
            let path = CgroupPath::new(dir.strip_prefix(&hierarchy.mount).ok()?)?;
            Some(CgroupDir {
                hierarchy: index,
                path,
            })
        });
        let first = hits.next();
        if let (Some(one), Some(other)) = (&first, hits.next()) {
            let both = Ambiguous(one.path.to_string(), other.path.to_string());
            return Err(both.into());
        }
        searched.map_err(Doubt::Search)?;
        found.extend(first);
    }
    Ok(found)
}

/// Looks below a directory; an error is the first part of it that was not looked at.
fn search(
    dir: &Path,
    id: &str,
    depth: usize,
    budget: &mut usize,
    hits: &mut Vec<std::path::PathBuf>,
) -> Result<(), Unread> {
    let cut = |why| Err(Unread::dir(dir, why));
    if depth >= MAX_DEPTH {
        return cut(WhyUnread::TooMany(MAX_DEPTH));
    }
    let listed = match std::fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return cut((&error).into()),
    };
    let mut searched = Ok(());
    for entry in listed {
        let looked = entry.and_then(|entry| Ok((entry.file_type()?.is_dir(), entry)));
        let entry = match looked {
            Ok((true, entry)) => entry,
            Ok((false, _)) => continue,
            Err(error) if is_gone(&error) => continue,
            Err(error) => return cut((&error).into()),
        };
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return cut(WhyUnread::TooMany(MAX_DIRS));
        }
        // What lies below a hit belongs to it.
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| is_name_of(name, id))
        {
            hits.push(entry.path());
        } else {
            let below = search(&entry.path(), id, depth + 1, budget, hits);
            searched = searched.and(below);
        }
    }
    searched
}
