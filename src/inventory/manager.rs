//! The engine above a container, told from its root, bundle and annotations.

use std::collections::BTreeMap;
use std::path::Path;

use super::container::Manager;

/// Which engine manages this container, if any shows.
///
/// ```
/// use ocitop::inventory::{Manager, manager::manager_of};
/// let bundle = "/var/lib/containers/storage/overlay-containers/7f3c/userdata";
/// let found = manager_of("/run/crun".as_ref(), bundle.as_ref(), &Default::default());
/// assert_eq!(found, Some(Manager::Podman));
/// ```
pub fn manager_of(
    root: &Path,
    bundle: &Path,
    annotations: &BTreeMap<String, String>,
) -> Option<Manager> {
    match annotations.get("io.container.manager").map(String::as_str) {
        Some("libpod") => return Some(Manager::Podman),
        Some("cri-o") => return Some(Manager::CriO),
        _ => {}
    }
    if annotations
        .keys()
        .any(|key| key.starts_with("io.kubernetes.cri-o."))
    {
        return Some(Manager::CriO);
    }
    let has = |path: &Path, name: &str| path.components().any(|part| part.as_os_str() == name);
    let docker = |path: &Path| has(path, "docker") || has(path, "moby");
    if has(bundle, "io.containerd.runtime.v2.task") {
        return Some(if docker(bundle) {
            Manager::Docker
        } else {
            Manager::Containerd
        });
    }
    if has(bundle, "overlay-containers") || has(bundle, "vfs-containers") {
        return Some(Manager::Podman);
    }
    match () {
        () if docker(root) => Some(Manager::Docker),
        () if has(root, "containerd") => Some(Manager::Containerd),
        () => None,
    }
}
