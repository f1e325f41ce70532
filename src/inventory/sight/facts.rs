//! What [`Sight`](super::Sight) is judged from: namespaces, the mount of procfs, the hierarchies that
//! exist.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::UNIFIED;
use crate::cgroup::Hierarchies;
use crate::cgroup::hierarchy::is_cgroupfs;
use crate::kernel::read::{is_gone, kernel_file, kernel_text};

/// The host's own namespaces (`include/linux/proc_ns.h`).
pub(super) const INITIAL_PID: u64 = 0xEFFF_FFFC;
pub(super) const INITIAL_CGROUP: u64 = 0xEFFF_FFFB;
/// Fixed since 6.18; before, the first number that is given out, and it is never free again.
pub(super) const INITIAL_MOUNT: [u64; 2] = [0xEFFF_FFF8, 0xF000_0000];

/// `PROC_SUPER_MAGIC` (statfs(2)).
const PROC: u64 = 0x9fa0;

/// `CAP_SYS_PTRACE`, as a bit of `CapEff` (capabilities(7)).
const SYS_PTRACE: u64 = 1 << 19;

/// What stands where procfs should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proc {
    /// procfs.
    #[default]
    Mounted,
    /// A plain tree that stands for a machine.
    Tree,
    /// Nothing, or what tells nothing of ocitop itself.
    Missing,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct SightFacts {
    /// What stands where procfs should.
    pub proc: Proc,
    /// Where `/proc/self` leads.
    pub self_link: Option<i32>,
    /// getpid(2).
    pub own_pid: i32,
    /// How many pids ocitop has, from that procfs' namespace down (`NSpid`).
    pub pids_of_self: Option<usize>,
    /// The kernel has pid namespaces.
    pub has_pid_namespaces: bool,
    /// The kernel has cgroup namespaces.
    pub has_cgroup_namespaces: bool,
    /// ocitop's pid namespace.
    pub pid_namespace: Option<u64>,
    /// ocitop's cgroup namespace.
    pub cgroup_namespace: Option<u64>,
    /// That of pid 1, if it may be read.
    pub cgroup_namespace_of_1: Option<u64>,
    /// ocitop's mount namespace.
    pub mount_namespace: Option<u64>,
    /// That of pid 1, if it may be read.
    pub mount_namespace_of_1: Option<u64>,
    /// procfs hides processes of others, and ocitop may not look behind that.
    pub hides: bool,
    /// The hierarchies that exist, as `/proc/self/cgroup` names them.
    pub active: Vec<String>,
    /// `/proc/self/cgroup` is there and could not be read.
    pub active_unread: bool,
    /// `/proc/self/mountinfo` is there and could not be read.
    pub mounts_unread: bool,
    /// Which mounts of hierarchies are the kernel's, and no tree that stands for them.
    pub real_mounts: BTreeSet<PathBuf>,
}

