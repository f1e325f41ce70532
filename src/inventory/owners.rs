//! Who else on this host knows a container by its id: the records of the engines above the runtimes,
//! and the processes that are told an id on their command line (containerd-shim(8) `-id`, `-workdir`
//! of its first version, conmon(8) `-c`). What nobody here knows may be a leftover; what could not be read is said, because then
//! nobody can be sure.
//!
//! Reading only, and bounded: directories are listed and never entered, and a command line, which
//! waits for a lock of its process, is read on a thread that can be left behind.

mod records;
mod tellers;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::FileType;
use serde::Serialize;

use super::Machine;
use super::author::{Author, Whose};
use super::engine::ContainerEngine;
use super::mounts;
use super::unread::{Place, Unread, WhyUnread};
use crate::kernel::bounded::{Bounded, NotAsked, Unanswered};
use crate::kernel::read::{is_gone, kernel_file, kernel_start, open_root};
use crate::text::visible_path;
use records::record_dirs;
use tellers::{LINE_CAP, Teller, Telling, ids, telling};
pub use tellers::{is_monitor, is_told};

/// All command lines together may take this long. They take milliseconds, unless the process is stuck
/// or the machine is so busy that its answer has to be waited for.
const WITHIN: Duration = Duration::from_secs(2);
/// Most entries of one directory that are listed, and most processes looked at; that there are more
/// is said.
const MOST: usize = 100_000;

/// So many bytes of what one user's processes were told are kept.
const USER_CAP: usize = 1 << 20;

/// Who knows an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// An engine has a record of it, at this path.
    Record(PathBuf),
    /// A process was told it.
    Process(ToldProcess),
}

/// A process that was told an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldProcess {
    /// Its pid.
    pub pid: i32,
    /// Its command, safe to print.
    pub command: String,
    /// The engine that a shim or a monitor works for.
    pub engine: Option<ContainerEngine>,
    /// Whose process it is.
    #[serde(skip)]
    pub author: Author,
}

impl ToldProcess {
    /// In words: `the shim, pid 7 (containerd-shim), holds it`.
    pub fn words(&self) -> String {
        let Self { pid, command, .. } = self;
        let user = match self.author {
            Author::Trusted => String::new(),
            Author::User(uid) => format!(" of uid {uid}"),
        };
        match () {
            () if command.starts_with("conmon") => {
                format!("the monitor, pid {pid} ({command}){user}, holds it")
            }
            () if is_monitor(command.as_bytes()) => {
                format!("the shim, pid {pid} ({command}){user}, holds it")
            }
            () => format!("pid {pid} ({command}){user} was told its id"),
        }
    }
}

