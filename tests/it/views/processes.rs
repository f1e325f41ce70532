//! The processes view: what is seen, and what its keys do.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use ocitop::inventory::processes::{
    Closeup, LastingState, Listing, Process, ProcessGroup, ProcessPlace, Source,
};
use ocitop::kernel::Signal;
use ocitop::lifecycle::{Job, Plan, PlannedStep, Preview, Step};
use ocitop::process::InitProcess;
use ocitop::process::status::SignalSet;
use ocitop::process::syscall::Syscall;
use ocitop::tui::{Effect, EventKind};

use crate::support::stage::{Stage, container, key, preview, zoo};

const WEB: &str = "api-worker-7f3c";

fn process(pid: i32, parent: i32, command: &str) -> Process {
    Process {
        who: InitProcess {
            pid,
            start_time: 27 * 86_400 * 100,
        },
        parent,
        inside: None,
        is_init: false,
        user: "#100000".to_owned(),
        state: 'S',
        exiting: false,
        kernel: false,
        threads: 1,
        cpu: Some(0.0),
        ticks: 1200,
        resident: Some(1 << 20),
        age: Duration::from_hours(3),
        command: command.to_owned(),
        source: Source::Line,
        wchan: Some("do_wait".to_owned()),
        pending: SignalSet::default(),
        tracer: None,
        frozen: false,
        elsewhere: None,
        held: LastingState::default(),
    }
}

/// What can be met in a container: the tree, a process in D, a zombie, a sub-cgroup, one outside.
fn listing() -> Listing {
    let init = Process {
        is_init: true,
        inside: Some(1),
        threads: 4,
        cpu: Some(12.3),
        resident: Some(14 << 20),
        wchan: Some("ep_poll".to_owned()),
        ..process(3312, 3300, "nginx: master process /usr/sbin/nginx")
    };
    let stuck = Process {
        state: 'D',
        resident: Some(190 << 20),
        wchan: Some("folio_wait_bit_common".to_owned()),
        pending: SignalSet(0x100),
        held: LastingState {
            looks: 1020,
            time: Duration::from_secs(1019),
            switches: Some(0),
        },
        ..process(48133, 3312, "sync-job --dest /mnt/nas --verbose")
    };
    let zombie = Process {
        state: 'Z',
        cpu: None,
        resident: Some(0),
        wchan: None,
        command: "[sh] <defunct>".to_owned(),
        source: Source::None,
        ..process(48140, 48133, "")
    };
    let silent = Process {
        command: "[java]".to_owned(),
        source: Source::Silent(Duration::from_secs(12)),
        ..process(50991, 3300, "")
    };
    let away = Process {
        elsewhere: Some("/app.scope".to_owned()),
        ..process(51002, 3312, "logger -t web")
    };
    let group = |place, processes| ProcessGroup { place, processes };
    Listing {
        key: key(WEB),
        init: container(WEB).init,
        groups: vec![
            group(
                ProcessPlace::Own("/machine.slice/libpod-7f3c.scope".to_owned()),
                vec![init, stuck, zombie],
            ),
            group(ProcessPlace::Below("exec-2".to_owned()), vec![silent]),
            group(ProcessPlace::Outside, vec![away]),
        ],
        more: 0,
        closeup: Some(closeup()),
    }
}

fn closeup() -> Closeup {
    Closeup {
        who: process(48133, 0, "").who,
        stack: [
            "folio_wait_bit_common",
            "folio_wait_writeback",
            "nfs_file_fsync",
        ]
        .map(str::to_owned)
        .to_vec(),
        syscall: Some(Syscall::In {
            number: 74,
            arguments: [3, 0],
        }),
        file: Some("/mnt/nas/backup.tar".to_owned()),
        silent: None,
    }
}

fn shows(stage: &mut Stage, listing: Listing) {
    stage.event(EventKind::Processes(Arc::new(listing)));
}

/// The view with the listing on it.
fn turned(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.shows(zoo());
    while stage.selected() != WEB {
        stage.keys("j");
    }
    stage.keys("3");
    let listing = listing();
    shows(&mut stage, listing);
    stage
}

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

#[test]
fn processes_as_trees_by_cgroup_with_the_selected_one_below() {
    for (width, height) in SIZES {
        let mut stage = turned(width, height);
        stage.keys("j");
        assert_snapshot!(format!("processes_{width}x{height}"), stage.screen());
    }
}

#[test]
fn a_flat_list_is_sorted() {
    let mut stage = turned(120, 40);
    stage.keys("sj<Enter>");
    assert_snapshot!("processes_flat", stage.screen());
    stage.sees("t flat, sort: rss v");
    stage.keys("r");
    stage.sees("t flat, sort: rss ^");
    stage.keys("t");
    stage.sees("t tree");
}

#[test]
fn details_of_a_process_are_a_page_that_follows_what_is_read() {
    let mut stage = turned(80, 24);
    stage.keys("j<Enter>");
    assert_snapshot!("process_details", stage.screen());
    let mut newer = listing();
    newer.groups[0].processes[1].held.looks = 1021;
    shows(&mut stage, newer);
    stage.sees("at all 1021 looks");
}

#[test]
fn a_signal_to_one_process_asks_first_and_shows_which() {
    for (width, height) in SIZES {
        let mut stage = turned(width, height);
        stage.keys("jK");
        stage.keys("j<Enter>");
        stage.previews(one);
        assert_snapshot!(format!("signal_one_{width}x{height}"), stage.screen());
    }
}

fn one(job: &Job) -> Preview {
    let Job::SignalOne(_, process, signal) = job else {
        return preview(job);
    };
    let stop = |step| PlannedStep {
        step,
        on_failure: ocitop::lifecycle::OnFailure::Stop,
    };
    Preview {
        plan: Plan(vec![
            stop(Step::Identify { pid: Some(3312) }),
            stop(Step::SignalOne {
                pid: process.pid,
                start_time: process.start_time,
                signal: *signal,
            }),
        ]),
        ..preview(job)
    }
}

