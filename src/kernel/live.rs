//! The real machine. No decisions here: each method is one change, as asked.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::bounded::Bounded;
use super::clear::{empty, forget, open_or_detach};
use super::hook::{self, Itself};
use super::long::LongPath;
use super::poll_time::timespec;
use super::read::{is_gone, open_dir_beneath, open_root, stat_beneath};
use super::walk::{MOST, walk};
use super::{
    Contents, HookCall, HookEnd, Inode, Kernel, Opened, Release, Removal, Scope, Signal, StateDir,
    StateMark, mark, scope,
};

/// Most processes one wait looks at: beyond it the death of any of these is news enough.
const POLL_MAX: usize = 256;
/// How long a call on a cgroup may take before it is given up.
const CALL_WITHIN: Duration = Duration::from_secs(2);
/// How often a directory that is not empty after all is emptied again.
const SOMEBODY_ELSE: usize = 10;
/// How often, and how far apart, a state directory that another ocitop has is tried.
const LOCK_TRIES: usize = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(2);
/// How long runc's init may take from opening its fifo to writing to it.
const FIFO_WAIT: Duration = Duration::from_secs(5);

/// The real machine.
#[derive(Debug)]
pub struct LiveKernel {
    start: Instant,
    bounded: Bounded,
    /// The socket of the bus that systemd is on, if not at its usual place.
    bus: Option<PathBuf>,
    itself: Itself,
}

impl LiveKernel {
    /// Its clock starts now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            bounded: Bounded::changes(),
            bus: None,
            itself: Itself::Other,
        }
    }

    /// For ocitop itself, of a host whose root directory is mounted at `host`.
    pub fn on(host: Option<&Path>) -> Self {
        Self {
            bus: host.map(|host| host.join("run/dbus/system_bus_socket")),
            itself: Itself::Ocitop,
            ..Self::new()
        }
    }
}

impl Default for LiveKernel {
    fn default() -> Self {
        Self::new()
    }
}

impl Kernel for LiveKernel {
    type Process = Opened;

    fn open_process(&self, pid: i32) -> io::Result<Opened> {
        Opened::open(pid)
    }

    fn signal(&self, process: &Opened, signal: Signal) -> io::Result<()> {
        process.signal(signal)
    }

