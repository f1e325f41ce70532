//! View 4: what the operator sees of leftovers, and what keys do there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use ocitop::config::Config;
use ocitop::inventory::Inode;
use ocitop::inventory::happenings::{Happened, Happening};
use ocitop::leftovers::{
    Argument, Confidence, FoundLeftovers, Leftover, LeftoverKind, Producer, WhyItStays,
};
use ocitop::lifecycle::{Job, OnFailure, Plan, PlannedStep, Preview, Seen, Step, Verdict};
use ocitop::oci::{ContainerKey, RuntimeKind};
use ocitop::tui::{Effect, EventKind};

use crate::support::stage::{START, Stage, container, done};

const ID: &str = "7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57";
const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

fn leftover(dir: &str, name: &str, kind: LeftoverKind, confidence: Confidence) -> Leftover {
    let mut one = Leftover::new(ContainerKey::new(PathBuf::from(dir), name), kind);
    one.confidence = confidence;
    one.age = Some(Duration::from_hours(48));
    one.why = vec![WhyItStays::Nothing];
    one.parts.own = Some(Inode {
        device: 1,
        number: name.len() as u64,
    });
    one
}

#[expect(clippy::too_many_lines, reason = "one flat list")]
fn zoo() -> Vec<Leftover> {
    let cgroups = "/sys/fs/cgroup";
    let mut ghost = leftover(
        "/run/runc",
        "ghost-42",
        LeftoverKind::StateDir,
        Confidence::Certain,
    );
    ghost.arguments = vec![
        Argument::StateBroken("state.json is empty".to_owned()),
        Argument::EmptyFor(Duration::from_hours(48)),
        Argument::NobodyKnows(5),
    ];
    ghost.producer = Some(Producer::Runc);
    ghost
        .paths
        .push(format!("{cgroups}/memory/ghost-42").into());
    let mut old = leftover(
        "/run/crun",
        "old",
        LeftoverKind::StateDir,
        Confidence::Certain,
    );
    old.arguments = vec![
        Argument::InitDead(Some(RuntimeKind::Crun)),
        Argument::BundleGone,
    ];
    let scope = format!("docker-{ID}.scope");
    let dir = format!("{cgroups}/memory/system.slice");
    let mut docker = leftover(&dir, &scope, LeftoverKind::Cgroup, Confidence::Likely);
    docker.producer = Some(Producer::Docker);
    docker.id = Some(ID.to_owned());
    docker.hierarchies = ["memory", "pids", "freezer"].map(str::to_owned).to_vec();
    docker.paths = ["memory", "pids", "freezer"]
        .map(|top| format!("{cgroups}/{top}/system.slice/{scope}").into())
        .to_vec();
    docker.why = vec![WhyItStays::SomeHierarchies { found: 3, of: 9 }];
    docker.memory = Some(48 << 20);
    docker.arguments = vec![
        Argument::Named(Producer::Docker),
        Argument::EmptyFor(Duration::from_hours(3)),
        Argument::NobodyKnows(5),
    ];
    let mut orphans = leftover(
        cgroups,
        ":youki:api",
        LeftoverKind::Cgroup,
        Confidence::Likely,
    );
    orphans.producer = Some(Producer::Youki);
    orphans.hierarchies = vec!["unified".to_owned()];
    orphans.populated = true;
    orphans.processes = vec![4711];
    orphans.why = vec![WhyItStays::Processes(1)];
    orphans.arguments = vec![Argument::Named(Producer::Youki), Argument::Orphans(1)];
    let unit = format!("libpod-{ID}.scope");
    let mut unit = leftover(
        "/run/systemd/transient",
        &unit,
        LeftoverKind::Unit,
        Confidence::Likely,
    );
    unit.why = vec![WhyItStays::UnitFailed(String::new())];
    let group = leftover(
        "/sys/fs/resctrl",
        ID,
        LeftoverKind::RdtGroup,
        Confidence::Likely,
    );
    let mut test = leftover(cgroups, "test", LeftoverKind::Cgroup, Confidence::Unknown);
    test.arguments = vec![Argument::NotContainerLike];
    vec![ghost, old, docker, orphans, unit, group, test]
}

pub(crate) fn found(list: Vec<Leftover>) -> EventKind {
    EventKind::Leftovers(Arc::new(FoundLeftovers {
        list,
        taken: jiff::Timestamp::new(START, 0).unwrap(),
        took: Duration::from_millis(38),
        cgroups: 1104,
        roots: 5,
        unread: Vec::new(),
    }))
}

