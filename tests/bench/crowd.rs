//! A herd: many live processes, each in cgroups of its own, described by the state files of the
//! three runtimes, a third each. Everything of it is named `ocitop-test-herd-PID`.
//!
//! Each process reads from a pipe that this one holds: however this one ends, they end too.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use ocitop::cgroup::{Mode, Version};
use ocitop::config::Roots;
use ocitop::inventory::Machine;
use ocitop::process::ProcStat;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How the herd's processes and directories are found again.
const PREFIX: &str = "ocitop-test-herd-";
/// Those that a process can be moved to without more ado: cpuset wants settings first.
const JOINED: [&str; 8] = [
    "cpu",
    "cpuacct",
    "memory",
    "pids",
    "freezer",
    "devices",
    "blkio",
    "name=systemd",
];
/// v2 controllers that count what a row shows.
const COUNTING: [&str; 3] = ["cpu", "memory", "pids"];

/// The captured files that the state directories are made from.
struct Templates {
    runc: &'static str,
    crun: &'static str,
    crun_config: &'static str,
    youki: &'static str,
    youki_config: &'static str,
    /// The cgroup that their paths begin with.
    parent: &'static str,
}

macro_rules! template {
    ($setup:literal, $file:literal) => {
        include_str!(concat!("../fixtures/", $setup, "/explicit/", $file))
    };
}
macro_rules! templates {
    ($setup:literal, $parent:literal) => {
        Templates {
            runc: template!($setup, "runc/running/root/runc-running/state.json"),
            crun: template!($setup, "crun/running/root/crun-running/status"),
            crun_config: template!($setup, "crun/running/root/crun-running/config.json"),
            youki: template!($setup, "youki/running/root/youki-running/state.json"),
            youki_config: template!($setup, "youki/running/root/youki-running/youki_config.json"),
            parent: $parent,
        }
    };
}
static V1: Templates = templates!("v1", "rig");
static V2: Templates = templates!("v2", "pods");

/// The runtimes, in the order of the roots.
const RUNTIMES: [&str; 3] = ["runc", "crun", "youki"];

/// One of the herd.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) pid: Pid,
    /// Which runtime's.
    runtime: usize,
    start: u64,
    /// It has cgroups of this version alone.
    only: Option<Version>,
}

/// A hierarchy, and the herd's directory in it.
struct Tree {
    dir: PathBuf,
    version: Version,
    controllers: Vec<String>,
}

/// The herd. Gone when dropped.
pub(crate) struct Herd {
    work: PathBuf,
    tag: String,
    trees: Vec<Tree>,
    /// Controllers switched on for it at the top of v2.
    enabled: Vec<&'static str>,
    templates: &'static Templates,
    feed: Mutex<Option<PipeWriter>>,
    food: PipeReader,
    quiet: File,
    stop: AtomicBool,
    /// Held by who cleans up.
    cleaning: Mutex<()>,
    children: Mutex<Vec<Pid>>,
}

