//! Hostile entries of a state root. Each is listed as what it is or refused; none is followed,
//! blocks or crashes; and nothing outside the root changes by a byte.
//!
//! Each row of [`entries::all`] says how an entry is made, what `list` must show of it and what
//! `delete --force` must do. The rows that need root (devices, mounts, other users' roots) are in
//! `tests/host/hostile.rs`.

mod canary;
mod entries;
mod starts;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::support::machine::{Machine, protect};
use canary::{picture, same};

/// No command may take longer, whatever lies in the root.
const DEADLINE: Duration = Duration::from_secs(20);

/// What `list` says of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Listed {
    /// Broken, with a problem that holds these words.
    Broken(&'static str),
    /// With this status.
    Status(&'static str),
    /// With this status, and a problem that holds these words.
    Noted(&'static str, &'static str),
    /// Not at all.
    Skipped,
}

/// What `delete --force` does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deleted {
    /// The entry is gone.
    Gone,
    /// It says these words and nothing has changed.
    Refused(&'static str),
}

/// One hostile entry.
pub(crate) struct Row {
    /// What it is.
    pub name: &'static str,
    /// The name of its directory.
    pub id: &'static [u8],
    /// Makes it.
    pub make: fn(&Place),
    pub list: Listed,
    pub delete: Deleted,
}

/// A machine with a canary beside its state root and a bystander in it.
pub(crate) struct Place {
    pub machine: Machine,
    pub id: OsString,
}

struct Said {
    code: Option<i32>,
    out: Vec<u8>,
    err: String,
}

impl Place {
    pub(crate) fn new(id: &[u8]) -> Self {
        let machine = Machine::v2().running("bystander", RuntimeKind::Youki);
        let proc = machine.proc();
        fs::write(proc.join("self/cgroup"), "0::/own/inner\n").unwrap();
        fs::write(proc.join("1/cgroup"), "0::/init.scope\n").unwrap();
        // Empty on purpose: a wrong rmdir would succeed.
        for name in ["own/inner", "init.scope"] {
            fs::create_dir_all(machine.cgroup_root().join(name)).unwrap();
        }
        for name in ["info", "gold", "x/mon_groups/other", "mon_groups/other"] {
            fs::create_dir_all(machine.resctrl().join(name)).unwrap();
        }
        canary::make(&machine.program("canary"));
        Self {
            machine,
            id: OsStr::from_bytes(id).to_owned(),
        }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.machine.root().join(&self.id)
    }

    pub(crate) fn canary(&self) -> PathBuf {
        self.machine.program("canary")
    }

    /// Makes the state directory.
    pub(crate) fn make_dir(&self) -> PathBuf {
        let dir = self.dir();
        fs::create_dir_all(&dir).unwrap();
        protect(&dir, 0o755);
        dir
    }

    /// Writes a file of the state directory, which nobody else can write.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.make_dir().join(file);
        fs::write(&path, content).unwrap();
        protect(&path, 0o644);
    }

    /// All that nothing may touch.
    fn outside(&self) -> Vec<PathBuf> {
        let machine = &self.machine;
        vec![
            self.canary(),
            machine.cgroup_root(),
            machine.resctrl(),
            machine.proc(),
            machine.state_dir("bystander"),
        ]
    }

    fn exists(&self) -> bool {
        fs::symlink_metadata(self.dir()).is_ok()
    }

    /// Runs ocitop on the root, under the deadline.
    fn ocitop(&self, root: &std::path::Path, args: &[&OsStr]) -> Result<Said, String> {
        let (out, err) = (self.machine.program("out"), self.machine.program("err"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_ocitop"))
            .args(["--timeout", "1", "--root"])
            .arg(root)
            .arg("--stand-in")
            .arg("--cgroup-root")
            .arg(self.machine.cgroup_root())
            .arg("--resctrl-root")
            .arg(self.machine.resctrl())
            .arg("--proc-root")
            .arg(self.machine.proc())
            .args(args)
            .env("XDG_STATE_HOME", self.machine.program("log"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
                child.wait().unwrap();
                return Err(format!("{args:?} blocks"));
            }
            breathe();
        };
        let said = Said {
            code: status.code(),
            out: fs::read(out).unwrap(),
            err: String::from_utf8_lossy(&fs::read(err).unwrap()).into_owned(),
        };
        said.check(args)?;
        Ok(said)
    }

    fn on_root(&self, args: &[&str]) -> Result<Said, String> {
        let args: Vec<_> = args.iter().map(OsStr::new).collect();
        self.ocitop(&self.machine.root(), &args)
    }

    fn on_id(&self, args: &[&str]) -> Result<Said, String> {
        let mut args: Vec<_> = args.iter().map(OsStr::new).collect();
        args.extend([OsStr::new("--"), &self.id]);
        self.ocitop(&self.machine.root(), &args)
    }
}

impl Said {
    /// Ended by itself, without a panic, with nothing in its output that a terminal obeys.
    fn check(&self, args: &[&OsStr]) -> Result<(), String> {
        if !matches!(self.code, Some(0..=2)) || self.err.contains("panicked") {
            return Err(format!("{args:?} crashed: {:?} {}", self.code, self.err));
        }
        let bidi = '\u{202a}'..='\u{202e}';
        let control = |c: char| (c.is_control() && c != '\n') || bidi.contains(&c);
        let text = String::from_utf8_lossy(&self.out).into_owned() + &self.err;
        match text.find(control) {
            Some(at) => Err(format!("{args:?} prints a control character at {at}")),
            None => Ok(()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two looks at a child process"
)]
fn breathe() {
    std::thread::sleep(Duration::from_millis(2));
}

/// Everything that a row says, in the order an operator would do it.
fn check(row: &Row) -> Result<(), String> {
    let place = Place::new(row.id);
    (row.make)(&place);
    let outside = place.outside();
    let whole = [outside.clone(), vec![place.machine.root()]].concat();
    let (all, others) = (picture(&whole), picture(&outside));

    let table = place.on_root(&["list"])?;
    let json = place.on_root(&["list", "-f", "json"])?;
    if (table.code, json.code) != (Some(0), Some(0)) {
        return Err(format!("list: {}", table.err));
    }
    check_listed(row, &json)?;
    for look in [
        &["state"][..],
        &["ps"],
        &["ps", "-f", "json"],
        &["events", "--stats"],
    ] {
        place.on_id(look)?;
    }
    place.on_id(&["delete", "--dry-run", "-f"])?;
    same(&all, &picture(&whole), "looking")?;

    let said = place.on_id(&["delete", "-f"])?;
    let wrong = |what: &str| {
        let out = String::from_utf8_lossy(&said.out).into_owned();
        Err(format!(
            "delete: {what}: {:?} {out} {}",
            said.code, said.err
        ))
    };
    match row.delete {
        Deleted::Gone if said.code != Some(0) || place.exists() => wrong("not gone")?,
        Deleted::Refused(words) if said.code == Some(0) || !said.err.contains(words) => {
            wrong(&format!("does not say {words:?}"))?;
        }
        Deleted::Gone => {}
        Deleted::Refused(_) => same(&all, &picture(&whole), "a refusal")?,
    }
    if let Deleted::Refused("--no-hooks") = row.delete {
        place.on_id(&["--no-hooks", "delete", "-f"])?;
        if place.exists() {
            return Err("--no-hooks does not go on".to_owned());
        }
    }
    same(&others, &picture(&outside), "delete")
}

fn check_listed(row: &Row, json: &Said) -> Result<(), String> {
    let list: Vec<Value> = serde_json::from_slice(&json.out).map_err(|error| error.to_string())?;
    let id = String::from_utf8_lossy(row.id);
    let found = list.iter().find(|entry| entry["id"] == *id);
    if !list.iter().any(|entry| entry["id"] == "bystander") {
        return Err("hides the bystander".to_owned());
    }
    let status = found.map(|found| found["status"].as_str().unwrap_or_default());
    let problem = found.map_or("", |found| found["problem"].as_str().unwrap_or_default());
    let fits = match row.list {
        Listed::Broken(words) => status == Some("broken") && problem.contains(words),
        Listed::Status(wanted) => status == Some(wanted) && problem.is_empty(),
        Listed::Noted(wanted, words) => status == Some(wanted) && problem.contains(words),
        Listed::Skipped => status.is_none(),
    };
    if fits {
        Ok(())
    } else {
        Err(format!(
            "listed as {status:?} {problem:?}, not {:?}",
            row.list
        ))
    }
}

/// Fails with every row that failed.
#[track_caller]
fn all_hold(failed: &[String]) {
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
}

fn hold(rows: &[Row]) {
    let failed = rows.iter().filter_map(|row| {
        let why = check(row).err()?;
        Some(format!("{}: {why}", row.name))
    });
    all_hold(&failed.collect::<Vec<_>>());
}

#[test]
fn there_are_many() {
    let rows = entries::all();
    assert!(rows.iter().map(|part| part.len()).sum::<usize>() >= 80);
}

#[test]
fn names() {
    hold(entries::NAMES);
}

#[test]
fn places() {
    hold(entries::PLACES);
}

#[test]
fn contents() {
    hold(entries::CONTENTS);
}

#[test]
fn cgroup_paths() {
    hold(entries::CGROUPS);
}

#[test]
fn resctrl_groups() {
    hold(entries::RESCTRL);
}

#[test]
fn hooks() {
    hold(entries::HOOKS);
}

#[test]
fn trees() {
    hold(entries::TREES);
}

/// A root that is no directory, or is a link: said or empty, never followed below `/tmp`.
#[test]
fn roots() {
    let mut failed = Vec::new();
    for name in ["file", "link", "dangling", "loop", "fifo", "absent", "n\nl"] {
        let place = Place::new(b"x");
        let root = place.machine.program(name);
        match name {
            "file" => fs::write(&root, "").unwrap(),
            "link" => std::os::unix::fs::symlink(place.machine.root(), &root).unwrap(),
            "dangling" => std::os::unix::fs::symlink("nothing", &root).unwrap(),
            "loop" => std::os::unix::fs::symlink("loop", &root).unwrap(),
            "fifo" => entries::fifo(&root),
            "absent" => {}
            _ => fs::create_dir(&root).unwrap(),
        }
        let whole = [place.outside(), vec![place.machine.root(), root.clone()]].concat();
        let before = picture(&whole);
        for args in [
            &["list"][..],
            &["list", "-f", "json"],
            &["state", "bystander"],
            &["delete", "--dry-run", "bystander"],
        ] {
            let args: Vec<_> = args.iter().map(OsStr::new).collect();
            let said = place.ocitop(&root, &args);
            failed.extend(said.err().map(|why| format!("{name}: {why}")));
        }
        failed.extend(same(&before, &picture(&whole), name).err());
    }
    all_hold(&failed);
}

/// Entries come and go, and the whole root with them, while it is listed.
#[test]
fn a_root_that_vanishes_and_comes_back() {
    let place = Place::new(b"x");
    let (root, away) = (place.machine.root(), place.machine.program("away"));
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::Relaxed;
    let failed: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(order) {
                fs::rename(&root, &away).unwrap();
                fs::rename(&away, &root).unwrap();
                place.write("status", "{}");
                fs::rename(place.dir(), root.join("y")).unwrap();
                fs::remove_file(root.join("y/status")).unwrap();
                fs::remove_dir(root.join("y")).unwrap();
            }
        });
        let rounds = (0..30).map(|_| place.on_root(&["list", "-f", "json"]));
        let failed = rounds.filter_map(Result::err).collect();
        done.store(true, order);
        failed
    });
    all_hold(&failed);
}

