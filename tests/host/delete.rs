//! Deleting what its own runtime can delete too.

use serde_json::{Value, json};

use crate::rig::{Ended, Rig, Spec, until};

/// The events of `delete --format json`.
fn events(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Deletes by force; fails unless it says that all is gone and all is gone.
#[track_caller]
pub(crate) fn assert_deleted(rig: &Rig, id: &str) -> Ended {
    let ended = rig.ocitop(&["delete", "--force", id]).ok();
    rig.assert_gone(id);
    assert_eq!(
        rig.processes(),
        Vec::<i32>::new(),
        "processes left: {ended:#?}"
    );
    ended
}

/// A picture of all that a refused delete must not touch.
fn picture(rig: &Rig, id: &str) -> impl PartialEq + std::fmt::Debug + use<> {
    let state = std::fs::read(rig.state_file(id)).unwrap();
    (state, rig.processes(), rig.cgroups(id), rig.status(id))
}

with_each_runtime! {
    fn a_running_container_is_deleted_by_force(rig: &Rig) {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        let ended = assert_deleted(rig, "web");
        // Each step with what was seen and how long it took.
        for word in ["kill", "cgroups", "state"] {
            let line = ended.stdout.lines().find(|line| line.contains(word));
            let line = line.unwrap_or_else(|| panic!("{word}: {ended:#?}"));
            assert!(line.contains(" s") || line.contains("ms"), "{line}");
        }
    }

    fn a_paused_container_is_deleted_by_force(rig: &Rig) {
        rig.paused("web");
        assert_deleted(rig, "web");
    }

    fn a_created_container_is_deleted_by_force(rig: &Rig) {
        rig.create("web");
        assert_deleted(rig, "web");
    }

    fn a_stopped_container_is_deleted_by_force(rig: &Rig) {
        rig.stopped("web");
        assert_deleted(rig, "web");
    }

    fn a_stopped_container_needs_no_force(rig: &Rig) {
        rig.stopped("web");
        rig.ocitop(&["delete", "web"]).ok();
        rig.assert_gone("web");
    }

    fn a_container_that_shares_the_hosts_pids_is_deleted_with_all_its_processes(rig: &Rig) {
        let spec = Spec { private_pids: false, ..Spec::default() };
        rig.run_with("web", &spec);
        until("both processes run", || rig.processes().len() == 2);
        assert_deleted(rig, "web");
    }

    fn without_force_a_running_container_is_refused_and_not_touched(rig: &Rig) {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        let before = picture(rig, "web");
        let ended = rig.ocitop(&["delete", "web"]);
        ended.refused(1, "web");
        assert_eq!(picture(rig, "web"), before);
    }

    fn a_dry_run_says_the_steps_and_touches_nothing(rig: &Rig) {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        let before = picture(rig, "web");
        let ended = rig.ocitop(&["delete", "--force", "--dry-run", "web"]).ok();
        assert!(ended.stdout.contains("SIGKILL"), "{ended:#?}");
        assert!(ended.stdout.contains(rig.state_dir("web").to_str().unwrap()), "{ended:#?}");
        assert_eq!(picture(rig, "web"), before);
    }

    fn an_absent_container_is_an_error_unless_forced(rig: &Rig) {
        rig.ocitop(&["delete", "nobody"]).refused(1, "does not exist");
        let forced = rig.ocitop(&["delete", "--force", "nobody"]).ok();
        assert_eq!(forced.stderr, "");
        rig.ocitop(&["state", "nobody"]).refused(1, "does not exist");
        rig.ocitop(&["kill", "nobody"]).refused(1, "does not exist");
    }

    fn several_are_deleted_in_one_call(rig: &Rig) {
        rig.run("one");
        rig.paused("two");
        rig.stopped("three");
        rig.ocitop(&["delete", "--force", "one", "two", "three"]).ok();
        for id in ["one", "two", "three"] {
            rig.assert_gone(id);
        }
        assert_eq!(rig.processes(), Vec::<i32>::new());
        assert_eq!(rig.listed(), Vec::<String>::new());
    }

    fn events_come_one_a_line_and_end_with_the_verdict(rig: &Rig) {
        rig.run("web");
        let ended = rig.ocitop(&["delete", "--force", "--format", "json", "web"]).ok();
        let events = events(&ended);
        let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.first(), Some(&"planned"));
        let last = events.last().unwrap();
        assert_eq!((&last["kind"], &last["id"]), (&"finished".into(), &"web".into()));
        assert!(last["verdict"].to_string().contains("clean"), "{last:#}");
        let count = |word: &str| kinds.iter().filter(|kind| **kind == word).count();
        assert_eq!(count("started"), count("ended"));
        assert_eq!(count("finished"), 1);
        for event in events.iter().filter(|event| event["kind"] == "ended") {
            assert!(event["took"].is_number(), "{event:#}");
        }
        rig.assert_gone("web");
    }

    fn a_container_that_keeps_forking_is_deleted(rig: &Rig) {
        let spec = Spec {
            script: "while :; do sleep 0.02 & sleep 0.01; done".to_owned(),
            resources: json!({"pids": {"limit": 64}}),
            private_pids: false,
            ..Spec::default()
        };
        rig.run_with("web", &spec);
        until("it forks", || rig.processes().len() > 2);
        assert_deleted(rig, "web");
    }

    fn a_crowd_of_processes_is_deleted(rig: &Rig) {
        let script = "for i in $(seq 100); do sleep 3000 & done; wait";
        let spec = Spec { script: script.to_owned(), private_pids: false, ..Spec::default() };
        rig.run_with("web", &spec);
        until("all run", || rig.processes().len() == 101);
        assert_deleted(rig, "web");
    }

    fn several_deletes_at_once_do_not_disturb_each_other(rig: &Rig) {
        let ids = ["one", "two", "three"];
        for id in ids {
            rig.run(id);
        }
        rig.run("stays");
        std::thread::scope(|scope| {
            for id in ids {
                scope.spawn(move || rig.ocitop(&["delete", "--force", id]).ok());
            }
        });
        for id in ids {
            rig.assert_gone(id);
        }
        assert_eq!(rig.status("stays"), "running");
    }

    fn two_deletes_of_one_container_leave_nothing_and_harm_nothing(rig: &Rig) {
        rig.run("web");
        rig.run("stays");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                // The slower one may find it gone half-way: then it says so.
                scope.spawn(|| rig.ocitop(&["delete", "--force", "web"]));
            }
        });
        rig.ocitop(&["delete", "--force", "web"]).ok();
        rig.assert_gone("web");
        assert_eq!(rig.status("stays"), "running");
    }
}
