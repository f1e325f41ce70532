//! The device program that crun pinned for a container's scope goes with the container.

use std::fs;
use std::path::PathBuf;

use ocitop::inventory::pins::Holder;
use ocitop::inventory::sight::OutOfSight;
use ocitop::lifecycle::{
    Force, Job, Kept, Note, Outcome, Preview, Reason, Refusal, Seen, Step, StepError, StepEvent,
    Verdict,
};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use super::scopes::{delete_under_systemd, in_a_scope};
use super::{delete, options, outcomes};
use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, Op};
use crate::support::machine::Machine;

/// A stopped container of crun's in the scope `crun-web.scope`, and where its pin would be.
fn house() -> (Machine, PathBuf) {
    let (machine, _) = in_a_scope();
    let home = machine.beside("sys/fs/bpf/crun");
    fs::create_dir_all(&home).unwrap();
    (machine, home.join("crun-web_scope"))
}

fn pinned() -> (Machine, PathBuf) {
    let (machine, pin) = house();
    fs::write(&pin, "").unwrap();
    (machine, pin)
}

fn outcome(events: &[StepEvent]) -> Option<Outcome> {
    let mut of_pin = outcomes(events).into_iter();
    let found = of_pin.find(|(step, _)| matches!(step, Step::RemovePin { .. }));
    found.map(|(_, outcome)| outcome.clone())
}

fn verified(events: &[StepEvent]) -> Outcome {
    let outcomes = outcomes(events);
    let (step, outcome) = outcomes.last().unwrap();
    assert_eq!(**step, Step::Verify);
    Outcome::clone(outcome)
}

#[test]
fn the_pin_goes_after_the_unit_and_the_cgroups_and_no_other_goes_with_it() {
    let (machine, pin) = pinned();
    let others = ["crun-web2_scope", "crun-web_1_scope", "crun-web.scope"];
    let others = others.map(|name| pin.with_file_name(name));
    for other in &others {
        fs::write(other, "").unwrap();
    }
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    let words: Vec<_> = outcomes(&events)
        .iter()
        .map(|(step, _)| step.word())
        .collect();
    let order = [
        "identify", "kill", "drain", "unit", "cgroups", "bpf", "state", "verify",
    ];
    assert_eq!(words, order);
    assert_eq!(outcome(&events), Some(Outcome::Done(Seen::Gone)));
    assert!(!pin.exists());
    assert!(others.iter().all(|other| other.exists()));
}

#[test]
fn the_plan_tells_the_pin_whether_it_is_there_or_not() {
    for (machine, pin) in [pinned(), house()] {
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let Preview { plan, refused, .. } = engine::preview(&machine.machine(), &job, &options());
        assert_eq!(refused, None);
        let step = Step::RemovePin { file: pin.clone() };
        assert!(
            plan.0.iter().any(|planned| planned.step == step),
            "{plan:?}"
        );
        let json = serde_json::to_value(&step).unwrap();
        assert_eq!(json, serde_json::json!({"step": "remove_pin", "file": pin}));
    }
}

#[test]
fn a_pin_that_is_not_there_is_skipped() {
    let (machine, _) = house();
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    let gone = Outcome::Skipped(Reason::AlreadyGone);
    assert_eq!(outcome(&events), Some(gone.clone()));
    assert_eq!(verified(&events), Outcome::Done(Seen::Gone));
    // crun never pinned anything here.
    let (machine, _) = in_a_scope();
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(outcome(&events), Some(gone));
}

#[test]
fn without_a_scope_in_the_record_there_is_no_such_step() {
    for runtime in super::RUNTIMES {
        let machine = Machine::v2().stopped("web", runtime);
        let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
        assert_eq!(verdict, Verdict::Clean);
        assert_eq!(outcome(&events), None);
    }
}

#[test]
fn what_is_no_name_of_a_scope_names_no_pin() {
    for scope in [
        "../../x.scope",
        "a/b.scope",
        ".scope/",
        "web",
        "/",
        "web.service",
        "a\0.scope",
    ] {
        let (machine, pin) = pinned();
        let file = machine.state_dir("web").join("status");
        let mut status: serde_json::Value =
            serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        status["scope"] = scope.into();
        fs::write(&file, status.to_string()).unwrap();
        let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
        assert_eq!(verdict, Verdict::Clean, "{scope}: {events:#?}");
        assert_eq!(outcome(&events), None, "{scope}");
        assert!(pin.exists());
    }
}