impl SightFacts {
    /// Reads them. Where `stands_in` is set, a plain tree in place of procfs is no mistake. No
    /// `mountinfo` is one that could not be read.
    pub fn read(
        proc: &Path,
        stands_in: bool,
        mountinfo: Option<&[u8]>,
        hierarchies: &Hierarchies,
    ) -> Self {
        let own = proc.join("self");
        let status = kernel_text(&own.join("status")).ok().flatten();
        let status = status.unwrap_or_default();
        let is_procfs = is_procfs(proc);
        let silent = status.is_empty() && own.symlink_metadata().is_err();
        let listed = kernel_file(&own.join("cgroup"));
        // A kernel without cgroups has no such file.
        let active_unread =
            is_procfs && !silent && listed.as_ref().is_err_and(|error| !is_gone(error));
        let memberships = listed.unwrap_or_default();
        Self {
            proc: match is_procfs {
                true if silent => Proc::Missing,
                true => Proc::Mounted,
                false if stands_in && proc.is_dir() => Proc::Tree,
                false => Proc::Missing,
            },
            self_link: std::fs::read_link(&own)
                .ok()
                .and_then(|link| link.to_str()?.parse().ok()),
            own_pid: i32::try_from(std::process::id()).unwrap_or_default(),
            pids_of_self: field(&status, "NSpid:").map(|pids| pids.split_whitespace().count()),
            has_pid_namespaces: own.join("ns/pid").symlink_metadata().is_ok(),
            has_cgroup_namespaces: own.join("ns/cgroup").symlink_metadata().is_ok(),
            pid_namespace: namespace(proc, "self", "pid"),
            cgroup_namespace: namespace(proc, "self", "cgroup"),
            cgroup_namespace_of_1: namespace(proc, "1", "cgroup"),
            mount_namespace: namespace(proc, "self", "mnt"),
            mount_namespace_of_1: namespace(proc, "1", "mnt"),
            hides: hides(proc, mountinfo.unwrap_or_default(), &status)
                // How procfs is mounted is not known: what is not found is asked for beside it.
                || (is_procfs && mountinfo.is_none() && !is_capable(&status)),
            active: active(&memberships),
            active_unread,
            mounts_unread: is_procfs && !silent && mountinfo.is_none(),
            real_mounts: real(hierarchies),
        }
    }
}

/// The number of a namespace: that of the file its link leads to.
fn namespace(proc: &Path, pid: &str, kind: &str) -> Option<u64> {
    let link = proc.join(pid).join("ns").join(kind);
    std::fs::metadata(link).ok().map(|found| found.ino())
}

/// Whether a directory is the mount of a procfs.
pub fn is_procfs(dir: &Path) -> bool {
    magic(dir) == Some(PROC)
}

fn magic(path: &Path) -> Option<u64> {
    let found = rustix::fs::statfs(path).ok()?;
    u64::try_from(found.f_type).ok()
}

fn real(hierarchies: &Hierarchies) -> BTreeSet<PathBuf> {
    let mounts = hierarchies.iter().map(|hierarchy| &hierarchy.mount);
    // What cannot be asked is no tree that stands for one.
    let real = mounts.filter(|mount| is_cgroupfs(mount).unwrap_or(true));
    real.cloned().collect()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// The second field of each line of `/proc/PID/cgroup` (cgroups(7)); v2 has none.
fn active(memberships: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(memberships);
    let name = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let (number, controllers) = (fields.next()?, fields.next()?);
        Some(if number == "0" && controllers.is_empty() {
            UNIFIED.to_owned()
        } else {
            controllers.to_owned()
        })
    };
    text.lines().filter_map(name).collect()
}

/// Whether ocitop may look behind a `hidepid`.
fn is_capable(status: &str) -> bool {
    field(status, "CapEff:")
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .is_some_and(|bits| bits & SYS_PTRACE != 0)
}

/// Whether procfs is mounted with a `hidepid` (proc(5)) that ocitop cannot look behind.
fn hides(proc: &Path, mountinfo: &[u8], status: &str) -> bool {
    let text = String::from_utf8_lossy(mountinfo);
    // The last mount at this place is the one that is seen.
    let line = text.lines().rfind(|line| {
        let point = line.split(' ').nth(4).unwrap_or_default();
        Path::new(point) == proc && line.contains(" - proc ")
    });
    let options = line
        .and_then(|line| line.rsplit(' ').next())
        .unwrap_or_default();
    let option = |name: &str| {
        options
            .split(',')
            .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    };
    let hidden = option("hidepid").is_some_and(|value| !matches!(value, "0" | "off"));
    let capable = is_capable(status);
    // `gid=` names a group that sees all, save where only what can be traced is shown.
    let member = option("gid").is_some_and(|gid| {
        field(status, "Groups:")
            .is_some_and(|groups| groups.split_whitespace().any(|own| own == gid))
            && !matches!(option("hidepid"), Some("4" | "ptraceable"))
    });
    hidden && !capable && !member
}
