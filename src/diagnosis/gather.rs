//! Gathers the evidence, and never waits for what may not answer.

mod groups;
mod host;
mod record;
mod tasks;
mod waits;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use super::Diagnosis;
use super::evidence::{
    EventCounts, Evidence, InitSeen, NotSeen, PidNamespace, RdtSeen, RecordSeen,
};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::processes::{Listing, ProcessReader, ProcessSubject};
use crate::inventory::scan::cgroups_out_of_sight;
use crate::inventory::{Condition, Machine, mounts};
use crate::kernel::bounded::{Bounded, Late, Lateness, NotAsked, Unanswered};
use crate::kernel::read::is_there;
use crate::leftovers::{Leftover, LeftoverKind};
use crate::lifecycle::Refusal;
use crate::lifecycle::evidence::NoEvidence;
use crate::oci::{ContainerKey, Status};
use crate::process::InitProcess;
use record::Case;

/// How long the state root may take. A root whose other end can go away gets less.
const ROOT_WITHIN: Duration = Duration::from_secs(5);
const APART_WITHIN: Duration = Duration::from_secs(1);
/// Between the two looks of a first examination: long enough for what lives to have run.
const BETWEEN: Duration = Duration::from_millis(200);

/// Most processes whose command lines are read.
const FEW: usize = 64;

/// Why a container could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum NotExamined {
    /// Its record and directory cannot be reached.
    #[error(transparent)]
    Record(#[from] NoEvidence),
    /// Its state root does not answer.
    #[error("state root {path} does not answer{behind}")]
    Silent {
        /// Which; safe to print.
        path: String,
        /// The mount it is on, if one is to blame; safe to print.
        behind: String,
    },
    /// It was a leftover, and somebody has removed it.
    #[error("it is gone")]
    Gone,
    /// It may never answer, and there is no thread to leave behind.
    #[error("not looked at: {0}")]
    NotAsked(NotAsked),
}

/// What is compared from one look to the next.
#[derive(Debug, Default)]
struct Before {
    at: Duration,
    pids: BTreeSet<i32>,
    /// Context switches of threads that are not the first of their process.
    threads: HashMap<i32, u64>,
    /// Counters of its cgroups and those above.
    counts: HashMap<std::path::PathBuf, EventCounts>,
}

/// Examines one container after the other, or one again and again.
#[derive(Debug)]
pub struct Examiner {
    machine: Machine,
    reader: ProcessReader,
    bounded: Bounded,
    /// Whose look it was, and what it saw.
    before: Option<(ContainerKey, Before)>,
    /// A state root that has not answered: it is not asked again until it does.
    late: Option<(ContainerKey, Late<Result<Case, NoEvidence>>)>,
}

impl Examiner {
    /// Of this machine.
    pub fn new(machine: Machine) -> Self {
        Self {
            reader: ProcessReader::new(machine.clone()),
            machine,
            bounded: Bounded::reads(),
            before: None,
            late: None,
        }
    }

    /// Gathers and judges.
    ///
    /// # Errors
    /// The container is not there, or its state root does not answer.
    pub fn examine(&mut self, key: &ContainerKey) -> Result<Diagnosis, NotExamined> {
        Ok(Diagnosis::of(&self.gather(key)?))
    }

    /// The same of a leftover, on top of what the search says of it. One with a state directory is
    /// examined as the container it was.
    ///
    /// # Errors
    /// It is gone, or its state root does not answer.
    pub fn examine_leftover(&mut self, leftover: &Leftover) -> Result<Diagnosis, NotExamined> {
        let mut evidence = if leftover.kind == LeftoverKind::StateDir {
            self.gather(&leftover.key)?
        } else {
            self.gather_bare(leftover)?
        };
        evidence.leftover = Some(Box::new(leftover.clone()));
        Ok(Diagnosis::of(&evidence))
    }

