//! Who else on this host knows a container by its id: the records of the engines above the runtimes,
//! and the processes that are told an id on their command line (containerd-shim(8) `-id`, `-workdir`
//! of its first version, conmon(8) `-c`). What nobody here knows may be a leftover; what could not be read is said, because then
//! nobody can be sure.
//!
//! Reading only, and bounded: directories are listed and never entered, and a command line, which
//! waits for a lock of its process, is read on a thread that can be left behind.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::Machine;
use super::engine::Engine;
use super::mounts;
use super::unread::{Place, Unread, WhyUnread};
use crate::kernel::bounded::{Bounded, NotAsked, Unanswered};
use crate::kernel::read::{is_gone, kernel_file, kernel_record};
use crate::text::{visible_bytes, visible_path};

/// All command lines together may take this long. They take milliseconds, unless the process is stuck
/// or the machine is so busy that its answer has to be waited for.
const WITHIN: Duration = Duration::from_secs(2);
/// Most entries of one directory that are listed, and most processes looked at; that there are more
/// is said.
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

/// Those of them that hold a container for as long as it lives: what they start is theirs.
const MONITORS: [&str; 3] = ["containerd-shim", "docker-containe", "conmon"];

/// Whether a command is that of a shim or a monitor.
pub fn is_monitor(command: &[u8]) -> bool {
    MONITORS
        .iter()
        .any(|name| command.starts_with(name.as_bytes()))
}

/// Who knows an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// An engine has a record of it, at this path.
    Record(PathBuf),
    /// A process was told it.
    Process(Told),
}

/// A process that was told an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its pid.
    pub pid: i32,
    /// Its command, safe to print.
    pub command: String,
    /// The engine that a shim or a monitor works for.
    pub engine: Option<Engine>,
}

impl Told {
    /// In words: `the shim, pid 7 (containerd-shim), holds it`.
    pub fn words(&self) -> String {
        let Self { pid, command, .. } = self;
        match () {
            () if command.starts_with("conmon") => {
                format!("the monitor, pid {pid} ({command}), holds it")
            }
            () if is_monitor(command.as_bytes()) => {
                format!("the shim, pid {pid} ({command}), holds it")
            }
            () => format!("pid {pid} ({command}) was told its id"),
        }
    }
}

impl Owner {
    /// The engine to be asked.
    pub fn engine(&self) -> Option<Engine> {
        match self {
            Self::Record(path) => Engine::of_record(path),
            Self::Process(told) => told.engine.clone(),
        }
    }

    /// In words, safe to print.
    pub fn words(&self) -> String {
        match self {
            Self::Record(path) => format!("{} is its record", visible_path(path)),
            Self::Process(told) => told.words(),
        }
    }
}

/// What the host knows of containers besides the runtimes' own records.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    records: BTreeMap<OsString, Vec<PathBuf>>,
    words: BTreeMap<Vec<u8>, Vec<Told>>,
    /// What could not be read: who is not known there may have an owner all the same.
    pub unread: Vec<Unread>,
}

impl Owners {
    /// Reads them.
    pub fn read(machine: &Machine) -> Self {
        Self::read_within(machine, WITHIN)
    }

    /// Reads them, and waits so long for the command lines together.
    pub fn read_within(machine: &Machine, within: Duration) -> Self {
        let mut owners = Self::default();
        let mountinfo = kernel_file(&machine.proc.join("self/mountinfo")).unwrap_or_default();
        let mounts = mounts::mounts(&mountinfo);
        let (dirs, unlisted) = record_dirs(machine);
        owners.unread.extend(unlisted);
        for (dir, depth) in dirs {
            // What the host itself runs on answers; another remote file system may never.
            let on_root = mounts::above(&dir, &mounts).is_some_and(|at| at.point == Path::new("/"));
            let remote = mounts::behind(&dir, &mounts).filter(|at| at.point != Path::new("/"));
            // Names are listed: a mount among them is not entered.
            if remote.is_some_and(|at| !(on_root && at.point.starts_with(&dir))) {
                let unread = Unread::dir(&dir, WhyUnread::MayNeverAnswer);
                owners.unread.push(unread);
                continue;
            }
            owners.list(&dir, depth);
        }
        owners.ask(machine, within);
        owners
    }

