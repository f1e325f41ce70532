//! Containers of the systemd driver: their scope is stopped as a unit.

use std::fs;

use ocitop::kernel::Kernel as _;
use ocitop::lifecycle::{Force, Job, Outcome, Seen, Step, StepError, StepEvent, Verdict};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use super::{assert_contract, delete, options, outcomes};
use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, Op, remove_tree};
use crate::support::machine::Machine;

/// A stopped crun container of the systemd driver: its scope, with the `container` inside.
pub(super) fn in_a_scope() -> (Machine, std::path::PathBuf) {
    let machine = Machine::v2().stopped("web", RuntimeKind::Crun);
    for dir in machine.cgroup_dirs("web") {
        remove_tree(&dir);
    }
    let scope = machine.leave("system.slice/crun-web.scope", None).remove(0);
    machine.leave("system.slice/crun-web.scope/container", None);
    let file = machine.state_dir("web").join("status");
    let mut status: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    status["cgroup-path"] = "/system.slice/crun-web.scope/container".into();
    status["scope"] = "crun-web.scope".into();
    status["systemd-cgroup"] = true.into();
    fs::write(file, status.to_string()).unwrap();
    (machine, scope)
}

pub(super) fn delete_under_systemd(
    machine: &Machine,
    kernel: &FakeKernel<'_>,
) -> (Verdict, Vec<StepEvent>) {
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let mut host = machine.machine();
    host.systemd = true;
    let mut events = Vec::new();
    let mut report = |event| events.push(event);
    let verdict = engine::run(kernel, &host, &job, &options(), &mut report);
    assert_contract(&events, &verdict);
    (verdict, events)
}

#[test]
fn a_systemd_scope_is_stopped_and_goes_as_a_whole() {
    let (machine, scope) = in_a_scope();
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert!(!scope.exists() && !machine.state_dir("web").exists());
    let units = kernel.units_stopped();
    let unit = units.first().unwrap();
    assert_eq!(units.len(), 1);
    assert_eq!(unit.name, "crun-web.scope");
    assert_eq!(unit.cgroup.to_str(), Some("/system.slice/crun-web.scope"));
}

#[test]
fn the_scope_of_a_container_whose_cgroup_is_gone_is_stopped_too() {
    let (machine, scope) = in_a_scope();
    remove_tree(&scope);
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(kernel.units_stopped().len(), 1);
}

#[test]
fn where_systemd_does_not_answer_the_cgroup_goes_all_the_same() {
    let (machine, scope) = in_a_scope();
    let kernel = FakeKernel::over(&machine).failing(Op::StopUnit, Errno::TIMEDOUT);
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert!(!scope.exists());
    let warned = |(step, outcome): &(&Step, &Outcome)| {
        matches!(step, Step::StopUnit { .. }) && matches!(outcome, Outcome::Warned(_))
    };
    assert!(outcomes(&events).iter().any(warned), "{events:#?}");
}

#[test]
fn no_unit_is_stopped_where_systemd_does_not_run() {
    let (machine, _) = in_a_scope();
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(kernel.units_stopped(), []);
}

/// What systemd has: an active unit, or one that is loaded and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    Active,
    Loaded,
    Nothing,
}

fn systemd_has(machine: &Machine, has: Has) {
    let (dir, file) = match has {
        Has::Active => ("units", "invocation:runc-web.scope"),
        Has::Loaded => ("transient", "runc-web.scope"),
        Has::Nothing => return,
    };
    let dir = machine.beside("run/systemd").join(dir);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(file), "").unwrap();
}

/// A container of runc's whose record is torn, and whose scope is there: only its name tells.
pub(super) fn torn(has: Has) -> Machine {
    let machine = Machine::v2().stopped("web", RuntimeKind::Runc);
    for dir in machine.cgroup_dirs("web") {
        remove_tree(&dir);
    }
    fs::write(machine.state_dir("web").join("state.json"), "{").unwrap();
    machine.leave("system.slice/runc-web.scope", None);
    systemd_has(&machine, has);
    machine
}

#[test]
fn a_scope_that_was_found_by_its_name_is_stopped_as_a_unit_where_systemd_has_it() {
    for (has, stopped) in [(Has::Active, 1), (Has::Loaded, 1), (Has::Nothing, 0)] {
        let machine = torn(has);
        let kernel = FakeKernel::over(&machine);
        let (_, events) = delete_under_systemd(&machine, &kernel);
        let units = kernel.units_stopped();
        assert_eq!(units.len(), stopped, "{has:?}: {events:#?}");
        let scope = "/system.slice/runc-web.scope";
        assert!(units.iter().all(|unit| unit.cgroup.to_str() == Some(scope)));
        let dir = machine.cgroup_root().join("system.slice/runc-web.scope");
        assert!(!dir.exists());
    }
}

#[test]
fn verify_asks_whether_systemd_has_let_go_of_the_scope() {
    // The fixture's systemd does as it is told.
    let machine = torn(Has::Active);
    let link = machine.beside("run/systemd/units/invocation:runc-web.scope");
    let file = link.clone();
    let kernel = FakeKernel::over(&machine).at_stop(move || fs::remove_file(file).unwrap());
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    // It has the unit active all the same.
    let machine = torn(Has::Active);
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
    let unit = "runc-web.scope".to_owned();
    let active = Outcome::Failed(StepError::UnitActive { unit });
    assert_eq!(outcomes(&events).last(), Some(&(&Step::Verify, &active)));
    assert!(kernel.now() < std::time::Duration::from_secs(4));
}

#[test]
fn units_that_cannot_be_listed_are_not_said_to_be_gone() {
    let machine = torn(Has::Nothing);
    fs::create_dir_all(machine.beside("run/systemd")).unwrap();
    fs::write(machine.beside("run/systemd/units"), "no directory").unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    // It may know the scope.
    assert_eq!(kernel.units_stopped().len(), 1);
    let unseen = Outcome::Done(Seen::GoneUnseen(vec![machine.beside("run/systemd")]));
    assert_eq!(outcomes(&events).last(), Some(&(&Step::Verify, &unseen)));
}
