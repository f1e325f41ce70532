//! Removing a leftover: cgroups, resctrl groups, a state directory, a failed scope, mounts, a BPF pin.
//!
//! What is removed is what was shown: every directory is pinned by its inode and looked at again
//! right before it goes. Nothing is killed unless that was asked for by name. The first step looks a
//! second time whether it has an owner after all: a container that was being made when it was found
//! is one by now. rmdir(2) itself is the last word: it fails if anything entered meanwhile.

mod check;
mod kept;

use std::ffi::OsStr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::claims::Claims;
use super::frame::{Reporter, one_step, undo};
use super::plan::{kill, stop, warn};
use super::procs::Members;
use super::removable::Removable;
use super::run::Context;
use super::{
    Common, Options, Outcome, Plan, Preview, Reason, Refusal, Seen, Step, StepError, StepKind,
    Survivor, Target, Verdict, drain, freeze, groups, procs, quota, scope, survivors,
};
use check::{check, check_author, check_rdt, is_empty};
pub use kept::Kept;

use crate::cgroup::CgroupPath;
use crate::inventory::Machine;
use crate::inventory::author::Author;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::identity::is_member;
use crate::kernel::read::{is_gone, open_root, stat_beneath};
use crate::kernel::{Contents, Inode, Kernel, Scope, StateDir};
use crate::text::visible_path;

/// What a leftover is made of, as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Clean {
    /// The container id it is named after.
    pub id: Option<String>,
    /// Its cgroups, at most one in each hierarchy, each with what its directory was.
    pub cgroups: Vec<(CgroupDir, Inode)>,
    /// Its resctrl groups, monitoring before control.
    pub rdt: Vec<(PathBuf, Inode)>,
    /// Its systemd scope, which failed or has no process.
    pub scope: Option<Scope>,
    /// Mount points to detach, the last mounted first.
    pub mounts: Vec<PathBuf>,
    /// A pinned BPF program.
    pub pin: Option<(PathBuf, Inode)>,
    /// Who wrote the target's state directory: what is not that user's is not touched.
    #[serde(skip)]
    pub author: Author,
    /// Whether the target's state directory goes too.
    pub state_dir: bool,
    /// Whether processes in it are killed. Without it they are a reason to refuse.
    pub kill: bool,
    /// Whether it was shown as more than unknown: then all who may own it have to be asked again.
    pub sure: bool,
}

/// A leftover, as the steps see it.
pub(super) struct Remains<'a> {
    target: &'a Target,
    order: &'a Clean,
}

impl<'a> Remains<'a> {
    pub(super) fn new(target: &'a Target, order: &'a Clean) -> Self {
        Self { target, order }
    }

    /// What is still there of it.
    fn left(&self, machine: &Machine) -> Vec<PathBuf> {
        let cgroups = self.cgroups(machine);
        let cgroups = cgroups
            .iter()
            .map(|cgroup| cgroup.dir(&machine.hierarchies));
        let pinned = self.order.rdt.iter().chain(&self.order.pin);
        let pinned = pinned.filter(|(path, inode)| inode.is_still_at(path));
        let pinned = pinned.map(|(path, _)| path.clone());
        let state = self.has_state_dir().then(|| self.target.key.dir());
        cgroups.chain(pinned).chain(state).collect()
    }

    fn has_state_dir(&self) -> bool {
        let look = || {
            let root = open_root(self.target.key.root())?;
            stat_beneath(root.as_fd(), self.target.key.name())
        };
        let here = || match look() {
            Ok(stat) => stat.is_some_and(|stat| Inode::from(&stat) == self.target.state_dir),
            Err(error) => !is_gone(&error),
        };
        self.order.state_dir && here()
    }
}

impl Removable for Remains<'_> {
    fn cgroups(&self, machine: &Machine) -> Vec<CgroupDir> {
        let pins = self.order.cgroups.iter();
        let same =
            pins.filter(|(cgroup, inode)| inode.is_still_at(&cgroup.dir(&machine.hierarchies)));
        same.map(|(cgroup, _)| cgroup.clone()).collect()
    }

    fn members(&self, machine: &Machine) -> Members {
        procs::members(machine, &self.cgroups(machine))
    }

    fn belongs(&self, machine: &Machine, pid: i32) -> bool {
        let Ok(Some(stat)) = machine.stat(pid) else {
            return false;
        };
        let cgroups = self.cgroups(machine);
        let inside = |membership| is_member(machine, &membership, &cgroups);
        !stat.is_kernel_thread()
            && (machine.membership(pid).is_some_and(inside)
                || (stat.is_exiting() && machine.thread_memberships(pid).into_iter().any(inside)))
    }

    fn scope(&self) -> Option<&Scope> {
        self.order.scope.as_ref()
    }

    fn common(&self) -> Option<&Common> {
        None
    }
}

