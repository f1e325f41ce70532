//! The lifecycle engine on fixture machines, with a kernel that fails on demand.

mod deadline;
mod deep;
mod distrust;
mod emptied;
mod failing;
mod gentle;
mod hooks;
mod hosts;
mod kin;
mod leaving;
mod pins;
mod scopes;
mod shared;
mod unknown;
mod unreadable;
mod writes;

use std::fs;
use std::time::Duration;

use ocitop::inventory::unread::{Unread, WhyUnread};
use ocitop::kernel::{Kernel as _, Signal};
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{
    Cancel, Force, Job, Options, Outcome, OuterFreeze, Refusal, Step, StepEvent, StepKind, Target,
    Verdict,
};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use crate::support::engine;
use crate::support::fake_kernel::{FakeKernel, Op};
use crate::support::machine::Machine;

const RUNTIMES: [RuntimeKind; 3] = [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun];

fn options() -> Options {
    Options {
        timeout: Duration::from_secs(10),
        hooks: true,
        cancel: Cancel::default(),
    }
}

fn run(machine: &Machine, kernel: &FakeKernel<'_>, job: &Job) -> (Verdict, Vec<StepEvent>) {
    let mut events = Vec::new();
    let mut report = |event| events.push(event);
    let verdict = engine::run(kernel, &machine.machine(), job, &options(), &mut report);
    (verdict, events)
}

/// Deletes `web` by force with this kernel.
fn delete(machine: &Machine, kernel: &FakeKernel<'_>) -> (Verdict, Vec<StepEvent>) {
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let (verdict, events) = run(machine, kernel, &job);
    assert_contract(&events, &verdict);
    (verdict, events)
}

/// For each `Started` one `Ended` of the same step, nothing after a failure that stops, and one
/// `Finished`, last.
fn assert_contract(events: &[StepEvent], verdict: &Verdict) {
    let mut open = None;
    let mut stopped = false;
    for event in events {
        match &event.kind {
            StepKind::Started { number, step } => {
                assert_eq!(open, None, "{events:#?}");
                let undoes = matches!(step, Step::PutQuotaBack { .. });
                assert!(!stopped || undoes, "a step after a failure: {events:#?}");
                open = Some((*number, step.clone()));
            }
            StepKind::Ended {
                number,
                step,
                outcome,
                ..
            } => {
                assert_eq!(open.take(), Some((*number, step.clone())), "{events:#?}");
                stopped |= matches!(outcome, Outcome::Failed(_));
            }
            StepKind::Waiting { number, .. } => {
                assert_eq!(open.as_ref().map(|open| open.0), Some(*number));
            }
            StepKind::Noted { .. } | StepKind::Planned { .. } => assert_eq!(open, None),
            StepKind::Finished { .. } => {}
        }
    }
    assert_eq!(open, None, "{events:#?}");
    let finished: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            StepKind::Finished { verdict } => Some(verdict),
            _ => None,
        })
        .collect();
    assert_eq!(finished, [verdict]);
    assert!(matches!(
        events.last().unwrap().kind,
        StepKind::Finished { .. }
    ));
}

fn outcomes(events: &[StepEvent]) -> Vec<(&Step, &Outcome)> {
    events
        .iter()
        .filter_map(|event| match &event.kind {
            StepKind::Ended { step, outcome, .. } => Some((step, outcome)),
            _ => None,
        })
        .collect()
}

/// How the wait for the end of its processes came out.
#[track_caller]
fn drained(events: &[StepEvent]) -> &Outcome {
    let all = outcomes(events);
    let found = all
        .into_iter()
        .find(|(step, _)| matches!(step, Step::Drain { .. }));
    found.unwrap_or_else(|| panic!("{events:#?}")).1
}

fn warned(events: &[StepEvent]) -> bool {
    outcomes(events)
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Warned(_)))
}

/// A youki container with all that a teardown can meet.
fn full_house() -> Machine {
    Machine::v1()
        .running("web", RuntimeKind::Youki)
        .with_rdt("web")
        .with_hooks("web", &["one", "two"])
        .with_sub_cgroup("web")
}

