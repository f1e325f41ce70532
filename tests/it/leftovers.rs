//! Leftovers on fixture machines: what is found, how sure it is, and what cleaning does.

mod carried;
mod pins;
mod strays;
mod unread;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ocitop::inventory::author::Author;
use ocitop::kernel::Signal;
use ocitop::leftovers::{
    Argument, Confidence, FoundLeftovers, KillOrphans, KnownBefore, Leftover, LeftoverKind,
    NoOrder, Producer, WhyItStays, find, order,
};
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{
    self, Cancel, Job, Kept, Options, Outcome, Refusal, Step, StepError, StepEvent, StepKind,
    Verdict,
};
use ocitop::oci::RuntimeKind;
use rustix::io::Errno;

use crate::fake_kernel::{FakeKernel, Op, remove_tree};
use crate::machine::{Machine, age};

const ID: &str = "7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57";

fn look(machine: &Machine) -> FoundLeftovers {
    find(&machine.machine(), &KnownBefore::default())
}

/// The one leftover whose path ends so.
#[track_caller]
fn at(found: &FoundLeftovers, end: &str) -> Leftover {
    let mut hits = found.list.iter().filter(|one| one.key.dir().ends_with(end));
    let hit = hits
        .next()
        .unwrap_or_else(|| panic!("{end} in {:#?}", found.list));
    assert_eq!(hits.next(), None);
    hit.clone()
}

#[track_caller]
fn nothing_at(found: &FoundLeftovers, end: &str) {
    let hit = found
        .list
        .iter()
        .find(|one| one.paths.iter().any(|path| path.ends_with(end)));
    assert_eq!(hit, None);
}

fn options() -> Options {
    Options {
        timeout: Duration::from_secs(10),
        hooks: true,
        cancel: Cancel::default(),
    }
}

fn clean(machine: &Machine, kernel: &FakeKernel<'_>, job: &Job) -> (Verdict, Vec<StepEvent>) {
    let mut events = Vec::new();
    let mut report = |event| events.push(event);
    let verdict = lifecycle::run(kernel, &machine.machine(), job, &options(), &mut report);
    let finished = events
        .iter()
        .filter(|event| matches!(event.kind, StepKind::Finished { .. }));
    assert_eq!(finished.count(), 1);
    let count = |wanted: fn(&StepKind) -> bool| events.iter().filter(|e| wanted(&e.kind)).count();
    assert_eq!(
        count(|kind| matches!(kind, StepKind::Started { .. })),
        count(|kind| matches!(kind, StepKind::Ended { .. })),
    );
    (verdict, events)
}

/// Both kinds of host.
fn machines() -> [Machine; 2] {
    [Machine::v1(), Machine::v2()]
}

#[test]
fn a_cgroup_that_nobody_knows_is_one_leftover_over_all_hierarchies() {
    for machine in machines() {
        let dirs = machine.leave(&format!("docker/{ID}"), None);
        let found = look(&machine);
        let leftover = at(&found, ID);
        assert_eq!(
            (leftover.kind, leftover.confidence),
            (LeftoverKind::Cgroup, Confidence::Likely)
        );
        assert_eq!(leftover.producer, Some(Producer::Docker));
        assert_eq!(leftover.id.as_deref(), Some(ID));
        assert_eq!(leftover.paths.len(), dirs.len());
        assert!(leftover.age.unwrap() >= Duration::from_hours(3));
        assert_eq!(
            (leftover.populated, leftover.why.as_slice()),
            (false, &[WhyItStays::Nothing][..])
        );
        let said = leftover.argument();
        assert!(
            said.starts_with("likely: named as docker names containers; empty, at least 3 h old"),
            "{said}"
        );
        assert_eq!(found.list.len(), 1, "{:#?}", found.list);
    }
}

#[test]
fn a_container_that_lives_has_no_leftovers_by_its_record_or_by_its_id() {
    for runtime in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
        for machine in machines() {
            let machine = machine.running(ID, runtime).with_sub_cgroup(ID);
            machine.leave(&format!("system.slice/docker-{ID}.scope"), None);
            let list = look(&machine).list;
            // What lies where its runtime never made any, on v1, is not its own.
            let own = |one: &Leftover| one.id.as_deref() == Some(ID) && one.producer.is_some();
            assert!(!list.iter().any(own), "{list:#?}");
        }
    }
}

