//! View 2: the usage, charts, and rows that do not answer.

use std::time::Duration;

use insta::assert_snapshot;
use ocitop::config::Config;
use ocitop::inventory::Container;
use ocitop::tui::{Effect, TerminalLook};
use ratatui::style::Color;

use crate::support::measured::{LOOKED, busy, idle, looked, opaque, unlimited, with_past};
use crate::support::stage::{Stage, container, stopped, written, zoo};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

fn at_every_size(name: &str, rows: impl Fn() -> Vec<Container>, script: &str) {
    for (width, height) in SIZES {
        let mut stage = looked(width, height, rows());
        stage.keys(script);
        assert_snapshot!(format!("{name}_{width}x{height}"), stage.screen());
    }
}

#[test]
fn a_busy_container_shows_its_throttling_and_its_oom_kills() {
    at_every_size("usage_busy", || vec![busy()], "2");
}

#[test]
fn an_idle_container_is_a_flat_line_with_a_gap_where_nobody_looked() {
    at_every_size("usage_idle", || vec![idle("web-1", 0.2)], "2");
}

#[test]
fn without_limits_an_axis_ends_above_the_peak() {
    at_every_size("usage_no_limits", || vec![unlimited()], "2");
}

#[test]
fn what_is_not_available_is_a_dash_and_says_why() {
    at_every_size("usage_nothing", || vec![opaque()], "2");
}

#[test]
fn marked_ones_are_compared_on_the_same_scale() {
    let rows = || vec![busy(), idle("web-1", 12.0), idle("web-2", 48.0)];
    at_every_size("usage_compare", rows, "j j 2");
}

#[test]
fn without_a_container_the_host_is_shown() {
    at_every_size("usage_host", Vec::new, "2");
}

#[test]
fn until_there_is_a_sample_it_says_that_it_measures() {
    at_every_size("usage_measuring", || vec![container("web-1")], "2");
    let mut stage = looked(80, 24, vec![stopped("old")]);
    stage.keys("2");
    stage.sees("not running");
}

#[test]
fn a_row_that_does_not_answer_says_so_in_words_and_comes_first() {
    let rows = || {
        let mut rows = vec![container("aaa"), container("web-1")];
        rows[1].silent = Some(Duration::from_secs(12));
        rows
    };
    at_every_size("silent", rows, "");
    let stage = looked(80, 24, rows());
    stage.sees("not answering for 12 s");
    assert_eq!(stage.model.row_keys().next().unwrap().label(), "web-1");
    let mut stage = looked(80, 24, rows());
    stage.keys("/silent");
    assert_eq!(stage.model.row_keys().count(), 1);
    stage.keys("<Enter>2");
    stage.sees("not answering for 12 s");
}

#[test]
fn without_utf8_charts_are_ascii() {
    let look = TerminalLook {
        color: false,
        unicode: false,
    };
    for (view, script) in [("usage", "2"), ("history", "6j")] {
        let mut stage = Stage::looking(120, 40, &Config::default(), look);
        stage.wait(Duration::from_secs(LOOKED));
        stage.shows_with(vec![busy()], with_past);
        stage.keys(script);
        let screen = stage.screen();
        assert!(screen.is_ascii(), "{screen}");
        assert_snapshot!(format!("ascii_{view}"), screen);
    }
}

#[test]
fn the_list_has_a_chart_of_the_cpu_where_there_is_room() {
    let mut stage = looked(140, 30, vec![busy(), container("unseen")]);
    stage.sees("CPU LATELY");
    assert_snapshot!(stage.screen());
    stage.resize(120, 40);
    stage.sees_no("CPU LATELY");
}

#[test]
fn less_and_more_change_the_span_only_where_there_is_one() {
    let mut stage = looked(80, 24, vec![busy()]);
    stage.keys("2");
    stage.sees("last 2m");
    stage.keys(">");
    stage.sees("last 5m");
    stage.keys("<lt><lt><lt><lt><lt>");
    stage.sees("last 30s");
    stage.keys(">>>>>>>>>");
    stage.sees("last 2h");
    stage.keys("1>");
    stage.sees("sort: state");
    assert_snapshot!(looked_for_two_hours());
}