impl Herd {
    /// The places for a herd, without members.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let tag = format!("{PREFIX}{}", std::process::id());
        let machine = Machine::new(&Roots::default());
        let (food, feed) = io::pipe()?;
        let mut herd = Self {
            work: std::env::temp_dir().join(&tag),
            tag,
            trees: Vec::new(),
            enabled: Vec::new(),
            templates: if machine.hierarchies.mode() == Mode::Unified {
                &V2
            } else {
                &V1
            },
            feed: Mutex::new(Some(feed)),
            food,
            quiet: File::options().write(true).open("/dev/null")?,
            stop: AtomicBool::new(false),
            cleaning: Mutex::new(()),
            children: Mutex::default(),
        };
        for hierarchy in machine.hierarchies.iter() {
            if !JOINED.iter().any(|name| hierarchy.has(name)) && !hierarchy.has("") {
                continue;
            }
            let dir = hierarchy.mount.join(&herd.tag);
            if let Err(error) = fs::create_dir(&dir) {
                eprintln!("without {}: {error}", hierarchy.label());
                continue;
            }
            herd.trees.push(Tree {
                dir,
                version: hierarchy.version,
                controllers: hierarchy.controllers.clone(),
            });
        }
        herd.enable();
        for root in herd.roots() {
            fs::create_dir_all(root)?;
        }
        Ok(Arc::new(herd))
    }

    /// On v2 what is to be counted has to be switched on above.
    fn enable(&mut self) {
        let Some(tree) = self.trees.iter().find(|tree| tree.version == Version::V2) else {
            return;
        };
        let Some(top) = tree.dir.parent() else { return };
        let words = |dir: &Path, file: &str| -> Vec<String> {
            let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
            text.split_ascii_whitespace().map(str::to_owned).collect()
        };
        let (offered, on) = (
            words(top, "cgroup.controllers"),
            words(top, "cgroup.subtree_control"),
        );
        for name in COUNTING {
            if !offered.iter().any(|other| other == name) {
                continue;
            }
            if !on.iter().any(|other| other == name)
                && fs::write(top.join("cgroup.subtree_control"), format!("+{name}")).is_ok()
            {
                self.enabled.push(name);
            }
            if let Err(error) =
                fs::write(tree.dir.join("cgroup.subtree_control"), format!("+{name}"))
            {
                eprintln!("without {name}: {error}");
            }
        }
    }

    /// The state roots: runc's, crun's, youki's.
    pub(crate) fn roots(&self) -> [PathBuf; 3] {
        RUNTIMES.map(|name| self.work.join(name))
    }

    /// A directory that goes with the herd.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// The herd's own cgroup in each hierarchy.
    pub(crate) fn cgroups(&self) -> impl Iterator<Item = &Path> {
        self.trees.iter().map(|tree| &*tree.dir)
    }

    /// The arguments that make ocitop look at the herd and at nothing else.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let root = |root: PathBuf| ["--root".to_owned(), root.display().to_string()];
        self.roots().into_iter().flat_map(root).collect()
    }

    /// Makes `count` members, `NAME-NUMBER`, by two threads: most of it is the kernel's work.
    pub(crate) fn fill(&self, name: &str, count: usize) -> io::Result<Vec<Member>> {
        let half = |first: usize| {
            let numbers = (first..count).step_by(2);
            let one = |number| self.member(&format!("{name}-{number:05}"), number % 3, None);
            numbers.map(one).collect::<io::Result<Vec<_>>>()
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| half(1));
            let mut members = half(0)?;
            match other.join() {
                Ok(others) => members.extend(others?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            members.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(members)
        })
    }

    /// Makes a member and its state directory. `only`: cgroups of this version alone.
    pub(crate) fn member(
        &self,
        name: &str,
        runtime: usize,
        only: Option<Version>,
    ) -> io::Result<Member> {
        let member = self.process(name, runtime, only)?;
        self.describe(&member)?;
        Ok(member)
    }

    /// A live process in cgroups of its own, without a state directory yet.
    pub(crate) fn process(
        &self,
        name: &str,
        runtime: usize,
        only: Option<Version>,
    ) -> io::Result<Member> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        let child = Command::new("busybox")
            .arg("cat")
            .env_clear()
            .env("PATH", "/bin:/usr/bin:/sbin:/usr/sbin")
            .stdin(Stdio::from(OwnedFd::from(self.food.try_clone()?)))
            .stdout(self.quiet.try_clone()?)
            .stderr(self.quiet.try_clone()?)
            .spawn()?;
        let id = i32::try_from(child.id()).map_err(io::Error::other)?;
        let pid = Pid::from_raw(id);
        lock(&self.children).push(pid);
        let wanted = |tree: &&Tree| only.is_none_or(|version| version == tree.version);
        for tree in self.trees.iter().filter(wanted) {
            let dir = tree.dir.join(name);
            fs::create_dir(&dir)?;
            fs::write(dir.join("cgroup.procs"), id.to_string())?;
        }
        let stat = ProcStat::parse(&fs::read(format!("/proc/{id}/stat"))?);
        let stat = stat.ok_or_else(|| io::Error::other("no start time"))?;
        Ok(Member {
            name: name.to_owned(),
            pid,
            runtime,
            start: stat.start_time,
            only,
        })
    }

    /// Makes the state directory of a member, as its runtime does.
    pub(crate) fn describe(&self, member: &Member) -> io::Result<()> {
        let Templates {
            runc,
            crun,
            crun_config,
            youki,
            youki_config,
            parent,
        } = self.templates;
        let name = &member.name;
        let runtime = RUNTIMES[member.runtime];
        let dir = self.work.join(runtime).join(name);
        let old = format!("{runtime}-running");
        let place = |text: &str| {
            text.replace(&format!("{parent}/{old}"), &format!("{}/{name}", self.tag))
                .replace(&old, name)
        };
        let now = format!("\"{:.9}\"", jiff::Timestamp::now());
        let (pid, start) = (member.pid.to_string(), member.start.to_string());
        let mode = [0o711, 0o700, 0o755][member.runtime];
        fs::DirBuilder::new().mode(mode).create(&dir)?;
        match member.runtime {
            0 => {
                let text = set(place(runc), "init_process_pid", &pid);
                let mut text = set(set(text, "init_process_start", &start), "created", &now);
                if let (Some(Version::V2), Some(cgroup)) = (member.only, self.unified(member)) {
                    let paths = format!("{{\"\":\"{}\"}}", cgroup.display());
                    text = set_object(&text, "cgroup_paths", &paths);
                }
                renamed(&dir, "state.json", &text)
            }
            1 => {
                fs::write(dir.join("config.json"), place(crun_config))?;
                let text = set(place(crun), "pid", &pid);
                let text = set(set(text, "process-start-time", &start), "created", &now);
                renamed(&dir, "status", &text)
            }
            _ => {
                fs::write(dir.join("youki_config.json"), place(youki_config))?;
                let text = set(set(place(youki), "pid", &pid), "created", &now);
                fs::write(dir.join("state.json"), text)
            }
        }
    }

    /// The files with the three counters of a member, those that exist.
    pub(crate) fn counters(&self, member: &Member) -> Vec<PathBuf> {
        let file = |(controller, v1, v2): &(&str, &str, &str)| {
            let has = |tree: &&Tree| tree.controllers.iter().any(|name| name == controller);
            let v1 = self.trees.iter().find(has).map(|tree| (tree, *v1));
            let unified = |tree: &&Tree| tree.version == Version::V2;
            let v2 = self.trees.iter().find(unified).map(|tree| (tree, *v2));
            let (tree, name) = v1.or(v2)?;
            let path = tree.dir.join(&member.name).join(name);
            path.exists().then_some(path)
        };
        [
            ("cpuacct", "cpuacct.usage", "cpu.stat"),
            ("memory", "memory.usage_in_bytes", "memory.current"),
            ("pids", "pids.current", "pids.current"),
        ]
        .iter()
        .filter_map(file)
        .collect()
    }

    /// The member's v2 cgroup, if there is v2.
    pub(crate) fn unified(&self, member: &Member) -> Option<PathBuf> {
        let unified = |tree: &&Tree| tree.version == Version::V2;
        let tree = self.trees.iter().find(unified)?;
        Some(tree.dir.join(&member.name))
    }

    /// Removes the state directory and the cgroups of a member that was killed and waited for.
    pub(crate) fn forget(&self, member: &Member) {
        drop(fs::remove_dir_all(
            self.work.join(RUNTIMES[member.runtime]).join(&member.name),
        ));
        for tree in &self.trees {
            remove(&tree.dir.join(&member.name));
        }
    }

    /// Waits for a member that was killed.
    pub(crate) fn reap(&self, member: &Member) {
        lock(&self.children).retain(|pid| *pid != member.pid);
        let _status = waitpid(member.pid, None);
    }

    /// Makes no more members.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Ends every member and removes everything.
    pub(crate) fn clean(&self) {
        self.stop();
        let _alone = lock(&self.cleaning);
        // With it the pipe ends, and with the pipe every member.
        drop(lock(&self.feed).take());
        for tree in &self.trees {
            // A member may just be made while a signal ends everything.
            for _ in 0..100 {
                for entry in fs::read_dir(&tree.dir).into_iter().flatten().flatten() {
                    if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                        remove(&entry.path());
                    }
                }
                if fs::remove_dir(&tree.dir).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let top = tree.dir.parent().filter(|_| tree.version == Version::V2);
            for (name, top) in self.enabled.iter().zip(std::iter::repeat(top)) {
                if let Some(top) = top {
                    drop(fs::write(
                        top.join("cgroup.subtree_control"),
                        format!("-{name}"),
                    ));
                }
            }
        }
        for pid in std::mem::take(&mut *lock(&self.children)) {
            let _status = waitpid(pid, None);
        }
        drop(fs::remove_dir_all(&self.work));
    }
}

