//! Every system call of a command fails once, in turn: strace(1) injects the error, nothing of ocitop
//! knows of it. Whatever fails, nothing is lost, nothing is said to be gone that is there, and nothing
//! panics. The table tells how often each call was made to fail, and how the command ended.
//!
//! A sample of the faults by default; `OCITOP_FAULTS=1 cargo test --test host faults::` makes each call
//! fail with each error, which takes an hour, and `OCITOP_FAULTS_ONLY='delete --force'` those of one
//! command.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::{Value, json};

use crate::rig::{
    Ended, Rig, by_systemd, has_v1, kill, not_here, pids_of, program, skip, start_of, thaw, tops,
    until,
};

const CALLS: [&str; 11] = [
    "openat",
    "openat2",
    "read",
    "pread64",
    "statx",
    "getdents64",
    "write",
    "unlinkat",
    "pidfd_open",
    "pidfd_send_signal",
    "clone3",
];

const ERRORS: [&str; 5] = ["EIO", "EACCES", "ENOMEM", "EMFILE", "EINTR"];

/// One fault in so many is made, unless `OCITOP_FAULTS` says otherwise.
const SAMPLE: usize = 61;
/// Most of a sample for one call of one command.
const MOST: usize = 12;

/// What is run, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// `delete` of a stopped container.
    Delete,
    /// `delete --force` of a live one, with a frozen cgroup in its own and a hook.
    Force,
    /// `leftovers clean` of a torn state directory with an empty cgroup.
    Clean,
    /// `list`.
    List,
}

const CASES: [Case; 4] = [Case::Delete, Case::Force, Case::Clean, Case::List];

impl Case {
    fn words(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Force => "delete --force",
            Self::Clean => "leftovers clean",
            Self::List => "list",
        }
    }
}

