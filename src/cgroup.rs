//! Control groups: hierarchies, paths and the control files (cgroups(7), cgroup-v1/, cgroup-v2.rst).
//!
//! One kernel file is one parser, `&str` in and `Result` out. A file that may rightly be missing
//! (controller off, older kernel, root cgroup) is `None` to its reader, never zero.

pub mod cpu;
pub mod cpuset;
pub mod freezer;
pub mod hierarchy;
pub mod hugetlb;
pub mod io;
pub mod limit;
pub mod membership;
pub mod memory;
pub mod path;
pub mod pressure;

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

/// The decimal number that a file starts with, whatever follows it; no allocation, no copy.
///
/// ```
/// use ocitop::cgroup::leading_number;
/// assert_eq!(leading_number(b"4096\n"), Some(4096));
/// assert_eq!(leading_number(b"max\n"), None);
/// assert_eq!(leading_number(b"99999999999999999999\n"), None);
/// ```
pub fn leading_number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let mut number: Option<u64> = None;
    for digit in digits {
        let so_far = number.unwrap_or(0).checked_mul(10)?;
        number = Some(so_far.checked_add(u64::from(digit - b'0'))?);
    }
    number
}