    fn gather_bare(&mut self, leftover: &Leftover) -> Result<Evidence, NotExamined> {
        let cgroups: Vec<CgroupDir> = leftover
            .parts
            .cgroups
            .iter()
            .map(|(cgroup, _)| cgroup.clone())
            .filter(|cgroup| is_there(&cgroup.dir(&self.machine.hierarchies)).unwrap_or(true))
            .collect();
        if leftover.kind == LeftoverKind::Cgroup && cgroups.is_empty() {
            return Err(NotExamined::Gone);
        }
        let (listing, before) = self.looks(&leftover.key, None, &cgroups);
        let pids: BTreeSet<i32> = listing.processes().map(|p| p.who.pid).collect();
        let mounts = self.machine.mounts();
        let crowd = tasks::Crowd {
            machine: &self.machine,
            mounts: &mounts,
            pids: &pids,
            init: None,
            cgroups: &cgroups,
            threads: &before.threads,
        };
        let tasks = crowd.tasks(&mut self.reader, &listing, now());
        let seen = groups::seen(&self.machine, &cgroups, &before.counts, &tasks);
        let next = self.remember(&cgroups, &listing);
        let dirs = cgroups.iter().map(|it| it.dir(&self.machine.hierarchies));
        let evidence = Evidence {
            key: leftover.key.clone(),
            runtime: None,
            condition: Condition::Known(Status::Stopped),
            record: RecordSeen::default(),
            init: InitSeen::Unknown,
            pid_namespace: PidNamespace::Unknown,
            tasks,
            gone: (Vec::new(), 0),
            shared: None,
            forbidden: None,
            hooks: Vec::new(),
            unit: None,
            manager: None,
            supervisor: None,
            runtimes: Vec::new(),
            mounts: host::busy(&mounts, &dirs.collect::<Vec<_>>()),
            disk: None,
            rdt: RdtSeen::default(),
            viewer: host::viewer(&self.machine, &cgroups),
            unseen: NotSeen {
                mounts: mounts.is_empty(),
                pids: self.machine.sight.processes(),
                ..NotSeen::default()
            },
            more_cgroups: groups::are_cut(&seen),
            cgroups: seen,
            leftover: None,
            span: now().saturating_sub(before.at),
            fresh: pids.difference(&before.pids).count(),
            more: listing.more,
        };
        self.before = Some((leftover.key.clone(), next));
        Ok(evidence)
    }

    /// All that is to be seen of a container. Changes nothing. Takes two looks, the first time with
    /// a fifth of a second between them.
    ///
    /// # Errors
    /// The container is not there, or its state root does not answer.
    pub fn gather(&mut self, key: &ContainerKey) -> Result<Evidence, NotExamined> {
        let case = self.case(key)?;
        let (listing, before) = self.looks(key, case.identity.alive(), &case.cgroups);
        let evidence = self.complete(&case, &listing, &before);
        let next = self.remember(&case.cgroups, &listing);
        self.before = Some((key.clone(), next));
        Ok(evidence)
    }

    /// The second of two looks, and what the first one saw.
    fn looks(
        &mut self,
        key: &ContainerKey,
        init: Option<InitProcess>,
        cgroups: &[CgroupDir],
    ) -> (Listing, Before) {
        let views = cgroups.iter();
        let subject = ProcessSubject {
            key: key.clone(),
            init,
            cgroups: views
                .map(|cgroup| cgroup.view(&self.machine.hierarchies))
                .collect(),
            selected: None,
        };
        let known = self.before.take().filter(|(whose, _)| whose == key);
        let before = if let Some((_, before)) = known {
            before
        } else {
            let listing = self.reader.look(&subject, now());
            let before = self.remember(cgroups, &listing);
            pause(BETWEEN);
            before
        };
        let mut listing = self.reader.look(&subject, now());
        // Of a crowd the names say enough: each command line is a read of its own.
        if listing.processes().count() <= FEW {
            self.reader.ask(&mut listing, &subject, now());
        }
        (listing, before)
    }

    /// The record and what it leads to, read on a thread that can be left behind.
    fn case(&mut self, key: &ContainerKey) -> Result<Case, NotExamined> {
        let mounts = self.machine.mounts();
        let apart = mounts::is_apart(key.root(), &mounts);
        if let Some((whose, late)) = self.late.take().filter(|(whose, _)| whose == key) {
            match late.look() {
                Lateness::Came(result) => return Ok(result?),
                Lateness::Waiting => {
                    self.late = Some((whose, late));
                    return Err(self.silent(key, &mounts));
                }
                Lateness::Never => {}
            }
        }
        let (machine, wanted) = (self.machine.clone(), key.clone());
        let within = if apart { APART_WITHIN } else { ROOT_WITHIN };
        let read = move || Case::read(&machine, &wanted);
        let answer = if apart {
            self.bounded.ask(within, read)
        } else {
            self.bounded.ask_or_here(within, read)
        };
        match answer {
            Ok(result) => Ok(result?),
            Err(Unanswered::NotAsked(why)) => Err(NotExamined::NotAsked(why)),
            Err(Unanswered::Late(late)) => {
                self.late = Some((key.clone(), late));
                Err(self.silent(key, &mounts))
            }
        }
    }

