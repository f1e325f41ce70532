//! Killing and waiting until nothing lives.
//!
//! SIGKILL first, then the thaw, a step of its own: a process frozen by the v1 freezer dies without
//! running an instruction of its own, and one frozen below the container's own cgroup needs its thaw
//! too. Nothing is frozen again if it does not die: SIGKILL is pending.
//! Every process is opened, checked to be a member, and only then signalled, so that a pid that
//! went to somebody else meanwhile is not.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::freeze;
use crate::cgroup::Version;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::{Machine, Unread};
use crate::kernel::{Kernel, Signal};
use crate::lifecycle::context::Context;
use crate::lifecycle::kin::Births;
use crate::lifecycle::procs::Unlisted;
use crate::lifecycle::removable::Removable;
use crate::lifecycle::{Outcome, Reason, Seen, StepError, Survivor, procs, survivors};

const CGROUP_KILL: &str = "cgroup.kill";
/// After this many rounds in which the members did not become fewer, they are frozen for the kill.
const STUBBORN: usize = 10;
/// Rounds of reading members and killing the new ones before the wait begins.
const ROUNDS: usize = 30;
/// First and longest wait between two looks when no process can be waited for.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How often the wait is reported.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Kills every process, in as many rounds as new ones appear.
pub(in crate::lifecycle) fn kill<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
) -> Result<Outcome, StepError> {
    let members = context.evidence.members(context.machine).pids;
    if members.is_empty() && context.evidence.births() == Births::None {
        let rest = Rest::of(context);
        return Ok(Outcome::Skipped(match rest.unseen {
            Some(unseen) => Reason::Unknown(unseen.words()),
            None if rest.is_empty() => Reason::NothingAlive,
            None => Reason::NoneListed,
        }));
    }
    let mut killed = BTreeSet::new();
    let mut fewest = usize::MAX;
    let (mut stubborn, mut held) = (0, false);
    cgroup_kill(context);
    for _ in 0..ROUNDS {
        // Processes that fork faster than they are read are stopped for the moment of the kill.
        let frozen = (stubborn >= STUBBORN)
            .then(|| freeze::hold(context))
            .flatten();
        held |= frozen.is_some();
        let fresh = kill_members(context, &mut killed)?;
        drop(frozen);
        context.evidence.look_again(context.machine);
        let now = context.evidence.members(context.machine).pids.len();
        let is_over = (fresh == 0 || now == 0) && context.evidence.births() == Births::None;
        if is_over || context.left().is_zero() {
            break;
        }
        stubborn = if now < fewest { 0 } else { stubborn + 1 };
        fewest = fewest.min(now);
    }
    // Where cgroup.kill was faster, there was nobody left to signal one by one.
    killed.extend(members);
    Ok(Outcome::Done(if held {
        Seen::SignalledFrozen(killed.len())
    } else {
        Seen::Signalled(killed.len())
    }))
}

/// Signals the members not yet in `killed`; how many those were.
fn kill_members<K: Kernel, Q: Removable>(
    context: &Context<'_, K, Q>,
    killed: &mut BTreeSet<i32>,
) -> Result<usize, StepError> {
    let mut fresh = 0;
    for pid in context.evidence.members(context.machine).pids {
        if killed.contains(&pid) || !context.evidence.belongs(context.machine, pid) {
            continue;
        }
        let Ok(process) = context.kernel.open_process(pid) else {
            continue;
        };
        // Checked again now that the descriptor pins it: what passes here gets the signal.
        if !context.evidence.belongs(context.machine, pid) {
            continue;
        }
        match context.kernel.signal(&process, Signal::KILL) {
            Ok(()) => {
                killed.insert(pid);
                fresh += 1;
            }
            Err(error) if crate::kernel::read::is_gone(&error) => {}
            Err(error) => {
                return Err(StepError::Io {
                    action: "signal",
                    object: format!("pid {pid}"),
                    cause: error.to_string(),
                });
            }
        }
    }
    Ok(fresh)
}

/// v2, and the unified tree of a hybrid host: one write kills all, forks in flight included.
fn cgroup_kill<K: Kernel, Q: Removable>(context: &Context<'_, K, Q>) {
    let cgroups = context.evidence.cgroups(context.machine);
    for dir in at_once(context.machine, &cgroups) {
        // A threaded cgroup refuses: the members are signalled one by one in any case.
        let file = dir.join(CGROUP_KILL);
        context.kernel.write_control(&file, "1").ok();
    }
}

/// The cgroups that are killed at once, as a whole. Before 5.14 there are none.
pub(in crate::lifecycle) fn at_once(machine: &Machine, cgroups: &[CgroupDir]) -> Vec<PathBuf> {
    let hierarchies = &machine.hierarchies;
    let version = |cgroup: &CgroupDir| hierarchies.at(cgroup.hierarchy).map(|h| h.version);
    let v2 = cgroups
        .iter()
        .filter(|cgroup| version(cgroup) == Some(Version::V2));
    let dirs = v2.map(|cgroup| cgroup.dir(hierarchies));
    dirs.filter(|dir| dir.join(CGROUP_KILL).exists()).collect()
}

