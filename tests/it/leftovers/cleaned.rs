//! Cleaning: what goes, in which order, and what is left alone because it is no longer what was shown.

use std::fs;

use ocitop::kernel::Signal;
use ocitop::leftovers::{Confidence, KillOrphans, NoOrder, WhyItStays, order};
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{Kept, Outcome, Refusal, Step, StepError, StepEvent, StepKind, Verdict};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use super::{ID, at, clean, look, machines};
use crate::support::fake_kernel::{FakeKernel, Op, remove_tree};
use crate::support::machine::Machine;

#[test]
fn processes_without_an_owner_are_told_and_killed_only_by_name() {
    for mut machine in machines() {
        machine.leave(ID, None);
        let pid = machine.spawn(ID);
        let leftover = at(&look(&machine), ID);
        assert_eq!(
            (leftover.confidence, leftover.populated),
            (Confidence::Likely, true)
        );
        assert_eq!(leftover.processes, [pid]);
        assert_eq!(leftover.why.first(), Some(&WhyItStays::Processes(1)));
        assert_eq!(order(&leftover, KillOrphans::No), Err(NoOrder::Populated));
        let job = order(&leftover, KillOrphans::Yes).unwrap();
        let kernel = FakeKernel::over(&machine);
        let (verdict, events) = clean(&machine, &kernel, &job);
        assert_eq!(verdict, Verdict::Clean, "{events:#?}");
        let signals = kernel.signals();
        assert!(
            signals.is_empty() || signals == [(pid, Signal::KILL)],
            "{signals:?}"
        );
        assert!(!machine.proc().join(pid.to_string()).exists());
        assert!(machine.cgroup_dirs(ID).is_empty());
    }
}

#[test]
fn cleaning_removes_every_directory_children_first_and_nothing_else() {
    for machine in machines() {
        machine.leave(&format!("docker/{ID}/a/b"), None);
        machine.leave(&format!("docker/{ID}/a"), None);
        let dirs = machine.leave(&format!("docker/{ID}"), None);
        let found = look(&machine);
        let leftover = at(&found, ID);
        assert_eq!(leftover.children, 2);
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = clean(
            &machine,
            &kernel,
            &order(&leftover, KillOrphans::No).unwrap(),
        );
        assert_eq!(verdict, Verdict::Clean);
        assert_eq!(kernel.changes(), 3 * dirs.len());
        assert!(
            dirs.iter()
                .all(|dir| !dir.exists() && dir.parent().unwrap().exists())
        );
        assert!(look(&machine).list.is_empty());
    }
}

#[test]
fn what_became_populated_between_list_and_clean_is_left_alone() {
    for mut machine in machines() {
        machine.leave(ID, None);
        let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
        let pid = machine.spawn(ID);
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = clean(&machine, &kernel, &job);
        assert!(
            matches!(
                &verdict,
                Verdict::Refused(Refusal::Kept(Kept::Process { pid: found, .. })) if *found == pid
            ),
            "{verdict:?}"
        );
        assert_eq!(kernel.changes(), 0);
    }
}

#[test]
fn v2_says_populated_for_what_cannot_be_seen_and_that_counts() {
    let machine = Machine::v2();
    let dir = machine.leave(ID, None).remove(0);
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    fs::write(dir.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
    let kernel = FakeKernel::over(&machine);
    assert_eq!(
        clean(&machine, &kernel, &job).0,
        Verdict::Refused(Kept::Populated(dir.display().to_string()).into())
    );
    assert_eq!(kernel.changes(), 0);
    assert_eq!(
        at(&look(&machine), ID).why.first(),
        Some(&WhyItStays::Unseen)
    );
    // A process of another pid namespace reads as 0.
    fs::write(dir.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
    fs::write(dir.join("cgroup.procs"), "0\n").unwrap();
    assert!(at(&look(&machine), ID).populated);
}

#[test]
fn what_got_an_owner_between_list_and_clean_is_left_alone() {
    let mut machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    machine.told("containerd-shim", &["containerd-shim-runc-v2", "-id", ID]);
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = clean(&machine, &kernel, &job);
    assert!(
        matches!(verdict, Verdict::Refused(Refusal::Kept(Kept::Owned(_)))),
        "{verdict:?}"
    );
    let machine = Machine::v2();
    machine.leave(ID, None);
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    let machine = machine.running(ID, RuntimeKind::Runc);
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = clean(&machine, &kernel, &job);
    assert!(
        matches!(verdict, Verdict::Refused(Refusal::Kept(Kept::Alive { .. }))),
        "{verdict:?}"
    );
    assert_eq!(kernel.changes(), 0);
}

#[test]
fn a_directory_made_anew_under_the_same_path_is_another_one() {
    let machine = Machine::v2();
    let dir = machine.leave(ID, None).remove(0);
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    let other = dir.with_file_name("other");
    fs::create_dir(&other).unwrap();
    remove_tree(&dir);
    fs::rename(&other, &dir).unwrap();
    let kernel = FakeKernel::over(&machine);
    clean(&machine, &kernel, &job);
    assert_eq!(kernel.changes(), 0);
    assert!(dir.exists());
}

#[test]
fn ocitops_own_cgroup_is_not_removed_even_if_it_moved_there_since() {
    let machine = Machine::v2();
    let dir = machine.leave(&format!("docker/{ID}"), None).remove(0);
    let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
    let name = dir.display().to_string();
    for (pid, why) in [
        ("self", Forbidden::Own(name.clone())),
        ("1", Forbidden::Init(name)),
    ] {
        let file = machine.proc().join(pid).join("cgroup");
        fs::write(&file, format!("0::/docker/{ID}/x\n")).unwrap();
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = clean(&machine, &kernel, &job);
        assert_eq!(verdict, Verdict::Refused(why.into()));
        assert_eq!(kernel.changes(), 0);
        let unread = Machine::cannot_be_read(&file);
        let (verdict, _) = clean(&machine, &kernel, &job);
        let why = Forbidden::Unseen(dir.display().to_string(), unread);
        assert_eq!(verdict, Verdict::Refused(why.into()));
        assert_eq!(kernel.changes(), 0);
        fs::remove_dir(&file).unwrap();
        fs::write(&file, "0::/\n").unwrap();
    }
}

#[test]
fn a_failure_is_told_with_what_is_left_and_can_be_repeated() {
    for errno in [Errno::BUSY, Errno::ACCESS, Errno::ROFS] {
        let machine = Machine::v1();
        machine.leave(ID, None);
        let job = order(&at(&look(&machine), ID), KillOrphans::No).unwrap();
        let kernel = FakeKernel::over(&machine).failing(Op::RemoveCgroup, errno);
        let (verdict, events) = clean(&machine, &kernel, &job);
        assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
        let failed = |event: &StepEvent| {
            matches!(
                &event.kind,
                StepKind::Ended {
                    step: Step::RemoveCgroups { .. },
                    outcome: Outcome::Failed(StepError::Left { .. }),
                    ..
                }
            )
        };
        assert!(events.iter().any(failed), "{events:#?}");
        assert_eq!(
            clean(&machine, &FakeKernel::over(&machine), &job).0,
            Verdict::Clean
        );
    }
}
