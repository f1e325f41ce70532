//! The sampler on fixture machines: what wakes it, what it looks at closely, what it tells.

use std::fs;
use std::time::Duration;

use ocitop::inventory::glance::Tasks;
use ocitop::inventory::happenings::Happened;
use ocitop::inventory::sampler::Woken;
use ocitop::inventory::usage::OfAll;
use ocitop::inventory::{Condition, Frozen, Sampler, Scanner, Snapshot, Trouble, Watch};
use ocitop::oci::{RuntimeKind, Status};

use crate::support::fake_kernel::remove_tree;
use crate::support::machine::Machine;

/// Long enough for anything to be told, and never waited for in full where it is.
const PATIENCE: Duration = Duration::from_secs(20);

fn sampler(machine: &Machine) -> Sampler {
    let mut sampler = Sampler::new(machine.machine()).unwrap();
    sampler.pass();
    sampler
}

/// Waits for something to happen, as often as it takes until `wanted` holds of what is shown then.
fn until(sampler: &mut Sampler, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let start = std::time::Instant::now();
    loop {
        let woken = sampler.wait(PATIENCE);
        assert_eq!(woken, Woken::Change, "nothing was noticed");
        if let Some(snapshot) = sampler.update()
            && wanted(&snapshot)
        {
            return snapshot;
        }
        assert!(start.elapsed() < PATIENCE, "it never held");
    }
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    let names = snapshot.containers.iter();
    names.map(|container| container.key.label()).collect()
}

fn told(snapshot: &Snapshot) -> Vec<(String, Happened)> {
    let all = snapshot.happenings.iter();
    all.map(|one| (one.key.label(), one.what.clone())).collect()
}

#[test]
fn a_container_that_comes_or_goes_is_noticed_without_a_pass() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let mut sampler = sampler(&machine);
    let machine = machine.running("db", RuntimeKind::Crun);
    let snapshot = until(&mut sampler, |snapshot| snapshot.containers.len() == 2);
    assert_eq!(names(&snapshot), ["db", "web"]);
    let db = &snapshot.containers[0];
    assert_eq!(db.condition, Condition::Known(Status::Running));
    assert_eq!(told(&snapshot), [("db".to_owned(), Happened::Started)]);
    remove_tree(&machine.state_dir("db"));
    let snapshot = until(&mut sampler, |snapshot| snapshot.containers.len() == 1);
    assert_eq!(
        told(&snapshot)[1..],
        [
            ("db".to_owned(), Happened::Exited { status: None }),
            ("db".to_owned(), Happened::Deleted)
        ]
    );
}

#[test]
fn a_changed_state_file_is_noticed_without_a_pass() {
    for runtime in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
        let machine = Machine::v1().running("web", runtime);
        let mut sampler = sampler(&machine);
        let file = match runtime {
            RuntimeKind::Crun => "status",
            RuntimeKind::Youki | RuntimeKind::Runc => "state.json",
        };
        fs::write(machine.state_dir("web").join(file), "{").unwrap();
        until(&mut sampler, |snapshot| {
            snapshot.containers[0].condition == Condition::Broken
        });
    }
}

#[test]
fn a_v2_cgroup_that_is_frozen_is_noticed_without_a_pass() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let mut sampler = sampler(&machine);
    let dir = machine.cgroup_dirs("web").remove(0);
    fs::write(dir.join("cgroup.freeze"), "1\n").unwrap();
    fs::write(dir.join("cgroup.events"), "populated 1\nfrozen 1\n").unwrap();
    let paused = Condition::Known(Status::Paused);
    let snapshot = until(&mut sampler, |snapshot| {
        snapshot.containers[0].condition == paused
    });
    assert_eq!(told(&snapshot), [("web".to_owned(), Happened::Paused)]);
}

#[test]
fn processes_taken_by_the_oom_killer_are_counted_and_told() {
    let machine = Machine::v2().running("web", RuntimeKind::Youki);
    let events = machine.cgroup_dirs("web").remove(0).join("memory.events");
    fs::write(&events, "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n").unwrap();
    let mut sampler = sampler(&machine);
    fs::write(events, "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n").unwrap();
    let snapshot = until(&mut sampler, |snapshot| {
        snapshot.containers[0].usage.oom_kills == Some(2)
    });
    let killed = Happened::OomKilled { processes: 2 };
    assert_eq!(told(&snapshot), [("web".to_owned(), killed)]);
}

#[test]
fn a_root_that_comes_to_be_is_noticed_without_a_pass() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let (root, aside) = (machine.root(), machine.root().with_extension("aside"));
    fs::rename(&root, &aside).unwrap();
    let mut sampler = sampler(&machine);
    fs::rename(&aside, &root).unwrap();
    let snapshot = until(&mut sampler, |snapshot| snapshot.containers.len() == 1);
    assert_eq!(names(&snapshot), ["web"]);
}

