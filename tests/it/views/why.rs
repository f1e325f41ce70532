//! The page, its keys, and the command on a fixture.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use ocitop::config::Config;
use ocitop::diagnosis::evidence::{Evidence, Level};
use ocitop::diagnosis::{Diagnosis, Examiner};
use ocitop::inventory::Condition;
use ocitop::lifecycle::{Force, Job, Verdict};
use ocitop::oci::{ContainerKey, RuntimeKind, Status};
use ocitop::tui::{Effect, EventKind};

use crate::diagnosis::{cgroup, healthy, killed, mount, task, wait};
use crate::support::machine::Machine;
use crate::support::stage::{Stage, key, preview, written, zoo};

const API: &str = "api-worker-7f3c";

/// A child that waits for FUSE, a zombie, a sub-cgroup: as it was seen.
fn evidence() -> Evidence {
    let mut seen = healthy();
    seen.key = key(API);
    let mut stuck = killed(48133, 'D');
    let mut waits = wait(
        48133,
        'D',
        &[
            "request_wait_answer",
            "__fuse_simple_request",
            "fuse_direct_io",
            "fuse_file_read_iter",
        ],
    );
    waits.mount = Some(mount("fuse.sshfs", "nas01:/export", "/hang"));
    stuck.waits.push(waits);
    let mut zombie = task(48140, "[sh] <defunct>");
    zombie.process.state = 'Z';
    seen.tasks.extend([stuck, zombie]);
    seen.cgroups
        .push(cgroup("/sys/fs/cgroup/pids/web/exec-2", Level::Below));
    seen
}

fn with_a_stopped_process() -> Evidence {
    let mut seen = evidence();
    seen.tasks[1].process.state = 'T';
    seen
}

fn answer(stage: &mut Stage, seen: &Evidence) {
    let answer = Ok(Arc::new(Diagnosis::of(seen)));
    let key = seen.key.clone();
    stage.event(EventKind::Diagnosis { key, answer });
}

/// A screen with the page open and answered.
fn asked(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.shows(zoo());
    stage.keys("/api<Enter>w");
    answer(&mut stage, &evidence());
    stage
}

#[test]
fn the_page_says_that_it_gathers_and_then_the_verdict_first() {
    let mut stage = Stage::new(80, 24);
    stage.shows(zoo());
    stage.keys("/api<Enter>w");
    stage.sees("gathering evidence ...");
    // An answer about another container is nobody's.
    let other = ContainerKey::new(std::path::Path::new("/run/youki"), "web-1");
    let answered = Err("container does not exist".to_owned());
    stage.event(EventKind::Diagnosis {
        key: other,
        answer: answered,
    });
    stage.sees("gathering evidence ...");
    answer(&mut stage, &evidence());
    assert_snapshot!("why_80x24", stage.screen());
}

#[test]
fn the_page_has_room_for_everything_at_120x40() {
    assert_snapshot!("why_120x40", asked(120, 40).screen());
}

#[test]
fn the_page_says_the_verdict_and_the_remedy_at_40x10() {
    assert_snapshot!("why_40x10", asked(40, 10).screen());
}

/// The keys that lead from the first remedy to the check that is the cause.
const TO_THE_CAUSE: &str = "jjjjj";

#[test]
fn a_check_under_the_cursor_shows_its_proof_and_enter_gives_that_the_room() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = asked(width, height);
        stage.keys(TO_THE_CAUSE);
        assert_snapshot!(format!("check_{width}x{height}"), stage.screen());
        stage.keys("<Enter>");
        assert_snapshot!(format!("proof_{width}x{height}"), stage.screen());
        stage.sees("request_wait_answer");
        // One step back at a time.
        stage.keys("<Esc>");
        stage.sees("why: api-worker");
        assert_eq!(stage.model.dialogs(), 1);
        stage.keys("<Esc>");
        assert_eq!(stage.model.dialogs(), 0);
    }
}

#[test]
fn the_cursor_goes_through_all_checks_and_stays_on_one_when_the_page_is_renewed() {
    let mut stage = asked(80, 24);
    stage.keys("G");
    stage.sees("> ocitop's sight");
    stage.sees("Checks 22, 16 to 22");
    answer(&mut stage, &with_a_stopped_process());
    stage.sees("> ocitop's sight");
    stage.keys("g");
    stage.sees("> 1");
}

