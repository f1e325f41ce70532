//! The page of state and configuration: secrets are on it only while they are asked for.

use ocitop::text::secrets::Masking;
use ocitop::tui::{Effect, EventKind};

use crate::support::stage::{Stage, container, with_facts, written};

/// A stage with the page of `web-1` open.
fn inspecting(width: u16) -> Stage {
    let mut stage = Stage::new(width, 24);
    stage.shows(vec![container("web-1")]);
    stage.keys("i");
    stage
}

/// What was asked to be read since the last look.
#[track_caller]
fn asked(stage: &mut Stage) -> (u64, Masking) {
    let effects = std::mem::take(&mut stage.effects);
    let mut asked = effects.into_iter().filter_map(|effect| match effect {
        Effect::Inspect {
            ticket, masking, ..
        } => Some((ticket, masking)),
        _ => None,
    });
    let found = asked.next().unwrap();
    assert_eq!(asked.next(), None);
    found
}

fn answer(stage: &mut Stage, ticket: u64, line: &str) {
    let lines = vec![line.to_owned()];
    stage.event(EventKind::Inspected { ticket, lines });
}

#[test]
fn a_page_opens_masked_and_says_which_key_shows_secrets() {
    for width in [40, 80, 120] {
        let mut stage = inspecting(width);
        assert_eq!(asked(&mut stage).1, Masking::Likely);
        stage.sees("a show secrets");
    }
    inspecting(80).sees("e mask env");
}

#[test]
fn secrets_are_read_once_asked_for_and_masked_again_at_once() {
    let mut stage = inspecting(80);
    let (first, _) = asked(&mut stage);
    answer(&mut stage, first, "PASSWORD=(masked)");
    stage.keys("a");
    let (second, masking) = asked(&mut stage);
    assert_eq!(masking, Masking::Nothing);
    // Nothing but the answer to this question is shown.
    answer(&mut stage, first, "an answer that came late");
    stage.sees_no("late");
    answer(&mut stage, second, "PASSWORD=hunter2");
    stage.sees("hunter2");
    stage.sees("a mask secrets");
    stage.keys("a");
    stage.sees_no("hunter2");
    assert_eq!(asked(&mut stage).1, Masking::Likely);
    answer(&mut stage, second, "PASSWORD=hunter2");
    stage.sees_no("hunter2");
}

#[test]
fn closing_the_page_masks_again() {
    let mut stage = inspecting(80);
    stage.keys("a");
    stage.effects.clear();
    stage.keys("<Esc>i");
    assert_eq!(asked(&mut stage).1, Masking::Likely);
    stage.sees("a show secrets");
}

#[test]
fn all_of_the_environment_is_masked_on_request() {
    let mut stage = inspecting(80);
    asked(&mut stage);
    stage.keys("e");
    assert_eq!(asked(&mut stage).1, Masking::Environment);
    stage.sees("e show env");
    stage.keys("e");
    assert_eq!(asked(&mut stage).1, Masking::Likely);
    // From one to the other, without what is in between.
    stage.keys("ae");
    let last = stage.effects.pop().unwrap();
    assert!(matches!(
        last,
        Effect::Inspect {
            masking: Masking::Environment,
            ..
        }
    ));
}

#[test]
fn a_saved_page_has_what_is_shown() {
    let mut stage = inspecting(80);
    let (first, _) = asked(&mut stage);
    answer(&mut stage, first, "PASSWORD=(masked)");
    // Asked for and not read yet: the page is still masked, and so is the file.
    stage.keys("a<C-s>");
    let saved = stage.effects.iter().find_map(|effect| match effect {
        Effect::Save { content, .. } => Some(written(content)),
        _ => None,
    });
    assert_eq!(saved.as_deref(), Some("PASSWORD=(masked)\n"));
}

#[test]
fn annotations_among_the_details_are_masked_by_their_names() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![with_facts(container("web-1"), |facts| {
        let notes = [("app/db-password", "hunter2"), ("app/colour", "blue")];
        let owned = notes.map(|(key, value)| (key.to_owned(), value.to_owned()));
        facts.annotations.extend(owned);
    })]);
    stage.keys("<Enter><Enter>");
    stage.sees("app/db-password = (masked)");
    stage.sees("app/colour = blue");
    stage.sees_no("hunter2");
}

#[test]
fn on_other_pages_these_keys_do_nothing() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1")]);
    stage.keys("?ae");
    let read = |effect: &Effect| matches!(effect, Effect::Inspect { .. });
    assert!(!stage.effects.iter().any(read), "{:?}", stage.effects);
    stage.sees_no("show secrets");
}
