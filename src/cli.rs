//! The command line over the same engine.
//!
//! With one `--root`, `list`, `state`, `ps`, `kill`, `pause`, `resume`, `start` and `delete` take
//! the flags and keep the wordings that tools above the runtimes rely on, so that
//! `ocitop --root R delete --force ID` can stand where `runc --root R delete --force ID` stood.
//! Exit status: 0 done, 1 refused, failed or leftovers remain, 2 usage.

pub mod args;
mod delete;
mod diagnose;
mod entry;
mod events;
mod failure;
mod given;
mod leftovers;
mod lifecycle;
mod list;
mod ps;
mod render;
mod roots;
mod select;
mod state;
mod top;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::config::Config;
use crate::inventory::{Machine, Scanner};
use crate::logging::LogSettings;
use crate::{demo, doctor, logging, tui};
pub use args::{Arguments, Command};
use args::{LogArguments, LogFormat};
use failure::CommandResult;
pub use failure::Failure;

impl From<&LogArguments> for LogSettings {
    fn from(arguments: &LogArguments) -> Self {
        Self {
            file: arguments.log.clone(),
            json: arguments.log_format == LogFormat::Json,
            level: arguments.log_level,
        }
    }
}

/// Parses the arguments and runs the command.
pub fn run(args: impl IntoIterator<Item = OsString>) -> CommandResult {
    let mut arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap words usage errors itself, in several lines; help and version are no errors.
            error.print().ok();
            return Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)));
        }
    };
    let config = arguments.config();
    // The lab has a word of its own for roots that are given.
    let is_lab = matches!(arguments.command, Some(Command::Demo(_)));
    if !arguments.stand_in && !is_lab {
        given::check(&config.roots)?;
    }
    let log = LogSettings::from(&arguments.log);
    let _log = if arguments.writes_log() {
        logging::start(&log, arguments.shows_screen()).map_err(|error| Failure::of(&error))?
    } else {
        None
    };
    let result = dispatch(arguments.command.take(), &config);
    if let Err(failure) = &result {
        logging::failure(&log, &failure.message);
    }
    result
}

fn dispatch(command: Option<Command>, config: &Config) -> CommandResult {
    if let Some(host) = &config.roots.host
        && let Err(error) = crate::kernel::namespace::join_cgroups(host)
    {
        // No reason to stop: what cannot be seen for it is told by whoever looks.
        tracing::info!("cgroup namespace of the host not joined: {error}");
    }
    match command {
        None => screen(tui::run(config)),
        Some(Command::Demo(demo)) => self::demo(config, &demo),
        Some(Command::Enter(enter)) => Err(Failure::of(&enter.become_it())),
        Some(Command::Lab { role, rest }) => screen(demo::child(&role, &rest)),
        Some(Command::Doctor) => render::print(&doctor::examine(config).to_string()),
        Some(Command::Completions { shell }) => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ocitop", &mut bytes);
            render::print(&String::from_utf8_lossy(&bytes))
        }
        Some(Command::List(list)) => list::run(config, &list),
        Some(Command::State { id }) => state::run(config, &id),
        Some(Command::Probe) => {
            Scanner::status_only(Machine::new(&config.roots)).scan();
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Ps(ps)) => ps::run(config, &ps),
        Some(Command::Events(events)) => events::run(config, &events),
        Some(Command::Top(top)) => top::run(config, &top),
        Some(Command::Diagnose(diagnose)) => diagnose::run(config, &diagnose),
        Some(Command::Delete(delete)) => delete::run(config, &delete),
        Some(Command::Leftovers(leftovers)) => leftovers::run(config, &leftovers),
        Some(Command::Kill(kill)) => lifecycle::kill(config, &kill),
        Some(Command::Pause { id }) => lifecycle::pause(config, &id),
        Some(Command::Resume { id }) => lifecycle::resume(config, &id),
        Some(Command::Start { id }) => lifecycle::start(config, &id),
    }
}

/// The lab is its own state root, on this machine.
fn demo(config: &Config, demo: &args::Demo) -> CommandResult {
    let elsewhere = demo::elsewhere(config);
    if !elsewhere.is_empty() {
        return Err(Failure::usage(format!(
            "demo looks at its own lab alone; not with {}",
            elsewhere.join(", ")
        )));
    }
    screen(if demo.hold {
        demo::hold(config)
    } else {
        demo::run(config)
    })
}

/// The screen and the lab fail with an I/O error; without a terminal that is a usage error.
fn screen(result: std::io::Result<()>) -> CommandResult {
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            Err(Failure::usage(crate::text::visible(&error.to_string())))
        }
        Err(error) => Err(Failure::of(&error)),
    }
}
