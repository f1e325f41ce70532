//! The cgroups of a container, and what their controllers tell.

use super::seen::{NotLookedAt, OwnCgroups};
use crate::cgroup::Limit;
use crate::diagnosis::evidence::{CgroupSeen, Evidence, InitSeen, Level, Task};
use crate::inventory::processes::ProcessPlace;
use crate::text::visible_path;

/// The cgroups of the container and those below.
pub(in crate::diagnosis) fn own(evidence: &Evidence) -> impl Iterator<Item = &CgroupSeen> {
    let all = evidence.cgroups.iter();
    all.filter(|cgroup| cgroup.level.is_own())
}

/// Its cgroups, or where they would be. That none is found says something only of one that named them
/// all, and ended.
pub(super) fn cgroups(evidence: &Evidence) -> Result<OwnCgroups<'_>, NotLookedAt> {
    let found: Vec<&CgroupSeen> = own(evidence).collect();
    if let Some(unread) = found.iter().find(|cgroup| !cgroup.listed) {
        return Err(format!("the list of {}", visible_path(&unread.dir)));
    }
    if !found.is_empty() {
        if evidence.more_cgroups {
            return Err(format!("only {} of its cgroups were read", found.len()));
        }
        return Ok(OwnCgroups::There(found));
    }
    if evidence.record.cgroup_disabled {
        return Err("its record says that it has none".to_owned());
    }
    let (gone, named) = &evidence.gone;
    if *named > 0 && gone.len() == *named {
        if matches!(evidence.init, InitSeen::Alive(_)) {
            return Err("they are gone, and it lives".to_owned());
        }
        return Ok(OwnCgroups::Gone);
    }
    if evidence.record.problem.is_some() {
        return Err("no record says which they are, and none has its name".to_owned());
    }
    Err("its record does not say which they are".to_owned())
}

/// A controller that has limits.
pub(super) struct Controller {
    /// Its name in a hierarchy.
    name: &'static str,
    /// What its cgroups tell.
    what: &'static str,
    /// Whether one does.
    tells: fn(&CgroupSeen) -> bool,
}

pub(super) const PIDS: Controller = Controller {
    name: "pids",
    what: "the pids controller",
    tells: |cgroup| cgroup.pids.is_some(),
};
pub(super) const MEMORY: Controller = Controller {
    name: "memory",
    what: "the memory controller",
    tells: |cgroup| cgroup.memory.is_some(),
};
pub(super) const CPU: Controller = Controller {
    name: "cpu",
    what: "a CPU quota",
    tells: |cgroup| cgroup.quota.is_some(),
};

/// Whether its processes are where a controller would count them, and what that says.
pub(super) fn limits<'e>(
    controller: &Controller,
    evidence: &'e Evidence,
) -> Result<OwnCgroups<'e>, NotLookedAt> {
    let out = |task: &&Task| {
        let mut hierarchies = task.missing_from.iter().map(|from| &from.hierarchy);
        let left = hierarchies.any(|it| it.split(',').any(|name| name == controller.name));
        left || (task.place == ProcessPlace::Outside && task.process.is_init)
    };
    if let Some(out) = evidence.tasks.iter().find(out) {
        let pid = out.process.who.pid;
        return Err(format!(
            "pid {pid} is outside of its cgroup and not counted there"
        ));
    }
    let cgroups = cgroups(evidence).map_err(|why| format!("its cgroups: {why}"))?;
    match &cgroups {
        OwnCgroups::There(own) if !own.iter().any(|cgroup| (controller.tells)(cgroup)) => {
            Err(format!("none of its cgroups tells of {}", controller.what))
        }
        OwnCgroups::There(_) | OwnCgroups::Gone => Ok(cgroups),
    }
}

/// The strictest limit over the container's own cgroup and those above it; its own, if that is it.
pub(in crate::diagnosis) fn strictest<'e>(
    evidence: &'e Evidence,
    limit: &dyn Fn(&CgroupSeen) -> Option<Limit>,
) -> Option<(Limit, &'e CgroupSeen)> {
    let levels = [Level::Own, Level::Above].into_iter();
    let at = levels.flat_map(|level| {
        let all = evidence.cgroups.iter();
        all.filter(move |cgroup| cgroup.level == level)
    });
    at.filter_map(|cgroup| Some((limit(cgroup)?, cgroup)))
        .min_by_key(|(limit, _)| limit.value().unwrap_or(u64::MAX))
}
