//! What is asked of a container that stays: pause, resume, signals, start.

use std::fs;

use ocitop::kernel::{Release, Signal};
use ocitop::lifecycle::{Job, Outcome, Refusal, StepError, StepKind, Verdict};
use ocitop::oci::{RuntimeKind, Status};

use super::{RUNTIMES, run};
use crate::support::fake_kernel::{FakeKernel, remove_tree};
use crate::support::machine::Machine;

#[test]
fn pause_resume_kill_and_start_do_what_they_say() {
    for runtime in RUNTIMES {
        let machine = Machine::v1().running("web", runtime);
        let kernel = FakeKernel::over(&machine);
        let job = Job::Pause(machine.target("web"));
        assert_eq!(run(&machine, &kernel, &job).0, Verdict::Clean, "{runtime}");
        let condition = machine.container("web").condition;
        assert_eq!(condition.as_str(), Status::Paused.as_str());
        let job = Job::Resume(machine.target("web"));
        assert_eq!(run(&machine, &kernel, &job).0, Verdict::Clean, "{runtime}");
        let condition = machine.container("web").condition;
        assert_eq!(condition.as_str(), Status::Running.as_str());
        let init = machine.target("web").init.unwrap().pid;
        let job = Job::Kill(machine.target("web"), Signal::TERM);
        assert_eq!(run(&machine, &kernel, &job).0, Verdict::Clean, "{runtime}");
        assert_eq!(kernel.signals(), [(init, Signal::TERM)]);
        let job = Job::Start(machine.target("web"));
        let (verdict, _) = run(&machine, &kernel, &job);
        let why = Refusal::NotCreated(condition);
        assert_eq!(verdict, Verdict::Refused(why), "{runtime}");
        assert_eq!(kernel.released(), []);
    }
    let machine = Machine::v1().running("web", RuntimeKind::Youki);
    machine.edit("web", |state| state["status"] = "created".into());
    let kernel = FakeKernel::over(&machine);
    let job = Job::Start(machine.target("web"));
    assert_eq!(run(&machine, &kernel, &job).0, Verdict::Clean);
    assert_eq!(kernel.released(), [Release::NotifySocket]);
    let state = fs::read_to_string(machine.state_dir("web").join("state.json")).unwrap();
    assert!(state.contains("\"running\""), "{state}");
}

#[test]
fn the_null_signal_changes_nothing_and_tells_who_lives() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let init = machine.target("web").init.unwrap().pid;
    let kernel = FakeKernel::over(&machine);
    let job = Job::Kill(machine.target("web"), Signal::NULL);
    assert_eq!(run(&machine, &kernel, &job).0, Verdict::Clean);
    assert_eq!(kernel.signals(), [(init, Signal::NULL)]);
    assert_eq!(kernel.changes(), 0);
}

#[test]
fn a_signal_to_an_init_that_ends_in_the_very_moment_is_no_success() {
    for signal in [Signal::NULL, Signal::TERM, Signal(37)] {
        let machine = Machine::v1().running("web", RuntimeKind::Runc);
        let init = machine.target("web").init.unwrap().pid;
        let dir = machine.proc().join(init.to_string());
        let kernel = FakeKernel::over(&machine).at_open(init, move || remove_tree(&dir));
        let job = Job::Kill(machine.target("web"), signal);
        let (verdict, events) = run(&machine, &kernel, &job);
        assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
        let ended = events.iter().rev().find_map(|event| match &event.kind {
            StepKind::Ended { outcome, .. } => Some(outcome.clone()),
            _ => None,
        });
        let gone = StepError::Refused(Refusal::InitGone);
        assert_eq!(ended, Some(Outcome::Failed(gone)), "{signal}");
        assert_eq!(kernel.signals(), []);
    }
}
