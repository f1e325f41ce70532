//! What must hold whatever happens.

use std::time::Duration;

use ocitop::cgroup::Limit;
use ocitop::config::Config;
use ocitop::inventory::happenings::{ExitStatus, Happened};
use ocitop::inventory::series::{Series, SeriesId};
use ocitop::inventory::{Container, Usage};
use ocitop::tui::{EventKind, TerminalLook};
use proptest::prelude::*;
use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use crate::support::measured::{busy, host_usage, idle, opaque, unlimited};
use crate::support::stage::{Stage, container, key, preview, stopped, zoo};

#[derive(Debug, Clone)]
enum Happening {
    Key(KeyCode, bool),
    Snapshot(Vec<u8>),
    Resize(u16, u16),
    Previews,
    Finished(u8),
    Wait(u64),
}

fn name(number: u8) -> String {
    format!("c{number}")
}

fn happening() -> impl Strategy<Value = Happening> {
    let code = prop_oneof![
        8 => proptest::char::range('!', '~').prop_map(KeyCode::Char),
        1 => Just(KeyCode::Enter),
        1 => Just(KeyCode::Esc),
        1 => Just(KeyCode::Tab),
        1 => Just(KeyCode::Up),
        1 => Just(KeyCode::Down),
        1 => Just(KeyCode::PageDown),
        1 => Just(KeyCode::Right),
        1 => Just(KeyCode::Char(' ')),
    ];
    prop_oneof![
        10 => (code, proptest::bool::weighted(0.1)).prop_map(|(code, ctrl)| Happening::Key(code, ctrl)),
        3 => proptest::collection::btree_set(0_u8..8, 0..8)
            .prop_map(|set| Happening::Snapshot(set.into_iter().collect())),
        1 => (1_u16..130, 1_u16..45).prop_map(|(width, height)| Happening::Resize(width, height)),
        2 => Just(Happening::Previews),
        1 => (0_u8..8).prop_map(Happening::Finished),
        1 => (0_u64..2000).prop_map(Happening::Wait),
    ]
}

fn happen(stage: &mut Stage, happening: Happening) {
    match happening {
        Happening::Key(code, ctrl) => {
            let modifiers = if ctrl {
                KeyModifiers::CONTROL
            } else {
                KeyModifiers::NONE
            };
            stage.event(EventKind::Input(Input::Key(KeyEvent::new(code, modifiers))));
        }
        Happening::Snapshot(numbers) => {
            let made = numbers.into_iter().map(|number| match number {
                0..4 => container(&name(number)),
                _ => stopped(&name(number)),
            });
            stage.shows(made.collect());
        }
        Happening::Resize(width, height) => stage.resize(width, height),
        Happening::Previews => stage.previews(preview),
        Happening::Finished(number) => {
            let verdict = ocitop::lifecycle::Verdict::Clean;
            stage.event(EventKind::JobDone {
                key: key(&name(number)),
                verdict,
            });
        }
        Happening::Wait(millis) => stage.wait(Duration::from_millis(millis)),
    }
}

/// A container with any values over any time: also such as no kernel would count.
fn measured() -> impl Strategy<Value = Container> {
    let value = prop_oneof![
        3 => 0.0..300.0_f64,
        1 => Just(0.0),
        1 => Just(1e-12),
        1 => 1e6..1e12_f64,
        1 => Just(f64::MAX),
    ];
    let sample = (0_u64..500, 0..SeriesId::ALL.len(), value);
    let limit = prop_oneof![
        Just(None),
        Just(Some(Limit::Max)),
        any::<u64>().prop_map(|value| Some(Limit::At(value))),
        Just(Some(Limit::At(0))),
    ];
    let samples = proptest::collection::vec(sample, 0..60);
    let silent = proptest::option::of((0_u64..100_000).prop_map(Duration::from_secs));
    (samples, limit, silent, any::<bool>()).prop_map(|(samples, limit, silent, known)| {
        let mut history = Series::default();
        let mut now = Duration::ZERO;
        let mut usage = Usage::default();
        for (step, metric, value) in samples {
            let before = now;
            now += Duration::from_secs(step);
            history.push(SeriesId::ALL[metric], before, now, value);
            (usage.cpu, usage.io_read, usage.throttled) = (Some(value), Some(value), Some(value));
            usage.memory = Some(value.to_bits());
            usage.oom_kills = usage.memory;
        }
        (usage.cpu_limit, usage.memory_limit, usage.pids_limit) = (limit, limit, limit);
        let mut detail = (*busy().detail.unwrap()).clone();
        detail.history = history.into();
        detail.memory.high = limit;
        Container {
            usage,
            silent,
            detail: known.then(|| detail.into()),
            ..container("c0")
        }
    })
}

fn happened(what: u8, status: i32) -> Happened {
    match what {
        0 => Happened::Created,
        1 => Happened::Started,
        2 => Happened::Paused,
        3 => Happened::Resumed,
        4 => Happened::Deleted,
        5 => Happened::Exited {
            status: Some(ExitStatus::from_raw(status)),
        },
        _ => Happened::OomKilled {
            processes: status.unsigned_abs().into(),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_selection_is_a_row_or_none_and_one_dialog_at_most_is_open(
        happenings in proptest::collection::vec(happening(), 0..80)
    ) {
        let mut stage = Stage::new(80, 24);
        for happening in happenings {
            happen(&mut stage, happening);
            let model = &stage.model;
            let on_a_row = model.selected_key().map(|key| model.row_keys().any(|row| row == key));
            prop_assert_eq!(on_a_row.unwrap_or(true), true);
            prop_assert_eq!(on_a_row.is_none(), model.row_keys().count() == 0);
            prop_assert!(model.dialogs() <= 1);
            stage.screen();
        }
    }

    #[test]
    fn any_usage_and_any_past_can_be_drawn_at_any_size(
        row in measured(),
        past in proptest::collection::vec((0_u64..9000, 0_u8..8, 0_u8..7, any::<i32>()), 0..30),
        uptime in 0_u64..9000,
        script in "[26o<>afzjk 1]{1,8}",
        width in 1_u16..160,
        height in 1_u16..60,
        unicode: bool,
    ) {
        let look = TerminalLook { color: true, unicode };
        let mut stage = Stage::looking(100, 40, &Config::default(), look);
        stage.wait(Duration::from_secs(uptime));
        let past = past.into_iter().map(|(second, number, what, status)| {
            crate::support::measured::happening(second, &name(number), happened(what, status))
        });
        let past: Vec<_> = past.collect();
        let rows = vec![row, busy(), idle("c1", 3.0), unlimited(), opaque(), stopped("c6")];
        stage.shows_with(rows, |snapshot| {
            snapshot.happenings = past.into();
            (snapshot.usage, snapshot.history) = host_usage();
        });
        stage.keys(&script.replace('<', "<lt>"));
        stage.screen();
        stage.resize(width, height);
        stage.screen();
        stage.keys("/none");
        stage.screen();
    }

    #[test]
    fn any_screen_can_be_drawn_at_any_size(
        script in "[DKTPSsci?xy:lzoh/ 12356]{0,6}",
        width in 1_u16..140,
        height in 1_u16..50,
        unicode: bool,
    ) {
        let look = TerminalLook { color: true, unicode };
        let mut stage = Stage::looking(100, 30, &Config::default(), look);
        stage.shows(zoo());
        stage.keys(&script);
        stage.previews(preview);
        stage.resize(width, height);
        stage.screen();
    }
}
