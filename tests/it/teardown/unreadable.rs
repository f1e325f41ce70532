//! A cgroup that can be neither found nor said to be gone: the look itself fails.

use std::fs;
use std::os::unix::fs::symlink;

use ocitop::inventory::OutOfSight;
use ocitop::lifecycle::{Force, Job, Outcome, Refusal, Step, StepError, Verdict};
use ocitop::oci::RuntimeKind;

use super::scopes::{Has, delete_under_systemd, torn};
use super::{options, outcomes};
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// A dead container whose recorded cgroup lies behind a link that leads to itself: `ELOOP`, as `EIO`
/// would be of a device.
fn house() -> Machine {
    let machine = Machine::v2().stopped("web", RuntimeKind::Youki);
    let config = r#"{"hooks":null,"cgroup_path":"/loop/web"}"#;
    fs::write(machine.state_dir("web").join("youki_config.json"), config).unwrap();
    symlink("loop", machine.cgroup_root().join("loop")).unwrap();
    machine
}

#[test]
fn a_cgroup_that_cannot_be_looked_at_refuses_the_delete_and_keeps_the_record() {
    let machine = house();
    for force in [Force::No, Force::Yes] {
        let kernel = FakeKernel::over(&machine);
        let job = Job::Delete(machine.target("web"), force);
        let verdict = engine::run(&kernel, &machine.machine(), &job, &options(), &mut |_| {});
        let Verdict::Refused(Refusal::CgroupsOutOfSight(unseen)) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(unseen.why, OutOfSight::CgroupUnreadable);
        assert_eq!(unseen.hierarchies, ["unified"]);
        assert_eq!(kernel.changes(), 0);
        assert!(machine.state_dir("web").is_dir());
    }
}

#[test]
fn a_cgroup_that_cannot_be_looked_at_any_more_is_not_gone() {
    let machine = torn(Has::Active);
    let slice = machine.cgroup_root().join("system.slice");
    let away = machine.beside("away");
    let to = slice.clone();
    // While systemd is asked: the look fails from then on.
    let kernel = FakeKernel::over(&machine).at_stop(move || {
        fs::rename(&to, &away).unwrap();
        symlink("system.slice", &to).unwrap();
    });
    let (verdict, events) = delete_under_systemd(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{events:#?}");
    let said = verdict.words();
    assert_eq!(said.matches("left: ").count(), 1, "{said}");
    let all = outcomes(&events);
    let removed = all
        .iter()
        .find(|(step, _)| matches!(step, Step::RemoveCgroups { .. }));
    let scope = slice.join("runc-web.scope");
    let why = std::io::Error::from(rustix::io::Errno::LOOP);
    let left = StepError::Left {
        cause: format!("remove {}: {why}", scope.display()),
        paths: vec![scope],
    };
    assert_eq!(removed.unwrap().1, &Outcome::Failed(left), "{events:#?}");
    assert!(machine.state_dir("web").is_dir());
}
