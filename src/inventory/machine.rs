//! Where this machine is read: hierarchies, resctrl, /proc and the state roots.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mounts;
use super::roots::{self, Surroundings};
use super::sight::{self, OutOfSight, Sight};
use super::snapshot::Host;
use crate::cgroup::{Hierarchies, Membership};
use crate::config::{RootOrigin, Roots, StateRoot};
use crate::kernel::read::{kernel_file, kernel_record, kernel_text};
use crate::process::ProcStat;
use crate::procfs::loadavg::newest_pid;
use crate::procfs::meminfo::parse_meminfo;

/// When the host was booted, on the wall clock as it is set now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// Nanoseconds since the epoch.
    pub nanos: i64,
    /// How far off that may be, nanoseconds.
    pub slack: i64,
}

impl Boot {
    /// From the clocks, to the microsecond; for a tree that stands for procfs from the whole
    /// seconds of its `btime`.
    fn of(is_own: bool, host: &Host) -> Self {
        use rustix::time::{ClockId, clock_gettime};
        if !is_own {
            return Self {
                nanos: host.boot.saturating_mul(1_000_000_000),
                slack: 1_000_000_000,
            };
        }
        let nanos = |clock| {
            let time = clock_gettime(clock);
            time.tv_sec * 1_000_000_000 + time.tv_nsec
        };
        Self {
            nanos: nanos(ClockId::Realtime) - nanos(ClockId::Boottime),
            slack: 1_000_000,
        }
    }
}

/// The machine as a set of places to read.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The cgroup hierarchies.
    pub hierarchies: Hierarchies,
    /// The resctrl mount.
    pub resctrl: Option<PathBuf>,
    /// procfs.
    pub proc: PathBuf,
    /// sysfs: beside procfs.
    pub sys: PathBuf,
    /// `/run`: beside procfs.
    pub run: PathBuf,
    /// `/var`: beside procfs.
    pub var: PathBuf,
    /// Facts about the host.
    pub host: Arc<Host>,
    /// When it was booted.
    pub boot: Boot,
    /// Whether systemd runs it (sd_booted(3)).
    pub systemd: bool,
    /// Where the root directory of the host is, if not at `/`.
    pub host_dir: Option<PathBuf>,
    /// What of the host can be seen from here. Absence is asked of it, before it is believed.
    pub sight: Arc<Sight>,
    given: Vec<PathBuf>,
    alone: Option<StateRoot>,
    surroundings: Surroundings,
}

/// State roots by whether they are sure to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parted {
    /// On this machine.
    pub near: Vec<StateRoot>,
    /// On, or around, a file system whose other end can go away. Looked at by a thread of their own,
    /// which may never come back.
    pub apart: Vec<StateRoot>,
}

impl Machine {
    /// Looks the machine over. What cannot be read is left out: no cgroups, no resctrl.
    pub fn new(roots: &Roots) -> Self {
        let listed = kernel_file(&roots.proc.join("self/mountinfo")).ok();
        let mountinfo = listed.clone().unwrap_or_default();
        let hierarchies = match (&roots.cgroup, &roots.host) {
            (Some(dir), _) => {
                let found = Hierarchies::from_dir(dir).unwrap_or_default();
                found.as_mounted(&mountinfo)
            }
            (None, Some(host)) => Hierarchies::from_mountinfo_below(&mountinfo, host),
            (None, None) => Hierarchies::from_mountinfo(&mountinfo),
        };
        let host_dir = roots.host.as_deref();
        let resctrl = roots.resctrl.clone();
        let resctrl = resctrl.or_else(|| resctrl_mount(&mountinfo, host_dir));
        let is_own = roots.proc == Path::new("/proc") || host_dir.is_some();
        let stands_in = !is_own;
        let facts =
            sight::SightFacts::read(&roots.proc, stands_in, listed.as_deref(), &hierarchies);
        let sight = Sight::of(&facts, &hierarchies);
        let host = Arc::new(Host {
            resctrl: resctrl.is_some(),
            out_of_sight: sight.doubt(Path::new("")),
            dir: roots.host.clone(),
            ..host(&roots.proc, &hierarchies)
        });
        let machine = Self {
            sight: Arc::new(sight),
            hierarchies,
            resctrl,
            proc: roots.proc.clone(),
            sys: roots.proc.with_file_name("sys"),
            run: roots.proc.with_file_name("run"),
            var: roots.proc.with_file_name("var"),
            boot: Boot::of(is_own, &host),
            host,
            systemd: is_own && below(host_dir, "run/systemd/system").is_dir(),
            host_dir: roots.host.clone(),
            given: roots.state.clone(),
            alone: None,
            surroundings: host_dir.map_or_else(Surroundings::of_process, Surroundings::below),
        };
        machine.with_trusted_roots()
    }

