//! Moved out of its cgroups by others, or its cgroups removed under it: it runs, and nothing limits it
//! or counts what it uses.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ails::{check, looks};
use super::beside::{shared, with};
use super::diagnose;
use crate::rig::{Rig, has_v1, not_here, until};

/// What three passes say of the one container there is.
fn usage(rig: &Rig) -> Value {
    let ended = rig.ocitop(&[
        "top",
        "--batch",
        "-n",
        "3",
        "--interval",
        "500ms",
        "-f",
        "json",
    ]);
    let last = ended.ok().stdout.lines().last().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    last["containers"][0]["usage"].clone()
}

/// A cgroup beside the container's, with all of it moved there.
fn move_out(rig: &Rig, controller: &str) -> PathBuf {
    let dir = rig.cgroup("", controller).join("elsewhere");
    fs::create_dir_all(&dir).unwrap();
    let own = rig.cgroup(&rig.id(), controller);
    open_cpuset(&own, &dir);
    for pid in crate::rig::pids_of(&own) {
        fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap();
    }
    dir
}

/// A v1 cpuset takes nobody before it has CPUs and memory nodes.
fn open_cpuset(like: &Path, dir: &Path) {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if let Some(value) = fs::read_to_string(like.join(file))
            .ok()
            .filter(|_| has_v1())
        {
            fs::write(dir.join(file), value).unwrap();
        }
    }
}

#[test]
fn out_of_some_controllers_it_is_not_counted_there() {
    with("moved out in some controllers", |rig| {
        if !has_v1() {
            return not_here("moved out in some controllers", "v2 has one hierarchy");
        }
        let id = rig.id();
        rig.run_with(&id, &shared("while :; do :; done"));
        for controller in ["cpu", "cpuacct", "memory"] {
            move_out(rig, controller);
        }
        let said = diagnose(rig, &id);
        let finding = said.one("partly-outside");
        assert_eq!(finding["pids"][0], rig.pid(&id));
        let words = finding["text"].as_str().unwrap();
        assert!(words.contains("memory"), "{words}");
        assert!(words.contains("/elsewhere"), "{words}");
        looks(&said, "outside", "not limited and not counted there");
        for name in ["memory", "cpu"] {
            let check = check(&said, name);
            assert_eq!(check["verdict"], "not-looked-at", "{check}");
        }
        let usage = usage(rig);
        assert_eq!(
            (&usage["cpu"], &usage["memory"]),
            (&Value::Null, &Value::Null),
            "{usage}"
        );
        assert_eq!(usage["pids"], 1, "it is counted where it still is");
        let listed = rig
            .ocitop(&["--root", "/nonexistent", "list", "-f", "json"])
            .ok()
            .json();
        let listed = &listed[0]["usage"];
        assert_eq!(listed["memory"], Value::Null, "{listed}");
    });
}

#[test]
fn out_of_all_its_cgroups_it_is_not_counted_at_all() {
    with("moved out of all", |rig| {
        let id = rig.id();
        rig.run_with(&id, &shared("while :; do :; done"));
        if has_v1() {
            for dir in rig.cgroups(&id) {
                let controller = dir.strip_prefix("/sys/fs/cgroup").unwrap();
                let controller = controller.components().next().unwrap();
                move_out(rig, controller.as_os_str().to_str().unwrap());
            }
        } else {
            move_out(rig, "");
        }
        let said = diagnose(rig, &id);
        looks(&said, "outside", "not limited");
        let usage = usage(rig);
        for field in ["cpu", "memory", "pids"] {
            assert_eq!(usage[field], Value::Null, "{field} in {usage}");
        }
    });
}

#[test]
fn its_cgroups_are_gone_and_its_processes_live_elsewhere() {
    with("cgroups that are gone", |rig| {
        let id = rig.id();
        rig.run_with(&id, &shared("sleep 3000 & sleep 3001 & wait"));
        let all = rig.cgroups(&id);
        let pids = rig.members(&id);
        for dir in &all {
            let above = dir.parent().unwrap().join("elsewhere");
            fs::create_dir_all(&above).unwrap();
            open_cpuset(dir, &above);
            for pid in &pids {
                fs::write(above.join("cgroup.procs"), pid.to_string()).unwrap();
            }
            until("it can be removed", || fs::remove_dir(dir).is_ok());
        }
        let said = diagnose(rig, &id);
        let finding = said.one("gone");
        assert_eq!(finding["count"], all.len());
        looks(&said, "cgroups", "gone");
        for name in ["tasks", "pids", "memory", "cpu"] {
            let check = check(&said, name);
            assert_eq!(check["verdict"], "not-looked-at", "{check}");
        }
    });
}
