//! Processes: `/proc/PID/stat` and identity that survives pid reuse (proc_pid_stat(5)); what the
//! other files of `/proc/PID` say is in the modules below.

pub mod stack;
pub mod status;
pub mod syscall;

use serde::{Deserialize, Serialize};

use crate::kernel::Signal;
use status::SignalSet;

/// A process beyond doubt: a pid and when it started. A pid alone may belong to someone else by
/// the time it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitProcess {
    /// Pid in the host's pid namespace.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`: clock ticks since boot.
    pub start_time: u64,
}

/// The fields of `/proc/PID/stat` that ocitop uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcStat {
    /// The command's first 15 bytes, any bytes.
    pub comm: Vec<u8>,
    /// State letter: R S D T t Z X I P.
    pub state: char,
    /// Parent.
    pub ppid: i32,
    /// Session: the pid of who leads it, or led it.
    pub session: i32,
    /// Kernel flags (`PF_*`).
    pub flags: u64,
    /// CPU time so far in user mode and in the kernel, clock ticks.
    pub ticks: u64,
    /// Threads.
    pub threads: u64,
    /// Clock ticks since boot at its start.
    pub start_time: u64,
    /// A SIGKILL was sent to it, and it has not taken it yet (field 31: the kernel gives every
    /// thread its own).
    pub killed: bool,
}

/// `PF_EXITING`: on its way out.
const PF_EXITING: u64 = 0x4;
/// `PF_FORKNOEXEC`: forked and has not executed a program since.
const PF_FORKNOEXEC: u64 = 0x40;
/// `PF_KTHREAD`: a kernel thread.
const PF_KTHREAD: u64 = 0x0020_0000;

/// How a process ended, from its `/proc/PID/stat`: field 52, in the encoding of wait(2). `None` as
/// long as it lives. Needs `PTRACE_MODE_READ`; without it the kernel says 0.
///
/// ```
/// let tail = "0 ".repeat(48);
/// let stat = format!("7 (a) b) Z {tail}256");
/// assert_eq!(ocitop::process::exit_code(stat.as_bytes()), Some(256));
/// ```
pub fn exit_code(stat: &[u8]) -> Option<i32> {
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    // The one taken was field 3.
    let code = fields.nth(52 - 4)?.parse().ok()?;
    matches!(state, "Z" | "X").then_some(code)
}

impl ProcStat {
    /// Parses the file. The command stands in parentheses and may hold `)`, spaces and newlines,
    /// so the fields are counted from the last `)`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|byte| *byte == b'(')?;
        let close = bytes.iter().rposition(|byte| *byte == b')')?;
        let comm = bytes.get(open + 1..close)?.to_vec();
        let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(29).collect();
        // Field 3 of the manual page is index 0 here.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            comm,
            state: field(3)?.chars().next()?,
            ppid: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            ticks: {
                let (user, system): (u64, u64) =
                    (field(14)?.parse().ok()?, field(15)?.parse().ok()?);
                user.saturating_add(system)
            },
            threads: field(20)?.parse().ok()?,
            start_time: field(22)?.parse().ok()?,
            killed: field(31)
                .and_then(|bits| bits.parse().ok())
                .is_some_and(|bits| SignalSet(bits).contains(Signal::KILL)),
        })
    }

    /// Whether the whole process is dead. A zombie leader with live threads is not.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }

    /// Whether it is on its way out.
    pub fn is_exiting(&self) -> bool {
        self.flags & PF_EXITING != 0
    }

    /// Whether it still runs the program of the process it was forked from.
    pub fn has_not_executed(&self) -> bool {
        self.flags & PF_FORKNOEXEC != 0
    }

    /// Whether it is a kernel thread.
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }
}