/// Ends the herd with the main thread, whoever else knows it, and not before all is removed: a
/// thread that cleans up at a signal would not live on.
pub(crate) struct End(pub(crate) Arc<Herd>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.clean();
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        self.clean();
    }
}

/// A panic elsewhere must not keep anybody from cleaning up.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `then` at SIGINT, SIGTERM and SIGHUP.
pub(crate) fn on_signal(then: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || signals.forever().for_each(then));
    Ok(())
}

/// `text` with the JSON scalar after the first `"key":` set.
fn set(text: String, key: &str, value: &str) -> String {
    let mark = format!("\"{key}\":");
    let Some((before, after)) = text.split_once(&mark) else {
        return text;
    };
    // None of the values replaced holds a comma.
    let end = after.find([',', '}', '\n']).unwrap_or(after.len());
    format!("{before}{mark}{value}{}", &after[end..])
}

/// `text` with the flat JSON object after the first `"key":` set.
fn set_object(text: &str, key: &str, value: &str) -> String {
    let mark = format!("\"{key}\":{{");
    let Some((before, after)) = text.split_once(&mark) else {
        return text.to_owned();
    };
    let rest = after.split_once('}').map_or("", |(_, rest)| rest);
    format!("{before}\"{key}\":{value}{rest}")
}

fn renamed(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let temporary = dir.join("state-1");
    fs::write(&temporary, text)?;
    fs::rename(temporary, dir.join(name))
}

/// Removes a cgroup of the herd's and those below it, whatever still lives in them.
fn remove(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let start = Instant::now();
    while let Err(error) = fs::remove_dir(dir) {
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        if start.elapsed() > Duration::from_secs(10) {
            eprintln!("left: {}: {error}", dir.display());
            return;
        }
        drop(fs::write(dir.join("cgroup.freeze"), "0"));
        drop(fs::write(dir.join("freezer.state"), "THAWED"));
        // What is in a cgroup of the herd's name is the herd's.
        let members = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for pid in members.lines().filter_map(|line| line.parse().ok()) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
