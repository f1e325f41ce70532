//! What needs a person: the words for it, the order, the key, the filter; and what failed stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use ocitop::inventory::attention::{OddTask, Plight, Reached, Unlooked};
use ocitop::inventory::{Attention, Container, Frozen, Inode, Trouble};
use ocitop::kernel::Signal;
use ocitop::lifecycle::{Job, Refusal, Verdict};
use ocitop::oci::{ContainerKey, Status};
use ocitop::tui::Effect;
use proptest::prelude::*;

use crate::support::stage::{
    START, Stage, container, key, left, oom_killed, preview, stopped, troubled, with_status,
    written, zoo,
};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

fn ago(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::new(START - seconds, 0).unwrap()
}

fn task(pid: i32, command: &str) -> OddTask {
    OddTask {
        pid,
        command: command.to_owned(),
        since: ago(240),
        init: false,
        killed: false,
        waits_in: None,
    }
}

fn tasks(plight: Plight, task: OddTask, more: usize) -> Trouble {
    Trouble::Tasks {
        plight,
        task,
        more,
        tracer: (plight == Plight::Traced).then_some(77),
    }
}

/// One container of each trouble, the gravest last.
fn troubled_ones() -> Vec<Container> {
    let stuck = OddTask {
        killed: true,
        waits_in: Some("request_wait_answer".to_owned()),
        ..task(812, "dd")
    };
    let init = OddTask {
        init: true,
        ..task(901, "nginx")
    };
    let dir = |path: &str| PathBuf::from("/sys/fs/cgroup/freezer").join(path);
    let with = |name: &str, trouble| troubled(container(name), vec![trouble]);
    vec![
        container("web"),
        with(
            "a-throttled",
            Trouble::Throttled {
                percent: 98,
                since: ago(60),
                above: None,
            },
        ),
        with(
            "b-limit",
            Trouble::AtLimit {
                reached: Reached::Memory {
                    hits_a_second: 8400,
                },
                since: ago(40),
            },
        ),
        with(
            "c-oom",
            Trouble::OomKilled {
                kills: 8,
                lately: Some(3),
                last: Some(ago(2)),
            },
        ),
        with(
            "d-foreign",
            Trouble::Frozen(Frozen::Foreign(dir("foreign"))),
        ),
        with("d-above", Trouble::Frozen(Frozen::Above(Some(dir("pods"))))),
        troubled(
            with_status(container("d-paused"), Status::Paused),
            vec![Trouble::Frozen(Frozen::Own(dir("d-paused")))],
        ),
        troubled(
            stopped("e-zombie"),
            vec![Trouble::Unreaped {
                pid: 901,
                parent: 77,
                command: Some("odd".to_owned()),
                since: ago(30),
            }],
        ),
        with("f-stopped", tasks(Plight::Stopped, init, 0)),
        with("g-traced", tasks(Plight::Traced, task(903, "sh"), 0)),
        with("h-stuck", tasks(Plight::Uninterruptible, stuck, 1)),
    ]
}

fn order(stage: &Stage) -> Vec<String> {
    stage.model.row_keys().map(ContainerKey::label).collect()
}

/// A stage on which a delete of `web-1` was asked for, confirmed, and came to this.
fn after_delete(width: u16, height: u16, verdict: Verdict) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.shows(vec![container("web-1"), container("web-2")]);
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    stage.job_ends("web-1", verdict);
    stage
}

#[test]
fn every_trouble_says_so_in_a_word_with_its_reason_and_the_gravest_comes_first() {
    for (width, height) in SIZES {
        let mut stage = Stage::new(width, height);
        stage.shows(troubled_ones());
        assert_snapshot!(format!("troubles_{width}x{height}"), stage.screen());
    }
    let mut stage = Stage::new(80, 24);
    stage.shows(troubled_ones());
    let expected = [
        "h-stuck",
        "g-traced",
        "f-stopped",
        "e-zombie",
        "d-above",
        "d-foreign",
        "c-oom",
        "b-limit",
        "a-throttled",
        "d-paused",
        "web",
    ];
    assert_eq!(order(&stage), expected);
}

