//! Containers that their own runtime cannot delete, or deletes and leaves processes behind.

use std::fs;
use std::time::Duration;

use ocitop::oci::RuntimeKind;
use serde_json::json;

use crate::delete::assert_deleted;
use crate::rig::{
    Rig, Spec, Stranger, by_systemd, freeze, has_v1, is_frozen, pids_of, thaw, until, with,
};

/// A poststop hook that fails, and after it one that keeps what it read.
fn failing_then_telling(rig: &Rig) -> Spec {
    let told = rig.scratch("told");
    let script = format!("cat > {}", told.display());
    Spec {
        hooks: json!({"poststop": [
            {"path": "/bin/sh", "args": ["sh", "-c", "echo no luck >&2; exit 3"]},
            {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]},
        ]}),
        ..Spec::default()
    }
}

/// Makes a cgroup below the container's own in the hierarchy of `controller`.
fn make_sub_cgroup(rig: &Rig, id: &str, controller: &str) -> std::path::PathBuf {
    let sub = rig.cgroup(id, controller).join("in");
    fs::create_dir(&sub).unwrap();
    sub
}

/// A container whose init died and whose pid a stranger now has.
fn recycled(rig: &Rig, id: &str) -> Stranger {
    rig.stopped(id);
    let stranger = Stranger::new();
    let key = match rig.kind {
        RuntimeKind::Runc => "init_process_pid",
        RuntimeKind::Crun | RuntimeKind::Youki => "pid",
    };
    rig.edit_state(id, |state| {
        state[key] = stranger.pid().into();
        if rig.kind == RuntimeKind::Youki {
            state["status"] = "running".into();
        }
    });
    stranger
}

