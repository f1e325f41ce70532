//! Container ids and the key of a container on this host.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A container id: one path component, neither `.` nor `..`, at most 255 bytes of UTF-8.
///
/// That is what crun took before 1.28: whatever it could make a directory of. youki and runc take
/// less ([`Self::is_portable`]). It is shown escaped: it may hold anything a terminal obeys.
///
/// ```
/// use ocitop::oci::ContainerId;
/// assert!("web-1".parse::<ContainerId>().unwrap().is_portable());
/// assert!(!"web@1".parse::<ContainerId>().unwrap().is_portable());
/// assert!("../etc".parse::<ContainerId>().is_err());
/// assert!("..".parse::<ContainerId>().is_err());
/// assert_eq!("a\n".parse::<ContainerId>().unwrap().to_string(), "a\\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(Arc<str>);

/// Why a name is not a container id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid container ID format: {}", crate::text::visible(.0))]
pub struct InvalidId(pub String);

/// The longest name of a directory (`NAME_MAX`).
const MAX_ID: usize = 255;

impl ContainerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every runtime takes it: `[A-Za-z0-9_+.-]`, the rule that youki and runc share and crun
    /// took over in 1.28.
    pub fn is_portable(&self) -> bool {
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'.' | b'-');
        self.0.bytes().all(safe)
    }

    /// That no runtime of today makes a container of this id.
    pub fn invalid(&self) -> InvalidId {
        InvalidId(self.0.to_string())
    }
}

impl FromStr for ContainerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text != "." && text != ".." && !text.is_empty() && text.len() <= MAX_ID;
        if plain && !text.bytes().any(|b| matches!(b, b'/' | 0)) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId(text.to_owned()))
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&crate::text::visible(&self.0))
    }
}

/// Where a container is: its state root and the name of its directory there.
///
/// The name is whatever was found on disk, so one that is not UTF-8 can still be listed; only a name
/// that is a [`ContainerId`] can be acted upon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerKey {
    root: Arc<Path>,
    name: Arc<OsStr>,
}

impl ContainerKey {
    /// The key of the directory `name` in `root`.
    pub fn new(root: impl Into<Arc<Path>>, name: impl Into<OsString>) -> Self {
        Self {
            root: root.into(),
            name: name.into().into(),
        }
    }

    /// The state root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory's name as found on disk.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// The container id, if the directory's name is one.
    pub fn id(&self) -> Result<ContainerId, InvalidId> {
        self.name
            .to_str()
            .ok_or_else(|| InvalidId(self.name.to_string_lossy().into_owned()))?
            .parse()
    }

    /// The name, safe to print: control and invisible characters escaped.
    pub fn label(&self) -> String {
        crate::text::visible_bytes(self.name.as_bytes())
    }

    /// As [`Self::label`], with its state root: of containers in several roots.
    pub fn label_in_root(&self) -> String {
        let root = crate::text::visible_path(&self.root);
        format!("{} (in {root})", self.label())
    }

    /// The state directory. Only for messages: it is opened below the root, never by this path.
    pub fn dir(&self) -> PathBuf {
        self.root.join(&*self.name)
    }
}

impl Serialize for ContainerKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut key = serializer.serialize_struct("ContainerKey", 2)?;
        key.serialize_field("root", &self.root.to_string_lossy())?;
        key.serialize_field("id", &self.name.to_string_lossy())?;
        key.end()
    }
}
