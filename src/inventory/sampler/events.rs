//! What wakes the sampler: inotify on state roots, state directories and v2 cgroups, a pidfd for
//! each init, and an alarm for those who have orders. One epoll over all of them (epoll(7),
//! inotify(7), pidfd_open(2)).
//!
//! inotify sees nothing on network file systems and runs out of watches; the sampler looks at
//! everything now and then in any case.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, epoll};
use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::kernel::OWN_PREFIX;

/// A row of the sampler, as events name it.
pub(super) type RowId = u32;

/// Something that was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Notice {
    /// Entries of a state root came or went.
    Root(usize),
    /// Something that may become a state root, or lead to one, came or went.
    Above,
    /// A file of a state directory changed.
    Entry(RowId),
    /// A v2 cgroup was frozen, thawed, emptied, or met its OOM killer.
    Cgroup(RowId),
    /// An init ended.
    Exit(RowId),
    /// The kernel dropped events: anything may have changed.
    Overflow,
    /// Somebody rang the alarm.
    Alarm,
}

/// Wakes a sampler that waits.
#[derive(Debug, Clone)]
pub struct Alarm(Arc<OwnedFd>);

impl Alarm {
    /// Rings. It stays rung until the sampler has heard it.
    pub fn ring(&self) {
        // Full means that it is ringing already.
        rustix::io::write(&*self.0, &1_u64.to_ne_bytes()).ok();
    }
}

const INOTIFY: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;
/// Events taken from the kernel at once.
const BATCH: usize = 256;

/// Files of a directory that come, go or are written. Reading is not among them: the sampler itself
/// reads.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ONLYDIR);

/// The watches.
#[derive(Debug)]
pub(super) struct Watches {
    epoll: OwnedFd,
    inotify: Option<OwnedFd>,
    alarm: Alarm,
    targets: HashMap<i32, Notice>,
    /// Of these watches, only what happens to one of these names is told.
    names: HashMap<i32, HashSet<OsString>>,
}

impl Watches {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let alarm = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let data = epoll::EventData::new_u64(ALARM);
        epoll::add(&epoll, &alarm, data, epoll::EventFlags::IN)?;
        // Out of instances: then everything is only looked at now and then.
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let inotify = inotify::init(flags).ok();
        if let Some(inotify) = &inotify {
            let data = epoll::EventData::new_u64(INOTIFY);
            epoll::add(&epoll, inotify, data, epoll::EventFlags::IN)?;
        }
        Ok(Self {
            epoll,
            inotify,
            alarm: Alarm(Arc::new(alarm)),
            targets: HashMap::new(),
            names: HashMap::new(),
        })
    }

    pub(super) fn alarm(&self) -> Alarm {
        self.alarm.clone()
    }

    /// Watches the open directory `dir`; `None` where that is not possible.
    pub(super) fn watch_root(&mut self, dir: &OwnedFd, notice: Notice) -> Option<i32> {
        let path = proc_path(dir, OsStr::new("."));
        self.add(Path::new(&path), CHANGES, notice)
    }

    /// Watches the open directory `dir` for names that are, or lead to, state roots.
    pub(super) fn watch_above(&mut self, dir: &OwnedFd, names: HashSet<OsString>) -> Option<i32> {
        let id = self.watch_root(dir, Notice::Above)?;
        self.names.insert(id, names);
        Some(id)
    }

    /// Watches the directory `name` in the open directory `root`, for the files in it.
    pub(super) fn watch_entry(&mut self, root: &OwnedFd, name: &OsStr, row: RowId) -> Option<i32> {
        let flags = CHANGES | WatchFlags::CLOSE_WRITE | WatchFlags::DONT_FOLLOW;
        self.add(Path::new(&proc_path(root, name)), flags, Notice::Entry(row))
    }

    /// Watches a v2 cgroup: its event files say MODIFY, whatever else is written there is too.
    pub(super) fn watch_cgroup(&mut self, dir: &Path, row: RowId) -> Option<i32> {
        let flags = WatchFlags::MODIFY | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
        self.add(dir, flags, Notice::Cgroup(row))
    }

    fn add(&mut self, path: &Path, flags: WatchFlags, notice: Notice) -> Option<i32> {
        let inotify = self.inotify.as_ref()?;
        let id = inotify::add_watch(inotify, path, flags).ok()?;
        self.targets.insert(id, notice);
        Some(id)
    }

    /// Forgets a watch.
    pub(super) fn unwatch(&mut self, watch: Option<i32>) {
        if let (Some(inotify), Some(id)) = (&self.inotify, watch) {
            self.targets.remove(&id);
            self.names.remove(&id);
            // The kernel drops it by itself when the directory goes.
            inotify::remove_watch(inotify, id).ok();
        }
    }

    /// Tells when the process of this pidfd ends. Closing the descriptor ends it.
    pub(super) fn watch_exit(&self, process: &OwnedFd, row: RowId) -> io::Result<()> {
        let data = epoll::EventData::new_u64(row.into());
        // Once: what is dead stays readable, and would wake the sampler for ever.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        Ok(epoll::add(&self.epoll, process, data, flags)?)
    }

    /// Waits until something is noticed or `limit` has passed.
    pub(super) fn wait(&mut self, limit: Duration) -> Vec<Notice> {
        let mut ready = Vec::with_capacity(BATCH);
        let limit = limit.try_into().ok();
        let spare = rustix::buffer::spare_capacity(&mut ready);
        match epoll::wait(&self.epoll, spare, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => tracing::error!("wait for events: {errno}"),
        }
        let mut notices = Vec::with_capacity(ready.len());
        for event in ready {
            match event.data.u64() {
                INOTIFY => self.read_inotify(&mut notices),
                ALARM => {
                    let mut count = [0; 8];
                    rustix::io::read(&*self.alarm.0, &mut count).ok();
                    notices.push(Notice::Alarm);
                }
                row => notices.extend(RowId::try_from(row).ok().map(Notice::Exit)),
            }
        }
        notices
    }

    fn read_inotify(&self, notices: &mut Vec<Notice>) {
        let Some(inotify) = &self.inotify else { return };
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(inotify.as_fd(), &mut buffer);
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                notices.push(Notice::Overflow);
                continue;
            }
            let name = event.file_name().map(std::ffi::CStr::to_bytes);
            let own = name.is_some_and(|name| name.starts_with(OWN_PREFIX.as_bytes()));
            let wanted = self.names.get(&event.wd()).is_none_or(|names| {
                name.is_some_and(|name| names.contains(OsStr::from_bytes(name)))
            });
            let target = self.targets.get(&event.wd()).filter(|_| !own && wanted);
            // One change is told in several events.
            if let Some(notice) = target.filter(|notice| notices.last() != Some(notice)) {
                notices.push(notice.clone());
            }
        }
    }
}

/// A name in an open directory, as a path.
fn proc_path(dir: &OwnedFd, name: &OsStr) -> OsString {
    let mut path = OsString::from(format!("/proc/self/fd/{}/", dir.as_raw_fd()));
    path.push(OsStr::from_bytes(name.as_bytes()));
    path
}
