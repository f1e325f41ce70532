//! Real containers: bundles, the runtimes' own commands, what is in the kernel, and cleaning up.
//!
//! Everything a test makes lies in a temporary directory and below one cgroup of its own,
//! `/ocitop-test-TAG-N`, in every hierarchy. `Drop` looks only there.

#[path = "rig/cgroups.rs"]
mod cgroups;
#[path = "rig/patience.rs"]
mod patience;
#[path = "rig/processes.rs"]
mod processes;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ocitop::oci::RuntimeKind;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::cgroups::*;
pub(crate) use self::patience::*;
pub(crate) use self::processes::*;

/// Whether the runtimes are to use their systemd driver: `OCITOP_TEST_DRIVER=systemd`.
pub(crate) fn by_systemd() -> bool {
    std::env::var("OCITOP_TEST_DRIVER").is_ok_and(|driver| driver == "systemd")
}

/// The program under test: what cargo built, or `OCITOP_BIN` where that was carried elsewhere.
pub(crate) fn ocitop() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_ocitop").into();
    std::env::var_os("OCITOP_BIN").map_or_else(built, PathBuf::from)
}

/// Runs `test` with a rig for `kind`, or says loudly why it cannot.
pub(crate) fn with(kind: RuntimeKind, name: &str, test: fn(&Rig)) {
    match Rig::new(kind) {
        Ok(rig) => test(&rig),
        Err(reason) => skip(&format!("{name} with {kind}"), &reason),
    }
}

/// What a command left behind when it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ended {
    /// Fails unless it exited with 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Fails unless it exited with `code` and said `words` in one line on stderr.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(words), "{words:?} in {self:#?}");
        assert!(self.stderr.starts_with("ocitop: "), "{self:#?}");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{self:#?}");
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// What a test wants of a container.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub script: String,
    pub resources: Value,
    pub hooks: Value,
    pub private_pids: bool,
    pub private_network: bool,
    pub annotations: Value,
    /// More mounts, an array.
    pub mounts: Value,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            script: "sleep 3000 & sleep 3001".to_owned(),
            resources: json!({}),
            hooks: Value::Null,
            private_pids: true,
            private_network: false,
            annotations: json!({"org.example.note": "a test of ocitop"}),
            mounts: json!([]),
        }
    }
}

/// One runtime, one state root, one cgroup prefix.
pub(crate) struct Rig {
    pub kind: RuntimeKind,
    program: PathBuf,
    dir: TempDir,
    prefix: String,
}

