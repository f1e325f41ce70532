//! Running a job: the frame around the steps. It looks again, reports each step once begun and
//! once ended, and stops where the plan says so.

use std::time::Duration;

use super::claims::Claims;
use super::evidence::{NoEvidence, TeardownEvidence};
use super::frame::{Reporter, one_step, undo};
use super::plan::plan;
use super::{
    CpuQuota, Job, Options, Outcome, Plan, Preview, Refusal, Seen, Step, StepError, StepEvent,
    StepKind, Survivor, Target, Verdict, clean, drain, freeze, groups, hooks, kin, marks, pin,
    quota, scope, signal, state, survivors, verify,
};
use crate::inventory::Machine;
use crate::kernel::Kernel;
use crate::process::InitProcess;

/// What a step has at hand: the kernel, and what is torn down (a container, or a leftover).
pub(super) struct Context<'a, K: Kernel, Q = TeardownEvidence> {
    pub(super) kernel: &'a K,
    pub(super) machine: &'a Machine,
    pub(super) options: &'a Options,
    pub(super) evidence: Q,
    /// One deadline for all that waits, on the kernel's clock.
    pub(super) deadline: Duration,
    /// The quotas that were lifted.
    pub(super) lifted: Vec<CpuQuota>,
}

impl<K: Kernel, Q> Context<'_, K, Q> {
    /// Time left until the deadline.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.kernel.now())
    }
}

/// Works out what a job would do, without changing anything.
pub fn preview(machine: &Machine, job: &Job, options: &Options) -> Preview {
    preview_among(machine, job, options, &Claims::read(machine))
}

/// As [`preview`], with the claims of other containers read before: several share one reading.
pub fn preview_among(machine: &Machine, job: &Job, options: &Options, claims: &Claims) -> Preview {
    let target = job.target();
    if let Job::Clean(target, order) = job {
        return clean::preview(machine, target, order, options);
    }
    let refused = |why: Refusal| Preview {
        plan: Plan::default(),
        processes: 0,
        uninterruptible: 0,
        refused: Some(why),
        notes: Vec::new(),
    };
    let evidence = match TeardownEvidence::gather(machine, &target.key, claims) {
        Ok(evidence) => evidence,
        Err(error) => return refused(error.into()),
    };
    if is_replaced(target, &evidence) {
        return refused(Refusal::Replaced);
    }
    let (plan, refused) = match plan(machine, job, &evidence, options) {
        Ok(plan) => (plan, None),
        Err(why) => (Plan::default(), Some(why)),
    };
    let cgroups = evidence.cgroups(machine);
    Preview {
        plan,
        processes: evidence.pids.len(),
        uninterruptible: survivors::uninterruptible(machine, &evidence.pids, &cgroups).len(),
        refused,
        notes: evidence.notes,
    }
}

/// Runs a job to its end, reporting every step. The verdict is also the last event.
pub fn run<K: Kernel>(
    kernel: &K,
    machine: &Machine,
    job: &Job,
    options: &Options,
    report: &mut dyn FnMut(StepEvent),
) -> Verdict {
    let claims = Claims::read(machine);
    run_among(kernel, machine, job, options, &claims, report)
}

/// As [`run`], with the claims of other containers read before: several jobs share one reading.
pub fn run_among<K: Kernel>(
    kernel: &K,
    machine: &Machine,
    job: &Job,
    options: &Options,
    claims: &Claims,
    report: &mut dyn FnMut(StepEvent),
) -> Verdict {
    let key = job.target().key.clone();
    let mut reporter = Reporter {
        key: key.clone(),
        report,
    };
    if let Job::Clean(target, order) = job {
        let order = clean::Cleaning {
            kernel,
            machine,
            options,
            claims,
            remains: clean::Remains::new(target, order),
        };
        let verdict = order.run(&mut reporter);
        reporter.send(StepKind::Finished {
            verdict: verdict.clone(),
        });
        return verdict;
    }
    let verdict = match TeardownEvidence::gather(machine, &key, claims) {
        Ok(evidence) => execute(kernel, machine, job, options, evidence, &mut reporter),
        Err(NoEvidence::Absent) => match job {
            // Someone else was faster: what was asked for is so.
            Job::Delete(..) => Verdict::Clean,
            _ => Verdict::Refused(Refusal::Absent),
        },
        Err(error) => Verdict::Refused(error.into()),
    };
    reporter.send(StepKind::Finished {
        verdict: verdict.clone(),
    });
    verdict
}

