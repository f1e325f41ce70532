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
        /// Its first two arguments: of many one is a file descriptor.
        arguments: [u64; 2],
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
    /// assert_eq!(line.parse(), Ok(Syscall::In { number: 74, arguments: [3, 0] }));
    /// assert!("".parse::<Syscall>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_ascii_whitespace();
        let number = match words.next().ok_or(ParseSyscallError)? {
            "running" => return Ok(Self::Running),
            "-1" => return Ok(Self::Outside),
            word => word.parse().map_err(|_not_a_number| ParseSyscallError)?,
        };
        let mut argument = || {
            let digits = words.next().and_then(|word| word.strip_prefix("0x"));
            let value = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            value.ok_or(ParseSyscallError)
        };
        let arguments = [argument()?, argument()?];
        Ok(Self::In { number, arguments })
    }
}

/// Those in which a process is met when it waits, on x86_64; with the argument that is the descriptor
/// of the file it is about, if it is about one.
const X86_64: [(u64, &str, Option<usize>); 45] = [
    (0, "read", Some(0)),
    (1, "write", Some(0)),
    (2, "open", None),
    (3, "close", Some(0)),
    (4, "stat", None),
    (5, "fstat", Some(0)),
    (7, "poll", None),
    (9, "mmap", None),
    (11, "munmap", None),
    (16, "ioctl", Some(0)),
    (17, "pread64", Some(0)),
    (18, "pwrite64", Some(0)),
    (19, "readv", Some(0)),
    (20, "writev", Some(0)),
    (23, "select", None),
    (34, "pause", None),
    (35, "nanosleep", None),
    (40, "sendfile", Some(1)),
    (43, "accept", None),
    (45, "recvfrom", Some(0)),
    (47, "recvmsg", Some(0)),
    (56, "clone", None),
    (58, "vfork", None),
    (59, "execve", None),
    (60, "exit", None),
    (61, "wait4", None),
    (72, "fcntl", Some(0)),
    (73, "flock", Some(0)),
    (74, "fsync", Some(0)),
    (75, "fdatasync", Some(0)),
    (130, "rt_sigsuspend", None),
    (162, "sync", None),
    (202, "futex", None),
    (217, "getdents64", Some(0)),
    (230, "clock_nanosleep", None),
    (231, "exit_group", None),
    (232, "epoll_wait", None),
    (247, "waitid", None),
    (257, "openat", None),
    (271, "ppoll", None),
    (275, "splice", Some(0)),
    (277, "sync_file_range", Some(0)),
    (281, "epoll_pwait", None),
    (306, "syncfs", Some(0)),
    (426, "io_uring_enter", None),
];

impl Syscall {
    fn known(self) -> Option<(&'static str, Option<usize>)> {
        let Self::In { number, .. } = self else {
            return None;
        };
        // Numbers are of one architecture; of another they would name the wrong call.
        let found = X86_64.iter().find(|known| known.0 == number);
        found
            .filter(|_| std::env::consts::ARCH == "x86_64")
            .map(|(_, name, file)| (*name, *file))
    }

    /// Its name, if it is one of those known here.
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|(name, _)| name)
    }

    /// The descriptor of the file it is about, if it is about one.
    pub fn descriptor(self) -> Option<i32> {
        let (Self::In { arguments, .. }, (_, Some(at))) = (self, self.known()?) else {
            return None;
        };
        // An int in a register: what stands above its 32 bits is not part of it.
        i32::try_from(arguments.get(at)? & 0xffff_ffff).ok()
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
        let at = |number, first| Syscall::In {
            number,
            arguments: [first, 4],
        };
        assert_eq!(at(74, 3).descriptor(), Some(3));
        assert_eq!(
            at(40, 3).descriptor(),
            Some(4),
            "sendfile waits for what it reads"
        );
        assert_eq!(at(202, 3).descriptor(), None);
        assert_eq!(at(0, 0xffff_ffff).descriptor(), None);
        assert_eq!(at(74, 3).to_string(), "74 (fsync)");
        assert_eq!(at(999, 3).to_string(), "999");
    }
}