    fn silent(&self, key: &ContainerKey, mounts: &[mounts::Mount]) -> NotExamined {
        let behind = mounts::behind(key.root(), mounts).map(|mount| {
            let point = crate::text::visible_path(&mount.point);
            let abort = mount.is_fuse().then(|| {
                let dir = host::fuse_connection(&self.machine, mount.device.1);
                format!(
                    "; {} frees it",
                    super::remedy::abort_command(mount.device.1, dir)
                )
            });
            format!(
                ": {} on {point} ({}){}",
                crate::text::visible(&mount.source),
                crate::text::visible(&mount.kind),
                abort.unwrap_or_default()
            )
        });
        NotExamined::Silent {
            path: crate::text::visible_path(key.root()),
            behind: behind.unwrap_or_default(),
        }
    }

    fn remember(&self, cgroups: &[CgroupDir], listing: &Listing) -> Before {
        Before {
            at: now(),
            pids: listing.processes().map(|process| process.who.pid).collect(),
            threads: tasks::switches(&self.machine, listing),
            counts: groups::counted(&self.machine, cgroups),
        }
    }

    fn complete(&mut self, case: &Case, listing: &Listing, before: &Before) -> Evidence {
        let machine = &self.machine;
        let entry = &case.found.entry;
        let pids: BTreeSet<i32> = listing.processes().map(|p| p.who.pid).collect();
        let mounts = machine.mounts();
        let crowd = tasks::Crowd {
            machine,
            mounts: &mounts,
            pids: &pids,
            init: case.identity.alive(),
            cgroups: &case.cgroups,
            threads: &before.threads,
        };
        let is_known = |init: &InitSeen| entry.record.is_ok() || !matches!(init, InitSeen::Gone(_));
        let init = Some(record::init(&crowd, case)).filter(is_known);
        let mut lines = host::CommandLines::new(machine, &self.bounded);
        let supervisor = host::supervisor(&crowd, &mut lines, case);
        let runtimes = host::runtimes(&crowd, &mut lines, case);
        let hooks = host::hooks(&crowd, &mut lines, case);
        let mute = lines.mute;
        let rdt = host::rdt(machine, &self.bounded, case);
        let tasks = crowd.tasks(&mut self.reader, listing, now());
        let cgroups = groups::seen(machine, &case.cgroups, &before.counts, &tasks);
        Evidence {
            key: entry.key.clone(),
            runtime: entry.runtime,
            condition: case.condition,
            record: record::seen(entry, &case.found),
            pid_namespace: record::pid_namespace(machine, case.identity.alive()),
            tasks,
            gone: case.gone.clone(),
            shared: case.shared.clone(),
            forbidden: case.found.forbidden.as_ref().map(Refusal::words),
            hooks,
            unit: host::unit(machine, &case.found),
            manager: case.manager.clone(),
            supervisor,
            runtimes,
            mounts: host::busy(&mounts, &case.dirs(machine)),
            leftover: None,
            disk: case.disk.clone(),
            viewer: host::viewer(machine, &case.cgroups),
            unseen: NotSeen {
                hooks: case.found.hooks.is_none(),
                mounts: mounts.is_empty(),
                rdt: rdt.is_none(),
                mute,
                roots: case.unread.clone(),
                pids: machine.sight.pids(entry.key.root()),
                cgroups: cgroups_out_of_sight(machine, entry),
            },
            more_cgroups: groups::are_cut(&cgroups),
            cgroups,
            rdt: rdt.unwrap_or_default(),
            span: now().saturating_sub(before.at),
            fresh: pids.difference(&before.pids).count(),
            more: listing.more,
            init: init.unwrap_or_default(),
        }
    }
}

/// The time since boot.
fn now() -> Duration {
    clock_gettime(ClockId::Boottime)
        .try_into()
        .unwrap_or_default()
}

fn pause(time: Duration) {
    let time = Timespec {
        tv_sec: 0,
        tv_nsec: time.subsec_nanos().into(),
    };
    // Cut short by a signal the two looks are closer together, no more.
    let _slept = rustix::thread::nanosleep(&time);
}