#[test]
fn what_is_shared_or_a_unit_is_never_offered() {
    for machine in machines() {
        for path in [
            "docker",
            "kubepods/burstable",
            "libpod_parent/conmon",
            "machine.slice",
            "a.service",
        ] {
            machine.leave(path, None);
        }
        assert_eq!(look(&machine).list, []);
    }
}

#[test]
fn ocitops_own_cgroup_those_above_it_and_pid_1s_are_never_offered() {
    let machine = Machine::v2();
    machine.leave(&format!("docker/{ID}/in"), None);
    machine.leave("system.slice/runc-init.scope", None);
    let path = format!("0::/docker/{ID}/in\n");
    fs::write(machine.proc().join("self/cgroup"), path).unwrap();
    fs::write(
        machine.proc().join("1/cgroup"),
        "0::/system.slice/runc-init.scope\n",
    )
    .unwrap();
    assert_eq!(look(&machine).list, []);
}

#[test]
fn what_does_not_look_like_a_container_is_unknown() {
    let machine = Machine::v2();
    machine.leave("test/deep/er", None);
    let found = look(&machine);
    let test = at(&found, "test");
    assert_eq!(test.confidence, Confidence::Unknown);
    assert!(test.arguments.contains(&Argument::NotContainerLike));
    assert_eq!(found.list.len(), 1, "{:#?}", found.list);
}

#[test]
fn what_may_have_been_made_just_now_is_unknown_until_it_was_watched() {
    let machine = Machine::v2();
    let dir = machine.leave("system.slice/runc-web.scope", None).remove(0);
    age(&dir, 5);
    let mut known = KnownBefore::default();
    let found = find(&machine.machine(), &known);
    let young = at(&found, "runc-web.scope");
    assert_eq!(young.confidence, Confidence::Unknown);
    assert!(young.arguments.contains(&Argument::Young));
    known.remember(&found);
    for since in known.seen.values_mut() {
        *since -= Duration::from_secs(31);
    }
    let found = find(&machine.machine(), &known);
    assert_eq!(at(&found, "runc-web.scope").confidence, Confidence::Likely);
}

#[test]
fn a_container_that_this_session_saw_end_makes_its_cgroup_certain() {
    let machine = Machine::v1();
    machine.leave("system.slice/crun-web.scope", None);
    let known = KnownBefore {
        gone: [("web".to_owned(), Author::Trusted)].into(),
        ..KnownBefore::default()
    };
    let found = find(&machine.machine(), &known);
    assert_eq!(at(&found, "crun-web.scope").confidence, Confidence::Certain);
}

#[test]
fn an_engines_record_or_a_shim_that_was_told_the_id_owns_it() {
    for file in [
        format!("var/lib/docker/containers/{ID}"),
        format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}"),
        format!("var/lib/containers/storage/overlay-containers/{ID}"),
    ] {
        let machine = Machine::v2();
        machine.leave(&format!("system.slice/docker-{ID}.scope"), None);
        fs::create_dir_all(machine.beside(&file)).unwrap();
        let owned = at(&look(&machine), &format!("docker-{ID}.scope"));
        assert_eq!(owned.confidence, Confidence::Unknown, "{file}");
        assert!(
            owned.argument().contains("it has an owner"),
            "{}",
            owned.argument()
        );
    }
    for words in [
        vec!["containerd-shim-runc-v2", "-namespace", "moby", "-id", ID],
        vec!["/usr/bin/conmon", "--api-version", "1", "-c", ID],
    ] {
        let mut machine = Machine::v2();
        machine.leave(&format!("machine.slice/libpod-{ID}.scope"), None);
        let command = if words[0].ends_with("conmon") {
            "conmon"
        } else {
            "containerd-shim"
        };
        machine.told(command, &words);
        let owned = at(&look(&machine), &format!("libpod-{ID}.scope"));
        assert_eq!(owned.confidence, Confidence::Unknown);
    }
}

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

