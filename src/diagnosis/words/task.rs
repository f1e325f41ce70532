//! What is said of processes.

use std::fmt::Write as _;
use std::path::Path;

use super::parts::{self, path, pids};
use crate::diagnosis::cause::{TaskCause, ZombieEffect};
use crate::diagnosis::evidence::{Evidence, InitSeen, MountSeen, Neighbour, Task, Wait};
use crate::text::visible_path;

/// Innermost functions of a stack that are shown.
const FRAMES: usize = 6;

impl TaskCause {
    /// A sentence.
    #[expect(clippy::too_many_lines, reason = "one flat match")]
    pub(super) fn words(&self) -> String {
        match self {
            Self::Fuse {
                pid,
                mount,
                connection,
                exiting,
                ..
            } => {
                let number = connection.map(|number| format!(", connection {number}"));
                let end = if *exiting { " at its exit" } else { "" };
                format!(
                    "pid {pid} waits{end} for a FUSE file system that does not answer{}{}",
                    on(mount.as_deref()),
                    number.unwrap_or_default()
                )
            }
            Self::Network {
                pid,
                kind,
                source,
                mount,
            } => {
                let kind = kind.as_deref().unwrap_or("network file system");
                let source = source.as_ref().map(|source| format!(" {source}"));
                format!(
                    "pid {pid} waits for a server that does not answer: {kind}{}{}",
                    source.unwrap_or_default(),
                    on(mount.as_deref())
                )
            }
            Self::BlockDevice { pid, device, mount } => {
                let device = device.map(|(major, minor)| format!(" {major}:{minor}"));
                format!(
                    "pid {pid} waits for a device{}, or for a file system{}",
                    device.unwrap_or_default(),
                    on(mount.as_deref())
                )
            }
            Self::FrozenFilesystem { pid, mount } => {
                format!(
                    "pid {pid} waits to write to a frozen file system{}",
                    on(mount.as_deref())
                )
            }
            Self::CgroupLock { pid } => {
                format!("pid {pid} waits for the lock of all cgroups, which another task holds")
            }
            Self::MemoryLocked { pid } => {
                format!("the memory of pid {pid} is locked by a thread of it that waits itself")
            }
            Self::Faulted { pid } => {
                format!(
                    "pid {pid} faulted in the kernel while it exited, and is left asleep for good"
                )
            }
            Self::Uninterruptible { pid, tid, wchan } => {
                let place = wchan.as_deref().unwrap_or("an unknown place");
                let thread = if tid == pid {
                    String::new()
                } else {
                    format!(" (thread {tid})")
                };
                format!(
                    "pid {pid}{thread} sleeps uninterruptibly in {place}, which is not known to end by itself"
                )
            }
            Self::Vfork { pid, child } => {
                let child = child.map_or_else(String::new, |child| format!(" (pid {child})"));
                format!("pid {pid} waits in vfork: its child{child} neither executes nor exits")
            }
            Self::StoppedBySignal { pids } => format!("{} stopped by a signal (SIGSTOP)", be(pids)),
            Self::Traced { pid, tracer } => {
                format!("pid {pid} is stopped by its tracer, pid {tracer}")
            }
            Self::HeldAtExit { pid, tracer } => format!(
                "pid {pid} was killed and its tracer, pid {tracer}, holds it at its exit: no signal ends it"
            ),
            Self::KernelThread { pid, name } => {
                format!("kernel thread {pid} {} is in its cgroup", parts::name(name))
            }
            Self::HostProcess { pid, cgroup } => {
                format!("pid {pid}, a process of the host, is in its cgroup {cgroup}")
            }
            Self::PartlyOutside {
                pids,
                hierarchies,
                places,
                limits,
            } => {
                let rest = if *limits {
                    ": not limited and not counted there"
                } else {
                    ""
                };
                format!(
                    "{} outside of its cgroup in {} (in {}){rest}",
                    be(pids),
                    hierarchies.join(" "),
                    places.join(" ")
                )
            }
            Self::Outside { pids, cgroup } => {
                let place = cgroup.as_ref().map(|place| format!(" (in {place})"));
                format!(
                    "{} in its pid namespace and outside of its cgroup{}: not limited and not counted in it",
                    be(pids),
                    place.unwrap_or_default()
                )
            }
            Self::ZombieInit {
                pid,
                parent,
                tracer,
            } => {
                let parent = parent.map_or_else(String::new, |parent| format!(", pid {parent},"));
                let held = tracer.map(|tracer| format!("; tracer {tracer} holds it"));
                format!(
                    "its init, pid {pid}, is dead and its parent{parent} does not reap it{}",
                    held.unwrap_or_default()
                )
            }
            Self::Zombies {
                pids,
                count,
                parent,
                hold,
            } => zombies(pids, *count, *parent, *hold),
            Self::DeadLeader { pid, threads } => format!(
                "the first thread of pid {pid} is dead (state Z), {} of it live on",
                parts::count(usize::try_from(*threads).unwrap_or(0), "thread", "threads")
            ),
            Self::NamespaceWaits {
                pid,
                waits_for,
                parent,
            } => format!(
                "init, pid {pid}, is dying and waits for the last of its namespace: {}",
                last(*waits_for, *parent)
            ),
            Self::CoreDump { pid, handler } => {
                let handler = handler.as_ref().map(|handler| format!(" by {handler}"));
                format!(
                    "a core dump of pid {pid} is being taken{}",
                    handler.unwrap_or_default()
                )
            }
            Self::LongExit { pid, resident } => {
                let left = resident.map(|bytes| format!(", {bytes} bytes left"));
                format!(
                    "pid {pid} is dying and gives its memory back{}",
                    left.unwrap_or_default()
                )
            }
            Self::IoUring { pid } => {
                format!("pid {pid} is dying and waits for requests of io_uring that are not done")
            }
        }
    }
}

