//! A kernel over a fixture machine: it reacts as the real one does, keeps its own clock, and fails
//! on demand.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use ocitop::cgroup::Version;
use ocitop::kernel::{
    Contents, HookCall, HookEnd, HookStatus, Inode, Kernel, OWN_PREFIX, Release, Scope, Signal,
    StateDir, StateMark,
};
use rustix::io::Errno;

use crate::support::machine::Machine;

/// The operations of [`Kernel`] that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Op {
    Open,
    Signal,
    Write,
    RemoveCgroup,
    RemoveRdt,
    StopUnit,
    WriteState,
    ReserveMarks,
    MarkState,
    RemoveStateDir,
    RemovePin,
    Detach,
    Release,
    Hook,
}

/// A process as it was opened.
pub(crate) struct Process(i32);

#[derive(Default)]
struct Inside {
    now: Duration,
    /// Operations that fail, each until its count is used up.
    faults: Vec<(Op, Errno, usize)>,
    /// Processes that no signal ends (uninterruptible sleep).
    immortal: BTreeSet<i32>,
    /// Processes whose exit hangs until this moment.
    hanging: Vec<(i32, Duration)>,
    /// Killed while frozen: they die at the thaw.
    pending: BTreeSet<i32>,
    signals: Vec<(i32, Signal)>,
    hooks: Vec<HookCall>,
    hook_status: Option<HookStatus>,
    released: Vec<Release>,
    changes: usize,
    units: Vec<Scope>,
    written: Vec<PathBuf>,
    /// Nothing that is to be frozen ever is.
    restless: bool,
    detached: Vec<PathBuf>,
    /// What happens in the moment in which a unit is stopped.
    at_stop: Option<Box<dyn FnOnce() + Send>>,
    /// What happens to a process in the moment in which it is opened.
    at_open: Vec<(i32, Box<dyn FnOnce() + Send>)>,
}

/// The kernel of a fixture machine.
pub(crate) struct FakeKernel<'a> {
    machine: &'a Machine,
    inside: Mutex<Inside>,
}

impl<'a> FakeKernel<'a> {
    pub(crate) fn over(machine: &'a Machine) -> Self {
        Self {
            machine,
            inside: Mutex::default(),
        }
    }

    /// Every call of `op` fails with `errno`.
    pub(crate) fn failing(self, op: Op, errno: Errno) -> Self {
        self.failing_times(op, errno, usize::MAX)
    }

    /// The first `times` calls of `op` fail with `errno`.
    pub(crate) fn failing_times(self, op: Op, errno: Errno, times: usize) -> Self {
        self.with(|inside| inside.faults.push((op, errno, times)));
        self
    }

    /// No signal ends this process.
    pub(crate) fn immortal(self, pid: i32) -> Self {
        self.with(|inside| inside.immortal.insert(pid));
        self
    }

    /// A signal that kills this process begins an exit which ends at this moment. Until then it is
    /// as Linux 6.19 and later have it: in no list of its cgroup, and the cgroup populated.
    pub(crate) fn hangs_in_its_exit(self, pid: i32, until: Duration) -> Self {
        self.with(|inside| inside.hanging.push((pid, until)));
        self
    }

    /// This happens in the moment in which the process is opened.
    pub(crate) fn at_open(self, pid: i32, act: impl FnOnce() + Send + 'static) -> Self {
        self.with(|inside| inside.at_open.push((pid, Box::new(act))));
        self
    }

    /// This happens in the moment in which a unit is stopped.
    pub(crate) fn at_stop(self, act: impl FnOnce() + Send + 'static) -> Self {
        self.with(|inside| inside.at_stop = Some(Box::new(act)));
        self
    }

    /// A freeze never comes to its end.
    pub(crate) fn never_freezes(self) -> Self {
        self.with(|inside| inside.restless = true);
        self
    }

    /// Hooks end like this.
    pub(crate) fn hooks_end(self, status: HookStatus) -> Self {
        self.with(|inside| inside.hook_status = Some(status));
        self
    }

    pub(crate) fn hooks_run(&self) -> Vec<HookCall> {
        self.with(|inside| inside.hooks.clone())
    }

    pub(crate) fn signals(&self) -> Vec<(i32, Signal)> {
        self.with(|inside| inside.signals.clone())
    }

    pub(crate) fn released(&self) -> Vec<Release> {
        self.with(|inside| inside.released.clone())
    }

    pub(crate) fn units_stopped(&self) -> Vec<Scope> {
        self.with(|inside| inside.units.clone())
    }

