//! What the operator had done, and what came of it. All of it is told in the history; what failed
//! stays on its row until a later action of its kind succeeds, or the operator puts it away.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::inventory::{Container, Inode};
use crate::kernel::Signal;
use crate::lifecycle::{Force, Job, Verdict};
use crate::oci::ContainerKey;

use super::modal::AskedAct;

/// Actions kept: the history has them all, far beyond what a person does in a day.
const CAPACITY: usize = 20_000;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Delete(Force),
    Signal(Signal),
    SignalOne(i32, Signal),
    Stop,
    /// Pause or resume, before it was known which.
    PauseOrResume,
    Pause,
    Resume,
    Start,
    Clean,
}

/// What an action is for: one that succeeds makes up for those before it that were for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    Away,
    Down,
    Still,
    Up,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The engine was done with it.
    Ended(Verdict),
    /// There is nothing of the kind to be done with it: why, safe to print.
    Unfit(String),
    /// The engine would not do it, said the dialog: why, safe to print.
    Refused(String),
    /// Another action on it was under way: this.
    Busy(&'static str),
    /// ocitop was about to end.
    Leaving,
}

/// An action that is over, or was not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    /// When it was over.
    pub(crate) at: Timestamp,
    /// How long it took; none if it was not begun.
    pub(crate) took: Option<Duration>,
    pub(crate) key: ContainerKey,
    /// The state directory it was aimed at: what has its name later is another container.
    pub(crate) state_dir: Option<Inode>,
    pub(crate) act: Act,
    pub(crate) ending: Ending,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    all: VecDeque<Arc<Deed>>,
    /// How many were dropped because there were too many.
    pub(crate) dropped: usize,
    failed: BTreeMap<ContainerKey, Vec<Arc<Deed>>>,
    /// How many processes the OOM killer had taken when the operator put that away.
    oom: BTreeMap<ContainerKey, u64>,
}

impl Act {
    pub(crate) fn of(job: &Job) -> Self {
        match job {
            Job::Delete(_, force) => Self::Delete(*force),
            Job::Kill(_, signal) | Job::KillAll(_, signal) => Self::Signal(*signal),
            Job::SignalOne(_, process, signal) => Self::SignalOne(process.pid, *signal),
            Job::Stop(_) => Self::Stop,
            Job::Pause(_) => Self::Pause,
            Job::Resume(_) => Self::Resume,
            Job::Start(_) => Self::Start,
            Job::Clean(..) => Self::Clean,
        }
    }

    /// Of an order that came to no job.
    pub(crate) fn ordered(order: AskedAct) -> Self {
        match order {
            AskedAct::Delete => Self::Delete(Force::No),
            AskedAct::Signal(signal) => Self::Signal(signal),
            AskedAct::SignalProcess(process, signal) => Self::SignalOne(process.pid, signal),
            AskedAct::Stop => Self::Stop,
            AskedAct::Pause => Self::PauseOrResume,
            AskedAct::Start => Self::Start,
        }
    }

    fn aim(self) -> Aim {
        match self {
            Self::Delete(_) | Self::Clean => Aim::Away,
            Self::Signal(_) | Self::SignalOne(..) | Self::Stop => Aim::Down,
            Self::PauseOrResume | Self::Pause | Self::Resume => Aim::Still,
            Self::Start => Aim::Up,
        }
    }

    /// One word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Delete(_) => "delete",
            Self::Signal(_) => "kill",
            Self::SignalOne(..) => "signal",
            Self::Stop => "stop",
            Self::PauseOrResume => "pause or resume",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Start => "start",
            Self::Clean => "clean",
        }
    }

    /// In full.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Delete(Force::Yes) => "delete --force".to_owned(),
            Self::Signal(signal) => format!("kill {signal}"),
            Self::SignalOne(pid, signal) => format!("{signal} to pid {pid}"),
            Self::Delete(_)
            | Self::Stop
            | Self::PauseOrResume
            | Self::Pause
            | Self::Resume
            | Self::Start
            | Self::Clean => self.word().to_owned(),
        }
    }
}

