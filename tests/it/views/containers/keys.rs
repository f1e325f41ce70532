//! What keys do.

use ocitop::config::Config;
use ocitop::inventory::Condition;
use ocitop::kernel::Signal;
use ocitop::lifecycle::{Job, Seen, Step, StepKind, Verdict};
use ocitop::oci::{ContainerKey, Status};
use ocitop::tui::{Effect, EventKind};
use ratatui::crossterm::event::{
    Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::{asking, two};
use crate::support::stage::{
    Stage, container, done, key, plan, preview, step, stopped, written, zoo,
};

#[test]
fn read_only_makes_every_capital_dead() {
    let config = Config {
        read_only: true,
        ..Config::default()
    };
    let mut stage = Stage::with(80, 24, &config);
    stage.shows(zoo());
    stage.keys("DKTPS");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 0));
    stage.keys("<Enter>");
    stage.sees_no("delete");
    stage.keys("<Esc>:delete<Enter>");
    assert_eq!(stage.submitted(), vec![]);
}

#[test]
fn pause_pauses_what_runs_and_resumes_what_is_paused() {
    let mut stage = two();
    stage.keys("P");
    assert!(matches!(stage.submitted()[..], [Job::Pause(_)]));
    let mut paused = container("web-2");
    paused.condition = Condition::Known(Status::Paused);
    stage.shows(vec![container("web-1"), paused]);
    stage.keys("GP");
    assert!(matches!(
        stage.submitted()[..],
        [Job::Pause(_), Job::Resume(_)]
    ));
}

#[test]
fn only_a_created_container_is_started() {
    let mut stage = two();
    stage.keys("S");
    stage.sees("start: it is running: only a created");
    let mut created = container("web-1");
    created.condition = Condition::Known(Status::Created);
    stage.shows(vec![created]);
    stage.keys("S");
    assert!(matches!(stage.submitted()[..], [Job::Start(_)]));
}

#[test]
fn a_signal_is_chosen_then_confirmed_and_term_comes_first() {
    let mut stage = two();
    stage.keys("K<Enter>");
    stage.sees("Send SIGTERM?");
    stage.previews(preview);
    stage.keys("y");
    assert!(matches!(
        stage.submitted()[..],
        [Job::Kill(_, Signal::TERM)]
    ));
}

#[test]
fn real_time_signals_can_be_chosen_and_come_last() {
    let mut stage = two();
    stage.keys("K<End>");
    stage.sees("SIGRTMAX");
    // Twenty-seven above the one that a systemd stops with.
    stage.keys(&"k".repeat(27));
    stage.keys("<Enter>");
    stage.sees("Send SIGRTMIN+3?");
    stage.previews(preview);
    stage.keys("y");
    assert!(matches!(stage.submitted()[..], [Job::Kill(_, Signal(37))]));
}

#[test]
fn a_stop_that_did_not_work_asks_before_it_kills() {
    let mut stage = two();
    stage.keys("T");
    stage.previews(preview);
    stage.keys("y");
    assert!(matches!(stage.submitted()[..], [Job::Stop(_)]));
    let verdict = Verdict::Failed("still alive".to_owned());
    stage.event(EventKind::JobDone {
        key: key("web-1"),
        verdict,
    });
    stage.sees("Send SIGKILL?");
    stage.previews(preview);
    stage.effects.clear();
    stage.keys("<Enter>");
    assert_eq!(
        (stage.submitted(), stage.model.dialogs()),
        (vec![], 0),
        "Enter is on Cancel"
    );
}

#[test]
fn the_cursor_stays_on_its_container() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("b"), container("d")]);
    stage.keys("j");
    assert_eq!(stage.selected(), "d");
    stage.shows(["a", "b", "c", "d", "e"].map(container).into());
    assert_eq!(stage.selected(), "d");
}

#[test]
fn the_cursor_goes_to_the_neighbour_of_what_vanished() {
    let mut stage = Stage::new(80, 24);
    stage.shows(["a", "b", "c"].map(container).into());
    stage.keys("j");
    stage.shows(vec![container("a"), container("c")]);
    assert_eq!(stage.selected(), "c");
    stage.shows(vec![container("a")]);
    assert_eq!(stage.selected(), "a");
}

#[test]
fn escape_never_quits() {
    let mut stage = two();
    stage.keys("/web<Enter> <Esc><Esc><Esc><Esc><Esc>");
    assert!(!stage.effects.contains(&Effect::Quit));
    assert_eq!(stage.model.row_keys().count(), 2);
}

#[test]
fn q_quits_and_so_does_control_c() {
    for keys in ["q", "<C-c>"] {
        let mut stage = two();
        stage.keys(keys);
        assert_eq!(stage.effects.last(), Some(&Effect::Quit));
    }
}

#[test]
fn quitting_during_a_teardown_asks_and_leaves_after_the_step() {
    let mut stage = asking();
    stage.keys("y");
    stage.event(step(
        &stage,
        "web-1",
        StepKind::Planned {
            plan: plan("web-1", 9),
        },
    ));
    let kill = Step::Kill {
        processes: 9,
        at_once: Vec::new(),
    };
    let started = StepKind::Started {
        number: 2,
        step: kill,
    };
    stage.event(step(&stage, "web-1", started));
    stage.effects.clear();
    stage.keys("q<Enter>");
    assert_eq!(stage.effects, [], "Enter is on Stay");
    stage.keys("qy");
    assert_eq!(stage.effects, [Effect::HoldJobs]);
    stage.event(done(
        &stage,
        "web-1",
        2,
        Step::Kill {
            processes: 9,
            at_once: Vec::new(),
        },
        Seen::Signalled(9),
    ));
    assert_eq!(stage.effects, [Effect::HoldJobs, Effect::Quit]);
}

