//! The frame around one step: reported once begun, performed unless somebody asked to leave off, and
//! reported once ended; and what is undone where the steps do not come to their end.

use super::plan::warn;
use super::removable::Removable;
use super::run::Context;
use super::{
    OnFailure, Outcome, PlannedStep, Refusal, Step, StepError, StepEvent, StepKind, Survivor, quota,
};
use crate::kernel::Kernel;
use crate::oci::ContainerKey;

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

/// Undoes what was done only so that processes die faster, where they did not: also when ocitop was
/// asked to leave off.
pub(super) fn undo<K: Kernel, Q: Removable>(
    context: &mut Context<'_, K, Q>,
    number: usize,
    reporter: &mut Reporter<'_>,
) {
    let quotas = quota::owed(context);
    if quotas.is_empty() {
        return;
    }
    let planned = warn(Step::PutQuotaBack {
        quotas: quotas.clone(),
    });
    reported(context, number, &planned, reporter, |context, _, _| {
        quota::put_back(context, &quotas)
    });
}

fn reported<K: Kernel, Q>(
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