#[test]
fn enter_on_a_check_does_nothing_to_the_host_and_y_still_copies_the_first_remedy() {
    let mut stage = asked(120, 40);
    stage.keys(TO_THE_CAUSE);
    stage.effects.clear();
    stage.keys("<Enter>jjk<Enter>");
    assert_eq!(stage.effects, []);
    stage.keys("y");
    let first = "echo 1 > /sys/fs/fuse/connections/93/abort".to_owned();
    assert_eq!(stage.effects, [Effect::Copy(first)]);
}

#[test]
fn the_saved_page_has_every_check_with_its_proof() {
    let mut stage = asked(80, 24);
    stage.effects.clear();
    stage.keys("<C-s>");
    let text = stage.effects.iter().find_map(|effect| match effect {
        Effect::Save { content, .. } => Some(written(content)),
        _ => None,
    });
    let text = text.unwrap();
    assert!(
        text.contains("\nunkillable tasks (D): CAUSE: pid 48133"),
        "{text}"
    );
    assert!(
        text.contains("\n    system call 0 (read) on /hang/hang"),
        "{text}"
    );
    assert!(
        text.contains("\nlimit of processes: not looked at: "),
        "{text}"
    );
    assert!(
        text.contains("umount -l: who waits goes on waiting"),
        "{text}"
    );
}

#[test]
fn what_could_not_be_examined_is_said() {
    let mut stage = Stage::new(80, 24);
    stage.shows(zoo());
    stage.keys("/api<Enter>w");
    let answer = Err("state root /run/youki does not answer".to_owned());
    stage.event(EventKind::Diagnosis {
        key: key(API),
        answer,
    });
    stage.sees("could not be examined: state root /run/youki does not answer");
    stage.keys("<Esc>");
    stage.sees_no("could not be examined");
}

#[test]
fn y_copies_the_command_under_the_cursor() {
    let mut stage = asked(120, 40);
    stage.keys("y");
    let copied = |stage: &Stage, text: &str| {
        let wanted = Effect::Copy(text.to_owned());
        assert!(stage.effects.contains(&wanted), "{:?}", stage.effects);
    };
    copied(&stage, "echo 1 > /sys/fs/fuse/connections/93/abort");
    stage.keys("jy");
    copied(&stage, "umount -f /hang");
}

#[test]
fn what_ocitop_can_do_asks_first_with_the_focus_on_cancel() {
    let mut stage = asked(120, 40);
    answer(&mut stage, &with_a_stopped_process());
    stage.effects.clear();
    // The last remedy, which is one against the second finding.
    stage.keys("jjj<Enter>");
    stage.sees("orce delete?");
    let jobs = stage.effects.iter().find_map(|effect| match effect {
        Effect::Preview { ticket, jobs } => Some((*ticket, jobs.clone())),
        _ => None,
    });
    let (ticket, jobs) = jobs.unwrap();
    let job = jobs[0].1.clone();
    assert!(matches!(&job, Job::Delete(target, Force::Yes) if target.key == key(API)));
    stage.event(EventKind::Preview {
        ticket,
        index: 0,
        preview: preview(&job),
    });
    stage.keys_at_once("y");
    assert!(
        !stage.effects.contains(&Effect::Submit(job.clone())),
        "typed too early"
    );
    stage.wait(Duration::from_secs(1));
    stage.keys("<Enter>");
    stage.sees_no("orce delete?");
    assert!(
        !stage.effects.contains(&Effect::Submit(job)),
        "the focus is on Cancel"
    );
}

#[test]
fn read_only_changes_nothing_from_the_page_either() {
    let config = Config {
        read_only: true,
        ..Config::default()
    };
    let mut stage = Stage::with(120, 40, &config);
    stage.shows(zoo());
    stage.keys("/api<Enter>w");
    answer(&mut stage, &with_a_stopped_process());
    stage.keys("jjj<Enter><Esc>");
    stage.sees("read-only: nothing on the host is changed");
    assert!(
        !stage
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Preview { .. }))
    );
}

#[test]
fn the_cursor_stays_on_its_remedy_when_the_page_is_renewed() {
    let mut stage = asked(120, 40);
    stage.keys("j");
    let mut seen = evidence();
    let mut above = cgroup("/sys/fs/cgroup/freezer/pod", Level::Above);
    above.freezer = Some(ocitop::cgroup::freezer::Freezer::Frozen);
    seen.cgroups.push(above);
    seen.tasks[2].waits[0].mount.as_mut().unwrap().waiting = Some(2);
    answer(&mut stage, &seen);
    stage.effects.clear();
    stage.keys("y");
    assert_eq!(stage.effects, [Effect::Copy("umount -f /hang".to_owned())]);
}

