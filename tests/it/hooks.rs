//! One hook on the real kernel: it always ends, and what it says cannot hurt.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::machine::protect;
use ocitop::kernel::program::NameSafety;
use ocitop::kernel::way;
use ocitop::kernel::{Cancel, HookCall, HookEnd, HookStatus, Kernel as _, LiveKernel, Program};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Far more than any hook here takes, and far less than those that never end.
const SOON: Duration = Duration::from_secs(15);

/// A shell hook without a time-out that matters.
fn shell(script: &str) -> HookCall {
    HookCall {
        program: Program::of_system(Path::new("/bin/sh")).unwrap(),
        args: ["sh", "-c", script].map(str::to_owned).into(),
        env: None,
        cwd: None,
        root: None,
        stdin: b"{}".to_vec(),
        timeout: Some(Duration::from_mins(1)),
        cancel: Cancel::default(),
    }
}

#[track_caller]
fn run(call: &HookCall) -> HookEnd {
    let start = Instant::now();
    let end = LiveKernel::new().run_hook(call).unwrap();
    assert!(start.elapsed() < SOON, "{:?}: {end:?}", start.elapsed());
    end
}

fn in_a_moment(script: &str) -> HookCall {
    HookCall {
        timeout: Some(Duration::from_millis(500)),
        ..shell(script)
    }
}

/// The pid that a hook printed.
fn pid(end: &HookEnd) -> Pid {
    Pid::from_raw(end.output.trim().parse().unwrap()).unwrap()
}

#[track_caller]
fn dies(pid: Pid) {
    let start = Instant::now();
    // What has no parent left is reaped by somebody, sooner or later.
    let gone = || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        test_kill_process(pid).is_err() || text.contains(") Z ")
    };
    while !gone() {
        assert!(start.elapsed() < SOON, "{pid} lives");
        std::thread::yield_now();
    }
}

/// A program that was looked at where others can make names.
fn looked_at(path: &Path) -> Program {
    let way = way::from_top(path).unwrap();
    Program::at(path, &way.end.unwrap(), NameSafety::Unsure)
}

fn program(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    protect(path, 0o755);
}

#[test]
fn what_was_looked_at_runs_whatever_has_its_name_by_then() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("hook"), dir.path().join("other"));
    let script = b"#!/bin/sh\necho the first $1\n".to_vec();
    for first in [script, fs::read("/bin/echo").unwrap()] {
        program(&path, &first);
        let looked_at = looked_at(&path);
        program(&other, b"#!/bin/sh\necho another\n");
        fs::rename(&other, &path).unwrap();
        let call = HookCall {
            program: looked_at,
            args: ["hook", "says so"].map(str::to_owned).into(),
            ..shell("")
        };
        let end = run(&call);
        assert_eq!(end.status, HookStatus::Exited(0));
        assert!(end.output.ends_with("says so"), "{}", end.output);
    }
}

#[test]
fn a_script_knows_its_name_where_the_name_cannot_mean_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook");
    program(&path, b"#!/bin/sh\necho $0\n");
    let call = HookCall {
        program: Program::of_system(&path).unwrap(),
        args: vec!["hook".to_owned()],
        ..shell("")
    };
    assert_eq!(run(&call).output.trim(), path.display().to_string());
}

#[test]
fn a_way_leads_through_links_and_never_above_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("usr/lib")).unwrap();
    program(&root.join("usr/lib/hook"), b"");
    std::os::unix::fs::symlink("/usr/../../usr/lib", root.join("lib")).unwrap();
    let top = way::from_top(&root).unwrap().end.unwrap();
    let way = way::from(&top, Path::new("/../lib/hook")).unwrap();
    assert_eq!(way.end.unwrap().path, root.join("usr/lib/hook"));
    let passed: Vec<_> = way.passed.into_iter().map(|place| place.path).collect();
    let names = ["", "lib", "usr", "usr", "usr/lib", "usr/lib/hook"];
    assert_eq!(passed, names.map(|name| root.join(name)));
    let missing = way::from(&top, Path::new("/lib/none/hook")).unwrap();
    assert!(missing.end.is_none());
    // A link to itself leads nowhere.
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    let blocked = way::from(&top, Path::new("/loop")).unwrap_err();
    let reason = blocked.source.raw_os_error();
    assert_eq!(reason, Some(rustix::io::Errno::LOOP.raw_os_error()));
}

