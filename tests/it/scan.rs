//! A scan of fixture machines: status, identity, usage, and what cannot be read.

use std::fs;

use ocitop::cgroup::Limit;
use ocitop::config::Roots;
use ocitop::inventory::{Condition, Machine as Host, RootState, Sampler, Scanner};
use ocitop::oci::{RuntimeKind, Status};

use crate::support::machine::Machine;

const RUNTIMES: [RuntimeKind; 3] = [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun];

fn hosts() -> [Machine; 2] {
    [Machine::v1(), Machine::v2()]
}

#[test]
fn every_status_is_derived_for_every_runtime_on_both_versions() {
    for runtime in RUNTIMES {
        for version in 0..2 {
            let host = || hosts().into_iter().nth(version).unwrap();
            let condition = |machine: Machine| machine.container("web").condition;
            let running = condition(host().running("web", runtime));
            assert_eq!(running, Condition::Known(Status::Running), "{runtime}");
            let paused = condition(host().paused("web", runtime));
            assert_eq!(paused, Condition::Known(Status::Paused), "{runtime}");
            let stopped = condition(host().stopped("web", runtime));
            assert_eq!(stopped, Condition::Known(Status::Stopped), "{runtime}");
        }
    }
}

#[test]
fn an_exec_fifo_means_created() {
    for runtime in [RuntimeKind::Runc, RuntimeKind::Crun] {
        let machine = Machine::v1().running("web", runtime);
        let fifo = machine.state_dir("web").join("exec.fifo");
        let mode = rustix::fs::Mode::from(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let condition = machine.container("web").condition;
        assert_eq!(condition, Condition::Known(Status::Created), "{runtime}");
    }
}

#[test]
fn youkis_stored_status_is_not_the_truth() {
    let machine = Machine::v1().running("web", RuntimeKind::Youki);
    for stored in ["stopped", "paused"] {
        machine.edit("web", |state| state["status"] = stored.into());
        let condition = machine.container("web").condition;
        assert_eq!(
            condition,
            Condition::Known(Status::Running),
            "stored {stored}"
        );
    }
    machine.set_frozen(&machine.freezer_dir("web"));
    machine.edit("web", |state| state["status"] = "running".into());
    let condition = machine.container("web").condition;
    assert_eq!(condition, Condition::Known(Status::Paused));
}

#[test]
fn a_freeze_under_way_is_said_and_not_waited_for() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    fs::write(
        machine.freezer_dir("web").join("freezer.state"),
        "FREEZING\n",
    )
    .unwrap();
    assert_eq!(machine.container("web").condition, Condition::Freezing);
}

#[test]
fn a_pid_that_went_to_somebody_else_is_no_init() {
    for runtime in RUNTIMES {
        let mut machine = Machine::v1().stopped("web", runtime);
        let stranger = machine.spawn_stranger();
        match runtime {
            RuntimeKind::Crun => {
                let file = machine.state_dir("web").join("status");
                let mut status: serde_json::Value =
                    serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                status["pid"] = stranger.into();
                status["process-start-time"] = 1.into();
                fs::write(file, status.to_string()).unwrap();
            }
            RuntimeKind::Runc => machine.edit("web", |state| {
                state["init_process_pid"] = stranger.into();
                state["init_process_start"] = 1.into();
            }),
            RuntimeKind::Youki => machine.edit("web", |state| state["pid"] = stranger.into()),
        }
        let container = machine.container("web");
        assert_eq!(
            container.condition,
            Condition::Known(Status::Stopped),
            "{runtime}"
        );
        assert_eq!(container.init, None, "{runtime}");
        assert_eq!(container.recorded_pid, Some(stranger), "{runtime}");
    }
}

#[test]
fn a_broken_entry_is_a_row_and_hides_no_other() {
    let machine = Machine::v1()
        .running("good", RuntimeKind::Runc)
        .running("torn", RuntimeKind::Youki)
        .running("other", RuntimeKind::Crun);
    fs::write(machine.state_dir("torn").join("state.json"), "{\"id\":").unwrap();
    for name in ["empty", "esc\u{1b}[31m"] {
        let dir = machine.root().join(name);
        fs::create_dir(&dir).unwrap();
        // One just made may be a container in a moment.
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
        fs::File::open(&dir)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
    }
    let snapshot = machine.scan();
    assert_eq!(snapshot.containers.len(), 5);
    assert_eq!(
        machine.container("good").condition,
        Condition::Known(Status::Running)
    );
    assert_eq!(
        machine.container("other").condition,
        Condition::Known(Status::Running)
    );
    let torn = machine.container("torn");
    assert_eq!(torn.condition, Condition::Broken);
    assert_eq!(torn.runtime, Some(RuntimeKind::Youki));
    assert!(torn.problem.is_some());
    assert_eq!(machine.container("empty").condition, Condition::Broken);
    for container in &snapshot.containers {
        assert!(!container.key.label().chars().any(char::is_control));
        let problem = container.problem.clone().unwrap_or_default();
        assert!(!problem.chars().any(char::is_control), "{problem:?}");
    }
}