fn zombies(some: &[i32], count: usize, parent: i32, hold: ZombieEffect) -> String {
    let who = if count == some.len() {
        be(some)
    } else {
        format!("{count} processes ({} ...) are", pids(some))
    };
    let what = match hold {
        ZombieEffect::Pids if count == 1 => "holds only its pid".to_owned(),
        ZombieEffect::Pids => "hold only their pids".to_owned(),
        ZombieEffect::InitLater => "once init dies, it waits until that is done".to_owned(),
        ZombieEffect::Init(init) => format!("init, pid {init}, waits for that"),
    };
    format!("{who} dead and not reaped by pid {parent}: {what}")
}

fn on(mount: Option<&Path>) -> String {
    mount.map_or_else(String::new, |mount| format!(" on {}", path(mount)))
}

/// The last process of a pid namespace.
fn last(waits_for: Option<i32>, parent: Option<i32>) -> String {
    match (waits_for, parent) {
        (Some(zombie), Some(parent)) => {
            format!("zombie {zombie}, which pid {parent} outside does not reap")
        }
        (Some(other), None) => format!("pid {other}"),
        (None, _) => "a process that was not found".to_owned(),
    }
}

/// `pid 7 is`, `pids 7, 8 are`.
fn be(who: &[i32]) -> String {
    let verb = if who.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", pids(who))
}

/// A process, in one line.
pub(in crate::diagnosis) fn of_task(task: &Task) -> Vec<String> {
    let process = &task.process;
    let mut line = format!(
        "pid {} {}: {}",
        process.who.pid, process.command, process.state
    );
    if process.kill_pending() {
        line.push_str(", SIGKILL pending");
    }
    for remark in process.remarks() {
        line.push_str(", ");
        line.push_str(&remark);
    }
    let held = &process.held;
    if held.looks > 1 && held.switches == Some(0) && process.state != 'Z' {
        write!(line, ", has not run for {:.1} s", held.time.as_secs_f64()).ok();
    }
    let tracer = task
        .tracer
        .as_ref()
        .map(|tracer| format!("tracer: {}", of_neighbour(tracer)));
    std::iter::once(line).chain(tracer).collect()
}

/// Where a task waits: stack, system call, mount.
pub(in crate::diagnosis) fn of_wait(wait: &Wait) -> Vec<String> {
    let mut lines = Vec::new();
    let closeup = &wait.closeup;
    let functions: Vec<&str> = closeup
        .stack
        .iter()
        .take(FRAMES)
        .map(String::as_str)
        .collect();
    match (functions.as_slice(), &wait.wchan) {
        ([], Some(wchan)) => lines.push(format!("waits in {wchan}")),
        ([], None) => {}
        (some, _) => lines.push(some.join(" < ")),
    }
    if let Some(syscall) = &closeup.syscall {
        let file = closeup.file.as_ref().map(|file| format!(" on {file}"));
        lines.push(format!("system call {syscall}{}", file.unwrap_or_default()));
    }
    if let Some(time) = closeup.silent {
        lines.push(format!(
            "its files have not answered for {:.1} s",
            time.as_secs_f64()
        ));
    }
    lines.extend(wait.mount.as_ref().map(of_mount));
    lines
}

fn of_mount(mount: &MountSeen) -> String {
    let here = match &mount.here {
        Some(here) if *here != mount.point => format!(", seen here on {}", visible_path(here)),
        Some(_) => String::new(),
        None => ", not mounted here".to_owned(),
    };
    let waiting = mount.waiting.map(|number| {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        format!(
            ", {} without an answer",
            parts::count(number, "request", "requests")
        )
    });
    format!(
        "{} on {} ({}, device {}:{}){here}{}",
        mount.source,
        visible_path(&mount.point),
        mount.kind,
        mount.device.0,
        mount.device.1,
        waiting.unwrap_or_default()
    )
}

/// Another process, in one line.
pub(in crate::diagnosis) fn of_neighbour(neighbour: &Neighbour) -> String {
    let place = if neighbour.inside {
        "in the container"
    } else {
        "outside"
    };
    format!(
        "pid {} {}: {}, {place}",
        neighbour.who.pid, neighbour.name, neighbour.state
    )
}

/// The recorded init.
pub(in crate::diagnosis) fn of_init(evidence: &Evidence) -> Vec<String> {
    let InitSeen::Alive(init) = &evidence.init else {
        return Vec::new();
    };
    let found = evidence.tasks.iter().find(|task| task.process.who == *init);
    found.map(of_task).unwrap_or_default()
}

/// Others that wait for the same thing.
pub(in crate::diagnosis) fn of_more(more: &[i32]) -> Option<String> {
    const SHOWN: usize = 8;
    let shown = more
        .get(..SHOWN.min(more.len()))
        .filter(|shown| !shown.is_empty())?;
    let rest = if more.len() > SHOWN { " ..." } else { "" };
    Some(format!(
        "so {} {}{rest}",
        if more.len() == 1 { "does" } else { "do" },
        pids(shown)
    ))
}
