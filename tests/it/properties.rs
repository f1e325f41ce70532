//! What must hold whatever happens.

use std::time::Duration;

use ocitop::config::Config;
use ocitop::tui::{EventKind, Look};
use proptest::prelude::*;
use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use crate::stage::{Stage, container, key, preview, stopped, zoo};

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
    fn any_screen_can_be_drawn_at_any_size(
        script in "[DKTPSsci?xy:lzoh/ ]{0,6}",
        width in 1_u16..140,
        height in 1_u16..50,
        unicode: bool,
    ) {
        let look = Look { color: true, unicode };
        let mut stage = Stage::looking(100, 30, &Config::default(), look);
        stage.shows(zoo());
        stage.keys(&script);
        stage.previews(preview);
        stage.resize(width, height);
        stage.screen();
    }
}
