//! What ocitop shows is what the runtimes themselves say.

use serde_json::Value;

use crate::rig::{Rig, until};

/// The entry of `id` in `ocitop list`.
fn entry(rig: &Rig, id: &str) -> Value {
    let list = rig.ocitop(&["list", "-f", "json"]).ok().json();
    let mut entries = list.as_array().unwrap().iter();
    entries.find(|entry| entry["id"] == id).unwrap().clone()
}

/// Fails unless ocitop's list and state of `id` agree with the runtime's own state.
#[track_caller]
fn assert_agreed(rig: &Rig, id: &str) {
    let own = rig.state(id);
    let listed = entry(rig, id);
    let stated = rig.ocitop(&["state", id]).ok().json();
    for said in [&listed, &stated] {
        assert_eq!(said["id"], id);
        assert_eq!(said["status"], own["status"], "{said:#} against {own:#}");
        assert_eq!(said["bundle"], own["bundle"], "{said:#} against {own:#}");
        // Stopped, youki goes on naming the old pid, and runc and crun say 0.
        if own["status"] != "stopped" {
            assert_eq!(said["pid"], own["pid"], "{said:#} against {own:#}");
        }
    }
    assert_eq!(listed["runtime"], rig.kind.as_str());
    assert_eq!(listed["root"], rig.root().to_str().unwrap());
    assert_eq!(listed["problem"], Value::Null, "{listed:#}");
}

with_each_runtime! {
    fn list_and_state_agree_with_the_runtimes_own(rig: &Rig) {
        rig.run("one");
        rig.create("two");
        rig.stopped("three");
        let text = rig.ocitop(&["list", "-q"]).ok().stdout;
        let mut ids: Vec<_> = text.lines().collect();
        ids.sort_unstable();
        assert_eq!(ids, rig.listed());
        for id in ["one", "two", "three"] {
            assert_agreed(rig, id);
        }
        let table = rig.ocitop(&["list"]).ok().stdout;
        let line = table.lines().find(|line| line.contains("one")).unwrap();
        assert!(line.contains("running"), "{table}");
        assert!(line.contains(&rig.pid("one").to_string()), "{table}");
    }

    fn a_pause_from_outside_is_seen(rig: &Rig) {
        rig.run("web");
        assert_eq!(entry(rig, "web")["status"], "running");
        rig.runtime(&["pause", "web"]).ok();
        assert_agreed(rig, "web");
        assert_eq!(entry(rig, "web")["status"], "paused");
        rig.runtime(&["resume", "web"]).ok();
        assert_agreed(rig, "web");
        assert_eq!(entry(rig, "web")["status"], "running");
    }

    fn the_processes_are_those_of_the_cgroup(rig: &Rig) {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        let said = rig.ocitop(&["ps", "-f", "json", "web"]).ok().json();
        let mut said: Vec<_> = said.as_array().unwrap().iter().map(|pid| pid.as_i64().unwrap()).collect();
        said.sort_unstable();
        let own: Vec<_> = rig.processes().into_iter().map(i64::from).collect();
        assert_eq!(said, own);
        assert!(own.contains(&i64::from(rig.pid("web"))));
        let table = rig.ocitop(&["ps", "web"]).ok().stdout;
        for pid in own {
            assert!(table.contains(&pid.to_string()), "{table}");
        }
    }

    fn one_broken_entry_hides_no_other(rig: &Rig) {
        rig.run("good");
        rig.run("torn");
        let whole = std::fs::read(rig.state_file("torn")).unwrap();
        std::fs::write(rig.state_file("torn"), &whole[..whole.len() / 2]).unwrap();
        assert_agreed(rig, "good");
        let broken = entry(rig, "torn");
        assert!(broken["problem"].is_string(), "{broken:#}");
        std::fs::write(rig.state_file("torn"), &whole).unwrap();
        assert_agreed(rig, "torn");
    }
}
