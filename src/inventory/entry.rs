//! One directory of a state root: who wrote it, and what it says.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FileType;

use super::problem::Problem;
use crate::kernel::Inode;
use crate::kernel::read::{CONFIG_CAP, STATE_CAP, file_beneath, open_dir_beneath, stat_beneath};
use crate::oci::record::{crun, runc, youki};
use crate::oci::{ContainerKey, Record, RecordError, RecordedCgroup, RuntimeKind};

/// How often a state file that looks torn is read again, a millisecond apart: youki rewrites
/// `state.json` in place.
const TORN_RETRIES: u32 = 5;

/// One container directory, read.
#[derive(Debug)]
pub struct Entry {
    /// Where it is.
    pub key: ContainerKey,
    /// The directory, open: what is read later is of this very directory.
    pub dir: OwnedFd,
    /// Its identity.
    pub inode: Inode,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Who wrote it, if that can be told; certain only with a record.
    pub runtime: Option<RuntimeKind>,
    /// What its state file says.
    pub record: Result<Record, Problem>,
    /// A lesser problem beside a good record.
    pub note: Option<Problem>,
    /// `exec.fifo` is there: created, not started (runc, crun).
    pub exec_fifo: bool,
}

/// How much of an entry is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The state file, and for youki its small config: enough for status and cgroups.
    State,
    /// crun's `config.json` too: hooks, annotations, namespaces.
    Full,
}

impl Entry {
    /// Reads the directory `key` names below the open root. An `Err` is an entry that is not a
    /// directory that can be opened.
    pub fn read(root: impl AsFd, key: &ContainerKey, depth: Depth) -> Result<Self, Problem> {
        let dir = open_dir_beneath(&root, key.name()).map_err(|error| {
            match stat_beneath(&root, key.name()) {
                Ok(Some(stat)) => match not_directory(FileType::from_raw_mode(stat.st_mode)) {
                    Some(kind) => Problem::NotDirectory(kind),
                    None => Problem::Open(error),
                },
                _ => Problem::Open(error),
            }
        })?;
        let stat = rustix::fs::fstat(&dir).map_err(|errno| Problem::Open(errno.into()))?;
        let mut entry = Self {
            key: key.clone(),
            inode: Inode {
                device: stat.st_dev,
                number: stat.st_ino,
            },
            uid: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            runtime: None,
            record: Err(Problem::Nothing),
            note: None,
            exec_fifo: false,
            dir,
        };
        entry.fill(depth);
        Ok(entry)
    }

    fn fill(&mut self, depth: Depth) {
        self.exec_fifo = self.has("exec.fifo");
        let (runtime, record) = self.read_state();
        self.runtime = runtime;
        self.record = record.and_then(|record| self.checked(record));
        let completed = match &mut self.record {
            Ok(record) => complete(&self.dir, record, depth),
            Err(_) => Ok(()),
        };
        self.note = completed.err();
    }

    fn has(&self, file: &str) -> bool {
        stat_beneath(&self.dir, OsStr::new(file)).is_ok_and(|stat| stat.is_some())
    }

    /// The id in the file must be the directory's name: everything else goes by that.
    fn checked(&self, record: Record) -> Result<Record, Problem> {
        self.key.id()?;
        if OsStr::new(&record.id) == self.key.name() {
            Ok(record)
        } else {
            Err(Problem::OtherId(record.id))
        }
    }

    /// Cheap to sure: `status` is crun's; `state.json` is told by its keys.
    fn read_state(&self) -> (Option<RuntimeKind>, Result<Record, Problem>) {
        let name = self.key.name().to_str().unwrap_or_default();
        match file_beneath(&self.dir, crun::STATUS, STATE_CAP) {
            Ok(bytes) => {
                let record = crun::parse(name, &bytes).map_err(Problem::Record);
                return (Some(RuntimeKind::Crun), record);
            }
            Err(error) if error.is_absent() => {}
            Err(error) => return (Some(RuntimeKind::Crun), Err(error.into())),
        }
        let mut tries = 0;
        loop {
            let bytes = match file_beneath(&self.dir, runc::STATE, STATE_CAP) {
                Ok(bytes) => bytes,
                Err(error) if error.is_absent() => return self.without_state(),
                Err(error) => return (self.guess(&[]), Err(error.into())),
            };
            let guess = self.guess(&bytes);
            let parsed = match guess {
                Some(RuntimeKind::Runc) => runc::parse(&bytes),
                _ => youki::parse(&bytes),
            };
            match parsed {
                Err(error) if may_settle(&error, tries) => {
                    tries += 1;
                    settle();
                }
                Err(error) => return (guess, Err(error.into())),
                Ok(record) => return (Some(record.runtime), Ok(record)),
            }
        }
    }

