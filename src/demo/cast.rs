//! Who plays in the lab: one line per container, as data.

use super::child::Role;
use crate::oci::RuntimeKind;

const MIB: u64 = 1 << 20;

/// What is special about a container of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
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
pub(super) struct Limits {
    /// Of one CPU, percent.
    pub(super) cpu: Option<u64>,
    /// Bytes.
    pub(super) memory: Option<u64>,
    /// Processes.
    pub(super) pids: u64,
}

/// One container of the lab.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its id.
    pub(super) id: String,
    /// Whose files describe it.
    pub(super) runtime: RuntimeKind,
    /// What is special about it.
    pub(super) scene: Scene,
    /// Its limits.
    pub(super) limits: Limits,
    /// What its init does.
    pub(super) role: Role,
    /// What the processes do that its init starts: name and share of a CPU, percent.
    pub(super) helpers: &'static [(&'static str, u32)],
}

impl Part {
    fn new(id: &str, runtime: RuntimeKind, scene: Scene, role: Role) -> Self {
        Self {
            id: id.to_owned(),
            runtime,
            scene,
            limits: Limits {
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

/// Everyone. `tag` tells this lab from another on the same host: a container whose state file is
/// lost may be looked for by the name of its cgroup, and must not be found twice.
pub(super) fn everyone(tag: &str) -> Vec<Part> {
    use RuntimeKind::{Crun, Runc, Youki};
    let rest = Role::Work { percent: 1 };
    let part = |id: &str, runtime, scene| Part::new(id, runtime, scene, rest.clone());
    let waiting = |id: &str, runtime| Part::new(id, runtime, Scene::Created, Role::Await(runtime));
    let corrupt = format!("corrupt-state-{tag}");
    vec![
        Part::new("cpu-burner", Runc, Scene::Running, Role::Burn).with_cpu(50),
        Part::new("memory-tide", Crun, Scene::Running, Role::Tide).with_memory(128 * MIB),
        Part::new("disk-writer", Youki, Scene::Running, Role::Write),
        part("worker-pool", Runc, Scene::Running)
            .with_cpu(100)
            .with_helpers(&[("worker-1", 2), ("worker-2", 4), ("worker-3", 6)]),
        part("paused", Crun, Scene::Paused),
        waiting("created-youki", Youki),
        waiting("created-runc", Runc),
        waiting("created-crun", Crun),
        Part::new("stopped", Runc, Scene::Stopped, Role::Leave),
        Part::new("left-behind", Crun, Scene::Left, Role::Leave),
        // Its configuration still names its cgroup. Of a name alone nobody takes processes in the host's
        // namespaces for a container's.
        part(&corrupt, Crun, Scene::Corrupt),
        part("frozen-nested", Youki, Scene::NestedFrozen).with_helpers(&[("nested", 1)]),
        part("failing-hook", Youki, Scene::FailingHook),
        part("recycled-pid", Youki, Scene::Recycled),
        part("podman-web", Crun, Scene::Managed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cast_has_every_scene_and_every_runtime() {
        let cast = everyone("7");
        for runtime in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
            assert!(cast.iter().filter(|part| part.runtime == runtime).count() >= 3);
            assert!(
                cast.iter()
                    .any(|part| part.runtime == runtime && part.scene == Scene::Created)
            );
        }
        assert!(cast.len() >= 9);
    }

    #[test]
    fn ids_are_container_ids_and_the_lost_one_is_this_labs_alone() {
        for part in everyone("7") {
            assert!(part.id.parse::<crate::oci::ContainerId>().is_ok());
        }
        let lost = |tag| {
            let part = everyone(tag).into_iter();
            part.filter(|part| part.scene == Scene::Corrupt)
                .map(|part| part.id)
                .collect::<Vec<_>>()
        };
        assert_ne!(lost("7"), lost("8"));
    }
}
