//! What fails, hangs, or holds it from outside.

use std::fs;

use serde_json::json;

use super::{
    CLEAN, Needs, Row, Spec, answer, freeze, hung, names_the_waiting, row, unmount, until, waits,
};

pub(super) const ROWS: &[Row] = &[
    row(
        "failing poststop hook",
        "exit code 1",
        ["rc 1, record left for ever", "clean", "clean"],
        |stage| {
            let hooks = json!({"poststop": [{"path": "/bin/false"}]});
            stage.run(&Spec {
                hooks,
                ..Spec::default()
            });
        },
    ),
    row(
        "poststop hook that never ends",
        "with a time-out of 1 s in the record",
        [
            "hangs; with a time-out rc 1, record left",
            "hangs; clean with a time-out",
            "hangs; clean with a time-out",
        ],
        |stage| {
            let hooks = json!({"poststop": [
                {"path": "/bin/sleep", "args": ["sleep", "3000"], "timeout": 1},
            ]});
            stage.run(&Spec {
                hooks,
                ..Spec::default()
            });
        },
    ),
    row(
        "child in a dead filesystem",
        "reads a FUSE file that is never answered: D, once killed",
        [
            "rc 1, all left",
            "rc 0, cgroups and a process left",
            "rc 0, cgroups and a process left",
        ],
        |stage| {
            hung(stage, "cat /hang/hang & sleep 3000");
            let init = stage.init();
            until("it reads", || {
                let mut pids = stage.members().into_iter();
                let reader = pids.find(|pid| *pid != init && waits(*pid));
                stage.culprit = reader.unwrap_or(0);
                stage.culprit != 0
            });
        },
    )
    .needs(Needs::Fuse)
    .kept(names_the_waiting, answer),
    row(
        "init in a dead filesystem",
        "the same, init itself",
        [
            "rc 1, all left",
            "rc 1 after 10 s, all left",
            "rc 0, cgroups and a process left",
        ],
        |stage| {
            hung(stage, "exec cat /hang/hang");
            stage.culprit = stage.init();
            until("it reads", || waits(stage.culprit));
        },
    )
    .needs(Needs::Fuse)
    .kept(names_the_waiting, answer),
    row(
        "dead filesystem at the exit",
        "the last close of a file is never answered: D in exit, without files and memory",
        [
            "rc 1, all left",
            "rc 0, cgroups and a process left",
            "rc 0, cgroups and a process left",
        ],
        |stage| {
            hung(stage, "(exec 3< /hang/late; exec sleep 3000) & sleep 3001");
            stage.others(2);
            let init = stage.init();
            until("it is open", || {
                let holds = |pid: &i32| {
                    let fd = fs::read_link(format!("/proc/{pid}/fd/3"));
                    *pid != init && fd.is_ok_and(|file| file.ends_with("late"))
                };
                stage.culprit = stage.members().into_iter().find(holds).unwrap_or(0);
                stage.culprit != 0
            });
        },
    )
    .needs(Needs::Fuse)
    .kept(
        |stage| {
            let name = format!("pid {} ", stage.culprit);
            vec![name, "in request_wait_answer".to_owned()]
        },
        answer,
    ),
    row(
        "frozen from above",
        "a cgroup above its own is frozen, which is not ocitop's to thaw",
        [
            "rc 1, all left",
            "rc 1 after 10 s, all left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            stage.others(2);
            stage.culprit = stage.init();
            freeze(&stage.rig.cgroup("", "freezer"));
        },
    )
    .needs(Needs::V1("v2 lets what is frozen die: the next row"))
    .kept(
        |stage| {
            let above = stage.rig.cgroup("", "freezer");
            vec![format!("frozen by {}", above.display())]
        },
        |stage| {
            fs::write(
                stage.rig.cgroup("", "freezer").join("freezer.state"),
                "THAWED",
            )
            .unwrap();
        },
    ),
    row(
        "frozen from above, on v2",
        "the same, which does not keep SIGKILL from it there",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            stage.others(2);
            freeze(&stage.rig.cgroup("", ""));
        },
    )
    .needs(Needs::V2("v1 keeps it from dying: the row before")),
    row(
        "a mount on its cgroup",
        "a directory bind-mounted on one of its cgroups: rmdir says busy",
        [
            "rc 1, record left",
            "rc 0, cgroup left",
            "rc 0 after 6 s, cgroup left",
        ],
        |stage| {
            stage.run(&Spec::default());
            let over = stage.rig.scratch("over");
            fs::create_dir(&over).unwrap();
            let dir = stage.controller("pids");
            rustix::mount::mount_bind(&over, &dir).unwrap();
            stage.mounted.push(dir);
        },
    )
    .kept(
        |stage| {
            vec![
                stage.controller("pids").display().to_string(),
                "busy".to_owned(),
            ]
        },
        unmount,
    ),
];
