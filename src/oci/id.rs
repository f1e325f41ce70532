//! Container ids and the key of a container on this host.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A container id: one safe path component.
///
/// The rule is the one youki and runc share and crun took over in 1.28: `[A-Za-z0-9_+.-]`, not
/// empty, neither `.` nor `..`; here at most 1,024 bytes.
///
/// ```
/// use ocitop::oci::ContainerId;
/// assert!("web-1".parse::<ContainerId>().is_ok());
/// assert!("../etc".parse::<ContainerId>().is_err());
/// assert!("..".parse::<ContainerId>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(Arc<str>);

/// Why a name is not a container id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid container ID format: {0}")]
pub struct InvalidId(pub String);

const MAX_ID: usize = 1024;

impl ContainerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'.' | b'-');
        let plain = text != "." && text != ".." && !text.is_empty() && text.len() <= MAX_ID;
        if plain && text.bytes().all(safe) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId(text.to_owned()))
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where a container is: its state root and the name of its directory there.
///
/// The name is whatever was found on disk, so a hostile one can still be listed; only a name that
/// is a [`ContainerId`] can be acted upon.
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
            .ok_or_else(|| InvalidId(self.label()))?
            .parse()
    }

    /// The name, safe to print: control and invisible characters escaped.
    pub fn label(&self) -> String {
        crate::text::visible_bytes(self.name.as_bytes())
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
        key.serialize_field("id", &self.label())?;
        key.end()
    }
}
