//! The lab without cgroups and without root: its files, its manifest, its end.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ocitop::config::{Config, Roots};
use ocitop::demo::{Lab, Manifest, NotOurLab, PidSpace, Stage};
use ocitop::inventory::{Machine, Scanner};
use ocitop::process::InitProcess;

const DEAD: InitProcess = InitProcess {
    pid: 2,
    start_time: 1,
};

fn stage(dir: &Path) -> Stage {
    Stage {
        program: PathBuf::from(env!("CARGO_BIN_EXE_ocitop")),
        bases: vec![dir.to_owned()],
        scratch: vec![dir.to_owned()],
        mountinfo: PathBuf::from("/dev/null"),
    }
}

fn manifest(owner: InitProcess) -> Manifest {
    Manifest {
        owner,
        host: PidSpace::current().unwrap(),
        cgroups: Vec::new(),
        processes: Vec::new(),
        scratch: None,
    }
}

/// A lab's directory with a manifest, as a dead lab leaves it.
fn left_behind(base: &Path, manifest: &Manifest) -> PathBuf {
    let dir = base.join(manifest.name());
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    manifest.save(&dir).unwrap();
    dir
}

fn is_running(process: InitProcess) -> bool {
    let stat = fs::read(format!("/proc/{}/stat", process.pid)).unwrap_or_default();
    let stat = ocitop::process::ProcStat::parse(&stat);
    stat.is_some_and(|stat| stat.start_time == process.start_time && !stat.is_dead())
}

fn scan(lab: &Lab) -> BTreeMap<String, String> {
    let machine = Machine::new(&Roots {
        state: vec![lab.root().to_owned()],
        ..Roots::default()
    });
    let snapshot = Scanner::complete(machine).scan();
    let rows = snapshot.containers.iter();
    rows.map(|row| (row.key.label(), row.condition.to_string()))
        .collect()
}

#[test]
fn a_lab_without_cgroups_shows_its_containers_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let lab = Lab::start(&stage(dir.path())).unwrap();
    assert!(
        lab.notices()[0].contains("no cgroup"),
        "{:?}",
        lab.notices()
    );
    assert_eq!(lab.notices().len(), 1, "{:?}", lab.notices());
    let rows = scan(&lab);
    assert!(rows.len() >= 9, "{rows:?}");
    for (id, condition) in [
        ("cpu-burner", "running"),
        ("memory-tide", "running"),
        ("created-runc", "created"),
        ("created-crun", "created"),
        ("stopped", "stopped"),
        ("recycled-pid", "stopped"),
    ] {
        assert_eq!(rows[id], condition, "{id} in {rows:?}");
    }
    let corrupt = rows.iter().find(|(id, _)| id.starts_with("corrupt-state-"));
    assert_eq!(corrupt.unwrap().1, "broken");
}

#[test]
fn the_end_of_a_lab_is_the_end_of_its_processes_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut lab = Lab::start(&stage(dir.path())).unwrap();
    let name = lab.dir().file_name().unwrap().to_owned();
    let manifest = Manifest::load(dir.path(), &name).unwrap();
    let living = |manifest: &Manifest| {
        let all = manifest.processes.iter();
        all.filter(|process| is_running(**process)).count()
    };
    assert!(living(&manifest) >= 10);
    lab.stop().unwrap();
    assert_eq!(living(&manifest), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_manifest_reads_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let written = Manifest {
        processes: vec![DEAD],
        cgroups: vec![Path::new("/sys/fs/cgroup/pids").join(manifest(DEAD).name())],
        ..manifest(DEAD)
    };
    left_behind(dir.path(), &written);
    let read = Manifest::load(dir.path(), written.name().as_ref()).unwrap();
    assert_eq!(read, written);
}

#[test]
fn a_manifest_in_a_directory_open_to_others_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let written = manifest(DEAD);
    let lab = left_behind(dir.path(), &written);
    fs::set_permissions(&lab, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = Manifest::load(dir.path(), written.name().as_ref());
    assert!(
        matches!(refused, Err(NotOurLab::Mode(0o755))),
        "{refused:?}"
    );
    let next = Lab::start(&stage(dir.path())).unwrap();
    assert!(
        next.notices()
            .iter()
            .any(|text| text.contains("left alone"))
    );
    assert!(lab.exists());
}

#[test]
fn a_manifest_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can make a directory that is someone else's.
    }
    let dir = tempfile::tempdir().unwrap();
    let written = manifest(DEAD);
    let lab = left_behind(dir.path(), &written);
    std::os::unix::fs::chown(&lab, Some(65534), None).unwrap();
    let refused = Manifest::load(dir.path(), written.name().as_ref());
    assert!(
        matches!(refused, Err(NotOurLab::Owner(65534))),
        "{refused:?}"
    );
}

#[test]
fn a_manifest_that_names_what_is_not_its_labs_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let written = Manifest {
        cgroups: vec![PathBuf::from("/sys/fs/cgroup/pids/someone-else")],
        ..manifest(DEAD)
    };
    left_behind(dir.path(), &written);
    let refused = Manifest::load(dir.path(), written.name().as_ref());
    assert!(matches!(refused, Err(NotOurLab::Name)), "{refused:?}");
}

