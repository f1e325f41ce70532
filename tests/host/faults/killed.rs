//! ocitop is ended by SIGKILL at each of its system calls in turn: strace(1) sends the signal as the call is
//! entered, which is not made then. What is there is judged, and the same command, run again with nothing
//! in its way, ends it. A hook never runs twice.
//!
//! All that changes anything happens on the first thread: its calls are all taken, those of the loader among
//! them. Then, where there are others, the calls of whoever comes to them first: other threads, and the hook.

use std::collections::BTreeMap;
use std::fs;

use ocitop::oci::RuntimeKind;

use super::scene::{Case, End, Scene, ran};
use super::{Tally, called, counts, every, is_possible, wanted};
use crate::rig::Rig;

/// One kill in so many is made, unless `OCITOP_FAULTS` says otherwise.
const SAMPLE: usize = 31;

/// How many of the calls of a search are taken.
const OF_SEARCH: usize = 100;
/// What a search calls so often at most is no part of it.
const SELDOM: usize = 60;

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The first thread alone.
    First,
    /// Each thread, and the hook, by itself.
    Anybody,
}

impl Who {
    fn words(self) -> &'static str {
        match self {
            Self::First => "SIGKILL",
            Self::Anybody => "SIGKILL, others",
        }
    }

    /// Where to end what, so that each call is one's last.
    fn calls(self, rig: &Rig, case: Case, number: usize) -> Vec<(String, usize)> {
        let log = rig.scratch("trace");
        let scene = Scene::new(rig, case, number);
        if self == Self::Anybody {
            let counts = counts(&scene, case, &log, "trace=all");
            let each = |(call, count): (String, usize)| {
                (1..=count).map(move |index| (call.clone(), index))
            };
            return counts.into_iter().flat_map(each).collect();
        }
        let ended = scene.traced(case, &["-o", log.to_str().unwrap()]);
        assert_eq!(ended.code, 0, "nothing failed: {ended:#?}");
        let mut so_far: BTreeMap<String, usize> = BTreeMap::new();
        let log = fs::read_to_string(log).unwrap();
        let counted = log.lines().filter_map(called).map(|call| {
            let index = so_far.entry(call.to_owned()).or_default();
            *index += 1;
            (call.to_owned(), *index)
        });
        counted.collect()
    }

    fn kill(
        self,
        scene: &mut Scene<'_>,
        case: Case,
        call: &str,
        index: usize,
    ) -> Result<bool, String> {
        let inject = format!("inject={call}:signal=KILL:when={index}");
        let shown = format!("trace={call}");
        let options = ["-o", "/dev/null", "-e", &shown, "-e", &inject, "-f"];
        let options = match self {
            Self::First => &options[..6],
            Self::Anybody => &options[..],
        };
        let ended = scene.traced(case, options);
        scene.judge_killed(case, &ended)
    }
}

/// Which of these calls a whole sweep takes. The search of `leftovers clean` reads tens of thousands of
/// files, more or fewer by the time, and a kill at a read leaves what one at the next change leaves: of
/// calls that are made often some are taken, of the others, which all changes are among, each.
fn of_all(case: Case, calls: Vec<(String, usize)>) -> Vec<(String, usize)> {
    if case != Case::Clean {
        return calls;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (call, index) in &calls {
        counts.insert(call.clone(), *index);
    }
    let step = (calls.len() / OF_SEARCH).max(1);
    let numbered = calls.into_iter().enumerate();
    let taken = numbered.filter(|(at, (call, _))| counts[call] <= SELDOM || at % step == 0);
    taken.map(|(_, call)| call).collect()
}

/// Runs it again, after which nothing is left; and how it came to that.
fn finish(scene: &mut Scene<'_>, case: Case, killed: bool) -> Result<&'static str, String> {
    match scene.again(case)? {
        None if killed => Ok("nothing was left"),
        None => Ok("not killed"),
        Some(End::Done) => Ok("the next run ended it"),
        Some(end) => Err(format!("again: {}", end.words())),
    }
}

#[test]
fn killed_at_any_call_it_loses_nothing_and_the_next_run_ends_it_and_no_hook_runs_twice() {
    if !is_possible("the sweep of SIGKILL") {
        return;
    }
    let mut tally = Tally::default();
    for case in wanted().filter(|case| *case != Case::List) {
        let rig = Rig::new(RuntimeKind::Runc).unwrap();
        let mut number = 1;
        for who in [Who::First, Who::Anybody] {
            let calls = who.calls(&rig, case, number);
            let all = calls.len();
            let calls = of_all(case, calls);
            let every = every(calls.len(), SAMPLE);
            for (call, index) in calls {
                number += 1;
                if number % every != 0 {
                    continue;
                }
                let mut scene = Scene::new(&rig, case, number);
                let judged = who.kill(&mut scene, case, &call, index);
                let judged = judged.and_then(|killed| finish(&mut scene, case, killed));
                let what = format!("{} {who:?} {call} {index}", case.words());
                tally.add(judged, &what);
            }
            tally.tell(case, who.words(), all);
            number += 1;
        }
        // Also one that outlived who began it.
        for number in (1..=number).filter(|number| ran(&rig, *number) > 1) {
            tally.add(Err("the hook ran twice".to_owned()), &number.to_string());
        }
    }
    tally.check();
}