#[test]
fn every_status_of_every_runtime_is_torn_down_clean() {
    for runtime in RUNTIMES {
        for host in [Machine::v1, Machine::v2] {
            for machine in [
                host().running("web", runtime),
                host().paused("web", runtime),
                host().stopped("web", runtime),
                host().running("web", runtime).with_sub_cgroup("web"),
            ] {
                let kernel = FakeKernel::over(&machine);
                let (verdict, events) = delete(&machine, &kernel);
                assert_eq!(verdict, Verdict::Clean, "{runtime}: {events:#?}");
                for dir in machine.not_joined_by(runtime, "web") {
                    assert!(dir.exists(), "{runtime} never made {}", dir.display());
                    kernel.remove_group(&dir.join("in")).ok();
                    kernel.remove_group(&dir).unwrap();
                }
                assert!(machine.is_gone("web"), "{runtime}: {events:#?}");
            }
        }
    }
}

#[test]
fn the_order_is_kill_drain_persist_rdt_cgroups_hooks_state_verify() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine);
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    let words: Vec<_> = outcomes(&events)
        .iter()
        .map(|(step, _)| step.word())
        .collect();
    assert_eq!(
        words,
        [
            "identify", "remember", "quota", "kill", "drain", "persist", "rdt", "rdt", "cgroups",
            "hook", "hook", "state", "verify"
        ]
    );
}

#[test]
fn the_plan_shown_before_is_the_plan_done() {
    let machine = full_house();
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let before = engine::preview(&machine.machine(), &job, &options());
    assert_eq!(before.refused, None);
    assert_eq!(before.processes, 2);
    let (_, events) = run(&machine, &FakeKernel::over(&machine), &job);
    let StepKind::Planned { plan } = &events[0].kind else {
        panic!("{events:#?}");
    };
    assert_eq!(*plan, before.plan);
}

#[test]
fn a_directory_that_is_busy_for_a_moment_is_waited_for() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine).failing_times(Op::RemoveCgroup, Errno::BUSY, 12);
    let (verdict, _) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean);
}

#[test]
fn a_process_that_cannot_die_is_named_at_the_deadline_and_the_record_stays() {
    let machine = full_house();
    let pid = machine.target("web").init.unwrap().pid;
    let kernel = FakeKernel::over(&machine).immortal(pid);
    let (verdict, events) = delete(&machine, &kernel);
    let Verdict::Leftovers(left) = &verdict else {
        panic!("{verdict:?}");
    };
    assert!(left.join(" ").contains(&pid.to_string()), "{left:?}");
    assert!(machine.state_dir("web").exists());
    assert!(kernel.now() >= options().timeout);
    assert!(kernel.now() < options().timeout + Duration::from_secs(3));
    let waited = |event: &&StepEvent| matches!(event.kind, StepKind::Waiting { .. });
    assert!(events.iter().filter(waited).count() >= 3, "a silent wait");
    let (verdict, _) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean, "once the cause is gone");
}

#[test]
fn what_is_frozen_below_is_thawed_and_what_is_frozen_above_is_not() {
    let machine = Machine::v1()
        .paused("web", RuntimeKind::Runc)
        .with_sub_cgroup("web");
    machine.set_frozen(&machine.freezer_dir("web").join("in"));
    let (verdict, _) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean);

    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let above = machine.cgroup_root().join("freezer");
    fs::write(above.join("freezer.state"), "FROZEN\n").unwrap();
    fs::write(above.join("freezer.self_freezing"), "1\n").unwrap();
    fs::write(machine.freezer_dir("web").join("freezer.state"), "FROZEN\n").unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = delete(&machine, &kernel);
    let held = OuterFreeze {
        by: None,
        kills_wait: true,
        above: true,
        others: 0,
    };
    assert_eq!(verdict, Verdict::Refused(Refusal::FrozenOutside(held)));
    assert_eq!(kernel.changes(), 0);
    let state = fs::read_to_string(above.join("freezer.state")).unwrap();
    assert_eq!(state, "FROZEN\n");
}

