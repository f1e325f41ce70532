//! Runs a command beside a herd of containers: `cargo bench --bench herd -- N COMMAND...`
//!
//! The command finds the herd's state roots in `OCITOP_HERD_RUNC`, `OCITOP_HERD_CRUN` and
//! `OCITOP_HERD_YOUKI`, and the arguments for ocitop in `OCITOP_HERD`. Everything is removed on every
//! way out.
#![expect(
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a bench: it says on the terminal what it does, and waits on its own clock"
)]

#[expect(dead_code, reason = "the other bench uses the rest")]
mod crowd;

use std::io;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use crowd::{End, Herd};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

/// The command, for signals to be passed on to; 0 before it runs.
static COMMAND: AtomicI32 = AtomicI32::new(0);

fn main() -> ExitCode {
    // cargo bench passes its own flag on.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let Some((count, [program, rest @ ..])) = arguments
        .split_first()
        .and_then(|(count, command)| Some((count.parse().ok()?, command)))
    else {
        // cargo test --all-targets and cargo bench start it without arguments.
        eprintln!("herd N COMMAND...");
        return ExitCode::SUCCESS;
    };
    match run(count, program, rest) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("herd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(count: usize, program: &str, rest: &[String]) -> io::Result<u8> {
    let start = Instant::now();
    let end = End(Herd::new()?);
    let herd = &end.0;
    let theirs = std::sync::Arc::downgrade(herd);
    crowd::on_signal(move |signal| {
        if let Some(herd) = theirs.upgrade() {
            herd.stop();
        }
        let command = Pid::from_raw(COMMAND.load(Ordering::SeqCst));
        if command.as_raw() > 0 {
            let _gone = kill(command, Signal::try_from(signal).ok());
        }
    })?;
    herd.fill("web", count)?;
    eprintln!(
        "herd of {count} after {:.1} s",
        start.elapsed().as_secs_f64()
    );
    let [runc, crun, youki] = herd.roots();
    let child = Command::new(program)
        .args(rest)
        .env("OCITOP_HERD", herd.arguments().join(" "))
        .env("OCITOP_HERD_RUNC", runc)
        .env("OCITOP_HERD_CRUN", crun)
        .env("OCITOP_HERD_YOUKI", youki)
        .spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    COMMAND.store(pid, Ordering::SeqCst);
    // The inits are children too: one that the command kills must not stay a zombie.
    loop {
        match wait()? {
            WaitStatus::Exited(done, code) if done.as_raw() == pid => {
                return Ok(u8::try_from(code).unwrap_or(1));
            }
            WaitStatus::Signaled(done, signal, _) if done.as_raw() == pid => {
                return Ok(128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or(0)));
            }
            _ => {}
        }
    }
}
