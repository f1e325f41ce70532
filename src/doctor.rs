//! What this host offers to ocitop (`ocitop doctor`): facts as data, and what each missing one
//! means. Nothing is run and nothing is changed; binaries are only looked for.

mod lack;
mod resctrl;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode as FileMode, OFlags, ResolveFlags};
use rustix::process::{PidfdFlags, Resource, getpid, getrlimit, pidfd_open};
use serde::Serialize;

pub use lack::Lack;
pub use resctrl::ResctrlOffers;

use crate::cgroup::{Hierarchies, Mode, Version};
use crate::config::Config;
use crate::inventory::machine::knows_resctrl;
use crate::inventory::{Machine, OutOfSight, RootOrigin, RootState, Scanner};
use crate::kernel::read::kernel_text;
use crate::kernel::refused::{Obstacle, Refused};
use crate::oci::RuntimeKind;

/// Everything found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The kernel and what it can do.
    pub kernel: KernelReport,
    /// The cgroup hierarchies.
    pub cgroups: CgroupsReport,
    /// Whether pressure is measured (PSI).
    pub pressure: bool,
    /// Intel RDT and its like.
    pub resctrl: ResctrlReport,
    /// The runtimes installed.
    pub runtimes: Vec<Installed>,
    /// The state roots.
    pub roots: Vec<RootReport>,
    /// What ocitop may do.
    pub privileges: Privileges,
    /// Whether ocitop sees the host or a container.
    pub namespaces: Vec<NamespaceReport>,
    /// What of the host cannot be seen from here.
    pub out_of_sight: Vec<OutOfSight>,
    /// The terminal.
    pub terminal: Terminal,
    /// How many files ocitop may hold open.
    pub files: FilesReport,
    /// What is missing, and what that means.
    pub lacks: Vec<Lack>,
}

/// The kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KernelReport {
    /// `uname -r`.
    pub release: String,
    /// pidfd_open(2): a process can be held, so that a signal never meets another.
    pub pidfd: bool,
    /// openat2(2): a state root's files can be opened without leaving it.
    pub openat2: bool,
    /// `cgroup.kill` (5.14); `None` without cgroup v2.
    pub cgroup_kill: Option<bool>,
    /// `cgroup.freeze` (5.2); `None` without cgroup v2.
    pub cgroup_freeze: Option<bool>,
}

/// The cgroup hierarchies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupsReport {
    /// How they are mounted.
    pub mode: Mode,
    /// The mounts.
    pub mounts: Vec<MountReport>,
}

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountReport {
    /// Where.
    pub path: PathBuf,
    /// v1 or v2.
    pub version: Version,
    /// Its controllers.
    pub controllers: Vec<String>,
    /// Mounted read-only.
    pub read_only: bool,
}

/// resctrl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResctrlReport {
    /// Where it is mounted.
    pub mount: Option<PathBuf>,
    /// Whether the kernel knows it (it does only where the CPU does).
    pub supported: bool,
    /// What the mount offers; `None` without one that can be read.
    pub offers: Option<ResctrlOffers>,
}

/// Where a runtime's program is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// The runtime.
    pub runtime: RuntimeKind,
    /// Its program, if it is in one of the usual places.
    pub path: Option<PathBuf>,
}

/// One state root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootReport {
    /// Its path.
    pub path: PathBuf,
    /// Named on the command line.
    pub given: bool,
    /// What came of reading it.
    #[serde(flatten)]
    pub state: RootFact,
}

/// What came of reading a state root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RootFact {
    /// Read.
    Readable {
        /// Container directories in it.
        containers: usize,
    },
    /// It does not exist.
    Absent,
    /// It cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// It is not followed or entered.
    Refused {
        /// Which part of the path, and why; safe to print.
        reason: String,
        /// What stands there.
        obstacle: Obstacle,
    },
}

/// What ocitop may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Privileges {
    /// Effective user id.
    pub euid: u32,
    /// The capabilities that matter here, effective or not.
    pub capabilities: BTreeMap<&'static str, bool>,
}

/// One namespace that ocitop runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamespaceReport {
    /// `pid`, `cgroup` or `user`.
    pub name: &'static str,
    /// Whether it is the host's; `None` if that cannot be told.
    pub initial: Option<bool>,
}

/// The terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Terminal {
    /// Whether stdout is one.
    pub tty: bool,
    /// `TERM`.
    pub term: Option<String>,
    /// Whether the locale is a UTF-8 one.
    pub utf8: bool,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
}

/// Limits of open files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilesReport {
    /// The limit now; `None` is none.
    pub soft: Option<u64>,
    /// What ocitop may raise it to.
    pub hard: Option<u64>,
}

/// Where runtimes are looked for. Not `PATH`: as root that may name what others can write.
const PROGRAM_DIRS: [&str; 8] = [
    "/usr/bin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/usr/libexec",
    "/usr/lib/cri-o-runc/sbin",
];

/// The capabilities that matter, by their bit (capabilities(7)).
const CAPABILITIES: [(&str, u32); 6] = [
    ("dac_override", 1),
    ("dac_read_search", 2),
    ("kill", 5),
    ("sys_ptrace", 19),
    ("sys_admin", 21),
    ("sys_resource", 24),
];

/// The host's own namespaces have fixed inode numbers (`include/linux/proc_ns.h`).
const INITIAL_NAMESPACES: [(&str, u64); 3] = [
    ("pid", 0xEFFF_FFFC),
    ("cgroup", 0xEFFF_FFFB),
    ("user", 0xEFFF_FFFD),
];