#[test]
fn a_resctrl_group_that_a_live_namesake_may_have_stays() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let group = machine.resctrl().join("web");
    fs::create_dir(&group).unwrap();
    let other = machine.program("other");
    fs::create_dir_all(other.join("web")).unwrap();
    let state = serde_json::json!({
        "ociVersion": "1.1.0", "id": "web", "status": "stopped", "bundle": "/bundle",
        "intelRdtDir": group,
    });
    fs::write(other.join("web/state.json"), state.to_string()).unwrap();
    let view = ocitop::inventory::Machine::new(&ocitop::config::Roots {
        cgroup: Some(machine.cgroup_root()),
        resctrl: Some(machine.resctrl()),
        proc: machine.proc(),
        state: vec![machine.root(), other.clone()],
        host: None,
    });
    let scan = ocitop::inventory::Scanner::status_only(view.clone()).scan();
    let shown = scan.containers.iter().find(|row| row.key.root() == other);
    let job = Job::Delete(Target::of(shown.unwrap()).unwrap(), Force::Yes);
    let kernel = FakeKernel::over(&machine);
    let verdict = engine::run(&kernel, &view, &job, &options(), &mut |_| {});
    assert_eq!(verdict, Verdict::Clean);
    assert!(group.is_dir() && !other.join("web").exists());
    assert!(!machine.processes("web").is_empty());
}

#[test]
fn without_force_only_what_does_not_run_is_deleted() {
    for runtime in RUNTIMES {
        for machine in [
            Machine::v1().running("web", runtime),
            Machine::v1().paused("web", runtime),
        ] {
            let kernel = FakeKernel::over(&machine);
            let job = Job::Delete(machine.target("web"), Force::No);
            let (verdict, events) = run(&machine, &kernel, &job);
            let why = Refusal::NotStopped {
                id: "web".to_owned(),
                condition: machine.container("web").condition,
            };
            assert_eq!(verdict, Verdict::Refused(why));
            assert_eq!(kernel.changes(), 0);
            assert_contract(&events, &verdict);
        }
        let machine = Machine::v1().stopped("web", runtime);
        let job = Job::Delete(machine.target("web"), Force::No);
        let (verdict, _) = run(&machine, &FakeKernel::over(&machine), &job);
        assert_eq!(verdict, Verdict::Clean);
    }
}

/// The state directory again, with the same files, as another directory.
fn replace_state_dir(machine: &Machine) {
    let (dir, aside) = (machine.state_dir("web"), machine.root().join("aside"));
    fs::create_dir(&aside).unwrap();
    for entry in fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), aside.join(entry.file_name())).unwrap();
    }
    fs::remove_dir(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
}

#[test]
fn a_container_that_was_replaced_after_the_yes_is_not_touched() {
    let machine = full_house();
    let shown = machine.target("web");
    let target = |change: fn(&mut Target)| {
        let mut target = shown.clone();
        change(&mut target);
        target
    };
    let refused = |target: Target| {
        for job in [
            Job::Delete(target.clone(), Force::Yes),
            Job::Kill(target.clone(), Signal::KILL),
            Job::Pause(target),
        ] {
            let kernel = FakeKernel::over(&machine);
            let (verdict, events) = run(&machine, &kernel, &job);
            assert_eq!(verdict, Verdict::Refused(Refusal::Replaced), "{job:?}");
            assert_eq!(kernel.changes(), 0, "{job:?}");
            assert_contract(&events, &verdict);
        }
    };
    // Another process is its init; it was dead and now lives; another directory.
    refused(target(|target| {
        target.init.as_mut().unwrap().start_time += 1;
    }));
    refused(target(|target| target.init = None));
    replace_state_dir(&machine);
    refused(shown.clone());
}