#[test]
fn of_much_output_the_end_is_kept_and_nothing_a_terminal_obeys() {
    let end = run(&shell(
        "head -c 10000000 /dev/zero | tr '\\0' '\\033'; echo the reason; exit 3",
    ));
    assert_eq!(end.status, HookStatus::Exited(3));
    assert!(end.output.ends_with("the reason"), "{}", end.output);
    assert!(end.output.chars().all(|c| !c.is_control()));
    assert!(end.output.len() < 8192, "{}", end.output.len());
}

#[test]
fn one_that_prints_for_ever_ends_at_its_time_out() {
    let end = run(&in_a_moment("yes & yes & yes & exec yes"));
    assert_eq!(end.status, HookStatus::TimedOut);
}

#[test]
fn a_daemon_that_keeps_its_output_is_not_waited_for() {
    let end = run(&shell("sleep 3000 & echo $!"));
    assert_eq!(end.status, HookStatus::Exited(0));
    kill_process(pid(&end), Signal::KILL).unwrap();
}

#[test]
fn a_daemon_that_prints_for_ever_is_not_waited_for() {
    let end = run(&shell("yes & exec >&- 2>&-; exit 4"));
    // It gets SIGPIPE once nobody reads.
    assert_eq!(end.status, HookStatus::Exited(4));
}

#[test]
fn one_that_never_reads_its_state_ends_well() {
    for script in ["exit 0", "exec <&-; exit 0", "head -c 1 > /dev/null"] {
        let stdin = vec![b' '; 8 << 20];
        let call = HookCall {
            stdin,
            ..shell(script)
        };
        assert_eq!(run(&call).status, HookStatus::Exited(0), "{script}");
    }
}

#[test]
fn one_that_closes_its_output_still_reads_all_of_its_state() {
    let dir = tempfile::tempdir().unwrap();
    let call = HookCall {
        stdin: vec![b'x'; 1 << 20],
        cwd: Some(dir.path().to_owned()),
        root: None,
        ..shell("exec >&- 2>&-; cat > told")
    };
    assert_eq!(run(&call).status, HookStatus::Exited(0));
    assert_eq!(
        std::fs::metadata(dir.path().join("told")).unwrap().len(),
        1 << 20
    );
}

#[test]
fn its_time_out_takes_its_children_too() {
    let end = run(&in_a_moment("sleep 3000 & echo $!; sleep 3001"));
    assert_eq!(end.status, HookStatus::TimedOut);
    dies(pid(&end));
}

#[test]
fn a_time_out_beyond_all_time_is_none() {
    let call = HookCall {
        timeout: Some(Duration::MAX),
        ..shell("exit 0")
    };
    assert_eq!(run(&call).status, HookStatus::Exited(0));
}

#[test]
fn a_signal_that_ended_it_is_told() {
    assert_eq!(run(&shell("kill -9 $$")).status, HookStatus::Signaled(9));
}

#[test]
fn its_time_out_takes_what_it_put_into_a_session_of_its_own() {
    let end = run(&in_a_moment(
        "setsid sh -c 'echo $$; sleep 3000; :' & sleep 3001",
    ));
    assert_eq!(end.status, HookStatus::TimedOut);
    dies(pid(&end));
}

#[test]
fn one_that_leaves_its_process_group_ends_at_its_time_out() {
    let end = run(&in_a_moment(
        "exec perl -e 'setpgrp(0, getpgrp(getppid())); sleep 3000'",
    ));
    assert_eq!(end.status, HookStatus::TimedOut);
}

#[test]
fn it_ends_when_ocitop_is_asked_to_leave_off() {
    let dir = tempfile::tempdir().unwrap();
    let begun = dir.path().join("begun");
    let by = |before: &str| {
        let flag = Arc::new(AtomicBool::new(false));
        let call = HookCall {
            cancel: Cancel::by(Arc::clone(&flag)),
            ..shell(&format!(
                "{before}; touch {}; sleep 3000; :",
                begun.display()
            ))
        };
        std::thread::scope(|scope| {
            let hook = scope.spawn(|| run(&call));
            while !begun.exists() {
                std::thread::yield_now();
            }
            flag.store(true, Ordering::SeqCst);
            let end = hook.join().unwrap();
            fs::remove_file(&begun).unwrap();
            end.status
        })
    };
    assert_eq!(by("trap - TERM"), HookStatus::Signaled(15));
    assert_eq!(by("trap '' TERM"), HookStatus::Interrupted);
}
