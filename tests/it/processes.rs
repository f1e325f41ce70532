//! The processes of a container, read on fixture machines.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use ocitop::inventory::cgroups::CgroupDir;
use ocitop::inventory::members;
use ocitop::inventory::processes::{
    Listing, MOST, Process, ProcessPlace, ProcessReader, ProcessSubject, Source,
};
use ocitop::oci::RuntimeKind;
use ocitop::process::InitProcess;

use crate::support::machine::Machine;
use crate::support::proc_files::Told;

const SECOND: Duration = Duration::from_secs(1);
/// The fixture's processes started 50 seconds after boot.
const NOW: Duration = Duration::from_secs(110);

fn subject(machine: &Machine) -> ProcessSubject {
    let web = machine.container("web");
    ProcessSubject {
        key: web.key.clone(),
        init: web.init,
        cgroups: web.cgroups.clone(),
        selected: None,
    }
}

/// `web` with init and a child, told of in full; the two pids.
fn web(host: Machine) -> (Machine, i32, i32) {
    let machine = host.running("web", RuntimeKind::Crun);
    let mut pids = machine.processes("web");
    pids.sort_unstable();
    let (init, child) = (pids[0], pids[1]);
    machine.tell(init, &Told::default());
    let of_init = Told {
        parent: init,
        ..Told::default()
    };
    machine.tell(child, &of_init);
    (machine, init, child)
}

/// Both goes of a fresh reader.
fn read(machine: &Machine) -> Listing {
    let subject = subject(machine);
    let mut reader = ProcessReader::new(machine.machine());
    let mut listing = reader.look(&subject, NOW);
    reader.ask(&mut listing, &subject, NOW);
    listing
}

fn of(listing: &Listing, pid: i32) -> Process {
    let mut all = listing.processes();
    let found = all.find(|process| process.who.pid == pid);
    found
        .unwrap_or_else(|| panic!("{pid} in {listing:#?}"))
        .clone()
}

/// The places, each with its pids.
fn places(listing: &Listing) -> Vec<(ProcessPlace, Vec<i32>)> {
    let groups = listing.groups.iter();
    groups
        .map(|group| {
            let pids = group.processes.iter().map(|process| process.who.pid);
            (group.place.clone(), pids.collect())
        })
        .collect()
}

#[test]
fn processes_are_grouped_by_cgroup_and_the_own_one_comes_first() {
    for host in [Machine::v1, Machine::v2] {
        let (machine, init, child) = web(host());
        let mut machine = machine.with_sub_cgroup("web");
        let exec = machine.spawn_stranger();
        machine.tell(exec, &Told::default());
        for dir in machine.cgroup_dirs("web") {
            fs::write(dir.join("in/cgroup.procs"), format!("0\n1\n{exec}\n")).unwrap();
        }
        let expected = [
            (ProcessPlace::Own("/web".to_owned()), vec![init, child]),
            (ProcessPlace::Below("in".to_owned()), vec![exec]),
        ];
        let listing = read(&machine);
        assert_eq!(places(&listing), expected);
        let first = of(&listing, init);
        assert!(first.is_init && !of(&listing, child).is_init);
        assert_eq!(first.command, "sleep 3000");
        assert_eq!(
            (first.user.as_str(), first.resident),
            ("root", Some(1 << 20))
        );
        assert_eq!(first.age, Duration::from_mins(1));
    }
}

#[test]
fn a_zombie_stands_where_its_parent_is_and_has_neither_memory_nor_cpu() {
    let (mut machine, init, child) = web(Machine::v1());
    let zombie = machine.spawn_zombie(child);
    let other = machine.spawn_zombie(1);
    let listing = read(&machine);
    assert_eq!(
        places(&listing),
        [(
            ProcessPlace::Own("/web".to_owned()),
            vec![init, child, zombie]
        )],
        "{other} is somebody else's"
    );
    let zombie = of(&listing, zombie);
    assert!(zombie.is_zombie());
    assert_eq!(zombie.command, "[sh] <defunct>");
    assert_eq!((zombie.resident, zombie.cpu), (Some(0), None));
}