#[test]
fn a_directory_just_made_is_no_broken_container() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let mut sampler = sampler(&machine);
    let dir = machine.state_dir("new");
    fs::create_dir(&dir).unwrap();
    assert_eq!(sampler.wait(PATIENCE), Woken::Change);
    sampler.update();
    assert_eq!(names(&sampler.again()), ["web"]);
    // What stays without a state file is one.
    let long_ago = std::time::SystemTime::now() - Duration::from_mins(1);
    fs::File::open(&dir)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    // The first pass sees that it has changed.
    let snapshot = sampler.pass();
    assert_eq!(names(&snapshot), ["new", "web"]);
    assert_eq!(snapshot.containers[0].condition, Condition::Broken);
}

#[test]
fn another_container_of_the_same_name_does_not_have_the_history_of_the_first() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let mut sampler = sampler(&machine);
    let key = sampler.pass().containers[0].key.clone();
    sampler.watch(Watch {
        visible: vec![key],
        ..Watch::default()
    });
    sampler.pass();
    let (dir, aside) = (machine.state_dir("web"), machine.root().join(".aside"));
    fs::create_dir(&aside).unwrap();
    fs::rename(dir.join("state.json"), aside.join("state.json")).unwrap();
    fs::remove_dir(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    let snapshot = until(&mut sampler, |snapshot| {
        told(snapshot)
            .iter()
            .any(|(_, what)| *what == Happened::Started)
    });
    let words: Vec<Happened> = told(&snapshot).into_iter().map(|(_, what)| what).collect();
    assert!(words.contains(&Happened::Deleted), "{words:?}");
    assert_eq!(snapshot.containers[0].usage.cpu, None);
}

#[test]
fn only_what_is_on_the_screen_is_looked_at_closely() {
    let machine = Machine::v2()
        .running("a", RuntimeKind::Runc)
        .running("b", RuntimeKind::Crun);
    let mut sampler = sampler(&machine);
    let snapshot = sampler.pass();
    assert!(snapshot.containers.iter().all(|row| row.detail.is_none()));
    let keys: Vec<_> = snapshot
        .containers
        .iter()
        .map(|row| row.key.clone())
        .collect();
    let close = |sampler: &mut Sampler, index: usize| {
        sampler.watch(Watch {
            visible: vec![keys[index].clone()],
            ..Watch::default()
        });
        let rows = sampler.again().containers;
        rows.iter()
            .map(|row| row.detail.is_some())
            .collect::<Vec<_>>()
    };
    // At once, without a pass.
    assert_eq!(close(&mut sampler, 0), [true, false]);
    assert_eq!(close(&mut sampler, 1), [false, true]);
    // Its limits are known all the same.
    let rows = sampler.pass().containers;
    assert!(rows.iter().all(|row| row.usage.memory_limit.is_some()));
}

#[test]
fn what_a_sort_wants_is_read_of_every_row() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let dir = machine.cgroup_dirs("web").remove(0);
    fs::write(
        dir.join("io.stat"),
        "254:0 rbytes=0 wbytes=0 rios=0 wios=0\n",
    )
    .unwrap();
    let mut sampler = sampler(&machine);
    let of_all = OfAll {
        io: true,
        ..OfAll::default()
    };
    let io = |sampler: &mut Sampler| sampler.pass().containers[0].usage.io_read;
    assert_eq!(io(&mut sampler), None);
    sampler.watch(Watch {
        of_all,
        ..Watch::default()
    });
    sampler.pass();
    fs::write(
        dir.join("io.stat"),
        "254:0 rbytes=4096 wbytes=0 rios=1 wios=0\n",
    )
    .unwrap();
    let start = std::time::Instant::now();
    while io(&mut sampler).is_none_or(|rate| rate == 0.0) {
        assert!(start.elapsed() < PATIENCE);
    }
    sampler.watch(Watch::default());
    assert_eq!(
        sampler.again().containers[0].usage.io_read,
        None,
        "it grows old"
    );
}

#[test]
fn who_rings_is_heard() {
    let machine = Machine::v2();
    let mut sampler = sampler(&machine);
    sampler.alarm().ring();
    assert_eq!(sampler.wait(PATIENCE), Woken::Alarm);
    assert_eq!(sampler.wait(Duration::ZERO), Woken::Time);
}

#[test]
fn what_did_not_change_is_the_same_row_in_the_next_snapshot() {
    let machine = Machine::v2().stopped("old", RuntimeKind::Runc);
    let mut sampler = sampler(&machine);
    let (before, after) = (sampler.pass(), sampler.pass());
    assert!(std::sync::Arc::ptr_eq(
        &before.containers[0],
        &after.containers[0]
    ));
}

