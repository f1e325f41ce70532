//! One directory of a state root: who wrote it, and what it says.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::author::Author;
use super::budget::RootBudget;
use super::problem::Problem;
use crate::kernel::Inode;
use crate::kernel::clear::{is_own, is_sealed};
use crate::kernel::read::{
    CONFIG_CAP, ReadError, STATE_CAP, file_beneath, open_dir_beneath, stat_beneath,
};
use crate::oci::record::{crun, runc, youki};
use crate::oci::{ContainerKey, Record, RecordError, RecordedCgroup, RuntimeKind};

/// How often a state file that looks torn is read again, a millisecond apart: youki rewrites
/// `state.json` in place.
const TORN_RETRIES: u32 = 5;

/// Where an entry's files are read.
#[derive(Debug)]
enum EntryFiles<'r> {
    /// In the directory, held open: what is read later is of this very directory.
    Dir(OwnedFd),
    /// Below the root by name: two calls fewer, for passes over thousands.
    Below(BorrowedFd<'r>),
}

/// One container directory, read.
#[derive(Debug)]
pub struct Entry<'r> {
    /// Where it is.
    pub key: ContainerKey,
    files: EntryFiles<'r>,
    budget: Option<&'r RootBudget>,
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

/// A directory of a root that is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Lead<'a> {
    /// Where it is.
    pub key: &'a ContainerKey,
    /// How much of it is read.
    pub depth: Depth,
    /// Whose it probably is: the runtime of the one before it in the same root.
    pub hint: Option<RuntimeKind>,
    /// What is left to be read of its root.
    pub budget: Option<&'a RootBudget>,
}

impl Entry<'static> {
    /// Reads the directory in full and holds it open.
    pub fn open(root: impl AsFd, key: &ContainerKey) -> Result<Self, Problem> {
        let dir =
            open_dir_beneath(&root, key.name()).map_err(|error| not_opened(&root, key, error))?;
        let stat = rustix::fs::fstat(&dir).map_err(|errno| Problem::Open(errno.into()))?;
        let mut entry = Self::blank(key, EntryFiles::Dir(dir), &stat);
        entry.fill(Depth::Full, None);
        Ok(entry)
    }
}

impl<'r> Entry<'r> {
    /// Reads the directory a lead names below the open root. An `Err` is an entry that is not a
    /// directory that can be opened.
    pub fn read(root: BorrowedFd<'r>, lead: Lead<'r>) -> Result<Self, Problem> {
        let key = lead.key;
        let stat = match stat_beneath(root, key.name()) {
            Ok(Some(stat)) => stat,
            Ok(None) => return Err(Problem::Open(rustix::io::Errno::NOENT.into())),
            Err(error) => return Err(Problem::Open(error)),
        };
        if let Some(kind) = not_directory(FileType::from_raw_mode(stat.st_mode)) {
            return Err(Problem::NotDirectory(kind));
        }
        let mut entry = Self::blank(key, EntryFiles::Below(root), &stat);
        entry.budget = lead.budget;
        entry.fill(lead.depth, lead.hint);
        Ok(entry)
    }

    fn blank(key: &ContainerKey, files: EntryFiles<'r>, stat: &rustix::fs::Stat) -> Self {
        Self {
            key: key.clone(),
            files,
            budget: None,
            inode: Inode::from(stat),
            uid: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            runtime: None,
            record: Err(Problem::Nothing),
            note: None,
            exec_fifo: false,
        }
    }

    /// Whose word it is.
    pub fn author(&self) -> Author {
        Author::of(self.uid)
    }

    /// Reads one of its files, a regular one of at most `cap` bytes.
    pub fn file(&self, name: &str, cap: u64) -> Result<Vec<u8>, ReadError> {
        if let Some(budget) = self.budget {
            budget.ask(name)?;
        }
        let bytes = match &self.files {
            EntryFiles::Dir(dir) => file_beneath(dir, name, cap),
            EntryFiles::Below(root) => file_beneath(root, self.path(name), cap),
        }?;
        if let Some(budget) = self.budget {
            budget.spend(bytes.len());
        }
        Ok(bytes)
    }

    /// The name of its state file.
    pub fn state_file(&self) -> &'static str {
        match self.runtime {
            Some(RuntimeKind::Crun) => crun::STATUS,
            Some(RuntimeKind::Runc | RuntimeKind::Youki) | None => runc::STATE,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        Path::new(self.key.name()).join(file)
    }

    fn fill(&mut self, depth: Depth, hint: Option<RuntimeKind>) {
        let (runtime, record) = self.read_state(hint);
        self.runtime = runtime;
        // youki has none.
        self.exec_fifo = runtime != Some(RuntimeKind::Youki) && self.has("exec.fifo");
        self.record = record.and_then(|record| self.checked(record));
        self.note = self.complete(depth).err();
    }

    /// The file system it is on.
    pub fn file_system(&self) -> std::io::Result<rustix::fs::StatVfs> {
        Ok(match &self.files {
            EntryFiles::Dir(dir) => rustix::fs::fstatvfs(dir)?,
            EntryFiles::Below(root) => rustix::fs::fstatvfs(root)?,
        })
    }

    /// Whether it has a file of this name, of whatever kind.
    pub fn has(&self, file: &str) -> bool {
        let found = match &self.files {
            EntryFiles::Dir(dir) => stat_beneath(dir, OsStr::new(file)),
            EntryFiles::Below(root) => stat_beneath(root, self.path(file).as_os_str()),
        };
        found.is_ok_and(|stat| stat.is_some())
    }

