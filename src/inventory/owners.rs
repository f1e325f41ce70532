//! Who else on this host knows a container by its id: the records of the engines above the runtimes,
//! and the processes that are told an id on their command line (containerd-shim(8) `-id`, conmon(8)
//! `-c`). What nobody here knows may be a leftover; what could not be read is said, because then
//! nobody can be sure.
//!
//! Reading only, and bounded: directories are listed and never entered, and a command line, which
//! waits for a lock of its process, is read on a thread that can be left behind.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::Machine;
use super::mounts;
use crate::kernel::bounded::{Bounded, Unanswered};
use crate::kernel::read::{is_gone, kernel_file, kernel_record};
use crate::text::{visible_bytes, visible_path};

/// All command lines together may take this long.
const WITHIN: Duration = Duration::from_millis(300);
/// Most entries of one directory that are listed, and most processes looked at.
const MOST: usize = 100_000;

/// How the commands begin that are told a container's id: shims, monitors, and the runtimes while
/// they make or remove one. A command is cut after 15 bytes.
const TELLING: [&str; 14] = [
    "containerd-shim",
    "docker-containe",
    "docker",
    "podman",
    "buildah",
    "nerdctl",
    "ctr",
    "conmon",
    "runc",
    "crun",
    "youki",
    "kata",
    "runsc",
    "lxc",
];

/// Who knows an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// An engine has a record of it, at this path.
    Record(PathBuf),
    /// A process was told it.
    Process {
        /// Its pid.
        pid: i32,
        /// Its command, safe to print.
        command: String,
    },
}

impl Owner {
    /// Whether it is a record that `path` lies in.
    pub fn is_above(&self, path: &Path) -> bool {
        matches!(self, Self::Record(record) if path.starts_with(record))
    }

    /// In words, safe to print.
    pub fn words(&self) -> String {
        match self {
            Self::Record(path) => format!("{} is its record", visible_path(path)),
            Self::Process { pid, command } => format!("pid {pid} ({command}) was told its id"),
        }
    }
}

/// What the host knows of containers besides the runtimes' own records.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    records: BTreeMap<OsString, PathBuf>,
    words: BTreeMap<Vec<u8>, (i32, String)>,
    /// What could not be read, with the reason, safe to print.
    pub unread: Vec<String>,
}

impl Owners {
    /// Reads them.
    pub fn read(machine: &Machine) -> Self {
        let mut owners = Self::default();
        let mountinfo = kernel_file(&machine.proc.join("self/mountinfo")).unwrap_or_default();
        let mounts = mounts::mounts(&mountinfo);
        for (dir, depth) in record_dirs(machine) {
            // What the host itself runs on answers; another remote file system may never.
            let on_root = mounts::above(&dir, &mounts).is_some_and(|at| at.point == Path::new("/"));
            let remote = mounts::behind(&dir, &mounts).filter(|at| at.point != Path::new("/"));
            // Names are listed: a mount among them is not entered.
            if remote.is_some_and(|at| !(on_root && at.point.starts_with(&dir))) {
                let path = visible_path(&dir);
                owners
                    .unread
                    .push(format!("{path}: on a file system that may never answer"));
                continue;
            }
            owners.list(&dir, depth);
        }
        owners.ask(machine);
        owners
    }

    /// Who knows `id`.
    pub fn of(&self, id: &str) -> Option<Owner> {
        if let Some(path) = self.records.get(OsStr::new(id)) {
            return Some(Owner::Record(path.clone()));
        }
        let (pid, command) = self.words.get(id.as_bytes())?;
        Some(Owner::Process {
            pid: *pid,
            command: command.clone(),
        })
    }

    /// The names in a directory are ids; or, deeper, those in the directories in it.
    fn list(&mut self, dir: &Path, depth: usize) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => return,
            Err(error) => {
                let path = visible_path(dir);
                self.unread.push(format!("{path}: {error}"));
                return;
            }
        };
        for entry in entries.flatten().take(MOST) {
            if depth > 0 {
                self.list(&entry.path(), depth - 1);
            } else {
                self.records.insert(entry.file_name(), entry.path());
            }
        }
    }

    /// Reads what shims and the like were told, all on one thread.
    fn ask(&mut self, machine: &Machine) {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&machine.proc)
            .into_iter()
            .flatten()
            .flatten()
            .take(MOST)
        {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // The name alone, which never waits: few processes are any of these.
            let comm = kernel_record(&machine.pid_file(pid, "comm")).unwrap_or_default();
            if TELLING.iter().any(|word| comm.starts_with(word.as_bytes())) {
                let command = visible_bytes(comm.trim_ascii_end());
                files.push((pid, command, machine.pid_file(pid, "cmdline")));
            }
        }
        if files.is_empty() {
            return;
        }
        let asked = files.len();
        let read = move || {
            let line = |(pid, command, file): (i32, String, PathBuf)| {
                (pid, command, kernel_file(&file).unwrap_or_default())
            };
            files.into_iter().map(line).collect::<Vec<_>>()
        };
        match Bounded::reads().ask(WITHIN, read) {
            Ok(lines) => {
                for (pid, command, line) in lines {
                    let words = line.split(|byte| *byte == 0).filter(|word| word.len() > 1);
                    let told = words.map(|word| (word.to_vec(), (pid, command.clone())));
                    self.words.extend(told);
                }
            }
            Err(Unanswered::Late(_) | Unanswered::NotAsked(_)) => self.unread.push(format!(
                "the command lines of {asked} shims and monitors: they do not answer"
            )),
        }
    }
}

/// Where engines keep a directory or a file for each container, and how deep the ids are below it.
fn record_dirs(machine: &Machine) -> Vec<(PathBuf, usize)> {
    let lib = machine.var.join("lib");
    let run = &machine.run;
    let storage = "containers/storage";
    let mut dirs = vec![
        (lib.join("docker/containers"), 0),
        (
            run.join("docker/containerd/daemon/io.containerd.runtime.v2.task"),
            1,
        ),
        (run.join("containerd/io.containerd.runtime.v2.task"), 1),
        (lib.join("containerd/io.containerd.runtime.v2.task"), 1),
        (run.join("crio"), 0),
        (lib.join("lxc"), 0),
    ];
    for drivers in ["overlay-containers", "vfs-containers", "btrfs-containers"] {
        dirs.push((lib.join(storage).join(drivers), 0));
        dirs.push((run.join(storage).join(drivers), 0));
    }
    // Rootless podman: the part that is of this boot.
    let users = std::fs::read_dir(run.join("user")).into_iter().flatten();
    for user in users.flatten().take(MOST) {
        let run = user.path().join("containers");
        dirs.push((run.join("overlay-containers"), 0));
        dirs.push((run.join("vfs-containers"), 0));
    }
    dirs
}
