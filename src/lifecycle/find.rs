//! Finding a container's cgroups when its record is lost: by the names runtimes give them.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::doubt::Doubt;
use crate::cgroup::CgroupPath;
use crate::inventory::author::{Author, Whose};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::unread::WhyUnread;
use crate::inventory::{Machine, Unread};
use crate::kernel::read::is_gone;

/// Deepest level that is looked at. Runtimes and engines put containers far above it: what is nested
/// deeper is said, and proves nothing.
const MAX_DEPTH: usize = 64;
/// Most directories looked at in one hierarchy.
const MAX_DIRS: usize = 50_000;
/// Most of them that lie in a user's own, if it is root's that is looked for.
const MAX_USER_DIRS: usize = 10_000;

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

/// The cgroups named after `id` that whoever wrote its record may have, at most one in each hierarchy:
/// anybody can give a name to a cgroup below one of his own. Where not all of a hierarchy was looked at,
/// another one may be there.
pub fn by_name(machine: &Machine, id: &str, author: Author) -> Result<Vec<CgroupDir>, Doubt> {
    let mut found = Vec::new();
    for (index, hierarchy) in machine.hierarchies.iter().enumerate() {
        let mut search = CgroupSearch {
            id,
            author,
            left: MAX_DIRS,
            left_of_users: MAX_USER_DIRS,
            hits: Vec::new(),
        };
        let searched = search.below(&hierarchy.mount, 0, author);
        let mut hits = search.hits.iter().filter_map(|dir| {
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

/// A search of one hierarchy.
struct CgroupSearch<'a> {
    id: &'a str,
    author: Author,
    /// How many more directories are looked at.
    left: usize,
    /// How many more of those that lie in a user's own, where that user can make any number.
    left_of_users: usize,
    hits: Vec<PathBuf>,
}

impl CgroupSearch<'_> {
    /// Looks below a directory of `whose`; an error is the first part of it that was not looked at.
    /// How deep and how wide a user's own is says nothing of root's.
    fn below(&mut self, dir: &Path, depth: usize, whose: Author) -> Result<(), Unread> {
        let is_foreign = self.author == Author::Trusted && whose != Author::Trusted;
        let cut = |why| {
            if is_foreign {
                Ok(())
            } else {
                Err(Unread::dir(dir, why))
            }
        };
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
            let left = if is_foreign {
                &mut self.left_of_users
            } else {
                &mut self.left
            };
            *left = left.saturating_sub(1);
            if *left == 0 {
                return cut(WhyUnread::TooMany(MAX_DIRS));
            }
            let path = entry.path();
            let uid = match path.symlink_metadata() {
                Ok(found) => found.uid(),
                Err(error) if is_gone(&error) => continue,
                Err(error) => return cut((&error).into()),
            };
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| is_name_of(name, self.id)) {
                let above = whose.user().unwrap_or_default();
                if self.author.may_have(Whose { uid, above }) {
                    self.hits.push(path);
                }
                // What lies below it belongs to it.
                continue;
            }
            // Once in a user's own, all is that user's to make.
            let whose = if is_foreign { whose } else { Author::of(uid) };
            searched = searched.and(self.below(&path, depth + 1, whose));
        }
        searched
    }
}