/// The view with all of them.
fn stage(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.shows(vec![container("web-1")]);
    stage.event(found(zoo()));
    stage.keys("4");
    stage
}

fn preview(job: &Job) -> Preview {
    let stop = |step| PlannedStep {
        step,
        on_failure: OnFailure::Stop,
    };
    let dir = job.target().key.dir();
    Preview {
        plan: Plan(vec![
            stop(Step::Recheck { processes: 0 }),
            stop(Step::RemoveCgroups {
                dirs: vec![dir],
                shared: Vec::new(),
            }),
            stop(Step::Verify),
        ]),
        processes: 0,
        uninterruptible: 0,
        refused: None,
        notes: Vec::new(),
    }
}

fn searches(stage: &Stage) -> usize {
    let search = |effect: &&Effect| matches!(effect, Effect::FindLeftovers(_));
    stage.effects.iter().filter(search).count()
}

#[test]
fn leftovers_with_why_they_stay_and_how_sure_that_is() {
    for (width, height) in SIZES {
        let mut stage = stage(width, height);
        stage.keys("jj");
        assert_snapshot!(format!("leftovers_{width}x{height}"), stage.screen());
    }
}

#[test]
fn cleaning_asks_and_lists_every_path() {
    for (width, height) in SIZES {
        let mut stage = stage(width, height);
        stage.keys("jjC");
        stage.previews(preview);
        assert_snapshot!(format!("clean_asks_{width}x{height}"), stage.screen());
    }
}

#[test]
fn nothing_left_says_what_was_looked_at() {
    let mut stage = Stage::new(80, 24);
    stage.shows(vec![container("web-1")]);
    stage.keys("4");
    stage.sees("Looking for what no container owns");
    stage.event(found(zoo().split_off(6)));
    stage.sees("Nothing is left: 1104 cgroups and 5 state roots");
    stage.sees("1 may be anything: a shows it");
    // Nothing is told of none, so there is no pane for it either.
    stage.sees_no("[  ]");
    stage.keys("a");
    stage.sees("/sys/fs/cgroup/test");
}

#[test]
fn the_tab_counts_what_is_more_than_unknown() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![container("web-1")]);
    stage.sees_no("Leftovers 6!");
    stage.event(found(zoo()));
    stage.sees("4 Leftovers 6!");
}

#[test]
fn they_are_looked_for_at_the_start_and_every_ten_seconds_while_shown() {
    let mut stage = Stage::new(80, 24);
    stage.event(EventKind::Tick);
    assert_eq!(searches(&stage), 0, "before anything is known of the host");
    stage.shows(vec![container("web-1")]);
    stage.event(EventKind::Tick);
    assert_eq!(searches(&stage), 1);
    stage.event(found(zoo()));
    stage.wait(Duration::from_mins(1));
    stage.event(EventKind::Tick);
    assert_eq!(searches(&stage), 1, "nobody looks");
    stage.keys("4");
    assert_eq!(searches(&stage), 2);
    stage.wait(Duration::from_mins(1));
    stage.event(EventKind::Tick);
    assert_eq!(searches(&stage), 2, "one at a time");
    stage.event(found(zoo()));
    assert_eq!(searches(&stage), 3);
    stage.event(found(zoo()));
    stage.keys("<C-r>");
    assert_eq!(searches(&stage), 4);
}

#[test]
fn what_was_seen_to_be_deleted_is_told_to_the_search() {
    let mut stage = Stage::new(80, 24);
    let gone = Happening {
        at: stage.moment().wall,
        uptime: Duration::ZERO,
        key: crate::support::stage::key("web-9"),
        what: Happened::Deleted,
    };
    stage.shows_with(Vec::new(), |snapshot| {
        snapshot.happenings = vec![gone].into();
    });
    let told = stage
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::FindLeftovers(gone) if gone.contains(&crate::support::stage::key("web-9"))));
    assert!(told, "{:?}", stage.effects);
}