#[test]
fn who_left_the_cgroup_and_not_the_pid_namespace_is_listed_apart() {
    let (mut machine, init, child) = web(Machine::v2());
    let inside = |inside| Told {
        namespace: Some(("pid:[7]", inside)),
        ..Told::default()
    };
    machine.tell(init, &inside(1));
    machine.tell(child, &inside(2));
    let away = machine.spawn_stranger();
    machine.tell(away, &inside(9));
    machine.move_to(away, "0::/app.scope\n");
    let stranger = machine.spawn_stranger();
    machine.tell(stranger, &Told::default());
    let listing = read(&machine);
    assert_eq!(places(&listing)[1], (ProcessPlace::Outside, vec![away]));
    assert_eq!(listing.processes().count(), 3);
    let away = of(&listing, away);
    assert_eq!(away.elsewhere.as_deref(), Some("/app.scope"));
    assert_eq!(away.inside, Some(9));
}

/// Since Linux 6.19 a task that exits is in no list any more, and `populated` stays 1 for it.
fn leave_the_list(machine: &Machine, pid: i32) {
    for dir in machine.cgroup_dirs("web") {
        let file = dir.join("cgroup.procs");
        let text = fs::read_to_string(&file).unwrap();
        let line = format!("{pid}\n");
        fs::write(&file, text.replace(&line, "")).unwrap();
    }
}

#[test]
fn who_hangs_in_its_exit_is_a_member_also_where_no_list_has_it() {
    let (machine, init, child) = web(Machine::v2());
    let machine = machine.with_sub_cgroup("web");
    machine.tell(
        child,
        &Told {
            parent: init,
            state: 'D',
            flags: 0x4,
            ..Told::default()
        },
    );
    leave_the_list(&machine, child);
    assert_eq!(
        places(&read(&machine)),
        [(ProcessPlace::Own("/web".to_owned()), vec![init, child])]
    );
    // Also one below.
    machine.move_to(child, "0::/web/in\n");
    assert_eq!(
        places(&read(&machine))[1],
        (ProcessPlace::Below("in".to_owned()), vec![child])
    );
    let host = machine.machine();
    let web = machine.container("web");
    let cgroups: Vec<CgroupDir> = web
        .cgroups
        .iter()
        .filter_map(|view| CgroupDir::of_view(view, &host.hierarchies))
        .collect();
    assert_eq!(members::leaving(&host, &cgroups), [child].into());
}

#[test]
fn who_hangs_in_its_exit_is_not_outside_of_a_cgroup_that_v1_tells_no_more() {
    let (machine, init, child) = web(Machine::v1());
    let inside = |inside, flags| Told {
        namespace: Some(("pid:[7]", inside)),
        flags,
        ..Told::default()
    };
    machine.tell(init, &inside(1, 0));
    machine.tell(child, &inside(2, 0x4));
    leave_the_list(&machine, child);
    // v1 tells the root of everybody who exits.
    machine.move_to(child, "1:memory:/\n2:pids:/\n3:freezer:/\n");
    assert_eq!(
        places(&read(&machine)),
        [(ProcessPlace::Own("/web".to_owned()), vec![init, child])]
    );
}

#[test]
fn a_pid_namespace_that_is_not_the_containers_alone_tells_nothing() {
    let (mut machine, init, child) = web(Machine::v2());
    // As in a pod: pid 1 of the namespace is another container's.
    let inside = |inside| Told {
        namespace: Some(("pid:[7]", inside)),
        ..Told::default()
    };
    machine.tell(init, &inside(12));
    machine.tell(child, &inside(13));
    let neighbour = machine.spawn_stranger();
    machine.tell(neighbour, &inside(1));
    assert_eq!(read(&machine).processes().count(), 2);
}

#[test]
fn a_container_without_a_cgroup_has_init_and_its_descendants() {
    let (machine, init, child) = web(Machine::v2());
    let mut subject = subject(&machine);
    subject.cgroups.clear();
    let listing = ProcessReader::new(machine.machine()).look(&subject, NOW);
    assert_eq!(
        places(&listing),
        [(ProcessPlace::Family, vec![init, child])]
    );
}

#[test]
fn an_init_whose_pid_went_to_another_is_not_listed() {
    let (machine, init, child) = web(Machine::v2());
    let mut subject = subject(&machine);
    subject.cgroups.clear();
    machine.tell(
        init,
        &Told {
            start: 9_999,
            ..Told::default()
        },
    );
    let listing = ProcessReader::new(machine.machine()).look(&subject, NOW);
    assert_eq!(places(&listing), [], "neither {init} nor {child}");
}

