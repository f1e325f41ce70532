//! The file that is logged to: one a day in a directory of its own, or the one that was named.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;

use crate::kernel::own_dir::OwnDir;

/// Log files kept of the default log.
const KEPT: usize = 7;
const PREFIX: &str = "ocitop.";
const SUFFIX: &str = ".log";

/// A log, shared by all threads that write to it.
#[derive(Debug, Clone)]
pub(super) struct Log(Arc<Mutex<LogFile>>);

#[derive(Debug)]
enum LogFile {
    Named(File),
    Daily(OwnDir, Date, File),
}

impl Log {
    /// The file that was asked for.
    pub(super) fn named(file: &Path) -> io::Result<Self> {
        Ok(Self::of(LogFile::Named(open(file)?)))
    }

    /// A file for each day, the last few kept.
    pub(super) fn daily(dir: &Path) -> io::Result<Self> {
        let dir = OwnDir::make(dir)?;
        let today = today();
        let file = begin(&dir, today)?;
        Ok(Self::of(LogFile::Daily(dir, today, file)))
    }

    fn of(log_file: LogFile) -> Self {
        Self(Arc::new(Mutex::new(log_file)))
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log_file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *log_file {
            LogFile::Named(file) => file.write(bytes),
            LogFile::Daily(dir, day, file) => {
                let now = today();
                if *day != now {
                    *file = begin(dir, now)?;
                    *day = now;
                }
                file.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file to add to, made for its user alone.
pub(super) fn open(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(file)
}

fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .date()
}

/// Opens the file of a day, and removes those of days long past.
fn begin(dir: &OwnDir, day: Date) -> io::Result<File> {
    let file = dir.append(format!("{PREFIX}{day}{SUFFIX}").as_ref())?;
    let ours = |name: &OsString| {
        let name = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let day = name.and_then(|name| name.strip_suffix(SUFFIX));
        day.is_some_and(|day| day.parse::<Date>().is_ok())
    };
    let mut names = dir.names()?;
    names.retain(ours);
    names.sort();
    let surplus = names.len().saturating_sub(KEPT);
    for name in names.iter().take(surplus) {
        // Another ocitop may have been faster.
        dir.remove(name).ok();
    }
    Ok(file)
}
