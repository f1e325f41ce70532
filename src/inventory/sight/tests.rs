//! Each case is a place that ocitop was run in; the facts are as they were read there.

use std::collections::BTreeMap;

use super::*;

const V1: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
    34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
    39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
    41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

/// A host of v1 seen from its own namespaces.
fn host() -> (SightFacts, Hierarchies) {
    let hierarchies = Hierarchies::from_mountinfo(V1);
    let facts = SightFacts {
        self_link: Some(77),
        own_pid: 77,
        pids_of_self: Some(1),
        has_pid_namespaces: true,
        has_cgroup_namespaces: true,
        pid_namespace: Some(facts::INITIAL_PID),
        cgroup_namespace: Some(facts::INITIAL_CGROUP),
        cgroup_namespace_of_1: Some(facts::INITIAL_CGROUP),
        mount_namespace: Some(4_026_531_841),
        mount_namespace_of_1: Some(4_026_531_841),
        active: ["cpu,cpuacct", "pids", "unified"].map(str::to_owned).into(),
        real_mounts: hierarchies.iter().map(|one| one.mount.clone()).collect(),
        ..SightFacts::default()
    };
    (facts, hierarchies)
}

fn sight(change: impl FnOnce(&mut SightFacts)) -> Sight {
    let (mut facts, hierarchies) = host();
    change(&mut facts);
    Sight::of(&facts, &hierarchies)
}

fn runc() -> RecordedCgroup {
    let paths = [
        ("pids", "/sys/fs/cgroup/pids/web"),
        ("", "/sys/fs/cgroup/unified/web"),
    ];
    let paths = paths.map(|(name, path)| (name.to_owned(), path.into()));
    RecordedCgroup::PerController(BTreeMap::from(paths))
}

const ROOT: &str = "/run/runc";

#[test]
fn on_the_host_every_look_counts() {
    let sight = sight(|_| {});
    assert_eq!(sight, Sight::whole());
    assert!(sight.is_whole());
    assert_eq!(sight.doubts(), []);
}

#[test]
fn in_a_pid_namespace_of_its_own_no_pid_of_a_record_is_known() {
    let sight = sight(|facts| facts.pid_namespace = Some(4_026_532_300));
    assert_eq!(sight.pids(Path::new(ROOT)), Some(OutOfSight::PidNamespace));
    assert_eq!(sight.signals(), None);
    // What pid 1 has mounted is then a container's, too.
    assert_eq!(sight.mounts(), Some(OutOfSight::MountNamespace));
}

#[test]
fn a_root_whose_container_is_found_here_is_of_this_view() {
    let mut sight = sight(|facts| {
        facts.pid_namespace = Some(4_026_532_300);
        facts.cgroup_namespace = Some(4_026_532_301);
        facts.cgroup_namespace_of_1 = Some(4_026_532_301);
    });
    let (_, hierarchies) = host();
    assert!(
        sight
            .unseen(Path::new(ROOT), &runc(), &hierarchies)
            .is_some()
    );
    sight.trust(Path::new(ROOT));
    assert_eq!(sight.pids(Path::new(ROOT)), None);
    assert_eq!(sight.unseen(Path::new(ROOT), &runc(), &hierarchies), None);
    let other = Path::new("/run/crun");
    assert_eq!(sight.pids(other), Some(OutOfSight::PidNamespace));
    assert!(!sight.is_whole(), "what no record names stays in doubt");
}

#[test]
fn pids_of_an_outer_procfs_can_be_read_and_not_signalled() {
    // unshare -p without a procfs of its own: /proc/self has two pids, or leads nowhere.
    let outer = sight(|facts| facts.pids_of_self = Some(2));
    assert_eq!(outer.signals(), Some(OutOfSight::ProcOfAnother));
    let foreign = sight(|facts| facts.self_link = None);
    assert_eq!(
        foreign.pids(Path::new(ROOT)),
        Some(OutOfSight::ProcOfAnother)
    );
}