    /// Who knows `id`: a process rather than a record, since a process is alive.
    pub fn of(&self, id: &str) -> Option<Owner> {
        self.process(id).or_else(|| {
            let path = self.records.get(OsStr::new(id))?.first()?;
            Some(Owner::Record(path.clone()))
        })
    }

    /// Who knows `id` besides the record that `path` lies in: that is where it is, and no owner.
    pub fn of_beyond(&self, id: &str, path: &Path) -> Option<Owner> {
        self.process(id).or_else(|| {
            let mut records = self.records.get(OsStr::new(id))?.iter();
            let beyond = records.find(|record| !path.starts_with(record))?;
            Some(Owner::Record(beyond.clone()))
        })
    }

    /// The shims and monitors that were told `id`.
    pub fn monitors_of(&self, id: &str) -> impl Iterator<Item = &Told> {
        let told = self.words.get(id.as_bytes()).into_iter().flatten();
        told.filter(|one| is_monitor(one.command.as_bytes()))
    }

    /// The engine of a shim or a monitor.
    pub fn engine_of(&self, monitor: i32) -> Option<Engine> {
        let mut told = self.words.values().flatten();
        told.find(|one| one.pid == monitor)?.engine.clone()
    }

    /// A shim or a monitor rather than another.
    fn process(&self, id: &str) -> Option<Owner> {
        let told = self.words.get(id.as_bytes())?;
        let one = self.monitors_of(id).next().or_else(|| told.first())?;
        Some(Owner::Process(one.clone()))
    }

    /// The names in a directory are ids; or, deeper, those in the directories in it.
    fn list(&mut self, dir: &Path, depth: usize) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => return,
            Err(error) => {
                self.unread.push(Unread::dir(dir, (&error).into()));
                return;
            }
        };
        for (count, entry) in entries.enumerate() {
            let entry = match entry {
                Ok(entry) if count < MOST => entry,
                Ok(_) => {
                    let unread = Unread::dir(dir, WhyUnread::TooMany(MOST));
                    self.unread.push(unread);
                    return;
                }
                Err(error) => {
                    self.unread.push(Unread::dir(dir, (&error).into()));
                    return;
                }
            };
            // A file among the directories of namespaces holds no ids.
            let is_dir = || !entry.file_type().is_ok_and(|kind| kind.is_file());
            if depth > 0 && is_dir() {
                self.list(&entry.path(), depth - 1);
            } else {
                let records = self.records.entry(entry.file_name()).or_default();
                records.push(entry.path());
            }
        }
    }

    /// Reads what shims and the like were told, all on one thread.
    fn ask(&mut self, machine: &Machine, within: Duration) {
        let Telling { asked, unread } = telling(machine);
        self.unread.extend(unread);
        if asked.is_empty() {
            return;
        }
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&heard);
        let files = asked.clone();
        let read = move || {
            for one in files {
                let line = kernel_file(&one.file);
                lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((one, line));
            }
        };
        let answer = Bounded::reads().ask(within, read);
        // Those before the one that does not answer have been heard.
        let heard = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
        let count = heard.len();
        for (one, line) in heard {
            self.hear(&one, line);
        }
        let silent = match answer {
            Ok(()) => None,
            Err(Unanswered::Late(_)) => asked.get(count).map(|one| (one.place(), WhyUnread::Late)),
            Err(Unanswered::NotAsked(why)) => {
                let why = match why {
                    NotAsked::NoThread(_) => WhyUnread::NoThread,
                    NotAsked::TooMany | NotAsked::Lost => WhyUnread::NotAsked,
                };
                Some((Place::CommandLines(asked.len()), why))
            }
        };
        let behind = asked.len().saturating_sub(count + 1);
        if let Some((place, why)) = silent {
            self.unread.push(Unread { place, why });
            if why == WhyUnread::Late && behind > 0 {
                let place = Place::CommandLines(behind);
                let why = WhyUnread::NotAsked;
                self.unread.push(Unread { place, why });
            }
        }
    }

    /// Takes in what one was told.
    fn hear(&mut self, one: &Teller, line: io::Result<Vec<u8>>) {
        match line {
            Ok(line) => {
                let engine = Engine::of(&one.command, &line);
                for word in told(&line) {
                    let told = self.words.entry(word.to_vec()).or_default();
                    told.push(Told {
                        pid: one.pid,
                        command: one.command.clone(),
                        engine: engine.clone(),
                    });
                }
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                let (place, why) = (one.place(), (&error).into());
                self.unread.push(Unread { place, why });
            }
        }
    }
}