impl Rig {
    pub(crate) fn new(kind: RuntimeKind) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root".to_owned());
        }
        let program = program(kind)?;
        let busybox = find("busybox").ok_or("busybox is not installed (busybox-static)")?;
        if !writable_cgroups() {
            return Err(format!("no cgroup can be made under {CGROUPS}"));
        }
        let dir = tempfile::Builder::new().prefix("oct").tempdir().unwrap();
        let rig = Self {
            kind,
            program,
            prefix: unique_prefix(),
            dir,
        };
        fs::create_dir(rig.root()).unwrap();
        rig.make_rootfs(&busybox);
        Ok(rig)
    }

    fn make_rootfs(&self, busybox: &Path) {
        let rootfs = self.dir.path().join("rootfs");
        for name in ["bin", "proc", "dev", "sys", "tmp"] {
            fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        fs::copy(busybox, rootfs.join("bin/busybox")).unwrap();
        for applet in ["sh", "sleep", "dd", "cat", "seq"] {
            std::os::unix::fs::symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
        }
    }

    /// The state root.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// An id that no other test has: what is lost is looked for on the whole host, by its name.
    pub(crate) fn id(&self) -> String {
        self.prefix.replacen("ocitop-test", "web", 1)
    }

    /// The cgroup below which all of this rig's are, in every hierarchy.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The state directory of `id`.
    pub(crate) fn state_dir(&self, id: &str) -> PathBuf {
        self.root().join(id)
    }

    /// The file with the state of `id`.
    pub(crate) fn state_file(&self, id: &str) -> PathBuf {
        self.state_dir(id).join(match self.kind {
            RuntimeKind::Crun => "status",
            RuntimeKind::Runc | RuntimeKind::Youki => "state.json",
        })
    }

    /// A path for something the test itself writes.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a bundle for `id`.
    pub(crate) fn bundle(&self, id: &str, spec: &Spec) -> PathBuf {
        self.bundle_in(id, id, spec)
    }

    /// Makes a bundle for `id` whose cgroup is `path` below this rig's.
    pub(crate) fn bundle_in(&self, id: &str, path: &str, spec: &Spec) -> PathBuf {
        let bundle = self.dir.path().join("bundles").join(id);
        fs::create_dir_all(&bundle).unwrap();
        let mut namespaces = vec![json!({"type": "mount"}), json!({"type": "ipc"})];
        if spec.private_pids {
            namespaces.push(json!({"type": "pid"}));
        }
        if spec.private_network {
            namespaces.push(json!({"type": "network"}));
        }
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": {"uid": 0, "gid": 0},
                "args": ["sh", "-c", spec.script],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "noNewPrivileges": true,
            },
            "root": {"path": self.dir.path().join("rootfs"), "readonly": false},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "mode=755", "size=65536k"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "mode=1777", "size=262144k"]},
            ],
            "annotations": spec.annotations,
            "hooks": spec.hooks,
            "linux": {
                "cgroupsPath": self.cgroups_path(path),
                "resources": spec.resources,
                "namespaces": namespaces,
            },
        });
        let mut config = config;
        let more = spec.mounts.as_array().unwrap().clone();
        config["mounts"].as_array_mut().unwrap().extend(more);
        if spec.hooks.is_null() {
            config.as_object_mut().unwrap().remove("hooks");
        }
        fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        bundle
    }

    /// The container's cgroup as its bundle names it.
    fn cgroups_path(&self, id: &str) -> String {
        if by_systemd() {
            format!("{}:{}:{id}", self.top_cgroup(), self.scope_prefix(id))
        } else {
            format!("/{}/{id}", self.prefix)
        }
    }

    /// The cgroup that holds all of this rig's.
    fn top_cgroup(&self) -> String {
        if by_systemd() {
            // In a slice's name every `-` is a level.
            format!("{}.slice", self.prefix.replace('-', "_"))
        } else {
            self.prefix.clone()
        }
    }

    /// The cgroup of `id`, or of all, below the top of a hierarchy.
    fn below(&self, top: &Path, id: &str) -> PathBuf {
        let all = top.join(self.top_cgroup());
        match id {
            "" => all,
            id if by_systemd() => all.join(self.scope(id)),
            id => all.join(id),
        }
    }

    /// The systemd scope of `id`.
    pub(crate) fn scope(&self, id: &str) -> String {
        format!("{}-{id}.scope", self.scope_prefix(id))
    }

    /// Scopes are named on the whole host, ids only within a root.
    fn scope_prefix(&self, id: &str) -> String {
        if id == self.id() {
            self.kind.to_string()
        } else {
            self.prefix.replace('-', "_")
        }
    }

    /// Runs the runtime's own command.
    pub(crate) fn runtime(&self, args: &[&str]) -> Ended {
        loop {
            let ended = self.runtime_once(args);
            // youki seals a copy of itself in memory before it does anything, which the kernel now
            // and then refuses with EBUSY on a loaded machine: asked again it works.
            if ended.code == 0 || !ended.stderr.contains("failed to seal /proc/self/exe") {
                return ended;
            }
        }
    }

    fn runtime_once(&self, args: &[&str]) -> Ended {
        self.finish(self.runtime_command(args))
    }

    /// The runtime's own command.
    pub(crate) fn runtime_command(&self, args: &[&str]) -> Command {
        let line = self.runtime_line(args);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        command
    }

    /// The runtime's own command, word by word.
    pub(crate) fn runtime_line(&self, args: &[&str]) -> Vec<String> {
        let mut line = Vec::new();
        if self.kind == RuntimeKind::Crun && is_hybrid() {
            // crun refuses hybrid set-ups: it gets a mount namespace where there is no v2.
            let script = format!("umount {CGROUPS}/unified; exec \"$@\"");
            line.extend(["unshare", "-m", "sh", "-c", &script, "sh"].map(str::to_owned));
        }
        let (program, root) = (self.program.to_str(), self.root());
        line.extend([program.unwrap(), "--root", root.to_str().unwrap()].map(str::to_owned));
        if by_systemd() {
            line.push("--systemd-cgroup".to_owned());
        }
        line.extend(args.iter().map(|arg| (*arg).to_owned()));
        line
    }

    /// Runs ocitop on this rig's state root.
    pub(crate) fn ocitop(&self, args: &[&str]) -> Ended {
        self.finish(self.ocitop_command(args))
    }

    /// ocitop on this rig's state root.
    pub(crate) fn ocitop_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(ocitop());
        command.env("XDG_STATE_HOME", self.dir.path().join("log"));
        command.env("RUST_BACKTRACE", "0");
        command.arg("--root").arg(self.root()).args(args);
        command
    }

    /// Runs a command to its end. Its output goes through files: a container inherits what its
    /// runtime had, and would keep a pipe open.
    pub(crate) fn finish(&self, command: Command) -> Ended {
        let words = format!("{command:?}");
        let limit = 3 * patience();
        let ended = self.finish_within(command, limit);
        ended.unwrap_or_else(|| panic!("{words} did not end in {limit:?}"))
    }

    /// The same; what does not end in time is killed.
    pub(crate) fn finish_within(&self, mut command: Command, limit: Duration) -> Option<Ended> {
        let out = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        let err = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        let start = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out.reopen().unwrap())
            .stderr(err.reopen().unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > limit {
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
            breathe();
        };
        let text = |file: &Path| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        Some(Ended {
            code: status.code().unwrap_or(-1),
            stdout: text(out.path()),
            stderr: text(err.path()),
            took: start.elapsed(),
        })
    }

    /// A running container.
    pub(crate) fn run(&self, id: &str) {
        self.run_with(id, &Spec::default());
    }

    /// A running container of this kind. Returns once its program runs.
    pub(crate) fn run_with(&self, id: &str, spec: &Spec) {
        let bundle = self.bundle(id, spec);
        self.runtime(&["run", "-d", "-b", bundle.to_str().unwrap(), id])
            .ok();
        until("the runtime says running", || self.status(id) == "running");
        // The runtime's own init becomes the program a moment later.
        until("its program runs", || {
            let pid = self.pid(id);
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let programs = ["sh\0", "sleep\0", "cat\0", "/bin/odd\0"];
            programs.iter().any(|program| line.starts_with(program))
        });
    }

    /// A created container.
    pub(crate) fn create(&self, id: &str) {
        self.create_with(id, &Spec::default());
    }

    /// A created container of this kind.
    pub(crate) fn create_with(&self, id: &str, spec: &Spec) {
        let bundle = self.bundle(id, spec);
        self.runtime(&["create", "-b", bundle.to_str().unwrap(), id])
            .ok();
        assert_eq!(self.status(id), "created");
    }

    /// A paused container.
    pub(crate) fn paused(&self, id: &str) {
        self.run(id);
        self.runtime(&["pause", id]).ok();
        assert_eq!(self.status(id), "paused");
    }

    /// A container whose init has died.
    pub(crate) fn stopped(&self, id: &str) {
        self.run(id);
        self.kill_init(id);
    }

    /// Kills the init of `id` by its pid, and waits until the runtime sees it.
    pub(crate) fn kill_init(&self, id: &str) {
        kill(self.pid(id));
        until("the runtime says stopped", || self.status(id) == "stopped");
    }

    /// What the runtime's own `state` says.
    pub(crate) fn state(&self, id: &str) -> Value {
        self.runtime(&["state", id]).ok().json()
    }

    /// The status the runtime's own `state` says.
    pub(crate) fn status(&self, id: &str) -> String {
        self.state(id)["status"].as_str().unwrap().to_owned()
    }

    /// The pid the runtime's own `state` says.
    pub(crate) fn pid(&self, id: &str) -> i32 {
        let pid = self.state(id)["pid"].as_i64().unwrap();
        i32::try_from(pid).unwrap()
    }

    /// The ids the runtime's own `list` shows.
    pub(crate) fn listed(&self) -> Vec<String> {
        let text = self.runtime(&["list"]).ok().stdout;
        let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
        let mut ids: Vec<_> = text.lines().skip(1).filter_map(first).collect();
        ids.sort();
        ids
    }

    /// Rewrites the JSON of a state file.
    pub(crate) fn edit_state(&self, id: &str, edit: impl FnOnce(&mut Value)) {
        let file = self.state_file(id);
        let mut state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        edit(&mut state);
        fs::write(&file, state.to_string()).unwrap();
    }

    /// The directories of this rig's cgroup, or of `id` below it, that exist.
    pub(crate) fn cgroups(&self, id: &str) -> Vec<PathBuf> {
        let dir = |top: PathBuf| self.below(&top, id);
        let exists = |dir: &PathBuf| dir.is_dir();
        tops().into_iter().map(dir).filter(exists).collect()
    }

    /// The cgroup of `id` in the hierarchy of a v1 controller, or the v2 one.
    pub(crate) fn cgroup(&self, id: &str, controller: &str) -> PathBuf {
        let v1 = Path::new(CGROUPS).join(controller);
        let top = if v1.is_dir() { v1 } else { CGROUPS.into() };
        self.below(&top, id)
    }

    /// Every process in a cgroup of this rig.
    pub(crate) fn processes(&self) -> Vec<i32> {
        self.members("")
    }

    /// Every process in the cgroups of `id`.
    pub(crate) fn members(&self, id: &str) -> Vec<i32> {
        let mut pids: Vec<i32> = self
            .cgroups(id)
            .iter()
            .flat_map(|top| tree(top))
            .flat_map(|dir| pids_of(&dir))
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Fails unless nothing of `id` is left, and the runtime's own list does not show it.
    #[track_caller]
    pub(crate) fn assert_gone(&self, id: &str) {
        assert!(
            !self.state_dir(id).exists(),
            "{} is left",
            self.state_dir(id).display()
        );
        assert_eq!(self.cgroups(id), Vec::<PathBuf>::new(), "cgroups left");
        let ids = self.listed();
        assert!(
            !ids.iter().any(|listed| listed == id),
            "{} lists {ids:?}",
            self.kind
        );
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let tops = self.cgroups("");
        let all: Vec<PathBuf> = tops.iter().flat_map(|top| tree(top)).collect();
        let start = Instant::now();
        loop {
            // A cgroup that is gone by now is no concern: every error here is seen below.
            let write = |dir: &Path, file: &str, text: &str| {
                let opened = fs::OpenOptions::new().write(true).open(dir.join(file));
                drop(opened.and_then(|mut file| file.write_all(text.as_bytes())));
            };
            for dir in &all {
                write(dir, "freezer.state", "THAWED");
                write(dir, "cgroup.freeze", "0");
            }
            // What forks faster than it is killed one by one is still there when the patience ends, and
            // holds up every other test.
            for top in &tops {
                write(top, "cgroup.kill", "1");
            }
            let pids = self.processes();
            if pids.is_empty() || start.elapsed() > patience() {
                break;
            }
            for pid in pids {
                self.kill_own(pid);
            }
            breathe();
        }
        let start = Instant::now();
        for dir in all.iter().rev() {
            while dir.exists() && fs::remove_dir(dir).is_err() && start.elapsed() < patience() {
                breathe();
            }
        }
        let left = self.cgroups("");
        assert!(
            left.is_empty() || std::thread::panicking(),
            "cgroups of the test are left: {left:?}"
        );
    }
}

