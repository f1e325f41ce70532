//! The rows.

use std::fs;
use std::path::Path;

use ocitop::oci::RuntimeKind;
use serde_json::{Value, json};

use super::{Ends, Needs, Row, Spec, Stage, Stranger, has_v1, until, wait_for_family};
use crate::rig::{kill, pids_of, process_state, start_of};

const CLEAN: [&str; 3] = ["clean"; 3];

const fn row(
    name: &'static str,
    made: &'static str,
    own: [&'static str; 3],
    stage: fn(&mut Stage<'_>),
) -> Row {
    Row {
        name,
        made,
        own,
        needs: Needs::Nothing,
        make: stage,
        ends: Ends::Clean,
    }
}

impl Row {
    const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    const fn kept(mut self, says: fn(&Stage<'_>) -> Vec<String>, cure: fn(&mut Stage<'_>)) -> Self {
        self.ends = Ends::Kept { says, cure };
        self
    }
}

pub(super) const ROWS: &[Row] = &[
    row("running", "a shell and its child", CLEAN, |stage| {
        stage.run(&Spec::default());
        stage.others(2);
    }),
    row("created", "create, no start", CLEAN, |stage| {
        stage.rig.create(&stage.id);
    }),
    row("paused", "the runtime's own pause", CLEAN, |stage| {
        stage.rig.paused(&stage.id);
    }),
    row("stopped", "SIGKILL to init", CLEAN, |stage| {
        stage.rig.stopped(&stage.id);
    }),
    row(
        "frozen from outside",
        "its freezer written to behind the runtime's back",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            stage.others(2);
            freeze(&stage.controller("freezer"));
        },
    ),
    row(
        "killed while frozen",
        "paused, then SIGKILL to init: pending until the thaw",
        CLEAN,
        |stage| {
            stage.rig.paused(&stage.id);
            kill(stage.init());
        },
    ),
    row(
        "init dead, children alive",
        "shared pid namespace, SIGKILL to init",
        CLEAN,
        |stage| {
            stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
            let children = stage.others(3);
            stage.rig.kill_init(&stage.id);
            assert!(children.iter().all(|pid| start_of(*pid).is_some()));
        },
    ),
    row(
        "children in sessions of their own",
        "shared pid namespace, orphaned twice over, SIGKILL to init",
        CLEAN,
        |stage| {
            if stage.with_odd() {
                stage.run(&shared("exec /bin/odd session"));
                // Five, five zombies that nobody reaps, and init.
                until("they are orphans", || stage.members().len() >= 6);
                stage.rig.kill_init(&stage.id);
            }
        },
    ),
    row(
        "state file empty",
        "truncated under a running container",
        [
            "rc 1, all left",
            "rc 1, all left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            fs::write(stage.rig.state_file(&stage.id), "").unwrap();
        },
    ),
    row(
        "state file torn",
        "cut in the middle",
        [
            "rc 1, all left",
            "rc 1, all left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            let file = stage.rig.state_file(&stage.id);
            let whole = fs::read(&file).unwrap();
            fs::write(file, &whole[..whole.len() / 2]).unwrap();
        },
    ),
    row(
        "state file missing",
        "removed under a running container",
        [
            "rc 1, all left",
            "rc 0, cgroups and processes left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            fs::remove_file(stage.rig.state_file(&stage.id)).unwrap();
        },
    ),
    row(
        "create killed half-way",
        "created, then its state file removed: only the fifo or socket is left",
        [
            "rc 1, all left",
            "rc 0, init and cgroups left",
            "rc 0, init and cgroups left",
        ],
        |stage| {
            stage.rig.create(&stage.id);
            fs::remove_file(stage.rig.state_file(&stage.id)).unwrap();
        },
    ),
    row(
        "second file missing",
        "youki_config.json or crun's config.json removed",
        ["rc 1, all left", "-", "rc 1, all left"],
        |stage| {
            stage.run(&Spec::default());
            let name = if stage.is(RuntimeKind::Youki) {
                "youki_config.json"
            } else {
                "config.json"
            };
            fs::remove_file(stage.rig.state_dir(&stage.id).join(name)).unwrap();
        },
    ),
    row(
        "bundle gone",
        "the bundle directory removed",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            let bundle = stage.rig.scratch("bundles").join(&stage.id);
            fs::remove_file(bundle.join("config.json")).unwrap();
            // What a runtime put there goes as well.
            for entry in fs::read_dir(&bundle).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
            fs::remove_dir(bundle).unwrap();
        },
    ),
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
    row(
        "recycled pid",
        "init dead, its pid another process's",
        CLEAN,
        recycled,
    ),
    row(
        "recycled pid, no cgroup",
        "and its cgroups removed by somebody",
        [
            "rc 1, record left; kill kills the stranger",
            "clean",
            "clean",
        ],
        |stage| {
            recycled(stage);
            until("the cgroups are empty", || stage.members().is_empty());
            for dir in stage.rig.cgroups(&stage.id) {
                fs::remove_dir(dir).unwrap();
            }
        },
    ),
    row(
        "cgroup not recorded",
        "its path removed from the record",
        [
            "rc 1, all left",
            "rc 0, cgroups left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            match stage.rig.kind {
                RuntimeKind::Runc => stage.rig.edit_state(&stage.id, |state| {
                    state["cgroup_paths"] = json!({});
                }),
                RuntimeKind::Crun => stage.rig.edit_state(&stage.id, |state| {
                    drop(state.as_object_mut().unwrap().remove("cgroup-path"));
                }),
                RuntimeKind::Youki => {
                    let file = stage.rig.state_dir(&stage.id).join("youki_config.json");
                    let mut config: Value =
                        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                    drop(config.as_object_mut().unwrap().remove("cgroup_path"));
                    fs::write(file, config.to_string()).unwrap();
                }
            }
        },
    ),
    row(
        "no cgroup at all",
        "--cgroup-manager disabled, shared pid namespace",
        ["-", "-", "rc 0, record gone, every process left"],
        |stage| {
            let bundle = stage
                .rig
                .bundle(&stage.id, &shared("sleep 3000 & sleep 3001 & wait"));
            let bundle = bundle.to_str().unwrap();
            let run = [
                "--cgroup-manager=disabled",
                "run",
                "-d",
                "-b",
                bundle,
                &stage.id,
            ];
            stage.rig.runtime(&run).ok();
            stage.family = wait_for_family(stage.init(), 3);
        },
    ),
    row(
        "paths that differ",
        "the pids hierarchy has it elsewhere than the others",
        ["-", "clean", "-"],
        |stage| {
            stage.run(&Spec::default());
            stage.others(2);
            let old = stage.controller("pids");
            let new = old.with_file_name("elsewhere");
            for pid in pids_of(&old) {
                move_into(&new, pid);
            }
            until("the old one is empty", || pids_of(&old).is_empty());
            fs::remove_dir(old).unwrap();
            stage.rig.edit_state(&stage.id, |state| {
                state["cgroup_paths"]["pids"] = new.to_str().unwrap().into();
            });
            stage.gone.push(new);
        },
    )
    .needs(Needs::V1("v2 has one hierarchy")),
    row(
        "escaped child",
        "private pid namespace; a child moved itself out of every cgroup of it",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            let child = stage.others(2)[0];
            let outside: Vec<_> = stage
                .rig
                .cgroups(&stage.id)
                .iter()
                .map(|dir| dir.with_file_name("escaped"))
                .collect();
            for dir in outside {
                fs::create_dir(&dir).unwrap();
                drop(fs::write(dir.join("cgroup.procs"), child.to_string()));
                stage.free.push(dir);
            }
        },
    ),
    row(
        "inside another's cgroup",
        "its cgroup is made below that of a container that lives on",
        CLEAN,
        |stage| {
            let outer = "outer".to_owned();
            stage.rig.run(&outer);
            let path = format!("{outer}/inner");
            let id = stage.id.clone();
            stage.run_inside(&id, &path);
            if stage.impossible.is_some() {
                return;
            }
            stage.stays.extend(stage.rig.cgroups(&outer));
            stage.gone.extend(stage.rig.cgroups(&path));
            assert!(!stage.gone.is_empty());
        },
    ),
    row(
        "another inside its cgroup",
        "a live container below: refused, and clean once that is gone",
        [
            "rc 1, record and cgroups left",
            "rc 0, cgroups left",
            "rc 0, the other killed as well",
        ],
        |stage| {
            stage.run(&Spec::default());
            let path = format!("{}/inner", stage.id);
            stage.run_inside("inner", &path);
        },
    )
    .kept(
        |stage| {
            assert_eq!(stage.rig.status("inner"), "running");
            assert_eq!(stage.rig.status(&stage.id), "running");
            vec!["inner".to_owned(), "shared".to_owned()]
        },
        |stage| drop(stage.rig.ocitop(&["delete", "--force", "inner"]).ok()),
    ),
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