#[test]
fn a_failed_delete_names_the_key_that_says_why() {
    let mut stage = Stage::new(120, 40);
    stage.shows(zoo());
    stage.keys("/web-1<Enter>D");
    let jobs = stage.effects.iter().find_map(|effect| match effect {
        Effect::Preview { ticket, jobs } => Some((*ticket, jobs[0].1.clone())),
        _ => None,
    });
    let (ticket, job) = jobs.unwrap();
    stage.event(EventKind::Preview {
        ticket,
        index: 0,
        preview: preview(&job),
    });
    stage.keys("y");
    let verdict = Verdict::Leftovers(vec!["1 process".to_owned()]);
    stage.event(EventKind::JobDone {
        key: key("web-1"),
        verdict,
    });
    stage.sees("(why: w)");
}

fn examined(machine: &Machine, id: &str) -> Diagnosis {
    let key = ContainerKey::new(machine.root(), id);
    Examiner::new(machine.machine()).examine(&key).unwrap()
}

fn first(diagnosis: &Diagnosis) -> String {
    let json = serde_json::to_value(&diagnosis.findings[0]).unwrap();
    json["cause"].as_str().unwrap().to_owned()
}

#[test]
fn a_container_of_every_runtime_is_examined_on_both_versions() {
    for machine in [Machine::v1, Machine::v2] {
        for kind in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
            let machine = machine().running("web", kind);
            assert_eq!(first(&examined(&machine, "web")), "running", "{kind}");
        }
        let machine = machine().paused("web", RuntimeKind::Crun);
        assert_eq!(first(&examined(&machine, "web")), "paused");
    }
}

#[test]
fn a_record_that_is_gone_or_cut_still_leads_to_its_processes() {
    for (text, cause) in [
        ("", "torn"),
        ("{\"id\":\"web\",", "torn"),
        ("[]", "corrupt"),
    ] {
        let machine = Machine::v1().running("web", RuntimeKind::Runc);
        std::fs::write(machine.state_dir("web").join("state.json"), text).unwrap();
        assert_eq!(first(&examined(&machine, "web")), cause, "{text:?}");
        std::fs::remove_file(machine.state_dir("web").join("state.json")).unwrap();
        assert_eq!(first(&examined(&machine, "web")), "missing");
    }
}

#[test]
fn a_frozen_cgroup_above_is_named() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let above = machine.cgroup_root().join("freezer/pod");
    machine.make_cgroup(&above);
    machine.set_frozen(&above);
    let below = above.join("web");
    machine.make_cgroup(&below);
    std::fs::write(below.join("freezer.state"), "FROZEN\n").unwrap();
    let old = machine.cgroup_root().join("freezer/web/cgroup.procs");
    std::fs::copy(old, below.join("cgroup.procs")).unwrap();
    machine.edit("web", |state| {
        state["cgroup_paths"]["freezer"] = "/sys/fs/cgroup/freezer/pod/web".into();
    });
    let diagnosis = examined(&machine, "web");
    assert_eq!(first(&diagnosis), "frozen");
    assert!(
        diagnosis.verdict().starts_with("frozen from above: "),
        "{}",
        diagnosis.verdict()
    );
    assert!(
        diagnosis.verdict().contains("/freezer/pod"),
        "{}",
        diagnosis.verdict()
    );
}

#[test]
fn a_paused_container_can_be_resumed_from_the_page() {
    let mut rows = zoo();
    rows.retain(|row| row.condition == Condition::Known(Status::Paused));
    let name = rows[0].key.label();
    let mut stage = Stage::new(80, 24);
    stage.shows(rows);
    stage.keys("w");
    let mut seen = healthy();
    seen.key = key(&name);
    seen.condition = Condition::Known(Status::Paused);
    seen.cgroups[0].freezer = Some(ocitop::cgroup::freezer::Freezer::Frozen);
    answer(&mut stage, &seen);
    stage.keys("<Enter>");
    let resumes = |effect: &Effect| matches!(effect, Effect::Preview { jobs, .. } if matches!(jobs[0].1, Job::Resume(_)));
    assert!(stage.effects.iter().any(resumes), "{:?}", stage.effects);
}
