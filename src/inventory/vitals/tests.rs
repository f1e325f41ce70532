//! Each case is a `/proc` as it was read at one moment and the next.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::Roots;
use tempfile::TempDir;

const INIT: i32 = 4_100_000;
const START: u64 = 5_000;

/// A container `web` on a v1 host, whose init sleeps.
struct WebOnV1 {
    dir: TempDir,
    machine: Machine,
    cgroups: Vec<CgroupDir>,
}

impl WebOnV1 {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("proc/self")).unwrap();
        for controller in ["pids", "freezer"] {
            fs::create_dir_all(path("cgroup").join(controller).join("web")).unwrap();
        }
        let machine = Machine::new(&Roots {
            cgroup: Some(path("cgroup")),
            resctrl: None,
            proc: path("proc"),
            state: Vec::new(),
            host: None,
        });
        let own = |controller: &str| CgroupDir {
            hierarchy: machine.hierarchies.index_of(controller).unwrap(),
            path: crate::cgroup::CgroupPath::new(std::path::Path::new("/web")).unwrap(),
        };
        let cgroups = vec![own("pids"), own("freezer")];
        let place = Self {
            dir,
            machine,
            cgroups,
        };
        place.freezer("web", "THAWED", 0);
        place.tasks(&[INIT]);
        place.task(INIT, 'S', 0, 1);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn freezer(&self, cgroup: &str, state: &str, own: u8) {
        let dir = self.path("cgroup/freezer").join(cgroup);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("freezer.state"), format!("{state}\n")).unwrap();
        fs::write(dir.join("freezer.self_freezing"), format!("{own}\n")).unwrap();
    }

    fn tasks(&self, pids: &[i32]) {
        let lines: Vec<String> = pids.iter().map(ToString::to_string).collect();
        fs::write(self.path("cgroup/pids/web/tasks"), lines.join("\n")).unwrap();
    }

    /// A task in this state with these signals of its own pending, after so many context switches.
    fn task(&self, pid: i32, state: char, pending: u64, switches: u64) {
        let dir = self.path("proc").join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let zeros = "0 ".repeat(8);
        let stat = format!(
            "{pid} (dd) {state} 77 1 1 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 {START} {zeros}{pending} 0\n"
        );
        fs::write(dir.join("stat"), stat).unwrap();
        let status = format!("TracerPid:\t0\nvoluntary_ctxt_switches:\t{switches}\n");
        fs::write(dir.join("status"), status).unwrap();
        fs::write(dir.join("wchan"), "request_wait_answer").unwrap();
        self.moved(pid, "/web");
    }

    fn moved(&self, pid: i32, freezer: &str) {
        let text = format!("2:freezer:{freezer}\n1:pids:/web\n");
        fs::write(self.path("proc").join(format!("{pid}/cgroup")), text).unwrap();
    }

    fn subject(&self) -> TaskSubject<'_> {
        TaskSubject {
            cgroups: &self.cgroups,
            init: Some(InitProcess {
                pid: INIT,
                start_time: START,
            }),
            dead: None,
            frozen: false,
            tasks: None,
            idle: true,
        }
    }

    fn look(&self, vitals: &mut Vitals, second: u64) -> Vec<Trouble> {
        vitals.look(&self.machine, self.subject(), at(second), 32);
        troubles(vitals)
    }
}

fn at(second: u64) -> Now {
    Now {
        uptime: Duration::from_secs(second),
        wall: Timestamp::UNIX_EPOCH + Duration::from_secs(second),
    }
}

fn troubles(vitals: &Vitals) -> Vec<Trouble> {
    let mut out = Vec::new();
    vitals.troubles(&mut out);
    out
}

/// The plight and the words of the only trouble, at this second.
fn only(troubles: &[Trouble], second: u64) -> (Plight, String) {
    let [trouble @ Trouble::Tasks { plight, .. }] = troubles else {
        panic!("{troubles:?}")
    };
    (*plight, trouble.reason(at(second).wall))
}

