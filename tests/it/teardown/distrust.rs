//! What a hook is and whose, asked when its turn has come: of the program, its directory and its host.

use std::fs;

use ocitop::kernel::way::Foreign;
use ocitop::lifecycle::{
    Distrust, Force, Job, Outcome, Refusal, Step, StepError, StepEvent, StepKind, Verdict,
};
use rustix::io::Errno;

use super::{full_house, options, outcomes};
use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::{Machine, protect};

/// Deletes `web`, and does this when the first hook's turn has come, or before anything is killed; why
/// hooks were not run.
fn distrusted(
    machine: &Machine,
    kernel: &FakeKernel<'_>,
    is_time: fn(&Step) -> bool,
    act: impl Fn(),
) -> (Verdict, Vec<Refusal>) {
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let mut refused = Vec::new();
    let mut report = |event: StepEvent| match event.kind {
        StepKind::Started { step, .. } if is_time(&step) => act(),
        StepKind::Ended {
            outcome: Outcome::Warned(StepError::Refused(why)),
            ..
        } => refused.push(why),
        _ => {}
    };
    let verdict = engine::run(kernel, &machine.machine(), &job, &options(), &mut report);
    (verdict, refused)
}

/// The directory that is there has the very files of the one that was read, and is another.
#[test]
fn a_hook_is_not_run_where_its_state_directory_was_replaced() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine);
    let dir = machine.state_dir("web");
    let is_first = |step: &Step| matches!(step, Step::PoststopHook { number: 1, .. });
    let (verdict, refused) = distrusted(&machine, &kernel, is_first, || {
        let old = machine.beside("old");
        fs::rename(&dir, &old).unwrap();
        fs::create_dir(&dir).unwrap();
        for entry in fs::read_dir(&old).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
    });
    let why = Refusal::Hook(Distrust::Replaced(dir.display().to_string()));
    assert_eq!(refused, [why.clone(), why]);
    assert_eq!(kernel.hooks_run(), []);
    // The other one is not this container's to remove.
    assert_eq!(verdict, Verdict::Refused(Refusal::Replaced));
    assert!(dir.join("state.json").exists());
}

/// It was trusted when the delete was planned. What stands there at its turn is asked about anew.
#[test]
fn a_program_that_was_replaced_by_one_that_others_can_write_is_not_run() {
    let machine = full_house();
    let kernel = FakeKernel::over(&machine);
    let one = machine.program("one");
    let is_kill = |step: &Step| matches!(step, Step::Kill { .. });
    let (verdict, refused) = distrusted(&machine, &kernel, is_kill, || {
        let other = machine.program("other");
        fs::write(&other, "#!/bin/sh\n").unwrap();
        protect(&other, 0o777);
        fs::rename(&other, &one).unwrap();
    });
    let foreign = Foreign::Writable(one.display().to_string());
    assert_eq!(refused, [Refusal::Hook(Distrust::Foreign(foreign))]);
    assert_eq!(verdict, Verdict::Clean);
    let run: Vec<_> = kernel.hooks_run();
    assert_eq!(run.len(), 1);
    assert_eq!(run[0].program.path(), machine.program("two"));
}

/// Hooks of the host's containers are the host's: they are looked for below its root directory, and run
/// in it, whatever ocitop has at their path.
#[test]
fn below_the_hosts_root_directory_a_hook_is_the_program_that_the_host_has_there() {
    let machine = full_house();
    let host = machine.beside("host");
    let (one, two) = (machine.program("one"), machine.program("two"));
    let theirs = host.join(one.strip_prefix("/").unwrap());
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    fs::write(&theirs, "#!/bin/sh\n").unwrap();
    protect(&theirs, 0o755);
    let delete = || {
        let kernel = FakeKernel::over(&machine);
        let job = Job::Delete(machine.target("web"), Force::Yes);
        let mut seen = machine.machine();
        seen.host_dir = Some(host.clone());
        let mut events = Vec::new();
        let verdict = engine::run(&kernel, &seen, &job, &options(), &mut |event| {
            events.push(event);
        });
        (verdict, kernel.hooks_run(), kernel.changes(), events)
    };
    // What others can write there is refused by the host's permissions.
    protect(&theirs, 0o777);
    let (verdict, run, changes, _) = delete();
    let foreign = Foreign::Writable(theirs.display().to_string());
    let why = Refusal::Hooks(Distrust::Foreign(foreign));
    assert_eq!(verdict, Verdict::Refused(why));
    assert_eq!((run, changes), (Vec::new(), 0));
    protect(&theirs, 0o755);
    let (verdict, run, _, events) = delete();
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    let run: Vec<_> = run
        .iter()
        .map(|call| (call.root.as_deref(), call.program.path()))
        .collect();
    assert_eq!(run, [(Some(host.as_path()), one.as_path())]);
    // The second is ocitop's own side's alone: it fails as one that is not there.
    assert!(two.exists());
    let warned = outcomes(&events)
        .into_iter()
        .find_map(|(step, outcome)| match (step, outcome) {
            (Step::PoststopHook { number: 2, .. }, Outcome::Warned(error)) => Some(error),
            _ => None,
        });
    let missing = std::io::Error::from(Errno::NOENT).to_string();
    let is_missing = matches!(
        warned,
        Some(StepError::Io { action: "run", cause, .. }) if *cause == missing
    );
    assert!(is_missing, "{warned:?}");
}
