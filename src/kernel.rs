//! The border to the machine: path readers with size caps ([`read`]), and every change ocitop makes
//! to it, behind one trait ([`Kernel`]).
//!
//! Changes sit behind a trait because `rmdir` of a directory that has files works on cgroupfs and
//! resctrl and nowhere else: a test needs its own machine. [`LiveKernel`] has no decisions in it.

pub mod bounded;
mod cancel;
mod changes;
pub mod clear;
mod enter;
mod hook;
mod inode;
pub mod limit;
pub mod live;
mod long;
mod mark;
pub mod namespace;
mod opened;
pub mod own_dir;
mod poll_time;
pub mod program;
pub mod read;
pub mod refused;
mod removal;
mod scope;
mod signal;
pub mod walk;
pub mod way;

pub use cancel::Cancel;
pub use changes::{Contents, HookCall, HookEnd, HookStatus, Kernel, Release, Scope, StateDir};
pub use clear::OWN_PREFIX;
pub use enter::Enter;
pub use inode::Inode;
pub use live::LiveKernel;
pub use mark::StateMark;
pub use opened::Opened;
pub use program::Program;
pub use removal::Removal;
pub use signal::{Signal, UnknownSignal};
