//! The systemd scope of a container, where its runtime made one.

use std::path::Path;

use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::Entry;
use crate::inventory::{Machine, units};
use crate::kernel::Scope;

/// The scope that the record's cgroups name, if it is named after the container. `cgroups` need not
/// exist: systemd removes the cgroup of a scope that failed and keeps the unit.
pub(super) fn own(machine: &Machine, entry: &Entry<'_>, cgroups: &[CgroupDir]) -> Option<Scope> {
    // Of what a plain user wrote, root asks nothing of the host's systemd.
    let own = rustix::process::geteuid().as_raw();
    if !machine.systemd || (entry.uid != 0 && entry.uid != own) {
        return None;
    }
    let id = entry.key.name().to_str()?;
    let of = |cgroup: &CgroupDir| scope(cgroup.path.relative(), id);
    cgroups.iter().find_map(of)
}

/// As [`own`], of cgroups that were found by the container's name alone: a scope if systemd knows it.
/// Where that cannot be looked at, it is asked when the scope is to be stopped.
pub(super) fn found(machine: &Machine, entry: &Entry<'_>, cgroups: &[CgroupDir]) -> Option<Scope> {
    let scope = own(machine, entry, cgroups)?;
    let known = units::state(machine, &scope).map(|state| state.active || state.loaded);
    known.unwrap_or(true).then_some(scope)
}

/// The scope that a cgroup is, or is crun's sub-cgroup of.
fn scope(path: &Path, id: &str) -> Option<Scope> {
    let path = if path.file_name()? == "container" {
        path.parent()?
    } else {
        path
    };
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".scope")?;
    let before = stem.strip_suffix(id)?;
    (before.is_empty() || before.ends_with('-')).then(|| Scope {
        name: name.to_owned(),
        cgroup: Path::new("/").join(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, id: &str) -> Option<(String, String)> {
        let scope = scope(Path::new(path), id)?;
        Some((scope.name, scope.cgroup.to_str().unwrap().to_owned()))
    }

    #[test]
    fn only_a_scope_named_after_the_container_is_its_own() {
        let web = (
            "runc-web.scope".into(),
            "/system.slice/runc-web.scope".into(),
        );
        assert_eq!(name("system.slice/runc-web.scope", "web"), Some(web));
        let web = ("web.scope".into(), "/a.slice/web.scope".into());
        assert_eq!(name("a.slice/web.scope/container", "web"), Some(web));
        for path in [
            "",
            "container",
            "system.slice",
            "system.slice/web.service",
            "web.slice",
            "system.slice/runc-web2.scope",
            "system.slice/cobweb.scope",
            "system.slice/runc-web.scope/payload",
        ] {
            assert_eq!(name(path, "web"), None, "{path}");
        }
    }
}
