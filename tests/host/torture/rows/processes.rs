//! Cgroups below its own, and processes of every kind.

use std::fs;

use serde_json::json;

use super::{
    CLEAN, Needs, Row, Spec, adopted, freeze, has_v1, move_into, row, shared, traced, until,
};
use crate::rig::{kill, process_state};

pub(super) const ROWS: &[Row] = &[
    row(
        "empty sub-cgroup",
        "a cgroup below its own in every hierarchy, and one below that",
        ["rc 1 for ever, record and cgroups left", "clean", "clean"],
        |stage| {
            stage.run(&Spec::default());
            for dir in stage.rig.cgroups(&stage.id) {
                fs::create_dir_all(dir.join("in/deeper")).unwrap();
            }
        },
    ),
    row(
        "sub-cgroup with a process",
        "as a container that manages cgroups itself",
        ["rc 1 for ever, record and cgroups left", "clean", "clean"],
        |stage| {
            stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
            let child = stage.others(3)[0];
            for dir in stage.rig.cgroups(&stage.id) {
                move_into(&dir.join("in"), child);
            }
        },
    ),
    row(
        "threaded sub-cgroup",
        "a process, and a thread of another, in a threaded cgroup below its own; below that one that \
         is invalid",
        ["rc 1 for ever, record and cgroups left", "clean", "clean"],
        |stage| {
            if !stage.with_odd() {
                return;
            }
            stage.run(&shared("/bin/odd leader & sleep 3001 & wait"));
            let children = stage.others(3);
            let sub = stage.rig.cgroup(&stage.id, "").join("in");
            fs::create_dir(&sub).unwrap();
            fs::write(sub.join("cgroup.type"), "threaded").unwrap();
            for child in children {
                // Of the one whose first thread dies, the one that lives.
                let threads = || fs::read_dir(format!("/proc/{child}/task")).unwrap();
                let newest =
                    threads().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
                let newest = newest
                    .max_by_key(|tid| tid.parse::<i32>().unwrap())
                    .unwrap();
                fs::write(sub.join("cgroup.threads"), newest).unwrap();
            }
            // A domain below a threaded one is none, until it is made threaded as well.
            fs::create_dir(sub.join("deeper")).unwrap();
        },
    )
    .needs(Needs::V2("v1 has no threaded cgroups")),
    row(
        "frozen sub-cgroup",
        "a process in a cgroup below its own that is frozen by itself",
        [
            "rc 1, all left",
            "rc 0, cgroups and a process left",
            "rc 0, cgroups and a process left",
        ],
        |stage| {
            stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
            let child = stage.others(3)[0];
            let sub = stage.controller("freezer").join("in");
            move_into(&sub, child);
            freeze(&sub);
        },
    ),
    row(
        "frozen twice",
        "a frozen sub-cgroup below a paused container, SIGKILL pending in both",
        [
            "rc 1, all left",
            "rc 0, cgroups and a process left",
            "rc 0, cgroups and a process left",
        ],
        |stage| {
            stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
            let child = stage.others(3)[0];
            let top = stage.controller("freezer");
            move_into(&top.join("in"), child);
            freeze(&top.join("in"));
            freeze(&top);
            kill(child);
            kill(stage.init());
        },
    ),
    row("300 processes", "one shell, 300 children", CLEAN, |stage| {
        stage.run(&shared("for i in $(seq 300); do sleep 3000 & done; wait"));
        stage.others(301);
    }),
    row(
        "fork bomb",
        "every process forks as fast as it can, 300 at most",
        CLEAN,
        |stage| {
            if stage.with_odd() {
                let resources = json!({"pids": {"limit": 300}});
                stage.run(&Spec {
                    resources,
                    ..shared("exec /bin/odd bomb")
                });
                until("it is at its limit", || stage.members().len() > 250);
            }
        },
    ),
    row(
        "CPU quota",
        "20 spinning processes with 1 ms a second for all",
        [
            "rc 1, all left",
            "rc 0 after 6 s, cgroups and processes left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&shared(
                "for i in $(seq 20); do (while :; do :; done) & done; wait",
            ));
            stage.others(21);
            let cpu = stage.controller("cpu");
            if has_v1() {
                fs::write(cpu.join("cpu.cfs_period_us"), "1000000").unwrap();
                fs::write(cpu.join("cpu.cfs_quota_us"), "1000").unwrap();
            } else {
                fs::write(cpu.join("cpu.max"), "1000 1000000").unwrap();
            }
        },
    ),
    row(
        "zombies",
        "an init that never reaps its 20 dead children",
        CLEAN,
        |stage| {
            if stage.with_odd() {
                stage.run(&shared("exec /bin/odd zombies"));
                until("init runs", || process_state(stage.init()) == Some('S'));
            }
        },
    ),
    row(
        "init is a zombie",
        "killed, and its parent never reaps it",
        CLEAN,
        |stage| {
            adopted(stage);
            kill(stage.init());
        },
    ),
    row(
        "init will be a zombie",
        "alive, and its parent never reaps it",
        CLEAN,
        adopted,
    ),
    row(
        "dead first thread",
        "its first thread has exited, another lives",
        CLEAN,
        |stage| {
            if stage.with_odd() {
                stage.run(&shared("/bin/odd leader & wait"));
                let child = stage.others(2)[0];
                until("its first thread is dead", || {
                    process_state(child) == Some('Z')
                });
            }
        },
    ),
    row("stopped by SIGSTOP", "every process", CLEAN, |stage| {
        stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
        stage.others(3);
        for pid in stage.members() {
            let number = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process(number, rustix::process::Signal::STOP).unwrap();
            until("it is stopped", || process_state(pid) == Some('T'));
        }
    }),
    row(
        "waiting in vfork",
        "a child that neither executes nor exits",
        CLEAN,
        |stage| {
            if stage.with_odd() {
                stage.run(&shared("/bin/odd vfork & wait"));
                stage.others(3);
            }
        },
    ),
    row(
        "stopped by a tracer",
        "a debugger outside that never goes on",
        CLEAN,
        |stage| traced(stage, "stop"),
    ),
    row(
        "held at its exit by a tracer",
        "PTRACE_O_TRACEEXIT: the dead one stops for ever on its way out",
        [
            "rc 1, all left",
            "rc 0, cgroups and a process left",
            "rc 0, cgroups and a process left",
        ],
        |stage| traced(stage, "trace"),
    )
    .kept(
        |stage| {
            vec![
                format!("pid {} ", stage.culprit),
                ") t in ptrace_".to_owned(),
            ]
        },
        |stage| stage.helpers.clear(),
    ),
];