#[test]
fn a_signal_to_ocitop_ends_it_at_once() {
    let mut stage = asking();
    stage.keys("y");
    stage.effects.clear();
    stage.event(EventKind::Terminate("SIGTERM"));
    assert_eq!(stage.effects, [Effect::Quit]);
}

#[test]
fn a_paste_into_the_list_does_nothing() {
    let mut stage = two();
    stage.event(EventKind::Input(Input::Paste("Dy".to_owned())));
    assert_eq!(stage.model.dialogs(), 0);
    stage.keys("/");
    stage.event(EventKind::Input(Input::Paste("web-2\n".to_owned())));
    assert_eq!(stage.model.row_keys().count(), 1);
}

#[test]
fn a_marks_the_range_between_two_presses_of_v() {
    let mut stage = Stage::new(80, 24);
    stage.shows(["a", "b", "c", "d"].map(container).into());
    stage.keys("vjjv");
    stage.sees("3 marked");
    stage.keys("u");
    stage.sees_no("marked");
}

#[test]
fn frozen_the_screen_stays_and_thawed_it_catches_up() {
    let mut stage = two();
    stage.keys("f");
    stage.shows(vec![container("new")]);
    stage.sees("FROZEN");
    assert_eq!(stage.model.row_keys().count(), 2);
    stage.keys("f");
    assert_eq!(stage.selected(), "new");
}

#[test]
fn plus_and_minus_change_the_interval() {
    let mut stage = two();
    stage.keys("+--");
    let millis = |effect: &Effect| match effect {
        Effect::Interval(interval) => Some(interval.as_millis()),
        _ => None,
    };
    let intervals: Vec<_> = stage.effects.iter().filter_map(millis).collect();
    assert_eq!(intervals, [500, 1000, 2000]);
}

#[test]
fn the_filter_knows_fields_and_numbers() {
    let cases = [
        ("state:paused", vec!["migrate"]),
        ("rt:crun", vec!["api-worker-7f3c", "nightly-report"]),
        ("owner:containerd", vec!["batch-91"]),
        ("cpu>50", vec!["batch-91"]),
        ("mem>=100%", vec!["batch-91"]),
        ("web !1", vec!["web-2"]),
        ("pids<4 cpu<1", vec!["api-worker-7f3c"]),
        ("empty", vec!["ghost-42"]),
        ("thr>40", vec!["batch-91"]),
        ("oom>0", vec!["batch-91"]),
    ];
    for (filter, wanted) in cases {
        let mut stage = Stage::new(80, 24);
        stage.shows(zoo());
        stage.keys(&format!("/{}<Enter>", filter.replace('<', "<lt>")));
        let shown: Vec<_> = stage.model.row_keys().map(ContainerKey::label).collect();
        assert_eq!(shown, wanted, "{filter}");
    }
}

#[test]
fn the_order_can_be_chosen_and_reversed() {
    let mut stage = Stage::new(80, 24);
    stage.shows(zoo());
    let first = |stage: &Stage| stage.model.row_keys().next().unwrap().label();
    assert_eq!(first(&stage), "ghost-42");
    stage.keys("sjjjjjj<Enter>");
    stage.sees("sort: cpu");
    assert_eq!(first(&stage), "batch-91");
    stage.keys("r");
    assert_ne!(first(&stage), "batch-91");
}

#[test]
fn a_click_selects_and_a_click_on_a_heading_sorts() {
    let mut stage = two();
    let click = |column, row| {
        EventKind::Input(Input::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }))
    };
    stage.event(click(10, 5));
    assert_eq!(stage.selected(), "web-2");
    stage.event(click(5, 3));
    stage.sees("sort: state");
}

#[test]
fn what_is_exported_has_the_rows_shown() {
    let mut stage = two();
    stage.keys("/web-2<Enter>x<Enter>");
    let saved = stage.effects.iter().find_map(|effect| match effect {
        Effect::Save {
            extension: "csv",
            content,
            ..
        } => Some(written(content)),
        _ => None,
    });
    let saved = saved.unwrap();
    assert!(
        saved.contains("web-2") && !saved.contains("web-1"),
        "{saved}"
    );
}

#[test]
fn a_lost_thread_is_said() {
    let mut stage = two();
    stage.event(EventKind::ThreadLost("engine-1".to_owned()));
    stage.sees("thread engine-1 ended");
}

#[test]
fn stopped_containers_can_be_hidden() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web"), stopped("old")]);
    stage.keys("a");
    assert_eq!(stage.model.row_keys().count(), 1);
    stage.sees("stopped hidden");
}

#[test]
fn the_log_can_be_searched_and_saved() {
    let mut stage = two();
    for number in 0..50 {
        stage.event(EventKind::Said {
            failed: false,
            text: format!("line number {number}."),
        });
    }
    stage.keys("l/number 7.<Enter>");
    stage.sees("line number 7.");
    stage.keys("<C-s>");
    let Some(Effect::Save { content, .. }) = stage.effects.last() else {
        panic!("nothing was saved");
    };
    assert_eq!(written(content).lines().count(), 50);
}

#[test]
fn a_job_that_has_not_begun_does_not_keep_anyone_from_leaving() {
    let mut stage = asking();
    stage.keys("y");
    stage.effects.clear();
    stage.keys("qy");
    assert_eq!(stage.effects, [Effect::HoldJobs, Effect::Quit]);
}