    /// Whether ocitop had begun to remove it and took all but its own marks: then nobody is making a
    /// container there, and nothing was left of the one that was. Told only of one that is held open.
    pub fn is_emptied(&self) -> bool {
        let EntryFiles::Dir(dir) = &self.files else {
            return false;
        };
        if self.record.is_ok() || !is_sealed(self.mode) {
            return false;
        }
        let Ok(mut listed) = rustix::fs::Dir::read_from(dir) else {
            return false;
        };
        listed.all(|listed| {
            listed.is_ok_and(|name| {
                let name = name.file_name().to_bytes();
                matches!(name, b"." | b"..") || is_own(name)
            })
        })
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

    /// Cheap to sure: `status` is crun's; `state.json` is told by its keys. The likelier one first.
    fn read_state(
        &self,
        hint: Option<RuntimeKind>,
    ) -> (Option<RuntimeKind>, Result<Record, Problem>) {
        let first_json = matches!(hint, Some(RuntimeKind::Runc | RuntimeKind::Youki));
        let found = if first_json {
            self.read_json().or_else(|| self.read_status())
        } else {
            self.read_status().or_else(|| self.read_json())
        };
        found.unwrap_or_else(|| self.without_state())
    }

    /// crun's `status`; `None` if there is none.
    fn read_status(&self) -> Option<(Option<RuntimeKind>, Result<Record, Problem>)> {
        let name = self.key.name().to_str().unwrap_or_default();
        let record = match self.file(crun::STATUS, STATE_CAP) {
            Ok(bytes) => crun::parse(name, &bytes).map_err(Problem::Record),
            Err(error) if error.is_absent() => return None,
            Err(error) => Err(error.into()),
        };
        Some((Some(RuntimeKind::Crun), record))
    }

    /// `state.json`, which runc and youki write; `None` if there is none.
    fn read_json(&self) -> Option<(Option<RuntimeKind>, Result<Record, Problem>)> {
        let mut tries = 0;
        loop {
            let bytes = match self.file(runc::STATE, STATE_CAP) {
                Ok(bytes) => bytes,
                Err(error) if error.is_absent() => return None,
                Err(error) => return Some((self.guess(&[]), Err(error.into()))),
            };
            let guess = self.guess(&bytes);
            let parsed = match guess {
                Some(RuntimeKind::Runc) => runc::parse(&bytes),
                Some(RuntimeKind::Youki | RuntimeKind::Crun) | None => youki::parse(&bytes),
            };
            match parsed {
                Err(error) if may_settle(&error, tries) => {
                    tries += 1;
                    settle();
                }
                Err(error) => return Some((guess, Err(error.into()))),
                Ok(record) => return Some((Some(record.runtime), Ok(record))),
            }
        }
    }

    fn without_state(&self) -> (Option<RuntimeKind>, Result<Record, Problem>) {
        match self.guess(&[]) {
            Some(runtime) => (Some(runtime), Err(Problem::NoState(runtime))),
            None => (None, Err(Problem::Nothing)),
        }
    }

    /// Adds what stands in the second file; a missing one is a note, not the end of the record.
    fn complete(&mut self, depth: Depth) -> Result<(), Problem> {
        let (name, cap) = match &self.record {
            Ok(record) => match record.runtime {
                RuntimeKind::Youki => (youki::CONFIG, STATE_CAP),
                RuntimeKind::Crun if depth == Depth::Full => (crun::CONFIG, CONFIG_CAP),
                RuntimeKind::Crun | RuntimeKind::Runc => return Ok(()),
            },
            Err(_) => return Ok(()),
        };
        let bytes = match self.file(name, cap) {
            Ok(bytes) => bytes,
            Err(error) if error.is_absent() => return Err(Problem::NoConfig(name)),
            Err(error) => return Err(error.into()),
        };
        if let Ok(record) = &mut self.record {
            match record.runtime {
                RuntimeKind::Youki => youki::complete(record, &bytes)?,
                RuntimeKind::Runc | RuntimeKind::Crun => crun::complete(record, &bytes)?,
            }
        }
        Ok(())
    }

    /// Who wrote it, told from the text of a `state.json` that may be cut, else from other files.
    fn guess(&self, state: &[u8]) -> Option<RuntimeKind> {
        let holds = |word: &str| memchr::memmem::find(state, word.as_bytes()).is_some();
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
        let runc = self.mode & 0o777 == 0o711 || self.has("exec.fifo");
        runc.then_some(RuntimeKind::Runc)
    }
}

/// Why a directory was not opened: what stands there instead, or the error itself.
fn not_opened(root: impl AsFd, key: &ContainerKey, error: std::io::Error) -> Problem {
    let stat = stat_beneath(root, key.name()).ok().flatten();
    match stat.and_then(|stat| not_directory(FileType::from_raw_mode(stat.st_mode))) {
        Some(kind) => Problem::NotDirectory(kind),
        None => Problem::Open(error),
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

/// The cgroup recorded beside a lost state file: youki's and crun's second files outlive it.
pub fn cgroup_without_record(entry: &Entry<'_>) -> RecordedCgroup {
    let id = entry.key.name().to_str().unwrap_or_default();
    let found = match entry.runtime {
        Some(RuntimeKind::Youki) => entry
            .file(youki::CONFIG, STATE_CAP)
            .ok()
            .and_then(|bytes| youki::parse_config(&bytes).ok())
            .map(|(cgroup, _)| cgroup),
        Some(RuntimeKind::Crun) => entry
            .file(crun::CONFIG, CONFIG_CAP)
            .ok()
            .and_then(|bytes| crun::parse_config(id, &bytes).ok())
            .map(|config| config.cgroup),
        _ => None,
    };
    found.unwrap_or(RecordedCgroup::Unknown)
}