fn plan(machine: &Machine, remains: &Remains<'_>, options: &Options) -> Plan {
    let order = remains.order;
    let processes = remains.members(machine).pids.len();
    let mut steps = vec![stop(Step::Recheck { processes })];
    if order.kill && processes > 0 {
        let limit = options.timeout;
        steps.extend(kill(machine, &remains.cgroups(machine), processes));
        steps.push(stop(Step::Drain { limit }));
    }
    let unit = order.scope.iter().map(|scope| scope.name.clone());
    steps.extend(unit.map(|unit| stop(Step::StopUnit { unit })));
    for (dir, _) in &order.rdt {
        let above = dir.parent().and_then(Path::file_name);
        let dir = dir.clone();
        steps.push(stop(if above == Some(OsStr::new("mon_groups")) {
            Step::RemoveMonGroup { dir }
        } else {
            Step::RemoveCtrlGroup { dir }
        }));
    }
    if !order.cgroups.is_empty() {
        let cgroups = remains.cgroups(machine);
        let dirs = cgroups
            .iter()
            .map(|cgroup| cgroup.dir(&machine.hierarchies));
        let dirs = dirs.collect();
        let shared = Vec::new();
        steps.push(stop(Step::RemoveCgroups { dirs, shared }));
    }
    let mounts = order.mounts.iter().cloned();
    steps.extend(mounts.map(|point| warn(Step::Unmount { point })));
    let pin = order.pin.iter().map(|(file, _)| file.clone());
    steps.extend(pin.map(|file| stop(Step::RemovePin { file })));
    if order.state_dir {
        let dir = remains.target.key.dir();
        steps.push(stop(Step::RemoveStateDir { dir }));
    }
    steps.push(stop(Step::Verify));
    Plan(steps)
}

/// Works out what would be done, without changing anything.
pub(super) fn preview(
    machine: &Machine,
    target: &Target,
    order: &Clean,
    options: &Options,
) -> Preview {
    let remains = Remains::new(target, order);
    let refused = check(machine, &remains, &Claims::read(machine)).err();
    let pids: Vec<i32> = remains.members(machine).pids.into_iter().collect();
    let cgroups = remains.cgroups(machine);
    let plan = match refused {
        Some(_) => Plan::default(),
        None => plan(machine, &remains, options),
    };
    Preview {
        plan,
        processes: if order.kill { pids.len() } else { 0 },
        uninterruptible: survivors::uninterruptible(machine, &pids, &cgroups).len(),
        refused,
        notes: Vec::new(),
    }
}

/// Everything that cleaning one leftover needs.
pub(super) struct Cleaning<'a, K: Kernel> {
    pub(super) kernel: &'a K,
    pub(super) machine: &'a Machine,
    pub(super) options: &'a Options,
    pub(super) claims: &'a Claims,
    pub(super) remains: Remains<'a>,
}

impl<K: Kernel> Cleaning<'_, K> {
    /// Cleans, reporting every step but the end.
    pub(super) fn run(self, reporter: &mut Reporter<'_>) -> Verdict {
        let Self {
            kernel,
            machine,
            options,
            claims,
            remains,
        } = self;
        if let Err(why) = check(machine, &remains, claims) {
            return Verdict::Refused(why);
        }
        let plan = plan(machine, &remains, options);
        reporter.send(StepKind::Planned { plan: plan.clone() });
        let mut context = Context {
            kernel,
            machine,
            options,
            evidence: remains,
            deadline: kernel.now() + options.timeout,
            lifted: Vec::new(),
        };
        for (index, planned) in plan.0.iter().enumerate() {
            let perform = |context: &mut Context<'_, K, Remains<'_>>,
                           step: &Step,
                           waiting: &mut dyn FnMut(Vec<Survivor>)| {
                perform(context, step, claims, waiting)
            };
            match one_step(&mut context, index + 1, planned, reporter, perform) {
                Outcome::Failed(StepError::Refused(why)) if index == 0 => {
                    return Verdict::Refused(why);
                }
                Outcome::Failed(error) => {
                    undo(&mut context, plan.0.len() + 1, reporter);
                    let left = context.evidence.left(machine);
                    let left = left.iter().map(|path| visible_path(path));
                    return Verdict::Leftovers(
                        std::iter::once(error.words()).chain(left).collect(),
                    );
                }
                Outcome::Warned(_) | Outcome::Done(_) | Outcome::Skipped(_) => {}
            }
        }
        Verdict::Clean
    }
}

/// Whose it is can have changed since the first step.
fn check_still_own<K: Kernel>(context: &Context<'_, K, Remains<'_>>) -> Result<(), StepError> {
    let cgroups = context.evidence.cgroups(context.machine);
    check_author(context.machine, context.evidence.order, &cgroups)
        .map_err(|why| StepError::Refused(why.into()))
}

fn refused(why: Kept) -> StepError {
    StepError::Refused(why.into())
}

