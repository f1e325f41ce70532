//! Frozen by a cgroup that is not the container's: another tool moved its processes there.

use std::fs;
use std::path::{Path, PathBuf};

use super::beside::{shared, with};
use super::diagnose;
use crate::rig::{Rig, freeze, has_v1, kill, process_state, thaw, until};

/// The hierarchy that freezes.
fn freezer() -> &'static str {
    if has_v1() { "freezer" } else { "" }
}

/// A cgroup beside the container's, in the hierarchy that freezes. What is in it is the rig's to end.
fn elsewhere(rig: &Rig, name: &str) -> PathBuf {
    let dir = rig.cgroup("", freezer()).join(name);
    fs::create_dir(&dir).unwrap();
    dir
}

fn move_to(dir: &Path, pid: i32) {
    fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap();
}

#[test]
fn by_a_cgroup_of_others_that_cgroup_is_named_and_how_it_is_thawed() {
    with("a foreign freezer", |rig| {
        let id = rig.id();
        rig.run_with(&id, &shared("sleep 3000 & sleep 3001 & wait"));
        let members = rig.members(&id);
        let foreign = elsewhere(rig, "fo'reign \\x2d");
        for pid in &members {
            move_to(&foreign, *pid);
        }
        freeze(&foreign);
        let said = diagnose(rig, &id);
        let finding = said.verdict("frozen");
        assert_eq!(finding["cgroup"].as_str(), foreign.to_str());
        assert_eq!(finding["level"], "elsewhere");
        assert!(
            !said.ended.stdout.contains("uninterruptibly"),
            "{}",
            said.ended.stdout
        );
        // A signal is taken at the thaw on v1, and at once on v2.
        if has_v1() {
            for pid in &members {
                kill(*pid);
            }
            let said = diagnose(rig, &id);
            let killed = said.verdict("frozen")["killed"].as_array().unwrap();
            assert_eq!(killed.len(), members.len(), "{}", said.ended.stdout);
            assert!(
                !said.ended.stdout.contains("reboot"),
                "{}",
                said.ended.stdout
            );
        }
        // The very command that is told thaws it.
        let command = said.command("frozen", "thaw");
        let done = std::process::Command::new("bash")
            .args(["-c", &command])
            .status();
        assert!(done.unwrap().success(), "{command}");
        let runs = |pid: &i32| process_state(*pid) != Some('D');
        until("they are thawed", || members.iter().all(runs));
    });
}

#[test]
fn by_one_above_the_cgroup_that_it_was_moved_to() {
    with("a foreign freezer above", |rig| {
        let id = rig.id();
        rig.run_with(&id, &shared("sleep 3000 & sleep 3001 & wait"));
        let above = elsewhere(rig, "foreign");
        let inside = above.join("inside");
        fs::create_dir(&inside).unwrap();
        move_to(&inside, rig.pid(&id));
        freeze(&above);
        let said = diagnose(rig, &id);
        let finding = said.verdict("frozen");
        assert_eq!(finding["cgroup"].as_str(), above.to_str());
        assert_eq!(finding["level"], "elsewhere");
        thaw(&above);
    });
}

/// v1 freezes threads one by one.
#[test]
fn a_thread_of_it_alone() {
    with("a thread in a foreign freezer", |rig| {
        if !has_v1() {
            return crate::rig::not_here("a thread in a foreign freezer", "v2 moves processes");
        }
        let Some(odd) = crate::torture::odd() else {
            return crate::rig::skip("a thread in a foreign freezer", "no C compiler");
        };
        fs::copy(odd, rig.scratch("rootfs/bin/odd")).unwrap();
        let id = rig.id();
        rig.run_with(&id, &shared("/bin/odd threads & sleep 3000"));
        let threads = |pid: &i32| fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
        let find = || rig.members(&id).into_iter().find(|pid| threads(pid) > 1);
        until("its threads run", || find().is_some());
        let pid = find().unwrap();
        let tids = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let tid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
        let other = tids.filter_map(tid).find(|tid| *tid != pid).unwrap();
        let foreign = elsewhere(rig, "foreign");
        fs::write(foreign.join("tasks"), other.to_string()).unwrap();
        freeze(&foreign);
        let said = diagnose(rig, &id);
        let finding = said.verdict("frozen");
        assert_eq!(finding["cgroup"].as_str(), foreign.to_str());
        assert!(
            !said.ended.stdout.contains("uninterruptibly"),
            "{}",
            said.ended.stdout
        );
        thaw(&foreign);
    });
}

#[test]
fn by_one_that_cannot_be_seen_from_where_ocitop_is() {
    with("a freezer out of sight", |rig| {
        if !has_v1() {
            return crate::rig::not_here("a freezer out of sight", "v2 has one mount for all");
        }
        let id = rig.id();
        rig.run(&id);
        let all = rig.cgroup("", "freezer");
        freeze(&all);
        // There the hierarchy begins with what is below the frozen one.
        let script = format!(
            "mount --bind {} /sys/fs/cgroup/freezer; exec \"$@\"",
            all.display()
        );
        let words = ["unshare", "-m", "sh", "-c", &script, "sh"];
        super::beside::through(rig, &id, &words, "frozen-unseen");
        thaw(&all);
    });
}
