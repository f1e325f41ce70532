//! The engine: it works out what a job would do, or does it. It looks again, reports each step once begun
//! and once ended, and stops where the plan says so.

use super::claims::Claims;
use super::clean::{self, Cleaning, Remains};
use super::context::{Context, Reporter, one_step};
use super::event::{StepEvent, StepKind};
use super::evidence::{NoEvidence, TeardownEvidence};
use super::job::{Job, Options, Preview};
use super::outcome::{Outcome, Seen, StepError, Survivor};
use super::plan::plan;
use super::refusal::Refusal;
use super::step::{Plan, Step};
use super::steps::{
    drain, freeze, groups, hooks, marks, pin, quota, scope, signal, state, stop_kin, verify,
};
use super::survivors;
use super::target::Target;
use super::verdict::Verdict;
use crate::inventory::Machine;
use crate::kernel::Kernel;
use crate::oci::Status;
use crate::process::InitProcess;

/// All that jobs need besides what they are aimed at. It holds nothing: make one wherever a job is to be
/// run.
#[derive(Debug)]
pub struct Engine<'a, K> {
    /// What makes the changes.
    pub kernel: &'a K,
    /// Where is read.
    pub machine: &'a Machine,
    /// How it is to be done.
    pub options: &'a Options,
    /// What other containers claim: read once for several jobs, they share one reading.
    pub claims: &'a Claims,
}

impl<K> Engine<'_, K> {
    /// Works out what a job would do, without changing anything.
    pub fn preview(&self, job: &Job) -> Preview {
        let (machine, options) = (self.machine, self.options);
        let target = job.target();
        if let Job::Clean(target, order) = job {
            return clean::preview(machine, target, order, options, self.claims);
        }
        let refused = |why: Refusal| Preview {
            plan: Plan::default(),
            processes: 0,
            uninterruptible: 0,
            refused: Some(why),
            notes: Vec::new(),
        };
        let evidence = match TeardownEvidence::gather(machine, &target.key, self.claims) {
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
}

impl<K: Kernel> Engine<'_, K> {
    /// Runs a job to its end, reporting every step. The verdict is also the last event.
    pub fn run(&self, job: &Job, report: &mut dyn FnMut(StepEvent)) -> Verdict {
        let mut reporter = Reporter {
            key: job.target().key.clone(),
            report,
        };
        let verdict = self.verdict(job, &mut reporter);
        reporter.send(StepKind::Finished {
            verdict: verdict.clone(),
        });
        verdict
    }

    fn verdict(&self, job: &Job, reporter: &mut Reporter<'_>) -> Verdict {
        if let Job::Clean(target, order) = job {
            let cleaning = Cleaning {
                kernel: self.kernel,
                machine: self.machine,
                options: self.options,
                claims: self.claims,
                remains: Remains::new(target, order),
            };
            return cleaning.run(reporter);
        }
        let evidence = TeardownEvidence::gather(self.machine, &job.target().key, self.claims);
        match evidence {
            Ok(evidence) => self.execute(job, evidence, reporter),
            // Someone else was faster: what was asked for is so.
            Err(NoEvidence::Absent) if matches!(job, Job::Delete(..)) => Verdict::Clean,
            Err(error) => Verdict::Refused(error.into()),
        }
    }

    fn execute(
        &self,
        job: &Job,
        evidence: TeardownEvidence,
        reporter: &mut Reporter<'_>,
    ) -> Verdict {
        if !evidence.notes.is_empty() {
            let notes = evidence.notes.clone();
            reporter.send(StepKind::Noted { notes });
        }
        let plan = match plan(self.machine, job, &evidence, self.options) {
            Ok(plan) => plan,
            Err(why) => return Verdict::Refused(why),
        };
        reporter.send(StepKind::Planned { plan: plan.clone() });
        let mut context = Context {
            kernel: self.kernel,
            machine: self.machine,
            options: self.options,
            evidence,
            deadline: self.kernel.now() + self.options.timeout,
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
                    quota::undo(&mut context, plan.0.len() + 1, reporter);
                    return Verdict::Refused(Refusal::Replaced);
                }
                // Nothing was changed before.
                Outcome::Failed(StepError::Refused(why))
                    if matches!(planned.step, Step::ReserveMarks { .. }) =>
                {
                    return Verdict::Refused(why);
                }
                Outcome::Failed(error) => {
                    quota::undo(&mut context, plan.0.len() + 1, reporter);
                    return failed(&context, job, &error);
                }
                // A warning was reported with its step; it leaves nothing of the container behind.
                Outcome::Warned(_) | Outcome::Done(_) | Outcome::Skipped(_) => {}
            }
        }
        Verdict::Clean
    }
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
            stop_kin::stop(context);
            drain::kill(context)
        }
        Step::Drain { .. } if matches!(job, Job::Stop(_)) => drain::wait_for_init(context, waiting),
        Step::Drain { .. } => drain::drain(context, waiting),
        Step::PersistStopped => state::persist(context, Status::Stopped),
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
        // In no plan of a container's.
        Step::PutQuotaBack { .. } | Step::Recheck { .. } | Step::Unmount { .. } => {
            Err(StepError::NotPlanned)
        }
    }
}

/// Whether what is there now is not what was confirmed.
fn is_replaced(target: &Target, evidence: &TeardownEvidence) -> bool {
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