    /// The control files that were written.
    pub(crate) fn written(&self) -> Vec<PathBuf> {
        self.with(|inside| inside.written.clone())
    }

    pub(crate) fn detached(&self) -> Vec<PathBuf> {
        self.with(|inside| inside.detached.clone())
    }

    /// How many calls changed something.
    pub(crate) fn changes(&self) -> usize {
        self.with(|inside| inside.changes)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        act(&mut self.inside.lock().unwrap())
    }

    fn fault(&self, op: Op) -> io::Result<()> {
        self.with(|inside| {
            let fault = inside
                .faults
                .iter_mut()
                .find(|fault| fault.0 == op && fault.2 > 0);
            match fault {
                Some((_, errno, times)) => {
                    *times = times.saturating_sub(1);
                    Err(io::Error::from(*errno))
                }
                None => Ok(()),
            }
        })
    }

    fn proc_dir(&self, pid: i32) -> PathBuf {
        self.machine.proc().join(pid.to_string())
    }

    fn lives(&self, pid: i32) -> bool {
        self.proc_dir(pid).exists()
    }

    /// SIGKILL arrives: the process is gone, unless it sleeps uninterruptibly or a v1 freezer
    /// holds it.
    fn kill(&self, pid: i32) {
        if self.with(|inside| inside.immortal.contains(&pid)) {
            return;
        }
        if self.is_held(pid) {
            self.with(|inside| inside.pending.insert(pid));
            return;
        }
        if self.with(|inside| inside.hanging.iter().any(|(of, _)| *of == pid)) {
            self.begin_exit(pid);
            return;
        }
        self.forget(pid);
    }

    /// Leaves the lists of its cgroups, and hangs on its way out.
    pub(crate) fn begin_exit(&self, pid: i32) {
        let file = self.proc_dir(pid).join("stat");
        let stat = fs::read_to_string(&file).unwrap();
        // PF_EXITING beside what it had.
        let stat = stat.replace(") S ", ") D ").replace(" -1 64 ", " -1 68 ");
        fs::write(&file, stat).unwrap();
        self.unlist(pid);
    }

    /// Ends the exits whose moment has come.
    fn end_exits(&self) {
        let over = self.with(|inside| {
            let now = inside.now;
            let over = inside.hanging.extract_if(.., |(_, until)| *until <= now);
            over.map(|(pid, _)| pid).collect::<Vec<_>>()
        });
        for pid in over {
            self.forget(pid);
        }
    }

    /// Removes a process from /proc and from every cgroup.
    pub(crate) fn forget(&self, pid: i32) {
        let was = fs::read_to_string(self.proc_dir(pid).join("cgroup")).unwrap_or_default();
        remove_tree(&self.proc_dir(pid));
        self.unlist(pid);
        let path = was.lines().find_map(|line| line.strip_prefix("0::/"));
        for top in ["", "unified"] {
            self.settle(
                &self
                    .machine
                    .cgroup_root()
                    .join(top)
                    .join(path.unwrap_or_default()),
            );
        }
    }

    /// Removes a process from the lists of every cgroup.
    fn unlist(&self, pid: i32) {
        for file in files_named(&self.machine.cgroup_root(), "cgroup.procs") {
            let text = fs::read_to_string(&file).unwrap();
            let own = pid.to_string();
            let others: String = text
                .lines()
                .filter(|line| *line != own)
                .flat_map(|line| [line, "\n"])
                .collect();
            if others != text {
                fs::write(&file, others).unwrap();
            }
        }
    }

    /// `populated` of a v2 cgroup and of those above it, once a process has left it.
    fn settle(&self, dir: &Path) {
        for dir in dir.ancestors() {
            let events = dir.join("cgroup.events");
            let Ok(text) = fs::read_to_string(&events) else {
                return;
            };
            let listed = files_named(dir, "cgroup.procs");
            if listed.iter().any(|file| !pids(file).is_empty()) || self.holds_leaving(dir) {
                return;
            }
            fs::write(&events, text.replace("populated 1", "populated 0")).unwrap();
        }
    }

    /// Whether a process that is in no list is still in this cgroup of v2, or below it.
    fn holds_leaving(&self, dir: &Path) -> bool {
        let root = self.machine.cgroup_root();
        let path = dir.strip_prefix(&root).unwrap();
        let path = path.strip_prefix("unified").unwrap_or(path);
        let hanging = self.with(|inside| inside.hanging.clone());
        hanging.iter().any(|(pid, _)| {
            let file = self.proc_dir(*pid).join("cgroup");
            let text = fs::read_to_string(file).unwrap_or_default();
            let mut at = text.lines().filter_map(|line| line.strip_prefix("0::/"));
            at.any(|at| Path::new(at).starts_with(path))
        })
    }

