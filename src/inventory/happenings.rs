//! What happened to containers while ocitop looked: shown below the charts and as the history.

use std::time::Duration;

use serde::Serialize;

use crate::oci::ContainerKey;

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happening {
    /// When it was noticed.
    #[serde(serialize_with = "crate::text::timestamp")]
    pub at: jiff::Timestamp,
    /// The same since the start, as in a history.
    #[serde(skip)]
    pub uptime: Duration,
    /// To which.
    #[serde(flatten)]
    pub key: ContainerKey,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Happened {
    /// It is new, and not started.
    Created,
    /// It runs.
    Started,
    /// It was frozen.
    Paused,
    /// It was thawed.
    Resumed,
    /// Its init ended.
    Exited {
        /// How, where that can be known.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<ExitStatus>,
    },
    /// The OOM killer took processes of it.
    OomKilled {
        /// How many since the look before.
        processes: u64,
    },
    /// Its record is gone.
    Deleted,
}

/// How a process ended (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl ExitStatus {
    /// From the kernel's encoding, as in field 52 of `/proc/PID/stat`.
    ///
    /// ```
    /// use ocitop::inventory::happenings::ExitStatus;
    /// assert_eq!(ExitStatus::from_raw(0x0300), ExitStatus::Code(3));
    /// assert_eq!(ExitStatus::from_raw(9), ExitStatus::Signal(9));
    /// ```
    pub fn from_raw(raw: i32) -> Self {
        match raw & 0x7f {
            0 => Self::Code((raw >> 8) & 0xff),
            signal => Self::Signal(signal),
        }
    }
}
