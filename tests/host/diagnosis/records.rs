//! Records that say little, and containers that a runtime's command or ocitop itself is about.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::beside::{Own, with};
use super::diagnose;
use crate::rig::{Spec, kill, until};

#[test]
fn a_create_was_broken_off() {
    with("creating", |rig| {
        // As youki leaves it before there is a process.
        let dir = rig.root().join("early");
        fs::create_dir_all(&dir).unwrap();
        let state = json!({"ociVersion": "1.0.2", "id": "early", "status": "creating",
            "pid": null, "bundle": "/nonexistent", "annotations": {}, "created": null,
            "creator": 0, "useSystemd": false});
        fs::write(dir.join("state.json"), state.to_string()).unwrap();
        let said = diagnose(rig, "early");
        said.one("creating");
    });
}

#[test]
fn a_state_file_is_none() {
    with("a directory for a state file", |rig| {
        let id = rig.id();
        rig.run(&id);
        let file = rig.state_file(&id);
        let kept = file.with_extension("kept");
        fs::rename(&file, &kept).unwrap();
        fs::create_dir(&file).unwrap();
        let said = diagnose(rig, &id);
        let problem = said.verdict("unreadable")["problem"].as_str().unwrap();
        assert!(problem.contains("directory"), "{problem}");
        fs::remove_dir(&file).unwrap();
        fs::rename(&kept, &file).unwrap();
    });
}

#[test]
fn ocitop_is_in_it() {
    with("ocitop inside", |rig| {
        let id = rig.id();
        rig.run(&id);
        let ocitop = rig.ocitop_command(&["diagnose", "-f", "json", &id]);
        let mut inside = Command::new("sh");
        inside
            .args(["-c", "echo $$ > $0/cgroup.procs && exec \"$@\""])
            .arg(rig.cgroup(&id, "pids"))
            .arg(ocitop.get_program())
            .args(ocitop.get_args());
        let output = inside.output().unwrap();
        assert!(output.status.success(), "{output:#?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = said["findings"].as_array().unwrap();
        let forbidden = findings.iter().find(|one| one["cause"] == "forbidden");
        let why = forbidden.unwrap_or_else(|| panic!("{said:#}"))["why"].to_string();
        assert!(why.contains("ocitop"), "{why}");
    });
}

#[test]
fn its_runtime_waits_for_its_end() {
    with("an attached run", |rig| {
        let id = rig.id();
        let bundle = rig.bundle(&id, &Spec::default());
        let line = rig.runtime_line(&["run", "-b", bundle.to_str().unwrap(), &id]);
        let mut run = Command::new(&line[0]);
        run.args(&line[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut run = Own(run.spawn().unwrap());
        until("it is known", || rig.runtime(&["state", &id]).code == 0);
        until("it runs", || rig.status(&id) == "running");
        let said = diagnose(rig, &id);
        let finding = said.one("runtime-works");
        assert_eq!(finding["pid"], run.0.id());
        assert_eq!(finding["verb"], "run");
        kill(rig.pid(&id));
        assert!(run.0.wait().unwrap().code().is_some());
    });
}
