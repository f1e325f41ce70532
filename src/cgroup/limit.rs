//! A limit as cgroup files write it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A limit: a number, or none. Never `-1`, never `u64::MAX`.
///
/// `max` (v2) and `-1` (v1's cfs quota) are no limit, and so is any number from 2^62 up: v1 memory
/// writes `9223372036854771712` (with 64 KiB pages `…710272`), and v2's hugetlb does too.
///
/// ```
/// use ocitop::cgroup::Limit;
/// assert_eq!("max\n".parse(), Ok(Limit::Max));
/// assert_eq!("9223372036854771712".parse(), Ok(Limit::Max));
/// assert_eq!("4096\n".parse(), Ok(Limit::At(4096)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// At this value.
    At(u64),
    /// None.
    Max,
}

const UNLIMITED_FROM: u64 = 1 << 62;

impl Limit {
    /// The value, if there is a limit.
    pub fn value(self) -> Option<u64> {
        match self {
            Self::At(value) => Some(value),
            Self::Max => None,
        }
    }

    /// The stricter of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(a), Self::Max) | (Self::Max, Self::At(a)) => Self::At(a),
            (Self::Max, Self::Max) => Self::Max,
        }
    }
}

/// A number as cgroup files write it: from 2^62 up it is no limit.
impl From<u64> for Limit {
    fn from(value: u64) -> Self {
        if value < UNLIMITED_FROM {
            Self::At(value)
        } else {
            Self::Max
        }
    }
}

/// Text that is neither `max`, `-1` nor a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a limit: {0:?}")]
pub struct ParseLimitError(String);

impl FromStr for Limit {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "max" | "-1" => Ok(Self::Max),
            number => match number.parse::<u64>() {
                Ok(value) => Ok(Self::from(value)),
                Err(_) => Err(ParseLimitError(number.chars().take(40).collect())),
            },
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(value) => value.fmt(f),
            Self::Max => f.pad("max"),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(value) => serializer.serialize_u64(*value),
            Self::Max => serializer.serialize_str("max"),
        }
    }
}