#[test]
fn the_next_lab_removes_a_dead_one_and_leaves_a_living_one() {
    let dir = tempfile::tempdir().unwrap();
    let dead = left_behind(dir.path(), &manifest(DEAD));
    // pid 1 lives as long as the machine does.
    let stat = fs::read("/proc/1/stat").unwrap();
    let start_time = ocitop::process::ProcStat::parse(&stat).unwrap().start_time;
    let owner = InitProcess { pid: 1, start_time };
    let living = left_behind(dir.path(), &manifest(owner));
    let lab = Lab::start(&stage(dir.path())).unwrap();
    assert!(!dead.exists());
    assert!(living.exists());
    assert!(lab.notices().iter().any(|text| text.contains("removed")));
}

/// After a reboot `/run` is empty and `/var/tmp` is not.
#[test]
fn what_a_lab_left_on_a_disk_is_removed_by_the_next_one_after_a_reboot() {
    let (run, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut written = manifest(DEAD);
    written.host.boot = "an-earlier-one".to_owned();
    written.scratch = Some(disk.path().join(written.name()));
    let left = left_behind(disk.path(), &written);
    fs::write(left.join("data"), "").unwrap();
    let stage = Stage {
        scratch: vec![disk.path().to_owned()],
        ..stage(run.path())
    };
    let lab = Lab::start(&stage).unwrap();
    assert!(!left.exists(), "{:?}", lab.notices());
    // What this one would leave there says whose it is.
    let name = lab.dir().file_name().unwrap();
    let own = Manifest::load(disk.path(), name).unwrap();
    assert_eq!(own.scratch, Some(disk.path().join(name)));
    drop(lab);
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
}

/// Its pid and its start time can be those of a process of this boot: pid 1's are.
#[test]
fn a_lab_of_an_earlier_boot_is_dead_whoever_has_its_owners_pid() {
    let stat = fs::read("/proc/1/stat").unwrap();
    let start_time = ocitop::process::ProcStat::parse(&stat).unwrap().start_time;
    let mut written = manifest(InitProcess { pid: 1, start_time });
    let here = PidSpace::current().unwrap();
    assert!(!written.is_abandoned(&here).unwrap());
    written.host.boot = "an-earlier-one".to_owned();
    assert!(written.is_abandoned(&here).unwrap());
}

#[test]
fn a_lab_of_another_pid_namespace_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = manifest(DEAD);
    written.host.pid_namespace = "pid:[1]".to_owned();
    let lab = left_behind(dir.path(), &written);
    drop(Lab::start(&stage(dir.path())).unwrap());
    assert!(lab.exists());
}

#[test]
fn a_lab_is_visible_within_two_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let _lab = Lab::start(&stage(dir.path())).unwrap();
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_lab_is_looked_at_alone_and_has_two_leftovers_that_end_with_it() {
    use ocitop::leftovers::{Argument, KnownBefore, find};
    let dir = tempfile::tempdir().unwrap();
    let mut lab = Lab::start(&stage(dir.path())).unwrap();
    let config = ocitop::demo::config_for(&Config::default(), &lab);
    assert_eq!(config.within, lab.places());
    assert_eq!(config.within[0], lab.dir());
    let known = KnownBefore {
        within: config.within.clone(),
        ..KnownBefore::default()
    };
    let found = find(&Machine::new(&config.roots), &known);
    let outside = found.list.iter().flat_map(|one| &one.paths);
    let outside = outside.filter(|path| !config.within.iter().any(|own| path.starts_with(own)));
    assert_eq!(outside.count(), 0, "{:#?}", found.list);
    let left = found
        .list
        .iter()
        .find(|one| one.key.name() == "left-behind");
    let arguments = &left.unwrap().arguments;
    let is_told =
        |argument: &Argument| matches!(argument, Argument::BundleGone | Argument::OutOfSight(_));
    assert!(arguments.iter().any(is_told), "{arguments:?}");
    assert!(!arguments.contains(&Argument::Young), "{arguments:?}");
    lab.stop().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_place_that_is_not_the_labs_is_a_usage_error() {
    let host = tempfile::tempdir().unwrap();
    for (flag, value) in [
        ("--root", "/run/runc"),
        ("--cgroup-root", "/sys/fs/cgroup"),
        ("--resctrl-root", "/sys/fs/resctrl"),
        ("--proc-root", "/nowhere"),
        ("--host", host.path().to_str().unwrap()),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_ocitop"))
            .stdin(std::process::Stdio::null())
            .env("XDG_STATE_HOME", "/nowhere")
            .args(["demo", "--hold", flag, value])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag}: {said}");
        let expected = format!("ocitop: demo looks at its own lab alone; not with {flag}\n");
        assert_eq!(said, expected);
        assert!(output.stdout.is_empty());
    }
}