#[test]
fn the_signal_goes_to_the_process_under_the_cursor_alone() {
    let mut stage = turned(80, 24);
    stage.keys("jK<Enter>");
    stage.sees("Send SIGTERM to pid 48133?");
    stage.previews(one);
    stage.keys("<Enter>");
    assert_eq!(stage.submitted(), vec![], "the focus is on Cancel");
    stage.keys("K<Enter>");
    stage.previews(one);
    stage.keys("y");
    let jobs = stage.submitted();
    assert!(
        matches!(&jobs[..], [Job::SignalOne(target, process, Signal::TERM)]
            if target.key == key(WEB) && process.pid == 48133),
        "{jobs:?}"
    );
}

#[test]
fn keys_typed_ahead_of_a_signal_to_a_process_are_thrown_away() {
    let mut stage = turned(80, 24);
    stage.keys("K<Enter>");
    stage.previews(one);
    stage.keys_at_once("y");
    assert_eq!(stage.submitted(), vec![]);
    stage.wait(Duration::from_millis(300));
    stage.keys_at_once("y");
    assert_eq!(stage.submitted().len(), 1);
}

#[test]
fn a_process_that_vanishes_while_asked_about_gets_no_signal() {
    let mut stage = turned(80, 24);
    stage.keys("jK<Enter>");
    stage.previews(one);
    let mut newer = listing();
    // Its pid went to another.
    newer.groups[0].processes[1].who.start_time += 1;
    shows(&mut stage, newer);
    stage.sees("It is gone");
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), vec![]);
}

#[test]
fn the_cursor_stays_on_its_process_and_never_on_a_recycled_pid() {
    let mut stage = turned(80, 24);
    stage.keys("j");
    let mut newer = listing();
    let first = process(40000, 3312, "new");
    newer.groups[0].processes.insert(1, first);
    shows(&mut stage, newer.clone());
    stage.sees(">   48133");
    newer.groups[0].processes[2].who.start_time += 1;
    newer.groups[0].processes[2].command = "somebody-else".to_owned();
    shows(&mut stage, newer);
    stage.keys("y");
    let copied = stage.effects.iter().rev().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    // Where the cursor was, another process is now: it is a neighbour, not the same.
    assert!(copied.is_some());
    assert_eq!(stage.submitted(), vec![]);
}

#[test]
fn the_pid_is_copied() {
    let mut stage = turned(80, 24);
    stage.keys("jy");
    assert!(stage.effects.contains(&Effect::Copy("48133".to_owned())));
}

#[test]
fn an_answer_for_another_container_is_dropped() {
    let mut stage = turned(80, 24);
    let mut other = listing();
    other.key = key("web-1");
    other.groups.clear();
    shows(&mut stage, other);
    let mut before = listing();
    before.init = None;
    before.groups.clear();
    shows(&mut stage, before);
    stage.sees("48133");
}

#[test]
fn a_container_that_goes_does_not_leave_its_place_to_the_next() {
    let mut stage = turned(80, 24);
    let others = zoo().into_iter().filter(|row| row.key != key(WEB));
    stage.shows(others.collect());
    stage.keys("KDT");
    assert_eq!((stage.model.dialogs(), stage.submitted()), (0, vec![]));
    stage.sees(&format!("Processes of {WEB}"));
}

#[test]
fn what_acts_on_the_container_names_it_and_no_marked_one() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1"), container("web-2")]);
    stage.keys(" 3");
    stage.sees("Processes of web-2");
    stage.keys("D");
    stage.previews(preview);
    stage.sees("id       web-2");
    stage.sees_no("2 containers");
    stage.keys("y");
    assert!(
        matches!(&stage.submitted()[..], [Job::Delete(target, _)] if target.key == key("web-2"))
    );
}

#[test]
fn marks_and_the_hidden_list_are_out_of_reach() {
    let mut stage = turned(80, 24);
    stage.keys(" v<C-a>uanjj<lt>>");
    assert_eq!(stage.selected(), WEB);
    stage.keys("<Esc>");
    stage.sees_no("marked");
}

#[test]
fn a_filter_leaves_what_matches_and_esc_clears_it() {
    let mut stage = turned(120, 40);
    stage.keys("/sync<Enter>");
    stage.sees("sync-job");
    stage.sees_no("logger");
    stage.keys("<Esc>");
    stage.sees("logger");
    stage.keys("/nobody<Enter>");
    stage.sees("No process matches");
}

#[test]
fn long_commands_scroll_sideways() {
    let mut stage = turned(80, 24);
    stage.keys("j<Right><Right>");
    stage.sees("~");
    stage.sees_no("sync-job --dest");
}

#[test]
fn before_the_first_answer_it_says_that_it_looks() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1")]);
    stage.keys("3");
    stage.sees("Looking for its processes");
}

#[test]
fn read_only_sends_no_signal() {
    let config = ocitop::config::Config {
        read_only: true,
        ..ocitop::config::Config::default()
    };
    let mut stage = Stage::with(80, 24, &config);
    stage.shows(zoo());
    stage.keys("3");
    stage.keys("K");
    assert_eq!(stage.model.dialogs(), 0);
}

#[test]
fn a_frozen_screen_keeps_its_processes() {
    let mut stage = turned(80, 24);
    stage.keys("f");
    let mut newer = listing();
    newer.groups.truncate(1);
    shows(&mut stage, newer.clone());
    stage.sees("logger");
    stage.keys("f");
    shows(&mut stage, newer);
    stage.sees_no("logger");
}
