//! The systemd scope of a container, where its runtime made one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::removable::Removable;
use super::run::Context;
use super::{Outcome, Reason, Seen, StepError};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::entry::Entry;
use crate::inventory::{Machine, units};
use crate::kernel::read::is_gone;
use crate::kernel::{Kernel, Scope};

/// Least and most time systemd gets to stop a scope in which nothing lives any more.
const AT_LEAST: Duration = Duration::from_secs(2);
const AT_MOST: Duration = Duration::from_secs(30);

/// Between two looks whether systemd has let go of one.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

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

/// Has systemd stop the scope and forget its failure. What remains of its cgroup is removed next.
pub(super) fn stop<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let Some(scope) = context.evidence.scope() else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    let limit = context.left().clamp(AT_LEAST, AT_MOST);
    match context.kernel.stop_scope(scope, limit) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(StepError::Io {
            action: "stop",
            object: crate::text::visible(&scope.name),
            cause: error.to_string(),
        }),
    }
}

/// Whether systemd has let go of the scope, as the last look asks it; a moment after its last process
/// is gone it does of itself. What could not be looked at for it.
pub(super) fn check_gone<K: Kernel>(context: &Context<'_, K>) -> Result<Vec<PathBuf>, StepError> {
    let Some(scope) = context.evidence.scope() else {
        return Ok(Vec::new());
    };
    let deadline = context.kernel.now() + AT_LEAST;
    let mut wait = FIRST_WAIT;
    loop {
        match units::state(context.machine, scope) {
            Ok(state) if !state.active => return Ok(Vec::new()),
            Ok(_) if context.kernel.now() >= deadline => {
                let unit = scope.name.clone();
                return Err(StepError::UnitActive { unit });
            }
            Ok(_) => {}
            Err(_) => return Ok(vec![units::home_of(context.machine, &scope.cgroup)]),
        }
        context.kernel.pause(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
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
