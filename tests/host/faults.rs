//! Every system call of a command fails once, in turn: strace(1) injects the error, nothing of ocitop
//! knows of it. Whatever fails, nothing is lost, nothing is said to be gone that is there, and nothing
//! panics. The table tells how often each call was made to fail, and how the command ended.
//!
//! [`killed`] ends the command at each call instead.
//!
//! A sample of the faults by default; `OCITOP_FAULTS=1 cargo test --test host faults::` makes each call
//! fail with each error, which takes an hour, and `OCITOP_FAULTS_ONLY='delete --force'` those of one
//! command.

mod killed;
mod scene;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use self::scene::{CASES, Case, Scene};
use crate::rig::{Rig, by_systemd, not_here, program, skip};

const CALLS: [&str; 11] = [
    "openat",
    "openat2",
    "read",
    "pread64",
    "statx",
    "getdents64",
    "write",
    "unlinkat",
    "pidfd_open",
    "pidfd_send_signal",
    "clone3",
];

const ERRORS: [&str; 5] = ["EIO", "EACCES", "ENOMEM", "EMFILE", "EINTR"];

/// One fault in so many is made, unless `OCITOP_FAULTS` says otherwise.
const SAMPLE: usize = 61;
/// Most for one call of a search, also where all are asked for.
const OF_SEARCH: usize = 300;
/// Most of a sample for one call of one command.
const MOST: usize = 12;

/// What strace says of the calls it saw, a line each, without the number of who made it.
fn called(line: &str) -> Option<&str> {
    let (call, _) = line.trim_start().split_once('(')?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!call.is_empty() && call.bytes().all(is_name)).then_some(call)
}

/// How often each call is made by one thread of it, if nothing fails.
fn counts(scene: &Scene<'_>, case: Case, log: &Path, calls: &str) -> BTreeMap<String, usize> {
    let output = ["-f", "-o", log.to_str().unwrap(), "-e", calls];
    let ended = scene.traced(case, &output);
    assert_eq!(ended.code, 0, "nothing failed: {ended:#?}");
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let Some((pid, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        if let Some(call) = called(rest) {
            *counts.entry((pid.to_owned(), call.to_owned())).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in counts {
        let so_far: &mut usize = most.entry(call).or_default();
        *so_far = count.max(*so_far);
    }
    most
}

/// One of how many faults of a call is made, one of `sample` if not said otherwise. A sample has no more
/// of a call that is made often: with other tests at work a search lists thousands of directories.
fn every(faults: usize, sample: usize) -> usize {
    let every = std::env::var("OCITOP_FAULTS").ok();
    let every = every.and_then(|number| number.parse().ok());
    every.unwrap_or(sample.max(faults / MOST))
}

/// As [`every`], where all are too many: a search makes tens of thousands of calls of a few kinds. Each
/// error comes up in turn.
fn least(case: Case, faults: usize) -> usize {
    let all = (faults / OF_SEARCH).max(1);
    match case {
        Case::Clean if all > 1 && all.is_multiple_of(ERRORS.len()) => all + 1,
        Case::Clean => all,
        Case::Delete | Case::Force | Case::List => 1,
    }
}

/// The commands whose turn it is.
fn wanted() -> impl Iterator<Item = Case> {
    let only = std::env::var("OCITOP_FAULTS_ONLY").ok();
    let is_wanted = move |case: &Case| only.as_ref().is_none_or(|only| only == case.words());
    CASES.into_iter().filter(is_wanted)
}

/// Whether what a sweep needs is here; says what is missing.
fn is_possible(name: &str) -> bool {
    let kind = RuntimeKind::Runc;
    if let Err(reason) = program(kind).and(Rig::new(kind).map(drop)) {
        skip(name, &reason);
        return false;
    }
    if by_systemd() {
        not_here(name, "it is made in cgroups of the test's own");
        return false;
    }
    let strace = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    if strace.is_err() {
        skip(name, "strace is not installed");
    }
    strace.is_ok()
}

/// What was wrong, and how often the rest ended how.
#[derive(Default)]
struct Tally {
    broken: Vec<String>,
    ends: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, judged: Result<&'static str, String>, what: &str) {
        let end = judged.unwrap_or_else(|why| {
            self.broken.push(format!("{what}: {why}"));
            "WRONG"
        });
        *self.ends.entry(end).or_default() += 1;
    }

    /// Puts a line into the table that is printed at the end of the run.
    fn tell(&mut self, case: Case, call: &str, count: usize) {
        let ends = std::mem::take(&mut self.ends);
        let Some(file) = std::env::var_os("OCITOP_FAULTS_TABLE").filter(|_| !ends.is_empty())
        else {
            return;
        };
        let ends: Vec<String> = ends
            .iter()
            .map(|(how, count)| format!("{count} {how}"))
            .collect();
        let file = fs::File::options().append(true).create(true).open(file);
        let line = format!("{}\t{call}\t{count}\t{}", case.words(), ends.join(", "));
        writeln!(file.unwrap(), "{line}").unwrap();
    }

    fn check(&self) {
        let first = self.broken.iter().take(20).cloned().collect::<Vec<_>>();
        assert!(
            self.broken.is_empty(),
            "{} wrong\n{}",
            self.broken.len(),
            first.join("\n\n")
        );
    }
}

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_is_said_that_is_not_so() {
    if !is_possible("the sweep of faults") {
        return;
    }
    let mut tally = Tally::default();
    for case in wanted() {
        let rig = Rig::new(RuntimeKind::Runc).unwrap();
        let scene = Scene::new(&rig, case, 0);
        let calls = format!("trace={}", CALLS.join(","));
        let counts = counts(&scene, case, &rig.scratch("trace"), &calls);
        drop(scene);
        let mut number = 0;
        for (call, count) in counts {
            let faults = count * ERRORS.len();
            let every = every(faults, SAMPLE).max(least(case, faults));
            for (index, error) in (1..=count).flat_map(|index| ERRORS.map(|error| (index, error))) {
                number += 1;
                if number % every != 0 {
                    continue;
                }
                let mut scene = Scene::new(&rig, case, number);
                let inject = format!("inject={call}:error={error}:when={index}");
                let ended = scene.traced(case, &["-f", "-o", "/dev/null", "-e", &inject]);
                let judged = scene.judge(case, &ended);
                let judged = judged.and_then(|end| scene.again(case).map(|_| end.words()));
                let what = format!("{} {call} {index} of {count} {error}", case.words());
                tally.add(judged, &what);
            }
            tally.tell(case, &call, count);
        }
    }
    tally.check();
}

/// So that the state is what the scene says.
#[test]
fn a_scene_is_what_it_says() {
    let kind = RuntimeKind::Runc;
    if program(kind).and(Rig::new(kind).map(drop)).is_err() || by_systemd() {
        return;
    }
    let rig = Rig::new(kind).unwrap();
    let scene = Scene::new(&rig, Case::List, 1);
    let rows = rig.finish(scene.command(Case::List)).ok().json();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == scene.id.as_str());
    let row: &Value = row.unwrap();
    assert_eq!(
        (&row["status"], &row["problem"]),
        (&"running".into(), &Value::Null)
    );
}
