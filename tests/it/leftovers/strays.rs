//! Cgroups in which processes live that no record tells of: who accounts for them, and who does not.

use std::fs;

use ocitop::diagnosis::cause::LeftoverCause;
use ocitop::diagnosis::remedy::Remedy;
use ocitop::diagnosis::{About, Cause, CheckResult, Diagnosis, Weight};
use ocitop::inventory::author::Author;
use ocitop::inventory::engine::ContainerEngine;
use ocitop::inventory::manager::Object;
use ocitop::inventory::owners::{Owner, ToldProcess};
use ocitop::inventory::{Manager, Unread};
use ocitop::kernel::Signal;
use ocitop::leftovers::{Argument, Confidence, KillOrphans, NoOrder, WhyItStays, order};
use ocitop::lifecycle::{Accounted, Kept, Verdict};
use ocitop::oci::RuntimeKind;

use super::{ID, at, clean, diagnosed, look, machines, nothing_at, said};
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::Machine;

#[test]
fn processes_nobody_accounts_for_are_unknown_and_go_by_their_path_and_kill() {
    for mut machine in machines() {
        machine.leave("teams/hbweb/in", None);
        machine.leave("teams/hbweb", None);
        let outer = machine.spawn("teams/hbweb");
        let inner = machine.spawn("teams/hbweb/in");
        let found = look(&machine);
        let leftover = at(&found, "teams/hbweb");
        assert_eq!(found.list.len(), 1, "{:#?}", found.list);
        assert_eq!(leftover.confidence, Confidence::Unknown);
        assert_eq!(leftover.processes, [outer, inner]);
        assert_eq!(leftover.why.first(), Some(&WhyItStays::Processes(2)));
        assert!(leftover.arguments.contains(&Argument::NotContainerLike));
        said(
            &diagnosed(&machine, "teams/hbweb"),
            "2 processes live in it, and nobody owns them",
            "ocitop leftovers clean --kill /",
        );
        assert_eq!(order(&leftover, KillOrphans::No), Err(NoOrder::Populated));
        let job = order(&leftover, KillOrphans::Yes).unwrap();
        let kernel = FakeKernel::over(&machine);
        let (verdict, events) = clean(&machine, &kernel, &job);
        assert_eq!(verdict, Verdict::Clean, "{events:#?}");
        assert!(machine.cgroup_dirs("teams/hbweb").is_empty());
        assert!(!machine.cgroup_dirs("teams").is_empty());
    }
}

/// Changes what `/proc` says of a process.
fn becomes(machine: &Machine, pid: i32, change: Change<'_>) {
    let dir = machine.proc().join(pid.to_string());
    match change {
        Change::MountNamespace(name) => {
            fs::remove_file(dir.join("ns/mnt")).unwrap();
            std::os::unix::fs::symlink(name, dir.join("ns/mnt")).unwrap();
        }
        Change::PidNamespace(name) => {
            std::os::unix::fs::symlink(name, dir.join("ns/pid")).unwrap();
        }
        Change::Membership(line) => {
            let text = fs::read_to_string(dir.join("cgroup")).unwrap();
            fs::write(dir.join("cgroup"), text + line).unwrap();
        }
        Change::Kernel => {
            let text = fs::read_to_string(dir.join("stat")).unwrap();
            fs::write(dir.join("stat"), text.replace(" -1 64 ", " -1 2097216 ")).unwrap();
        }
        Change::Parent(parent) => {
            let text = fs::read_to_string(dir.join("stat")).unwrap();
            fs::write(
                dir.join("stat"),
                text.replace(" S 1 ", &format!(" S {parent} ")),
            )
            .unwrap();
        }
    }
}