#[test]
fn without_procfs_nothing_is_gone() {
    let none = sight(|facts| facts.proc = Proc::Missing);
    assert_eq!(none.pids(Path::new(ROOT)), Some(OutOfSight::NoProc));
    assert_eq!(none.signals(), Some(OutOfSight::NoProc));
}

#[test]
fn a_tree_that_stands_for_procfs_is_a_whole_machine() {
    assert!(sight(|facts| facts.proc = Proc::Tree).is_whole());
}

#[test]
fn in_a_cgroup_namespace_of_its_own_no_recorded_cgroup_can_be_looked_at() {
    let sight = sight(|facts| facts.cgroup_namespace = Some(4_026_532_301));
    let (_, hierarchies) = host();
    let unseen = sight
        .unseen(Path::new(ROOT), &runc(), &hierarchies)
        .unwrap();
    assert_eq!(unseen.why, OutOfSight::CgroupNamespace);
    assert_eq!(
        unseen.hierarchies,
        ["pids", "unified"],
        "those that it names"
    );
    let disabled = RecordedCgroup::Disabled;
    assert_eq!(sight.unseen(Path::new(ROOT), &disabled, &hierarchies), None);
    assert_eq!(sight.pids(Path::new(ROOT)), None);
}

#[test]
fn a_part_of_a_hierarchy_and_one_that_is_not_mounted_are_told_apart() {
    let part = String::from_utf8_lossy(V1).replace("0:36 /", "0:36 /docker/7f");
    let hierarchies = Hierarchies::from_mountinfo(part.as_bytes());
    let (mut facts, _) = host();
    facts.active.push("freezer".to_owned());
    let sight = Sight::of(&facts, &hierarchies);
    let expected = [
        ("pids".to_owned(), OutOfSight::CgroupPart),
        ("freezer".to_owned(), OutOfSight::CgroupNotMounted),
    ];
    assert_eq!(sight.cgroups(), expected);
    // crun names one path for all of them.
    let everywhere = RecordedCgroup::Everywhere("/web".into());
    let unseen = sight.unseen(Path::new("/run/crun"), &everywhere, &hierarchies);
    assert_eq!(unseen.unwrap().hierarchies, ["pids", "freezer"]);
}

#[test]
fn a_v1_hierarchy_that_a_container_made_for_itself_hides_nothing_on_a_host_of_v2() {
    let hierarchies =
        Hierarchies::from_mountinfo(b"25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    let (mut facts, _) = host();
    facts.active = ["name=systemd", "unified"].map(str::to_owned).into();
    facts.real_mounts = hierarchies.iter().map(|one| one.mount.clone()).collect();
    let sight = Sight::of(&facts, &hierarchies);
    let everywhere = RecordedCgroup::Everywhere("/web".into());
    assert_eq!(
        sight.unseen(Path::new("/run/crun"), &everywhere, &hierarchies),
        None
    );
}

#[test]
fn hidden_processes_make_every_absence_of_a_process_doubtful() {
    let sight = sight(|facts| facts.hides = true);
    assert!(sight.hides());
    assert_eq!(sight.processes(), Some(OutOfSight::Hidden));
    // A recorded pid is asked for by kill(2), which hides nothing.
    assert_eq!(sight.pids(Path::new(ROOT)), None);
}

#[test]
fn another_mount_namespace_than_that_of_pid_1_is_not_the_hosts() {
    let own = sight(|facts| facts.mount_namespace = Some(4_026_532_400));
    assert_eq!(own.mounts(), Some(OutOfSight::MountNamespace));
    let unknown = sight(|facts| facts.mount_namespace_of_1 = None);
    assert_eq!(unknown.mounts(), Some(OutOfSight::MountNamespaceUnknown));
    let initial = sight(|facts| {
        facts.mount_namespace = Some(facts::INITIAL_MOUNT[0]);
        facts.mount_namespace_of_1 = None;
    });
    assert_eq!(initial.mounts(), None);
}