impl Owner {
    /// The engine to be asked.
    pub fn engine(&self) -> Option<ContainerEngine> {
        match self {
            Self::Record(path) => ContainerEngine::of_record(path),
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
    records: BTreeMap<OsString, Vec<(PathBuf, Author)>>,
    tellers: Vec<ToldProcess>,
    /// By what was told, the numbers of those who were.
    words: BTreeMap<Vec<u8>, Vec<usize>>,
    /// How many bytes of words each user's processes were told, of those that are kept.
    kept: BTreeMap<u32, usize>,
    /// How many of each user's processes were told more than is kept.
    lost: BTreeMap<Author, usize>,
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

    /// Who knows `id` and may have what is at these places: a process rather than a record, since a
    /// process is alive.
    pub fn of(&self, id: &str, places: &[Whose]) -> Option<Owner> {
        self.process(id, places)
            .or_else(|| self.record(id, places, |_| true))
    }

    /// Who knows `id` besides the record that `path` lies in: that is where it is, and no owner.
    pub fn of_beyond(&self, id: &str, path: &Path, places: &[Whose]) -> Option<Owner> {
        self.process(id, places)
            .or_else(|| self.record(id, places, |record| !path.starts_with(record)))
    }

    /// The shims and monitors that were told `id`.
    pub fn monitors_of(&self, id: &str) -> impl Iterator<Item = &ToldProcess> {
        let told = self.told(id);
        told.filter(|one| is_monitor(one.command.as_bytes()))
    }

    /// The engine of a shim or a monitor.
    pub fn engine_of(&self, monitor: i32) -> Option<ContainerEngine> {
        let mut told = self.tellers.iter();
        told.find(|one| one.pid == monitor)?.engine.clone()
    }

    fn told(&self, id: &str) -> impl Iterator<Item = &ToldProcess> {
        let numbers = self.words.get(id.as_bytes()).into_iter().flatten();
        numbers.filter_map(|number| self.tellers.get(*number))
    }

    /// A shim or a monitor rather than another.
    fn process(&self, id: &str, places: &[Whose]) -> Option<Owner> {
        let counts = |one: &&ToldProcess| one.author.speaks_for_all(places);
        let one = self.monitors_of(id).find(counts);
        let one = one.or_else(|| self.told(id).find(counts))?;
        Some(Owner::Process(one.clone()))
    }

    fn record(&self, id: &str, places: &[Whose], is_it: impl Fn(&Path) -> bool) -> Option<Owner> {
        let mut records = self.records.get(OsStr::new(id))?.iter();
        let found = records.find(|(path, author)| is_it(path) && author.speaks_for_all(places))?;
        Some(Owner::Record(found.0.clone()))
    }

    /// The names in a directory are ids; or, deeper, those in the directories in it.
    fn list(&mut self, dir: &Path, depth: usize) {
        // No link or mount that a user laid is followed.
        let opened = open_root(dir).and_then(|dir| {
            let author = Author::of(rustix::fs::fstat(&dir)?.st_uid);
            Ok((rustix::fs::Dir::read_from(dir)?, author))
        });
        let (entries, author) = match opened {
            Ok(opened) => opened,
            Err(error) if is_gone(&error) => return,
            Err(error) => {
                self.unread.push(Unread::root(dir, &error));
                return;
            }
        };
        for (count, entry) in entries.enumerate() {
            let why = match &entry {
                Ok(_) if count < MOST => None,
                Ok(_) => Some(WhyUnread::TooMany(MOST)),
                Err(errno) => Some(WhyUnread::Refused(errno.raw_os_error())),
            };
            self.unread.extend(why.map(|why| Unread::dir(dir, why)));
            let (Ok(entry), None) = (entry, why) else {
                return;
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let name = OsStr::from_bytes(name).to_owned();
            let path = dir.join(&name);
            // A file among the directories of namespaces holds no ids.
            if depth > 0 && entry.file_type() != FileType::RegularFile {
                self.list(&path, depth - 1);
            } else {
                self.records.entry(name).or_default().push((path, author));
            }
        }
    }

    /// Reads what shims and the like were told, all on one thread, root's first: what another user's
    /// process does not answer makes nobody else's unread.
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
                let line = kernel_start(&one.file, LINE_CAP);
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
        let lost = std::mem::take(&mut self.lost).into_iter();
        self.unread.extend(lost.map(|(author, count)| Unread {
            place: Place::CommandLines { count, author },
            why: WhyUnread::TooLong(LINE_CAP),
        }));
        let mut silent = asked.get(count..).unwrap_or_default();
        if let (Err(Unanswered::Late(_)), Some((first, rest))) = (&answer, silent.split_first()) {
            let (place, why) = (first.place(), WhyUnread::Late);
            self.unread.push(Unread { place, why });
            silent = rest;
        }
        let why = match answer {
            Ok(()) => return,
            Err(Unanswered::NotAsked(NotAsked::NoThread(_))) => WhyUnread::NoThread,
            Err(Unanswered::Late(_) | Unanswered::NotAsked(_)) => WhyUnread::NotAsked,
        };
        let unheard = silent.chunk_by(|one, next| one.author == next.author);
        let unheard = unheard.filter_map(|silent| unheard_of(silent, why));
        self.unread.extend(unheard);
    }

    /// Takes in what one was told.
    fn hear(&mut self, one: &Teller, line: io::Result<Vec<u8>>) {
        let line = match line {
            Ok(line) => line,
            Err(error) if is_gone(&error) => return,
            Err(error) => {
                let (place, why) = (one.place(), (&error).into());
                self.unread.push(Unread { place, why });
                return;
            }
        };
        let number = self.tellers.len();
        let ids = ids(&one.command, &line);
        // A monitor is told its id among its first words; what another was told in all is not known of
        // a line that is cut.
        let is_cut = line.len() >= LINE_CAP && !is_monitor(one.command.as_bytes());
        let is_lost = is_cut || !self.has_room(one.author, &ids);
        match one.author {
            _ if !is_lost => {
                for word in ids {
                    self.words.entry(word.to_vec()).or_default().push(number);
                }
            }
            Author::Trusted => {
                let (place, why) = (one.place(), WhyUnread::TooLong(LINE_CAP));
                self.unread.push(Unread { place, why });
            }
            // One line for a user, however many processes that user has.
            Author::User(_) => *self.lost.entry(one.author).or_default() += 1,
        }
        self.tellers.push(ToldProcess {
            pid: one.pid,
            command: one.command.clone(),
            engine: ContainerEngine::of(&one.command, &line),
            author: one.author,
        });
    }

    /// Whether these words of a process are kept: a user's can be as many as that user has processes.
    fn has_room(&mut self, author: Author, words: &[&[u8]]) -> bool {
        let Author::User(uid) = author else {
            return true;
        };
        let kept = self.kept.entry(uid).or_default();
        *kept += words.iter().map(|word| word.len()).sum::<usize>();
        *kept <= USER_CAP
    }
}

/// Those of one author that were not heard.
fn unheard_of(silent: &[Teller], why: WhyUnread) -> Option<Unread> {
    let place = Place::CommandLines {
        count: silent.len(),
        author: silent.first()?.author,
    };
    Some(Unread { place, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_fills_no_memory_and_hides_nobody_elses_monitors() {
        let line = |id: usize| format!("runc\0{}", format!("{id:08}\0").repeat(7_000)).into_bytes();
        let teller = |author| Teller {
            pid: 7,
            command: "runc".to_owned(),
            file: PathBuf::new(),
            author,
        };
        let mut owners = Owners::default();
        let user = Author::User(4242);
        for id in 0..100 {
            owners.hear(&teller(user), Ok(line(id)));
        }
        assert!(owners.words.len() < 20, "{}", owners.words.len());
        assert!(owners.lost[&user] > 80);
        assert_eq!(owners.unread, []);
        owners.hear(&teller(Author::Trusted), Ok(b"runc\0delete\0web".to_vec()));
        assert!(owners.of("web", &[Whose::ROOTS]).is_some());
        assert_eq!(owners.of("00000001", &[Whose::ROOTS]), None);
        let own = Whose {
            uid: 4242,
            above: 4242,
        };
        assert!(owners.of("00000001", &[own]).is_some());
    }
}