/// Looks this host over.
pub fn examine(config: &Config) -> Report {
    let machine = Machine::new(&config.roots);
    let proc = &config.roots.proc;
    let status = text(&proc.join("self/status"));
    let mut report = Report {
        kernel: kernel(&machine),
        cgroups: cgroups(&machine.hierarchies),
        pressure: matches!(kernel_text(&proc.join("pressure/cpu")), Ok(Some(_))),
        resctrl: ResctrlReport {
            supported: machine.resctrl.is_some() || knows_resctrl(&text(&proc.join("filesystems"))),
            offers: machine.resctrl.as_deref().and_then(resctrl::offered),
            mount: machine.resctrl.clone(),
        },
        runtimes: runtimes(&PROGRAM_DIRS.map(PathBuf::from)),
        out_of_sight: machine.sight.doubts(),
        roots: roots(machine),
        privileges: Privileges {
            euid: rustix::process::geteuid().as_raw(),
            capabilities: capabilities(&status),
        },
        namespaces: INITIAL_NAMESPACES
            .map(|(name, initial)| namespace(proc, name, initial))
            .to_vec(),
        terminal: terminal(|name| std::env::var_os(name)),
        files: files(),
        lacks: Vec::new(),
    };
    report.lacks = lack::of(&report);
    report
}

fn text(path: &Path) -> String {
    kernel_text(path).ok().flatten().unwrap_or_default()
}

fn kernel(machine: &Machine) -> KernelReport {
    let release = machine.host.kernel.clone();
    let v2 = machine.hierarchies.v2().map(|v2| v2.mount.as_path());
    let has = |file, since| v2.map(|mount| offers(mount, file, &release, since));
    let root = rustix::fs::openat2(
        rustix::fs::CWD,
        "/",
        OFlags::PATH | OFlags::CLOEXEC,
        FileMode::empty(),
        ResolveFlags::empty(),
    );
    KernelReport {
        pidfd: pidfd_open(getpid(), PidfdFlags::empty()).is_ok(),
        openat2: root.is_ok(),
        cgroup_kill: has("cgroup.kill", (5, 14)),
        cgroup_freeze: has("cgroup.freeze", (5, 2)),
        release,
    }
}

/// Whether cgroup v2 has `file`. The root cgroup does not show it; without any other cgroup to look
/// at, the version decides.
fn offers(mount: &Path, file: &str, release: &str, since: (u32, u32)) -> bool {
    let entries = std::fs::read_dir(mount).into_iter().flatten().flatten();
    let is_dir = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let mut below = entries.filter(is_dir).map(|entry| entry.path());
    match below.next() {
        Some(dir) => dir.join(file).exists(),
        None => version(release).is_some_and(|version| version >= since),
    }
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn cgroups(hierarchies: &Hierarchies) -> CgroupsReport {
    let mount = |hierarchy: &crate::cgroup::Hierarchy| MountReport {
        path: hierarchy.mount.clone(),
        version: hierarchy.version,
        controllers: match hierarchy.version {
            Version::V1 => hierarchy.controllers.clone(),
            Version::V2 => text(&hierarchy.mount.join("cgroup.controllers"))
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
        },
        read_only: hierarchy.read_only,
    };
    CgroupsReport {
        mode: hierarchies.mode(),
        mounts: hierarchies.iter().map(mount).collect(),
    }
}

fn runtimes(dirs: &[PathBuf]) -> Vec<Installed> {
    let is_program = |path: &PathBuf| {
        path.metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun]
        .map(|runtime| Installed {
            runtime,
            path: dirs
                .iter()
                .map(|dir| dir.join(runtime.as_str()))
                .find(is_program),
        })
        .to_vec()
}

fn roots(machine: Machine) -> Vec<RootReport> {
    let views = Scanner::status_only(machine).scan().roots;
    let root = |view: crate::inventory::RootView| RootReport {
        path: view.path.to_path_buf(),
        given: view.origin == RootOrigin::Given,
        state: match view.state {
            RootState::Read(containers) => RootFact::Readable { containers },
            RootState::Absent => RootFact::Absent,
            RootState::Failed(reason) => match Refused::find(&view.path) {
                Some(Refused { obstacle, .. }) => RootFact::Refused { reason, obstacle },
                None => RootFact::Unreadable { reason },
            },
        },
    };
    views.into_iter().map(root).collect()
}

fn capabilities(status: &str) -> BTreeMap<&'static str, bool> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    let bits = bits.unwrap_or(0);
    CAPABILITIES
        .into_iter()
        .map(|(name, bit)| (name, bits & (1 << bit) != 0))
        .collect()
}

fn namespace(proc: &Path, name: &'static str, initial: u64) -> NamespaceReport {
    let link = std::fs::read_link(proc.join("self/ns").join(name));
    let link = link
        .ok()
        .and_then(|link| link.into_os_string().into_string().ok());
    NamespaceReport {
        name,
        initial: link.map(|link| link == format!("{name}:[{initial}]")),
    }
}

fn terminal(variable: impl Fn(&str) -> Option<OsString>) -> Terminal {
    let set = |name: &str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.map(|value| crate::text::visible(&value.to_string_lossy()))
    };
    let locale = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    Terminal {
        tty: std::io::stdout().is_terminal(),
        term: set("TERM"),
        utf8: locale.contains("utf-8") || locale.contains("utf8"),
        no_color: set("NO_COLOR").is_some(),
    }
}

fn files() -> FilesReport {
    let limit = getrlimit(Resource::Nofile);
    FilesReport {
        soft: limit.current,
        hard: limit.maximum,
    }
}

#[cfg(test)]
mod tests;
