//! The lab on this machine: real processes in real cgroups, seen by `list`, and gone afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use ocitop::cgroup::freezer::Freezer;
use ocitop::demo::Manifest;
use serde_json::Value;

use crate::rig::{ocitop, skip, until};

/// `ocitop demo --hold`, running.
struct Held {
    process: Child,
    stdin: Option<ChildStdin>,
    root: PathBuf,
}

impl Held {
    /// A lab with cgroups; where there can be none, the test `name` is skipped.
    fn start(name: &str) -> Option<Self> {
        let lab = Self::launch();
        let manifest = lab.manifest();
        if rustix::process::geteuid().is_root() && !manifest.cgroups.is_empty() {
            return Some(lab);
        }
        skip(name, "the lab has no cgroups here");
        None
    }

    fn launch() -> Self {
        let mut process = Command::new(ocitop())
            .args(["demo", "--hold"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take();
        let mut line = String::new();
        let stdout = process.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let root = PathBuf::from(line.trim());
        assert!(root.is_dir(), "{line:?}");
        Self {
            process,
            stdin,
            root,
        }
    }

    /// The name of its directory and of its cgroups.
    fn name(&self) -> String {
        let dir = self.root.parent().unwrap();
        dir.file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn manifest(&self) -> Manifest {
        let manifest = fs::read(self.root.parent().unwrap().join("lab.json")).unwrap();
        serde_json::from_slice(&manifest).unwrap()
    }

    fn wait_for_end(&mut self) {
        until("the lab ends", || {
            self.process.try_wait().unwrap().is_some()
        });
    }

    fn rows(&self) -> BTreeMap<String, Value> {
        let list = Command::new(ocitop())
            .arg("--root")
            .arg(&self.root)
            .args(["list", "-f", "json"])
            .output()
            .unwrap();
        // An empty list is `null`, as runc's.
        let rows: Option<Vec<Value>> = serde_json::from_slice(&list.stdout).unwrap();
        let rows = rows.unwrap_or_default();
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        rows.into_iter().map(|row| (id(&row), row)).collect()
    }

    fn run(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(ocitop());
        command.arg("--root").arg(&self.root).args(args);
        command.output().unwrap()
    }

    fn status(&self, id: &str) -> Option<String> {
        let rows = self.rows();
        Some(rows.get(id)?["status"].as_str()?.to_owned())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its stdin is what ends a lab, and removes it when a test fails.
        drop(self.stdin.take());
        drop(self.process.wait());
    }
}

/// Everything of the lab `name` that is left: cgroups, directories, processes.
fn left(name: &str, processes: &[(i32, u64)]) -> Vec<String> {
    let mut left = Vec::new();
    let mounts = fs::read("/proc/self/mountinfo").unwrap();
    for hierarchy in ocitop::cgroup::Hierarchies::from_mountinfo(&mounts).iter() {
        let dir = hierarchy.mount.join(name);
        if dir.exists() {
            left.push(dir.display().to_string());
        }
    }
    for base in ["/run", "/tmp", "/var/tmp"] {
        let dir = Path::new(base).join(name);
        if dir.exists() {
            left.push(dir.display().to_string());
        }
    }
    for (pid, start_time) in processes {
        if let Ok(stat) = fs::read(format!("/proc/{pid}/stat"))
            && let Some(stat) = ocitop::process::ProcStat::parse(&stat)
            && stat.start_time == *start_time
            && !stat.is_dead()
        {
            left.push(format!("process {pid}"));
        }
    }
    left
}

/// The processes that the lab's manifest names.
fn processes(lab: &Held) -> Vec<(i32, u64)> {
    let manifest = lab.manifest();
    let all = manifest.processes.iter();
    all.map(|process| (process.pid, process.start_time))
        .collect()
}

#[test]
fn the_lab_shows_every_state_that_a_container_can_be_in() {
    let Some(lab) = Held::start("the_lab_shows_every_state_that_a_container_can_be_in") else {
        return;
    };
    let rows = lab.rows();
    for (id, status) in [
        ("cpu-burner", "running"),
        ("memory-tide", "running"),
        ("disk-writer", "running"),
        ("worker-pool", "running"),
        ("paused", "paused"),
        ("created-youki", "created"),
        ("created-runc", "created"),
        ("created-crun", "created"),
        ("stopped", "stopped"),
        ("frozen-nested", "paused"),
        ("failing-hook", "running"),
        ("recycled-pid", "stopped"),
        ("podman-web", "running"),
    ] {
        assert_eq!(rows[id]["status"], status, "{id}");
    }
    let broken = rows.keys().find(|id| id.starts_with("corrupt-state-"));
    assert!(rows[broken.unwrap()]["problem"].is_string());
}

#[test]
fn the_lab_has_two_leftovers_and_no_others_are_seen() {
    let name = "the_lab_has_two_leftovers_and_no_others_are_seen";
    let Some(lab) = Held::start(name) else {
        return;
    };
    let mut words = vec!["leftovers", "-f", "json", "--all"];
    let places: Vec<String> = lab
        .manifest()
        .cgroups
        .iter()
        .chain([&lab.root])
        .map(|place| place.display().to_string())
        .collect();
    for place in &places {
        words.extend(["--within", place]);
    }
    let list: Value = serde_json::from_slice(&lab.run(&words).stdout).unwrap();
    let of = |name: &str| {
        let mut list = list.as_array().unwrap().iter();
        let hit = list.find(|one| one["path"].as_str().unwrap().contains(name));
        hit.unwrap_or_else(|| panic!("{name} in {list:#?}")).clone()
    };
    // Whose mounts these are cannot be told everywhere; then a bundle may be there all the same.
    let machine = ocitop::inventory::Machine::new(&ocitop::config::Roots::default());
    let sure = machine.sight.mounts().map_or("certain", |_| "unknown");
    assert_eq!(of("left-behind")["confidence"], sure);
    let podman = of("libpod-");
    assert_eq!(
        (&podman["owner"], &podman["confidence"]),
        (&"podman".into(), &"likely".into())
    );
    assert_eq!(
        podman["paths"].as_array().unwrap().len(),
        lab.manifest().cgroups.len()
    );
    let path = podman["path"].as_str().unwrap();
    let cleaned = lab.run(&["leftovers", "clean", "--yes", path]);
    assert!(cleaned.status.success(), "{cleaned:?}");
}

#[test]
fn quitting_leaves_nothing() {
    let Some(mut lab) = Held::start("quitting_leaves_nothing") else {
        return;
    };
    let (name, processes) = (lab.name(), processes(&lab));
    assert!(left(&name, &processes).len() > processes.len());
    drop(lab.stdin.take());
    lab.wait_for_end();
    assert_eq!(left(&name, &processes), Vec::<String>::new());
}

#[test]
fn sigterm_leaves_nothing() {
    let Some(mut lab) = Held::start("sigterm_leaves_nothing") else {
        return;
    };
    let (name, processes) = (lab.name(), processes(&lab));
    let pid = nix::unistd::Pid::from_raw(lab.process.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    lab.wait_for_end();
    assert_eq!(left(&name, &processes), Vec::<String>::new());
}

#[test]
fn the_next_start_removes_what_a_killed_lab_left() {
    let Some(mut killed) = Held::start("the_next_start_removes_what_a_killed_lab_left") else {
        return;
    };
    let (name, processes) = (killed.name(), processes(&killed));
    killed.process.kill().unwrap();
    killed.process.wait().unwrap();
    let Some(beside) = Held::start("the_next_start_removes_what_a_killed_lab_left") else {
        return;
    };
    // Another test's lab may be busy with the same remains.
    until("nothing is left", || left(&name, &processes).is_empty());
    assert_eq!(beside.status("paused").as_deref(), Some("paused"));
}

#[test]
fn two_labs_live_side_by_side() {
    let Some(one) = Held::start("two_labs_live_side_by_side") else {
        return;
    };
    let Some(two) = Held::start("two_labs_live_side_by_side") else {
        return;
    };
    assert_ne!(one.root, two.root);
    drop(two);
    assert_eq!(one.status("cpu-burner").as_deref(), Some("running"));
    assert_eq!(one.status("frozen-nested").as_deref(), Some("paused"));
}

#[test]
fn a_created_container_of_each_runtime_starts() {
    let Some(lab) = Held::start("a_created_container_of_each_runtime_starts") else {
        return;
    };
    for id in ["created-youki", "created-runc", "created-crun"] {
        let start = lab.run(&["start", id]);
        assert!(start.status.success(), "{id}: {start:?}");
        until(id, || lab.status(id).as_deref() == Some("running"));
    }
}

#[test]
fn a_paused_container_resumes_and_pauses_again() {
    let Some(lab) = Held::start("a_paused_container_resumes_and_pauses_again") else {
        return;
    };
    for (verb, status) in [("resume", "running"), ("pause", "paused")] {
        let done = lab.run(&[verb, "paused"]);
        assert!(done.status.success(), "{verb}: {done:?}");
        assert_eq!(lab.status("paused").as_deref(), Some(status));
    }
}

#[test]
fn every_container_of_the_lab_can_be_deleted_and_the_stranger_survives() {
    let Some(lab) =
        Held::start("every_container_of_the_lab_can_be_deleted_and_the_stranger_survives")
    else {
        return;
    };
    let state = fs::read(lab.root.join("recycled-pid/state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let stranger = format!("/proc/{}", state["pid"]);
    for id in lab.rows().keys() {
        let deleted = lab.run(&["delete", "--force", id]);
        assert!(deleted.status.success(), "{id}: {deleted:?}");
        assert_eq!(lab.status(id), None, "{id}");
    }
    assert!(Path::new(&stranger).exists());
    let mounts = fs::read("/proc/self/mountinfo").unwrap();
    for hierarchy in ocitop::cgroup::Hierarchies::from_mountinfo(&mounts).iter() {
        let dir = hierarchy.mount.join(lab.name());
        let below = fs::read_dir(&dir).into_iter().flatten().flatten();
        let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        // What no container has is the Leftovers view's to clean.
        let below =
            below.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"libpod-"));
        assert_eq!(below.count(), 0, "{}", dir.display());
    }
}

#[test]
fn the_inner_cgroup_of_the_frozen_container_is_frozen_by_itself() {
    let Some(lab) = Held::start("the_inner_cgroup_of_the_frozen_container_is_frozen_by_itself")
    else {
        return;
    };
    let mounts = fs::read("/proc/self/mountinfo").unwrap();
    let hierarchies = ocitop::cgroup::Hierarchies::from_mountinfo(&mounts);
    let freezer = hierarchies.controller("freezer").or(hierarchies.v2());
    let freezer = freezer.unwrap();
    let container = lab.manifest().cgroups.into_iter();
    let mut container = container.filter(|dir| dir.starts_with(&freezer.mount));
    let container = container.next().unwrap().join("frozen-nested");
    for dir in [container.clone(), container.join("inner")] {
        let state = ocitop::inventory::cgroups::freezer_at(&dir, freezer.version);
        assert_eq!(state, Some(Freezer::Frozen), "{}", dir.display());
    }
}
