//! How the init of a created container waits for its start: as youki's, runc's and crun's do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};

use super::wait::nap;
use crate::oci::RuntimeKind;

/// What keeps the init of a created container waiting.
pub(super) enum StartWait {
    /// youki: someone connects, writes, and closes.
    Socket(UnixListener),
    /// runc: the open for writing returns when someone opens the FIFO for reading.
    Write(PathBuf),
    /// crun: someone writes a byte.
    Read(File),
}

impl StartWait {
    /// Makes what the init of `runtime` waits at, in its state directory.
    pub(super) fn open(runtime: RuntimeKind, state: &Path) -> io::Result<Self> {
        let fifo = state.join("exec.fifo");
        match runtime {
            RuntimeKind::Youki => Ok(Self::Socket(bind(state)?)),
            RuntimeKind::Runc => {
                make_fifo(&fifo, 0o622)?;
                Ok(Self::Write(fifo))
            }
            RuntimeKind::Crun => {
                make_fifo(&fifo, 0o600)?;
                let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
                let file = OpenOptions::new()
                    .read(true)
                    .custom_flags(nonblocking)
                    .open(fifo)?;
                Ok(Self::Read(file))
            }
        }
    }

    /// Waits until someone starts the container.
    pub(super) fn wait(self) -> io::Result<()> {
        match self {
            Self::Socket(listener) => {
                let (mut stream, _) = listener.accept()?;
                // Until its end: what is said does not matter, that it is text does.
                stream.read_to_string(&mut String::new()).map(drop)
            }
            Self::Write(fifo) => OpenOptions::new().write(true).open(fifo)?.write_all(b"0"),
            Self::Read(mut fifo) => loop {
                poll(&mut [PollFd::new(&fifo, PollFlags::IN)], None)?;
                if fifo.read(&mut [0])? > 0 {
                    return Ok(());
                }
                // A writer came and went without a word; the FIFO stays readable.
                nap(Duration::from_millis(20));
            },
        }
    }
}

/// Binds youki's `notify.sock` in `state`, whose path may be longer than a socket's may be.
pub(super) fn bind(state: &Path) -> io::Result<UnixListener> {
    let dir = File::open(state)?;
    UnixListener::bind(format!("/proc/self/fd/{}/notify.sock", dir.as_raw_fd()))
}

fn make_fifo(path: &Path, mode: u32) -> io::Result<()> {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::from_raw_mode(mode))?;
    // The umask took its share.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::super::wait;
    use super::*;
    use crate::kernel::{Inode, Kernel, LiveKernel, Release, StateDir};

    /// How long a gate that opens may take.
    const SOON: Duration = Duration::from_secs(5);

    /// Opens a gate and has it waited for; returns what tells that the wait is over.
    fn waiting(runtime: RuntimeKind, state: &Path) -> mpsc::Receiver<bool> {
        let (done, wait) = mpsc::channel();
        let gate = StartWait::open(runtime, state).unwrap();
        thread::spawn(move || done.send(gate.wait().is_ok()));
        wait
    }

    #[test]
    fn the_init_of_each_runtime_waits_until_the_engine_releases_it() {
        for (runtime, how) in [
            (RuntimeKind::Youki, Release::NotifySocket),
            (RuntimeKind::Runc, Release::ReadFifo),
            (RuntimeKind::Crun, Release::WriteFifo),
        ] {
            let root = tempfile::tempdir().unwrap();
            let state = root.path().join("web");
            fs::create_dir(&state).unwrap();
            let over = waiting(runtime, &state);
            assert!(over.try_recv().is_err(), "{runtime} did not wait");
            let id = "web".parse().unwrap();
            let inode = Inode::from(&rustix::fs::stat(&state).unwrap());
            let dir = StateDir {
                root: root.path(),
                id: &id,
                inode,
            };
            // runc's init may not have come to its FIFO yet: the engine then asks again.
            wait::until("release", SOON, || {
                Ok(LiveKernel::default().release_init(dir, how).is_ok())
            })
            .unwrap();
            assert!(
                over.recv_timeout(SOON).unwrap(),
                "{runtime} was not released"
            );
            assert!(!state.join("exec.fifo").exists());
        }
    }
}
