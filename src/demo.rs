//! The lab (`ocitop demo`): real processes in real cgroups, described by real state files of youki,
//! runc and crun, in a private state root. Every action of ocitop works on them, and everything is
//! gone when the lab ends.
//!
//! Its containers are in `containers`; what a process does is in `child`, how its runtime describes it
//! in `files`. A lab that was killed is removed by the next one, from its [`Manifest`].

mod child;
mod containers;
mod files;
mod groups;
mod lab;
mod manifest;
mod reaper;
mod remains;
mod stage;
mod start_wait;
mod sweep;
mod wait;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

pub use lab::Lab;
pub use manifest::{Manifest, NotOurLab, PidSpace};
pub use stage::Stage;

use crate::config::{Config, Roots};

/// What ends the lab.
const ENDINGS: [i32; 4] = [SIGTERM, SIGHUP, SIGINT, SIGQUIT];

/// Runs the lab with the screen until the user quits.
pub fn run(config: &Config) -> io::Result<()> {
    crate::tui::check()?;
    // Before the screen has its own handlers a signal must not leave a lab behind.
    let ended = Arc::new(AtomicBool::new(false));
    for signal in ENDINGS {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut lab = Lab::start(&Stage::from_env())?;
    let shown = if ended.load(Ordering::SeqCst) {
        Ok(())
    } else {
        show(&config_for(config, &lab), &lab)
    };
    shown.and(lab.stop())
}

/// Runs the lab without a screen: prints its state root and what there is to say, then waits for
/// the end of stdin or a signal.
pub fn hold(_config: &Config) -> io::Result<()> {
    let (woken, wake) = UnixStream::pair()?;
    for signal in ENDINGS {
        signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
    }
    let mut lab = Lab::start(&Stage::from_env())?;
    let mut text = format!("{}\n", lab.root().display());
    for notice in lab.notices() {
        text.extend(["# ", notice, "\n"]);
    }
    // At once: whoever needs only the root may stop reading after it.
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    let waited = wait_for_end(&woken);
    waited.and(lab.stop())
}

/// Runs one process of the lab: `ocitop __lab ROLE`.
pub fn child(role: &str, _args: &[OsString]) -> io::Result<()> {
    child::play(role)
}

/// The flags among these settings that name another place to look at than the lab.
pub fn elsewhere(config: &Config) -> Vec<&'static str> {
    let roots = &config.roots;
    let given = [
        ("--root", !roots.state.is_empty()),
        ("--cgroup-root", roots.cgroup.is_some()),
        ("--resctrl-root", roots.resctrl.is_some()),
        // The host's own directory has a procfs of its own.
        (
            "--proc-root",
            roots.host.is_none() && roots.proc != Roots::default().proc,
        ),
        ("--host", roots.host.is_some()),
    ];
    let given = given.into_iter().filter(|(_, is_given)| *is_given);
    given.map(|(flag, _)| flag).collect()
}

/// The settings with which the lab is looked at: its own state root, on the real machine, and what is
/// left of containers below the lab's own directories alone.
pub fn config_for(config: &Config, lab: &Lab) -> Config {
    Config {
        roots: Roots {
            state: vec![lab.root().to_owned()],
            ..Roots::default()
        },
        within: lab.places(),
        ..config.clone()
    }
}

/// The screen over the lab.
fn show(config: &Config, lab: &Lab) -> io::Result<()> {
    crate::tui::run_with(config, Some("demo".to_owned()), lab.notices().to_vec())
}

fn wait_for_end(woken: &UnixStream) -> io::Result<()> {
    let stdin = io::stdin();
    loop {
        let mut fds = [
            PollFd::new(woken, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let [signal, input] = fds.map(|fd| !fd.revents().is_empty());
        if signal || (input && rustix::io::read(&stdin, &mut [0; 256])? == 0) {
            return Ok(());
        }
    }
}