impl Rig {
    /// Kills a process that is in a cgroup of this rig, beyond doubt: the descriptor is opened
    /// first and the membership read after it.
    pub(crate) fn kill_own(&self, pid: i32) {
        let Some(number) = rustix::process::Pid::from_raw(pid) else {
            return;
        };
        let flags = rustix::process::PidfdFlags::empty();
        let Ok(process) = rustix::process::pidfd_open(number, flags) else {
            return;
        };
        // Every thread's: a first thread that is dead reads as if it were in the root.
        let threads = fs::read_dir(format!("/proc/{pid}/task"));
        let own = threads.into_iter().flatten().flatten().any(|thread| {
            let member = fs::read_to_string(thread.path().join("cgroup")).unwrap_or_default();
            member.contains(&format!("/{}/", self.prefix))
        });
        if own {
            let signal = rustix::process::Signal::KILL;
            // It may have died just now.
            rustix::process::pidfd_send_signal(process, signal).ok();
        }
    }
}

fn unique_prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let own = std::process::id();
    match std::env::var("OCITOP_TEST_TAG") {
        Ok(tag) => format!("ocitop-test-{tag}-{own}-{count}"),
        Err(_) => format!("ocitop-test-{own}-{count}"),
    }
}

pub(crate) fn program(kind: RuntimeKind) -> Result<PathBuf, String> {
    let variable = format!("OCITOP_{}", kind.as_str().to_uppercase());
    if let Some(path) = std::env::var_os(&variable) {
        return Ok(path.into());
    }
    find(kind.as_str()).ok_or_else(|| format!("{kind} is not installed ({variable} not set)"))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.push("/usr/sbin".into());
    dirs.into_iter()
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}
