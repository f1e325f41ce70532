//! Each step meets each error as it should, and whatever fails the events keep their contract.

use std::time::Duration;

use ocitop::kernel::Kernel as _;
use ocitop::lifecycle::{OnFailure, Outcome, StepKind, Verdict};
use ocitop::oci::RuntimeKind;
use proptest::prelude::*;
use rustix::io::Errno;

use super::{RUNTIMES, delete, full_house, outcomes, warned};
use crate::support::fake_kernel::{FakeKernel, Op};
use crate::support::machine::Machine;

/// What a fault leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All gone, nothing worth a word.
    Clean,
    /// All gone; a step warned.
    Warned,
    /// Not done; the state directory stays.
    Kept,
    /// Not done, though the state directory is gone: what is left is named.
    Named,
}

#[test]
fn each_step_meets_each_error_as_it_should() {
    let table = [
        (Op::Open, Errno::SRCH, End::Kept),
        (Op::Signal, Errno::SRCH, End::Kept),
        (Op::Signal, Errno::PERM, End::Kept),
        (Op::Write, Errno::NOENT, End::Clean),
        (Op::Write, Errno::NODEV, End::Clean),
        (Op::Write, Errno::ACCESS, End::Warned),
        (Op::WriteState, Errno::ACCESS, End::Warned),
        (Op::WriteState, Errno::NOSPC, End::Warned),
        (Op::RemoveRdt, Errno::ACCESS, End::Named),
        (Op::RemoveRdt, Errno::BUSY, End::Named),
        (Op::RemoveCgroup, Errno::BUSY, End::Kept),
        (Op::RemoveCgroup, Errno::ACCESS, End::Kept),
        (Op::RemoveCgroup, Errno::NODEV, End::Kept),
        (Op::RemoveCgroup, Errno::ROFS, End::Kept),
        (Op::Hook, Errno::NOENT, End::Warned),
        (Op::Hook, Errno::ACCESS, End::Warned),
        (Op::RemoveStateDir, Errno::BUSY, End::Kept),
        (Op::RemoveStateDir, Errno::ACCESS, End::Kept),
        (Op::RemoveStateDir, Errno::NOENT, End::Kept),
    ];
    for (op, errno, expected) in table {
        let machine = full_house();
        let kernel = FakeKernel::over(&machine).failing(op, errno);
        let (verdict, events) = delete(&machine, &kernel);
        let kept = machine.state_dir("web").exists();
        let end = match (&verdict, kept, warned(&events)) {
            (Verdict::Clean, false, false) => End::Clean,
            (Verdict::Clean, false, true) => End::Warned,
            (Verdict::Leftovers(_), true, _) => End::Kept,
            (Verdict::Leftovers(_), false, _) => End::Named,
            other => panic!("{op:?} {errno:?}: {other:?} {events:#?}"),
        };
        assert_eq!(end, expected, "{op:?} {errno:?}: {verdict:?} {events:#?}");
        assert!(
            kernel.now() <= Duration::from_secs(15),
            "{op:?} {errno:?} took {:?}",
            kernel.now()
        );
        if kept {
            // The cause is gone: doing it again finishes.
            let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
            assert_eq!(
                verdict,
                Verdict::Clean,
                "{op:?} {errno:?} again: {events:#?}"
            );
            assert!(!machine.state_dir("web").exists());
        }
    }
}

fn faults() -> impl Strategy<Value = Vec<(Op, Errno, usize)>> {
    let op = prop::sample::select(vec![
        Op::Open,
        Op::Signal,
        Op::Write,
        Op::RemoveCgroup,
        Op::RemoveRdt,
        Op::WriteState,
        Op::RemoveStateDir,
        Op::Hook,
    ]);
    let errno = prop::sample::select(vec![
        Errno::NOENT,
        Errno::NODEV,
        Errno::SRCH,
        Errno::BUSY,
        Errno::ACCESS,
        Errno::PERM,
        Errno::ROFS,
        Errno::INTR,
    ]);
    prop::collection::vec((op, errno, prop_oneof![1..4_usize, Just(usize::MAX)]), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_fails_the_events_keep_their_contract(
        runtime in prop::sample::select(RUNTIMES.to_vec()),
        v2 in any::<bool>(),
        frozen in any::<bool>(),
        immortal in any::<bool>(),
        faults in faults(),
    ) {
        let host = if v2 { Machine::v2() } else { Machine::v1() };
        let mut machine = if frozen { host.paused("web", runtime) } else { host.running("web", runtime) };
        if runtime == RuntimeKind::Youki {
            machine = machine.with_rdt("web").with_hooks("web", &["one"]);
        }
        let mut kernel = FakeKernel::over(&machine);
        for (op, errno, times) in faults {
            kernel = kernel.failing_times(op, errno, times);
        }
        if immortal {
            kernel = kernel.immortal(machine.target("web").init.unwrap().pid);
        }
        // `delete` checks the contract.
        let (verdict, events) = delete(&machine, &kernel);
        let alive = !machine.processes("web").is_empty();
        let kept = machine.state_dir("web").exists();
        if verdict.is_clean() {
            prop_assert!(!alive && !kept, "{:#?}", events);
        }
        if alive {
            prop_assert!(kept, "processes without a record: {:#?}", events);
        }
        let planned = events.iter().find_map(|event| match &event.kind {
            StepKind::Planned { plan } => Some(plan.clone()),
            _ => None,
        });
        for (step, outcome) in outcomes(&events) {
            let stops = planned.as_ref().unwrap().0.iter()
                .any(|planned| planned.step == *step && planned.on_failure == OnFailure::Stop);
            if matches!(outcome, Outcome::Failed(_)) {
                prop_assert!(stops, "{:?}", step);
            }
        }
        if kept {
            let (verdict, events) = delete(&machine, &FakeKernel::over(&machine));
            prop_assert!(verdict.is_clean(), "again: {:#?}", events);
        }
    }
}
