//! `/proc/PID/status` (proc_pid_status(5)): user, namespace pids, resident memory, signals.
//!
//! Reading it takes no lock that a stuck process could hold. Unknown keys are ignored; a zombie and
//! a kernel thread have no memory lines.

use crate::kernel::Signal;

/// A set of signals, as the kernel writes it: bit `n - 1` is signal `n` (signal(7)).
///
/// ```
/// use ocitop::{kernel::Signal, process::status::SignalSet};
/// let pending = SignalSet::parse("0000000000000100").unwrap();
/// assert!(pending.contains(Signal::KILL));
/// assert!(!pending.contains(Signal::TERM));
/// assert_eq!(pending.iter().collect::<Vec<_>>(), [Signal::KILL]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// From its hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text.trim(), 16).ok().map(Self)
    }

    /// Whether the signal is in it.
    pub fn contains(self, signal: Signal) -> bool {
        u32::try_from(signal.0 - 1).is_ok_and(|bit| bit < 64 && self.0 >> bit & 1 == 1)
    }

    /// Its signals, the least first.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=64)
            .map(Signal)
            .filter(move |signal| self.contains(*signal))
    }

    /// Those of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What ocitop uses of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcStatus {
    /// Effective user.
    pub uid: Option<u32>,
    /// Real, effective, saved and file system user.
    pub uids: Option<[u32; 4]>,
    /// The process that traces it, 0 if none.
    pub tracer: i32,
    /// Its pid in each pid namespace, from the reader's down to its own (`NSpid`).
    pub namespace_pids: Vec<i32>,
    /// Resident memory, bytes, huge pages of both kinds included; `None` without memory of its own.
    pub resident: Option<u64>,
    /// Signals sent and not yet taken, to the thread or to the process.
    pub pending: SignalSet,
    /// Context switches so far, given up and taken away.
    pub switches: Option<u64>,
    /// Its memory is being written to a core dump.
    pub dumping: bool,
}

impl ProcStatus {
    /// Parses the file; what is not there stays empty.
    ///
    /// ```
    /// use ocitop::process::status::ProcStatus;
    /// let text = "Name:\tsh\nUid:\t0\t1000\t0\t0\nNSpid:\t48133\t7\nVmRSS:\t  2048 kB\n\
    ///             HugetlbPages:\t 2048 kB\nSigPnd:\t0000000000000000\n\
    ///             ShdPnd:\t0000000000000100\nvoluntary_ctxt_switches:\t5\n\
    ///             nonvoluntary_ctxt_switches:\t2\n";
    /// let status = ProcStatus::parse(text);
    /// assert_eq!(status.uid, Some(1000));
    /// assert_eq!(status.uids, Some([0, 1000, 0, 0]));
    /// assert_eq!(status.inside(), Some(7));
    /// assert_eq!(status.resident, Some(4 << 20));
    /// assert_eq!((status.pending.0, status.switches), (0x100, Some(7)));
    /// ```
    pub fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let mut words = value.split_ascii_whitespace();
            let first = words.next().unwrap_or_default();
            match key {
                "Uid" => {
                    status.uids = four(value);
                    status.uid = status.uids.map(|[_, effective, ..]| effective);
                }
                "CoreDumping" => status.dumping = first == "1",
                "TracerPid" => status.tracer = first.parse().unwrap_or(0),
                "NSpid" => {
                    let all = value.split_ascii_whitespace();
                    status.namespace_pids = all.filter_map(|word| word.parse().ok()).collect();
                }
                "VmRSS" | "HugetlbPages" => {
                    if let Ok(kib) = first.parse::<u64>() {
                        let bytes = kib.saturating_mul(1024);
                        let so_far = status.resident.unwrap_or(0);
                        status.resident = Some(so_far.saturating_add(bytes));
                    }
                }
                "SigPnd" | "ShdPnd" => {
                    let set = SignalSet::parse(first).unwrap_or_default();
                    status.pending = status.pending.union(set);
                }
                "voluntary_ctxt_switches" | "nonvoluntary_ctxt_switches" => {
                    if let Ok(count) = first.parse::<u64>() {
                        let so_far = status.switches.unwrap_or(0);
                        status.switches = Some(so_far.saturating_add(count));
                    }
                }
                _ => {}
            }
        }
        status
    }

    /// Its pid in its own pid namespace, if that is another one than the reader's.
    pub fn inside(&self) -> Option<i32> {
        match self.namespace_pids.as_slice() {
            [_, .., last] => Some(*last),
            _ => None,
        }
    }
}

/// The four user ids of a line.
fn four(value: &str) -> Option<[u32; 4]> {
    let mut words = value.split_ascii_whitespace();
    let mut next = || words.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}