#[derive(Clone, Copy)]
enum Change<'a> {
    MountNamespace(&'a str),
    PidNamespace(&'a str),
    Membership(&'a str),
    Kernel,
    Parent(i32),
}

/// Changes a process so that somebody accounts for it, and says who.
type Case = fn(&mut Machine, i32) -> Accounted;

fn host(machine: &mut Machine, pid: i32) -> Accounted {
    becomes(machine, pid, Change::MountNamespace("mnt:[1]"));
    Accounted::Host(pid)
}

fn unseen(machine: &mut Machine, pid: i32) -> Accounted {
    let own = machine.proc().join(format!("{pid}/ns/mnt"));
    fs::remove_file(own).unwrap();
    Accounted::Unseen(pid)
}

fn session(machine: &mut Machine, pid: i32) -> Accounted {
    let line = "9:name=systemd:/user.slice/user-7.slice/session-2.scope\n";
    becomes(machine, pid, Change::Membership(line));
    let unit = "session-2.scope".to_owned();
    Accounted::Unit { pid, unit }
}

/// In a hierarchy that is not mounted here.
fn service(machine: &mut Machine, pid: i32) -> Accounted {
    let line = "9:rdma:/system.slice/batch.service/job\n";
    becomes(machine, pid, Change::Membership(line));
    let unit = "batch.service".to_owned();
    Accounted::Unit { pid, unit }
}

/// In the pid namespace of a container that lives elsewhere.
fn of_another(machine: &mut Machine, pid: i32) -> Accounted {
    let init = machine.processes("live")[0];
    becomes(machine, init, Change::PidNamespace("pid:[7]"));
    becomes(machine, pid, Change::PidNamespace("pid:[7]"));
    let id = "live".to_owned();
    Accounted::Container { pid, id }
}

fn held(machine: &mut Machine, pid: i32) -> Accounted {
    let by = machine.told("conmon", &["conmon"]);
    becomes(machine, pid, Change::Parent(by));
    let command = "conmon".to_owned();
    Accounted::Held { pid, by, command }
}

#[test]
fn processes_somebody_accounts_for_are_in_no_list_and_not_killed_by_an_order_made_before() {
    let cases: [Case; 6] = [host, unseen, session, service, of_another, held];
    for case in cases {
        let mut machine = Machine::v2().running("live", RuntimeKind::Runc);
        machine.leave("hbweb", None);
        let pid = machine.spawn("hbweb");
        let job = order(&at(&look(&machine), "hbweb"), KillOrphans::Yes).unwrap();
        let accounted = case(&mut machine, pid);
        if let Accounted::Held { by, .. } = accounted {
            // It is told, with who holds it.
            let leftover = at(&look(&machine), "hbweb");
            assert_eq!(leftover.confidence, Confidence::Unknown);
            let said = format!("the monitor, pid {by} (conmon), holds it");
            assert!(
                leftover.argument().contains(&said),
                "{}",
                leftover.argument()
            );
        } else {
            nothing_at(&look(&machine), "hbweb");
        }
        let kernel = FakeKernel::over(&machine);
        let (verdict, _) = clean(&machine, &kernel, &job);
        let dir = machine.cgroup_dirs("hbweb")[0].display().to_string();
        let why = accounted;
        assert_eq!(
            verdict,
            Verdict::Refused(Kept::Accounted { dir, why }.into())
        );
        assert_eq!(kernel.changes(), 0);
    }
}

#[test]
fn one_process_of_the_host_speaks_for_its_cgroup_whichever_is_listed_first() {
    for of_host in [0, 1] {
        let mut machine = Machine::v2();
        machine.leave("batch/hbweb", None);
        machine.leave("batch", None);
        let pids = [machine.spawn("batch"), machine.spawn("batch")];
        machine.spawn("batch/hbweb");
        assert_eq!(at(&look(&machine), "batch").processes.len(), 3);
        becomes(&machine, pids[of_host], Change::MountNamespace("mnt:[1]"));
        let found = look(&machine);
        // What is below is offered by itself.
        assert_eq!(found.list.len(), 1, "{:#?}", found.list);
        assert_eq!(at(&found, "batch/hbweb").processes.len(), 1);
    }
}

#[test]
fn a_task_of_a_container_that_another_tool_moved_is_nobodys_leftover() {
    // In a cgroup of the container, or in one below it; not in one whose name begins alike.
    for (beside, is_its) in [("live", true), ("live/in/deeper", true), ("liver", false)] {
        let mut machine = Machine::v1().running("live", RuntimeKind::Runc);
        machine.leave("foreign", Some(&["freezer"]));
        let pid = machine.spawn("foreign");
        let line = format!("1:cpu,cpuacct:/{beside}\n1:freezer:/foreign\n1:memory:/{beside}\n");
        fs::write(machine.proc().join(format!("{pid}/cgroup")), line).unwrap();
        let found = look(&machine);
        assert_eq!(found.list.is_empty(), is_its, "{beside}: {:#?}", found.list);
    }
    let mut machine = Machine::v1();
    machine.leave("kernels", None);
    let pid = machine.spawn("kernels");
    becomes(&machine, pid, Change::Kernel);
    assert_eq!(look(&machine).list, []);
}

#[test]
fn what_is_above_or_beside_processes_of_the_host_is_not_offered_with_them() {
    let mut machine = Machine::v2();
    machine.leave("batch/hbweb", None);
    machine.leave("batch", None);
    let job = machine.spawn("batch");
    machine.spawn("batch/hbweb");
    becomes(&machine, job, Change::MountNamespace("mnt:[1]"));
    let found = look(&machine);
    assert_eq!(found.list.len(), 1, "{:#?}", found.list);
    assert_eq!(at(&found, "batch/hbweb").processes.len(), 1);
    // The other way round nothing is left to offer.
    let mut machine = Machine::v2();
    machine.leave("batch/job", None);
    machine.leave("batch", None);
    machine.spawn("batch");
    let job = machine.spawn("batch/job");
    becomes(&machine, job, Change::MountNamespace("mnt:[1]"));
    assert_eq!(look(&machine).list, []);
}

#[test]
fn what_a_shim_holds_is_unknown_full_or_empty_and_is_not_cleaned() {
    let workdir = format!("/var/lib/containerd/io.containerd.runtime.v1.linux/k8s.io/{ID}");
    for words in [
        vec!["containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", ID],
        vec![
            "containerd-shim",
            "-namespace",
            "k8s.io",
            "-workdir",
            &workdir,
        ],
    ] {
        for full in [false, true] {
            let mut machine = Machine::v2();
            let path = format!("kubepods/besteffort/{ID}");
            machine.leave(&path, None);
            if full {
                machine.spawn(&path);
            }
            let before = order(&at(&look(&machine), ID), KillOrphans::Yes).unwrap();
            let shim = machine.told("containerd-shim", &words);
            let owner = Owner::Process(ToldProcess {
                author: Author::Trusted,
                pid: shim,
                command: "containerd-shim".to_owned(),
                engine: Some(ContainerEngine {
                    manager: Manager::Containerd,
                    namespace: Some("k8s.io".to_owned()),
                    address: None,
                }),
            });
            let leftover = at(&look(&machine), ID);
            assert_eq!(leftover.confidence, Confidence::Unknown);
            assert!(leftover.arguments.contains(&Argument::Known(owner.clone())));
            assert_eq!(leftover.why[0], WhyItStays::Owned(owner));
            assert!(!leftover.why.contains(&WhyItStays::Nothing));
            let kernel = FakeKernel::over(&machine);
            for job in [before, order(&leftover, KillOrphans::Yes).unwrap()] {
                let (verdict, _) = clean(&machine, &kernel, &job);
                let said = format!("the shim, pid {shim} (containerd-shim), holds it");
                let why = Kept::Owned(said);
                assert_eq!(verdict, Verdict::Refused(why.into()));
            }
            assert_eq!(kernel.changes(), 0);
        }
    }
}

/// Shims and monitors, what each was told, and how its engine is asked.
fn monitors() -> [(&'static str, Vec<String>, String); 3] {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let address = "/run/k3s/containerd/containerd.sock";
    let workdir = format!("/var/lib/containerd/io.containerd.runtime.v1.linux/teama/{ID}");
    [
        (
            "containerd-shim",
            words(&["s", "-namespace", "k8s.io", "-id", ID, "-address", address]),
            format!("crictl -r unix://{address} rm -f {ID}"),
        ),
        (
            "containerd-shim",
            words(&["s", "-namespace", "teama", "-workdir", &workdir]),
            format!("ctr -n teama task rm -f {ID}; ctr -n teama container rm {ID}"),
        ),
        (
            "conmon",
            words(&["conmon", "-c", ID, "--exit-dir", "/run/libpod/exits"]),
            format!("podman rm -f {ID}"),
        ),
    ]
}

fn by_manager(command: String) -> Remedy {
    let object = Object::Container;
    Remedy::ByManager { object, command }
}

/// What is told in place of a cleaning that is refused: who has it, and the ways out in their order.
#[test]
fn a_leaked_shim_is_the_cause_and_its_engine_is_asked_before_it_is_killed() {
    for (comm, words, command) in monitors() {
        for kill in [false, true] {
            let mut machine = Machine::v2();
            let path = format!("kubepods/besteffort/{ID}");
            let dir = machine.leave(&path, None).remove(0);
            if kill {
                machine.spawn(&path);
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let pid = machine.told(comm, &words);
            let diagnosis = diagnosed(&machine, ID);
            let first = &diagnosis.findings[0];
            assert_eq!(first.weight, Weight::Blocks, "{diagnosis:#?}");
            let who = if comm == "conmon" { "monitor" } else { "shim" };
            let verdict = format!("the {who}, pid {pid} ({comm}), holds it");
            said(&diagnosis, &verdict, &format!("kill -15 {pid}"));
            let name = comm.to_owned();
            let command = command.clone();
            let ways = [
                by_manager(command),
                Remedy::SignalOther {
                    pid,
                    name,
                    signal: Signal::TERM,
                },
                Remedy::Clean { path: dir, kill },
            ];
            assert_eq!(first.remedies, ways);
            tells_nothing_else(&diagnosis);
        }
    }
}

/// No cleaning that would be refused, and not that nobody has it.
fn tells_nothing_else(diagnosis: &Diagnosis) {
    for finding in &diagnosis.findings[1..] {
        let cleans = |remedy: &Remedy| matches!(remedy, Remedy::Clean { .. });
        assert!(!finding.remedies.iter().any(cleans), "{finding:#?}");
        let nobodys = matches!(
            finding.cause,
            Cause::Leftover(LeftoverCause::Abandoned | LeftoverCause::Orphans { .. })
        );
        assert!(!nobodys, "{finding:#?}");
    }
    let mut checks = diagnosis.checks.iter();
    let check = checks.find(|it| it.about == About::Owner).unwrap();
    assert_eq!(check.verdict, CheckResult::Cause);
}

#[test]
fn what_an_engine_has_on_record_is_its_business() {
    let machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    let record = machine.beside(&format!("var/lib/docker/containers/{ID}"));
    fs::create_dir_all(&record).unwrap();
    let diagnosis = diagnosed(&machine, ID);
    let first = &diagnosis.findings[0];
    let owner = Owner::Record(record);
    assert_eq!(first.cause, Cause::Leftover(LeftoverCause::Owned { owner }));
    let command = format!("docker rm -f {ID}");
    assert_eq!(first.remedies, [by_manager(command)]);
}

#[test]
fn without_a_look_at_pid_1_only_what_is_nested_in_namespaces_is_not_the_hosts() {
    let mut machine = Machine::v2();
    machine.leave("hbweb", None);
    let pid = machine.spawn("hbweb");
    let status = machine.proc().join(format!("{pid}/status"));
    fs::remove_file(machine.proc().join("1/ns/mnt")).unwrap();
    let own = machine.proc().join("self/ns");
    fs::create_dir_all(&own).unwrap();
    for (mount, pids, is_found) in [
        ("mnt:[1]", "NSpid:\t9\t1\n", true),
        ("mnt:[1]", "NSpid:\t9\n", false),
        ("mnt:[2]", "NSpid:\t9\t1\n", false),
    ] {
        fs::remove_file(own.join("mnt")).ok();
        std::os::unix::fs::symlink(mount, own.join("mnt")).unwrap();
        fs::write(&status, pids).unwrap();
        let found = look(&machine).list.len();
        assert_eq!(found, usize::from(is_found), "{mount} {pids}");
    }
}

#[test]
fn a_shim_inside_of_what_is_left_goes_with_it() {
    let mut machine = Machine::v2();
    machine.leave(&format!("docker/{ID}/node"), None);
    machine.leave(&format!("docker/{ID}"), None);
    let shim = machine.spawn(&format!("docker/{ID}/node"));
    let child = machine.spawn(&format!("docker/{ID}/node"));
    becomes(&machine, child, Change::Parent(shim));
    let stat = machine.proc().join(format!("{shim}/stat"));
    let text = fs::read_to_string(&stat).unwrap();
    fs::write(&stat, text.replace("(sleep)", "(containerd-shim)")).unwrap();
    let leftover = at(&look(&machine), ID);
    assert_eq!(leftover.confidence, Confidence::Likely);
    let job = order(&leftover, KillOrphans::Yes).unwrap();
    let (verdict, _) = clean(&machine, &FakeKernel::over(&machine), &job);
    assert_eq!(verdict, Verdict::Clean);
}

#[test]
fn where_it_cannot_be_read_who_is_in_a_cgroup_that_is_said() {
    // The processes of one, of one below it, and whether there are any.
    for (unread, lives) in [
        ("hbweb/cgroup.procs", true),
        ("hbweb/in/cgroup.procs", true),
        ("hbweb/cgroup.events", false),
    ] {
        let mut machine = Machine::v2();
        machine.leave("hbweb/in", None);
        machine.leave("hbweb", None);
        if lives {
            machine.spawn("hbweb");
        }
        at(&look(&machine), "hbweb");
        let file = machine.cgroup_root().join(unread);
        let why = Machine::cannot_be_read(&file).why;
        let unread = Unread::dir(file.parent().unwrap(), why);
        let found = look(&machine);
        nothing_at(&found, "hbweb");
        assert_eq!(found.unread, [unread]);
    }
}