/// A process that was told a container's id.
#[derive(Debug, Clone)]
struct Teller {
    pid: i32,
    /// Safe to print.
    command: String,
    file: PathBuf,
}

impl Teller {
    fn place(&self) -> Place {
        Place::CommandLine {
            pid: self.pid,
            command: self.command.clone(),
        }
    }
}

/// Whether a process with these words was told an id.
pub fn is_told(words: &[Vec<u8>], id: &str) -> bool {
    told(&words.join(&0)).contains(&id.as_bytes())
}

/// The words of a command line that may be an id. A shim of containerd 1.2 and before is told the id
/// by its working directory alone: `-workdir DIR/NAMESPACE/ID`.
fn told(line: &[u8]) -> Vec<&[u8]> {
    let mut told = Vec::new();
    let mut before: &[u8] = b"";
    for word in line.split(|byte| *byte == 0) {
        if matches!(before, b"-workdir" | b"--workdir") {
            let last = word.rsplit(|byte| *byte == b'/').next();
            told.extend(last.filter(|name| name.len() > 1));
        } else if word.len() > 1 {
            told.push(word);
        }
        before = word;
    }
    told
}

/// Who is to be asked what it was told.
#[derive(Debug, Default)]
struct Telling {
    asked: Vec<Teller>,
    unread: Vec<Unread>,
}

/// Every process whose command is one of those, as far as /proc shows the processes.
fn telling(machine: &Machine) -> Telling {
    let mut found = Telling::default();
    let entries = match std::fs::read_dir(&machine.proc) {
        Ok(entries) => entries,
        Err(error) => {
            let unread = Unread::dir(&machine.proc, (&error).into());
            found.unread.push(unread);
            return found;
        }
    };
    // Its pid 1 is always there, unless it is hidden.
    let mut hidden = Some(WhyUnread::Hidden);
    let mut count = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if pid == 1 {
            hidden = None;
        }
        if count == MOST {
            let unread = Unread::dir(&machine.proc, WhyUnread::TooMany(MOST));
            found.unread.push(unread);
            break;
        }
        count += 1;
        // The name alone, which never waits: few processes are any of these.
        match kernel_record(&machine.pid_file(pid, "comm")) {
            Ok(comm) if TELLING.iter().any(|word| comm.starts_with(word.as_bytes())) => {
                found.asked.push(Teller {
                    pid,
                    command: visible_bytes(comm.trim_ascii_end()),
                    file: machine.pid_file(pid, "cmdline"),
                });
            }
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => hidden = Some((&error).into()),
        }
    }
    found.asked.sort_by_key(|one| one.pid);
    let place = Place::Processes;
    found.unread.extend(hidden.map(|why| Unread { place, why }));
    found
}

/// Where engines keep a directory or a file for each container, and how deep the ids are below it.
fn record_dirs(machine: &Machine) -> (Vec<(PathBuf, usize)>, Option<Unread>) {
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
    let home = run.join("user");
    let users = match std::fs::read_dir(&home) {
        Ok(users) => users,
        Err(error) if is_gone(&error) => return (dirs, None),
        Err(error) => return (dirs, Some(Unread::dir(&home, (&error).into()))),
    };
    for user in users.flatten().take(MOST) {
        let run = user.path().join("containers");
        dirs.push((run.join("overlay-containers"), 0));
        dirs.push((run.join("vfs-containers"), 0));
    }
    (dirs, None)
}