#[test]
fn those_that_need_a_person_are_counted_in_the_header_at_every_size() {
    for (width, height, text) in [
        (120, 40, "!: 10 need attention"),
        (80, 24, "!: 10 need attention"),
        (40, 10, "!10"),
    ] {
        let mut stage = Stage::new(width, height);
        stage.shows(troubled_ones());
        stage.sees(text);
        stage.shows(vec![container("web")]);
        stage.sees_no("need attention");
        stage.sees_no("!");
    }
}

#[test]
fn one_key_shows_only_these_and_again_all() {
    let mut stage = Stage::new(120, 40);
    stage.shows(zoo());
    stage.keys("!");
    assert_eq!(order(&stage), ["ghost-42", "batch-91", "migrate"]);
    stage.sees("3 of 8, only what needs attention");
    stage.keys("!");
    assert_eq!(order(&stage).len(), 8);
    stage.keys("!<Esc>");
    assert_eq!(order(&stage).len(), 8);
    stage.shows(vec![container("web")]);
    stage.keys("!");
    stage.sees("None needs attention, as far as was looked. ! shows all.");
}

#[test]
fn a_filter_by_state_finds_what_needs_a_person() {
    for (filter, names) in [
        ("state:stopped", &["e-zombie"][..]),
        ("state:stopped-by-signal", &["f-stopped"]),
        ("state:zombie", &["e-zombie"]),
        ("state:traced", &["g-traced"]),
        ("state:frozen", &["d-above", "d-foreign", "d-paused"]),
        ("state:oom", &["c-oom"]),
        ("state:limit", &["b-limit"]),
        ("state:throttled", &["a-throttled"]),
        (
            "state:stuck",
            &[
                "h-stuck",
                "g-traced",
                "f-stopped",
                "e-zombie",
                "d-above",
                "d-foreign",
            ],
        ),
        ("!state:attention", &["web"]),
    ] {
        let mut stage = Stage::new(80, 24);
        stage.shows(troubled_ones());
        stage.keys(&format!("/{filter}<Enter>"));
        assert_eq!(order(&stage), names, "{filter}");
    }
    let mut stage = Stage::new(80, 24);
    stage.shows(troubled_ones());
    stage.keys("/state:attention<Enter>");
    assert_eq!(order(&stage).len(), 10);
}

#[test]
fn the_details_name_all_of_it_and_what_was_not_looked_at() {
    let mut stage = Stage::new(120, 40);
    let troubles = vec![oom_killed(8), tasks(Plight::Stopped, task(7, "sh"), 2)];
    let attention = Attention::new(troubles, Some(Unlooked::Permission));
    let mut web = container("web");
    web.attention = Some(Arc::new(attention));
    stage.shows(vec![web]);
    stage.sees("STOPPED    7 (sh) stopped by a signal; and 2 more tasks");
    stage.sees("OOM x8     none since ocitop looks; 8 processes taken in");
    stage.sees("Unseen     tasks not looked at: permission");
}

#[test]
fn what_was_not_looked_at_has_no_word_and_is_told_in_the_details() {
    let mut stage = Stage::new(80, 24);
    let mut web = container("web");
    let attention = Attention::new(Vec::new(), Some(Unlooked::Permission));
    web.attention = Some(Arc::new(attention));
    stage.shows(vec![web]);
    stage.sees("running");
    stage.sees_no("need attention");
    stage.sees("Unseen     tasks not looked at: permission");
}

#[test]
fn a_failed_delete_stays_on_its_row_with_its_reason() {
    for (width, height) in SIZES {
        let mut stage = after_delete(width, height, left());
        stage.wait(Duration::from_mins(2));
        stage.shows(vec![container("web-1"), container("web-2")]);
        assert_snapshot!(format!("failed_delete_{width}x{height}"), stage.screen());
    }
    let mut stage = after_delete(120, 40, left());
    stage.wait(Duration::from_mins(2));
    stage.shows(vec![container("web-1"), container("web-2")]);
    stage.sees("DEL FAILED");
    stage.sees("delete --force 2 min ago: left: 1 process, cgroup /web-1");
    stage.keys("/state:failed<Enter>");
    assert_eq!(order(&stage), ["web-1"]);
}