#[test]
fn a_dead_leader_with_live_threads_is_told_by_one_of_them() {
    let (machine, _, child) = web(Machine::v1());
    let leader = Told {
        comm: "odd",
        state: 'Z',
        threads: 2,
        line: b"",
        status: "Uid:\t0\t0\t0\t0\n".to_owned(),
        ..Told::default()
    };
    machine.tell(child, &leader);
    fs::write(machine.proc().join(format!("{child}/cmdline")), "").unwrap();
    let thread = machine.proc().join(format!("{child}/task/{}", child + 1));
    fs::create_dir(&thread).unwrap();
    fs::write(thread.join("status"), "VmRSS:\t8 kB\n").unwrap();
    fs::write(thread.join("cmdline"), "/bin/odd\0leader\0").unwrap();
    let process = of(&read(&machine), child);
    assert_eq!(process.remarks(), ["Z, 1 thread live"]);
    assert_eq!(process.command, "/bin/odd leader");
    assert_eq!(process.resident, Some(8192));
}

#[test]
fn cpu_is_not_known_at_first_then_it_is_what_was_used_since() {
    let (machine, init, _) = web(Machine::v2());
    let subject = subject(&machine);
    let mut reader = ProcessReader::new(machine.machine());
    assert_eq!(of(&reader.look(&subject, NOW), init).cpu, None);
    let used = |ticks| {
        machine.tell(
            init,
            &Told {
                ticks,
                ..Told::default()
            },
        );
    };
    used(50);
    let second = of(&reader.look(&subject, NOW + SECOND), init);
    assert_eq!(second.cpu, Some(50.0));
    // Again at once, because the cursor moved: what was measured still holds.
    used(51);
    let soon = NOW + SECOND + Duration::from_millis(5);
    assert_eq!(of(&reader.look(&subject, soon), init).cpu, Some(50.0));
}

#[test]
fn a_state_that_lasts_is_counted_and_ends_with_the_next() {
    let (machine, init, _) = web(Machine::v2());
    let subject = subject(&machine);
    let mut reader = ProcessReader::new(machine.machine());
    let mut at = NOW;
    let mut look = |state, switches: u64| {
        let status = format!("voluntary_ctxt_switches:\t{switches}\n");
        machine.tell(
            init,
            &Told {
                state,
                status,
                ..Told::default()
            },
        );
        let held = of(&reader.look(&subject, at), init).held;
        at += SECOND;
        (held.looks, held.time, held.switches)
    };
    assert_eq!(look('D', 7), (1, Duration::ZERO, Some(0)));
    assert_eq!(look('D', 7), (2, SECOND, Some(0)));
    assert_eq!(look('D', 9), (3, 2 * SECOND, Some(2)));
    assert_eq!(look('S', 9), (1, Duration::ZERO, Some(0)));
}

#[test]
fn in_d_state_the_command_line_is_not_read_before_that_ends() {
    let (machine, init, _) = web(Machine::v2());
    let subject = subject(&machine);
    let mut reader = ProcessReader::new(machine.machine());
    let mut look = |state| {
        machine.tell(
            init,
            &Told {
                state,
                ..Told::default()
            },
        );
        let mut listing = reader.look(&subject, NOW);
        reader.ask(&mut listing, &subject, NOW);
        let process = of(&listing, init);
        (process.command, process.source)
    };
    assert_eq!(look('D'), ("[sleep]".to_owned(), Source::Unread));
    assert_eq!(look('S'), ("sleep 3000".to_owned(), Source::Line));
    // What is known stays known.
    assert_eq!(look('D'), ("sleep 3000".to_owned(), Source::Line));
}

#[test]
fn a_process_that_executes_another_program_has_another_command_line() {
    let (machine, init, _) = web(Machine::v2());
    let subject = subject(&machine);
    let mut reader = ProcessReader::new(machine.machine());
    let mut look = || {
        let mut listing = reader.look(&subject, NOW);
        reader.ask(&mut listing, &subject, NOW);
        of(&listing, init).command
    };
    assert_eq!(look(), "sleep 3000");
    machine.tell(
        init,
        &Told {
            comm: "nginx",
            line: b"nginx: master\0\0\0",
            ..Told::default()
        },
    );
    assert_eq!(look(), "nginx: master");
}