/// Waits until every process is gone, killing what still appears, until the deadline.
pub(in crate::lifecycle) fn drain<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
    waiting: &mut dyn FnMut(Vec<Survivor>),
) -> Result<Outcome, StepError> {
    let mut killed: BTreeSet<i32> = BTreeSet::new();
    let mut wait = FIRST_WAIT;
    let mut reported = context.kernel.now();
    let mut thawed = 0;
    loop {
        context.evidence.look_again(context.machine);
        let rest = Rest::of(context);
        if rest.is_empty() {
            context.evidence.let_go();
            return Ok(Outcome::Done(match thawed {
                0 => Seen::Gone,
                thawed => Seen::GoneThawed(thawed),
            }));
        }
        if context.options.cancel.is_asked() {
            return Err(StepError::Interrupted);
        }
        if context.left().is_zero() {
            return Err(rest.error(context));
        }
        if context.kernel.now().saturating_sub(reported) >= REPORT_EVERY {
            reported = context.kernel.now();
            waiting(rest.survivors(context));
        }
        if kill_members(context, &mut killed)? > 0 {
            cgroup_kill(context);
        }
        // Frozen by somebody since: it has SIGKILL pending, and dies at the thaw.
        thawed += freeze::thaw_tree(context);
        let handles: Vec<_> = rest
            .living
            .iter()
            .filter_map(|pid| context.kernel.open_process(*pid).ok())
            .collect();
        let time = wait.min(context.left());
        if handles.is_empty() {
            // Dead to us and still listed: on its way out of the cgroup.
            context.kernel.pause(time);
        } else {
            context.kernel.wait_any(&handles, time).ok();
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Whether nothing lives, as the last look asks it.
pub(in crate::lifecycle) fn check_gone<K: Kernel, Q: Removable>(
    context: &Context<'_, K, Q>,
) -> Result<(), StepError> {
    let rest = Rest::of(context);
    if rest.is_empty() {
        return Ok(());
    }
    Err(rest.error(context))
}

/// What has not gone yet.
struct Rest {
    /// The members that are more than unreaped zombies.
    living: Vec<i32>,
    /// What is in its cgroups though none is listed. The last to go: asked only where nobody lives.
    unlisted: Unlisted,
    /// What was not looked at: somebody may be in there.
    unseen: Option<Unread>,
    /// Who may be of it and cannot be told to be: asked only where nobody else lives.
    away: Vec<i32>,
    /// Who was born at the last look.
    births: Births,
}

impl Rest {
    fn of<K: Kernel, Q: Removable>(context: &Context<'_, K, Q>) -> Self {
        let members = context.evidence.members(context.machine);
        let mut living: Vec<i32> = members.pids.into_iter().collect();
        living.retain(|pid| procs::lives(context.machine, *pid));
        let unlisted = match &living[..] {
            [] => Unlisted::of(context.machine, &context.evidence.cgroups(context.machine)),
            _ => Unlisted::default(),
        };
        let away = match &living[..] {
            [] => context.evidence.away(),
            _ => Vec::new(),
        };
        Self {
            living,
            unlisted,
            away,
            births: context.evidence.births(),
            unseen: members.unseen,
        }
    }

    fn is_empty(&self) -> bool {
        let is_settled =
            self.unseen.is_none() && self.away.is_empty() && self.births == Births::None;
        self.living.is_empty() && self.unlisted.is_empty() && is_settled
    }

    fn survivors<K: Kernel, Q: Removable>(&self, context: &Context<'_, K, Q>) -> Vec<Survivor> {
        if !self.living.is_empty() {
            return survivors(context, &self.living);
        }
        let cgroups = context.evidence.cgroups(context.machine);
        survivors(context, &self.unlisted.pids(context.machine, &cgroups))
    }

    fn error<K: Kernel, Q: Removable>(self, context: &Context<'_, K, Q>) -> StepError {
        if let (Some(what), true) = (&self.unseen, self.living.is_empty()) {
            let what = what.clone();
            return StepError::Unread { what };
        }
        match self.births {
            Births::Own if self.living.is_empty() => return StepError::Forks,
            Births::Others if self.living.is_empty() => return StepError::Outrun,
            Births::Own | Births::Others | Births::None => {}
        }
        if self.living.is_empty() && !self.away.is_empty() {
            let survivors = survivors(context, &self.away);
            return StepError::GotAway { survivors };
        }
        let survivors = self.survivors(context);
        if survivors.is_empty() && self.living.is_empty() {
            let dirs = self.unlisted.populated;
            return StepError::Populated { dirs };
        }
        StepError::Alive { survivors }
    }
}

fn survivors<K: Kernel, Q: Removable>(context: &Context<'_, K, Q>, pids: &[i32]) -> Vec<Survivor> {
    let cgroups = context.evidence.cgroups(context.machine);
    survivors::of(context.machine, pids, &cgroups)
}

/// Waits for init alone to end, without killing.
pub(in crate::lifecycle) fn wait_for_init<K: Kernel>(
    context: &mut Context<'_, K>,
    waiting: &mut dyn FnMut(Vec<Survivor>),
) -> Result<Outcome, StepError> {
    let Some(init) = context.evidence.identity.alive() else {
        return Ok(Outcome::Skipped(Reason::AlreadyGone));
    };
    let is_there = |context: &Context<'_, K>| {
        let stat = context.machine.stat(init.pid).ok().flatten();
        stat.is_some_and(|stat| stat.start_time == init.start_time && !stat.is_dead())
    };
    let mut reported = context.kernel.now();
    loop {
        if !is_there(context) {
            return Ok(Outcome::Done(Seen::Gone));
        }
        if context.options.cancel.is_asked() {
            return Err(StepError::Interrupted);
        }
        let left = context.left();
        if left.is_zero() {
            return Err(StepError::Alive {
                survivors: survivors(context, &[init.pid]),
            });
        }
        if context.kernel.now().saturating_sub(reported) >= REPORT_EVERY {
            reported = context.kernel.now();
            waiting(survivors(context, &[init.pid]));
        }
        match context.kernel.open_process(init.pid) {
            Ok(process) => context
                .kernel
                .wait_any(&[process], left.min(REPORT_EVERY))
                .ok(),
            Err(_) => None,
        };
    }
}