#[test]
fn a_cgroup_in_some_hierarchies_only_is_a_delete_that_failed_half_way() {
    let machine = Machine::v1();
    machine.leave("system.slice/runc-web.scope", Some(&["memory", "pids"]));
    let leftover = at(&look(&machine), "runc-web.scope");
    assert!(
        leftover
            .why
            .contains(&WhyItStays::SomeHierarchies { found: 2, of: 7 }),
        "{leftover:#?}"
    );
    // youki never makes any in the other two.
    let joined = ["cpu,cpuacct", "memory", "pids", "freezer", "devices"];
    machine.leave(":youki:api", Some(&joined));
    assert_eq!(at(&look(&machine), ":youki:api").why, [WhyItStays::Nothing]);
}

#[test]
fn paths_that_differ_by_hierarchy_are_one_leftover_and_a_name_found_twice_is_two() {
    let machine = Machine::v1();
    machine.leave(&format!("outer/{ID}"), Some(&["memory"]));
    machine.leave(ID, Some(&["pids", "freezer"]));
    let found = look(&machine);
    let ours: Vec<_> = found
        .list
        .iter()
        .filter(|one| one.producer.is_some())
        .collect();
    assert_eq!(ours.len(), 1, "{:#?}", found.list);
    assert_eq!(ours[0].paths.len(), 3);
    machine.leave(&format!("elsewhere/{ID}"), Some(&["memory"]));
    let found = look(&machine);
    assert_eq!(
        found
            .list
            .iter()
            .filter(|one| one.producer.is_some())
            .count(),
        3
    );
}

/// A state directory `web` that is three hours old and holds these files.
fn broken(machine: &Machine, files: &[(&str, &str)]) -> PathBuf {
    let dir = machine.state_dir("web");
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
    age(&dir, 3 * 3600);
    dir
}

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
        assert!(matches!(job, Job::Delete(_, lifecycle::Force::No)));
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

#[test]
fn resctrl_groups_named_after_a_container_are_found_and_classes_are_not() {
    let machine = Machine::v2()
        .running("live", RuntimeKind::Youki)
        .with_rdt("live");
    let group = |path: &str, tasks: &str, cpus: &str, mode: &str| {
        let dir = machine.resctrl().join(path);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in [("tasks", tasks), ("cpus_list", cpus), ("mode", mode)] {
            fs::write(dir.join(file), text).unwrap();
        }
        age(&dir, 7200);
        dir
    };
    let other = ID.replace('7', "8");
    let third = ID.replace('7', "9");
    let own = group(ID, "", "\n", "shareable\n");
    group("gold", "", "\n", "shareable\n");
    let monitoring = group(&format!("gold/mon_groups/{other}"), "", "\n", "");
    group(&format!("mon_groups/{third}"), "77\n", "\n", "");
    let found = look(&machine);
    let groups: Vec<_> = found
        .list
        .iter()
        .filter(|one| one.kind == LeftoverKind::RdtGroup)
        .collect();
    assert_eq!(groups.len(), 2, "{groups:#?}");
    for leftover in groups {
        assert_eq!(leftover.confidence, Confidence::Likely);
        let job = order(leftover, KillOrphans::No).unwrap();
        fs::write(leftover.paths[0].join("tasks"), "9\n").unwrap();
        let kernel = FakeKernel::over(&machine);
        let why = Kept::Tasks(leftover.paths[0].display().to_string());
        assert_eq!(
            clean(&machine, &kernel, &job).0,
            Verdict::Refused(why.into())
        );
        assert_eq!(kernel.changes(), 0);
        fs::write(leftover.paths[0].join("tasks"), "").unwrap();
        assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
    }
    assert!(!own.exists() && !monitoring.exists());
    assert!(machine.resctrl().join("gold").exists() && machine.resctrl().join("live").exists());
}

