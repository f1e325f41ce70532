//! What is written to control files is told, and put back where it has to be.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ocitop::kernel::Signal;
use ocitop::lifecycle::{
    Cancel, CpuQuota, Force, Job, Options, Outcome, OuterFreeze, Plan, Refusal, Seen, Step,
    StepError, StepEvent, StepKind, Verdict,
};
use ocitop::oci::RuntimeKind;

use super::{delete, full_house, options, outcomes, run};
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

/// The quota files of `web`, with what is in each.
fn quotas(machine: &Machine) -> Vec<(PathBuf, String)> {
    let dirs = machine.cgroup_dirs("web").into_iter();
    let below = dirs.flat_map(|dir| [dir.join("in"), dir]);
    let files = below.flat_map(|dir| ["cpu.cfs_quota_us", "cpu.max"].map(|name| dir.join(name)));
    files
        .filter_map(|file| Some((file.clone(), fs::read_to_string(file).ok()?)))
        .collect()
}

/// A v1 and a v2 container with a quota of its own and one below.
fn limited() -> [Machine; 2] {
    [Machine::v1(), Machine::v2()].map(|host| {
        host.running("web", RuntimeKind::Runc)
            .with_sub_cgroup("web")
    })
}

fn plan(machine: &Machine, job: &Job) -> Plan {
    engine::preview(&machine.machine(), job, &options()).plan
}

fn lifted(plan: &Plan) -> Option<&Vec<CpuQuota>> {
    plan.0.iter().find_map(|planned| match &planned.step {
        Step::LiftQuota { quotas } => Some(quotas),
        _ => None,
    })
}

#[test]
fn lifting_the_quota_is_a_step_with_the_old_values() {
    for machine in limited() {
        let before = quotas(&machine);
        assert_eq!(before.len(), 2, "{before:?}");
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let told = plan(&machine, &job);
        let told: Vec<_> = lifted(&told)
            .unwrap()
            .iter()
            .map(|quota| (quota.file.clone(), format!("{}\n", quota.was)))
            .collect();
        assert_eq!(told, before);
        let kernel = FakeKernel::over(&machine);
        let (verdict, events) = delete(&machine, &kernel);
        assert_eq!(verdict, Verdict::Clean);
        let steps = outcomes(&events);
        let lifted = |(_, outcome): &(&Step, &Outcome)| matches!(outcome, Outcome::Done(Seen::Lifted(quotas)) if quotas.len() == 2);
        assert!(steps.iter().any(lifted), "{steps:#?}");
        let put_back = |(step, _): &(&Step, &Outcome)| matches!(step, Step::PutQuotaBack { .. });
        assert!(!steps.iter().any(put_back), "{steps:#?}");
    }
}

#[test]
fn what_does_not_die_gets_its_quota_back() {
    for machine in limited() {
        let before = quotas(&machine);
        let pid = machine.target("web").init.unwrap().pid;
        let kernel = FakeKernel::over(&machine).immortal(pid);
        let (verdict, events) = delete(&machine, &kernel);
        assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
        let (step, outcome) = *outcomes(&events).last().unwrap();
        assert!(matches!(step, Step::PutQuotaBack { quotas } if quotas.len() == 2));
        assert_eq!(outcome, &Outcome::Done(Seen::PutBack(2)));
        assert_eq!(quotas(&machine), before);
    }
}

#[test]
fn who_asks_it_to_leave_off_leaves_no_quota_lifted() {
    for machine in limited() {
        let before = quotas(&machine);
        for stop_at in ["quota", "kill", "drain"] {
            let asked = Arc::new(AtomicBool::new(false));
            let options = Options {
                cancel: Cancel::by(Arc::clone(&asked)),
                ..options()
            };
            let init = machine.target("web").init.unwrap().pid;
            let kernel = FakeKernel::over(&machine).immortal(init);
            let job = Job::Delete(machine.target("web"), Force::Yes);
            let mut report = |event: StepEvent| {
                if let StepKind::Ended { step, .. } = event.kind
                    && step.word() == stop_at
                {
                    asked.store(true, Ordering::SeqCst);
                }
            };
            let machine_now = machine.machine();
            let verdict = engine::run(&kernel, &machine_now, &job, &options, &mut report);
            assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
            assert_eq!(quotas(&machine), before, "{stop_at}");
        }
    }
}

#[test]
fn where_nothing_lives_no_quota_is_lifted() {
    let machine = Machine::v1().stopped("web", RuntimeKind::Runc);
    let job = Job::Delete(machine.target("web"), Force::No);
    let plan = plan(&machine, &job);
    assert_eq!(lifted(&plan), None, "{plan:#?}");
}

