//! View 1 and what lies over it (dialogs, menus, help, the log): what the operator sees, as text.
//! Each test is named after it.

mod attention;
mod delete;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use ocitop::config::Config;
use ocitop::inventory::series::SeriesId;
use ocitop::inventory::{Detail, Managed, Manager, RootState, Snapshot};
use ocitop::lifecycle::{Preview, Seen, Step, StepKind, Survivor, Verdict};
use ocitop::tui::{EventKind, TerminalLook};
use ratatui::style::{Color, Modifier};

use crate::support::measured::{LOOKED, history};
use crate::support::stage::{
    Stage, container, done, host, key, plan, preview, root, snapshot, step, stopped, usage, zoo,
};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// A stage with `web-1` and `web-2`, the cursor on the first.
fn two() -> Stage {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1"), container("web-2")]);
    stage
}

/// As [`two`], with the delete dialog of `web-1` open and its plan known.
fn asking() -> Stage {
    let mut stage = two();
    stage.keys("D");
    stage.previews(preview);
    stage
}

fn at_every_size(name: &str, act: impl Fn(&mut Stage)) {
    for (width, height) in SIZES {
        let mut stage = Stage::new(width, height);
        act(&mut stage);
        assert_snapshot!(format!("{name}_{width}x{height}"), stage.screen());
    }
}

#[test]
fn containers_of_every_kind_with_what_needs_attention_first() {
    at_every_size("containers", |stage| stage.shows(zoo()));
}

#[test]
fn the_charts_grow_from_zero_to_the_limit() {
    let grown = |most: f64| move |second: u64| Some(most * second as f64 / LOOKED as f64);
    let detail = Detail {
        history: history(&[
            (SeriesId::Cpu, &grown(180.0)),
            (SeriesId::Memory, &grown(960.0 * 1_048_576.0)),
            (SeriesId::Pids, &grown(480.0)),
        ]),
        ..Detail::default()
    };
    let mut web = container("web");
    web.usage = usage(180.0, 960 << 20, 480);
    web.detail = Some(Arc::new(detail));
    let mut stage = Stage::new(120, 40);
    stage.wait(Duration::from_secs(LOOKED));
    stage.shows(vec![web]);
    stage.keys("2>>1");
    assert_snapshot!(stage.screen());
    stage.keys("<Tab><Tab>z");
    assert_snapshot!("usage_over_the_whole_screen", stage.screen());
}

#[test]
fn an_empty_host_says_where_it_looked_and_what_to_try() {
    for (width, height) in SIZES {
        let mut stage = Stage::new(width, height);
        let taken = stage.moment().wall;
        let empty = Snapshot {
            host: host(false),
            roots: vec![
                root("/run/user/1000/crun", RootState::Read(0)),
                root(
                    "/run/runc",
                    RootState::Failed("Permission denied (os error 13)".to_owned()),
                ),
                root("/run/youki", RootState::Absent),
                root("/run/crun", RootState::Absent),
            ],
            ..snapshot(taken, Vec::new())
        };
        stage.event(EventKind::Snapshot(empty.into()));
        assert_snapshot!(format!("empty_{width}x{height}"), stage.screen());
    }
}

#[test]
fn before_the_first_scan_it_says_that_it_looks() {
    Stage::new(80, 24).sees("Looking for containers");
}

#[test]
fn a_screen_too_small_says_so_and_what_runs() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1")]);
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    stage.event(step(
        &stage,
        "web-1",
        StepKind::Planned {
            plan: plan("web-1", 9),
        },
    ));
    let drain = Step::Drain {
        limit: Duration::from_secs(10),
    };
    stage.event(step(
        &stage,
        "web-1",
        StepKind::Started {
            number: 3,
            step: drain,
        },
    ));
    stage.wait(Duration::from_secs(4));
    stage.resize(39, 8);
    stage.event(EventKind::Tick);
    assert_snapshot!(stage.screen());
}

#[test]
fn delete_asks_first_and_lists_every_step() {
    at_every_size("delete_asks", |stage| {
        stage.shows(vec![container("web-1"), container("web-2")]);
        stage.keys("D");
        stage.previews(preview);
    });
}

#[test]
fn delete_of_a_managed_container_wants_a_word_typed() {
    at_every_size("delete_managed", |stage| {
        let mut api = container(
            "api-worker-7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57",
        );
        api.manager = Some(Managed::plainly(Manager::Podman, api.key.name()));
        stage.shows(vec![api]);
        stage.keys("D");
        let stuck = |job: &_| Preview {
            uninterruptible: 1,
            ..preview(job)
        };
        stage.previews(stuck);
        stage.keys("del");
    });
}

#[test]
fn delete_of_marked_ones_lists_them_all() {
    at_every_size("delete_marked", |stage| {
        stage.shows(zoo());
        stage.keys("<C-a>D");
        stage.previews(preview);
    });
}

#[test]
fn until_the_plan_is_known_delete_cannot_be_confirmed() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1")]);
    stage.keys("D");
    assert_snapshot!(stage.screen());
}

