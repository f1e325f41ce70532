//! What is missing on this host, and what that means for ocitop.

use serde::Serialize;

use super::{Report, RootFact};
use crate::cgroup::{Mode, Version};
use crate::inventory::OutOfSight;
use crate::kernel::refused::Obstacle;
use crate::text::visible_path;

/// One thing that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// What.
    pub what: String,
    /// What ocitop cannot do without it.
    pub means: &'static str,
}

impl Lack {
    fn new(what: impl Into<String>, means: &'static str) -> Self {
        Self {
            what: what.into(),
            means,
        }
    }
}

/// What `report` shows to be missing.
pub(super) fn of(report: &Report) -> Vec<Lack> {
    let mut lacks = Vec::new();
    kernel(report, &mut lacks);
    cgroups(report, &mut lacks);
    privileges(report, &mut lacks);
    screen(report, &mut lacks);
    lacks
}

fn kernel(report: &Report, lacks: &mut Vec<Lack>) {
    let kernel = &report.kernel;
    let mut need = |there: bool, what: &str, means| {
        if !there {
            lacks.push(Lack::new(what, means));
        }
    };
    need(
        kernel.pidfd,
        "pidfd (Linux 5.3)",
        "no process can be signalled: ocitop never signals by a bare pid",
    );
    need(
        kernel.openat2,
        "openat2 (Linux 5.6)",
        "state files cannot be read: they are opened only inside their root",
    );
    need(
        kernel.cgroup_kill != Some(false),
        "cgroup.kill (Linux 5.14)",
        "processes are killed one by one, frozen meanwhile, instead of all at once",
    );
    need(
        kernel.cgroup_freeze != Some(false),
        "cgroup.freeze (Linux 5.2)",
        "containers on cgroup v2 can be neither paused nor seen to be",
    );
    need(
        report.pressure,
        "pressure (CONFIG_PSI, psi=1)",
        "no pressure columns: what waits for CPU, memory or IO is not shown",
    );
    need(
        !report.resctrl.supported || report.resctrl.mount.is_some(),
        "the resctrl mount",
        "no cache and bandwidth figures; resctrl groups are neither seen nor removed",
    );
}

fn cgroups(report: &Report, lacks: &mut Vec<Lack>) {
    let cgroups = &report.cgroups;
    if cgroups.mode == Mode::None {
        lacks.push(Lack::new(
            "cgroup mounts",
            "no usage and no limits, nothing can be paused, and only an init itself can be killed",
        ));
        return;
    }
    for mount in cgroups.mounts.iter().filter(|mount| mount.read_only) {
        lacks.push(Lack::new(
            format!("a writable {}", mount.path.display()),
            "its cgroups are shown; they can be neither frozen nor removed",
        ));
    }
    let v2 = |mount: &&super::MountReport| mount.version == Version::V2;
    let freezes = cgroups
        .mounts
        .iter()
        .any(|mount| v2(&mount) || mount.controllers.iter().any(|name| name == "freezer"));
    if !freezes {
        lacks.push(Lack::new(
            "a freezer",
            "containers can be neither paused nor held still while they are killed",
        ));
    }
    for (controller, also, means) in [
        ("cpu", "cpuacct", "no CPU figures"),
        ("memory", "memory", "no memory figures"),
        ("pids", "pids", "no count of processes"),
        ("io", "blkio", "no IO figures"),
    ] {
        let mut names = cgroups.mounts.iter().flat_map(|mount| &mount.controllers);
        if !names.any(|name| name == controller || name == also) {
            lacks.push(Lack::new(format!("the {controller} controller"), means));
        }
    }
}

