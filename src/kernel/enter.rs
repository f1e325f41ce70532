//! ocitop run again to become a hook's program, where that takes more than exec(3): another root
//! directory, or a limit of its own.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::AtFlags;
use rustix::fs::{Mode, OFlags};

use super::limit;
use super::program::{ExecBy, Program};

/// The hidden command that becomes a program.
const ENTER: &str = "__enter";

/// What the hidden command is called with.
#[derive(Debug, clap::Args)]
pub struct Enter {
    /// The root directory.
    #[arg(id = "chroot", long)]
    root: Option<PathBuf>,
    /// The working directory in it.
    #[arg(long)]
    cwd: Option<PathBuf>,
    /// How many files it may open.
    #[arg(long)]
    files: Option<u64>,
    /// A descriptor of the program: without it the name is run.
    #[arg(id = "descriptor", long)]
    file: Option<RawFd>,
    /// Whoever reads the program opens it by its descriptor.
    #[arg(long)]
    keep: bool,
    /// The program.
    program: PathBuf,
    /// What it is called with, its name first.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// A way to call ocitop again, and the descriptor that it inherits: to be kept until it runs.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) command: Command,
    pub(super) inherited: Option<OwnedFd>,
}

impl Again {
    /// To become `program` in `root`, in its directory `cwd`.
    pub(super) fn to_run(
        program: &Program,
        how: &ExecBy,
        args: &[String],
        (root, cwd): (Option<&Path>, Option<&Path>),
    ) -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg(ENTER);
        for (flag, dir) in [("--chroot", root), ("--cwd", cwd)] {
            if let Some(dir) = dir {
                command.arg(flag).arg(dir);
            }
        }
        if let Some(files) = limit::before() {
            command.arg("--files").arg(files.to_string());
        }
        let mut inherited = None;
        let number = match how {
            ExecBy::Name => None,
            ExecBy::Closed(file) => {
                let file = inherited.insert(rustix::io::dup(&**file)?);
                Some(file.as_raw_fd())
            }
            ExecBy::Kept(file) => {
                command.arg("--keep");
                Some(file.as_raw_fd())
            }
        };
        if let Some(number) = number {
            command.arg("--descriptor").arg(number.to_string());
        }
        command.arg("--").arg(program.path()).args(args);
        Ok(Self { command, inherited })
    }
}

impl Enter {
    /// Becomes the program. Returns only if that fails.
    pub fn become_it(&self) -> io::Error {
        match self.run() {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    fn run(&self) -> io::Result<std::convert::Infallible> {
        // Before the root directory changes: there may be no /proc in the other one.
        let file = self.file.map(|number| self.opened(number)).transpose()?;
        if let Some(root) = &self.root {
            nix::unistd::chroot(root)?;
        }
        if let Some(cwd) = self
            .cwd
            .as_deref()
            .or(self.root.as_ref().map(|_| Path::new("/")))
        {
            std::env::set_current_dir(cwd)?;
        }
        if let Some(files) = self.files {
            limit::lower(files);
        }
        let name = self.program.as_os_str();
        let (name, rest) = match self.arguments.split_first() {
            Some((name, rest)) => (name.as_os_str(), rest),
            None => (name, [].as_slice()),
        };
        match (file, self.file) {
            (Some(file), _) if !self.keep => exec(&file, name, rest),
            (_, Some(kept)) => Err(by_name(
                Path::new(&format!("/proc/self/fd/{kept}")),
                name,
                rest,
            )),
            (_, None) => Err(by_name(&self.program, name, rest)),
        }
    }

    /// The program once more, by a descriptor that ends with the exec; what was inherited is closed
    /// unless its reader needs it.
    fn opened(&self, number: RawFd) -> io::Result<OwnedFd> {
        let inherited = format!("/proc/self/fd/{number}");
        let file = rustix::fs::open(inherited, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        if !self.keep {
            nix::unistd::close(number)?;
        }
        Ok(file)
    }
}

fn by_name(program: &Path, name: &OsStr, arguments: &[OsString]) -> io::Error {
    Command::new(program).arg0(name).args(arguments).exec()
}

/// execveat(2) of the file itself, which takes no name of it.
fn exec(
    file: &OwnedFd,
    name: &OsStr,
    arguments: &[OsString],
) -> io::Result<std::convert::Infallible> {
    let word = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::other);
    let mut words = vec![word(name.as_bytes())?];
    for argument in arguments {
        words.push(word(argument.as_bytes())?);
    }
    let mut environment = Vec::new();
    for (key, value) in std::env::vars_os() {
        environment.push(word(&[key.as_bytes(), b"=", value.as_bytes()].concat())?);
    }
    let empty = AtFlags::AT_EMPTY_PATH;
    Ok(nix::unistd::execveat(
        file,
        c"",
        &words,
        &environment,
        empty,
    )?)
}