#[test]
fn a_row_under_teardown_says_so_and_the_log_tells_every_step() {
    at_every_size("teardown", |stage| {
        stage.shows(vec![container("web-1"), stopped("old")]);
        stage.keys("D");
        stage.previews(preview);
        stage.keys("y");
        stage.event(step(
            stage,
            "web-1",
            StepKind::Planned {
                plan: plan("web-1", 9),
            },
        ));
        stage.event(done(
            stage,
            "web-1",
            1,
            Step::Identify { pid: Some(3312) },
            Seen::Same,
        ));
        stage.event(done(
            stage,
            "web-1",
            2,
            Step::Kill {
                processes: 9,
                at_once: Vec::new(),
            },
            Seen::Signalled(9),
        ));
        let waiting = StepKind::Waiting {
            number: 3,
            step: Step::Drain {
                limit: Duration::from_secs(10),
            },
            survivors: vec![Survivor {
                pid: 48133,
                command: "backup".to_owned(),
                state: 'D',
                wchan: Some("folio_wait_bit_common".to_owned()),
                frozen: false,
                cgroup: None,
            }],
        };
        stage.event(step(stage, "web-1", waiting.clone()));
        stage.wait(Duration::from_secs(2));
        stage.event(step(stage, "web-1", waiting));
    });
}

#[test]
fn a_failed_teardown_stays_in_the_log_with_what_is_left() {
    at_every_size("teardown_failed", |stage| {
        stage.shows(vec![container("web-1")]);
        stage.keys("D");
        stage.previews(preview);
        stage.keys("y");
        let left = vec![
            "1 process".to_owned(),
            "cgroup /sys/fs/cgroup/web-1".to_owned(),
        ];
        let verdict = Verdict::Leftovers(left);
        stage.event(EventKind::JobDone {
            key: key("web-1"),
            verdict,
        });
    });
}

#[test]
fn help_shows_the_keys_of_the_pane_in_focus_first() {
    at_every_size("help", |stage| {
        stage.shows(zoo());
        stage.keys("?");
    });
    let mut stage = Stage::new(80, 24);
    stage.shows(zoo());
    stage.keys("l?");
    assert_snapshot!("help_in_the_log", stage.screen());
}

#[test]
fn a_filter_narrows_the_list_while_it_is_typed() {
    at_every_size("filter", |stage| {
        stage.shows(zoo());
        stage.keys("/web !2");
    });
}

#[test]
fn a_filter_without_a_match_says_how_to_clear_it() {
    let mut stage = Stage::new(80, 24);
    stage.shows(zoo());
    stage.keys("/nothing<Enter>");
    assert_snapshot!(stage.screen());
}

#[test]
fn the_menus() {
    for (name, script) in [
        ("menu_actions", "<Enter>"),
        ("menu_sort", "s"),
        ("menu_columns", "c"),
        ("menu_signals", "K"),
        ("menu_copy", "y"),
        ("menu_palette", ":log"),
    ] {
        let mut stage = Stage::new(80, 24);
        stage.shows(zoo());
        stage.keys(script);
        assert_snapshot!(name, stage.screen());
    }
}

#[test]
fn details_over_the_whole_screen() {
    let mut stage = Stage::new(80, 24);
    stage.shows(zoo());
    stage.keys("jj<Enter><Enter>");
    assert_snapshot!(stage.screen());
}

#[test]
fn read_only_says_that_the_capitals_are_dead() {
    let config = Config {
        read_only: true,
        ..Config::default()
    };
    let mut stage = Stage::with(80, 24, &config);
    stage.shows(zoo());
    stage.keys("D");
    assert_snapshot!(stage.screen());
}

#[test]
fn without_utf8_there_is_only_ascii() {
    let look = TerminalLook {
        color: false,
        unicode: false,
    };
    let mut stage = Stage::looking(120, 40, &Config::default(), look);
    stage.shows(zoo());
    stage.shows(zoo());
    let screen = stage.screen();
    assert!(screen.is_ascii(), "{screen}");
    assert_snapshot!(screen);
}

#[test]
fn without_colour_nothing_is_coloured_and_the_selection_still_shows() {
    let look = TerminalLook {
        color: false,
        unicode: true,
    };
    let mut stage = Stage::looking(80, 24, &Config::default(), look);
    stage.shows(zoo());
    let buffer = stage.buffer();
    for cell in buffer.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
    let selected = stage
        .screen()
        .lines()
        .position(|line| line.contains('>'))
        .unwrap();
    let row = u16::try_from(selected).unwrap();
    assert!(buffer[(4, row)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn hostile_names_are_shown_escaped() {
    let mut stage = Stage::new(80, 24);
    let mut evil = container("evil");
    evil.key = key("\u{1b}[31mred\u{202e}gnp");
    evil.problem = Some("state.json says \u{7}\nfoo".to_owned());
    stage.shows(vec![evil]);
    let screen = stage.screen();
    assert!(
        !screen.contains('\u{1b}') && !screen.contains('\u{202e}'),
        "{screen}"
    );
    stage.sees(r"\x1b[31mred\u{202e}gnp");
}

#[test]
fn what_is_old_says_how_old() {
    let mut stage = Stage::new(120, 40);
    stage.shows(zoo());
    stage.sees_no(" old ");
    stage.wait(Duration::from_secs(12));
    stage.event(EventKind::Tick);
    stage.sees("12s old");
}

#[test]
fn a_long_id_can_be_read_to_its_end() {
    let mut stage = Stage::new(40, 10);
    stage.shows(vec![container("0123456789abcdef0123456789abcdef")]);
    stage.sees("0123456789ab");
    stage.sees_no("89abcdef ");
    stage.keys("<Right><Right><Right><Right>");
    stage.sees("89abcdef");
}