with_each_runtime! {
    fn a_failing_poststop_hook_is_a_warning_and_the_next_one_runs(rig: &Rig) {
        let web = &rig.id();
        rig.run_with(web, &failing_then_telling(rig));
        let ended = assert_deleted(rig, web);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("exit code 3") && said.contains("no luck"), "{said}");
        let told = fs::read(rig.scratch("told")).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(told["id"], web.as_str());
        assert_eq!(told["status"], "stopped");
        assert!(told["bundle"].as_str().unwrap().ends_with(web), "{told:#}");
    }

    fn a_poststop_hook_that_hangs_is_killed_at_its_time_out(rig: &Rig) {
        let web = &rig.id();
        let hooks = json!({"poststop": [
            {"path": "/bin/sleep", "args": ["sleep", "3000"], "timeout": 1},
        ]});
        rig.run_with(web, &Spec { hooks, ..Spec::default() });
        let ended = assert_deleted(rig, web);
        assert!(ended.took >= Duration::from_secs(1), "{ended:#?}");
        assert!(ended.took < Duration::from_secs(8), "{ended:#?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("time-out"), "{said}");
    }

    fn a_cgroup_made_inside_goes_too(rig: &Rig) {
        let web = &rig.id();
        rig.run(web);
        let controller = if has_v1() { "pids" } else { "" };
        let sub = make_sub_cgroup(rig, web, controller);
        fs::create_dir(sub.join("deeper")).unwrap();
        assert_deleted(rig, web);
    }

    fn a_frozen_cgroup_inside_is_thawed_and_goes(rig: &Rig) {
        let web = &rig.id();
        rig.run(web);
        until("both processes run", || rig.processes().len() == 2);
        let sub = make_sub_cgroup(rig, web, "freezer");
        let init = rig.pid(web);
        let child = rig.processes().into_iter().find(|pid| *pid != init).unwrap();
        fs::write(sub.join("cgroup.procs"), child.to_string()).unwrap();
        freeze(&sub);
        assert_eq!(pids_of(&sub), [child]);
        assert_deleted(rig, web);
    }

    fn a_frozen_container_whose_state_is_corrupt_is_deleted(rig: &Rig) {
        let web = &rig.id();
        rig.paused(web);
        fs::write(rig.state_file(web), "{\"id\": \"we").unwrap();
        assert_deleted(rig, web);
    }

    fn a_corrupt_state_file_does_not_hide_the_living(rig: &Rig) {
        let web = &rig.id();
        rig.run(web);
        until("both processes run", || rig.processes().len() == 2);
        fs::write(rig.state_file(web), "not json").unwrap();
        assert_deleted(rig, web);
    }

    fn an_empty_state_file_does_not_hide_the_living(rig: &Rig) {
        let web = &rig.id();
        rig.run(web);
        fs::write(rig.state_file(web), "").unwrap();
        assert_deleted(rig, web);
    }

    fn a_missing_state_file_does_not_hide_the_living(rig: &Rig) {
        let web = &rig.id();
        rig.run(web);
        fs::remove_file(rig.state_file(web)).unwrap();
        assert_deleted(rig, web);
    }

    fn a_process_of_the_host_in_a_cgroup_that_was_found_by_its_name_survives(rig: &Rig) {
        // The other two keep a second file, which names the cgroup.
        if rig.kind != RuntimeKind::Runc || by_systemd() {
            return;
        }
        let web = &rig.id();
        rig.run(web);
        let mut stranger = Stranger::new();
        for dir in rig.cgroups(web) {
            fs::write(dir.join("cgroup.procs"), stranger.pid().to_string()).unwrap();
        }
        rig.kill_init(web);
        until("the stranger is alone", || rig.members(web) == [stranger.pid()]);
        fs::write(rig.state_file(web), "").unwrap();
        rig.ocitop(&["delete", "--force", web]).refused(1, "a process of the host");
        assert!(stranger.is_alive() && rig.state_dir(web).exists());
        drop(stranger);
        assert_deleted(rig, web);
    }

    fn a_stranger_with_a_recycled_pid_survives(rig: &Rig) {
        let web = &rig.id();
        let mut stranger = recycled(rig, web);
        let listed = rig.ocitop(&["list", "-f", "json"]).ok().json();
        assert_eq!(listed[0]["status"], "stopped", "{listed:#}");
        rig.ocitop(&["kill", web, "KILL"]).refused(1, "container not running");
        assert!(stranger.is_alive(), "kill took a stranger");
        assert_deleted(rig, web);
        assert!(stranger.is_alive(), "delete took a stranger");
    }

    fn a_stranger_survives_where_the_cgroups_are_gone_as_well(rig: &Rig) {
        let web = &rig.id();
        let mut stranger = recycled(rig, web);
        until("the cgroups are empty", || rig.processes().is_empty());
        for dir in rig.cgroups(web) {
            fs::remove_dir(dir).unwrap();
        }
        assert_deleted(rig, web);
        assert!(stranger.is_alive(), "delete took a stranger");
    }

    fn what_one_run_could_not_end_the_next_one_finishes(rig: &Rig) {
        let web = &rig.id();
        rig.run(web);
        until("both processes run", || rig.processes().len() == 2);
        // Frozen from above, where ocitop has no business.
        let above = rig.cgroup("", "freezer");
        freeze(&above);
        if has_v1() {
            // There, SIGKILL waits for the thaw.
            let first = rig.ocitop(&["delete", "--force", web]);
            assert_eq!(first.code, 1, "{first:#?}");
            let said = format!("{}{}", first.stdout, first.stderr);
            assert!(said.contains("frozen"), "{said}");
            assert!(rig.state_dir(web).exists(), "the record must stay: {said}");
            assert!(is_frozen(&above), "what lies above is not ours to thaw");
            thaw(&above);
            assert_deleted(rig, web);
        } else {
            assert_deleted(rig, web);
            assert!(is_frozen(&above), "what lies above is not ours to thaw");
        }
    }
}

#[test]
fn youki_without_its_config_file_is_deleted() {
    with(
        RuntimeKind::Youki,
        "youki without youki_config.json",
        |rig| {
            let web = &rig.id();
            rig.run(web);
            fs::remove_file(rig.state_dir(web).join("youki_config.json")).unwrap();
            assert_deleted(rig, web);
        },
    );
}

#[test]
fn youki_stopped_without_its_config_file_leaves_no_cgroup() {
    with(
        RuntimeKind::Youki,
        "stopped youki without youki_config.json",
        |rig| {
            let web = &rig.id();
            rig.stopped(web);
            fs::remove_file(rig.state_dir(web).join("youki_config.json")).unwrap();
            assert_deleted(rig, web);
        },
    );
}

#[test]
fn crun_without_its_config_file_is_deleted() {
    with(RuntimeKind::Crun, "crun without config.json", |rig| {
        let web = &rig.id();
        rig.run(web);
        fs::remove_file(rig.state_dir(web).join("config.json")).unwrap();
        assert_deleted(rig, web);
    });
}