/// What a user puts where that user's state roots are looked for leads nowhere else.
#[test]
fn roots_of_users() {
    use ocitop::inventory::roots::{Surroundings, known};
    let place = Place::new(b"x");
    let run = place.machine.program("run");
    let user = run.join("user/1000");
    fs::create_dir_all(user.join("docker/runtime-good/moby")).unwrap();
    fs::create_dir_all(place.canary().join("runtime-bad/moby")).unwrap();
    std::os::unix::fs::symlink(place.canary(), user.join("docker/runtime-link")).unwrap();
    fs::create_dir_all(run.join("user/1001")).unwrap();
    std::os::unix::fs::symlink(place.canary(), run.join("user/1001/docker")).unwrap();
    std::os::unix::fs::symlink(place.canary(), run.join("user/1002")).unwrap();
    let found = known(&Surroundings {
        tmp: place.machine.program("tmp"),
        run,
        ..Surroundings::default()
    });
    let below = |name: &str| -> Vec<_> {
        let paths = found.iter().map(|root| &*root.path);
        let paths = paths.filter(|path| path.to_str().unwrap().contains(name));
        paths.map(std::path::Path::to_owned).collect()
    };
    assert_eq!(
        below("runtime-good"),
        [user.join("docker/runtime-good/moby")]
    );
    for name in ["runtime-link", "runtime-bad", "canary", "1002"] {
        assert_eq!(below(name), Vec::<PathBuf>::new(), "{name}");
    }
}