#[test]
fn a_link_or_a_directory_of_its_name_is_no_pin_and_stays() {
    let (machine, pin) = house();
    let aside = machine.beside("aside");
    fs::write(&aside, "").unwrap();
    std::os::unix::fs::symlink(&aside, &pin).unwrap();
    let no_pin = |pin: &PathBuf| {
        let why = Kept::NoPin(pin.display().to_string());
        Some(Outcome::Warned(StepError::Refused(why.into())))
    };
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(outcome(&events), no_pin(&pin));
    assert!(pin.is_symlink() && aside.exists());
    let (machine, pin) = house();
    fs::create_dir(&pin).unwrap();
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(outcome(&events), no_pin(&pin));
    assert!(pin.is_dir());
}

#[test]
fn a_pin_that_cannot_be_removed_is_left_and_said() {
    let (machine, pin) = pinned();
    let kernel = FakeKernel::over(&machine).failing(Op::RemovePin, Errno::PERM);
    let (verdict, events) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
    assert!(matches!(
        outcome(&events),
        Some(Outcome::Warned(StepError::Io { .. }))
    ));
    let Outcome::Failed(StepError::Left { paths, .. }) = verified(&events) else {
        panic!("{events:#?}");
    };
    assert_eq!(paths, [pin]);
}

#[test]
fn the_pin_of_a_unit_that_systemd_still_has_active_stays_and_is_said() {
    let (machine, pin) = pinned();
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(&units).unwrap();
    std::os::unix::fs::symlink("x", units.join("invocation:crun-web.scope")).unwrap();
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
    let held = Kept::PinHeld(Holder::Unit("crun-web.scope".to_owned()));
    let held = StepError::Refused(Refusal::Kept(held));
    assert_eq!(outcome(&events), Some(Outcome::Warned(held)));
    assert!(pin.exists());
}

/// A scope is of one name in all of systemd: the other record may be of the one that has it now.
#[test]
fn a_pin_that_another_record_names_too_is_left_alone() {
    let (machine, pin) = pinned();
    let machine = machine.stopped("other", RuntimeKind::Crun);
    let file = machine.state_dir("other").join("status");
    let mut status: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    status["cgroup-path"] = "/other.slice/crun-web.scope".into();
    fs::write(&file, status.to_string()).unwrap();
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let preview = engine::preview(&machine.machine(), &job, &options());
    assert!(
        matches!(&preview.notes[..], [.., Note::PinSpared(Kept::PinOf { id, .. })] if id == "other"),
        "{:?}",
        preview.notes
    );
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(outcome(&events), None);
    assert!(pin.exists());
}

/// A BPF file system that is not the host's shows no pin of the host's.
#[test]
fn a_pin_that_is_not_found_among_other_mounts_than_the_hosts_may_be_there() {
    let (machine, pin) = house();
    let host = machine.among_other_mounts(Some(8));
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let mut events = Vec::new();
    let kernel = FakeKernel::over(&machine);
    let verdict = engine::run(&kernel, &host, &job, &options(), &mut |event| {
        events.push(event);
    });
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    let why = OutOfSight::MountNamespace;
    let unseen = StepError::OutOfSight {
        path: pin.clone(),
        why,
    };
    assert_eq!(outcome(&events), Some(Outcome::Warned(unseen)));
    assert_eq!(
        verified(&events),
        Outcome::Done(Seen::GoneUnseen(vec![pin]))
    );
}

#[test]
fn a_pin_that_was_there_is_gone_whoevers_mounts_these_are() {
    let (machine, pin) = pinned();
    let host = machine.among_other_mounts(Some(8));
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let mut events = Vec::new();
    let kernel = FakeKernel::over(&machine);
    let verdict = engine::run(&kernel, &host, &job, &options(), &mut |event| {
        events.push(event);
    });
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert!(!pin.exists());
    assert_eq!(verified(&events), Outcome::Done(Seen::Gone));
}

#[test]
fn a_bpf_file_system_that_cannot_be_read_is_a_warning() {
    let (machine, pin) = house();
    let home = pin.parent().unwrap();
    fs::remove_dir(home).unwrap();
    // For root no directory is unreadable: what is none is.
    fs::write(home, "").unwrap();
    let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert!(matches!(
        outcome(&events),
        Some(Outcome::Warned(StepError::Io { .. }))
    ));
    assert_eq!(
        verified(&events),
        Outcome::Done(Seen::GoneUnseen(vec![pin]))
    );
}
