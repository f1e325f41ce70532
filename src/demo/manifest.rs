//! What a lab leaves behind if it dies: written down before it is made, so that the next lab can
//! remove it.
//!
//! A manifest is believed only in a directory that is the user's own, mode 0700, and bears the name
//! of the lab it describes; only cgroups of that very name are removed, and only processes with the
//! recorded start time, or found in those cgroups, are killed.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::kernel::read::{self, ReadError};
use crate::process::{InitProcess, ProcStat};

/// How every lab's directory begins.
pub(super) const PREFIX: &str = "ocitop-demo-";
/// The manifest's name in it.
const FILE: &str = "lab.json";
const CAP: u64 = 1 << 20;

/// One lab: whose it is and what it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The ocitop that made the lab. It and its lab go together.
    pub owner: InitProcess,
    /// The boot and the pid namespace in which the pids here mean something.
    pub host: PidSpace,
    /// The lab's directory in each cgroup hierarchy.
    pub cgroups: Vec<PathBuf>,
    /// The lab's processes.
    pub processes: Vec<InitProcess>,
    /// Its directory for files on a disk, beside the one that holds this manifest.
    pub scratch: Option<PathBuf>,
}

/// Where a pid means something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PidSpace {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
    /// `/proc/self/ns/pid`.
    pub pid_namespace: String,
}

impl PidSpace {
    /// This one, now.
    pub fn current() -> io::Result<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let pid_namespace = fs::read_link("/proc/self/ns/pid")?;
        Ok(Self {
            boot: boot.trim().to_owned(),
            pid_namespace: pid_namespace.to_string_lossy().into_owned(),
        })
    }
}

/// Why a directory that looks like a lab is left alone.
#[derive(Debug, thiserror::Error)]
pub enum NotOurLab {
    /// Someone else's.
    #[error("it belongs to uid {0}")]
    Owner(u32),
    /// Others may write there.
    #[error("its mode is {0:04o}, not 0700")]
    Mode(u32),
    /// Another lab's manifest.
    #[error("its manifest describes another lab")]
    Name,
    /// Another boot's or container's: its pids mean nothing here.
    #[error("its pids belong to another pid namespace")]
    Namespace,
    /// The manifest cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The manifest cannot be parsed.
    #[error("parse {FILE}")]
    Syntax(#[from] serde_json::Error),
    /// The directory cannot be opened.
    #[error("open it")]
    Open(#[from] io::Error),
}

impl Manifest {
    /// The name of the lab of `owner`: its directory's and its cgroups'.
    pub fn name_for(owner: InitProcess) -> String {
        format!("{PREFIX}{}-{}", owner.pid, owner.start_time)
    }

    /// This lab's name.
    pub fn name(&self) -> String {
        Self::name_for(self.owner)
    }

    /// Writes it into the lab's directory, at once or not at all.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        let draft = dir.join(".lab.json");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        fs::rename(draft, dir.join(FILE))
    }

    /// Reads the manifest of the lab `name` in `base`, if everything about it can be believed.
    pub fn load(base: &Path, name: &OsStr) -> Result<Self, NotOurLab> {
        let dir = own_dir(base, name)?;
        let bytes = read::file_beneath(&dir, FILE, CAP)?;
        let manifest: Self = serde_json::from_slice(&bytes)?;
        let names = |path: &PathBuf| path.file_name() == Some(name);
        let honest = manifest.name().as_str() == name
            && manifest.cgroups.iter().all(names)
            && manifest.scratch.iter().all(names);
        if honest {
            Ok(manifest)
        } else {
            Err(NotOurLab::Name)
        }
    }

    /// Whether the lab's owner is gone; an error if that cannot be told from here.
    pub fn is_abandoned(&self, here: &PidSpace) -> Result<bool, NotOurLab> {
        if self.host.boot != here.boot {
            return Ok(true);
        }
        if self.host.pid_namespace != here.pid_namespace {
            return Err(NotOurLab::Namespace);
        }
        Ok(!is_alive(self.owner))
    }
}

/// Opens a directory that is this user's alone.
pub(super) fn own_dir(base: &Path, name: &OsStr) -> Result<OwnedFd, NotOurLab> {
    let base = read::open_dir(base)?;
    let dir = read::open_dir_beneath(&base, name)?;
    let stat = rustix::fs::fstat(&dir).map_err(io::Error::from)?;
    let me = rustix::process::geteuid().as_raw();
    trust(stat.st_uid, stat.st_mode, me)?;
    Ok(dir)
}

fn trust(owner: u32, mode: u32, me: u32) -> Result<(), NotOurLab> {
    if owner != me {
        return Err(NotOurLab::Owner(owner));
    }
    match mode & 0o7777 {
        0o700 => Ok(()),
        mode => Err(NotOurLab::Mode(mode)),
    }
}

/// The process `pid` as it is now, beyond doubt.
pub(super) fn identify(pid: i32) -> Option<InitProcess> {
    let stat = read::kernel_file(Path::new(&format!("/proc/{pid}/stat"))).ok()?;
    let start_time = ProcStat::parse(&stat)?.start_time;
    Some(InitProcess { pid, start_time })
}

fn is_alive(process: InitProcess) -> bool {
    let stat = read::kernel_file(Path::new(&format!("/proc/{}/stat", process.pid)));
    let stat = stat.ok().and_then(|bytes| ProcStat::parse(&bytes));
    stat.is_some_and(|stat| stat.start_time == process.start_time && !stat.is_dead())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_own_closed_directory_is_trusted() {
        assert!(trust(1000, 0o40700, 1000).is_ok());
        assert!(matches!(trust(0, 0o40700, 1000), Err(NotOurLab::Owner(0))));
        assert!(matches!(
            trust(1000, 0o40755, 1000),
            Err(NotOurLab::Mode(0o755))
        ));
        assert!(matches!(
            trust(1000, 0o41700, 1000),
            Err(NotOurLab::Mode(0o1700))
        ));
    }

    #[test]
    fn a_recycled_pid_is_not_the_owner() {
        let me = identify(std::process::id().cast_signed()).unwrap();
        assert!(is_alive(me));
        let other = InitProcess {
            start_time: me.start_time + 1,
            ..me
        };
        assert!(!is_alive(other));
    }
}
