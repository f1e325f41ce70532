//! A delete that was killed after the state file had gone: its directory tells that a removal had begun,
//! and a plain delete ends it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use ocitop::inventory::Condition;
use ocitop::lifecycle::{Force, Job, Refusal, Step, StepEvent, StepKind, Target, Verdict};
use ocitop::oci::RuntimeKind;

use super::{options, run};
use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, remove_tree};
use crate::support::machine::Machine;

/// A machine with what such a delete left of `web`, and what was asked to be deleted.
fn emptied() -> (Machine, Target, PathBuf) {
    let machine = Machine::v2().stopped("web", RuntimeKind::Runc);
    let target = machine.target("web");
    for dir in machine.cgroup_dirs("web") {
        remove_tree(&dir);
    }
    let dir = machine.state_dir("web");
    fs::remove_file(dir.join("state.json")).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1700)).unwrap();
    (machine, target, dir)
}

/// That a delete without force is refused, for its state cannot be read.
#[track_caller]
fn needs_force(machine: &Machine, target: Target) {
    let kernel = FakeKernel::over(machine);
    let (verdict, _) = run(machine, &kernel, &Job::Delete(target, Force::No));
    let why = Refusal::NotStopped {
        id: "web".to_owned(),
        condition: Condition::Broken,
    };
    assert_eq!(verdict, Verdict::Refused(why));
    assert!(machine.state_dir("web").is_dir());
}

#[test]
fn a_directory_whose_removal_had_begun_goes_without_force() {
    for marks in [&[][..], &[".ocitop-poststop-1"]] {
        let (machine, target, dir) = emptied();
        for mark in marks {
            fs::write(dir.join(mark), "").unwrap();
        }
        let kernel = FakeKernel::over(&machine);
        let (verdict, events) = run(&machine, &kernel, &Job::Delete(target, Force::No));
        assert_eq!(verdict, Verdict::Clean, "{marks:?}: {events:#?}");
        assert!(!dir.exists());
    }
}

#[test]
fn an_empty_directory_in_which_a_container_may_be_made_needs_force() {
    let (machine, target, dir) = emptied();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o711)).unwrap();
    needs_force(&machine, target);
}

#[test]
fn one_with_more_than_marks_in_it_needs_force() {
    let (machine, target, dir) = emptied();
    fs::write(dir.join("exec.fifo"), "").unwrap();
    needs_force(&machine, target);
}

#[test]
fn one_with_a_cgroup_of_its_name_needs_force() {
    let (machine, target, _) = emptied();
    machine.leave("web", None);
    needs_force(&machine, target);
}

#[test]
fn what_is_made_in_it_meanwhile_is_not_removed() {
    for force in [Force::No, Force::Yes] {
        let (machine, target, dir) = emptied();
        let state = dir.join("state.json");
        let job = Job::Delete(target, force);
        let kernel = FakeKernel::over(&machine);
        let mut make = |event: StepEvent| {
            if let StepKind::Started {
                step: Step::RemoveStateDir { .. },
                ..
            } = event.kind
            {
                fs::write(&state, "{}").unwrap();
            }
        };
        let verdict = engine::run(&kernel, &machine.machine(), &job, &options(), &mut make);
        assert_eq!(verdict, Verdict::Refused(Refusal::Replaced), "{force:?}");
        assert!(state.exists());
    }
}
