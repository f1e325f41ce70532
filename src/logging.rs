//! Logging: tracing into a file, one a day, seven kept. Never onto the terminal: a log that cannot be
//! written is lost, and nothing else is.

mod file;
mod writer_thread;

use std::io::{self, Write as _};
use std::path::PathBuf;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use file::Log;
pub use writer_thread::LogGuard;

/// Where the log goes, and how much of it in which form.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// The file that was asked for; `None` is the one of the day in [`default_dir`].
    pub file: Option<PathBuf>,
    /// A JSON object a message, not a line.
    pub json: bool,
    /// The least that is logged.
    pub level: LevelFilter,
}

/// The log that was asked for cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("open log {}", crate::text::visible_path(.file))]
pub struct NoLog {
    file: PathBuf,
    source: io::Error,
}

/// Starts logging; the log is written out when the guard is dropped. A default log that cannot be
/// written, or that another user could lead elsewhere, is no reason not to work; one that was asked
/// for is.
///
/// `own_thread`: lines are written by a thread of their own, for the screen. A command that is over in
/// milliseconds writes them itself, and so does the screen where no thread can be made.
pub fn start(log: &LogSettings, own_thread: bool) -> Result<Option<LogGuard>, NoLog> {
    let file = match (&log.file, default_dir()) {
        (Some(file), _) => Log::named(file).map_err(|source| NoLog {
            file: file.clone(),
            source,
        })?,
        (None, Some(dir)) => match Log::daily(&dir) {
            Ok(file) => file,
            Err(_) => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    if own_thread && let Ok((lines, guard)) = writer_thread::start(file.clone()) {
        subscribe(log, move || lines.clone());
        return Ok(Some(guard));
    }
    subscribe(log, move || file.clone());
    Ok(None)
}

fn subscribe<W>(log: &LogSettings, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_max_level(log.level)
        .with_ansi(false)
        .with_target(false)
        // It would tell stderr of a line that is not written, and panic where nobody reads that.
        .log_internal_errors(false)
        .with_writer(writer);
    let set = if log.json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    // Set already only in tests, which share a process.
    set.ok();
}

/// Logs why a command failed. In JSON it has the keys that containerd reads from a runtime's log:
/// it shows the `msg` of the last line whose `level` is `error`.
pub fn failure(log: &LogSettings, message: &str) {
    let Some(file) = log.file.as_ref().filter(|_| log.json) else {
        tracing::error!(message = %message);
        return;
    };
    let time = jiff::Timestamp::now().to_string();
    let line = serde_json::json!({ "level": "error", "msg": message, "time": time });
    let written = file::open(file).and_then(|mut file| writeln!(file, "{line}"));
    if let Err(error) = written {
        tracing::error!(message = %message, %error);
    }
}

/// `$XDG_STATE_HOME/ocitop`, else `~/.local/state/ocitop` (XDG Base Directory Specification).
pub fn default_dir() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_STATE_HOME");
    let base = base.or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("ocitop"))
}