#[test]
fn a_failed_scope_is_told_by_systemds_files_and_stopped_by_systemd() {
    let machine = Machine::v2();
    let transient = machine.beside("run/systemd/transient");
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(&transient).unwrap();
    fs::create_dir_all(&units).unwrap();
    let file = |name: &str| {
        fs::write(transient.join(name), "[Scope]\nSlice=machine.slice\n").unwrap();
        age(&transient.join(name), 7200);
    };
    let failed = format!("libpod-{ID}.scope");
    let active = format!("docker-{}.scope", ID.replace('7', "8"));
    file(&failed);
    file(&active);
    file("session-1.scope");
    std::os::unix::fs::symlink("x", units.join(format!("invocation:{active}"))).unwrap();
    let found = look(&machine);
    let leftover = at(&found, &failed);
    assert_eq!(found.list.len(), 1, "{:#?}", found.list);
    assert_eq!(
        (leftover.kind, leftover.confidence),
        (LeftoverKind::Unit, Confidence::Likely)
    );
    assert_eq!(leftover.why, [WhyItStays::UnitFailed(failed.clone())]);
    let job = order(&leftover, KillOrphans::No).unwrap();
    let kernel = FakeKernel::over(&machine);
    assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
    let stopped = kernel.units_stopped();
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].name, failed);
    assert_eq!(
        stopped[0].cgroup,
        Path::new(&format!("/machine.slice/{failed}"))
    );
    // It runs again by now: systemd would kill what is in it.
    let mut machine = machine;
    machine.leave(&format!("machine.slice/{failed}"), None);
    machine.spawn(&format!("machine.slice/{failed}"));
    let kernel = FakeKernel::over(&machine);
    assert!(!clean(&machine, &kernel, &job).0.is_clean());
    assert_eq!(kernel.units_stopped(), []);
}

#[test]
fn a_scope_that_systemd_has_active_is_unknown_and_found_while_something_lives_in_it() {
    let mut machine = Machine::v2();
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(&units).unwrap();
    for name in [&format!("docker-{ID}"), "runc-dd"] {
        let scope = format!("{name}.scope");
        let link = units.join(format!("invocation:{scope}"));
        std::os::unix::fs::symlink("x", link).unwrap();
        machine.leave(&format!("system.slice/{scope}"), None);
        assert_eq!(at(&look(&machine), &scope).confidence, Confidence::Unknown);
        let pid = machine.spawn(&format!("system.slice/{scope}"));
        let leftover = at(&look(&machine), &scope);
        assert_eq!(leftover.confidence, Confidence::Unknown);
        assert_eq!(leftover.processes, [pid]);
        assert_eq!(order(&leftover, KillOrphans::No), Err(NoOrder::Populated));
        let job = order(&leftover, KillOrphans::Yes).unwrap();
        let (verdict, events) = clean(&machine, &FakeKernel::over(&machine), &job);
        assert_eq!(verdict, Verdict::Clean, "{events:#?}");
        nothing_at(&look(&machine), &scope);
    }
}

#[test]
fn a_mount_that_a_task_left_is_detached_by_its_path_alone() {
    let machine = Machine::v2();
    let task = machine.beside(&format!(
        "run/containerd/io.containerd.runtime.v2.task/default/{ID}"
    ));
    fs::create_dir_all(task.join("rootfs")).unwrap();
    let point = task.join("rootfs");
    let line = format!("40 31 0:93 / {} rw - overlay overlay rw\n", point.display());
    fs::write(machine.proc().join("self/mountinfo"), line).unwrap();
    let leftover = at(&look(&machine), "rootfs");
    assert_eq!(
        (leftover.kind, leftover.confidence),
        (LeftoverKind::Mount, Confidence::Likely)
    );
    let job = order(&leftover, KillOrphans::No).unwrap();
    let kernel = FakeKernel::over(&machine);
    assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
    assert_eq!(kernel.detached(), [point]);
    nothing_at(&look(&machine), "rootfs");
}

#[test]
fn an_engines_directory_that_leads_to_a_remote_mount_is_not_asked_and_is_said() {
    let machine = Machine::v2();
    let nas = machine.beside("mnt/nas");
    fs::create_dir_all(nas.join("containers").join(ID)).unwrap();
    let docker = machine.beside("var/lib/docker");
    fs::create_dir_all(docker.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&nas, &docker).unwrap();
    let lines = format!(
        "30 1 8:1 / / rw - ext4 disk rw\n40 30 0:93 / {} rw - nfs4 nas:/ rw\n",
        nas.display()
    );
    fs::write(machine.proc().join("self/mountinfo"), lines).unwrap();
    let unread = look(&machine).unread;
    let said = "docker/containers: on a file system that may never answer";
    let hit = unread.iter().any(|what| what.words().ends_with(said));
    assert!(hit, "{unread:?}");
}

