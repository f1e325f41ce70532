//! What is run under strace(1), on a container that is made anew each time, and what must hold afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::rig::{Ended, Rig, has_v1, kill, pids_of, start_of, thaw, tops, until};

/// What is run, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// `delete` of a stopped container.
    Delete,
    /// `delete --force` of a live one, with a frozen cgroup in its own and a hook.
    Force,
    /// `leftovers clean` of a torn state directory with an empty cgroup.
    Clean,
    /// `list`.
    List,
}

pub(super) const CASES: [Case; 4] = [Case::Delete, Case::Force, Case::Clean, Case::List];

impl Case {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Force => "delete --force",
            Self::Clean => "leftovers clean",
            Self::List => "list",
        }
    }
}

/// How a command ended that was not wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The loader did not start it.
    NotStarted,
    /// It told what there is.
    Read,
    /// Nothing is left.
    Done,
    /// What it was to clean is there as before, and it said so.
    LeftAlone,
    /// Nothing is left, and a failure was told.
    DoneWithFailure,
    /// The record is there, and what is left was told.
    SaidWhatIsLeft,
}

impl End {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::Read => "read",
            Self::Done => "done",
            Self::LeftAlone => "left alone",
            Self::DoneWithFailure => "done, with a failure",
            Self::SaidWhatIsLeft => "said what is left",
        }
    }
}

/// A container that is made anew for each fault: real processes in real cgroups, and a record of runc's.
pub(super) struct Scene<'a> {
    rig: &'a Rig,
    pub(super) id: String,
    cgroups: Vec<PathBuf>,
    processes: Vec<Child>,
    number: usize,
}

impl<'a> Scene<'a> {
    pub(super) fn new(rig: &'a Rig, case: Case, number: usize) -> Self {
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
            number,
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
        let hook = json!({"path": self.script(), "args": ["hook", told(self.rig, self.number)]});
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

    pub(super) fn command(&self, case: Case) -> Command {
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

    /// Runs it under strace with these options.
    pub(super) fn traced(&self, case: Case, options: &[&str]) -> Ended {
        let plain = self.command(case);
        let mut command = Command::new("strace");
        command.arg("-qq").args(options).arg("--");
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

    /// What must hold, whatever failed.
    pub(super) fn judge(&mut self, case: Case, ended: &Ended) -> Result<End, String> {
        let wrong = |what: &str| Err(format!("{what}: {ended:#?}"));
        if ended.code == 127
            && ended
                .stderr
                .contains("error while loading shared libraries")
        {
            return Ok(End::NotStarted);
        }
        if !matches!(ended.code, 0..=2) || ended.stderr.contains("panicked") {
            return wrong("it ended otherwise than by itself");
        }
        let is_recorded = self.is_recorded();
        let cgroups = self.cgroups.iter().any(|dir| dir.exists());
        let lives = self.lives();
        if case == Case::List {
            return if lives && cgroups && is_recorded {
                Ok(End::Read)
            } else {
                wrong("it changed something")
            };
        }
        if ran(self.rig, self.number) > 1 {
            return wrong("the hook ran twice");
        }
        match (ended.code, is_recorded, lives || cgroups) {
            (0, false, false) => Ok(End::Done),
            (0, ..) if case == Case::Clean && is_recorded => Ok(End::LeftAlone),
            (0, ..) => wrong("it said that it is done"),
            (_, false, true) => wrong("what tells of it is gone, and something is left"),
            (_, false, false) => Ok(End::DoneWithFailure),
            (_, true, _) => Ok(End::SaidWhatIsLeft),
        }
    }

    /// What must hold once it was ended by SIGKILL, however far it had come; whether it was.
    pub(super) fn judge_killed(&mut self, case: Case, ended: &Ended) -> Result<bool, String> {
        if ended.code != -1 {
            // It made fewer calls this time, or the hook was killed.
            return self.judge(case, ended).map(|_| false);
        }
        let wrong = |what: &str| Err(format!("{what}: {ended:#?}"));
        let is_left = self.lives() || self.cgroups.iter().any(|dir| dir.exists());
        if is_left && !self.is_recorded() {
            return wrong("what tells of it is gone, and something is left");
        }
        if ran(self.rig, self.number) > 1 {
            return wrong("the hook ran twice");
        }
        Ok(true)
    }

    /// Does it again, with nothing failing, and judges that; `None` where nothing is left to do.
    pub(super) fn again(&mut self, case: Case) -> Result<Option<End>, String> {
        if case == Case::List || !self.is_recorded() {
            return Ok(None);
        }
        let ended = self.rig.finish(self.command(case));
        let end = self.judge(case, &ended)?;
        match end {
            End::Done | End::LeftAlone => Ok(Some(end)),
            _ => Err(format!("again: {}: {ended:#?}", end.words())),
        }
    }

    fn is_recorded(&self) -> bool {
        self.rig.state_dir(&self.id).exists()
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

/// Where the hook of this scene says that it ran.
fn told(rig: &Rig, number: usize) -> PathBuf {
    rig.scratch(&format!("ran-{number}"))
}

/// How often the hook of this scene ran.
pub(super) fn ran(rig: &Rig, number: usize) -> usize {
    fs::read_to_string(told(rig, number)).map_or(0, |text| text.lines().count())
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
