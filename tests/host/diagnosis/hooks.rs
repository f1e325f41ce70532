//! Hooks that cannot be run, and one that does not end.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::beside::{Own, with};
use super::diagnose;
use crate::rig::{Spec, kill, skip, until};
use crate::torture::fuse::Fuse;

#[test]
fn a_hook_cannot_be_run() {
    with("broken hooks", |rig| {
        let id = rig.id();
        let plain = rig.scratch("plain");
        fs::write(&plain, "#!/bin/sh\n").unwrap();
        let hooks = json!({"poststop": [{"path": "/nonexistent/hook"}, {"path": plain}]});
        rig.run_with(
            &id,
            &Spec {
                hooks,
                ..Spec::default()
            },
        );
        let said = diagnose(rig, &id);
        let broken = said.all("hook-broken");
        assert_eq!(broken[0]["hook"], "/nonexistent/hook");
        assert_eq!(broken[0]["why"], "does not exist");
        assert_eq!(broken[1]["hook"].as_str(), plain.to_str());
        assert_eq!(broken[1]["why"], "is not executable");
    });
}

#[test]
fn a_hook_lies_where_nobody_answers() {
    with("hooks on a dead file system", |rig| {
        let Some(fuse) = Fuse::mount(rig.scratch("dead")) else {
            return skip("hooks on a dead file system", "no FUSE");
        };
        let id = rig.id();
        let there = fuse.dir().join("hook");
        let link = rig.scratch("link");
        std::os::unix::fs::symlink(&there, &link).unwrap();
        let hooks = json!({"poststop": [{"path": there}, {"path": link}]});
        rig.run_with(
            &id,
            &Spec {
                hooks,
                ..Spec::default()
            },
        );
        fuse.mute();
        let said = diagnose(rig, &id);
        assert_eq!(said.all("hook-broken"), Vec::<&Value>::new());
        let checks = said.json["checks"].as_array().unwrap();
        let hooks = checks.iter().find(|check| check["check"] == "hooks");
        let hooks = hooks.unwrap_or_else(|| panic!("{}", said.ended.stdout));
        assert_eq!(hooks["verdict"], "not-looked-at", "{hooks}");
        let proof = hooks["proof"].to_string();
        let dead = fuse.dir().display();
        for path in [&there, &link] {
            let seen = format!("{} not looked at: on {dead} (fuse)", path.display());
            assert!(proof.contains(&seen), "{seen:?} in {proof}");
        }
    });
}

#[test]
fn a_hook_does_not_end() {
    with("a hook that runs", |rig| {
        let id = rig.id();
        let hooks = json!({"poststop": [{"path": "/bin/sleep", "args": ["sleep", "3000"]}]});
        rig.run_with(
            &id,
            &Spec {
                hooks,
                ..Spec::default()
            },
        );
        let mut delete = rig.ocitop_command(&["delete", "--force", &id]);
        delete
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut delete = Own(delete.spawn().unwrap());
        let children = format!("/proc/{0}/task", delete.0.id());
        let hook = || {
            let threads = fs::read_dir(&children).into_iter().flatten().flatten();
            let pids = threads.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
            pids.flat_map(|text| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .filter_map(|pid| pid.parse::<i32>().ok())
            .find(|pid| {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c == "sleep\n")
            })
        };
        until("the hook runs", || hook().is_some());
        let pid = hook().unwrap();
        let said = diagnose(rig, &id);
        let finding = said.verdict("hook-runs");
        assert_eq!(
            (&finding["pid"], &finding["hook"]),
            (&pid.into(), &"/bin/sleep".into())
        );
        kill(pid);
        assert!(delete.0.wait().unwrap().code().is_some());
    });
}