fn privileges(report: &Report, lacks: &mut Vec<Lack>) {
    for (name, means) in [
        ("kill", "only your own processes can be signalled"),
        (
            "sys_ptrace",
            "of others' processes neither files nor stacks can be read",
        ),
        (
            "dac_override",
            "others' state roots and cgroups can be neither read nor changed",
        ),
        (
            "sys_admin",
            "no kernel stacks, no resctrl changes, no unmounting of what is left mounted",
        ),
    ] {
        if report.privileges.capabilities.get(name) == Some(&false) {
            let name = format!("CAP_{}", name.to_ascii_uppercase());
            lacks.push(Lack::new(name, means));
        }
    }
    for root in &report.roots {
        let means = match &root.state {
            RootFact::Readable { .. } | RootFact::Absent => continue,
            RootFact::Unreadable { .. } => "its containers are not listed; try as root",
            RootFact::Refused { obstacle, .. } => match obstacle {
                Obstacle::Symlink => {
                    "its containers are not listed; --root takes the directory that it leads to"
                }
                Obstacle::Mount | Obstacle::NotDirectory(_) => "its containers are not listed",
            },
        };
        let what = format!("access to {}", visible_path(&root.path));
        lacks.push(Lack::new(what, means));
    }
    let not_the_hosts = |namespace: &&super::NamespaceReport| {
        namespace.name == "user" && namespace.initial == Some(false)
    };
    if report.namespaces.iter().any(|one| not_the_hosts(&one)) {
        lacks.push(Lack::new(
            "the host's user namespace",
            "root here is not root of the host",
        ));
    }
    sight(report, lacks);
}

fn sight(report: &Report, lacks: &mut Vec<Lack>) {
    for why in &report.out_of_sight {
        let means = match why {
            OutOfSight::PidNamespace | OutOfSight::NoProc => {
                "whether a container lives is unknown, save where one is found by its pid and start \
                 time; nothing is deleted, signalled or cleaned on that"
            }
            OutOfSight::ProcOfAnother => {
                "containers are shown, and none can be signalled or deleted"
            }
            OutOfSight::Hidden | OutOfSight::RecordUnread | OutOfSight::ProcessUnread => {
                "whose containers' init is hidden is unknown; nothing is a leftover"
            }
            OutOfSight::CgroupNamespace
            | OutOfSight::CgroupPart
            | OutOfSight::CgroupNotMounted
            | OutOfSight::MountsUnread
            | OutOfSight::CgroupUnreadable => {
                "recorded cgroups cannot be looked at: no usage, no delete, nothing is a leftover"
            }
            OutOfSight::MountNamespace | OutOfSight::MountNamespaceUnknown => {
                "a bundle that is not found proves nothing: no leftover is certain by that"
            }
        };
        lacks.push(Lack::new(format!("sight: {}", why.words()), means));
    }
}

fn screen(report: &Report, lacks: &mut Vec<Lack>) {
    const FEW: u64 = 4096;
    let terminal = &report.terminal;
    if terminal.term.as_deref().is_none_or(|term| term == "dumb") {
        lacks.push(Lack::new(
            "a terminal type (TERM)",
            "no screen; list, ps, delete and the others work",
        ));
    }
    if !terminal.utf8 {
        lacks.push(Lack::new(
            "a UTF-8 locale",
            "bars and lines are drawn in ASCII",
        ));
    }
    if report.files.hard.is_some_and(|hard| hard < FEW) {
        lacks.push(Lack::new(
            format!("open files (hard limit under {FEW})"),
            "with many containers files are opened anew for every reading, which costs CPU",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::examine;
    use super::*;
    use crate::config::Config;

    fn whats(report: &Report) -> Vec<String> {
        of(report).into_iter().map(|lack| lack.what).collect()
    }

    #[test]
    fn a_host_without_cgroups_lacks_them_and_nothing_below_them() {
        let mut report = examine(&Config::default());
        report.cgroups.mode = Mode::None;
        report.cgroups.mounts.clear();
        let whats = whats(&report);
        assert!(whats.contains(&"cgroup mounts".to_owned()));
        assert!(!whats.iter().any(|what| what.contains("controller")));
    }

    #[test]
    fn an_unreadable_root_and_a_foreign_namespace_are_lacks() {
        let mut report = examine(&Config::default());
        report.roots = vec![super::super::RootReport {
            path: "/run/runc".into(),
            given: false,
            state: RootFact::Unreadable {
                reason: "no".to_owned(),
            },
        }];
        report.out_of_sight = vec![OutOfSight::PidNamespace];
        let whats = whats(&report);
        assert!(whats.contains(&"access to /run/runc".to_owned()));
        let sight = "sight: ocitop runs in a pid namespace of its own";
        assert!(whats.contains(&sight.to_owned()));
    }
}