/// Every control file that was written is named by a step or by what came of it.
#[test]
fn nothing_is_written_that_no_step_tells() {
    let kill = |machine: &Machine| Job::KillAll(machine.target("web"), Signal::KILL);
    let delete = |machine: &Machine| Job::Delete(machine.target("web"), Force::Yes);
    for order in [kill, delete] {
        for host in [Machine::v1, Machine::v2] {
            for machine in [
                host().running("web", RuntimeKind::Runc),
                host()
                    .paused("web", RuntimeKind::Runc)
                    .with_sub_cgroup("web"),
            ] {
                let below = machine.freezer_dir("web").join("in");
                if below.exists() {
                    machine.set_frozen(&below);
                }
                let kernel = FakeKernel::over(&machine);
                let (verdict, events) = run(&machine, &kernel, &order(&machine));
                assert_eq!(verdict, Verdict::Clean, "{events:#?}");
                let told = serde_json::to_string(&events).unwrap();
                for file in kernel.written() {
                    let dir = file.parent().unwrap();
                    let named =
                        |path: &std::path::Path| told.contains(&format!("\"{}\"", path.display()));
                    assert!(named(&file) || named(dir), "{file:?} in {told}");
                }
            }
        }
    }
}

#[test]
fn the_thaw_of_what_is_killed_is_a_step_that_names_what_is_frozen_below_too() {
    let machine = Machine::v1()
        .paused("web", RuntimeKind::Runc)
        .with_sub_cgroup("web");
    let top = machine.freezer_dir("web");
    machine.set_frozen(&top.join("in"));
    let init = machine.target("web");
    let thaw = Step::ThawKilled {
        dirs: vec![top.join("in"), top.clone()],
    };
    for job in [
        Job::Delete(init.clone(), Force::Yes),
        Job::Kill(init.clone(), Signal::KILL),
        Job::KillAll(init.clone(), Signal::KILL),
    ] {
        let plan = plan(&machine, &job);
        assert!(
            plan.0.iter().any(|planned| planned.step == thaw),
            "{plan:#?}"
        );
    }
    let job = Job::Kill(init, Signal::TERM);
    let plan = plan(&machine, &job);
    assert!(!plan.0.iter().any(|planned| planned.step == thaw));
}

/// `web`, its init moved into `/foreign` by another tool and frozen there; and what holds it.
fn frozen_elsewhere(host: Machine) -> (Machine, OuterFreeze) {
    let machine = host.running("web", RuntimeKind::Runc);
    let v1 = machine.cgroup_root().join("freezer").exists();
    let top = if v1 {
        machine.cgroup_root().join("freezer")
    } else {
        machine.cgroup_root()
    };
    let foreign = top.join("foreign");
    machine.make_cgroup(&foreign);
    machine.set_frozen(&foreign);
    let init = machine.target("web").init.unwrap().pid;
    let file = machine.proc().join(format!("{init}/cgroup"));
    let text = fs::read_to_string(&file).unwrap();
    let (from, to) = if v1 {
        (":freezer:/web\n", ":freezer:/foreign\n")
    } else {
        ("0::/web\n", "0::/foreign\n")
    };
    fs::write(&file, text.replace(from, to)).unwrap();
    let held = OuterFreeze {
        by: Some(foreign),
        kills_wait: v1,
        above: false,
        others: 0,
    };
    (machine, held)
}

#[test]
fn what_is_frozen_from_outside_is_not_killed_for_nothing() {
    let (machine, held) = frozen_elsewhere(Machine::v1());
    let kernel = FakeKernel::over(&machine);
    let refused = Verdict::Refused(Refusal::FrozenOutside(held.clone()));
    let (verdict, _) = delete(&machine, &kernel);
    assert_eq!(verdict, refused);
    for job in [
        Job::Stop(machine.target("web")),
        Job::Resume(machine.target("web")),
    ] {
        assert_eq!(run(&machine, &kernel, &job).0, refused, "{job:?}");
    }
    assert_eq!(kernel.changes(), 0);
    // A signal is what was asked for, and is sent.
    let init = machine.target("web").init.unwrap().pid;
    let job = Job::Kill(machine.target("web"), Signal::KILL);
    let (verdict, events) = run(&machine, &kernel, &job);
    assert_eq!(verdict, Verdict::Clean);
    let pending = Outcome::Warned(StepError::Pending(held));
    assert_eq!(outcomes(&events).last().unwrap().1, &pending);
    assert_eq!(kernel.signals(), [(init, Signal::KILL)]);
}

#[test]
fn on_v2_sigkill_reaches_what_is_frozen_and_other_signals_do_not() {
    let (machine, held) = frozen_elsewhere(Machine::v2());
    let kernel = FakeKernel::over(&machine);
    let job = Job::Kill(machine.target("web"), Signal::TERM);
    let (_, events) = run(&machine, &kernel, &job);
    let pending = Outcome::Warned(StepError::Pending(held));
    assert_eq!(outcomes(&events).last().unwrap().1, &pending);
    let (verdict, _) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean);
}

#[test]
fn a_freeze_that_does_not_end_is_undone_and_says_who_is_busy() {
    let machine = full_house();
    let state = machine.freezer_dir("web").join("freezer.state");
    let kernel = FakeKernel::over(&machine).never_freezes();
    let job = Job::Pause(machine.target("web"));
    let (verdict, events) = run(&machine, &kernel, &job);
    assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    let (_, outcome) = *outcomes(&events).last().unwrap();
    let not_frozen = matches!(outcome, Outcome::Failed(StepError::NotFrozen { .. }));
    assert!(not_frozen, "{outcome:?}");
    assert_eq!(fs::read_to_string(state).unwrap(), "THAWED\n");
}