#[test]
fn a_command_line_that_does_not_answer_keeps_no_other_row() {
    let (machine, init, child) = web(Machine::v2());
    let file = machine.proc().join(format!("{init}/cmdline"));
    fs::remove_file(&file).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let subject = subject(&machine);
    let mut reader = ProcessReader::new(machine.machine());
    let mut listing = reader.look(&subject, NOW);
    assert!(reader.will_wait(&listing));
    reader.ask(&mut listing, &subject, NOW);
    assert!(matches!(of(&listing, init).source, Source::Silent(_)));
    assert_eq!(of(&listing, init).command, "[sleep]");
    assert_eq!(of(&listing, child).command, "sleep 3000");
    // It is not asked again, and how long it has been silent is said.
    let later = NOW + 12 * SECOND;
    let mut listing = reader.look(&subject, later);
    assert!(!reader.will_wait(&listing));
    reader.ask(&mut listing, &subject, later);
    assert_eq!(of(&listing, init).remarks(), ["not answering for 12 s"]);
    // The answer that comes after all is taken.
    let mut options = fs::OpenOptions::new();
    options.write(true);
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    std::io::Write::write_all(&mut options.open(&file).unwrap(), b"late\0").unwrap();
    for _ in 0..10_000 {
        let mut listing = reader.look(&subject, later);
        reader.ask(&mut listing, &subject, later);
        if of(&listing, init).command == "late" {
            return;
        }
        std::thread::yield_now();
    }
    panic!("it never came");
}

#[test]
fn what_a_command_line_would_do_to_a_terminal_is_shown_instead() {
    let (machine, init, _) = web(Machine::v2());
    let line = b"rm\0\x1b[2J\0a\nb\0";
    machine.tell(
        init,
        &Told {
            line,
            ..Told::default()
        },
    );
    assert_eq!(of(&read(&machine), init).command, "rm \\x1b[2J a\\nb");
}

#[test]
fn huge_pages_count_and_a_kill_that_waits_is_seen() {
    let (machine, init, _) = web(Machine::v2());
    let status = "Uid:\t0\t4242\t0\t0\nTracerPid:\t77\nVmRSS:\t4 kB\nHugetlbPages:\t2048 kB\n\
                  ShdPnd:\t0000000000000100\n";
    machine.tell(
        init,
        &Told {
            status: status.to_owned(),
            ..Told::default()
        },
    );
    let process = of(&read(&machine), init);
    assert_eq!(process.resident, Some(4096 + (2 << 20)));
    assert!(process.kill_pending());
    assert_eq!(process.tracer, Some(77));
    assert_eq!(process.user, "#4242");
}

#[test]
fn frozen_processes_are_said_to_be() {
    for host in [Machine::v1, Machine::v2] {
        let (machine, init, _) = web(host());
        machine.set_frozen(&machine.freezer_dir("web"));
        assert!(of(&read(&machine), init).frozen);
    }
}

#[test]
fn the_selected_process_is_looked_at_closely() {
    let (machine, init, child) = web(Machine::v2());
    let dir = machine.proc().join(child.to_string());
    let line = "74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f1c\n";
    fs::write(dir.join("syscall"), line).unwrap();
    let stack = "[<0>] folio_wait_bit_common+0x13a/0x2d0\n[<0>] nfs_file_fsync.part.0+0x1/0x2\n";
    fs::write(dir.join("stack"), stack).unwrap();
    fs::write(dir.join("wchan"), "folio_wait_bit_common").unwrap();
    fs::create_dir(dir.join("fd")).unwrap();
    std::os::unix::fs::symlink("/mnt/nas/backup.tar", dir.join("fd/3")).unwrap();
    let mut subject = subject(&machine);
    let start_time = of(&read(&machine), child).who.start_time;
    let who = InitProcess {
        pid: child,
        start_time,
    };
    subject.selected = Some(who);
    let mut reader = ProcessReader::new(machine.machine());
    let mut listing = reader.look(&subject, NOW);
    reader.ask(&mut listing, &subject, NOW);
    let closeup = listing.closeup.clone().unwrap();
    assert_eq!(closeup.who, who);
    assert_eq!(closeup.stack, ["folio_wait_bit_common", "nfs_file_fsync"]);
    let wchan = of(&listing, child).wchan;
    assert_eq!(wchan.as_deref(), Some("folio_wait_bit_common"));
    assert_eq!(of(&listing, init).wchan, None);
    #[cfg(target_arch = "x86_64")]
    assert_eq!(closeup.file.as_deref(), Some("/mnt/nas/backup.tar"));
}

#[test]
fn of_very_many_processes_the_first_are_read_and_the_rest_is_counted() {
    let (mut machine, _, _) = web(Machine::v2());
    for _ in 0..MOST {
        let pid = machine.spawn("web");
        machine.tell(pid, &Told::default());
    }
    let listing = read(&machine);
    assert_eq!((listing.processes().count(), listing.more), (MOST, 2));
}
