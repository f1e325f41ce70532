//! A container without a cgroup, in the host's pid namespace, that forks while it is deleted: who is of
//! it is found again until nobody is left, and who got away is said.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ocitop::inventory::unread::{Unread, WhyUnread};
use ocitop::kernel::Signal;
use ocitop::lifecycle::{Doubt, Force, Job, Note, Outcome, Refusal, StepError, StepKind, Verdict};
use ocitop::oci::RuntimeKind;

use super::{delete, drained, run};
use crate::support::fake_kernel::{FakeKernel, remove_tree};
use crate::support::machine::Machine;

/// A running `web` of no cgroup; its init leads a session.
fn house() -> (Machine, i32) {
    let mut machine = Machine::v2().stopped("web", RuntimeKind::Runc);
    for dir in machine.cgroup_dirs("web") {
        remove_tree(&dir);
    }
    let init = machine.spawn_stranger();
    machine.edit("web", |state| {
        state["cgroup_paths"] = serde_json::json!({});
        state["init_process_pid"] = init.into();
    });
    born(&machine.proc(), init, 1, init, "mnt:[2]");
    (machine, init)
}

/// Makes a process of this parent and session, with these mounts.
fn born(proc: &Path, pid: i32, parent: i32, session: i32, mounts: &str) {
    let dir: PathBuf = proc.join(pid.to_string());
    fs::create_dir_all(dir.join("ns")).unwrap();
    let stat = format!(
        "{pid} (sh) S {parent} {session} {session} 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\n"
    );
    fs::write(dir.join("stat"), stat).unwrap();
    fs::write(dir.join("cgroup"), "0::/\n").unwrap();
    fs::remove_file(dir.join("ns/mnt")).ok();
    symlink(mounts, dir.join("ns/mnt")).unwrap();
}

/// The processes of the fixture that live, but for the host's own.
fn alive(machine: &Machine, pids: &[i32]) -> Vec<i32> {
    let lives = |pid: &&i32| machine.proc().join(pid.to_string()).exists();
    pids.iter().filter(lives).copied().collect()
}

#[test]
fn who_is_forked_while_it_is_killed_is_found_and_killed() {
    let (machine, init) = house();
    let (child, grandchild) = (init + 1, init + 2);
    let proc = machine.proc();
    let again = proc.clone();
    let kernel = FakeKernel::over(&machine)
        .at_open(init, move || born(&proc, child, init, init, "mnt:[2]"))
        .at_open(child, move || {
            born(&again, grandchild, child, child, "mnt:[2]");
        });
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(alive(&machine, &[init, child, grandchild]), [0; 0]);
    // Each was stopped before the first was killed: what is stopped does not fork.
    let signals = kernel.signals();
    let first_kill = signals
        .iter()
        .position(|(_, signal)| *signal == Signal::KILL);
    let stopped = signals.iter().take(first_kill.unwrap());
    let stopped: Vec<i32> = stopped.map(|(pid, _)| *pid).collect();
    assert_eq!(stopped, [init, child, grandchild]);
}

#[test]
fn an_orphan_is_found_by_its_session_whoever_took_it_over() {
    let (machine, init) = house();
    let reaper = init + 7;
    born(&machine.proc(), reaper, 1, reaper, "mnt:[1]");
    let (child, orphan, beside) = (init + 1, init + 2, init + 8);
    born(&machine.proc(), child, init, init, "mnt:[2]");
    // Another child of the reaper, of another session: nobody's of this container.
    born(&machine.proc(), beside, reaper, reaper, "mnt:[1]");
    let proc = machine.proc();
    let kernel = FakeKernel::over(&machine).at_open(child, move || {
        born(&proc, orphan, reaper, init, "mnt:[2]");
        remove_tree(&proc.join(child.to_string()));
    });
    let (verdict, events) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Clean, "{events:#?}");
    assert_eq!(
        alive(&machine, &[init, child, orphan, reaper, beside]),
        [reaper, beside]
    );
}

#[test]
fn who_got_away_is_said_and_the_record_stays() {
    let (machine, init) = house();
    let (child, away) = (init + 1, init + 2);
    born(&machine.proc(), child, init, init, "mnt:[2]");
    let proc = machine.proc();
    // It made a session of its own, and its parent died before anybody looked.
    let kernel = FakeKernel::over(&machine).at_open(child, move || {
        born(&proc, away, 1, away, "mnt:[2]");
        remove_tree(&proc.join(child.to_string()));
    });
    let (verdict, events) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
    let Outcome::Failed(StepError::GotAway { survivors }) = drained(&events) else {
        panic!("{events:#?}");
    };
    let told: Vec<i32> = survivors.iter().map(|one| one.pid).collect();
    assert_eq!(told, [away]);
    assert!(machine.state_dir("web").is_dir());
    assert_eq!(alive(&machine, &[init, away]), [away]);
    assert!(kernel.signals().iter().all(|(pid, _)| *pid != away));
}

/// ocitop's own mounts are the host's.
#[test]
fn who_got_away_is_said_also_where_pid_1_may_not_be_looked_at() {
    let (machine, init) = house();
    fs::remove_file(machine.proc().join("1/ns/mnt")).unwrap();
    let own = machine.proc().join("self/ns");
    fs::create_dir_all(&own).unwrap();
    symlink("mnt:[1]", own.join("mnt")).unwrap();
    let away = init + 2;
    born(&machine.proc(), away, 1, away, "mnt:[2]");
    let (_, events) = delete(&machine, &FakeKernel::over(&machine));
    let Outcome::Failed(StepError::GotAway { survivors }) = drained(&events) else {
        panic!("{events:#?}");
    };
    assert_eq!(survivors.len(), 1);
    assert_eq!(alive(&machine, &[init, away]), [away]);
    assert!(machine.state_dir("web").is_dir());
}

