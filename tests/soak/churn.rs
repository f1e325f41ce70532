//! Containers that their own runtimes make, pause, kill, break and delete, while the screen is open.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use crate::rig::{Rig, Spec, breathe};

/// Containers in each root: the same ids come again and again.
const EACH: usize = 5;

/// How long a runtime's command may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What was done, and how often.
#[derive(Debug, Default)]
pub(crate) struct Made(BTreeMap<&'static str, u64>);

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.iter().map(|(what, count)| format!("{count} {what}"));
        f.write_str(&words.collect::<Vec<_>>().join(", "))
    }
}

/// The thread that does it.
pub(crate) struct Churn {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Yard>,
}

impl Churn {
    pub(crate) fn start(rigs: Vec<Rig>, seed: u64) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let mut yard = Yard {
            rigs,
            random: Rng::with_seed(seed),
            made: Made::default(),
            torn: BTreeSet::new(),
            interrupted: BTreeSet::new(),
        };
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let what = yard.step();
                *yard.made.0.entry(what).or_default() += 1;
                // Others have to come to their turn: twenty a second at most.
                (0..10).for_each(|_| breathe());
            }
            yard
        });
        Self { ends, thread }
    }

    pub(crate) fn end(self) -> Yard {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The containers, and what happened to them.
pub(crate) struct Yard {
    pub(crate) rigs: Vec<Rig>,
    random: Rng,
    pub(crate) made: Made,
    /// Whose record was torn: a runtime that deletes such a one leaves its processes.
    torn: BTreeSet<Name>,
    /// Whose runtime had to be ended: what it had not recorded yet nobody can know of.
    interrupted: BTreeSet<Name>,
}

/// A root, and the number of an id in it.
type Name = (usize, usize);

/// An id of the host's own: what a torn record was of is told by its name.
fn id_of(rig: &Rig, number: usize) -> String {
    format!("{}-{number}", rig.id())
}

impl Yard {
    /// The ids that there is a state directory of.
    pub(crate) fn ids_in(rig: &Rig) -> impl Iterator<Item = String> {
        let ids = (0..EACH).map(|number| id_of(rig, number));
        ids.filter(|id| rig.state_dir(id).exists())
    }

    /// What is left of containers that have no record, and ought not to be.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        for (root, rig) in self.rigs.iter().enumerate() {
            let known = |number: &usize| !self.interrupted.contains(&(root, *number));
            let ids = (0..EACH).filter(known).map(|number| id_of(rig, number));
            left.extend(ids.flat_map(|id| rig.cgroups(&id)));
        }
        left
    }

    /// One thing that happens to a container. Whether it works is not asked: the keys may have been
    /// first.
    fn step(&mut self) -> &'static str {
        let root = self.random.usize(..self.rigs.len());
        let name = (root, self.random.usize(..EACH));
        let rig = &self.rigs[root];
        let id = &*id_of(rig, name.1);
        if !rig.state_dir(id).exists() {
            self.torn.remove(&name);
            return self.make(name, id);
        }
        match self.random.u32(..16) {
            0..2 => self.run(name, &["pause", id], "paused"),
            2..5 => self.run(name, &["resume", id], "resumed"),
            5 => self.run(name, &["kill", id, "KILL"], "killed by their runtime"),
            6 => {
                if let Some(&pid) = rig.members(id).first() {
                    rig.kill_own(pid);
                }
                "killed otherwise"
            }
            7 => {
                // As by a full disk.
                let file = rig.state_file(id);
                let text = fs::read(&file).unwrap_or_default();
                fs::write(&file, &text[..text.len() / 2]).ok();
                self.torn.insert(name);
                "torn records"
            }
            8..11 if !self.torn.contains(&name) => {
                self.run(name, &["delete", "--force", id], "deleted by their runtime")
            }
            8..13 => {
                rig.ocitop(&["delete", "--force", id]);
                "deleted by the command"
            }
            _ => self.run(name, &["state", id], "asked for"),
        }
    }

    fn make(&mut self, name: Name, id: &str) -> &'static str {
        let spec = Spec {
            resources: json!({"pids": {"limit": 20}}),
            private_pids: self.random.bool(),
            ..Spec::default()
        };
        let bundle = self.rigs[name.0].bundle(id, &spec);
        let bundle = bundle.to_str().unwrap();
        if self.random.u8(..4) == 0 {
            return self.run(name, &["create", "-b", bundle, id], "created");
        }
        self.run(name, &["run", "-d", "-b", bundle, id], "run")
    }

    /// Runs a command of the runtime. One that a key has stopped half-way is ended, as by its caller.
    fn run(&mut self, name: Name, args: &[&str], what: &'static str) -> &'static str {
        let rig = &self.rigs[name.0];
        if rig
            .finish_within(rig.runtime_command(args), LIMIT)
            .is_some()
        {
            return what;
        }
        self.interrupted.insert(name);
        "runtimes that had to be ended"
    }
}