    /// Whether a v1 freezer, its own or one above, holds a process.
    fn is_held(&self, pid: i32) -> bool {
        if self.machine.version() == Version::V2 {
            return false;
        }
        let top = self.machine.cgroup_root().join("freezer");
        let files = files_named(&top, "cgroup.procs");
        files.iter().any(|file| {
            let dir = file.parent().unwrap();
            let inside = pids(file).contains(&pid);
            inside
                && dir
                    .ancestors()
                    .take_while(|up| up.starts_with(&top))
                    .any(is_frozen)
        })
    }

    /// What a write to a control file does.
    fn react(&self, file: &Path, value: &str) {
        let dir = file.parent().unwrap();
        match (file.file_name().unwrap().to_str().unwrap(), value) {
            ("freezer.state", "FROZEN") if self.with(|inside| inside.restless) => {
                fs::write(file, "FREEZING\n").unwrap();
            }
            ("freezer.state", _) => {
                let own = if value == "FROZEN" { "1\n" } else { "0\n" };
                fs::write(dir.join("freezer.self_freezing"), own).unwrap();
                fs::write(file, format!("{value}\n")).unwrap();
                let pending = self.with(|inside| std::mem::take(&mut inside.pending));
                for pid in pending {
                    self.kill(pid);
                }
            }
            ("cgroup.freeze", _) => {
                fs::write(file, format!("{value}\n")).unwrap();
                let file = dir.join("cgroup.events");
                let events = fs::read_to_string(&file).unwrap();
                let populated = events.lines().next().unwrap();
                fs::write(&file, format!("{populated}\nfrozen {value}\n")).unwrap();
            }
            ("cgroup.kill", "1") => {
                for file in files_named(dir, "cgroup.procs") {
                    for pid in pids(&file) {
                        self.kill(pid);
                    }
                }
            }
            _ => fs::write(file, format!("{value}\n")).unwrap(),
        }
    }
}

fn is_frozen(dir: &Path) -> bool {
    let state = fs::read_to_string(dir.join("freezer.state")).unwrap_or_default();
    let own = fs::read_to_string(dir.join("freezer.self_freezing")).unwrap_or_default();
    state == "FROZEN\n" && own == "1\n"
}

fn pids(file: &Path) -> Vec<i32> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn files_named(top: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![top.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else if entry.file_name() == name {
                found.push(entry.path());
            }
        }
    }
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "a directory of the fixture machine"
)]
pub(crate) fn remove_tree(dir: &Path) {
    if dir.exists() {
        fs::remove_dir_all(dir).unwrap();
    }
}

