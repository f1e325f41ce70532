//! Control groups: hierarchies, paths and the control files (cgroups(7), cgroup-v1/, cgroup-v2.rst).
//!
//! One kernel file is one parser, `&str` in and `Result` out. A file that may rightly be missing
//! (controller off, older kernel, root cgroup) is `None` to its reader, never zero.

pub mod cpu;
pub mod freezer;
pub mod hierarchy;
pub mod io;
pub mod limit;
pub mod membership;
pub mod memory;
pub mod path;

pub use hierarchy::{Hierarchies, Hierarchy, Mode, Version};
pub use limit::Limit;
pub use membership::Membership;
pub use path::CgroupPath;

/// A line or value of a control file that does not have the documented shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected content: {0:?}")]
pub struct ParseFileError(String);

impl ParseFileError {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().take(60).collect())
    }
}

/// The value of `key` in a flat-keyed file (`key value` lines).
pub(crate) fn flat_key(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

/// A file of one number.
pub(crate) fn single_value(text: &str) -> Result<u64, ParseFileError> {
    text.trim()
        .parse()
        .ok()
        .ok_or_else(|| ParseFileError::new(text))
}
