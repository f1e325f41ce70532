//! ocitop killed with SIGKILL after every single step of its plan: the next run finishes the job.
//!
//! Its events go into a pipe that holds one write: it can begin a step only after the test has
//! taken what it said before. So it is known to the step where it is when it is killed.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use serde_json::{Value, json};

use crate::delete::assert_deleted;
use crate::rig::{Rig, Spec, Stranger, until};

/// A delete that waits for the test at every event.
struct Stepwise {
    process: Child,
    events: File,
    rest: Vec<u8>,
}

impl Stepwise {
    fn new(rig: &Rig, id: &str) -> Self {
        // Each write is a packet, and one page holds one packet.
        let (events, output) = pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
        fcntl_setpipe_size(&events, 4096).unwrap();
        let args = ["delete", "--force", "--format", "json", id];
        let process = rig
            .ocitop_command(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            events: events.into(),
            rest: Vec::new(),
        }
    }

    /// The next event; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let mut buffer = [0; 4096];
            match self.events.read(&mut buffer).unwrap() {
                0 => return None,
                length => self.rest.extend(&buffer[..length]),
            }
        }
    }

    /// Waits until it has said something more, and leaves it in the pipe.
    fn wait_for_more(&self) {
        let mut wanted = [PollFd::new(&self.events, PollFlags::IN)];
        let patience = Timespec::try_from(Duration::from_secs(20)).unwrap();
        assert_eq!(poll(&mut wanted, Some(&patience)).unwrap(), 1, "no event");
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// How many steps its plan has: counted on the event that tells it.
fn steps(planned: &Value) -> usize {
    planned["plan"].as_array().unwrap().len()
}

/// Deletes and kills that at the end of step `number`; how many steps there are.
fn killed_after(rig: &Rig, id: &str, number: usize) -> usize {
    let mut delete = Stepwise::new(rig, id);
    let planned = delete.next().unwrap();
    assert_eq!(planned["kind"], "planned", "{planned:#}");
    let mut seen = Vec::new();
    loop {
        let event = delete.next();
        let event = event.unwrap_or_else(|| panic!("no step {number}: {seen:#?}"));
        seen.push(event.clone());
        if event["kind"] == "started" && event["number"] == number {
            break;
        }
    }
    // The end of this step fills the pipe; the next step cannot be begun.
    delete.wait_for_more();
    delete.kill();
    steps(&planned)
}

/// Two hooks, sub-cgroups, a process of the host beside it.
fn house(rig: &Rig, id: &str, number: usize) {
    let told = rig.scratch(&format!("told-{number}"));
    let script = format!("echo >> {}", told.display());
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin"]});
    let spec = Spec {
        hooks: json!({"poststop": [hook, {"path": "/bin/false"}]}),
        ..Spec::default()
    };
    rig.run_with(id, &spec);
    until("both processes run", || rig.members(id).len() == 2);
    for dir in rig.cgroups(id) {
        std::fs::create_dir_all(dir.join("in/deeper")).unwrap();
    }
}

with_each_runtime! {
    fn killed_after_each_step_the_next_run_finishes(rig: &Rig) {
        let mut stranger = Stranger::new();
        let mut number = 1;
        loop {
            let id = format!("{}-{number}", rig.id());
            house(rig, &id, number);
            let steps = killed_after(rig, &id, number);
            assert!(steps >= 7, "{steps} steps");
            let ended = assert_deleted(rig, &id);
            // Whatever it had done before: the first hook ran.
            let told = std::fs::read(rig.scratch(&format!("told-{number}"))).unwrap_or_default();
            assert!(!told.is_empty(), "step {number}: no hook ran: {ended:#?}");
            assert!(stranger.is_alive());
            number += 1;
            if number > steps {
                break;
            }
        }
    }

    fn killed_after_each_step_of_a_paused_one_the_next_run_finishes(rig: &Rig) {
        let mut number = 1;
        loop {
            let id = format!("{}-{number}", rig.id());
            rig.paused(&id);
            let steps = killed_after(rig, &id, number);
            assert_deleted(rig, &id);
            number += 1;
            if number > steps {
                break;
            }
        }
    }
}
