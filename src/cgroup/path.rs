//! A cgroup's path below the root of its hierarchy.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::{Serialize, Serializer};

/// A path below a hierarchy's root, without its leading `/`; the root itself is empty.
///
/// It holds plain components only: `..` cannot climb out, and bytes that are not text are kept.
///
/// ```
/// use ocitop::cgroup::CgroupPath;
/// let web = CgroupPath::new("/pods/web".as_ref()).unwrap();
/// assert_eq!(web.to_string(), "/pods/web");
/// assert!(CgroupPath::new("/pods/../../etc".as_ref()).is_none());
/// assert!(CgroupPath::new("/".as_ref()).unwrap().is_root());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CgroupPath(PathBuf);

impl CgroupPath {
    /// Checks `path`; a leading `/` is optional. `None` if it holds `..` or a NUL.
    pub fn new(path: &Path) -> Option<Self> {
        if path.as_os_str().as_bytes().contains(&0) {
            return None;
        }
        let mut clean = PathBuf::new();
        for component in path.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => clean.push(name),
                Component::ParentDir | Component::Prefix(_) => return None,
            }
        }
        Some(Self(clean))
    }

    /// Whether this is the hierarchy's root.
    pub fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The path relative to the hierarchy's root.
    pub fn relative(&self) -> &Path {
        &self.0
    }

    /// The last component.
    pub fn name(&self) -> Option<&OsStr> {
        self.0.file_name()
    }

    /// Whether `other` is this cgroup or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The cgroup above; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.parent().map(|parent| Self(parent.to_owned()))
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.display())
    }
}

impl Serialize for CgroupPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
