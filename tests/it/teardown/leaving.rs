//! A task that hangs in its exit: Linux 6.19 and later list it nowhere, and its cgroup stays populated.

use std::fs;
use std::time::Duration;

use ocitop::cgroup::Version;
use ocitop::kernel::Kernel as _;
use ocitop::lifecycle::{
    Force, Job, Outcome, Reason, Seen, Step, StepError, StepEvent, StepKind, Verdict,
};
use ocitop::oci::RuntimeKind;

use super::{delete, options, outcomes};
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// Beyond every deadline.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// v2, and v1 with a v2 tree beside it, in which runc puts its containers too.
fn hosts() -> [Machine; 2] {
    [Machine::v1(), Machine::v2()].map(|host| host.running("web", RuntimeKind::Runc))
}

fn unified(machine: &Machine) -> std::path::PathBuf {
    let root = machine.cgroup_root();
    match machine.version() {
        Version::V1 => root.join("unified/web"),
        Version::V2 => root.join("web"),
    }
}

fn events_of(machine: &Machine) -> String {
    fs::read_to_string(unified(machine).join("cgroup.events")).unwrap()
}

fn outcome(events: &[StepEvent], is: impl Fn(&Step) -> bool) -> Option<Outcome> {
    let outcomes = outcomes(events);
    let found = outcomes.iter().find(|(step, _)| is(step));
    found.map(|(_, outcome)| Outcome::clone(outcome))
}

fn drained(events: &[StepEvent]) -> Outcome {
    outcome(events, |step| matches!(step, Step::Drain { .. })).unwrap()
}

#[test]
fn a_cgroup_in_which_a_listed_nowhere_task_hangs_is_not_drained() {
    for machine in hosts() {
        let pid = machine.target("web").init.unwrap().pid + 1;
        let kernel = FakeKernel::over(&machine).hangs_in_its_exit(pid, NEVER);
        let (verdict, events) = delete(&machine, &kernel);
        assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
        let Outcome::Failed(StepError::Alive { survivors }) = drained(&events) else {
            panic!("{events:#?}");
        };
        let [survivor] = &survivors[..] else {
            panic!("{survivors:?}");
        };
        assert_eq!((survivor.pid, survivor.state), (pid, 'D'));
        assert_eq!(survivor.cgroup, Some(unified(&machine)));
        assert!(machine.state_dir("web").is_dir());
        assert!(kernel.now() >= options().timeout, "{:?}", kernel.now());
        let told = |event: &&StepEvent| match &event.kind {
            StepKind::Waiting { survivors, .. } => survivors.iter().any(|one| one.pid == pid),
            _ => false,
        };
        assert!(events.iter().filter(told).count() >= 3, "a silent wait");
    }
}

#[test]
fn an_exit_that_comes_to_its_end_is_waited_for() {
    for machine in hosts() {
        let pid = machine.target("web").init.unwrap().pid + 1;
        let kernel = FakeKernel::over(&machine).hangs_in_its_exit(pid, Duration::from_secs(4));
        let (verdict, events) = delete(&machine, &kernel);
        assert_eq!(verdict, Verdict::Clean, "{events:#?}");
        let gone = Outcome::Done(Seen::Gone);
        assert_eq!(drained(&events), gone);
        assert!(kernel.now() >= Duration::from_secs(4), "{:?}", kernel.now());
        assert!(machine.is_gone("web"));
    }
}

/// Nothing is listed from the beginning, in the cgroup or in /proc.
#[test]
fn a_cgroup_populated_by_what_cannot_be_seen_is_not_drained_and_is_named() {
    for host in [Machine::v1, Machine::v2] {
        let machine = host().stopped("web", RuntimeKind::Runc);
        let file = unified(&machine).join("cgroup.events");
        fs::write(&file, "populated 1\nfrozen 0\n").unwrap();
        let kernel = FakeKernel::over(&machine);
        let (verdict, events) = delete(&machine, &kernel);
        assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
        let dirs = vec![unified(&machine)];
        let populated = Outcome::Failed(StepError::Populated { dirs });
        assert_eq!(drained(&events), populated);
        let killed = outcome(&events, |step| matches!(step, Step::Kill { .. }));
        assert_eq!(killed, Some(Outcome::Skipped(Reason::NoneListed)));
        assert!(machine.state_dir("web").is_dir());
        assert_eq!(kernel.signals(), []);
        assert!(kernel.now() >= options().timeout, "{:?}", kernel.now());
    }
}

#[test]
fn without_force_a_task_that_hangs_in_its_exit_keeps_a_stopped_container_too() {
    let mut machine = Machine::v2().stopped("web", RuntimeKind::Runc);
    let pid = machine.spawn("web");
    let kernel = FakeKernel::over(&machine).hangs_in_its_exit(pid, NEVER);
    kernel.begin_exit(pid);
    let job = Job::Delete(machine.target("web"), Force::No);
    let (verdict, events) = super::run(&machine, &kernel, &job);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
    assert!(matches!(
        drained(&events),
        Outcome::Failed(StepError::Alive { .. })
    ));
    assert!(machine.state_dir("web").is_dir());
    assert!(events_of(&machine).contains("populated 1"));
}

/// Then `/proc/PID/cgroup` of whoever exits does.
#[test]
fn where_the_kernel_does_not_say_whether_it_is_populated_those_who_exit_do() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    fs::remove_file(unified(&machine).join("cgroup.events")).unwrap();
    let pid = machine.target("web").init.unwrap().pid + 1;
    let kernel = FakeKernel::over(&machine).hangs_in_its_exit(pid, NEVER);
    let (_, events) = delete(&machine, &kernel);
    let Outcome::Failed(StepError::Alive { survivors }) = drained(&events) else {
        panic!("{events:#?}");
    };
    assert_eq!(survivors.len(), 1);
    assert!(machine.state_dir("web").is_dir());
    let kernel = FakeKernel::over(&machine);
    kernel.forget(pid);
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
}