#[test]
fn a_stranger_with_a_recycled_pid_is_never_signalled() {
    for with_cgroup in [true, false] {
        let mut machine = Machine::v1().stopped("web", RuntimeKind::Youki);
        let stranger = machine.spawn_stranger();
        machine.edit("web", |state| {
            state["pid"] = stranger.into();
            state["status"] = "running".into();
            // As long ago as youki's own init could have been made.
            state["created"] = "2023-11-14T22:00:00Z".into();
        });
        if !with_cgroup {
            let kernel = FakeKernel::over(&machine);
            for dir in machine.cgroup_dirs("web") {
                kernel.remove_group(&dir).unwrap();
            }
        }
        let kernel = FakeKernel::over(&machine);
        let job = Job::Kill(machine.target("web"), Signal::KILL);
        let (verdict, _) = run(&machine, &kernel, &job);
        let id = "web".to_owned();
        assert_eq!(
            verdict,
            Verdict::Refused(Refusal::NotRunning { id }),
            "{with_cgroup}"
        );
        let (verdict, _) = delete(&machine, &kernel);
        assert_eq!(verdict, Verdict::Clean);
        assert_eq!(kernel.signals(), []);
    }
}

#[test]
fn no_record_reaches_the_cgroup_of_another_or_of_the_host() {
    // The cgroup of pid 1.
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    fs::write(machine.proc().join("1/cgroup"), "0::/web\n").unwrap();
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = delete(&machine, &kernel);
    let web = |machine: &Machine| machine.cgroup_dirs("web")[0].display().to_string();
    let why = Forbidden::Init(web(&machine)).into();
    assert_eq!(verdict, Verdict::Refused(why));
    assert_eq!(kernel.changes(), 0);

    // The cgroup ocitop itself is in.
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    fs::write(machine.proc().join("self/cgroup"), "0::/web/in\n").unwrap();
    let (verdict, _) = delete(&machine, &FakeKernel::over(&machine));
    let why = Forbidden::Own(web(&machine)).into();
    assert_eq!(verdict, Verdict::Refused(why));

    // Whether it is that of either was not seen.
    for pid in ["1", "self"] {
        let machine = Machine::v2().running("web", RuntimeKind::Crun);
        let file = machine.proc().join(pid).join("cgroup");
        let unread = Machine::cannot_be_read(&file);
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = delete(&machine, &kernel);
        let why = Forbidden::Unseen(web(&machine), unread).into();
        assert_eq!(verdict, Verdict::Refused(why));
        // Both are always there: one that is not has not been seen. A user may have pid 1 hidden.
        fs::remove_dir(&file).unwrap();
        if pid == "self" || rustix::process::geteuid().is_root() {
            let why = WhyUnread::Refused(rustix::io::Errno::NOENT.raw_os_error());
            let why = Forbidden::Unseen(web(&machine), Unread::dir(&file, why)).into();
            let (verdict, _) = delete(&machine, &kernel);
            assert_eq!(verdict, Verdict::Refused(why));
        }
        assert_eq!(kernel.changes(), 0);
    }

    // The cgroup of another container that runs.
    let machine = Machine::v2()
        .running("other", RuntimeKind::Runc)
        .running("web", RuntimeKind::Youki);
    let config = r#"{"hooks":null,"cgroup_path":"/other"}"#;
    fs::write(machine.state_dir("web").join("youki_config.json"), config).unwrap();
    let kernel = FakeKernel::over(&machine);
    let (_, _) = delete(&machine, &kernel);
    assert_eq!(
        machine.processes("other").len(),
        2,
        "{:?}",
        kernel.signals()
    );
    assert_eq!(machine.cgroup_dirs("other").len(), 1);
}

#[test]
fn paths_that_climb_or_name_a_hierarchys_root_are_no_cgroups() {
    for path in ["/", "", "/../../etc", "/web/../../x", "."] {
        let machine = Machine::v1().stopped("web", RuntimeKind::Youki);
        let config = serde_json::json!({"hooks": null, "cgroup_path": path}).to_string();
        fs::write(machine.state_dir("web").join("youki_config.json"), config).unwrap();
        let outside = machine.cgroup_root().join("pids/neighbour");
        machine.make_cgroup(&outside);
        delete(&machine, &FakeKernel::over(&machine));
        assert!(outside.exists(), "{path:?}");
    }
}
