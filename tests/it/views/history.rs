//! View 6: what happened to containers, what was done to them and what came of it.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use ocitop::inventory::happenings::Happened;
use ocitop::lifecycle::{Refusal, Verdict};
use ocitop::tui::{Effect, EventKind};
use ratatui::crossterm::event::{
    Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use crate::support::measured::{self, looked, past};
use crate::support::stage::{Stage, container, left, preview, stopped, written, zoo};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

#[test]
fn the_past_is_told_newest_first() {
    for (width, height) in SIZES {
        let mut stage = looked(width, height, zoo());
        stage.keys("6jj");
        assert_snapshot!(format!("history_{width}x{height}"), stage.screen());
    }
    let mut stage = looked(80, 24, zoo());
    stage.keys("6");
    stage.event(EventKind::Input(Input::Mouse(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 10,
        row: 5,
        modifiers: KeyModifiers::NONE,
    })));
    stage.sees("> 09:02:20 oom-killed x2");
    let mut stage = looked(80, 24, zoo());
    stage.keys("6/batch<Enter>");
    stage.sees("History, 5 of 13");
    stage.sees_no("job-7");
}

#[test]
fn enter_on_what_happened_goes_to_its_container_if_it_exists() {
    let mut stage = looked(80, 24, zoo());
    stage.keys("6<Enter>");
    stage.sees("> ");
    stage.keys("<Enter>");
    stage.sees("job-7 it no longer exists");
    stage.keys("j<Enter>");
    stage.sees("Containers 8 of 8");
    assert_eq!(stage.selected(), "batch-91");
}

#[test]
fn the_cursor_of_the_history_stays_on_its_line() {
    let mut stage = looked(80, 24, zoo());
    stage.keys("6jj");
    let mut more = past();
    more.push(measured::happening(601, "new", Happened::Created));
    stage.shows_with(zoo(), |snapshot| snapshot.happenings = Arc::new(more));
    stage.sees("new");
    stage.keys("<Enter>");
    assert_eq!(stage.selected(), "batch-91", "and not one of another line");
}

#[test]
fn without_a_cursor_the_newest_stays_in_sight() {
    let many = |count: u64| -> Vec<_> {
        let one = |second| measured::happening(second, &format!("c{second}"), Happened::Started);
        (1..=count).map(one).collect()
    };
    let mut stage = looked(80, 24, zoo());
    stage.keys("6");
    for count in [50, 90] {
        stage.shows_with(zoo(), |snapshot| snapshot.happenings = many(count).into());
        stage.sees(&format!("c{count}"));
    }
    stage.keys("G");
    stage.sees("c1 ");
    stage.shows_with(zoo(), |snapshot| snapshot.happenings = many(120).into());
    stage.sees("c1 ");
    stage.keys("<Esc>6");
    stage.sees("c120");
}

#[test]
fn in_the_history_no_capital_acts() {
    let mut stage = looked(80, 24, vec![container("web-1")]);
    stage.keys("6DKTPS ai");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 0));
    stage.sees("that key is for the list of containers: 1 shows it");
    stage.keys("1");
    stage.sees_no("marked");
    stage.sees_no("stopped hidden");
}

/// Actions of every kind and what came of them, at the end of view 6.
fn acted(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    let others = ["web-1", "web-2", "web-3", "web-4"].map(container);
    let rows = || others.clone().into_iter().chain([stopped("old")]).collect();
    stage.shows(rows());
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    stage.wait(Duration::from_secs(9));
    stage.job_ends("web-1", left());
    stage.keys("gjP");
    stage.job_ends("web-2", Verdict::Clean);
    stage.keys("K<Enter>");
    stage.previews(preview);
    stage.keys("y");
    stage.job_ends("web-2", Verdict::Clean);
    stage.keys("jS");
    stage.keys("P");
    stage.job_ends("web-3", Verdict::Refused(Refusal::NoFreezer));
    stage.keys("GD");
    stage.previews(preview);
    stage.keys("y");
    stage.job_ends("old", Verdict::Clean);
    stage.keys("6");
    stage
}

#[test]
fn the_history_has_every_action_with_its_result() {
    for (width, height) in SIZES {
        let stage = acted(width, height);
        assert_snapshot!(format!("actions_{width}x{height}"), stage.screen());
    }
    let stage = acted(120, 40);
    for line in [
        "delete --force FAILED",
        "pause done",
        "kill SIGTERM done",
        "start REFUSED",
        "pause REFUSED",
        "delete done",
    ] {
        stage.sees(line);
    }
    let mut stage = acted(120, 40);
    stage.keys("/failed<Enter>");
    stage.sees("History, 1 of 6");
    stage.sees("left: 1 process, cgroup /web-1");
}

#[test]
fn enter_on_an_action_goes_to_its_container() {
    let mut stage = acted(80, 24);
    stage.keys("G<Enter>");
    assert_eq!(stage.selected(), "web-1");
}

#[test]
fn the_history_is_what_is_exported_there() {
    let saved = |stage: &Stage| match stage.effects.last() {
        Some(Effect::Save {
            stem,
            extension,
            content,
        }) => (*stem, *extension, written(content)),
        other => panic!("{other:?}"),
    };
    for key in ["x", "<C-s>"] {
        let mut stage = acted(80, 24);
        stage.keys(key);
        stage.keys("<Enter>");
        let (stem, extension, text) = saved(&stage);
        assert_eq!((stem, extension), ("history", "csv"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0].trim_end(),
            "at,id,root,kind,what,result,reason,took"
        );
        assert_eq!(lines.len(), 7, "{text}");
        assert!(
            text.contains("web-1,/run/youki,action,delete --force,failed,"),
            "{text}"
        );
    }
    let mut stage = acted(80, 24);
    stage.keys("xj<Enter>");
    let (_, extension, text) = saved(&stage);
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((extension, rows.as_array().unwrap().len()), ("json", 6));
    assert_eq!(rows[5]["what"], "delete --force");
    assert_eq!(rows[5]["result"], "failed");
    assert_eq!(rows[5]["reason"], "left: 1 process, cgroup /web-1");
    assert_eq!(rows[5]["took"], 9.0);
    // In the log it is the log.
    let mut stage = acted(80, 24);
    stage.keys("l<C-s>");
    assert_eq!(saved(&stage).0, "log");
}
