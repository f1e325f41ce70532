//! A container that is held up says so: in `list`, and on the screen with what failed on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::pty::{Pty, Setup};
use crate::rig::{Ended, Rig, Spec, freeze, has_v1, kill, process_state, skip, thaw, until};
use crate::torture::fuse::Fuse;

/// What `list` says of a container that needs a person.
fn attention(rig: &Rig, id: &str) -> (Value, Ended) {
    let listed = rig.ocitop(&["list", "-f", "json"]).ok();
    let rows = listed.json();
    let row = rows.as_array().unwrap().iter().find(|row| row["id"] == id);
    (row.unwrap()["attention"].clone(), listed)
}

fn state(rig: &Rig, id: &str) -> Value {
    attention(rig, id).0["state"].clone()
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn screen(rig: &Rig) -> Pty {
    Pty::start(Setup::real(rig.root()).sized(120, 40))
}

fn quit(mut pty: Pty) {
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}

/// A container with a file system in `/hang` that never answers.
fn hung(rig: &Rig, id: &str, fuse: &Fuse, script: &str) {
    let mounts = json!([{"destination": "/hang", "type": "bind", "source": fuse.dir(),
        "options": ["rbind", "rw"]}]);
    let spec = Spec {
        mounts,
        script: script.to_owned(),
        ..Spec::default()
    };
    rig.run_with(id, &spec);
}

/// The process of a container that waits for that file system, once it does; then it is killed, and
/// sleeps on where no signal reaches it.
fn kill_the_waiting(rig: &Rig, id: &str) -> i32 {
    let waits = |pid: &i32| {
        let wchan = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        wchan == "request_wait_answer"
    };
    let find = || rig.members(id).into_iter().find(waits);
    until("it waits for an answer", || find().is_some());
    let pid = find().unwrap();
    kill(pid);
    until("it is in D", || process_state(pid) == Some('D'));
    pid
}

/// The container's own freezer, and one beside it.
fn freezers(rig: &Rig, id: &str) -> (PathBuf, PathBuf) {
    let hierarchy = if has_v1() { "freezer" } else { "" };
    let foreign = rig.cgroup("", hierarchy).join("foreign");
    fs::create_dir(&foreign).unwrap();
    (rig.cgroup(id, hierarchy), foreign)
}

fn move_to(dir: &Path, pid: i32) {
    fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap();
}

with_each_runtime! {
    fn an_init_that_a_signal_stopped_is_told_with_its_pid(rig: &Rig) {
        rig.run("web");
        rig.run("other");
        let init = rig.pid("web");
        assert_eq!(state(rig, "web"), Value::Null);
        let mut pty = screen(rig);
        pty.sees("running");
        signal(init, rustix::process::Signal::STOP);
        until("it is stopped", || process_state(init) == Some('T'));
        let (said, _) = attention(rig, "web");
        assert_eq!(said["state"], "stopped-by-signal", "{said}");
        assert_eq!(said["troubles"][0]["task"]["pid"], init);
        assert_eq!(state(rig, "other"), Value::Null);
        pty.sees("STOPPED    web");
        pty.sees(&format!("init {init} ("));
        pty.sees("!: 1 needs attention");
        signal(init, rustix::process::Signal::CONT);
        pty.sees("running    web");
        assert_eq!(state(rig, "web"), Value::Null);
        quit(pty);
    }

    fn a_task_in_a_dead_file_system_is_stuck_and_a_delete_that_fails_stays_on_its_row(rig: &Rig) {
        let name = "a_task_in_a_dead_file_system_is_stuck";
        let Some(mut fuse) = Fuse::mount(rig.scratch("fuse")) else {
            return skip(name, "needs /dev/fuse");
        };
        hung(rig, "web", &fuse, "cat /hang/hang & sleep 3000");
        let mut pty = screen(rig);
        pty.sees("running    web");
        let pid = kill_the_waiting(rig, "web");
        let (said, listed) = attention(rig, "web");
        assert_eq!(said["state"], "stuck", "{said}");
        let trouble = &said["troubles"][0];
        assert_eq!((&trouble["plight"], &trouble["task"]["pid"]), (&"uninterruptible".into(), &pid.into()));
        assert_eq!(trouble["task"]["killed"], true, "{said}");
        let reason = said["reason"].as_str().unwrap();
        assert!(reason.contains("in D for") && reason.contains("SIGKILL pending"), "{reason}");
        // Two looks at least two seconds apart.
        assert!(listed.took >= Duration::from_secs(2), "{listed:#?}");
        pty.sees("STUCK      web");
        pty.sees(&format!("{pid} (cat) in D for"));
        pty.press("D");
        pty.sees("type delete to arm");
        let armed = |pty: &mut Pty| {
            pty.press("delete");
            pty.take(Duration::from_millis(400));
            pty.screen().contents().contains("[delete_]")
        };
        while !armed(&mut pty) {
            pty.press("\x7f\x7f\x7f\x7f\x7f\x7f");
        }
        pty.press("\t\r");
        pty.sees("DEL FAILED web");
        pty.sees("delete --force");
        // It stays, also when the cause is gone, until a delete succeeds.
        fuse.abort();
        until("it is gone", || process_state(pid).is_none());
        pty.press("6");
        pty.sees("delete --force FAILED");
        pty.press("1");
        pty.sees("DEL FAILED web");
        // By now its init is dead, and nothing has to be forced.
        until("it is stopped", || rig.ocitop(&["state", "web"]).json()["status"] == "stopped");
        pty.press("6");
        pty.press("1");
        pty.press("D");
        pty.confirm("y", "delete: done");
        until("nothing is left", || !rig.state_dir("web").exists());
        pty.until("the row is gone", |screen| !screen.contents().contains("DEL FAILED"));
        pty.press("6");
        pty.sees("delete done");
        quit(pty);
        rig.assert_gone("web");
    }

    fn one_that_another_cgroup_freezes_is_frozen_by_that(rig: &Rig) {
        rig.run("web");
        let (own, foreign) = freezers(rig, "web");
        let mut pty = screen(rig);
        pty.sees("running    web");
        let members = rig.members("web");
        for pid in &members {
            move_to(&foreign, *pid);
        }
        freeze(&foreign);
        let (said, _) = attention(rig, "web");
        assert_eq!(said["state"], "frozen", "{said}");
        assert_eq!(said["troubles"][0]["by"], "foreign");
        assert_eq!(said["troubles"][0]["cgroup"].as_str(), foreign.to_str());
        pty.sees("FROZEN     web");
        thaw(&foreign);
        pty.sees("running    web");
        for pid in &members {
            move_to(&own, *pid);
        }
        quit(pty);
    }

    fn one_that_a_cgroup_above_freezes_is_frozen_by_that(rig: &Rig) {
        rig.run("web");
        let hierarchy = if has_v1() { "freezer" } else { "" };
        let above = rig.cgroup("", hierarchy);
        freeze(&above);
        let (said, _) = attention(rig, "web");
        thaw(&above);
        assert_eq!(said["state"], "frozen", "{said}");
        assert_eq!(said["troubles"][0]["by"], "above");
        assert_eq!(said["troubles"][0]["cgroup"].as_str(), above.to_str());
        let table = rig.ocitop(&["list"]).ok();
        assert!(!table.stderr.contains("load container"), "{table:#?}");
        assert_eq!(state(rig, "web"), Value::Null);
    }

    fn processes_that_the_oom_killer_took_are_told_in_the_state(rig: &Rig) {
        let bite = "tail /dev/zero";
        let spec = Spec {
            script: format!("while :; do {bite}; sleep 0.2; done"),
            resources: json!({"memory": {"limit": 16 << 20}}),
            ..Spec::default()
        };
        rig.run_with("web", &spec);
        let kills = || {
            let (said, _) = attention(rig, "web");
            (said["state"] == "oom").then(|| said["troubles"][0]["kills"].as_u64().unwrap())
        };
        until("the OOM killer came twice", || kills().is_some_and(|kills| kills >= 2));
        let mut pty = screen(rig);
        pty.sees("OOM x");
        pty.sees("since ocitop looks");
        pty.press("e");
        pty.sees("put away");
        quit(pty);
    }
}

#[test]
fn an_init_that_nobody_reaps_is_told() {
    let name = "an_init_that_nobody_reaps_is_told";
    crate::rig::with(ocitop::oci::RuntimeKind::Runc, name, |rig| {
        let Some(odd) = crate::torture::odd() else {
            return skip("an_init_that_nobody_reaps_is_told", "no C compiler");
        };
        let bundle = rig.bundle("web", &Spec::default());
        let command = rig.runtime_line(&["run", "-d", "-b", bundle.to_str().unwrap(), "web"]);
        let ready = rig.scratch("ready");
        let mut args = vec!["adopt", ready.to_str().unwrap()];
        args.extend(command.iter().map(String::as_str));
        let mut helper = std::process::Command::new(odd);
        helper.args(args).stdin(std::process::Stdio::null());
        helper.stdout(std::process::Stdio::null());
        let mut helper = helper.spawn().unwrap();
        until("it runs", || {
            ready.exists() && !rig.members("web").is_empty()
        });
        let init = rig.pid("web");
        kill(init);
        until("it is dead", || process_state(init) == Some('Z'));
        let (said, _) = attention(rig, "web");
        helper.kill().unwrap();
        helper.wait().unwrap();
        assert_eq!(said["state"], "zombie", "{said}");
        assert_eq!(said["troubles"][0]["parent"], helper.id());
    });
}

#[test]
fn what_a_quota_holds_back_all_the_time_is_throttled() {
    let name = "what_a_quota_holds_back_all_the_time_is_throttled";
    crate::rig::with(ocitop::oci::RuntimeKind::Runc, name, |rig| {
        let spec = Spec {
            script: "while :; do :; done".to_owned(),
            resources: json!({"cpu": {"quota": 5_000, "period": 100_000}}),
            ..Spec::default()
        };
        rig.run_with("web", &spec);
        let mut pty = screen(rig);
        let start = std::time::Instant::now();
        let said = |pty: &Pty| pty.screen().contents().contains("THROTTLED  web");
        while !said(&pty) && start.elapsed() < crate::rig::patient(Duration::from_secs(90)) {
            pty.take(Duration::from_millis(100));
        }
        pty.sees("THROTTLED  web");
        pty.sees("by its CPU quota");
        assert!(start.elapsed() >= Duration::from_secs(30), "too soon");
        quit(pty);
    });
}

#[test]
fn what_is_frozen_by_its_own_cgroup_is_paused() {
    let name = "what_is_frozen_by_its_own_cgroup_is_paused";
    crate::rig::with(ocitop::oci::RuntimeKind::Runc, name, |rig| {
        rig.paused("web");
        let (said, _) = attention(rig, "web");
        assert_eq!(
            (&said["state"], &said["troubles"][0]["by"]),
            (&"frozen".into(), &"own".into())
        );
        let mut pty = screen(rig);
        pty.sees("paused     web");
        quit(pty);
        let table = rig.ocitop(&["list"]).ok();
        assert_eq!(table.stderr, "", "its status says it");
    });
}