/// The init of a container goes into this state.
fn put_init(machine: &Machine, id: &str, state: char) {
    let pid = machine.processes(id).into_iter().min().unwrap();
    let stat = machine.proc().join(format!("{pid}/stat"));
    let text = fs::read_to_string(&stat).unwrap();
    let (head, rest) = text.split_once(") ").unwrap();
    let (_, rest) = rest.split_once(' ').unwrap();
    fs::write(&stat, format!("{head}) {state} {rest}")).unwrap();
}

fn words(snapshot: &Snapshot) -> Vec<(String, String)> {
    let troubled = snapshot.containers.iter().filter_map(|row| {
        let first = row.troubles().first();
        first.map(|trouble| (row.key.label(), trouble.state()))
    });
    troubled.collect()
}

#[test]
fn a_stopped_init_is_told_and_no_more_when_it_goes_on() {
    let machine = Machine::v2().running("web", RuntimeKind::Runc);
    let mut sampler = sampler(&machine);
    assert_eq!(words(&sampler.pass()), []);
    put_init(&machine, "web", 'T');
    let told = [("web".to_owned(), "STOPPED".to_owned())];
    assert_eq!(words(&sampler.pass()), told);
    put_init(&machine, "web", 'S');
    let start = std::time::Instant::now();
    while !words(&sampler.pass()).is_empty() {
        assert!(start.elapsed() < PATIENCE);
    }
}

#[test]
fn every_container_comes_round_though_a_pass_looks_at_few() {
    let mut machine = Machine::v2();
    let names: Vec<String> = (0..150).map(|at| format!("c{at:03}")).collect();
    for name in &names {
        machine = machine.running(name, RuntimeKind::Runc);
    }
    let mut sampler = sampler(&machine);
    for name in ["c003", "c149"] {
        put_init(&machine, name, 'T');
    }
    let passes = (1..=100).find(|_| words(&sampler.pass()).len() == 2);
    assert!(passes.unwrap() <= 50, "{passes:?}");
}

#[test]
fn what_is_not_its_own_any_more_comes_round_to_be_shown_no_more() {
    let mut machine = Machine::v2();
    let names: Vec<String> = (0..150).map(|at| format!("c{at:03}")).collect();
    for name in &names {
        machine = machine.running(name, RuntimeKind::Runc);
    }
    let mut sampler = sampler(&machine);
    let counted = |snapshot: &Snapshot| {
        let rows = snapshot.containers.iter();
        rows.filter(|row| row.usage.memory.is_some()).count()
    };
    assert_eq!((1..=10).map(|_| counted(&sampler.pass())).min(), Some(150));
    for name in ["c003", "c149"] {
        let pid = machine.container(name).init.unwrap().pid;
        let place = machine.proc().join(format!("{pid}/cgroup"));
        fs::write(place, "0::/elsewhere\n").unwrap();
    }
    let passes = (1..=200).find(|_| counted(&sampler.pass()) == 148);
    assert!(passes.unwrap() <= 100, "{passes:?}");
}

#[test]
fn who_freezes_it_from_above_is_told() {
    let machine = Machine::v1().running("web", RuntimeKind::Runc);
    let dir = machine.freezer_dir("web");
    fs::write(dir.join("freezer.state"), "FROZEN\n").unwrap();
    let mut sampler = sampler(&machine);
    let snapshot = sampler.pass();
    let row = &snapshot.containers[0];
    assert_eq!(row.condition, Condition::Known(Status::Running));
    assert_eq!(row.problem, None);
    // The fixture has it in the root: what freezes that is not seen.
    assert_eq!(row.troubles(), [Trouble::Frozen(Frozen::Above(None))]);
}

#[test]
fn one_look_tells_what_it_can_be_sure_of() {
    let machine = Machine::v2()
        .running("stopped", RuntimeKind::Runc)
        .running("asleep", RuntimeKind::Runc);
    put_init(&machine, "stopped", 'T');
    put_init(&machine, "asleep", 'D');
    for tasks in [Tasks::Init, Tasks::All] {
        let mut scanner = Scanner::status_only(machine.machine()).with_tasks(tasks);
        let told = [("stopped".to_owned(), "STOPPED".to_owned())];
        assert_eq!(words(&scanner.scan()), told);
        let unsure = scanner.take_unsure();
        let keys: Vec<String> = unsure.iter().map(|one| one.key.label()).collect();
        assert_eq!(keys, ["asleep"]);
    }
    let mut scanner = Scanner::status_only(machine.machine());
    assert_eq!(words(&scanner.scan()), []);
}