fn perform<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    step: &Step,
    claims: &Claims,
    waiting: &mut dyn FnMut(Vec<Survivor>),
) -> Result<Outcome, StepError> {
    match step {
        Step::Recheck { .. } => {
            let found = check(context.machine, &context.evidence, claims);
            found.map_err(StepError::Refused)?;
            Ok(Outcome::Done(Seen::Unowned))
        }
        Step::LiftQuota { .. } => quota::lift(context),
        Step::ThawKilled { .. } => freeze::thaw_killed(context),
        Step::Kill { .. } => {
            check_still_own(context)?;
            drain::kill(context)
        }
        Step::Drain { .. } => drain::drain(context, waiting),
        Step::StopUnit { .. } => stop_unit(context),
        Step::RemoveMonGroup { dir } | Step::RemoveCtrlGroup { dir } => remove_rdt(context, dir),
        Step::RemoveCgroups { .. } => remove_cgroups(context),
        Step::Unmount { point } => detach(context, point),
        Step::RemovePin { file } => remove_pin(context, file),
        Step::RemoveStateDir { .. } => remove_state_dir(context),
        Step::Verify => verify(context),
        _ => Ok(Outcome::Skipped(Reason::None)),
    }
}

fn verify<K: Kernel>(context: &Context<'_, K, Remains<'_>>) -> Result<Outcome, StepError> {
    drain::check_gone(context)?;
    match context.evidence.left(context.machine) {
        left if left.is_empty() => Ok(Outcome::Done(Seen::Gone)),
        paths => Err(StepError::Left {
            paths,
            cause: "seen when looking again".to_owned(),
        }),
    }
}

/// Stopping a unit kills what is in its cgroup: one of that name may have been started since.
fn stop_unit<K: Kernel>(context: &mut Context<'_, K, Remains<'_>>) -> Result<Outcome, StepError> {
    let hierarchies = &context.machine.hierarchies;
    let path = context
        .evidence
        .scope()
        .map(|scope| CgroupPath::new(&scope.cgroup));
    let killed = context.evidence.order.kill;
    for (at, hierarchy) in hierarchies.iter().enumerate() {
        let Some(Some(path)) = path.clone() else {
            break;
        };
        let cgroup = CgroupDir {
            hierarchy: at,
            path,
        };
        if !killed && !is_empty(context.machine, &cgroup) {
            let dir = visible_path(&hierarchy.dir(&cgroup.path));
            return Err(refused(Kept::Entered(dir)));
        }
    }
    scope::stop(context)
}

/// The last look: somebody may have moved in since the first step.
fn remove_cgroups<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
) -> Result<Outcome, StepError> {
    check_still_own(context)?;
    // What was killed leaves its cgroup a moment after its end: there rmdir tries again for a while.
    let killed = context.evidence.order.kill;
    for cgroup in context.evidence.cgroups(context.machine) {
        if !killed && !is_empty(context.machine, &cgroup) {
            let dir = cgroup.dir(&context.machine.hierarchies);
            return Err(refused(Kept::Entered(visible_path(&dir))));
        }
    }
    groups::remove_cgroups(context)
}

fn remove_rdt<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    dir: &Path,
) -> Result<Outcome, StepError> {
    let pinned = context.evidence.order.rdt.iter();
    let shown = pinned
        .clone()
        .find(|(path, _)| path == dir)
        .map(|(_, inode)| *inode);
    match Inode::at(dir).map_err(|error| drain::io_error("look at", dir, &error))? {
        None => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        now if now != shown => Err(StepError::Replaced),
        _ => {
            check_rdt(dir).map_err(refused)?;
            groups::remove_rdt(context, dir)
        }
    }
}

fn detach<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    point: &Path,
) -> Result<Outcome, StepError> {
    match context.kernel.detach(point) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        // EINVAL: nothing is mounted there any more.
        Err(error) if is_gone(&error) || error.raw_os_error() == Some(EINVAL) => {
            Ok(Outcome::Skipped(Reason::AlreadyGone))
        }
        Err(error) => Err(drain::io_error("detach", point, &error)),
    }
}

const EINVAL: i32 = rustix::io::Errno::INVAL.raw_os_error();

fn remove_pin<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
    file: &Path,
) -> Result<Outcome, StepError> {
    let Some((_, inode)) = context.evidence.order.pin else {
        return Ok(Outcome::Skipped(Reason::None));
    };
    match context.kernel.remove_pin(file, inode) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(drain::io_error("remove", file, &error)),
    }
}

fn remove_state_dir<K: Kernel>(
    context: &mut Context<'_, K, Remains<'_>>,
) -> Result<Outcome, StepError> {
    let target = context.evidence.target;
    let id = target.key.id();
    let id = id.map_err(|why| StepError::Refused(Refusal::Name(why)))?;
    let dir = StateDir {
        root: target.key.root(),
        id: &id,
        inode: target.state_dir,
    };
    match context.kernel.remove_state_dir(dir, Contents::All) {
        Ok(()) => Ok(Outcome::Done(Seen::Gone)),
        Err(error) if is_gone(&error) => Ok(Outcome::Skipped(Reason::AlreadyGone)),
        Err(error) => Err(drain::io_error("remove", &target.key.dir(), &error)),
    }
}