#[test]
fn the_id_inside_must_be_the_directorys_name() {
    let machine = Machine::v1().running("web", RuntimeKind::Youki);
    machine.edit("web", |state| state["id"] = "other".into());
    let container = machine.container("web");
    assert_eq!(container.condition, Condition::Broken);
    assert!(container.problem.as_ref().unwrap().contains("other"));
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let file = machine.state_dir("web").join("state.json");
    fs::remove_file(&file).unwrap();
    // Opening a FIFO to read it would wait for a writer for ever.
    let mode = rustix::fs::Mode::from(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(machine.container("web").condition, Condition::Broken);
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    assert_eq!(machine.container("web").condition, Condition::Broken);
    fs::remove_file(&file).unwrap();
    fs::write(&file, vec![b' '; 2 << 20]).unwrap();
    assert_eq!(machine.container("web").condition, Condition::Broken);
}

#[test]
fn an_absent_root_and_one_that_is_no_directory_are_said_to_be_so() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let file = machine.root().join("web/state.json");
    let snapshot = Scanner::status_only(Host::new(&Roots {
        cgroup: Some(machine.cgroup_root()),
        resctrl: None,
        proc: machine.proc(),
        state: vec![machine.root(), machine.root().join("nothing"), file],
        host: None,
    }))
    .scan();
    let states: Vec<_> = snapshot.roots.iter().map(|root| &root.state).collect();
    assert_eq!(states[..2], [&RootState::Read(1), &RootState::Absent]);
    assert!(matches!(states[2], RootState::Failed(_)), "{states:?}");
    assert_eq!(snapshot.containers.len(), 1);
}

#[test]
fn what_is_missing_is_not_available_and_never_zero() {
    for machine in hosts() {
        let machine = machine.running("web", RuntimeKind::Runc);
        let usage = machine.container("web").usage;
        assert_eq!(usage.memory, Some(4096));
        assert_eq!(usage.working_set, Some(4096));
        assert_eq!(usage.memory_limit, Some(Limit::Max));
        assert_eq!(usage.cpu_limit, Some(Limit::At(500_000)));
        assert_eq!(usage.pids, Some(2));
        assert_eq!(
            (usage.cpu, usage.io_read, usage.io_write),
            (None, None, None)
        );
        for dir in machine.cgroup_dirs("web") {
            for file in [
                "memory.current",
                "memory.usage_in_bytes",
                "memory.stat",
                "pids.current",
            ] {
                drop(fs::remove_file(dir.join(file)));
            }
        }
        let usage = machine.container("web").usage;
        assert_eq!(
            (usage.memory, usage.working_set, usage.pids),
            (None, None, None)
        );
    }
}

#[test]
fn cpu_and_memory_follow_the_files_between_two_scans() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let mut sampler = Sampler::new(machine.machine()).unwrap();
    let first = sampler.pass();
    assert_eq!(first.containers[0].usage.cpu, None);
    let dir = machine.cgroup_dirs("web").remove(0);
    fs::write(dir.join("cpu.stat"), "usage_usec 5000000\n").unwrap();
    fs::write(dir.join("memory.current"), "8192\n").unwrap();
    // Two looks too close to each other give no rate.
    let start = std::time::Instant::now();
    while start.elapsed().as_millis() < 60 {
        std::thread::yield_now();
    }
    let usage = sampler.pass().containers[0].usage;
    assert!(usage.cpu.unwrap() > 0.0 && usage.cpu.unwrap().is_finite());
    assert_eq!(usage.memory, Some(8192));
    fs::write(dir.join("cpu.stat"), "usage_usec 1000\n").unwrap();
    let cpu = sampler.pass().containers[0].usage.cpu;
    assert!(
        cpu.is_none_or(|cpu| cpu >= 0.0),
        "a counter that went back: {cpu:?}"
    );
}

#[test]
fn a_container_made_anew_under_its_old_name_is_another_one() {
    let machine = Machine::v1().running("web", RuntimeKind::Youki);
    let mut sampler = Sampler::new(machine.machine()).unwrap();
    let before = sampler.pass().containers[0].state_dir;
    let (dir, aside) = (machine.state_dir("web"), machine.root().join("aside"));
    fs::create_dir(&aside).unwrap();
    for name in ["state.json", "youki_config.json"] {
        fs::rename(dir.join(name), aside.join(name)).unwrap();
    }
    fs::remove_dir(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    let after = sampler.pass().containers[0].state_dir;
    assert!(before.is_some() && after.is_some() && before != after);
}

#[test]
fn rdt_groups_that_exist_are_shown() {
    let machine = Machine::v1()
        .running("web", RuntimeKind::Youki)
        .with_rdt("web");
    let group = machine.resctrl().join("web");
    let shown = machine.container("web").rdt.clone();
    assert_eq!(shown, [group.clone(), group.join("mon_groups/web")]);
}
