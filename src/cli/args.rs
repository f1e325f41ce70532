//! What can be said on the command line.

mod leftovers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

use crate::config::{Config, Roots};
use crate::kernel::Signal;
pub use leftovers::{LeftoversAction, LeftoversArgs};

/// top for OCI containers, without a daemon.
#[derive(Debug, Parser)]
#[command(name = "ocitop", version, about, max_term_width = 100)]
#[command(
    after_help = "Without a command: the screen, on every known state root.\n\
    Exit status: 0 done, 1 refused, failed or leftovers remain, 2 usage."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Arguments {
    /// State root to look at; repeatable. Without it every known one
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Vec<PathBuf>,
    /// Directory laid out like /sys/fs/cgroup
    #[arg(long, global = true, value_name = "DIR")]
    pub cgroup_root: Option<PathBuf>,
    /// Mount point of resctrl
    #[arg(long, global = true, value_name = "DIR")]
    pub resctrl_root: Option<PathBuf>,
    /// Mount point of procfs
    #[arg(long, global = true, value_name = "DIR", default_value = "/proc")]
    pub proc_root: PathBuf,
    /// The roots given here are plain directories that stand for a machine: for tests and records of
    /// other machines
    #[arg(long, global = true, hide = true)]
    pub stand_in: bool,
    /// Where the host's root directory is mounted, for ocitop in a container with the host's pids
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        value_parser = directory,
        conflicts_with_all = ["cgroup_root", "resctrl_root", "proc_root"]
    )]
    pub host: Option<PathBuf>,
    /// Seconds between two passes of the screen
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: Duration,
    /// Seconds a delete may wait for processes to die and directories to go
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,
    /// Change nothing on this host
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Do not run the hooks of containers
    #[arg(long, global = true)]
    pub no_hooks: bool,
    /// No colours (as with NO_COLOR set)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Taken for the runtimes' sake.
    #[command(flatten)]
    pub compatibility: Compatibility,
    /// Where the log goes.
    #[command(flatten)]
    pub log: LogArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that callers of the runtimes pass. ocitop finds out by itself what they say.
#[derive(Debug, Clone, Args)]
pub struct Compatibility {
    /// runc, crun, youki
    #[arg(short = 's', long, global = true, hide = true)]
    pub systemd_cgroup: bool,
    /// runc, crun
    #[arg(long, global = true, hide = true, value_name = "MODE")]
    pub rootless: Option<String>,
    /// All three
    #[arg(long, global = true, hide = true)]
    pub debug: bool,
}

/// Where the log goes.
#[derive(Debug, Clone, Args)]
pub struct LogArguments {
    /// Log file [default: ocitop.log under the user's state directory, one a day]
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Format of the log
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Least level that is logged: error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", value_parser = level)]
    pub log_level: LevelFilter,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line a message.
    Text,
    /// A JSON object a message.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List containers
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Print the state of a container as JSON
    State {
        /// Container id, or runtime:id
        id: String,
    },
    /// Look at the state roots and say nothing: done for those that may never answer
    #[command(hide = true)]
    Probe,
    /// List the processes of a container
    Ps(Ps),
    /// Print what a container uses, each interval, and when the OOM killer came
    Events(EventsArgs),
    /// Print what every container uses, pass after pass, for scripts and bug reports
    Top(Top),
    /// Send a signal to a container
    Kill(KillArgs),
    /// Freeze a container
    Pause {
        /// Container id, or runtime:id
        id: String,
    },
    /// Thaw a container
    Resume {
        /// Container id, or runtime:id
        id: String,
    },
    /// Start a created container
    Start {
        /// Container id, or runtime:id
        id: String,
    },
    /// Tear containers down, step by step
    Delete(Delete),
    /// See, and remove, what no container owns any more
    Leftovers(LeftoversArgs),
    /// Say why a container is as it is: what it waits for, and what would help
    Diagnose(Diagnose),
    /// Say what this host offers: cgroups, resctrl, runtimes, roots, privileges, terminal
    Doctor,
    /// The screen on a private lab: real processes, real cgroups, real state files
    Demo(Demo),
    /// Print shell completions
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A hook that runs in the root directory of the host
    #[command(name = "__enter", hide = true)]
    Enter(crate::kernel::Enter),
    /// A process of the lab
    #[command(name = "__lab", hide = true)]
    Lab {
        /// What it plays.
        role: String,
        /// How.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<OsString>,
    },
}

/// Format of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Format of a pass of `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TopFormat {
    /// For people.
    Table,
    /// A JSON object a pass, one per line.
    Json,
    /// A line a container, for spreadsheets.
    Csv,
}

/// Format of the report of a delete or a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people; of a delete, a line a step.
    Text,
    /// For programs; of a delete, an object an event, one per line, of which the last has
    /// "kind":"finished" and "verdict".
    Json,
}

/// `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Ids only
    #[arg(short, long)]
    pub quiet: bool,
    /// Format
    #[arg(short, long, default_value = "table")]
    pub format: Format,
}

