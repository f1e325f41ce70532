//! Files of `/proc/PID` that may not answer: what takes the lock of the process's memory
//! (`cmdline`) or of its exec (`stack`, `syscall`) hangs for as long as somebody holds that.
//! Each is read on a thread that can be left behind, and while one hangs it is not asked again.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::kernel::bounded::{Bounded, Late, Lateness, Unanswered};
use crate::kernel::read::kernel_record;
use crate::process::InitProcess;

/// How long one file may take.
const WITHIN: Duration = Duration::from_millis(300);

/// What came of a read.
#[derive(Debug)]
pub(super) enum ReadOutcome {
    /// The file's first 4 KiB.
    Bytes(Vec<u8>),
    /// It cannot be read, or the process is gone.
    Failed,
    /// Not read: too many reads have not come back.
    NotAsked,
    /// It has not answered for this long.
    Silent(Duration),
}

type Bytes = io::Result<Vec<u8>>;

/// A read under way whose thread was left behind.
#[derive(Debug)]
struct Hanging {
    late: Late<Bytes>,
    since: Duration,
}

/// Reads such files.
#[derive(Debug)]
pub(super) struct Slow {
    bounded: Bounded,
    hanging: HashMap<(InitProcess, &'static str), Hanging>,
    /// A batch that has not come back; while it has not, none is made.
    batch: Option<Late<Vec<Option<String>>>>,
}

impl Default for Slow {
    fn default() -> Self {
        Self {
            bounded: Bounded::reads(),
            hanging: HashMap::new(),
            batch: None,
        }
    }
}

impl Slow {
    /// Reads the file `name` at `path`. `now` is a time since some fixed moment.
    pub(super) fn read(
        &mut self,
        who: InitProcess,
        name: &'static str,
        path: PathBuf,
        now: Duration,
    ) -> ReadOutcome {
        if let Some(answer) = self.hanging(who, name, now) {
            return answer;
        }
        match self.bounded.ask(WITHIN, move || kernel_record(&path)) {
            Ok(result) => ReadOutcome::of(result),
            Err(Unanswered::NotAsked(_)) => ReadOutcome::NotAsked,
            Err(Unanswered::Late(late)) => {
                let hanging = Hanging { late, since: now };
                self.hanging.insert((who, name), hanging);
                ReadOutcome::Silent(WITHIN)
            }
        }
    }

    /// What has become of a read that hung; `None` if none does.
    pub(super) fn hanging(
        &mut self,
        who: InitProcess,
        name: &'static str,
        now: Duration,
    ) -> Option<ReadOutcome> {
        let hanging = self.hanging.get(&(who, name))?;
        let answer = match hanging.late.look() {
            Lateness::Came(result) => ReadOutcome::of(result),
            Lateness::Never => ReadOutcome::Failed,
            Lateness::Waiting => {
                let time = now.saturating_sub(hanging.since);
                return Some(ReadOutcome::Silent(time.max(WITHIN)));
            }
        };
        self.hanging.remove(&(who, name));
        Some(answer)
    }

    /// Whether a file of this process hangs.
    pub(super) fn hangs(&self, who: InitProcess, name: &'static str) -> bool {
        self.hanging.contains_key(&(who, name))
    }

    /// Forgets reads of these processes, but for those still under way: they are asked of no more.
    pub(super) fn forget(&mut self, gone: impl Fn(InitProcess) -> bool) {
        self.hanging.retain(|(who, _), hanging| {
            !gone(*who) || matches!(hanging.late.look(), Lateness::Waiting)
        });
    }

    /// The kernel function that each of these waits in, from their `wchan` files: all in one
    /// hand-over, because nothing is known to hang here.
    pub(super) fn wchans(&mut self, paths: Vec<PathBuf>) -> Vec<Option<String>> {
        if let Some(late) = &self.batch {
            if matches!(late.look(), Lateness::Waiting) {
                return Vec::new();
            }
            self.batch = None;
        }
        let read = move || paths.iter().map(|path| wchan(path)).collect();
        match self.bounded.ask(WITHIN, read) {
            Ok(names) => names,
            Err(Unanswered::NotAsked(_)) => Vec::new(),
            Err(Unanswered::Late(late)) => {
                self.batch = Some(late);
                Vec::new()
            }
        }
    }
}

impl ReadOutcome {
    fn of(result: Bytes) -> Self {
        result.map_or(Self::Failed, Self::Bytes)
    }
}

/// `0` is said of what runs, and to whom may not know.
fn wchan(path: &std::path::Path) -> Option<String> {
    let bytes = kernel_record(path).ok()?;
    let name = crate::text::visible(String::from_utf8_lossy(&bytes).trim());
    Some(name).filter(|name| !name.is_empty() && name != "0")
}