/// A container that is made anew for each fault: real processes in real cgroups, and a record of runc's.
struct Scene<'a> {
    rig: &'a Rig,
    id: String,
    cgroups: Vec<PathBuf>,
    processes: Vec<Child>,
    hook: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig, case: Case, number: usize) -> Self {
        let id = format!("{}-{number}", rig.id());
        let wanted = ["freezer", "pids"];
        let is_wanted = |top: &PathBuf| !has_v1() || wanted.iter().any(|name| top.ends_with(name));
        let dirs = tops().into_iter().filter(is_wanted);
        let cgroups = dirs.map(|top| top.join(rig.prefix()).join(&id)).collect();
        let mut scene = Self {
            rig,
            id,
            cgroups,
            processes: Vec::new(),
            hook: rig.scratch(&format!("ran-{number}")),
        };
        for dir in &scene.cgroups {
            fs::create_dir_all(dir.join("inner")).unwrap();
        }
        let lives = matches!(case, Case::Force | Case::List);
        let init = if lives { scene.live() } else { 0 };
        scene.record(case, init);
        scene
    }

    /// Init, and another process in a frozen cgroup below.
    fn live(&mut self) -> i32 {
        let mut pid_in = |below: &str| {
            let child = Command::new("sleep")
                .arg("3000")
                .stdin(Stdio::null())
                .spawn();
            let child = child.unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            self.processes.push(child);
            for dir in &self.cgroups {
                fs::write(dir.join(below).join("cgroup.procs"), pid.to_string()).unwrap();
            }
            pid
        };
        // On v2 a process may be in a cgroup that has others below as long as no controller is given on.
        let init = pid_in("");
        pid_in("inner");
        let frozen = self
            .cgroups
            .iter()
            .find(|dir| !has_v1() || dir.to_string_lossy().contains("/freezer/"));
        crate::rig::freeze(&frozen.unwrap().join("inner"));
        init
    }

    fn record(&self, case: Case, init: i32) {
        let dir = self.rig.state_dir(&self.id);
        fs::create_dir(&dir).unwrap();
        if case == Case::Clean {
            fs::write(dir.join("state.json"), "{\"id\":").unwrap();
            return;
        }
        let paths: BTreeMap<String, &PathBuf> = self
            .cgroups
            .iter()
            .map(|dir| (controller(dir), dir))
            .collect();
        let hook = json!({"path": self.script(), "args": ["hook", self.hook]});
        let state = json!({
            "id": self.id,
            "init_process_pid": if init == 0 { 4_194_000 } else { init },
            "init_process_start": start_of(init).unwrap_or(1),
            "created": "2026-01-01T00:00:00Z",
            "cgroup_paths": paths,
            "config": {
                "rootfs": "/", "labels": ["bundle=/"], "version": "1.0.2-dev",
                "Hooks": {"poststop": [hook]},
            },
        });
        fs::write(dir.join("state.json"), state.to_string()).unwrap();
    }

    /// A hook that says that it ran, once a run.
    fn script(&self) -> PathBuf {
        let script = self.rig.scratch("hook");
        if !script.exists() {
            fs::write(&script, "#!/bin/sh\necho ran >> \"$1\"\n").unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        }
        script
    }

    fn command(&self, case: Case) -> Command {
        let dir = self.rig.state_dir(&self.id);
        let torn = dir.to_str().unwrap().to_owned();
        let args: Vec<&str> = match case {
            Case::Delete => vec!["delete", &self.id],
            Case::Force => vec!["delete", "--force", "--timeout", "2", &self.id],
            Case::Clean => vec!["leftovers", "clean", "--yes", &torn],
            Case::List => vec!["list", "-f", "json"],
        };
        self.rig.ocitop_command(&args)
    }

    /// Runs it under strace with this option.
    fn traced(&self, case: Case, options: &[&str]) -> Ended {
        let plain = self.command(case);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq"]).args(options).arg("--");
        command.arg(plain.get_program()).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        self.rig.finish(command)
    }

    fn lives(&mut self) -> bool {
        let mut alive = false;
        for child in &mut self.processes {
            alive |= child.try_wait().unwrap().is_none();
        }
        alive
    }

    fn hook_ran(&self) -> usize {
        fs::read_to_string(&self.hook).map_or(0, |text| text.lines().count())
    }

    /// What must hold, whatever failed.
    fn judge(&mut self, case: Case, ended: &Ended) -> Result<&'static str, String> {
        let wrong = |what: &str| Err(format!("{what}: {ended:#?}"));
        if ended.code == 127
            && ended
                .stderr
                .contains("error while loading shared libraries")
        {
            return Ok("not started");
        }
        if !matches!(ended.code, 0..=2) || ended.stderr.contains("panicked") {
            return wrong("it ended otherwise than by itself");
        }
        let is_recorded = self.rig.state_dir(&self.id).exists();
        let cgroups = self.cgroups.iter().any(|dir| dir.exists());
        let lives = self.lives();
        if case == Case::List {
            return if lives && cgroups && is_recorded {
                Ok("read")
            } else {
                wrong("it changed something")
            };
        }
        if self.hook_ran() > 1 {
            return wrong("the hook ran twice");
        }
        match (ended.code, is_recorded, lives || cgroups) {
            (0, false, false) => Ok("done"),
            (0, ..) if case == Case::Clean && is_recorded => Ok("left alone"),
            (0, ..) => wrong("it said that it is done"),
            (_, false, true) => wrong("what tells of it is gone, and something is left"),
            (_, false, false) => Ok("done, with a failure"),
            (_, true, _) => Ok("said what is left"),
        }
    }

    /// Doing it again, with nothing failing, ends it.
    fn again(&mut self, case: Case) -> Result<(), String> {
        if case == Case::List || !self.rig.state_dir(&self.id).exists() {
            return Ok(());
        }
        let ended = self.rig.finish(self.command(case));
        let said = self.judge(case, &ended)?;
        if matches!(said, "done" | "left alone") {
            Ok(())
        } else {
            Err(format!("again: {said}: {ended:#?}"))
        }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        for dir in &self.cgroups {
            let inner = dir.join("inner");
            if inner.join("freezer.state").exists() || inner.join("cgroup.freeze").exists() {
                thaw(&inner);
            }
        }
        for child in &mut self.processes {
            drop(child.kill());
            drop(child.wait());
        }
        for dir in self
            .cgroups
            .iter()
            .flat_map(|dir| [dir.join("inner"), dir.clone()])
        {
            for pid in pids_of(&dir) {
                kill(pid);
            }
            until("the cgroup is empty", || pids_of(&dir).is_empty());
            drop(fs::remove_dir(&dir));
        }
        let dir = self.rig.state_dir(&self.id);
        for file in fs::read_dir(&dir).into_iter().flatten().flatten() {
            drop(fs::remove_file(file.path()));
        }
        drop(fs::remove_dir(dir));
    }
}

fn controller(dir: &Path) -> String {
    let top = tops().into_iter().find(|top| dir.starts_with(top)).unwrap();
    let name = top.file_name().unwrap().to_str().unwrap();
    if has_v1() {
        name.to_owned()
    } else {
        String::new()
    }
}

