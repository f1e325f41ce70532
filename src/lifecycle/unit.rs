//! The systemd scope of a container, where its runtime made one.

use std::path::Path;
use std::time::Duration;

use super::quarry::Quarry;
use super::run::Context;
use super::{Outcome, Reason, Seen, StepError};
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::Entry;
use crate::kernel::read::is_gone;
use crate::kernel::{Kernel, Unit};

/// Least and most time systemd gets to stop a scope in which nothing lives any more.
const AT_LEAST: Duration = Duration::from_secs(2);
const AT_MOST: Duration = Duration::from_secs(30);

/// The scope that the record's cgroups name, if it is named after the container. `cgroups` need not
/// exist: systemd removes the cgroup of a scope that failed and keeps the unit.
pub(super) fn own(machine: &Machine, entry: &Entry<'_>, cgroups: &[CgroupDir]) -> Option<Unit> {
    // Of what a plain user wrote, root asks nothing of the host's systemd.
    let own = rustix::process::geteuid().as_raw();
    if !machine.systemd || (entry.uid != 0 && entry.uid != own) {
        return None;
    }
    let id = entry.key.name().to_str()?;
    let of = |cgroup: &CgroupDir| scope(cgroup.path.relative(), id);
    cgroups.iter().find_map(of)
}

/// The scope that a cgroup is, or is crun's sub-cgroup of.
fn scope(path: &Path, id: &str) -> Option<Unit> {
    let path = if path.file_name()? == "container" {
        path.parent()?
    } else {
        path
    };
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".scope")?;
    let before = stem.strip_suffix(id)?;
    (before.is_empty() || before.ends_with('-')).then(|| Unit {
        name: name.to_owned(),
        cgroup: Path::new("/").join(path),
    })
}

/// Has systemd stop the scope and forget its failure. What remains of its cgroup is removed next.
pub(super) fn stop<K: Kernel, Q: Quarry>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let Some(unit) = context.evidence.unit() else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    let limit = context.left().clamp(AT_LEAST, AT_MOST);
    match context.kernel.stop_unit(unit, limit) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(StepError::Io {
            action: "stop",
            object: crate::text::visible(&unit.name),
            cause: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, id: &str) -> Option<(String, String)> {
        let unit = scope(Path::new(path), id)?;
        Some((unit.name, unit.cgroup.to_str().unwrap().to_owned()))
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