fn looked_for_two_hours() -> String {
    let mut stage = looked(120, 40, vec![busy()]);
    stage.keys("2>>>>>>");
    stage.screen()
}

#[test]
fn an_axis_ends_at_the_limit_or_above_the_peak() {
    let mut stage = looked(80, 24, vec![idle("web-1", 12.0)]);
    stage.keys("2");
    stage.sees(" 200┤");
    stage.keys("a");
    stage.sees("  20┤");
    stage.sees("axis: auto");
    stage.keys("a");
    stage.sees(" 200┤");
    assert_eq!(stage.model.row_keys().count(), 1, "a hides nothing here");
}

#[test]
fn o_shows_the_usage_and_goes_back() {
    let mut stage = looked(80, 24, vec![idle("web-1", 1.0), idle("web-2", 1.0)]);
    stage.keys("jo");
    stage.sees("CPU %  web-2");
    stage.keys("k");
    stage.sees("CPU %  web-1");
    stage.keys("o");
    stage.sees("Containers 2 of 2");
    assert_eq!(stage.selected(), "web-1");
}

#[test]
fn what_is_not_due_yet_is_no_gap() {
    let mut stage = looked(120, 40, vec![idle("web-1", 0.2)]);
    stage.keys("2<lt><lt>");
    stage.sees("⣀││");
    let mut looks_again_after = |seconds: u64| {
        stage.shows_with(vec![idle("web-1", 0.2)], |snapshot| {
            snapshot.uptime = Duration::from_secs(LOOKED + seconds);
        });
        stage.screen().contains("⣀││")
    };
    assert!(looks_again_after(1));
    assert!(!looks_again_after(5));
}

#[test]
fn without_colour_charts_have_none() {
    let look = TerminalLook {
        color: false,
        unicode: true,
    };
    for script in ["2", "6j"] {
        let mut stage = Stage::looking(120, 40, &Config::default(), look);
        stage.wait(Duration::from_secs(LOOKED));
        stage.shows_with(vec![busy()], with_past);
        stage.keys(script);
        for cell in stage.buffer().content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
    }
}

#[test]
fn a_long_id_can_be_read_to_its_end_in_the_usage_view() {
    for (width, height) in SIZES {
        let row = idle(
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
            1.0,
        );
        let mut stage = looked(width, height, vec![row]);
        stage.keys("2");
        stage.keys("<Right><Right><Right><Right><Right>");
        stage.sees("cdef0123456789 ");
    }
}

#[test]
fn frozen_the_charts_stay_as_they_were() {
    let mut stage = looked(80, 24, vec![busy()]);
    stage.keys("2f");
    let charts = |stage: &Stage| {
        let screen = stage.screen();
        screen
            .lines()
            .skip(2)
            .take(12)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = charts(&stage);
    stage.wait(Duration::from_secs(30));
    stage.shows(vec![idle("batch-91", 1.0)]);
    assert_eq!(charts(&stage), before);
    stage.keys("f");
    assert_ne!(charts(&stage), before);
}

#[test]
fn the_tabs_are_whole_whatever_a_root_fails_with() {
    let stage = looked(120, 40, zoo());
    stage.sees("6 History ");
    stage.sees("1 unreadable");
}

#[test]
fn what_is_exported_has_the_details_that_there_are() {
    let mut stage = looked(80, 24, vec![busy(), container("web-1")]);
    stage.keys("x<Enter>");
    stage.keys("xj<Enter>");
    let saved = stage.effects.iter().filter_map(|effect| match effect {
        Effect::Save { content, .. } => Some(written(content)),
        _ => None,
    });
    let [csv, json] = &saved.collect::<Vec<_>>()[..] else {
        panic!("two exports");
    };
    let mut lines = csv.lines();
    let head: Vec<_> = lines.next().unwrap().split(',').collect();
    assert!(head.contains(&"detail.memory.rss"), "{head:?}");
    assert!(csv.contains("1610612736"), "{csv}");
    let bare = lines.next_back().unwrap();
    assert_eq!(bare.split(',').count(), head.len(), "{bare}");
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json[0]["detail"]["pids_peak"], 31);
    assert!(json[1]["detail"].is_null());
}