/// How often each call is made by one thread of it, if nothing fails.
fn counts(scene: &Scene<'_>, case: Case, log: &Path) -> BTreeMap<&'static str, usize> {
    let calls = format!("trace={}", CALLS.join(","));
    let output = ["-o", log.to_str().unwrap(), "-e", &calls];
    let ended = scene.traced(case, &output);
    assert_eq!(ended.code, 0, "nothing failed: {ended:#?}");
    let mut counts: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let Some((pid, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let called = CALLS
            .iter()
            .find(|call| rest.trim_start().starts_with(&format!("{call}(")));
        if let Some(call) = called {
            *counts.entry((pid.to_owned(), call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in counts {
        let so_far: &mut usize = most.entry(call).or_default();
        *so_far = count.max(*so_far);
    }
    most
}

/// One of how many faults of a call is made. A sample has no more of a call that is made often: with
/// other tests at work a search lists thousands of directories.
fn every(faults: usize) -> usize {
    let every = std::env::var("OCITOP_FAULTS").ok();
    let every = every.and_then(|number| number.parse().ok());
    every.unwrap_or(SAMPLE.max(faults / MOST))
}

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_is_said_that_is_not_so() {
    let kind = RuntimeKind::Runc;
    let name = "the sweep of faults";
    if let Err(reason) = program(kind).and(Rig::new(kind).map(drop)) {
        return skip(name, &reason);
    }
    if by_systemd() {
        return not_here(name, "it is made in cgroups of the test's own");
    }
    if Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return skip(name, "strace is not installed");
    }
    let only = std::env::var("OCITOP_FAULTS_ONLY").ok();
    let mut broken = Vec::new();
    for case in CASES {
        if only.as_ref().is_some_and(|only| only != case.words()) {
            continue;
        }
        let rig = Rig::new(kind).unwrap();
        let counts = counts(&Scene::new(&rig, case, 0), case, &rig.scratch("trace"));
        let mut number = 0;
        for (call, count) in counts {
            let every = every(count * ERRORS.len());
            let mut ends: BTreeMap<&'static str, usize> = BTreeMap::new();
            for (index, error) in (1..=count).flat_map(|index| ERRORS.map(|error| (index, error))) {
                number += 1;
                if number % every != 0 {
                    continue;
                }
                let mut scene = Scene::new(&rig, case, number);
                let inject = format!("inject={call}:error={error}:when={index}");
                let ended = scene.traced(case, &["-o", "/dev/null", "-e", &inject]);
                let judged = scene.judge(case, &ended);
                let judged = judged.and_then(|how| scene.again(case).map(|()| how));
                match judged {
                    Ok(how) => *ends.entry(how).or_default() += 1,
                    Err(why) => {
                        *ends.entry("WRONG").or_default() += 1;
                        broken.push(format!(
                            "{} {call} {index} of {count} {error}: {why}",
                            case.words()
                        ));
                    }
                }
            }
            tell(case, call, count, &ends);
        }
    }
    let first = broken.iter().take(20).cloned().collect::<Vec<_>>();
    assert!(
        broken.is_empty(),
        "{} wrong\n{}",
        broken.len(),
        first.join("\n\n")
    );
}

/// Puts a line into the table that is printed at the end of the run.
fn tell(case: Case, call: &str, count: usize, ends: &BTreeMap<&'static str, usize>) {
    let Some(file) = std::env::var_os("OCITOP_FAULTS_TABLE").filter(|_| !ends.is_empty()) else {
        return;
    };
    let ends: Vec<String> = ends
        .iter()
        .map(|(how, count)| format!("{count} {how}"))
        .collect();
    let file = fs::File::options().append(true).create(true).open(file);
    let line = format!("{}\t{call}\t{count}\t{}", case.words(), ends.join(", "));
    writeln!(file.unwrap(), "{line}").unwrap();
}

/// So that the state is what the scene says.
#[test]
fn a_scene_is_what_it_says() {
    let kind = RuntimeKind::Runc;
    if program(kind).and(Rig::new(kind).map(drop)).is_err() || by_systemd() {
        return;
    }
    let rig = Rig::new(kind).unwrap();
    let scene = Scene::new(&rig, Case::List, 1);
    let rows = rig.finish(scene.command(Case::List)).ok().json();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == scene.id.as_str());
    let row: &Value = row.unwrap();
    assert_eq!(
        (&row["status"], &row["problem"]),
        (&"running".into(), &Value::Null)
    );
}
