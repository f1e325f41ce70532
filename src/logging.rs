//! Logging: tracing into a file, one a day, seven kept. Never onto the terminal.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::Failure;
use crate::cli::args::{LogArguments, LogFormat};

/// Log files kept of the default log.
const KEPT: usize = 7;

/// Starts logging; the log is written out when the guard is dropped. A default log that cannot be
/// written is no reason not to work; one that was asked for is.
///
/// `apart`: lines are written by a thread of their own, for the screen, which must not wait for a
/// disk. A command that is over in milliseconds writes them itself.
pub fn start(log: &LogArguments, apart: bool) -> Result<Option<WorkerGuard>, Failure> {
    let appender = match (&log.log, default_dir()) {
        (Some(file), _) => named(file).map_err(|error| Failure {
            code: 1,
            message: format!("open log {}: {error}", crate::text::visible_path(file)),
        })?,
        (None, Some(dir)) => match daily(&dir) {
            Ok(appender) => appender,
            Err(_) => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    if apart {
        let (writer, guard) = tracing_appender::non_blocking(appender);
        subscribe(log, writer);
        return Ok(Some(guard));
    }
    subscribe(log, appender);
    Ok(None)
}

fn subscribe<W>(log: &LogArguments, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_max_level(log.log_level)
        .with_ansi(false)
        .with_target(false)
        .with_writer(writer);
    let set = match log.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Set already only in tests, which share a process.
    set.ok();
}

/// Logs why a command failed. In JSON it has the keys that containerd reads from a runtime's log:
/// it shows the `msg` of the last line whose `level` is `error`.
pub fn failure(log: &LogArguments, message: &str) {
    let Some(file) = log
        .log
        .as_ref()
        .filter(|_| log.log_format == LogFormat::Json)
    else {
        tracing::error!(message = %message);
        return;
    };
    let time = jiff::Timestamp::now().to_string();
    let line = serde_json::json!({ "level": "error", "msg": message, "time": time });
    let written = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .and_then(|mut file| writeln!(file, "{line}"));
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

fn daily(dir: &Path) -> std::io::Result<RollingFileAppender> {
    use std::os::unix::fs::DirBuilderExt as _;
    // It names containers and commands: for its user alone.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("ocitop")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(dir)
        .map_err(std::io::Error::other)
}

fn named(file: &Path) -> std::io::Result<RollingFileAppender> {
    let name = file.file_name().and_then(OsStr::to_str);
    let name = name.ok_or_else(|| std::io::Error::other("not a file name"))?;
    let dir = file
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    RollingFileAppender::builder()
        .rotation(Rotation::NEVER)
        .filename_prefix(name)
        .build(dir)
        .map_err(std::io::Error::other)
}
