//! The resctrl groups of containers: those a record names, as directories that exist below the
//! mount; those a container is in; and the mount as a whole with the containers in its groups.

mod view;

use std::path::{Component, Path, PathBuf};

use super::{Container, Machine};
use crate::kernel::read::kernel_file;
use crate::oci::record::{RdtGroup, RecordedRdt};
use crate::resctrl::{GroupName, Overview};

pub use crate::resctrl::RdtMembership;
pub use view::{GroupKind, GroupOwners, RdtGroups, RdtView, bandwidth, look, occupancy};

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

/// The groups that a container is in: what its record names; else where the kernel says that its
/// verified init is (`kernels`, see [`kernels`]); else the group that lists init among its tasks.
pub fn membership(
    mount: &Path,
    overview: &Overview,
    container: &Container,
    kernels: impl FnOnce(i32) -> Option<RdtMembership>,
) -> Option<RdtMembership> {
    recorded(&container.rdt, mount).or_else(|| {
        let pid = container.init?.pid;
        kernels(pid).or_else(|| listed(pid, overview))
    })
}

/// What the kernel says of a process. It speaks of its own mount, so of another place
/// (`--resctrl-root`) it says nothing.
pub fn kernels(machine: &Machine, mount: &Path) -> impl Fn(i32) -> Option<RdtMembership> {
    let own = machine.mounted_resctrl().is_some_and(|own| own == mount);
    move |pid| {
        let file = machine.pid_file(pid, "cpu_resctrl_groups");
        RdtMembership::parse(&kernel_file(&file).ok().filter(|_| own)?)
    }
}

/// From the directories of a record: a MON group tells its CTRL_MON group as well.
fn recorded(dirs: &[PathBuf], mount: &Path) -> Option<RdtMembership> {
    let names: Vec<GroupName> = dirs
        .iter()
        .filter_map(|dir| GroupName::of_dir(dir, mount))
        .collect();
    let monitoring = names.iter().find(|name| name.monitoring.is_some());
    let control = names.iter().find(|name| name.monitoring.is_none());
    Some(RdtMembership {
        control: control.cloned().or_else(|| Some(monitoring?.above()))?,
        monitoring: monitoring.cloned(),
    })
}

/// A CTRL_MON group lists the tasks of its MON groups as well.
fn listed(pid: i32, overview: &Overview) -> Option<RdtMembership> {
    let has = |tasks: &Option<Vec<i32>>| tasks.as_ref().is_some_and(|tasks| tasks.contains(&pid));
    let mut groups = overview.groups.iter().filter(|group| has(&group.tasks));
    let first = groups.next()?;
    let monitoring = std::iter::once(first)
        .chain(groups)
        .find(|group| group.name.monitoring.is_some());
    Some(RdtMembership {
        control: first.name.above(),
        monitoring: monitoring.map(|group| group.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Inode;
    use crate::resctrl::{ResctrlGroup, Survey};

    fn group(name: GroupName, tasks: &[i32]) -> ResctrlGroup {
        ResctrlGroup {
            name,
            inode: Inode {
                device: 1,
                number: 1,
            },
            mode: None,
            schemata: None,
            sizes: None,
            cpus: None,
            tasks: Some(tasks.to_vec()),
            domains: Vec::new(),
            overlaps: Vec::new(),
        }
    }

    fn in_gold(name: &str) -> GroupName {
        GroupName {
            monitoring: Some(name.into()),
            ..GroupName::control("gold")
        }
    }

    #[test]
    fn a_recorded_monitoring_group_tells_the_control_group_as_well() {
        let mount = Path::new("/r");
        let found = recorded(&[mount.join("gold/mon_groups/web")], mount).unwrap();
        assert_eq!(found.control, GroupName::control("gold"));
        assert_eq!(found.monitoring, Some(in_gold("web")));
        assert_eq!(recorded(&[], mount), None);
        assert_eq!(recorded(&[PathBuf::from("/elsewhere")], mount), None);
    }

    #[test]
    fn the_group_that_lists_a_task_is_its_group() {
        let overview = Overview {
            survey: Survey::default(),
            groups: vec![
                group(GroupName::default(), &[1]),
                group(GroupName::control("gold"), &[7, 9]),
                group(in_gold("web"), &[9]),
            ],
        };
        let of = |pid| listed(pid, &overview);
        assert_eq!(of(7).unwrap().monitoring, None);
        assert_eq!(of(9).unwrap().monitoring, Some(in_gold("web")));
        assert_eq!(of(1).unwrap().control, GroupName::default());
        assert_eq!(of(2), None);
    }
}