#[test]
fn a_later_delete_that_succeeds_takes_the_failure_away_and_a_later_pause_does_not() {
    let mut stage = after_delete(80, 24, left());
    stage.keys("P");
    stage.job_ends("web-1", Verdict::Clean);
    stage.sees("DEL FAILED");
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    stage.job_ends("web-1", Verdict::Clean);
    stage.sees_no("DEL FAILED");
}

#[test]
fn another_container_of_the_same_name_has_not_failed() {
    let mut stage = after_delete(80, 24, left());
    let mut other = container("web-1");
    other.state_dir = Some(Inode {
        device: 1,
        number: 1,
    });
    stage.shows(vec![other, container("web-2")]);
    stage.sees_no("DEL FAILED");
}

#[test]
fn the_operator_puts_away_what_failed_and_what_the_oom_killer_took() {
    let mut stage = after_delete(80, 24, left());
    stage.keys("e");
    stage.sees_no("DEL FAILED");
    stage.sees("put away");
    stage.sees_no("needs attention");
    let oom = |kills| {
        let mut web = troubled(container("web-1"), vec![oom_killed(kills)]);
        web.usage.oom_kills = Some(kills);
        vec![web]
    };
    stage.shows(oom(8));
    stage.sees("OOM x8");
    stage.keys("e");
    stage.sees_no("OOM x8");
    stage.shows(oom(9));
    stage.sees("OOM x9");
    // By its name in the palette, too.
    stage.keys(":put away<Enter>");
    stage.sees_no("OOM x9");
    stage.keys("e");
    stage.sees("nothing failed here that could be put away");
}

#[test]
fn what_is_refused_or_fails_otherwise_says_so_too() {
    let why = || Refusal::NoCgroup;
    let stage = after_delete(120, 40, Verdict::Refused(why()));
    stage.sees("REFUSED");
    stage.sees(&format!("delete --force 0 s ago: {}", why().words()));
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![container("web-1")]);
    stage.keys("P");
    stage.job_ends(
        "web-1",
        Verdict::Failed("write freezer.state: EBUSY".to_owned()),
    );
    stage.sees("FAILED");
    stage.sees("pause 0 s ago: write freezer.state: EBUSY");
    stage.keys("P");
    stage.job_ends("web-1", Verdict::Clean);
    stage.sees_no("FAILED     web-1");
}

#[test]
fn what_failed_stays_marked_and_what_succeeded_does_not() {
    let names = ["a", "b", "c", "d"];
    let mut stage = Stage::new(120, 40);
    stage.shows(names.map(container).into());
    stage.keys("<C-a>D");
    stage.previews(preview);
    stage.keys("delete<Tab><Enter>");
    assert_eq!(stage.submitted().len(), 4);
    for name in ["a", "b", "d"] {
        stage.job_ends(name, Verdict::Clean);
    }
    stage.job_ends("c", left());
    stage.shows(names.map(container).into());
    stage.sees("1 marked");
    stage.sees(" * DEL FAILED c");
    // The next delete is of that one.
    stage.effects.clear();
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    assert!(matches!(&stage.submitted()[..], [Job::Delete(target, _)] if target.key == key("c")));
}

#[test]
fn a_running_job_comes_before_what_failed() {
    let mut stage = after_delete(80, 24, left());
    stage.keys("D");
    stage.previews(preview);
    stage.keys("y");
    stage.sees("deleting   web-1 ");
    stage.sees_no("  DEL FAILED web-1");
    stage.sees_no("web-1 (");
}

#[test]
fn the_table_is_exported_with_what_needs_a_person() {
    let mut stage = Stage::new(80, 24);
    stage.shows(troubled_ones());
    stage.keys("xj<Enter>");
    let Some(Effect::Save { content, .. }) = stage.effects.last() else {
        panic!("{:?}", stage.effects);
    };
    let rows: serde_json::Value = serde_json::from_str(&written(content)).unwrap();
    assert_eq!(rows[0]["attention"], "STUCK");
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("812 (dd) in D for"), "{reason}");
    assert!(rows[10]["attention"].is_null());
}

