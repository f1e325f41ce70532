//! The lifecycle engine: delete, kill, pause, resume and start, for the three runtimes alike.
//!
//! Synchronous and without a terminal or a thread of its own: it takes a [`crate::kernel::Kernel`]
//! and reports typed [`StepEvent`]s to a closure. The screen passes one that sends, the command
//! line one that prints. It never calls a runtime's own command; after each step it looks again
//! and reports what it saw, not what a call returned.
//!
//! An [`Engine`] takes a [`Job`], which is aimed at a [`Target`]: the container that somebody was shown.
//! [`Engine::preview`] says what would be done, [`Engine::run`] does it, or refuses if another container
//! stands there by now.
//!
//! ```no_run
//! use ocitop::config::Config;
//! use ocitop::inventory::{Machine, Sampler};
//! use ocitop::kernel::LiveKernel;
//! use ocitop::lifecycle::{Claims, Engine, Force, Job, Options, StepKind, Target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::default();
//! let machine = Machine::new(&config.roots);
//! let snapshot = Sampler::new(machine.clone())?.pass();
//! for container in &snapshot.containers {
//!     println!("{} is {}", container.key.label(), container.condition);
//! }
//!
//! let engine = Engine {
//!     kernel: &LiveKernel::default(),
//!     machine: &machine,
//!     options: &Options::from(&config),
//!     claims: &Claims::read(&machine),
//! };
//! let mut containers = snapshot.containers.iter();
//! let web = containers.find(|container| container.key.name() == "web");
//! let job = Job::Delete(Target::of(web.ok_or("no web here")?)?, Force::Yes);
//! for planned in &engine.preview(&job).plan.0 {
//!     println!("it will {}", planned.step.intent());
//! }
//! let verdict = engine.run(&job, &mut |event| {
//!     if let StepKind::Ended { step, outcome, .. } = event.kind {
//!         println!("{}: {}, {}", step.word(), outcome.word(), outcome.detail());
//!     }
//! });
//! println!("{}", verdict.words());
//! # Ok(())
//! # }
//! ```

pub mod claims;
mod clean;
mod context;
pub mod doubt;
mod engine;
pub mod event;
pub mod evidence;
pub mod find;
pub mod guard;
pub mod job;
mod kin;
mod note;
mod outcome;
mod outer_freeze;
mod own;
mod pin;
mod plan;
mod process_table;
pub mod procs;
pub mod refusal;
mod removable;
mod scope;
mod sharing;
pub mod step;
mod steps;
mod straggler;
pub mod stray;
mod survivors;
pub mod target;
mod trust;
mod verdict;
pub mod words;

pub use claims::Claims;
pub use clean::Kept;
pub use doubt::Doubt;
pub use engine::Engine;
pub use event::{StepEvent, StepKind};
pub use job::{Clean, Force, Job, Options, Preview};
pub use note::Note;
pub use outcome::{Outcome, Reason, Seen, StepError, Survivor};
pub use outer_freeze::OuterFreeze;
pub use refusal::{Distrust, NotRemembered, NotSignalled, Refusal};
pub use sharing::Common;
pub use step::{CpuQuota, OnFailure, Plan, PlannedStep, Step};
pub use stray::{Accounted, Accounts};
pub use target::{NotATarget, Target};
pub use verdict::Verdict;

pub use crate::kernel::Cancel;
