//! Leftovers: cgroups, resctrl groups, state directories, scopes, mounts and BPF pins that no live
//! container owns; how sure that is, and why each is still there.
//!
//! [`find()`] reads and changes nothing. What it says is graded ([`Confidence`]), and every grade has
//! its arguments ([`Argument`]), for the operator to judge. Never found at all: anything of a known
//! live container, what systemd has in a unit that is no container's, what a process of the host is in,
//! ocitop's own cgroup and those above it, and what many containers share. [`order()`] makes of a leftover a job for [`crate::lifecycle`],
//! which looks a second time before it touches anything.

mod carriers;
mod cgroups;
mod find;
mod found;
mod judge;
mod leftover;
pub mod names;
mod order;
mod others;
mod pins;
mod search;
mod state;
mod strays;
mod walk;
mod words;

pub use carriers::{Carried, Carriers};
pub use find::find;
pub use found::{FoundLeftovers, KnownBefore};
pub use judge::{SEEN, YOUNG};
pub use leftover::{Argument, Confidence, Leftover, LeftoverKind, LeftoverParts, WhyItStays};
pub use names::Producer;
pub use order::{KillOrphans, NoOrder, order};