#[test]
fn within_a_directory_nothing_outside_of_it_is_found_not_even_a_part() {
    let machine = Machine::v1();
    machine.leave(&format!("a/{ID}"), None);
    machine.leave(&format!("b/{}", ID.replace('7', "8")), None);
    let known = KnownBefore {
        within: vec![machine.cgroup_root().join("memory/a")],
        ..KnownBefore::default()
    };
    let found = find(&machine.machine(), &known);
    assert_eq!(found.list.len(), 1);
    assert_eq!(
        found.list[0].paths,
        [machine.cgroup_root().join("memory/a").join(ID)]
    );
}

#[test]
fn names_that_could_drive_a_terminal_are_told_escaped() {
    let machine = Machine::v2();
    machine.leave("a\u{1b}[31m\u{202e}", None);
    let found = look(&machine);
    let leftover = &found.list[0];
    for text in [leftover.place(), leftover.reason(), leftover.argument()] {
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
    }
}

/// `ocitop leftovers` on this machine, without a terminal.
fn command(machine: &Machine, args: &[&str]) -> (i32, String, String) {
    ocitop(machine, &[&["leftovers"], args].concat())
}

/// `ocitop` on this machine, without a terminal.
fn ocitop(machine: &Machine, args: &[&str]) -> (i32, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ocitop"))
        .stdin(std::process::Stdio::null())
        .env("XDG_STATE_HOME", machine.program("log"))
        .arg("--stand-in")
        .args([Path::new("--cgroup-root"), &machine.cgroup_root()])
        .args([Path::new("--proc-root"), &machine.proc()])
        .args([Path::new("--root"), &machine.root()])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_lists_by_default_and_says_by_its_status_whether_anything_is_left() {
    let machine = Machine::v2();
    let (code, out, _) = command(&machine, &[]);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    machine.leave("test", None);
    machine.leave(&format!("docker/{ID}"), None);
    let (code, out, _) = command(&machine, &["list"]);
    assert_eq!((code, out.lines().count()), (1, 2), "{out}");
    let (_, out, _) = command(&machine, &["list", "--all", "-f", "json"]);
    let list: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["confidence"], "likely");
    assert_eq!(list[0]["owner"], "docker");
    assert_eq!(list[1]["kind"], "cgroup");
    assert_eq!(command(&machine, &["sweep"]).0, 2);
}

#[test]
fn the_command_cleans_what_is_certain_after_a_yes_and_the_rest_by_its_path_alone() {
    let machine = Machine::v2();
    let dir = broken(&machine, &[("state.json", "")]);
    let likely = machine.leave(&format!("docker/{ID}"), None).remove(0);
    let (code, _, err) = command(&machine, &["clean"]);
    assert_eq!((code, err.lines().count()), (1, 1));
    assert!(err.contains("say --yes"), "{err}");
    let (code, out, _) = command(&machine, &["clean", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("remove state dir") && !out.contains(ID),
        "{out}"
    );
    assert!(dir.exists());
    let (code, out, err) = command(&machine, &["clean", "--yes", "-f", "json"]);
    assert_eq!(code, 0, "{err}");
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["kind"], &last["verdict"]["verdict"]),
        (&"finished".into(), &"clean".into()),
        "{last}"
    );
    assert!(!dir.exists() && likely.exists());
    let path = likely.to_str().unwrap();
    let (code, out, _) = command(&machine, &["clean", "--dry-run", path]);
    assert_eq!(code, 0);
    assert!(out.contains("remove cgroup"), "{out}");
}