fn execute<K: Kernel>(
    kernel: &K,
    machine: &Machine,
    job: &Job,
    options: &Options,
    evidence: TeardownEvidence,
    reporter: &mut Reporter<'_>,
) -> Verdict {
    if !evidence.notes.is_empty() {
        let notes = evidence.notes.clone();
        reporter.send(StepKind::Noted { notes });
    }
    let plan = match plan(machine, job, &evidence, options) {
        Ok(plan) => plan,
        Err(why) => return Verdict::Refused(why),
    };
    reporter.send(StepKind::Planned { plan: plan.clone() });
    let deadline = kernel.now() + options.timeout;
    let mut context = Context {
        kernel,
        machine,
        options,
        evidence,
        deadline,
        lifted: Vec::new(),
    };
    for (index, planned) in plan.0.iter().enumerate() {
        let outcome = one_step(
            &mut context,
            index + 1,
            planned,
            reporter,
            |context, step, waiting| perform(context, job, step, waiting),
        );
        match outcome {
            Outcome::Failed(StepError::Replaced) => {
                undo(&mut context, plan.0.len() + 1, reporter);
                return Verdict::Refused(Refusal::Replaced);
            }
            // Nothing was changed before.
            Outcome::Failed(StepError::Refused(why))
                if matches!(planned.step, Step::ReserveMarks { .. }) =>
            {
                return Verdict::Refused(why);
            }
            Outcome::Failed(error) => {
                undo(&mut context, plan.0.len() + 1, reporter);
                return failed(&context, job, &error);
            }
            // A warning was reported with its step; it leaves nothing of the container behind.
            Outcome::Warned(_) | Outcome::Done(_) | Outcome::Skipped(_) => {}
        }
    }
    Verdict::Clean
}

fn perform<K: Kernel>(
    context: &mut Context<'_, K>,
    job: &Job,
    step: &Step,
    waiting: &mut dyn FnMut(Vec<Survivor>),
) -> Result<Outcome, StepError> {
    match step {
        Step::Identify { .. } if is_replaced(job.target(), &context.evidence) => {
            Err(StepError::Replaced)
        }
        Step::Identify { .. } => Ok(Outcome::Done(Seen::Same)),
        Step::ReserveMarks { .. } => marks::reserve(context),
        Step::LiftQuota { .. } => quota::lift(context),
        Step::ThawKilled { .. } => freeze::thaw_killed(context),
        Step::Kill { .. } => {
            kin::stop(context);
            drain::kill(context)
        }
        Step::Drain { .. } => match job {
            Job::Stop(_) => drain::wait_for_init(context, waiting),
            _ => drain::drain(context, waiting),
        },
        Step::PersistStopped => state::persist(context, crate::oci::Status::Stopped),
        Step::Persist { status } => state::persist(context, *status),
        Step::RemoveMonGroup { dir } | Step::RemoveCtrlGroup { dir } => {
            groups::remove_rdt(context, dir)
        }
        Step::StopUnit { .. } => scope::stop(context),
        Step::RemoveCgroups { .. } => groups::remove_cgroups(context),
        Step::PoststopHook { number, .. } => hooks::poststop(context, *number),
        Step::PoststartHook { number, .. } => hooks::poststart(context, *number),
        Step::RemoveStateDir { .. } => state::remove(context),
        Step::Verify => verify::all_gone(context),
        Step::Signal { signal } => signal::init(context, *signal),
        Step::SignalAll { signal, .. } => signal::all(context, *signal),
        Step::SignalOne {
            pid,
            start_time,
            signal,
        } => {
            let (pid, start_time) = (*pid, *start_time);
            signal::one(context, InitProcess { pid, start_time }, *signal)
        }
        Step::Freeze => freeze::freeze(context),
        Step::Thaw => freeze::thaw(context),
        Step::Release => state::release(context),
        Step::RemovePin { .. } => pin::remove(context),
        Step::PutQuotaBack { .. } | Step::Recheck { .. } | Step::Unmount { .. } => {
            Ok(Outcome::Skipped(super::Reason::None))
        }
    }
}

/// Whether what is there now is not what was confirmed.
pub(super) fn is_replaced(target: &Target, evidence: &TeardownEvidence) -> bool {
    if evidence.entry.inode != target.state_dir {
        return true;
    }
    match (target.init, evidence.identity.alive()) {
        // It died meanwhile: less to do than was confirmed.
        (_, None) => false,
        (Some(shown), Some(now)) => shown != now,
        // It was shown as dead, now it lives: nobody said yes to killing that.
        (None, Some(_)) => true,
    }
}

fn failed<K: Kernel>(context: &Context<'_, K>, job: &Job, error: &StepError) -> Verdict {
    if !matches!(job, Job::Delete(..)) {
        return Verdict::Failed(error.words());
    }
    let mut list = vec![error.words()];
    let pids = context.evidence.members(context.machine).pids;
    if !pids.is_empty() && !matches!(error, StepError::Alive { .. }) {
        list.push(format!("{} processes", pids.len()));
    }
    if state::is_there(context).unwrap_or(true) {
        let dir = crate::text::visible_path(&context.evidence.entry.key.dir());
        list.push(format!("{dir} kept, so that it can be repeated"));
    }
    Verdict::Leftovers(list)
}
