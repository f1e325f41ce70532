//! A scope that systemd keeps as failed after its container is gone: no cgroup tells of it, and the
//! next container of that name cannot start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use super::{Lived, id64};
use crate::rig::{Ended, Rig, by_systemd, skip, until};
use crate::systemd::{active_state, is_known};

/// A shell in a scope of this name, with a limit.
fn scope(unit: &str, script: &str) -> Child {
    let mut command = Command::new("systemd-run");
    command.args(["--quiet", "--scope", "--unit", unit]);
    command.args(["-p", "MemoryMax=8M", "-p", "TimeoutStopSec=1"]);
    command.args(["sh", "-c", script]).stdin(Stdio::null());
    command.stderr(Stdio::null()).spawn().unwrap()
}

/// Where systemd keeps the unit while it is loaded.
fn unit_file(unit: &str) -> PathBuf {
    Path::new("/run/systemd/transient").join(unit)
}

/// What is found at these units, and nowhere else.
fn leftovers(rig: &Rig, words: &[&str], units: &[&str]) -> Ended {
    let mut command = rig.ocitop_command(&["leftovers"]);
    command.args(words);
    for unit in units {
        command.arg("--within").arg(unit_file(unit));
    }
    rig.finish(command)
}

fn listed(rig: &Rig, units: &[&str]) -> Vec<Value> {
    let list = leftovers(rig, &["list", "-f", "json", "--all"], units).json();
    list.as_array().unwrap().clone()
}

/// Forgotten by systemd also when the test fails.
struct Scopes(Vec<String>);

impl Drop for Scopes {
    fn drop(&mut self) {
        for verb in ["stop", "reset-failed"] {
            let mut command = Command::new("systemctl");
            command.arg(verb).args(&self.0).stderr(Stdio::null());
            drop(command.status());
        }
    }
}

/// Fails unless these two are all that is found, and in these words.
fn assert_found(rig: &Rig, all: &[&str], failed: [&str; 2]) {
    let found = listed(rig, all);
    let mut paths: Vec<&str> = found
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    let files = failed.map(unit_file);
    assert_eq!(paths, files.each_ref().map(|file| file.to_str().unwrap()));
    for one in &found {
        assert_eq!(
            (&one["kind"], &one["confidence"], &one["reason"]),
            (
                &"unit".into(),
                &"likely".into(),
                &"systemd kept the failed unit".into()
            ),
            "{one}"
        );
    }
    assert_eq!(found[0]["owner"], "docker");
    let table = leftovers(rig, &["list"], all);
    assert!(table.stdout.contains(failed[0]), "{table:#?}");
}

#[test]
fn a_scope_that_the_oom_killer_ended_is_found_and_forgotten() {
    let name = "a_scope_that_the_oom_killer_ended_is_found_and_forgotten";
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip(name, &reason),
    };
    if !by_systemd() {
        return skip(name, "needs the systemd driver");
    }
    let scopes = [
        format!("docker-{}.scope", id64(&rig, 0, 0)),
        format!("runc-{}.scope", id64(&rig, 0, 1)),
        format!("libpod-{}.scope", id64(&rig, 0, 2)),
        format!("backup-{}.scope", rig.id()),
    ];
    let scopes = Scopes(scopes.into());
    let [docker, runc, alive, other] = [0, 1, 2, 3].map(|index| scopes.0[index].as_str());
    let all = [docker, runc, alive, other];
    // Two that a container could have had, one that lives, one that no container is named as.
    let eats = "sleep 3000 & x=0123456789; while :; do x=$x$x; done";
    let _lived = Lived(vec![
        scope(docker, eats),
        scope(runc, eats),
        scope(alive, "exec sleep 3000"),
        scope(other, eats),
    ]);
    for unit in [docker, runc, other] {
        until("the scope has failed", || active_state(unit) == "failed");
    }
    until("the scope is active", || active_state(alive) == "active");

    // What has failed just now may yet be somebody's.
    let young = listed(&rig, &all);
    assert!(young.iter().all(|one| one["confidence"] == "unknown"));
    for unit in [docker, runc, other] {
        let then = SystemTime::now() - Duration::from_hours(3);
        let file = fs::File::open(unit_file(unit)).unwrap();
        file.set_modified(then).unwrap();
    }
    assert_found(&rig, &all, [docker, runc]);

    // One by its path; the others stay as they are.
    let file = unit_file(docker);
    let clean = ["clean", "--yes", file.to_str().unwrap()];
    let cleaned = leftovers(&rig, &clean, &all).ok();
    assert!(!is_known(docker), "{cleaned:#?}");
    assert_eq!(active_state(runc), "failed");
    assert_eq!(active_state(alive), "active");
    assert_eq!(active_state(other), "failed");
    assert_eq!(listed(&rig, &all).len(), 1);
    // Its name is free again.
    let again = Lived(vec![scope(docker, "exec sleep 3000")]);
    until("the scope is active", || active_state(docker) == "active");
    assert_eq!(listed(&rig, &all).len(), 1);
    drop(again);
}