#[test]
fn one_that_forks_and_dies_before_its_signal_again_and_again_is_not_gone() {
    let (machine, init) = house();
    let mut kernel = FakeKernel::over(&machine);
    born(&machine.proc(), init + 1, init, init, "mnt:[2]");
    // Each is dead when it has been opened, and its child lives.
    for pid in init + 1..init + 20_000 {
        let proc = machine.proc();
        kernel = kernel.at_open(pid, move || {
            born(&proc, pid + 1, 1, init, "mnt:[2]");
            remove_tree(&proc.join(pid.to_string()));
        });
    }
    let (verdict, events) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
    let error = drained(&events);
    let is_right = matches!(
        error,
        Outcome::Failed(StepError::Forks | StepError::Alive { .. })
    );
    assert!(is_right, "{error:?}");
    assert!(machine.state_dir("web").is_dir());
}

/// What got away from `web`, whose root directory is this, when init was deleted; and its record, which
/// says so of its pid namespace.
fn got_away(pid_namespace: &str) -> (Machine, i32, PathBuf) {
    let (machine, init) = house();
    let (child, away) = (init + 1, init + 2);
    born(&machine.proc(), child, init, init, "mnt:[2]");
    let rootfs = machine.beside("rootfs");
    fs::create_dir(&rootfs).unwrap();
    machine.edit("web", |state| {
        state["config"]["rootfs"] = rootfs.display().to_string().into();
        state["config"]["namespaces"] = serde_json::json!([
            {"type": pid_namespace, "path": ""}, {"type": "NEWNS", "path": ""},
        ]);
    });
    let (proc, root) = (machine.proc(), rootfs.clone());
    let kernel = FakeKernel::over(&machine).at_open(child, move || {
        born(&proc, away, 1, away, "mnt:[2]");
        symlink(root, proc.join(format!("{away}/root"))).unwrap();
        remove_tree(&proc.join(child.to_string()));
    });
    let (verdict, events) = delete(&machine, &kernel);
    assert!(matches!(verdict, Verdict::Leftovers(_)), "{verdict:?}");
    let gone = Outcome::Failed(StepError::GotAway {
        survivors: Vec::new(),
    });
    assert_eq!(
        std::mem::discriminant(drained(&events)),
        std::mem::discriminant(&gone)
    );
    (machine, away, rootfs)
}

#[test]
fn while_who_got_away_lives_the_next_delete_does_not_say_that_it_is_done() {
    let (machine, away, rootfs) = got_away("NEWUTS");
    let why = Refusal::CannotKnow(Doubt::Straggler {
        pid: away,
        rootfs: rootfs.display().to_string(),
    });
    for force in [Force::Yes, Force::No] {
        let kernel = FakeKernel::over(&machine);
        let job = Job::Delete(machine.target("web"), force);
        let (verdict, _) = run(&machine, &kernel, &job);
        assert_eq!(verdict, Verdict::Refused(why.clone()), "{force:?}");
        assert_eq!(kernel.changes(), 0);
        assert!(machine.state_dir("web").is_dir());
    }
    // Somebody ended it.
    remove_tree(&machine.proc().join(away.to_string()));
    let kernel = FakeKernel::over(&machine);
    let job = Job::Delete(machine.target("web"), Force::No);
    let (verdict, events) = run(&machine, &kernel, &job);
    assert_eq!(verdict, Verdict::Clean);
    let noted = events.iter().find_map(|event| match &event.kind {
        StepKind::Noted { notes } => Some(notes.clone()),
        _ => None,
    });
    assert!(noted.unwrap().contains(&Note::PidsWereShared));
}

#[test]
fn where_its_root_directory_cannot_be_looked_at_its_record_stays() {
    let (machine, _, rootfs) = got_away("NEWUTS");
    fs::remove_dir(&rootfs).unwrap();
    symlink(&rootfs, &rootfs).unwrap();
    let why = WhyUnread::Refused(rustix::io::Errno::LOOP.raw_os_error());
    let why = Doubt::Members(Unread::dir(&rootfs, why));
    let kernel = FakeKernel::over(&machine);
    let (verdict, _) = delete(&machine, &kernel);
    assert_eq!(verdict, Verdict::Refused(Refusal::CannotKnow(why)));
    assert_eq!(kernel.changes(), 0);
    assert!(machine.state_dir("web").is_dir());
}

#[test]
fn whoever_else_has_that_root_directory_keeps_no_record_of_a_container_of_its_own() {
    // The end of init was the end of all.
    let (machine, ..) = got_away("NEWPID");
    let (verdict, _) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean);
    // It is of a container that lives, of the same bundle.
    let (machine, away, _) = got_away("NEWUTS");
    let file = machine.state_dir("web").join("state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    state["id"] = "other".into();
    state["init_process_pid"] = away.into();
    state["init_process_start"] = 5000.into();
    fs::create_dir(machine.state_dir("other")).unwrap();
    let other = machine.state_dir("other").join("state.json");
    fs::write(other, state.to_string()).unwrap();
    let (verdict, _) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean);
    assert_eq!(alive(&machine, &[away]), [away]);
    // Its mounts are those of the host: then its root directory says nothing.
    let (machine, away, _) = got_away("NEWUTS");
    let mounts = machine.proc().join(format!("{away}/ns/mnt"));
    fs::remove_file(&mounts).unwrap();
    symlink("mnt:[1]", &mounts).unwrap();
    let (verdict, _) = delete(&machine, &FakeKernel::over(&machine));
    assert_eq!(verdict, Verdict::Clean);
}