    fn wait_any(&self, processes: &[Opened], timeout: Duration) -> io::Result<()> {
        let mut fds: Vec<_> = processes
            .iter()
            .take(POLL_MAX)
            .map(|process| PollFd::new(process, PollFlags::IN))
            .collect();
        match rustix::event::poll(&mut fds, timespec(timeout).as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn write_control(&self, file: &Path, value: &str) -> io::Result<()> {
        let (file, value) = (file.to_owned(), value.to_owned());
        self.bounded.call(CALL_WITHIN, move || {
            // Never O_CREAT: to a missing control file it gives EACCES instead of ENOENT.
            let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let place = LongPath::of(&file)?;
            let fd = rustix::fs::openat(place.dir(), place.rest(), flags, Mode::empty())?;
            rustix::io::write(&fd, value.as_bytes())?;
            Ok(())
        })
    }

    fn remove_group(&self, dir: &Path) -> io::Result<()> {
        let dir = dir.to_owned();
        self.bounded.call(CALL_WITHIN, move || remove(&dir))
    }

    fn remove_trees(&self, tops: Vec<PathBuf>) -> Vec<Removal> {
        // One hand-over for all: it costs more than a rmdir.
        let (answer, told) = channel();
        let work = tops.clone();
        let made = self.bounded.call(CALL_WITHIN, move || {
            for (at, top) in work.iter().enumerate() {
                let walked = walk(top, MOST, &mut |cgroup| {
                    let result = match cgroup.remove() {
                        Err(error) if is_gone(&error) => return ControlFlow::Continue(()),
                        result => result.map_err(|error| (cgroup.path().to_owned(), error)),
                    };
                    // Left behind by now, with nobody listening: the rest is not removed either.
                    match answer.send((at, RemovalReport::Of(result))) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    }
                });
                let unseen = walked.unseen.map(|unseen| (unseen.at, unseen.why));
                let told = answer.send((at, RemovalReport::Over(unseen)));
                told.map_err(|_unheard| io::Error::from(Errno::TIMEDOUT))?;
            }
            Ok(())
        });
        // Of a call left behind the sender lives on: take what is there, never wait.
        let mut removals: Vec<(Removal, bool)> = Vec::new();
        removals.resize_with(tops.len(), Default::default);
        for (at, told) in told.try_iter() {
            let Some((removal, is_over)) = removals.get_mut(at) else {
                continue;
            };
            match told {
                RemovalReport::Of(Ok(())) => removal.removed += 1,
                RemovalReport::Of(Err(failed)) => removal.miss(Some(failed)),
                RemovalReport::Over(unseen) => {
                    removal.miss(unseen);
                    *is_over = true;
                }
            }
        }
        let why = made.err().and_then(|error| error.raw_os_error());
        let why = why.unwrap_or(Errno::TIMEDOUT.raw_os_error());
        let all = removals.into_iter().zip(tops);
        all.map(|((mut removal, is_over), top)| {
            let unanswered = || (top, io::Error::from_raw_os_error(why));
            removal.miss((!is_over).then(unanswered));
            removal
        })
        .collect()
    }

    fn stop_scope(&self, scope: &Scope, limit: Duration) -> io::Result<()> {
        let (scope, bus) = (scope.clone(), self.bus.clone());
        self.bounded
            .call(limit, move || scope::stop(&scope, bus.as_deref(), limit))
    }

    fn write_state(&self, dir: StateDir<'_>, file: &str, bytes: &[u8]) -> io::Result<()> {
        let dir = open_state_dir(dir)?;
        let old = stat_beneath(&dir, OsStr::new(file))?.ok_or(Errno::NOENT)?;
        let temporary = format!(".{file}.ocitop-{}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&dir, &temporary, flags, Mode::from_raw_mode(0o600))?;
        let written = write_all(&fd, bytes)
            .and_then(|()| keep_owner(&fd, &old))
            .and_then(|()| rustix::fs::fchmod(&fd, Mode::from_raw_mode(old.st_mode & 0o777)))
            .and_then(|()| rustix::fs::renameat(&dir, &temporary, &dir, file));
        if let Err(errno) = written {
            rustix::fs::unlinkat(&dir, &temporary, AtFlags::empty()).ok();
            return Err(errno.into());
        }
        Ok(())
    }

    fn reserve_marks(&self, dir: StateDir<'_>, files: &[String]) -> io::Result<()> {
        mark::reserve(&open_state_dir(dir)?, files)
    }

    fn mark_state(&self, dir: StateDir<'_>, mark: StateMark<'_>) -> io::Result<()> {
        let dir = open_state_dir(dir)?;
        lock(&dir);
        mark::set(&dir, mark)
    }

    fn remove_state_dir(&self, dir: StateDir<'_>, what: Contents) -> io::Result<()> {
        let root = open_root(dir.root)?;
        let name = OsStr::new(dir.id.as_str());
        let opened = open_or_detach(&root, name)?;
        check_inode(&opened, dir.inode)?;
        lock(&opened);
        // Another teardown of the same container can put its mark in between the two.
        for _ in 0..SOMEBODY_ELSE {
            match what {
                Contents::All => empty(&opened)?,
                Contents::OwnMarks => forget(&opened)?,
            }
            match rustix::fs::unlinkat(&root, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY) => {}
                result => return Ok(result?),
            }
        }
        Err(Errno::NOTEMPTY.into())
    }

    fn remove_pin(&self, file: &Path, inode: Inode) -> io::Result<()> {
        let (Some(above), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(Errno::INVAL.into());
        };
        let above = super::read::open_dir(above)?;
        let stat = stat_beneath(&above, name)?.ok_or(Errno::NOENT)?;
        if Inode::from(&stat) != inode {
            return Err(Errno::STALE.into());
        }
        // A directory there is not unlinked: EISDIR.
        Ok(rustix::fs::unlinkat(&above, name, AtFlags::empty())?)
    }

    fn detach(&self, point: &Path) -> io::Result<()> {
        let point = point.to_owned();
        self.bounded.call(CALL_WITHIN, move || {
            use rustix::mount::UnmountFlags;
            let how = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
            Ok(rustix::mount::unmount(&point, how)?)
        })
    }

    fn release_init(&self, dir: StateDir<'_>, how: Release) -> io::Result<()> {
        let dir = open_state_dir(dir)?;
        match how {
            Release::NotifySocket => notify_socket(&dir),
            Release::ReadFifo => read_fifo(&dir),
            Release::WriteFifo => write_fifo(&dir),
        }
    }

    fn run_hook(&self, call: &HookCall) -> io::Result<HookEnd> {
        hook::run(call, self.itself)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that really waits")]
    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    let place = LongPath::of(dir)?;
    Ok(rustix::fs::unlinkat(
        place.dir(),
        place.rest(),
        AtFlags::REMOVEDIR,
    )?)
}

/// What is told of a tree that is removed.
enum RemovalReport {
    /// Of one cgroup of it.
    Of(Result<(), (PathBuf, io::Error)>),
    /// That it was walked to its end, or what of it was not seen.
    Over(Option<(PathBuf, io::Error)>),
}

fn open_state_dir(dir: StateDir<'_>) -> io::Result<OwnedFd> {
    let opened = open_dir_beneath(open_root(dir.root)?, OsStr::new(dir.id.as_str()))?;
    check_inode(&opened, dir.inode)?;
    Ok(opened)
}

/// Has a state directory to itself, among all ocitop that remember something in one or remove one,
/// until it is closed. Who else could open it could keep it locked, so this does not wait for long:
/// without it a hook may run twice in the moment of a removal, and nothing worse.
#[expect(clippy::disallowed_methods, reason = "between two tries")]
fn lock(dir: &OwnedFd) {
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(dir, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::sleep(LOCK_PAUSE),
            Ok(()) | Err(_) => return,
        }
    }
}

fn check_inode(dir: &OwnedFd, inode: Inode) -> io::Result<()> {
    if Inode::from(&rustix::fs::fstat(dir)?) == inode {
        Ok(())
    } else {
        Err(Errno::STALE.into())
    }
}

/// Gives a file to whoever had the old one: root writes a user's record too, and its runtime has to read
/// it afterwards.
fn keep_owner(fd: &OwnedFd, old: &rustix::fs::Stat) -> Result<(), Errno> {
    let new = rustix::fs::fstat(fd)?;
    if (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(old.st_uid), Gid::from_raw(old.st_gid));
    rustix::fs::fchown(fd, Some(uid), Some(gid))
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let count = rustix::io::write(fd, bytes)?;
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

fn notify_socket(dir: &OwnedFd) -> io::Result<()> {
    // Held before it is looked at: whoever owns the directory may put a link under its name, and have
    // root speak to a socket that only root may.
    let how = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(dir, "notify.sock", how, Mode::empty())?;
    let stat = rustix::fs::fstat(&held)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(Errno::NOTSOCK.into());
    }
    // youki makes both.
    if stat.st_uid != rustix::fs::fstat(dir)?.st_uid {
        return Err(Errno::PERM.into());
    }
    // By descriptor: a socket's path is limited to 108 bytes, a state directory's is not. And never
    // blocking: its maker can leave the backlog full for ever.
    let path = format!("/proc/self/fd/{}", held.as_raw_fd());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    // youki's init reads until the end of the stream, which closing is.
    write_all(&socket, b"start container")?;
    Ok(())
}

fn open_fifo(dir: &OwnedFd, mode: OFlags) -> io::Result<OwnedFd> {
    let flags = mode | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let fd = rustix::fs::openat2(dir, "exec.fifo", flags, Mode::empty(), resolve)?;
    let stat = rustix::fs::fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
        return Err(Errno::INVAL.into());
    }
    Ok(fd)
}

/// runc: its init opens the fifo for writing, writes one byte and execs.
fn read_fifo(dir: &OwnedFd) -> io::Result<()> {
    let fifo = open_fifo(dir, OFlags::RDONLY)?;
    let mut fds = [PollFd::new(&fifo, PollFlags::IN)];
    if rustix::event::poll(&mut fds, timespec(FIFO_WAIT).as_ref())? == 0 {
        return Err(Errno::TIMEDOUT.into());
    }
    let mut byte = [0; 1];
    if rustix::io::read(&fifo, &mut byte)? == 0 {
        // The other end closed without a word: init died.
        return Err(Errno::SRCH.into());
    }
    match rustix::fs::unlinkat(dir, "exec.fifo", AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// crun: its init holds the read end; the file goes first, because it means "created".
fn write_fifo(dir: &OwnedFd) -> io::Result<()> {
    let fifo = open_fifo(dir, OFlags::WRONLY)?;
    rustix::fs::unlinkat(dir, "exec.fifo", AtFlags::empty())?;
    rustix::io::write(&fifo, &[0])?;
    Ok(())
}
