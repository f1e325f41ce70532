//! The lifecycle engine: delete, kill, pause, resume and start, for the three runtimes alike.
//!
//! Synchronous and without a terminal or a thread of its own: it takes a [`crate::kernel::Kernel`]
//! and reports typed [`StepEvent`]s to a closure. The screen passes one that sends, the command
//! line one that prints. It never calls a runtime's own command; after each step it looks again
//! and reports what it saw, not what a call returned.

pub mod claims;
mod clean;
pub mod doubt;
mod drain;
pub mod evidence;
pub mod find;
mod frame;
mod freeze;
mod groups;
pub mod guard;
mod hooks;
mod kin;
mod marks;
mod outer_freeze;
mod own;
mod pin;
mod plan;
mod process_table;
pub mod procs;
mod quota;
pub mod refusal;
mod removable;
mod run;
mod scope;
mod sharing;
mod signal;
mod state;
pub mod step;
mod straggler;
pub mod stray;
mod survivors;
pub mod target;
mod trust;
mod verdict;
mod verify;
pub mod words;

pub use claims::Claims;
pub use clean::{Clean, Kept};
pub use doubt::Doubt;
pub use marks::NotRemembered;
pub use outer_freeze::OuterFreeze;
pub use quota::CpuQuota;
pub use refusal::Refusal;
pub use run::{preview, preview_among, run, run_among};
pub use sharing::Common;
pub use signal::NotOne;
pub use step::{
    OnFailure, Outcome, Plan, PlannedStep, Reason, Seen, Step, StepError, StepEvent, StepKind,
    Survivor,
};
pub use stray::{Accounted, Accounts};
pub use target::{Force, Job, NotATarget, Options, Preview, Target};
pub use trust::Distrust;

pub use crate::kernel::Cancel;
pub use verdict::Verdict;
