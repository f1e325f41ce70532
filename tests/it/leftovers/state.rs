//! State directories: of stopped containers, and those that no runtime can read.

use std::fs;
use std::path::Path;

use ocitop::leftovers::{Confidence, KillOrphans, LeftoverKind, NoOrder, order};
use ocitop::lifecycle::{Force, Job, Kept, Refusal, Verdict};
use ocitop::oci::RuntimeKind;

use super::{at, broken, clean, look, machines};
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::{Machine, age};

#[test]
fn state_that_no_runtime_can_read_is_certain_with_the_cgroups_of_its_name() {
    for files in [
        &[][..],
        &[("state.json", "")],
        &[("state.json", "{\"ociVersion\":\"1.0\",\"id\":\"web\",\"pi")],
        &[("youki_config.json", "{\"cgroup_path\":\"/web\"}")],
        &[("config.json", "{}")],
    ] {
        for machine in machines() {
            let dir = broken(&machine, files);
            machine.leave("web", None);
            let found = look(&machine);
            let leftover = at(&found, "root/web");
            assert_eq!(leftover.kind, LeftoverKind::StateDir);
            assert_eq!(
                leftover.confidence,
                Confidence::Certain,
                "{}",
                leftover.argument()
            );
            assert_eq!(found.list.len(), 1, "{:#?}", found.list);
            let job = order(&leftover, KillOrphans::No).unwrap();
            let (verdict, events) = clean(&machine, &FakeKernel::over(&machine), &job);
            assert_eq!(verdict, Verdict::Clean, "{events:#?}");
            assert!(!dir.exists() && machine.cgroup_dirs("web").is_empty());
        }
    }
}

#[test]
fn broken_state_of_a_container_that_may_live_is_not_touched() {
    // Its processes are in the cgroup of its name.
    for mut machine in machines() {
        broken(&machine, &[("state.json", "")]);
        machine.leave("web", None);
        machine.spawn("web");
        let leftover = at(&look(&machine), "root/web");
        assert_ne!(leftover.confidence, Confidence::Certain);
        assert_eq!(order(&leftover, KillOrphans::No), Err(NoOrder::Populated));
    }
    // It has no cgroup that could be found, but its cut state names a process that lives.
    let mut machine = Machine::v2();
    let pid = machine.spawn_stranger();
    broken(
        &machine,
        &[(
            "state.json",
            &format!("{{\"ociVersion\":\"1.0\",\"pid\":{pid},\"cr"),
        )],
    );
    assert_eq!(
        at(&look(&machine), "root/web").confidence,
        Confidence::Unknown
    );
    // And once listed, it came to life.
    let machine = Machine::v2();
    broken(&machine, &[("state.json", "")]);
    let job = order(&at(&look(&machine), "root/web"), KillOrphans::No).unwrap();
    let machine = machine.running("web", RuntimeKind::Youki);
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = clean(&machine, &kernel, &job);
    assert!(
        matches!(verdict, Verdict::Refused(Refusal::Kept(Kept::Alive { .. }))),
        "{verdict:?}"
    );
    assert_eq!(kernel.changes(), 0);
}

#[test]
fn state_that_may_be_of_a_newer_runtime_is_likely_and_a_strangers_directory_unknown() {
    let machine = Machine::v2();
    broken(&machine, &[("status", "{\"version\":2,\"pid\":[]}")]);
    assert_eq!(
        at(&look(&machine), "root/web").confidence,
        Confidence::Likely
    );
    let machine = Machine::v2();
    broken(&machine, &[("notes.txt", "mine")]);
    assert_eq!(
        at(&look(&machine), "root/web").confidence,
        Confidence::Unknown
    );
}

#[test]
fn a_stopped_container_is_likely_and_certain_once_its_bundle_is_gone() {
    for runtime in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
        let machine = Machine::v2().stopped("web", runtime);
        let dir = &machine.cgroup_dirs("web")[0];
        fs::write(dir.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
        age(&machine.state_dir("web"), 7200);
        let leftover = at(&look(&machine), "root/web");
        // `/bundle` is no directory of the machine the tests run on.
        assert!(!Path::new("/bundle").exists());
        assert_eq!(
            leftover.confidence,
            Confidence::Certain,
            "{}",
            leftover.argument()
        );
        assert!(
            leftover
                .argument()
                .contains("its init is dead; its bundle is gone")
        );
        let job = order(&leftover, KillOrphans::No).unwrap();
        assert!(matches!(job, Job::Delete(_, Force::No)));
        let kernel = FakeKernel::over(&machine);
        assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
        assert!(machine.is_gone("web"));
    }
    let machine = Machine::v2().stopped("web", RuntimeKind::Youki);
    let bundle = machine.beside("bundle");
    fs::create_dir(&bundle).unwrap();
    machine.edit("web", |state| {
        state["bundle"] = bundle.to_str().unwrap().into();
    });
    age(&machine.state_dir("web"), 7200);
    assert_eq!(
        at(&look(&machine), "root/web").confidence,
        Confidence::Likely
    );
}
