//! Leftovers on fixture machines: what is found, how sure it is, and what cleaning does.

mod carried;
mod cleaned;
mod command;
mod others;
mod pins;
mod state;
mod strays;
mod unread;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ocitop::inventory::author::Author;
use ocitop::leftovers::{
    Argument, Confidence, FoundLeftovers, KnownBefore, Leftover, LeftoverKind, Producer,
    WhyItStays, find,
};
use ocitop::lifecycle::{Cancel, Job, Options, StepEvent, StepKind, Verdict};
use ocitop::oci::RuntimeKind;

use crate::support::engine;
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::{Machine, age};

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
    let verdict = engine::run(kernel, &machine.machine(), job, &options(), &mut report);
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
