//! A core dump that nobody reads to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::beside::{shared, with};
use super::diagnose;
use crate::rig::{may_change_the_machine, until};

/// Where the kernel is told what to do with core dumps; as it was, once this ends.
struct Handler {
    before: String,
    /// The handler writes its pid there.
    pid: PathBuf,
}

const PATTERN: &str = "/proc/sys/kernel/core_pattern";

impl Handler {
    /// A program that does not read what it is given.
    fn idle(program: &Path, pid: PathBuf) -> Self {
        let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 3000\n", pid.display());
        fs::write(program, script).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        let before = fs::read_to_string(PATTERN).unwrap();
        fs::write(PATTERN, format!("|{}", program.display())).unwrap();
        Self { before, pid }
    }

    fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(&self.pid).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        drop(fs::write(PATTERN, &self.before));
        let pid = self.pid().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::KILL).ok();
        }
    }
}

#[test]
fn a_core_dump_is_read_by_nobody() {
    if !may_change_the_machine("a core dump") {
        return;
    }
    with("a core dump", |rig| {
        let program = rig.scratch("handler");
        let handler = Handler::idle(&program, rig.scratch("handler.pid"));
        let id = rig.id();
        rig.run_with(&id, &shared("sleep 3000 & sleep 3001 & wait"));
        let init = rig.pid(&id);
        let child = || rig.members(&id).into_iter().find(|pid| *pid != init);
        until("it has a child", || child().is_some());
        let child = child().unwrap();
        until("that has begun", || {
            fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|comm| comm == "sleep\n")
        });
        kill_process(Pid::from_raw(child).unwrap(), Signal::SEGV).unwrap();
        until("it is dumped", || {
            let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            status.contains("CoreDumping:\t1") && handler.pid().is_some()
        });
        let said = diagnose(rig, &id);
        let finding = said.verdict("core-dump");
        assert_eq!(finding["pid"], child);
        assert_eq!(finding["handler"].as_str(), program.to_str());
        // Once its reader is gone the dump is over.
        drop(handler);
        until("it is gone", || !rig.members(&id).contains(&child));
    });
}
