//! The dialog of a delete: it is done after a yes that was meant, of what was shown, and only then.

use std::time::Duration;

use ocitop::inventory::{Inode, Managed, Manager};
use ocitop::lifecycle::{Force, Job, Note, Preview, Refusal, Verdict};
use ocitop::tui::{Effect, EventKind};

use super::{asking, two};
use crate::support::stage::{Stage, container, key, preview, stopped};

#[test]
fn delete_is_done_after_a_yes() {
    let mut stage = asking();
    stage.keys("y");
    let jobs = stage.submitted();
    assert!(matches!(&jobs[..], [Job::Delete(target, Force::Yes)] if target.key == key("web-1")));
    stage.sees("deleting");
}

#[test]
fn enter_on_cancel_cancels() {
    let mut stage = asking();
    stage.keys("<Enter>");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 0));
}

#[test]
fn enter_confirms_only_on_the_other_button() {
    let mut stage = asking();
    stage.keys("<Tab><Enter>");
    assert_eq!(stage.submitted().len(), 1);
}

#[test]
fn keys_typed_ahead_of_a_dialog_are_thrown_away() {
    let mut stage = two();
    stage.keys("D");
    stage.previews(preview);
    stage.keys_at_once("y<Tab><Enter>");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 1));
    stage.wait(Duration::from_millis(300));
    stage.keys_at_once("y");
    assert_eq!(stage.submitted().len(), 1);
}

#[test]
fn delete_cannot_be_confirmed_before_its_plan_is_known() {
    let mut stage = two();
    stage.keys("Dy<Tab><Enter>");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 1));
}

#[test]
fn the_plan_appearing_starts_the_guard_anew() {
    let mut stage = two();
    stage.keys("D");
    stage.wait(Duration::from_secs(5));
    stage.previews(preview);
    stage.keys_at_once("y");
    assert_eq!(stage.submitted(), vec![]);
}

#[test]
fn what_is_down_is_not_forced() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![stopped("old")]);
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    assert!(matches!(stage.submitted()[..], [Job::Delete(_, Force::No)]));
}

#[test]
fn a_managed_container_needs_the_word() {
    let mut stage = Stage::new(80, 24);
    let mut web = container("web-1");
    web.manager = Some(Managed::plainly(Manager::Docker, "web-1"));
    stage.shows(vec![web]);
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), vec![], "y is a letter here");
    stage.keys("<Back>delete<Enter>");
    assert_eq!(stage.submitted().len(), 1);
}

#[test]
fn a_process_in_d_state_needs_the_word() {
    let mut stage = two();
    stage.keys("D");
    stage.previews(|job| Preview {
        uninterruptible: 1,
        ..preview(job)
    });
    stage.keys("y");
    assert_eq!(stage.submitted(), vec![]);
    stage.sees("type delete to arm");
}

#[test]
fn more_than_three_marked_need_the_word_and_are_all_deleted() {
    let mut stage = Stage::new(80, 24);
    stage.shows(["a", "b", "c", "d"].map(container).into());
    stage.keys("<C-a>D");
    stage.previews(preview);
    stage.keys("y<Back>delete<Tab><Enter>");
    assert_eq!(stage.submitted().len(), 4);
}

#[test]
fn a_container_that_vanishes_while_asked_about_is_not_deleted() {
    let mut stage = asking();
    stage.shows(vec![container("web-2")]);
    stage.sees("It is gone");
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), vec![]);
    stage.keys("<Esc>");
    assert_eq!(stage.model.dialogs(), 0);
}

#[test]
fn a_container_made_anew_while_asked_about_is_not_deleted() {
    let mut stage = asking();
    let mut other = container("web-1");
    other.state_dir = Some(Inode {
        device: 1,
        number: 1,
    });
    stage.shows(vec![other, container("web-2")]);
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), vec![]);
}

#[test]
fn a_refused_plan_cannot_be_confirmed() {
    let mut stage = two();
    stage.keys("D");
    stage.previews(|job| Preview {
        refused: Some(Refusal::NoCgroup),
        ..preview(job)
    });
    stage.sees("Refused: it has no cgroup to freeze");
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), vec![]);
}

#[test]
fn a_container_has_one_job_at_a_time() {
    let mut stage = asking();
    stage.keys("y");
    stage.effects.clear();
    stage.keys("DP");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 0));
    stage.sees("not now: delete --force is under way");
}

#[test]
fn a_job_that_is_over_frees_its_row_and_looks_again() {
    let mut stage = asking();
    stage.keys("y");
    stage.effects.clear();
    let verdict = Verdict::Failed("ocitop itself failed".to_owned());
    stage.event(EventKind::JobDone {
        key: key("web-1"),
        verdict,
    });
    assert_eq!(stage.effects, [Effect::Rescan]);
    stage.sees_no("deleting");
    stage.sees("ocitop itself failed");
    stage.keys("D");
    assert_eq!(stage.model.dialogs(), 1);
}

#[test]
fn a_note_that_is_said_already_is_not_said_twice() {
    let mut stage = Stage::new(120, 40);
    let mut web = container("web-1");
    web.manager = Some(Managed::plainly(Manager::Docker, "web-1"));
    stage.shows(vec![web]);
    stage.keys("D");
    let engine = Manager::Docker;
    let way = Some("as the note says".to_owned());
    let notes = vec![Note::Managed { engine, way }];
    stage.previews(|job| Preview {
        notes: notes.clone(),
        ..preview(job)
    });
    stage.sees("docker manages it and may start it again");
    stage.sees_no("as the note says");
}