#[test]
fn a_yes_cleans_what_was_shown_and_its_steps_are_in_the_log() {
    let mut stage = stage(120, 40);
    stage.keys("jjC");
    stage.previews(preview);
    stage.keys_at_once("y");
    assert_eq!(stage.submitted(), []);
    stage.keys("y");
    let jobs = stage.submitted();
    let key = zoo()[2].key.clone();
    assert!(
        matches!(&jobs[..], [Job::Clean(target, _)] if target.key == key),
        "{jobs:?}"
    );
    stage.sees("1 job runs");
    let step = Step::RemoveCgroups {
        dirs: Vec::new(),
        shared: Vec::new(),
    };
    let mut event = done(&stage, "x", 2, step, Seen::DirectoriesGone(3));
    if let EventKind::Step(event) = &mut event {
        event.key = key.clone();
    }
    stage.event(event);
    stage.event(EventKind::JobDone {
        key,
        verdict: Verdict::Clean,
    });
    stage.sees("ok   16 ms");
    stage.sees("clean: done");
}

#[test]
fn enter_on_cancel_cleans_nothing() {
    let mut stage = stage(80, 24);
    stage.keys("jjC");
    stage.previews(preview);
    stage.keys("<Enter>");
    assert_eq!((stage.submitted(), stage.model.dialogs()), (vec![], 0));
}

#[test]
fn more_than_three_need_a_word_and_all_certain_ones_are_marked_at_once() {
    let mut stage = stage(80, 24);
    stage.keys("<C-a>");
    stage.sees("2 marked");
    stage.keys("jj jC");
    stage.previews(preview);
    stage.sees("Clean these 3 leftovers?");
    stage.keys("<Esc>");
    stage.keys("jj C");
    stage.previews(preview);
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), []);
    stage.keys("<Back>clean<Enter>");
    assert_eq!(stage.submitted().len(), 4);
}

#[test]
fn what_processes_live_in_is_not_cleaned_from_the_screen() {
    let mut stage = stage(80, 24);
    stage.keys("jjjC");
    stage.sees("Not possible: processes live in it");
    stage.keys("y<Tab><Enter>");
    assert_eq!(stage.submitted(), []);
}

#[test]
fn capitals_for_containers_do_nothing_here_but_say_so() {
    for key in ["D", "K", "T", "P", "S"] {
        let mut stage = stage(120, 40);
        stage.effects.clear();
        stage.keys(key);
        assert_eq!(
            (stage.submitted(), stage.model.dialogs()),
            (vec![], 0),
            "{key}"
        );
        stage.sees("that key is for the list of containers: 1 shows it");
    }
}

#[test]
fn clean_is_dead_where_no_leftover_is_shown_and_in_read_only() {
    let mut elsewhere = Stage::new(120, 40);
    elsewhere.shows(vec![container("web-1")]);
    elsewhere.event(found(zoo()));
    elsewhere.keys("C");
    assert_eq!(elsewhere.model.dialogs(), 0);
    let config = Config {
        read_only: true,
        ..Config::default()
    };
    let mut stage = Stage::with(120, 40, &config);
    stage.shows(vec![container("web-1")]);
    stage.event(found(zoo()));
    stage.keys("4C");
    assert_eq!(stage.model.dialogs(), 0);
    stage.sees("read-only");
}

#[test]
fn the_cursor_stays_on_its_leftover_when_others_come_and_go() {
    let mut stage = stage(120, 40);
    stage.keys("jj");
    stage.event(found(zoo().split_off(2)));
    stage.keys("C");
    stage.sees("Clean this leftover?");
    stage.sees("cgroup, of docker");
}

#[test]
fn w_says_why_a_leftover_stays_and_does_nothing_to_it() {
    use ocitop::diagnosis::{Diagnosis, Evidence};
    let mut stage = stage(80, 24);
    stage.keys("jjjw");
    stage.sees("why: :youki:api");
    stage.sees("gathering evidence ...");
    let orphans = zoo().swap_remove(3);
    let seen = Evidence {
        key: orphans.key.clone(),
        leftover: Some(Box::new(orphans.clone())),
        ..crate::diagnosis::bare()
    };
    stage.event(EventKind::Diagnosis {
        key: orphans.key,
        answer: Ok(Arc::new(Diagnosis::of(&seen))),
    });
    assert_snapshot!("why_a_leftover_80x24", stage.screen());
    stage.effects.clear();
    stage.keys("<Enter>");
    let command = "ocitop leftovers clean --kill /sys/fs/cgroup/:youki:api".to_owned();
    assert_eq!(stage.effects, [Effect::Copy(command)]);
    stage.keys("<Esc>");
    stage.sees("Leftovers 6 in");
}
