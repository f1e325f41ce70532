//! Why is it stuck: evidence, cause, remedy.
//!
//! An [`Examiner`] gathers [`Evidence`] and changes nothing; [`judge()`] is a function of the
//! evidence alone, so every cause can be tested on what was once captured. The first finding is
//! the verdict; [`checks()`] tells what else was looked at, and what could not be. Nothing here waits for what may never answer: what can hang (a state root on a
//! dead file system, `cmdline` and `stack` of a process whose memory is locked) is asked on a
//! thread that can be left behind, mounts are told from mountinfo and never touched.
//!
//! What the kernel shows of each state was seen on Linux 6.18 and 6.12; the pages are
//! proc_pid_stat(5), proc_pid_status(5), proc_pid_mountinfo(5), ptrace(2), cgroups(7),
//! freezer-subsystem.rst, cgroup-v2.rst, fuse.rst and resctrl.rst.

pub mod cause;
mod checks;
pub mod evidence;
mod finding;
mod gather;
mod judge;
pub mod remedy;
mod report;
pub mod wait_kind;
mod words;

pub use cause::Cause;
pub use checks::{About, Check, CheckResult, checks};
pub use evidence::Evidence;
pub use finding::{Finding, Weight};
pub use gather::{Examiner, NotExamined};
pub use judge::judge;
pub use remedy::{Futile, Remedy};
pub use report::Diagnosis;
