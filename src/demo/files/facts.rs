//! What goes into the files of every runtime.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use jiff::Timestamp;

use crate::demo::containers::{LabContainer, Situation};
use crate::demo::groups::GroupDirs;
use crate::oci::{RuntimeKind, Status};
use crate::process::InitProcess;

/// What is known of a container when its files are written.
pub(in crate::demo) struct RecordFacts<'a> {
    /// Its container.
    pub(in crate::demo) container: &'a LabContainer,
    /// Its init, or who has that pid now.
    pub(in crate::demo) init: InitProcess,
    /// Its cgroups.
    pub(in crate::demo) groups: &'a GroupDirs,
    /// Its bundle.
    pub(in crate::demo) bundle: &'a Path,
    /// Its status at its last transition.
    pub(in crate::demo) status: Status,
    /// When it was made.
    pub(in crate::demo) created: Timestamp,
    /// The ocitop binary, for hooks.
    pub(in crate::demo) program: &'a Path,
}

/// `linux.cgroupsPath` of a container.
pub(in crate::demo) fn cgroups_path(container: &LabContainer, groups: &GroupDirs) -> String {
    match (&groups.path, container.runtime) {
        (Some(path), _) => path.to_string(),
        (None, RuntimeKind::Youki) => format!(":youki:{}", container.id),
        (None, _) => String::new(),
    }
}

pub(super) fn annotations(container: &LabContainer) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([("ocitop.demo", container.id.clone())]);
    if container.situation == Situation::Managed {
        all.insert("io.container.manager", "libpod".to_owned());
    }
    all
}

pub(super) fn put(dir: &Path, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let path = dir.join(name);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path)?;
    file.write_all(bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