/// Processes that see those of the host: their init's death does not end them.
fn shared(script: &str) -> Spec {
    Spec {
        script: script.to_owned(),
        private_pids: false,
        ..Spec::default()
    }
}

fn freeze(dir: &Path) {
    if has_v1() {
        let file = dir.join("freezer.state");
        until("it is frozen", || {
            fs::write(&file, "FROZEN").unwrap();
            fs::read_to_string(&file).unwrap() == "FROZEN\n"
        });
    } else {
        fs::write(dir.join("cgroup.freeze"), "1").unwrap();
        until("it is frozen", || {
            let events = fs::read_to_string(dir.join("cgroup.events")).unwrap();
            events.contains("frozen 1")
        });
    }
}

/// Makes a cgroup if it is not there, and moves a process into it.
fn move_into(dir: &Path, pid: i32) {
    if !dir.is_dir() {
        fs::create_dir(dir).unwrap();
        for file in ["cpuset.cpus", "cpuset.mems"] {
            // A v1 cpuset takes nobody before it has these.
            if let Ok(above) = fs::read_to_string(dir.join("..").join(file)) {
                drop(fs::write(dir.join(file), above.trim()));
            }
        }
    }
    fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap();
}

/// A running container whose init has a parent that reaps nothing.
fn adopted(stage: &mut Stage<'_>) {
    if !stage.with_odd() {
        return;
    }
    let bundle = stage.rig.bundle(&stage.id, &Spec::default());
    let command = stage
        .rig
        .runtime_line(&["run", "-d", "-b", bundle.to_str().unwrap(), &stage.id]);
    let ready = stage.rig.scratch("ready");
    let mut args = vec!["adopt", ready.to_str().unwrap()];
    args.extend(command.iter().map(String::as_str));
    stage.helper(&args);
    stage.others(2);
}