#[test]
fn a_signal_that_could_not_be_sent_is_told_with_its_signal() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![container("web-1")]);
    stage.keys("Kj<Enter>");
    stage.previews(preview);
    stage.keys("y");
    let why = Verdict::Refused(Refusal::InitGone);
    assert!(matches!(
        &stage.submitted()[..],
        [Job::Kill(_, Signal::KILL)]
    ));
    stage.job_ends("web-1", why);
    stage.keys("6");
    stage.sees("kill SIGKILL REFUSED");
    stage.sees("container not running");
}

/// Any moment, also such as no clock is at.
fn moment() -> impl Strategy<Value = jiff::Timestamp> {
    let second = prop_oneof![-5_000_000_000..9_000_000_000_i64, Just(START)];
    second.prop_map(|second| jiff::Timestamp::new(second, 0).unwrap())
}

/// Tasks that are held up, with any numbers and names.
fn held_up() -> impl Strategy<Value = Trouble> {
    let plight = prop_oneof![
        Just(Plight::Uninterruptible),
        Just(Plight::Unkilled),
        Just(Plight::Exiting),
        Just(Plight::Traced),
        Just(Plight::Stopped),
    ];
    let parts = (plight, moment(), "\\PC{0,30}", any::<usize>(), any::<i32>());
    parts.prop_map(|(plight, since, text, more, pid)| {
        let task = OddTask {
            since,
            killed: pid > 0,
            waits_in: (pid < 0).then(|| text.clone()),
            ..task(pid, &text)
        };
        tasks(plight, task, more)
    })
}

/// Any trouble, with numbers, times and names that no kernel would tell.
fn any_trouble() -> impl Strategy<Value = Trouble> {
    let number = || prop_oneof![0..2000_u64, any::<u64>()];
    let path = || "\\PC{0,30}".prop_map(PathBuf::from);
    let maybe = || proptest::option::of(path());
    let unreaped = (any::<i32>(), any::<i32>(), moment()).prop_map(|(pid, parent, since)| {
        let command = Some(pid.to_string());
        Trouble::Unreaped {
            pid,
            parent,
            command,
            since,
        }
    });
    let killed = (number(), proptest::option::of(number()), moment());
    let killed = killed.prop_map(|(kills, lately, last)| Trouble::OomKilled {
        kills,
        lately,
        last: Some(last),
    });
    let reached = prop_oneof![
        number().prop_map(|hits_a_second| Reached::Memory { hits_a_second }),
        number().prop_map(|most| Reached::Tasks { most }),
    ];
    let limit = (reached, moment());
    let throttled = (number(), moment(), maybe());
    prop_oneof![
        held_up(),
        moment().prop_map(|since| Trouble::NoMemory { since }),
        unreaped,
        path().prop_map(|dir| Trouble::Frozen(Frozen::Own(dir))),
        path().prop_map(|dir| Trouble::Frozen(Frozen::Foreign(dir))),
        maybe().prop_map(|dir| Trouble::Frozen(Frozen::Above(dir))),
        killed,
        limit.prop_map(|(reached, since)| Trouble::AtLimit { reached, since }),
        throttled.prop_map(|(percent, since, above)| Trouble::Throttled {
            percent,
            since,
            above
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_troubles_can_be_drawn_at_any_size(
        all in proptest::collection::vec(proptest::collection::vec(any_trouble(), 0..4), 1..5),
        script in "[!ewizjk /]{0,4}",
        width in 1_u16..160,
        height in 1_u16..50,
    ) {
        let mut stage = Stage::new(100, 30);
        let rows = all.into_iter().enumerate();
        let rows = rows.map(|(at, troubles)| troubled(container(&format!("c{at}")), troubles));
        stage.shows(rows.collect());
        stage.keys(&script);
        stage.screen();
        stage.resize(width, height);
        stage.screen();
    }
}
