//! `/proc/PID/syscall` (proc_pid_syscall(5)): the system call a process is in.

use std::fmt;
use std::str::FromStr;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syscall {
    /// It runs, so nothing can be said.
    Running,
    /// It waits, but not in a system call (a page fault, a signal, its end).
    Outside,
    /// It is in this one.
    In {
        /// Its number on this architecture.
        number: u64,
        /// Its first argument: of many the file descriptor.
        first: u64,
    },
}

/// Text that is not what the kernel writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a line of /proc/PID/syscall")]
pub struct ParseSyscallError;

impl FromStr for Syscall {
    type Err = ParseSyscallError;

    /// ```
    /// use ocitop::process::syscall::Syscall;
    /// assert_eq!("running\n".parse(), Ok(Syscall::Running));
    /// assert_eq!("-1 0x7ffd 0x55aa\n".parse(), Ok(Syscall::Outside));
    /// let line = "74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f1c\n";
    /// assert_eq!(line.parse(), Ok(Syscall::In { number: 74, first: 3 }));
    /// assert!("".parse::<Syscall>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_ascii_whitespace();
        let number = match words.next().ok_or(ParseSyscallError)? {
            "running" => return Ok(Self::Running),
            "-1" => return Ok(Self::Outside),
            word => word.parse().map_err(|_not_a_number| ParseSyscallError)?,
        };
        let first = words.next().and_then(|word| word.strip_prefix("0x"));
        let first = first
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or(ParseSyscallError)?;
        Ok(Self::In { number, first })
    }
}

/// Those in which a process is met when it waits, on x86_64; `true` where the first argument is the
/// file descriptor it waits for.
const X86_64: [(u64, &str, bool); 43] = [
    (0, "read", true),
    (1, "write", true),
    (2, "open", false),
    (3, "close", true),
    (4, "stat", false),
    (5, "fstat", true),
    (7, "poll", false),
    (9, "mmap", false),
    (11, "munmap", false),
    (16, "ioctl", true),
    (17, "pread64", true),
    (18, "pwrite64", true),
    (19, "readv", true),
    (20, "writev", true),
    (23, "select", false),
    (34, "pause", false),
    (35, "nanosleep", false),
    (43, "accept", true),
    (45, "recvfrom", true),
    (47, "recvmsg", true),
    (56, "clone", false),
    (58, "vfork", false),
    (59, "execve", false),
    (60, "exit", false),
    (61, "wait4", false),
    (72, "fcntl", true),
    (73, "flock", true),
    (74, "fsync", true),
    (75, "fdatasync", true),
    (130, "rt_sigsuspend", false),
    (162, "sync", false),
    (202, "futex", false),
    (217, "getdents64", true),
    (230, "clock_nanosleep", false),
    (231, "exit_group", false),
    (232, "epoll_wait", true),
    (247, "waitid", false),
    (257, "openat", false),
    (271, "ppoll", false),
    (277, "sync_file_range", true),
    (281, "epoll_pwait", true),
    (306, "syncfs", true),
    (426, "io_uring_enter", true),
];

impl Syscall {
    fn known(self) -> Option<(&'static str, bool)> {
        let Self::In { number, .. } = self else {
            return None;
        };
        // Numbers are of one architecture; of another they would name the wrong call.
        let found = X86_64.iter().find(|known| known.0 == number);
        found
            .filter(|_| std::env::consts::ARCH == "x86_64")
            .map(|(_, name, on_file)| (*name, *on_file))
    }

    /// Its name, if it is one of those known here.
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|(name, _)| name)
    }

    /// The file descriptor it waits for, if it is a call on one.
    pub fn descriptor(self) -> Option<i32> {
        match (self, self.known()) {
            (Self::In { first, .. }, Some((_, true))) => {
                // An int in a register: what stands above its 32 bits is not part of it.
                i32::try_from(first & 0xffff_ffff).ok()
            }
            _ => None,
        }
    }
}

impl fmt::Display for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.name()) {
            (Self::Running, _) => f.write_str("running"),
            (Self::Outside, _) => f.write_str("none"),
            (Self::In { number, .. }, Some(name)) => write!(f, "{number} ({name})"),
            (Self::In { number, .. }, None) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn only_calls_on_a_file_have_a_descriptor() {
        let at = |number, first| Syscall::In { number, first };
        assert_eq!(at(74, 3).descriptor(), Some(3));
        assert_eq!(at(202, 3).descriptor(), None);
        assert_eq!(at(0, 0xffff_ffff).descriptor(), None);
        assert_eq!(at(74, 3).to_string(), "74 (fsync)");
        assert_eq!(at(999, 3).to_string(), "999");
    }
}