const KILL: u64 = 1 << 8;

#[test]
fn the_same_uninterruptible_sleep_at_two_looks_is_stuck_and_one_look_says_nothing() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.task(INIT, 'D', KILL, 7);
    assert_eq!(place.look(&mut vitals, 10), []);
    assert!(vitals.is_unsure() && vitals.suspects());
    assert_eq!(place.look(&mut vitals, 11), [], "too soon");
    let found = place.look(&mut vitals, 12);
    let words = "init 4100000 (dd) in D for 30 s, SIGKILL pending, waits in request_wait_answer";
    assert_eq!(
        only(&found, 40),
        (Plight::Uninterruptible, words.to_owned())
    );
    assert_eq!(found[0].state(), "STUCK");
    place.task(INIT, 'S', 0, 8);
    assert_eq!(place.look(&mut vitals, 14), [], "it woke up");
    assert!(!vitals.suspects());
}

#[test]
fn a_task_that_ran_between_two_looks_waits_only_now_and_then() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    for (second, switches) in [(0, 7), (10, 8), (20, 9), (30, 9)] {
        place.task(INIT, 'D', 0, switches);
        let found = place.look(&mut vitals, second);
        assert_eq!(found.len(), usize::from(second == 30), "at {second}");
    }
}

#[test]
fn another_process_of_the_same_number_begins_anew() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.task(INIT, 'D', 0, 7);
    place.look(&mut vitals, 0);
    let stat = place.path("proc").join(format!("{INIT}/stat"));
    let text = fs::read_to_string(&stat).unwrap();
    fs::write(&stat, text.replace(&START.to_string(), "5001")).unwrap();
    assert_eq!(place.look(&mut vitals, 10), []);
}

#[test]
fn a_signal_that_stops_it_is_told_at_once() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.tasks(&[INIT, INIT + 1]);
    place.task(INIT, 'T', 0, 7);
    place.task(INIT + 1, 'T', 0, 7);
    let found = place.look(&mut vitals, 0);
    let words = "init 4100000 (dd) stopped by a signal; and 1 more task";
    assert_eq!(only(&found, 0), (Plight::Stopped, words.to_owned()));
    assert_eq!(
        (found[0].state().as_str(), found[0].code()),
        ("STOPPED", "stopped-by-signal")
    );
}

#[test]
fn a_sigkill_that_is_not_taken_is_stuck_whatever_the_task_does() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.task(INIT, 'S', KILL, 7);
    assert_eq!(place.look(&mut vitals, 0), []);
    place.task(INIT, 'S', KILL, 9);
    let found = place.look(&mut vitals, 2);
    assert_eq!(only(&found, 2).0, Plight::Unkilled);
    assert_eq!(found[0].state(), "STUCK");
}

#[test]
fn a_stop_of_a_tracer_lasts_or_is_none() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.task(INIT, 't', 0, 7);
    let status = place.path("proc").join(format!("{INIT}/status"));
    fs::write(&status, "TracerPid:\t88\nvoluntary_ctxt_switches:\t7\n").unwrap();
    assert_eq!(place.look(&mut vitals, 0), []);
    let found = place.look(&mut vitals, 3);
    let words = "init 4100000 (dd) held by its tracer 88 for 3 s, waits in request_wait_answer";
    assert_eq!(only(&found, 3), (Plight::Traced, words.to_owned()));
    // A tracer at work lets it run on.
    fs::write(&status, "TracerPid:\t88\nvoluntary_ctxt_switches:\t9\n").unwrap();
    assert_eq!(place.look(&mut vitals, 6), []);
}

#[test]
fn an_exit_may_take_a_while() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    let stat = place.path("proc").join(format!("{INIT}/stat"));
    let text = fs::read_to_string(&stat).unwrap();
    fs::write(&stat, text.replace("-1 64", "-1 68")).unwrap();
    assert_eq!(place.look(&mut vitals, 0), []);
    assert_eq!(place.look(&mut vitals, 9), []);
    assert_eq!(only(&place.look(&mut vitals, 10), 10).0, Plight::Exiting);
}