fn traced(stage: &mut Stage<'_>, how: &str) {
    if !stage.with_odd() {
        return;
    }
    stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
    let child = stage.others(3)[0];
    stage.culprit = child;
    let ready = stage.rig.scratch("ready");
    stage.helper(&[how, &child.to_string(), ready.to_str().unwrap()]);
}

/// A container whose init died and whose pid a stranger now has.
fn recycled(stage: &mut Stage<'_>) {
    stage.rig.stopped(&stage.id);
    let stranger = Stranger::new();
    let (key, youki) = match stage.rig.kind {
        RuntimeKind::Runc => ("init_process_pid", false),
        RuntimeKind::Crun => ("pid", false),
        RuntimeKind::Youki => ("pid", true),
    };
    stage.rig.edit_state(&stage.id, |state| {
        state[key] = stranger.pid().into();
        if youki {
            state["status"] = "running".into();
        }
    });
    stage.strangers.push(stranger);
}

fn hung(stage: &Stage<'_>, script: &str) {
    let source = stage.fuse.as_ref().unwrap().dir();
    let mounts = json!([{"destination": "/hang", "type": "bind", "source": source,
        "options": ["rbind", "rw"]}]);
    stage.run(&Spec {
        mounts,
        ..shared(script)
    });
}

fn unmount(stage: &mut Stage<'_>) {
    stage.unmount();
}

fn waits(pid: i32) -> bool {
    let wchan = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    wchan == "request_wait_answer"
}

fn names_the_waiting(stage: &Stage<'_>) -> Vec<String> {
    let in_state = format!("pid {} ", stage.culprit);
    vec![in_state, ") D in request_wait_answer".to_owned()]
}

fn answer(stage: &mut Stage<'_>) {
    stage.fuse.as_mut().unwrap().abort();
}
