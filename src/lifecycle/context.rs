//! What a step has at hand, and the frame around it: reported once begun, performed unless somebody
//! asked to leave off, and reported once ended.

use std::time::Duration;

use super::event::{StepEvent, StepKind};
use super::evidence::TeardownEvidence;
use super::job::Options;
use super::outcome::{Outcome, StepError, Survivor};
use super::refusal::Refusal;
use super::step::{CpuQuota, OnFailure, PlannedStep, Step};
use crate::inventory::Machine;
use crate::kernel::Kernel;
use crate::oci::ContainerKey;

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

/// Whether an error ends everything, whatever the step. A hook that could not be remembered after
/// all is not run, and what names it is kept.
fn ends_all(error: &StepError) -> bool {
    matches!(
        error,
        StepError::Replaced
            | StepError::Interrupted
            | StepError::Refused(Refusal::NotRemembered { .. })
    )
}

/// Reports a step, has it performed, and reports how it ended.
pub(super) fn one_step<K: Kernel, Q>(
    context: &mut Context<'_, K, Q>,
    number: usize,
    planned: &PlannedStep,
    reporter: &mut Reporter<'_>,
    perform: impl FnOnce(
        &mut Context<'_, K, Q>,
        &Step,
        &mut dyn FnMut(Vec<Survivor>),
    ) -> Result<Outcome, StepError>,
) -> Outcome {
    let asked = context.options.cancel.is_asked();
    reported(
        context,
        number,
        planned,
        reporter,
        |context, step, waiting| {
            if asked {
                return Err(StepError::Interrupted);
            }
            perform(context, step, waiting)
        },
    )
}

/// The same, also where somebody asked to leave off: for what undoes.
pub(super) fn reported<K: Kernel, Q>(
    context: &mut Context<'_, K, Q>,
    number: usize,
    planned: &PlannedStep,
    reporter: &mut Reporter<'_>,
    perform: impl FnOnce(
        &mut Context<'_, K, Q>,
        &Step,
        &mut dyn FnMut(Vec<Survivor>),
    ) -> Result<Outcome, StepError>,
) -> Outcome {
    let step = planned.step.clone();
    reporter.send(StepKind::Started {
        number,
        step: step.clone(),
    });
    let start = context.kernel.now();
    let mut waiting = |survivors: Vec<Survivor>| {
        reporter.send(StepKind::Waiting {
            number,
            step: step.clone(),
            survivors,
        });
    };
    let outcome = match perform(context, &step, &mut waiting) {
        Ok(outcome) => outcome,
        Err(error) => match planned.on_failure {
            _ if ends_all(&error) => Outcome::Failed(error),
            // It was sent: for whoever asked, that is what was asked for.
            _ if matches!(error, StepError::Pending(_)) => Outcome::Warned(error),
            OnFailure::Continue => Outcome::Warned(error),
            OnFailure::Stop => Outcome::Failed(error),
        },
    };
    let took = context.kernel.now().saturating_sub(start);
    reporter.send(StepKind::Ended {
        number,
        step,
        outcome: outcome.clone(),
        took,
    });
    outcome
}

/// Sends what happens, with its time and subject.
pub(super) struct Reporter<'a> {
    pub(super) key: ContainerKey,
    pub(super) report: &'a mut dyn FnMut(StepEvent),
}

impl Reporter<'_> {
    pub(super) fn send(&mut self, kind: StepKind) {
        let event = StepEvent {
            at: jiff::Timestamp::now(),
            key: self.key.clone(),
            kind,
        };
        (self.report)(event);
    }
}
