//! The containers of the lab: one line each, as data.

use super::child::Role;
use crate::oci::RuntimeKind;

const MIB: u64 = 1 << 20;

/// What is special about a container of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    /// Nothing: it runs.
    Running,
    /// Its init waits to be started.
    Created,
    /// Frozen.
    Paused,
    /// Its init has exited.
    Stopped,
    /// Its init has exited, and its bundle is gone: nothing but its record is left.
    Left,
    /// It runs, and its state file is cut in half.
    Corrupt,
    /// Frozen, with a sub-cgroup that is frozen by itself.
    NestedFrozen,
    /// It runs, and its poststop hook will fail.
    FailingHook,
    /// It is gone, and its recorded pid belongs to a stranger now.
    Recycled,
    /// It runs, and a daemon says that it is its own.
    Managed,
}

/// What its cgroups allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LabLimits {
    /// Of one CPU, percent.
    pub(super) cpu: Option<u64>,
    /// Bytes.
    pub(super) memory: Option<u64>,
    /// Processes.
    pub(super) pids: u64,
}

/// One container of the lab.
#[derive(Debug, Clone)]
pub(super) struct LabContainer {
    /// Its id.
    pub(super) id: String,
    /// Whose files describe it.
    pub(super) runtime: RuntimeKind,
    /// What is special about it.
    pub(super) situation: Situation,
    /// Its limits.
    pub(super) limits: LabLimits,
    /// What its init does.
    pub(super) role: Role,
    /// What the processes do that its init starts: name and share of a CPU, percent.
    pub(super) helpers: &'static [(&'static str, u32)],
}

impl LabContainer {
    fn new(id: &str, runtime: RuntimeKind, situation: Situation, role: Role) -> Self {
        Self {
            id: id.to_owned(),
            runtime,
            situation,
            limits: LabLimits {
                cpu: None,
                memory: Some(256 * MIB),
                pids: 32,
            },
            role,
            helpers: &[],
        }
    }

    fn with_cpu(mut self, percent: u64) -> Self {
        self.limits.cpu = Some(percent);
        self
    }

    fn with_memory(mut self, bytes: u64) -> Self {
        self.limits.memory = Some(bytes);
        self
    }

    fn with_helpers(mut self, helpers: &'static [(&'static str, u32)]) -> Self {
        self.helpers = helpers;
        self
    }
}

/// All of them. `tag` tells this lab from another on the same host: a container whose state file is
/// lost may be looked for by the name of its cgroup, and must not be found twice.
pub(super) fn all(tag: &str) -> Vec<LabContainer> {
    use RuntimeKind::{Crun, Runc, Youki};
    let rest = Role::Work { percent: 1 };
    let container =
        |id: &str, runtime, situation| LabContainer::new(id, runtime, situation, rest.clone());
    let waiting = |id: &str, runtime| {
        LabContainer::new(id, runtime, Situation::Created, Role::Await(runtime))
    };
    let corrupt = format!("corrupt-state-{tag}");
    vec![
        LabContainer::new("cpu-burner", Runc, Situation::Running, Role::Burn).with_cpu(50),
        LabContainer::new("memory-tide", Crun, Situation::Running, Role::Tide)
            .with_memory(128 * MIB),
        LabContainer::new("disk-writer", Youki, Situation::Running, Role::Write),
        container("worker-pool", Runc, Situation::Running)
            .with_cpu(100)
            .with_helpers(&[("worker-1", 2), ("worker-2", 4), ("worker-3", 6)]),
        container("paused", Crun, Situation::Paused),
        waiting("created-youki", Youki),
        waiting("created-runc", Runc),
        waiting("created-crun", Crun),
        LabContainer::new("stopped", Runc, Situation::Stopped, Role::Leave),
        LabContainer::new("left-behind", Crun, Situation::Left, Role::Leave),
        // Its configuration still names its cgroup. Of a name alone nobody takes processes in the host's
        // namespaces for a container's.
        container(&corrupt, Crun, Situation::Corrupt),
        container("frozen-nested", Youki, Situation::NestedFrozen).with_helpers(&[("nested", 1)]),
        container("failing-hook", Youki, Situation::FailingHook),
        container("recycled-pid", Youki, Situation::Recycled),
        container("podman-web", Crun, Situation::Managed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_has_every_situation_and_every_runtime() {
        let lab = all("7");
        for runtime in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
            assert!(
                lab.iter()
                    .filter(|container| container.runtime == runtime)
                    .count()
                    >= 3
            );
            assert!(lab.iter().any(|container| container.runtime == runtime
                && container.situation == Situation::Created));
        }
        assert!(lab.len() >= 9);
    }

    #[test]
    fn ids_are_container_ids_and_the_lost_one_is_this_labs_alone() {
        for container in all("7") {
            assert!(container.id.parse::<crate::oci::ContainerId>().is_ok());
        }
        let lost = |tag| {
            let container = all(tag).into_iter();
            container
                .filter(|container| container.situation == Situation::Corrupt)
                .map(|container| container.id)
                .collect::<Vec<_>>()
        };
        assert_ne!(lost("7"), lost("8"));
    }
}