impl Ending {
    /// One word: `done`, `FAILED`, `REFUSED`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Ended(Verdict::Clean) => "done",
            Self::Ended(Verdict::Leftovers(_) | Verdict::Failed(_)) => "FAILED",
            Self::Ended(_) | Self::Unfit(_) | Self::Refused(_) | Self::Busy(_) | Self::Leaving => {
                "REFUSED"
            }
        }
    }

    /// Why it was not done; safe to print.
    pub(crate) fn reason(&self) -> Option<String> {
        let text = match self {
            Self::Ended(Verdict::Clean) => return None,
            Self::Ended(Verdict::Leftovers(list)) => format!("left: {}", list.join(", ")),
            Self::Ended(Verdict::Refused(why)) => why.words(),
            Self::Ended(Verdict::Failed(why)) | Self::Unfit(why) | Self::Refused(why) => {
                why.clone()
            }
            Self::Busy(verb) => format!("{verb} was under way"),
            Self::Leaving => "ocitop was about to end".to_owned(),
        };
        Some(crate::text::safe(&text))
    }

    fn is_done(&self) -> bool {
        matches!(self, Self::Ended(Verdict::Clean))
    }
}

impl Deed {
    /// The word for the column of states, if it stays on its row.
    pub(crate) fn state(&self) -> &'static str {
        match (self.act, self.ending.word()) {
            (_, "REFUSED") => "REFUSED",
            (Act::Delete(_), _) => "DEL FAILED",
            _ => "FAILED",
        }
    }

    /// Whether it is a delete that was begun and failed.
    pub(crate) fn is_failed_delete(&self) -> bool {
        self.state() == "DEL FAILED"
    }

    /// What failed, how long ago and why, in a few words.
    pub(crate) fn reason(&self, now: Timestamp) -> String {
        let ago: Duration = now.duration_since(self.at).try_into().unwrap_or_default();
        let ago = crate::text::lasting(ago);
        let why = self.ending.reason().unwrap_or_default();
        format!("{} {ago} ago: {why}", self.act.words())
    }
}

impl Deeds {
    /// An action is over. What the engine did not do stays on the row.
    pub(crate) fn over(&mut self, deed: Deed) {
        let deed = Arc::new(deed);
        if let Ending::Ended(_) = deed.ending {
            let failed = self.failed.entry(deed.key.clone()).or_default();
            failed.retain(|before| before.act.aim() != deed.act.aim());
            if !deed.ending.is_done() {
                failed.push(Arc::clone(&deed));
            }
            if failed.is_empty() {
                self.failed.remove(&deed.key);
            }
        }
        self.note(deed);
    }

    fn note(&mut self, deed: Arc<Deed>) {
        if self.all.len() == CAPACITY {
            self.all.pop_front();
            self.dropped += 1;
        }
        self.all.push_back(deed);
    }

    /// Every action, oldest first.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Arc<Deed>> {
        self.all.iter()
    }

    /// What failed on a row and stands there, the gravest first.
    pub(crate) fn failed(&self, key: &ContainerKey) -> impl Iterator<Item = &Deed> {
        let all = self.failed.get(key).map_or(&[][..], Vec::as_slice);
        let (deletes, others) = (all.iter(), all.iter().rev());
        let deletes = deletes.filter(|deed| deed.is_failed_delete());
        let others = others.filter(|deed| !deed.is_failed_delete());
        deletes.chain(others).map(Arc::as_ref)
    }

    /// How many processes the OOM killer had taken when that was put away.
    pub(crate) fn known_oom_kills(&self, key: &ContainerKey) -> u64 {
        self.oom.get(key).copied().unwrap_or(0)
    }

    /// The operator knows what failed, or what the OOM killer took so far. Whether there was any.
    pub(crate) fn put_away(&mut self, container: &Container) -> bool {
        let failed = self.failed.remove(&container.key).is_some();
        let kills = container.usage.oom_kills.unwrap_or(0);
        let known = self.known_oom_kills(&container.key);
        if kills > known {
            self.oom.insert(container.key.clone(), kills);
        }
        failed || kills > known
    }

    /// What failed on a row that is no container's, such as a leftover's, is put away.
    pub(crate) fn put_away_key(&mut self, key: &ContainerKey) -> bool {
        self.failed.remove(key).is_some()
    }

    /// Forgets what stood on rows of containers that are gone, or are others by now.
    pub(crate) fn forget_gone(&mut self, all: &[Arc<Container>]) {
        if self.failed.is_empty() && self.oom.is_empty() {
            return;
        }
        let there: BTreeMap<&ContainerKey, Option<Inode>> =
            all.iter().map(|row| (&row.key, row.state_dir)).collect();
        self.oom.retain(|key, _| there.contains_key(key));
        self.failed.retain(|key, deeds| {
            deeds.retain(|deed| match deed.act {
                // A leftover is no container.
                Act::Clean => true,
                Act::Delete(_)
                | Act::Signal(_)
                | Act::SignalOne(..)
                | Act::Stop
                | Act::PauseOrResume
                | Act::Pause
                | Act::Resume
                | Act::Start => there.get(key).is_some_and(|dir| *dir == deed.state_dir),
            });
            !deeds.is_empty()
        });
    }
}
