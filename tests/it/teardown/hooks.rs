//! Poststop hooks: each runs at most once, and never where that could not be remembered.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ocitop::inventory::OutOfSight;
use ocitop::kernel::HookStatus;
use ocitop::lifecycle::{
    Distrust, Force, Job, NotRemembered, Options, Outcome, Reason, Refusal, Step, StepError,
    StepEvent, StepKind, Verdict,
};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use super::{RUNTIMES, delete, full_house, options, outcomes, warned};
use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, Op};
use crate::support::machine::{Machine, protect};

#[test]
fn a_failing_hook_is_a_warning_and_every_hook_runs_once() {
    for status in [
        HookStatus::Exited(3),
        HookStatus::Signaled(9),
        HookStatus::TimedOut,
    ] {
        let machine = full_house();
        let kernel = FakeKernel::over(&machine).hooks_end(status);
        let (verdict, events) = delete(&machine, &kernel);
        assert_eq!(verdict, Verdict::Clean, "{status:?}: {events:#?}");
        assert!(warned(&events));
        let paths: Vec<_> = kernel
            .hooks_run()
            .into_iter()
            .map(|call| call.program.path().to_owned())
            .collect();
        assert_eq!(paths, ["one", "two"].map(|name| machine.program(name)));
    }
}

#[test]
fn a_hook_that_ran_is_not_run_again_by_the_next_teardown() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine).failing_times(Op::RemoveStateDir, Errno::IO, 1);
    let (verdict, _) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
    assert_eq!(kernel.hooks_run().len(), 2);
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(kernel.hooks_run().len(), 2);
    let skipped = Outcome::Skipped(Reason::AlreadyRun);
    let told = outcomes(&events)
        .into_iter()
        .filter(|(_, outcome)| **outcome == skipped);
    assert_eq!(told.count(), 2);
}

#[test]
fn a_hook_that_was_begun_when_ocitop_was_killed_counts_as_run() {
    for runtime in RUNTIMES {
        let machine = Machine::v1().stopped("web", runtime);
        let before = machine.container("web");
        let mark = machine.state_dir("web").join(".ocitop-poststop-1");
        fs::write(mark, "").unwrap();
        // The runtimes' own files tell whose it is, not this one.
        assert_eq!(machine.container("web").runtime, before.runtime);
        assert_eq!(machine.container("web").condition, before.condition);
    }
    let machine = full_house();
    fs::write(machine.state_dir("web").join(".ocitop-poststop-1"), "").unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean);
    let paths: Vec<_> = kernel
        .hooks_run()
        .into_iter()
        .map(|call| call.program.path().to_owned())
        .collect();
    assert_eq!(paths, [machine.program("two")]);
}

#[test]
fn a_hook_is_not_run_where_another_teardown_is_emptying_the_directory() {
    for runtime in RUNTIMES {
        let machine = Machine::v1()
            .running("web", runtime)
            .with_hooks("web", &["one"]);
        let kernel = FakeKernel::over(&machine);
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let state = match runtime {
            RuntimeKind::Crun => "status",
            RuntimeKind::Runc | RuntimeKind::Youki => "state.json",
        };
        // The other one ran the hook, took the state file away and then its mark.
        let mut report = |event: StepEvent| {
            if matches!(
                &event.kind,
                StepKind::Started {
                    step: Step::PoststopHook { .. },
                    ..
                }
            ) {
                fs::remove_file(machine.state_dir("web").join(state)).unwrap();
            }
        };
        let verdict = engine::run(&kernel, &machine.machine(), &job, &options(), &mut report);
        assert_eq!(verdict, Verdict::Clean, "{runtime}");
        assert_eq!(kernel.hooks_run(), [], "{runtime}");
    }
}

#[test]
fn hooks_read_that_the_container_is_stopped() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine);
    delete(&machine, &kernel);
    for call in kernel.hooks_run() {
        let state: serde_json::Value = serde_json::from_slice(&call.stdin).unwrap();
        assert_eq!(state["id"], "web");
        assert_eq!(state["status"], "stopped");
        assert_eq!(state["bundle"], "/bundle");
    }
}

fn not_remembered(machine: &Machine, why: NotRemembered) -> Refusal {
    Refusal::NotRemembered {
        dir: machine.state_dir("web").display().to_string(),
        why,
    }
}

/// The temporary directory of the fixture is full of nothing: only the system's words are left.
const FULL: NotRemembered = NotRemembered::Full {
    bytes: false,
    inodes: false,
};

#[test]
fn a_hook_that_cannot_be_remembered_refuses_before_anything_is_changed() {
    for (errno, why) in [
        (Errno::ROFS, NotRemembered::ReadOnly),
        (Errno::NOSPC, FULL),
        (
            Errno::DQUOT,
            NotRemembered::Other("Disk quota exceeded (os error 122)".to_owned()),
        ),
    ] {
        let machine = full_house();
        let kernel = FakeKernel::over(&machine).failing(Op::ReserveMarks, errno);
        let (verdict, _) = delete(&machine, &kernel);
        assert_eq!(verdict, Verdict::Refused(not_remembered(&machine, why)));
        assert_eq!(kernel.changes(), 0);
        // Without hooks there is nothing to remember.
        let without = Options {
            hooks: false,
            ..options()
        };
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let verdict = engine::run(&kernel, &machine.machine(), &job, &without, &mut |_| {});
        assert_eq!(verdict, Verdict::Clean, "{errno}");
        assert_eq!(kernel.hooks_run(), []);
    }
}

