//! The resctrl groups a record names, as directories that exist below the mount.

use std::path::{Component, Path, PathBuf};

use crate::oci::record::{RdtGroup, RecordedRdt};

/// The directory of a recorded group; `None` if it is the default group, or not a plain path
/// below the mount.
pub fn dir_of(group: &RdtGroup, mount: &Path) -> Option<PathBuf> {
    let relative = match group {
        RdtGroup::Path(path) => path.strip_prefix(mount).ok()?,
        RdtGroup::Named(name) => Path::new(name.strip_prefix('/').unwrap_or(name)),
    };
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let depth = relative.components().count();
    // `<group>` or `<group>/mon_groups/<name>`, or the default group's `mon_groups/<name>`.
    let shape = match depth {
        1 => !relative.starts_with("info") && !relative.starts_with("mon_groups"),
        2 => relative.starts_with("mon_groups"),
        3 => relative.components().nth(1) == Some(Component::Normal("mon_groups".as_ref())),
        _ => false,
    };
    (shape && relative.components().all(plain)).then(|| mount.join(relative))
}

/// The control and the monitoring group, those that exist.
pub fn groups(rdt: &RecordedRdt, mount: Option<&Path>) -> Vec<PathBuf> {
    let Some(mount) = mount else {
        return Vec::new();
    };
    let named = [rdt.control.as_ref(), rdt.monitoring.as_ref()];
    let dirs = named
        .into_iter()
        .flatten()
        .filter_map(|group| dir_of(group, mount));
    dirs.filter(|dir| dir.is_dir()).collect()
}