    fn without_state(&self) -> (Option<RuntimeKind>, Result<Record, Problem>) {
        match self.guess(&[]) {
            Some(runtime) => (Some(runtime), Err(Problem::NoState(runtime))),
            None => (None, Err(Problem::Nothing)),
        }
    }

    /// Who wrote it, told from the text of a `state.json` that may be cut, else from other files.
    fn guess(&self, state: &[u8]) -> Option<RuntimeKind> {
        let holds = |word: &str| {
            state
                .windows(word.len())
                .any(|window| window == word.as_bytes())
        };
        if holds("\"init_process_pid\"") {
            return Some(RuntimeKind::Runc);
        }
        if holds("\"ociVersion\"") || self.has(youki::CONFIG) || self.has("notify.sock") {
            return Some(RuntimeKind::Youki);
        }
        // crun makes its fifo 0600 and copies the config before anything else.
        if self.has(crun::CONFIG) {
            return Some(RuntimeKind::Crun);
        }
        // runc alone makes its directories 0711, and its fifo 0622.
        (self.exec_fifo || self.mode & 0o777 == 0o711).then_some(RuntimeKind::Runc)
    }
}

fn not_directory(kind: FileType) -> Option<&'static str> {
    match kind {
        FileType::Symlink => Some("symlink"),
        FileType::Fifo => Some("FIFO"),
        FileType::Socket => Some("socket"),
        FileType::RegularFile => Some("file"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("device"),
        FileType::Directory | FileType::Unknown => None,
    }
}

fn may_settle(error: &RecordError, tries: u32) -> bool {
    tries < TORN_RETRIES && error.may_be_torn()
}

fn settle() {
    let millisecond = rustix::thread::Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let _interrupted = rustix::thread::nanosleep(&millisecond);
}

/// Adds what stands in the second file; a missing one is a note, not the end of the record.
fn complete(dir: &OwnedFd, record: &mut Record, depth: Depth) -> Result<(), Problem> {
    let (name, cap) = match record.runtime {
        RuntimeKind::Runc => return Ok(()),
        RuntimeKind::Youki => (youki::CONFIG, STATE_CAP),
        RuntimeKind::Crun if depth == Depth::State => return Ok(()),
        RuntimeKind::Crun => (crun::CONFIG, CONFIG_CAP),
    };
    let bytes = match file_beneath(dir, name, cap) {
        Ok(bytes) => bytes,
        Err(error) if error.is_absent() => return Err(Problem::NoConfig(name)),
        Err(error) => return Err(error.into()),
    };
    match record.runtime {
        RuntimeKind::Youki => youki::complete(record, &bytes)?,
        _ => crun::complete(record, &bytes)?,
    }
    Ok(())
}

/// The cgroup recorded beside a lost state file: youki's and crun's second files outlive it.
pub fn cgroup_without_record(entry: &Entry) -> RecordedCgroup {
    let id = entry.key.name().to_str().unwrap_or_default();
    let found = match entry.runtime {
        Some(RuntimeKind::Youki) => file_beneath(&entry.dir, youki::CONFIG, STATE_CAP)
            .ok()
            .and_then(|bytes| youki::parse_config(&bytes).ok())
            .map(|(cgroup, _)| cgroup),
        Some(RuntimeKind::Crun) => file_beneath(&entry.dir, crun::CONFIG, CONFIG_CAP)
            .ok()
            .and_then(|bytes| crun::parse_config(id, &bytes).ok())
            .map(|config| config.cgroup),
        _ => None,
    };
    found.unwrap_or(RecordedCgroup::Unknown)
}
