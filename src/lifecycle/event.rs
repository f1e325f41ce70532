//! What is reported while an action runs.
//!
//! Contract: notes first, if there are any; then the plan; then for each `Started` one `Ended` of the
//! same step; after the last, one `Finished`.

use std::time::Duration;

use serde::Serialize;

use super::note::Note;
use super::outcome::{Outcome, Survivor};
use super::step::{Plan, Step, seconds};
use super::verdict::Verdict;
use crate::oci::ContainerKey;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepEvent {
    /// Wall clock.
    #[serde(serialize_with = "crate::text::timestamp")]
    pub at: jiff::Timestamp,
    /// Which container.
    #[serde(flatten)]
    pub key: ContainerKey,
    /// What happened to it.
    #[serde(flatten)]
    pub kind: StepKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StepKind {
    /// What could not be known, and what else the operator should know, before the plan or the
    /// refusal.
    Noted {
        /// The notes, in the order in which they were found.
        #[serde(flatten, serialize_with = "super::note::listed")]
        notes: Vec<Note>,
    },
    /// The plan, before anything is changed.
    Planned {
        /// Its steps.
        plan: Plan,
    },
    /// A step begins.
    Started {
        /// Its number, from 1.
        number: usize,
        /// The step.
        #[serde(flatten)]
        step: Step,
    },
    /// A step still waits; sent now and then.
    Waiting {
        /// Its number.
        number: usize,
        /// The step.
        #[serde(flatten)]
        step: Step,
        /// Who is still alive.
        survivors: Vec<Survivor>,
    },
    /// A step is over.
    Ended {
        /// Its number.
        number: usize,
        /// The step.
        #[serde(flatten)]
        step: Step,
        /// How it went.
        outcome: Outcome,
        /// How long it took, seconds.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// The action is over.
    Finished {
        /// How it went as a whole.
        verdict: Verdict,
    },
}
