//! The resctrl groups a record names, as directories that exist below the mount.

use std::path::{Component, Path, PathBuf};

use crate::oci::record::{RdtGroup, RecordedRdt};

/// The control group that its runtime made for the container `id` alone, if it exists. The three
/// runtimes give it the id as its name; any other is a class (closID) that others may share, or
/// somebody else's, whatever the record says.
pub fn own_control(rdt: &RecordedRdt, id: &str, mount: &Path) -> Option<PathBuf> {
    let group = rdt.control.as_ref().filter(|_| rdt.owns_control)?;
    let dir = dir_of(group, mount).filter(|dir| *dir == mount.join(id))?;
    is_group(&dir).then_some(dir)
}

/// The monitoring group of the container `id`, if it exists. It has the id as its name, also
/// inside a class that is shared.
pub fn own_monitoring(rdt: &RecordedRdt, id: &str, mount: &Path) -> Option<PathBuf> {
    let dir = dir_of(rdt.monitoring.as_ref()?, mount)?;
    let above = dir.parent()?;
    let own = dir.file_name()? == id && above.file_name()? == MON_GROUPS;
    (own && is_group(&dir)).then_some(dir)
}

const MON_GROUPS: &str = "mon_groups";

/// A directory itself, not a link to one: resctrl has no links.
fn is_group(dir: &Path) -> bool {
    std::fs::symlink_metadata(dir).is_ok_and(|metadata| metadata.is_dir())
}

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
        1 => !relative.starts_with("info") && !relative.starts_with(MON_GROUPS),
        2 => relative.starts_with(MON_GROUPS),
        3 => relative.components().nth(1) == Some(Component::Normal(MON_GROUPS.as_ref())),
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
    dirs.filter(|dir| is_group(dir)).collect()
}
