//! The rows: what each of them makes is in the modules below, how it is made here.

mod held;
mod lost;
mod processes;
mod states;

use std::fs;
use std::path::Path;

use ocitop::oci::RuntimeKind;
use serde_json::json;

use super::{Ends, Needs, Row, Spec, Stage, Stranger, has_v1, until, wait_for_family};

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

/// All of them, in the order of the table.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    let tables = [states::ROWS, processes::ROWS, lost::ROWS, held::ROWS];
    tables.into_iter().flatten()
}

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