impl Kernel for FakeKernel<'_> {
    type Process = Process;

    fn open_process(&self, pid: i32) -> io::Result<Process> {
        self.fault(Op::Open)?;
        let act = self.with(|inside| {
            let at = inside.at_open.iter().position(|(of, _)| *of == pid)?;
            Some(inside.at_open.remove(at).1)
        });
        if let Some(act) = act {
            act();
        }
        if self.lives(pid) {
            Ok(Process(pid))
        } else {
            Err(Errno::SRCH.into())
        }
    }

    fn signal(&self, process: &Process, signal: Signal) -> io::Result<()> {
        self.fault(Op::Signal)?;
        if !self.lives(process.0) {
            return Err(Errno::SRCH.into());
        }
        self.with(|inside| {
            inside.changes += usize::from(signal != Signal::NULL);
            inside.signals.push((process.0, signal));
        });
        if signal == Signal::KILL {
            self.kill(process.0);
        }
        Ok(())
    }

    fn wait_any(&self, processes: &[Process], timeout: Duration) -> io::Result<()> {
        if processes.iter().all(|process| self.lives(process.0)) {
            self.pause(timeout);
        }
        Ok(())
    }

    fn write_control(&self, file: &Path, value: &str) -> io::Result<()> {
        self.fault(Op::Write)?;
        if !file.exists() {
            return Err(Errno::NOENT.into());
        }
        self.with(|inside| {
            inside.changes += 1;
            inside.written.push(file.to_owned());
        });
        self.react(file, value);
        Ok(())
    }

    fn remove_group(&self, dir: &Path) -> io::Result<()> {
        let rdt = dir.starts_with(self.machine.resctrl());
        self.fault(if rdt { Op::RemoveRdt } else { Op::RemoveCgroup })?;
        if !dir.exists() {
            return Err(Errno::NOENT.into());
        }
        if rdt {
            self.with(|inside| inside.changes += 1);
            remove_tree(dir);
            return Ok(());
        }
        let is_dir = |entry: fs::DirEntry| entry.file_type().unwrap().is_dir();
        let listed = pids(&dir.join("cgroup.procs"));
        let is_parent = fs::read_dir(dir)?.flatten().any(is_dir);
        if is_parent || !listed.is_empty() || self.holds_leaving(dir) {
            return Err(Errno::BUSY.into());
        }
        self.with(|inside| inside.changes += 1);
        remove_tree(dir);
        Ok(())
    }

    fn stop_scope(&self, unit: &Scope, _limit: Duration) -> io::Result<()> {
        self.fault(Op::StopUnit)?;
        self.with(|inside| {
            inside.changes += 1;
            inside.units.push(unit.clone());
        });
        if let Some(act) = self.with(|inside| inside.at_stop.take()) {
            act();
        }
        Ok(())
    }

    fn write_state(&self, dir: StateDir<'_>, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.fault(Op::WriteState)?;
        self.with(|inside| inside.changes += 1);
        fs::write(dir.root.join(dir.id.as_str()).join(file), bytes)
    }

    fn reserve_marks(&self, dir: StateDir<'_>, files: &[String]) -> io::Result<()> {
        self.fault(Op::ReserveMarks)?;
        self.with(|inside| inside.changes += 1);
        let dir = dir.root.join(dir.id.as_str());
        for file in files {
            fs::write(dir.join(file), "")?;
        }
        Ok(())
    }

    fn mark_state(&self, dir: StateDir<'_>, mark: StateMark<'_>) -> io::Result<()> {
        self.fault(Op::MarkState)?;
        let dir = dir.root.join(dir.id.as_str());
        fs::metadata(dir.join(mark.beside))?;
        fs::File::create_new(dir.join(mark.file)).map(drop)?;
        fs::remove_file(dir.join(mark.reserved))
    }

    fn remove_state_dir(&self, dir: StateDir<'_>, what: Contents) -> io::Result<()> {
        self.fault(Op::RemoveStateDir)?;
        let dir = dir.root.join(dir.id.as_str());
        if !dir.exists() {
            return Err(Errno::NOENT.into());
        }
        let is_own = |name: &OsStr| name.to_string_lossy().starts_with(OWN_PREFIX);
        let mut names = fs::read_dir(&dir)?.map(|entry| entry.unwrap().file_name());
        if what == Contents::OwnMarks && names.any(|name| !is_own(&name)) {
            return Err(Errno::NOTEMPTY.into());
        }
        self.with(|inside| inside.changes += 1);
        remove_tree(&dir);
        Ok(())
    }

    fn remove_pin(&self, file: &Path, inode: Inode) -> io::Result<()> {
        self.fault(Op::RemovePin)?;
        let found = fs::symlink_metadata(file)?;
        if (found.dev(), found.ino()) != (inode.device, inode.number) {
            return Err(Errno::STALE.into());
        }
        self.with(|inside| inside.changes += 1);
        fs::remove_file(file)
    }

    fn detach(&self, point: &Path) -> io::Result<()> {
        self.fault(Op::Detach)?;
        self.with(|inside| {
            inside.changes += 1;
            inside.detached.push(point.to_owned());
        });
        // What is mounted there is one line of mountinfo less.
        let file = self.machine.proc().join("self/mountinfo");
        let text = fs::read_to_string(&file)?;
        let word = format!(" {} ", point.display());
        let mut lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().rposition(|line| line.contains(&word));
        lines.remove(at.ok_or(Errno::INVAL)?);
        fs::write(&file, lines.join("\n") + "\n")
    }

    fn release_init(&self, _dir: StateDir<'_>, how: Release) -> io::Result<()> {
        self.fault(Op::Release)?;
        self.with(|inside| {
            inside.changes += 1;
            inside.released.push(how);
        });
        Ok(())
    }

    fn run_hook(&self, call: &HookCall) -> io::Result<HookEnd> {
        self.fault(Op::Hook)?;
        self.with(|inside| {
            inside.changes += 1;
            inside.hooks.push(call.clone());
            Ok(HookEnd {
                status: inside.hook_status.unwrap_or(HookStatus::Exited(0)),
                output: String::new(),
            })
        })
    }

    fn now(&self) -> Duration {
        self.with(|inside| inside.now)
    }

    fn pause(&self, time: Duration) {
        self.with(|inside| inside.now += time);
        self.end_exits();
    }
}