/// `ps`.
#[derive(Debug, Args)]
pub struct Ps {
    /// Format
    #[arg(short, long, default_value = "table")]
    pub format: Format,
    /// Container id, or runtime:id
    pub id: String,
    /// Arguments of ps(1), for the table [default: -ef]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub ps: Vec<String>,
}

/// `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Print the statistics once
    #[arg(long)]
    pub stats: bool,
    /// Time between two lines (5s, 500ms) [default: 5s]
    #[arg(long = "interval", value_name = "DURATION", value_parser = seconds)]
    pub interval: Option<Duration>,
    /// Container id, or runtime:id
    pub id: String,
}

/// `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// Print, instead of the screen; needed
    #[arg(short, long)]
    pub batch: bool,
    /// Passes to print [default: without end]
    #[arg(short = 'n', long, value_name = "PASSES", value_parser = clap::value_parser!(u64).range(1..))]
    pub passes: Option<u64>,
    /// Time between two passes, and before the first (5s, 500ms) [default: 1s]
    #[arg(long = "interval", value_name = "DURATION", value_parser = seconds)]
    pub interval: Option<Duration>,
    /// Format
    #[arg(short, long, default_value = "table")]
    pub format: TopFormat,
}

/// `kill`.
#[derive(Debug, Args)]
pub struct KillArgs {
    /// Send it to every process, not only to init
    #[arg(short, long)]
    pub all: bool,
    /// Container id, or runtime:id
    pub id: String,
    /// A name with or without SIG (TERM, RTMIN+3), or a number; 0 only asks whether one could be sent
    #[arg(default_value = "SIGTERM")]
    pub signal: Signal,
}

/// `delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// Kill it first if it is not stopped; an absent one is no error
    #[arg(short, long)]
    pub force: bool,
    /// Print the plan, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Format of the report
    #[arg(long, default_value = "text")]
    pub format: ReportFormat,
    /// Container ids, or runtime:id
    #[arg(required = true)]
    pub ids: Vec<String>,
}

/// `diagnose`.
#[derive(Debug, Args)]
pub struct Diagnose {
    /// Format
    #[arg(short, long, default_value = "text")]
    pub format: ReportFormat,
    /// Container id, runtime:id, or the path of a leftover
    pub id: String,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// No screen: print the lab's state root and stay until stdin ends
    #[arg(long, hide = true)]
    pub hold: bool,
}

/// A directory, by its absolute path.
fn directory(text: &str) -> Result<PathBuf, String> {
    let path = std::path::absolute(text).map_err(|error| error.to_string())?;
    match path.metadata() {
        Ok(found) if found.is_dir() => Ok(path),
        Ok(_) => Err("not a directory".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// tracing's words, and crun's `warning`.
fn level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "warning" => Ok(LevelFilter::WARN),
        text => text.parse().map_err(|error| format!("{error}")),
    }
}

/// Seconds, or with a unit as Go writes durations: `5s`, `500ms`, `2m`.
fn seconds(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let with_unit = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (number, scale) = with_unit.unwrap_or((text, 1.0));
    let number: f64 = number.parse().map_err(|error| format!("{error}"))?;
    let seconds = number * scale;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time >= Duration::from_millis(100) && seconds <= 86_400.0 => Ok(time),
        _ => Err("must lie between 0.1 and 86400".to_owned()),
    }
}

impl Arguments {
    /// Settings from flags and environment.
    pub fn config(&self) -> Config {
        // no-color.org: any value but the empty one.
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let roots = match &self.host {
            // The host itself.
            Some(dir) if dir == Path::new("/") => Roots {
                state: self.root.clone(),
                ..Roots::default()
            },
            Some(dir) => Roots::below(dir.clone(), &self.root),
            None => Roots {
                cgroup: self.cgroup_root.clone(),
                resctrl: self.resctrl_root.clone(),
                proc: self.proc_root.clone(),
                state: self.root.clone(),
                host: None,
            },
        };
        Config {
            roots,
            interval: self.interval,
            timeout: self.timeout,
            read_only: self.read_only,
            color: !self.no_color && !no_color,
            hooks: !self.no_hooks,
            within: Vec::new(),
        }
    }

    /// Whether the command is the screen, on this host or on the lab.
    pub fn shows_screen(&self) -> bool {
        matches!(self.command, None | Some(Command::Demo(_)))
    }

    /// Whether the command is one that is worth a log: those that only print are not.
    pub fn writes_log(&self) -> bool {
        self.log.log.is_some()
            || !matches!(
                self.command,
                Some(
                    Command::List(_)
                        | Command::State { .. }
                        | Command::Ps(_)
                        | Command::Events(_)
                        | Command::Top(_)
                        | Command::Probe
                        | Command::Diagnose(_)
                        | Command::Doctor
                        | Command::Completions { .. }
                        | Command::Enter(_)
                        | Command::Lab { .. }
                )
            )
    }
}