#[test]
fn a_task_in_a_foreign_frozen_cgroup_is_frozen_and_not_stuck() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.freezer("foreign", "FROZEN", 1);
    place.task(INIT, 'D', 0, 7);
    place.moved(INIT, "/foreign");
    let foreign = place.path("cgroup/freezer/foreign");
    for second in [0, 10] {
        let found = place.look(&mut vitals, second);
        assert_eq!(found, [Trouble::Frozen(Frozen::Foreign(foreign.clone()))]);
    }
    place.task(INIT, 'S', 0, 8);
    assert_eq!(place.look(&mut vitals, 12), []);
}

#[test]
fn what_its_own_freezer_explains_is_not_asked_of_its_tasks() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.task(INIT, 'D', 0, 7);
    let subject = TaskSubject {
        frozen: true,
        ..place.subject()
    };
    for second in [0, 10] {
        vitals.look(&place.machine, subject, at(second), 32);
        assert_eq!(troubles(&vitals), []);
    }
}

#[test]
fn each_look_goes_on_where_the_one_before_ended() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    let pids: Vec<i32> = (INIT..INIT + 100).collect();
    place.tasks(&pids);
    for pid in &pids {
        place.task(*pid, 'S', 0, 1);
    }
    place.task(INIT + 99, 'T', 0, 1);
    let found: Vec<usize> = (0..8)
        .map(|second| place.look(&mut vitals, second).len())
        .collect();
    // The fourth look comes to the last of them. It is remembered from then on.
    assert_eq!(found, [0, 0, 0, 1, 1, 1, 1, 1]);
    let reads = vitals.look(&place.machine, place.subject(), at(9), 32);
    assert!(reads <= 36, "{reads}");
}

#[test]
fn where_the_kernel_counts_one_task_the_list_is_seldom_read() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.tasks(&[INIT, INIT + 1]);
    place.task(INIT + 1, 'T', 0, 1);
    let subject = TaskSubject {
        tasks: Some(1),
        ..place.subject()
    };
    let looks = (1..=8).map(|second| vitals.look(&place.machine, subject, at(second), 32));
    assert_eq!(looks.collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1, 1, 3]);
    assert_eq!(troubles(&vitals).len(), 1);
}

#[test]
fn an_init_that_nobody_reaps_is_told_with_its_parent() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.task(INIT, 'Z', 0, 7);
    place.task(77, 'S', 0, 7);
    let record = crate::oci::record::runc::parse(
        format!(
            r#"{{"id":"web","init_process_pid":{INIT},"init_process_start":{START},
            "created":"2023-11-14T23:00:00Z","config":{{"rootfs":"/r","labels":["bundle=/b"]}}}}"#
        )
        .as_bytes(),
    )
    .unwrap();
    let subject = TaskSubject {
        cgroups: &[],
        init: None,
        dead: Some(&record),
        ..place.subject()
    };
    vitals.look(&place.machine, subject, at(0), 32);
    assert_eq!(troubles(&vitals), [], "its parent may be about to");
    vitals.look(&place.machine, subject, at(2), 32);
    let found = troubles(&vitals);
    let words = "init 4100000 is dead, its parent 77 (dd) has not reaped it for 2 s";
    assert_eq!(found[0].reason(at(2).wall), words);
    assert_eq!(found[0].state(), "ZOMBIE");
}

#[test]
fn tasks_that_have_no_number_here_were_not_looked_at() {
    let (place, mut vitals) = (WebOnV1::new(), Vitals::default());
    place.tasks(&[0, INIT]);
    place.look(&mut vitals, 0);
    assert_eq!(vitals.unlooked(), Some(Unlooked::Namespace));
}