#[test]
fn the_command_refuses_what_is_no_leftover_and_what_is_populated() {
    let mut machine = Machine::v2().running("web", RuntimeKind::Runc);
    let dir = machine.state_dir("web");
    let (code, _, err) = command(&machine, &["clean", "--yes", dir.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("not a leftover"), "{err}");
    let full = machine.leave(ID, None).remove(0);
    machine.spawn(ID);
    let (code, _, err) = command(&machine, &["clean", "--yes", full.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(
        err.contains("processes live in it; --kill kills them"),
        "{err}"
    );
    assert!(full.exists() && dir.exists());
}

#[test]
fn an_argument_that_names_nothing_is_said_and_the_others_are_done() {
    let machine = Machine::v2();
    let dirs = machine.leave(&format!("docker/{ID}"), None);
    let path = dirs[0].to_str().unwrap();
    let here = std::env::current_dir().unwrap();
    for action in [&["clean", "--yes"][..], &["list"]] {
        let look_for = |what: &str| command(&machine, &[action, &[what]].concat());
        let (code, _, err) = look_for("/nowhere/at/all");
        let said = "looked for a leftover at /nowhere/at/all: no such file or directory";
        assert_eq!(code, 1);
        assert!(err.contains(said), "{err}");
        let (code, _, err) = look_for("web");
        let said = format!(
            "web: looked for a leftover at {}",
            here.join("web").display()
        );
        assert_eq!(code, 1);
        assert!(err.contains(&said), "{err}");
        // An id names it as well as its path does, for a reader; what is removed is told by its path.
        let (code, _, err) = look_for(ID);
        assert_eq!(code, 1);
        assert!(
            err.contains(&format!("say which by its path: {path}")),
            "{err}"
        );
    }
    assert!(dirs[0].exists());
    let dir = broken(&machine, &[("state.json", "")]);
    let path = dir.to_str().unwrap();
    let words = ["clean", "--yes", "/nowhere", path, "/nowhere/else"];
    let (code, out, err) = command(&machine, &words);
    assert_eq!((code, err.lines().count()), (1, 2), "{err}");
    assert!(out.contains("cleaned"), "{out}");
    assert!(!dir.exists());
}

/// The diagnosis of the one leftover whose path ends so.
#[track_caller]
fn diagnosed(machine: &Machine, end: &str) -> ocitop::diagnosis::Diagnosis {
    let leftover = at(&look(machine), end);
    let mut examiner = ocitop::diagnosis::Examiner::new(machine.machine());
    examiner.examine_leftover(&leftover).unwrap()
}

#[track_caller]
fn said(diagnosis: &ocitop::diagnosis::Diagnosis, verdict: &str, command: &str) {
    assert_eq!(diagnosis.verdict(), verdict, "{diagnosis:#?}");
    let commands: Vec<String> = diagnosis.findings[0]
        .remedies
        .iter()
        .filter_map(|remedy| diagnosis.command(remedy))
        .collect();
    let hit = commands.iter().any(|one| one.contains(command));
    assert!(hit, "{command:?} in {commands:?}");
}

#[test]
fn a_diagnosis_of_a_leftover_says_why_it_stays() {
    use ocitop::diagnosis::About;
    for machine in machines() {
        machine.leave(&format!("docker/{ID}"), None);
        let diagnosis = diagnosed(&machine, ID);
        let nothing = "nothing holds it: nobody has removed it";
        said(&diagnosis, nothing, "ocitop leftovers clean /");
        let abouts: Vec<About> = diagnosis.checks.iter().map(|it| it.about).collect();
        assert_eq!(abouts[0], About::Leftover);
        assert!(diagnosis.checks[0].found.starts_with("likely: "));
        // It has no record, so there is neither an init nor a hook to look for.
        for none in [About::Record, About::Init, About::Hooks, About::Disk] {
            assert!(!abouts.contains(&none), "{none:?}");
        }
        for one in [
            About::Tasks,
            About::Unkillable,
            About::Frozen,
            About::Mounts,
        ] {
            assert!(abouts.contains(&one), "{one:?}");
        }
    }
}

#[test]
fn a_leftover_with_processes_is_killed_only_by_a_command_that_says_so() {
    for mut machine in machines() {
        machine.leave(ID, None);
        machine.spawn(ID);
        let diagnosis = diagnosed(&machine, ID);
        let verdict = "1 process lives in it, and nobody owns it";
        said(&diagnosis, verdict, "ocitop leftovers clean --kill /");
    }
}

#[test]
fn a_leftover_that_is_gone_is_not_examined() {
    let machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    let leftover = at(&look(&machine), ID);
    for path in &leftover.paths {
        remove_tree(path);
    }
    let mut examiner = ocitop::diagnosis::Examiner::new(machine.machine());
    let error = examiner.examine_leftover(&leftover).unwrap_err();
    assert_eq!(error.to_string(), "it is gone");
}
