//! The arguments of `leftovers`.

use super::ReportFormat;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What is done with leftovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LeftoversAction {
    /// Tell of them; change nothing.
    List,
    /// Remove those that are certain, or those at the paths given.
    Clean,
}

/// `leftovers`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing is left or all asked for is done, 1 leftovers remain, \
    refused or failed, 2 usage."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct LeftoversArgs {
    /// What to do
    #[arg(default_value = "list")]
    pub action: LeftoversAction,
    /// Format: a table or an array to list, a line a step to clean
    #[arg(short, long, default_value = "text")]
    pub format: ReportFormat,
    /// Clean without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Print the steps, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Kill the processes that live in what is cleaned
    #[arg(long)]
    pub kill: bool,
    /// List what is unknown, too
    #[arg(short, long)]
    pub all: bool,
    /// Look only below this directory; repeatable
    #[arg(long, value_name = "DIR")]
    pub within: Vec<PathBuf>,
    /// Paths of leftovers; without any, all that are certain
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}
