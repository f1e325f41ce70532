//! Removing a leftover: cgroups, resctrl groups, a state directory, a failed scope, mounts, a BPF pin.
//!
//! What is removed is what was shown: every directory is pinned by its inode and looked at again
//! right before it goes. Nothing is killed unless that was asked for by name. The first step looks a
//! second time whether it has an owner after all: a container that was being made when it was found
//! is one by now. rmdir(2) itself is the last word: it fails if anything entered meanwhile.

mod check;
mod kept;
mod steps;

use std::ffi::OsStr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use super::claims::Claims;
use super::context::{Context, Reporter, one_step};
use super::event::StepKind;
use super::job::{Clean, Options, Preview};
use super::outcome::{Outcome, StepError, Survivor};
use super::plan::{kill, stop, warn};
use super::procs::{self, Members};
use super::removable::Removable;
use super::sharing::Common;
use super::step::{Plan, Step};
use super::steps::quota;
use super::survivors;
use super::target::Target;
use super::verdict::Verdict;
use check::check;
pub use kept::Kept;

use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::identity::is_member;
use crate::kernel::read::{is_gone, open_root, stat_beneath};
use crate::kernel::{Inode, Kernel, Scope};
use crate::text::visible_path;

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
    claims: &Claims,
) -> Preview {
    let remains = Remains::new(target, order);
    let refused = check(machine, &remains, claims).err();
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
                steps::perform(context, step, claims, waiting)
            };
            match one_step(&mut context, index + 1, planned, reporter, perform) {
                Outcome::Failed(StepError::Refused(why)) if index == 0 => {
                    return Verdict::Refused(why);
                }
                Outcome::Failed(error) => {
                    quota::undo(&mut context, plan.0.len() + 1, reporter);
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
