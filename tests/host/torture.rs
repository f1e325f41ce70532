//! The torture table: every way known to make a container that is hard to delete.
//!
//! A row says how it is made, what `delete --force` of youki 0.7, runc 1.1 and crun 1.8 does with
//! it by itself, and how ocitop's has to end. After each the same is looked at: the record, the
//! cgroups of every hierarchy, the processes, the mounts, and that a process and a cgroup next to
//! it are untouched. The results go, a line each, to the file `OCITOP_TORTURE` names.

pub(crate) mod fuse;
mod rows;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use ocitop::oci::RuntimeKind;
use tempfile::TempDir;

use self::fuse::Fuse;
use self::rows::rows;
use crate::rig::{Ended, Rig, Spec, Stranger, has_v1, patient, program, skip, start_of, until};

/// What `--timeout` is told.
const LIMIT: Duration = Duration::from_secs(3);

/// One way.
struct Row {
    name: &'static str,
    made: &'static str,
    /// What the runtimes do with it: youki, runc, crun. "-" where it does not apply.
    own: [&'static str; 3],
    needs: Needs,
    make: fn(&mut Stage<'_>),
    ends: Ends,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// The freezer or the separate hierarchies of cgroup v1; and why v2 cannot show it.
    V1(&'static str),
    /// Cgroup v2 alone; and why v1 cannot show it.
    V2(&'static str),
    /// A FUSE mount.
    Fuse,
}

impl Needs {
    /// Why this version of cgroups cannot show it, if it cannot.
    fn other_version(self) -> Option<&'static str> {
        match self {
            Self::V1(why) if !has_v1() => Some(why),
            Self::V2(why) if has_v1() => Some(why),
            _ => None,
        }
    }
}

/// How ocitop has to end.
enum Ends {
    /// Exit 0, nothing left.
    Clean,
    /// The kernel does not allow it. Exit 1 within the deadline, the record kept, all of this said;
    /// once the cause is gone a second run is clean.
    Kept {
        says: fn(&Stage<'_>) -> Vec<String>,
        cure: fn(&mut Stage<'_>),
    },
}

/// A row being played.
pub(crate) struct Stage<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) id: String,
    pub(crate) fuse: Option<Fuse>,
    /// Helpers outside the container; ended after the row.
    helpers: Vec<Helper>,
    /// Processes of the host that have to survive.
    pub(crate) strangers: Vec<Stranger>,
    /// Cgroups that have to survive, with all that is in them.
    stays: Vec<PathBuf>,
    /// Cgroups that have to go, besides those of its name.
    gone: Vec<PathBuf>,
    /// Cgroups of the test, about which ocitop cannot know.
    free: Vec<PathBuf>,
    /// Its processes, where no cgroup tells them.
    family: Vec<Relative>,
    /// What was mounted over.
    mounted: Vec<PathBuf>,
    /// The pid that the report has to name.
    pub(crate) culprit: i32,
    /// Whether what it needs is here.
    applies: bool,
    /// Why the kernel does not let it be made on this version of cgroups.
    impossible: Option<&'static str>,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// A process of a container that no cgroup tells: whoever made it has to end it, because the rig
/// finds by cgroups what it ends. Held by its descriptor, since its pid may be another's by then.
struct Relative {
    pid: i32,
    process: rustix::fd::OwnedFd,
}

impl Drop for Relative {
    fn drop(&mut self) {
        // It is dead after a row that was played to its end.
        rustix::process::pidfd_send_signal(&self.process, rustix::process::Signal::KILL).ok();
    }
}

struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Compiles the program that does what no shell can, once.
pub(crate) fn odd() -> Option<&'static Path> {
    static ODD: OnceLock<Option<(PathBuf, Option<TempDir>)>> = OnceLock::new();
    let built = ODD.get_or_init(|| {
        if let Some(ready) = std::env::var_os("OCITOP_TEST_ODD") {
            return Some((ready.into(), None));
        }
        let dir = tempfile::Builder::new().prefix("oct").tempdir().unwrap();
        let out = dir.path().join("odd");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/torture/odd.c");
        let mut cc = Command::new("cc");
        cc.args(["-static", "-O1", "-pthread", "-o"]).arg(&out);
        let done = cc.arg(source).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
            .then_some((out, Some(dir)))
    });
    built.as_ref().map(|(path, _)| path.as_path())
}

impl<'a> Stage<'a> {
    pub(crate) fn new(rig: &'a Rig) -> Self {
        Self {
            id: rig.id(),
            rig,
            fuse: None,
            helpers: Vec::new(),
            strangers: Vec::new(),
            stays: Vec::new(),
            gone: Vec::new(),
            free: Vec::new(),
            family: Vec::new(),
            mounted: Vec::new(),
            culprit: 0,
            applies: true,
            impossible: None,
        }
    }

    pub(crate) fn run(&self, spec: &Spec) {
        self.rig.run_with(&self.id, spec);
    }

    /// Runs a container in the cgroup `path`, inside another's, where the kernel allows that: v2
    /// has no processes above a domain (cgroups(7), "no internal processes").
    fn run_inside(&mut self, id: &str, path: &str) {
        let bundle = self.rig.bundle_in(id, path, &Spec::default());
        let run = ["run", "-d", "-b", bundle.to_str().unwrap(), id];
        let ended = self.rig.runtime(&run);
        // crun tries to make it threaded instead, and fails at that.
        let refused = ["Operation not supported", "cgroup.type"];
        if !has_v1() && refused.iter().any(|words| ended.stderr.contains(words)) {
            self.impossible = Some("v2 refuses a domain inside another's");
        } else {
            ended.ok();
        }
    }

    fn is(&self, kind: RuntimeKind) -> bool {
        self.rig.kind == kind
    }

    pub(crate) fn init(&self) -> i32 {
        self.rig.pid(&self.id)
    }

    /// Waits until the container has this many processes; gives those that are not init.
    pub(crate) fn others(&self, count: usize) -> Vec<i32> {
        until("its processes run", || self.members().len() == count);
        let init = self.init();
        let mut pids = self.members();
        pids.retain(|pid| *pid != init);
        pids
    }

    /// The processes of its cgroups, by the hierarchy that tells most.
    pub(crate) fn members(&self) -> Vec<i32> {
        self.rig.members(&self.id)
    }

    /// Puts the odd program into the rootfs; without a compiler the row does not apply.
    pub(crate) fn with_odd(&mut self) -> bool {
        let Some(odd) = odd() else {
            self.applies = false;
            return false;
        };
        let into = self.rig.scratch("rootfs/bin/odd");
        if !into.exists() {
            fs::copy(odd, into).unwrap();
        }
        true
    }

    /// Runs the odd program outside the container and waits until it says that it is ready.
    pub(crate) fn helper(&mut self, args: &[&str]) {
        let ready = self.rig.scratch("ready");
        let mut command = Command::new(odd().unwrap());
        command.args(args).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.helpers.push(Helper(command.spawn().unwrap()));
        until("the helper is ready", || ready.exists());
    }

    fn unmount(&mut self) {
        for dir in self.mounted.drain(..) {
            let flags = rustix::mount::UnmountFlags::DETACH;
            rustix::mount::unmount(dir, flags).unwrap();
        }
    }

    pub(crate) fn controller(&self, name: &'static str) -> PathBuf {
        self.rig.cgroup(&self.id, if has_v1() { name } else { "" })
    }
}

/// What must not be touched: a process in a cgroup whose name begins as the container's.
struct Bystander {
    /// The freezer above it.
    above: PathBuf,
    process: Stranger,
    dirs: Vec<(PathBuf, u64)>,
}

impl Bystander {
    fn beside(rig: &Rig, id: &str) -> Self {
        let process = Stranger::new();
        let mut dirs = Vec::new();
        for own in rig.cgroups(id) {
            let dir = own.with_file_name(format!("{id}-1"));
            fs::create_dir(&dir).unwrap();
            // A cpuset takes nobody before it has CPUs: then it only has to stay.
            drop(fs::write(
                dir.join("cgroup.procs"),
                process.pid().to_string(),
            ));
            dirs.push((dir.clone(), fs::metadata(&dir).unwrap().ino()));
        }
        Self {
            above: rig.cgroup("", "freezer"),
            process,
            dirs,
        }
    }

    fn assert_untouched(&mut self) {
        assert!(self.process.is_alive(), "a process beside it was killed");
        for (dir, inode) in &self.dirs {
            let now = fs::metadata(dir).map(|found| found.ino()).ok();
            assert_eq!(now, Some(*inode), "{} was touched", dir.display());
        }
    }
}

/// Waits until a process and its descendants are this many; for those without a cgroup.
fn wait_for_family(init: i32, count: usize) -> Vec<Relative> {
    let roots = ocitop::config::Roots::default();
    let machine = ocitop::inventory::Machine::new(&roots);
    let family = || ocitop::lifecycle::procs::family(&machine, init);
    until("its processes run", || family().pids.len() == count);
    let relative = |pid| {
        let number = rustix::process::Pid::from_raw(pid).unwrap();
        let flags = rustix::process::PidfdFlags::empty();
        let process = rustix::process::pidfd_open(number, flags).unwrap();
        Relative { pid, process }
    };
    family().pids.into_iter().map(relative).collect()
}

impl Drop for Bystander {
    fn drop(&mut self) {
        // A row that failed may have frozen it, and then it would not die.
        drop(fs::write(self.above.join("freezer.state"), "THAWED"));
    }
}

fn delete(stage: &Stage<'_>, limit: Duration) -> Ended {
    let limit = limit.as_secs().to_string();
    let args = ["delete", "--force", "--timeout", &limit, &stage.id];
    stage.rig.ocitop(&args)
}

enum Played {
    /// ocitop's (first) delete took so long, and ended as it has to.
    Ours(Duration),
    /// What the runtime's own delete did.
    Own(String),
    /// The kernel does not let it be made here, and why.
    Impossible(&'static str),
}

/// Lets the runtime delete by itself, and says what is left: with `OCITOP_TORTURE_OWN` set, which
/// is how the table came by its words.
fn own_delete(stage: &Stage<'_>, starts: &[(i32, Option<u64>)]) -> String {
    let ended = stage.rig.runtime(&["delete", "--force", &stage.id]);
    let alive = starts
        .iter()
        .filter(|(pid, start)| start.is_some() && start_of(*pid) == *start);
    let mut left = Vec::new();
    if stage.rig.state_dir(&stage.id).exists() {
        left.push("record".to_owned());
    }
    match stage.rig.cgroups(&stage.id).len() {
        0 => {}
        count => left.push(format!("{count} cgroups")),
    }
    match alive.count() {
        0 => {}
        count => left.push(format!("{count} processes")),
    }
    let left = if left.is_empty() {
        "nothing".to_owned()
    } else {
        left.join(", ")
    };
    let seconds = ended.took.as_secs_f64();
    format!("rc {} after {seconds:.1} s, left: {left}", ended.code)
}

/// What came of showing a row.
pub(crate) enum Shown {
    Yes,
    /// It does not apply to the runtime, or something it needs is missing, which has been said.
    No,
    /// This version of cgroups does not let it be made, and why.
    OtherVersion(&'static str),
}

/// Makes the row of this name and shows it to `look`.
pub(crate) fn show(name: &str, kind: RuntimeKind, look: &mut dyn FnMut(&mut Stage<'_>)) -> Shown {
    let row = rows().find(|row| row.name == name);
    let row = row.unwrap_or_else(|| panic!("no row {name:?}"));
    let own = match kind {
        RuntimeKind::Youki => 0,
        RuntimeKind::Runc => 1,
        RuntimeKind::Crun => 2,
    };
    if row.own[own] == "-" {
        return Shown::No;
    }
    if let Some(why) = row.needs.other_version() {
        return Shown::OtherVersion(why);
    }
    let rig = Rig::new(kind).unwrap();
    let mut stage = Stage::new(&rig);
    if row.needs == Needs::Fuse {
        stage.fuse = Fuse::mount(rig.scratch("fuse"));
        stage.applies = stage.fuse.is_some();
    }
    if stage.applies {
        (row.make)(&mut stage);
    }
    match (stage.applies, stage.impossible) {
        (false, _) => {
            skip(name, "needs /dev/fuse or a C compiler");
            Shown::No
        }
        (true, None) => {
            look(&mut stage);
            Shown::Yes
        }
        (true, Some(why)) => Shown::OtherVersion(why),
    }
}

/// Plays a row to its end; `None` where something it needs is missing.
fn play(row: &Row, stage: &mut Stage<'_>) -> Option<Played> {
    if row.needs == Needs::Fuse {
        stage.fuse = Fuse::mount(stage.rig.scratch("fuse"));
        stage.applies = stage.fuse.is_some();
    }
    if stage.applies {
        (row.make)(stage);
    }
    if !stage.applies {
        return None;
    }
    if let Some(why) = stage.impossible {
        return Some(Played::Impossible(why));
    }
    let mut beside = Bystander::beside(stage.rig, &stage.id);
    let mut bystanders: Vec<i32> = stage.strangers.iter().map(Stranger::pid).collect();
    bystanders.push(beside.process.pid());
    for dir in &stage.stays {
        bystanders.extend(crate::rig::pids_of(dir));
    }
    let mut before = stage.rig.processes();
    before.extend(stage.family.iter().map(|relative| relative.pid));
    before.retain(|pid| !bystanders.contains(pid));
    let starts: Vec<_> = before.iter().map(|pid| (*pid, start_of(*pid))).collect();

    if std::env::var_os("OCITOP_TORTURE_OWN").is_some() {
        return Some(Played::Own(own_delete(stage, &starts)));
    }
    let limit = match row.ends {
        Ends::Clean => patient(LIMIT),
        Ends::Kept { .. } => LIMIT,
    };
    let mut ended = delete(stage, limit);
    let took = ended.took;
    if let Ends::Kept { says, cure } = &row.ends {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, 1, "{ended:#?}");
        assert!(took < patient(2 * LIMIT), "{ended:#?}");
        for word in says(stage) {
            assert!(said.contains(&word), "{word:?} is not in {said}");
        }
        assert!(
            stage.rig.state_dir(&stage.id).exists(),
            "record lost: {said}"
        );
        beside.assert_untouched();
        cure(stage);
        ended = delete(stage, patient(LIMIT));
    }
    assert_eq!(ended.code, 0, "{ended:#?}");
    stage.rig.assert_gone(&stage.id);
    for (pid, start) in starts {
        assert!(
            start.is_none() || start_of(pid) != start,
            "process {pid} is left: {ended:#?}"
        );
    }
    assert_nothing_else(stage, &mut beside, &ended);
    Some(Played::Ours(took))
}

/// Fails if a mount is left, or if anything that is not the container's was touched.
fn assert_nothing_else(stage: &mut Stage<'_>, beside: &mut Bystander, ended: &Ended) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for dir in [stage.rig.scratch("rootfs"), stage.rig.root()] {
        let dir = dir.to_str().unwrap();
        assert!(!mounts.contains(dir), "a mount is left in {dir}");
    }
    beside.assert_untouched();
    for stranger in &mut stage.strangers {
        assert!(stranger.is_alive(), "a stranger was killed: {ended:#?}");
    }
    for dir in &stage.stays {
        assert!(dir.is_dir(), "{} is gone: {ended:#?}", dir.display());
    }
    for dir in &stage.gone {
        assert!(!dir.exists(), "{} is left: {ended:#?}", dir.display());
    }
}

/// Puts a line into the table that is printed at the end of the run.
fn tell(index: usize, row: &Row, kind: RuntimeKind, own: &str, result: &str, took: &str) {
    let Some(file) = std::env::var_os("OCITOP_TORTURE") else {
        return;
    };
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(file)
        .unwrap();
    let line = format!(
        "{index:02}\t{}\t{}\t{kind}\t{own}\t{result}\t{took}\n",
        row.name, row.made
    );
    file.write_all(line.as_bytes()).unwrap();
}

pub(crate) fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panic").to_owned()
}

fn play_all(kind: RuntimeKind) {
    let only = std::env::var("OCITOP_TORTURE_ONLY").ok();
    if let Err(reason) = program(kind).and(Rig::new(kind).map(drop)) {
        return skip(&format!("the torture table with {kind}"), &reason);
    }
    let mut broken = Vec::new();
    for (index, row) in rows().enumerate() {
        let own = row.own[match kind {
            RuntimeKind::Youki => 0,
            RuntimeKind::Runc => 1,
            RuntimeKind::Crun => 2,
        }];
        let unwanted = only.as_ref().is_some_and(|only| !row.name.contains(only));
        if own == "-" || unwanted {
            continue;
        }
        if let Some(why) = row.needs.other_version() {
            tell(index, row, kind, why, "-", "-");
            continue;
        }
        let played = catch_unwind(AssertUnwindSafe(|| {
            let rig = Rig::new(kind).unwrap();
            let mut stage = Stage::new(&rig);
            play(row, &mut stage)
        }));
        match played {
            Ok(Some(Played::Impossible(why))) => tell(index, row, kind, why, "-", "-"),
            Ok(Some(Played::Own(said))) => tell(index, row, kind, &said, "-", "-"),
            Ok(Some(Played::Ours(took))) => {
                let result = match row.ends {
                    Ends::Clean => "clean",
                    Ends::Kept { .. } => "says why, then clean",
                };
                let took = format!("{:.0} ms", took.as_secs_f64() * 1e3);
                tell(index, row, kind, own, result, &took);
            }
            Ok(None) => skip(
                &format!("torture row {:?} with {kind}", row.name),
                "needs /dev/fuse or a C compiler",
            ),
            Err(panic) => {
                tell(index, row, kind, own, "FAILED", "-");
                broken.push(format!("{}: {}", row.name, words(&*panic)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[test]
fn every_row_with_youki() {
    play_all(RuntimeKind::Youki);
}

#[test]
fn every_row_with_runc() {
    play_all(RuntimeKind::Runc);
}

#[test]
fn every_row_with_crun() {
    play_all(RuntimeKind::Crun);
}
