//! Device programs that crun pinned, by the names crun gives them: a living container's is none.

use std::fs;
use std::path::PathBuf;

use ocitop::inventory::pins::Holder;
use ocitop::leftovers::{Argument, Confidence, KillOrphans, LeftoverKind, WhyItStays, order};
use ocitop::lifecycle::{Kept, Verdict};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use super::{ID, at, clean, look};
use crate::support::fake_kernel::{FakeKernel, Op};
use crate::support::machine::{Machine, age};

/// What crun 1.28 pins for the scope of each of its callers.
fn names() -> [(String, String); 4] {
    [
        ("crun-web_scope".to_owned(), "crun-web.scope".to_owned()),
        (format!("libpod-{ID}_scope"), format!("libpod-{ID}.scope")),
        (format!("docker-{ID}_scope"), format!("docker-{ID}.scope")),
        ("crun-w_b_1_scope".to_owned(), "crun-w.b_1.scope".to_owned()),
    ]
}

fn pinned(machine: &Machine, name: &str) -> PathBuf {
    let home = machine.beside("sys/fs/bpf/crun");
    fs::create_dir_all(&home).unwrap();
    let pin = home.join(name);
    fs::write(&pin, "").unwrap();
    age(&pin, 7200);
    pin
}

fn active(machine: &Machine, unit: &str) {
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(&units).unwrap();
    std::os::unix::fs::symlink("x", units.join(format!("invocation:{unit}"))).unwrap();
}

#[test]
fn a_pin_that_nobody_needs_is_removed_if_it_still_is_the_same_file() {
    for (name, _) in names() {
        let machine = Machine::v2();
        let pin = pinned(&machine, &name);
        let found = look(&machine);
        let leftover = at(&found, &name);
        assert_eq!(leftover.confidence, Confidence::Likely, "{name}");
        let job = order(&leftover, KillOrphans::No).unwrap();
        let kernel = FakeKernel::over(&machine).failing(Op::RemovePin, Errno::PERM);
        let (verdict, _) = clean(&machine, &kernel, &job);
        assert!(matches!(verdict, Verdict::Leftovers(_)));
        let (verdict, _) = clean(&machine, &FakeKernel::over(&machine), &job);
        assert_eq!(verdict, Verdict::Clean);
        assert!(!pin.exists());
    }
}

#[test]
fn a_pin_whose_scope_has_a_cgroup_is_held_by_whatever_record() {
    for (name, scope) in names() {
        let mut machine = Machine::v2();
        pinned(&machine, &name);
        let job = order(&at(&look(&machine), &name), KillOrphans::No).unwrap();
        let path = format!("a.slice/{scope}");
        let dir = machine.leave(&path, None).remove(0);
        machine.spawn(&path);
        let pins = |machine: &Machine| {
            let list = look(machine).list;
            list.iter()
                .filter(|one| one.kind == LeftoverKind::BpfPin)
                .count()
        };
        assert_eq!(pins(&machine), 0, "{name}");
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = clean(&machine, &kernel, &job);
        let why = Kept::PinHeld(Holder::Cgroup(dir));
        assert_eq!(verdict, Verdict::Refused(why.into()));
        assert_eq!(kernel.changes(), 0);
    }
}

#[test]
fn a_pin_whose_scope_is_in_a_record_is_that_containers_dead_or_alive() {
    for (name, scope) in names() {
        for below in ["", "/container"] {
            let machine = Machine::v2();
            pinned(&machine, &name);
            let job = order(&at(&look(&machine), &name), KillOrphans::No).unwrap();
            let machine = machine.stopped("any", RuntimeKind::Crun);
            let file = machine.state_dir("any").join("status");
            let mut status: serde_json::Value =
                serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            status["scope"] = scope.as_str().into();
            status["cgroup-path"] = format!("system.slice/{scope}{below}").into();
            fs::write(&file, status.to_string()).unwrap();
            let list = look(&machine).list;
            assert!(
                !list.iter().any(|one| one.kind == LeftoverKind::BpfPin),
                "{name}"
            );
            let (verdict, _) = clean(&machine, &FakeKernel::over(&machine), &job);
            let why = Kept::PinOf {
                id: "any".to_owned(),
                root: machine.root().display().to_string(),
            };
            assert_eq!(verdict, Verdict::Refused(why.into()));
        }
    }
}

#[test]
fn a_pin_whose_unit_is_active_is_held_and_one_whose_unit_failed_unknown() {
    for (name, scope) in names() {
        let machine = Machine::v2();
        pinned(&machine, &name);
        let job = order(&at(&look(&machine), &name), KillOrphans::No).unwrap();
        active(&machine, &scope);
        assert!(
            !look(&machine)
                .list
                .iter()
                .any(|one| one.kind == LeftoverKind::BpfPin)
        );
        let (verdict, _) = clean(&machine, &FakeKernel::over(&machine), &job);
        let why = Kept::PinHeld(Holder::Unit(scope.clone()));
        assert_eq!(verdict, Verdict::Refused(why.into()));
        // What systemd has only loaded still names the pin.
        let machine = Machine::v2();
        pinned(&machine, &name);
        let transient = machine.beside("run/systemd/transient");
        fs::create_dir_all(&transient).unwrap();
        fs::write(transient.join(&scope), "[Scope]\n").unwrap();
        let leftover = at(&look(&machine), &name);
        assert_eq!(leftover.confidence, Confidence::Unknown);
        assert_eq!(leftover.why, [WhyItStays::UnitLoaded(scope.clone())]);
        assert!(leftover.arguments.contains(&Argument::UnitLoaded(scope)));
    }
}