#[test]
fn a_hook_that_cannot_be_remembered_after_all_is_not_run_and_its_record_stays() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine).failing_times(Op::MarkState, Errno::ROFS, 1);
    let (verdict, events) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
    let why = StepError::Refused(not_remembered(&machine, NotRemembered::ReadOnly));
    let (_, last) = *outcomes(&events).last().unwrap();
    assert_eq!(last, &Outcome::Failed(why));
    assert_eq!(kernel.hooks_run(), []);
    let (verdict, _) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean);
    assert_eq!(kernel.hooks_run().len(), 2);
}

#[test]
fn nothing_has_to_be_remembered_where_every_hook_ran_before() {
    let machine = full_house();
    for number in 1..=2 {
        let mark = format!(".ocitop-poststop-{number}");
        fs::write(machine.state_dir("web").join(mark), "").unwrap();
    }
    let kernel = FakeKernel::over(&machine).failing(Op::ReserveMarks, Errno::ROFS);
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean);
    let reserves = |(step, _): &(&Step, &Outcome)| matches!(step, Step::ReserveMarks { .. });
    assert!(!outcomes(&events).iter().any(reserves));
}

/// Among other mounts than the host's a program that is not found may be there, and so may the bundle in
/// which crun runs it.
#[test]
fn a_hook_that_is_out_of_sight_refuses_before_anything_is_changed() {
    let why = OutOfSight::MountNamespace;
    let refused = |machine: &Machine, path: String| {
        let kernel = FakeKernel::over(machine);
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let host = machine.among_other_mounts(Some(8));
        let verdict = engine::run(&kernel, &host, &job, &options(), &mut |_| {});
        let refusal = Refusal::HookOutOfSight { path, why };
        assert_eq!(verdict, Verdict::Refused(refusal));
        assert_eq!(kernel.changes(), 0);
        // Without its hooks it goes.
        let without = Options {
            hooks: false,
            ..options()
        };
        let verdict = engine::run(&kernel, &host, &job, &without, &mut |_| {});
        assert_eq!(verdict, Verdict::Clean);
        assert!(kernel.hooks_run().is_empty());
    };
    let machine = full_house();
    let two = machine.program("two");
    fs::remove_file(&two).unwrap();
    refused(&machine, two.display().to_string());

    let machine = Machine::v1().stopped("web", RuntimeKind::Crun);
    let one = machine.program("one");
    fs::write(&one, "").unwrap();
    protect(&one, 0o755);
    let file = machine.state_dir("web").join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    config["hooks"] = serde_json::json!({"poststop": [{"path": one}]});
    fs::write(&file, config.to_string()).unwrap();
    refused(&machine, "/bundle".to_owned());
}

/// The first directory on the way to a file in which anybody can make files: the fixture lies in one.
fn open_to_others(file: &Path) -> String {
    let dirs: Vec<&Path> = file.ancestors().skip(1).collect();
    let is_open = |dir: &&Path| dir.metadata().unwrap().mode() & 0o002 != 0;
    let dir = dirs.into_iter().rev().find(is_open).unwrap();
    dir.display().to_string()
}

#[test]
fn a_hook_that_is_missing_where_others_can_make_files_refuses_before_anything_is_changed() {
    let machine = full_house();
    let two = machine.program("two");
    fs::remove_file(&two).unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = delete(&machine, &kernel);
    let why = Distrust::Missing {
        program: two.display().to_string(),
        dir: open_to_others(&two),
    };
    assert_eq!(verdict, Verdict::Refused(Refusal::Hooks(why)));
    assert_eq!(kernel.changes(), 0);
}

/// What is missing after all, when its turn has come, is not run either.
#[test]
fn a_hook_that_goes_missing_meanwhile_is_not_run() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine);
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let mut refused = Vec::new();
    let mut report = |event: StepEvent| match event.kind {
        StepKind::Started {
            step: Step::Kill { .. },
            ..
        } => fs::remove_file(machine.program("one")).unwrap(),
        StepKind::Ended {
            outcome: Outcome::Warned(StepError::Refused(why)),
            ..
        } => refused.push(why),
        _ => {}
    };
    let verdict = engine::run(&kernel, &machine.machine(), &job, &options(), &mut report);
    assert_eq!(verdict, Verdict::Clean);
    let missing = Refusal::Hook(Distrust::Missing {
        program: machine.program("one").display().to_string(),
        dir: open_to_others(&machine.program("one")),
    });
    assert_eq!(refused, [missing]);
    let run: Vec<_> = kernel.hooks_run();
    assert_eq!(run.len(), 1);
    assert_eq!(run[0].program.path(), machine.program("two"));
}