    /// Looks for roots that were written with this very view, where the namespace does not tell.
    fn with_trusted_roots(mut self) -> Self {
        if self.sight.processes() != Some(OutOfSight::PidNamespace) {
            return self;
        }
        let roots = self.parted(self.every_root()).near;
        let own = roots.iter().filter(|root| sight::is_own(&self, root));
        let own: Vec<_> = own.map(|root| Arc::clone(&root.path)).collect();
        let sight = Arc::make_mut(&mut self.sight);
        for path in own {
            sight.trust(&path);
        }
        self
    }

    /// The state roots to look at now: the ones given, or every known one. Engines make and
    /// remove namespaces while ocitop runs, so this is asked anew.
    pub fn state_roots(&self) -> Vec<StateRoot> {
        if let Some(alone) = &self.alone {
            return vec![alone.clone()];
        }
        if self.given.is_empty() {
            return roots::known(&self.surroundings);
        }
        let given = |path: &PathBuf| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            StateRoot {
                path: path.into(),
                origin: RootOrigin::Given,
            }
        };
        self.given.iter().map(given).collect()
    }

    /// This machine with one state root.
    #[must_use]
    pub fn only(&self, root: StateRoot) -> Self {
        Self {
            alone: Some(root),
            ..self.clone()
        }
    }

    /// Whether it was narrowed to one root.
    pub fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// What is mounted now.
    pub fn mounts(&self) -> Vec<mounts::Mount> {
        let mountinfo = kernel_file(&self.proc.join("self/mountinfo"));
        mounts::mounts(&mountinfo.unwrap_or_default())
    }

    /// Parts roots by what is mounted now.
    pub fn parted(&self, roots: Vec<StateRoot>) -> Parted {
        let mounts = self.mounts();
        let is_apart = |root: &StateRoot| mounts::is_apart(&root.path, &mounts);
        let (apart, near) = roots.into_iter().partition(is_apart);
        Parted { near, apart }
    }

    /// The roots given and every known one: where other containers of this host may be.
    pub fn every_root(&self) -> Vec<StateRoot> {
        let mut roots = self.state_roots();
        let is_own = self.proc == Path::new("/proc") || self.host_dir.is_some();
        if self.roots_are_given() && is_own {
            let known = roots::known(&self.surroundings);
            roots.extend(
                known
                    .into_iter()
                    .filter(|root| !self.given.contains(&root.path.to_path_buf())),
            );
        }
        roots
    }

    /// Whether the operator named the state roots.
    pub fn roots_are_given(&self) -> bool {
        !self.given.is_empty()
    }

    /// The resctrl mount, also one that was made since ocitop began to look.
    pub fn find_resctrl(&self) -> Option<PathBuf> {
        self.resctrl.clone().or_else(|| self.mounted_resctrl())
    }

    /// Where the kernel has resctrl mounted now.
    pub fn mounted_resctrl(&self) -> Option<PathBuf> {
        let mountinfo = kernel_file(&self.proc.join("self/mountinfo"));
        resctrl_mount(&mountinfo.unwrap_or_default(), self.host_dir.as_deref())
    }

    /// Where an absolute path that the host's programs know is found from here.
    pub fn on_host(&self, path: &Path) -> PathBuf {
        match (&self.host_dir, path.strip_prefix("/")) {
            (Some(dir), Ok(rest)) => dir.join(rest),
            _ => path.to_owned(),
        }
    }

    /// The number that the kernel gave to a process or thread last; `None` where it is not told.
    pub fn newest_pid(&self) -> io::Result<Option<i32>> {
        let text = kernel_text(&self.proc.join("loadavg"))?;
        Ok(text.as_deref().and_then(newest_pid))
    }

    /// `/proc/PID/stat`; `None` if there is no such process. One that procfs hides is an error.
    pub fn stat(&self, pid: i32) -> io::Result<Option<ProcStat>> {
        match kernel_record(&self.pid_file(pid, "stat")) {
            Ok(bytes) => Ok(ProcStat::parse(&bytes)),
            Err(error) if crate::kernel::read::is_gone(&error) => {
                if self.sight.hides() && exists(pid) {
                    return Err(rustix::io::Errno::ACCESS.into());
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// How a process ended (wait(2)), while it is a zombie that nobody has reaped.
    pub fn exit_code(&self, pid: i32) -> Option<i32> {
        let bytes = kernel_record(&self.pid_file(pid, "stat")).ok()?;
        crate::process::exit_code(&bytes)
    }

    /// `/proc/PID/cgroup`; `None` if there is no such process.
    pub fn membership(&self, pid: i32) -> Option<Membership> {
        kernel_file(&self.pid_file(pid, "cgroup"))
            .ok()
            .map(|bytes| Membership::parse(&bytes))
    }

    /// `/proc/PID/task/TID/cgroup` of every thread.
    pub fn thread_memberships(&self, pid: i32) -> Vec<Membership> {
        let threads = std::fs::read_dir(self.pid_file(pid, "task"));
        let threads = threads.into_iter().flatten().flatten();
        threads
            .filter_map(|thread| kernel_file(&thread.path().join("cgroup")).ok())
            .map(|bytes| Membership::parse(&bytes))
            .collect()
    }

    /// A file of `/proc/PID`.
    pub fn pid_file(&self, pid: i32, name: &str) -> PathBuf {
        let mut path = self.proc.join(pid.to_string());
        path.push(name);
        path
    }
}

/// Whether there is a process of this number, asked without procfs.
fn exists(pid: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let gone = Err(rustix::io::Errno::SRCH);
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != gone)
}

/// Whether `/proc/filesystems` lists resctrl: the kernel does only where the CPU has it.
pub fn knows_resctrl(filesystems: &str) -> bool {
    filesystems
        .lines()
        .any(|line| line.trim_start_matches("nodev").trim() == "resctrl")
}

/// The resctrl mount point in mountinfo, of those below `host`.
fn resctrl_mount(mountinfo: &[u8], host: Option<&Path>) -> Option<PathBuf> {
    let host = host.unwrap_or(Path::new("/"));
    let mut mounts = mounts::mounts(mountinfo).into_iter();
    let found = mounts.find(|mount| mount.kind == "resctrl" && mount.point.starts_with(host));
    found.map(|mount| mount.point)
}

/// A path of the host, without its leading `/`.
fn below(host: Option<&Path>, path: &str) -> PathBuf {
    host.unwrap_or(Path::new("/")).join(path)
}

fn host(proc: &Path, hierarchies: &Hierarchies) -> Host {
    let text = |name: &str| {
        kernel_text(&proc.join(name))
            .ok()
            .flatten()
            .unwrap_or_default()
    };
    let stat = text("stat");
    let booted = || {
        let line = stat.lines().find_map(|line| line.strip_prefix("btime"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    let cpus = stat
        .lines()
        .filter(|line| line.starts_with("cpu"))
        .count()
        .saturating_sub(1);
    let uname = rustix::system::uname();
    Host {
        name: crate::text::visible_bytes(uname.nodename().to_bytes()),
        kernel: crate::text::visible_bytes(uname.release().to_bytes()),
        cgroups: hierarchies.mode(),
        resctrl: false,
        cpus: u32::try_from(cpus.max(1)).unwrap_or(1),
        memory: parse_meminfo(&text("meminfo")).total.unwrap_or(0),
        root: rustix::process::geteuid().is_root(),
        ticks: rustix::param::clock_ticks_per_second(),
        boot: booted().unwrap_or(0),
        out_of_sight: None,
        dir: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_of_resctrl_is_found_whatever_its_name() {
        let text = b"31 23 0:28 / /r rw - tmpfs resctrl rw\n\
            40 31 0:93 / /my\\040resctrl rw shared:3 - resctrl resctrl rw\n";
        assert_eq!(resctrl_mount(text, None), Some("/my resctrl".into()));
        assert_eq!(resctrl_mount(text, Some(Path::new("/host"))), None);
    }
}
