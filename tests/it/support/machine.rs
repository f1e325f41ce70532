//! A machine in a temporary directory: state root, cgroup tree, resctrl tree, /proc.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ocitop::cgroup::{Hierarchies, Version};
use ocitop::config::Roots;
use ocitop::inventory::sight::{Proc, Sight, SightFacts};
use ocitop::inventory::unread::{Place, Unread, WhyUnread};
use ocitop::inventory::{self, Container, Sampler, Snapshot};
use ocitop::lifecycle::Target;
use ocitop::oci::{ContainerKey, RuntimeKind};
use serde_json::json;
use tempfile::TempDir;

/// The v1 hierarchies of the fixture machine, as directories below its cgroup root.
const V1: [&str; 7] = [
    "cpu,cpuacct",
    "memory",
    "pids",
    "freezer",
    "devices",
    "systemd",
    "unified",
];

/// Where the kernel starts counting here: high enough to be no process of the real machine.
const FIRST_PID: i32 = 4_100_000;
/// Start time of every process, in clock ticks since boot.
const START: u64 = 5_000;
/// Boot of the fixture machine, seconds since the epoch.
const BOOT: i64 = 1_700_000_000;

/// A fixture machine; its parts are made by chained calls.
pub(crate) struct Machine {
    dir: TempDir,
    version: Version,
    next_pid: i32,
}

impl Machine {
    /// A host with v1 hierarchies and an empty v2 one.
    pub(crate) fn v1() -> Self {
        let machine = Self::bare(Version::V1);
        for name in V1 {
            fs::create_dir_all(machine.cgroup_root().join(name)).unwrap();
        }
        machine
    }

    /// A host with cgroup v2 only.
    pub(crate) fn v2() -> Self {
        let machine = Self::bare(Version::V2);
        let root = machine.cgroup_root();
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("cgroup.controllers"), "cpu io memory pids\n").unwrap();
        machine
    }

    fn bare(version: Version) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Self {
            dir,
            version,
            next_pid: FIRST_PID,
        };
        let proc = machine.proc();
        fs::create_dir_all(machine.root()).unwrap();
        fs::create_dir_all(machine.resctrl().join("mon_groups")).unwrap();
        fs::create_dir_all(proc.join("self")).unwrap();
        fs::write(proc.join("self/cgroup"), "0::/\n").unwrap();
        fs::write(proc.join("stat"), format!("cpu 0\ncpu0 0\nbtime {BOOT}\n")).unwrap();
        fs::write(proc.join("meminfo"), "MemTotal: 1024 kB\n").unwrap();
        machine.make_process(1, b"init", "0::/\n", "mnt:[1]");
        machine
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(crate) fn cgroup_root(&self) -> PathBuf {
        self.dir.path().join("cgroup")
    }

    pub(crate) fn resctrl(&self) -> PathBuf {
        self.dir.path().join("resctrl")
    }

    pub(crate) fn proc(&self) -> PathBuf {
        self.dir.path().join("proc")
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// A container of `runtime` whose init and one child run.
    pub(crate) fn running(mut self, id: &str, runtime: RuntimeKind) -> Self {
        self.cgroups(id);
        let init = self.spawn(id);
        self.spawn(id);
        self.record(id, runtime, init, "running");
        self
    }

    /// A container of `runtime` whose processes are frozen.
    pub(crate) fn paused(self, id: &str, runtime: RuntimeKind) -> Self {
        let machine = self.running(id, runtime);
        machine.set_frozen(&machine.freezer_dir(id));
        if runtime == RuntimeKind::Youki {
            let init = FIRST_PID;
            machine.record(id, runtime, init, "paused");
        }
        machine
    }

    /// A container of `runtime` whose init is gone; its cgroups are empty.
    pub(crate) fn stopped(self, id: &str, runtime: RuntimeKind) -> Self {
        self.cgroups(id);
        for dir in self.cgroup_dirs(id) {
            let events = dir.join("cgroup.events");
            if events.exists() {
                fs::write(events, "populated 0\nfrozen 0\n").unwrap();
            }
        }
        self.record(id, runtime, FIRST_PID + 500, "stopped");
        self
    }

    /// A control group and a monitoring group of its own.
    pub(crate) fn with_rdt(self, id: &str) -> Self {
        fs::create_dir_all(self.resctrl().join(id).join("mon_groups").join(id)).unwrap();
        self.edit(id, |state| {
            let dir = format!("{}", self.resctrl().join(id).display());
            state["intelRdtMonitoringDir"] = format!("{dir}/mon_groups/{id}").into();
            state["intelRdtDir"] = dir.into();
        });
        self
    }

    /// A program that could be a hook.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Poststop hooks, in order.
    pub(crate) fn with_hooks(self, id: &str, names: &[&str]) -> Self {
        let paths: Vec<_> = names.iter().map(|name| self.program(name)).collect();
        for path in &paths {
            fs::write(path, "").unwrap();
            protect(path, 0o755);
        }
        let hooks: Vec<_> = paths.iter().map(|path| json!({"path": path})).collect();
        let config = json!({"hooks": {"poststop": hooks}, "cgroup_path": format!("/{id}")});
        fs::write(
            self.state_dir(id).join("youki_config.json"),
            config.to_string(),
        )
        .unwrap();
        self
    }

    /// A cgroup below the container's own, in every hierarchy it has.
    pub(crate) fn with_sub_cgroup(self, id: &str) -> Self {
        for dir in self.cgroup_dirs(id) {
            self.make_cgroup(&dir.join("in"));
        }
        self
    }

    pub(crate) fn state_dir(&self, id: &str) -> PathBuf {
        self.root().join(id)
    }

    /// Changes the JSON of a youki or runc state file.
    pub(crate) fn edit(&self, id: &str, edit: impl FnOnce(&mut serde_json::Value)) {
        let file = self.state_dir(id).join("state.json");
        let mut state = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        edit(&mut state);
        fs::write(&file, state.to_string()).unwrap();
    }

    /// The library's view of this machine.
    pub(crate) fn machine(&self) -> inventory::Machine {
        inventory::Machine::new(&Roots {
            cgroup: Some(self.cgroup_root()),
            resctrl: Some(self.resctrl()),
            proc: self.proc(),
            state: vec![self.root()],
            host: None,
        })
    }

    /// The same, seen from another mount namespace than that of pid 1, which is this if it may be read.
    pub(crate) fn among_other_mounts(&self, of_pid_1: Option<u64>) -> inventory::Machine {
        let own = i32::try_from(std::process::id()).unwrap();
        let facts = SightFacts {
            proc: Proc::Mounted,
            self_link: Some(own),
            own_pid: own,
            pids_of_self: Some(1),
            mount_namespace: Some(7),
            mount_namespace_of_1: of_pid_1,
            ..SightFacts::default()
        };
        let sight = Sight::of(&facts, &Hierarchies::default());
        assert!(sight.is_whole() && sight.mounts().is_some());
        let mut machine = self.machine();
        machine.sight = Arc::new(sight);
        machine
    }

    pub(crate) fn scan(&self) -> Snapshot {
        Sampler::new(self.machine()).unwrap().pass()
    }

    /// The row of `id`.
    pub(crate) fn container(&self, id: &str) -> Container {
        let snapshot = self.scan();
        let mut found = snapshot.containers.iter();
        let key = ContainerKey::new(self.root(), id);
        let found = found.find(|container| container.key == key);
        Container::clone(found.unwrap_or_else(|| panic!("{id} in {:?}", snapshot.containers)))
    }

    pub(crate) fn target(&self, id: &str) -> Target {
        Target::of(&self.container(id)).unwrap()
    }

    /// The directories of the container's cgroups that exist.
    pub(crate) fn cgroup_dirs(&self, id: &str) -> Vec<PathBuf> {
        let dirs = self.tops().into_iter().map(|top| top.join(id));
        dirs.filter(|dir| dir.is_dir()).collect()
    }

    /// The directories of its name that its runtime never made: on v1, youki joins neither
    /// systemd's hierarchy nor the v2 one, so what lies there is somebody else's.
    pub(crate) fn not_joined_by(&self, runtime: RuntimeKind, id: &str) -> Vec<PathBuf> {
        let mut dirs = self.cgroup_dirs(id);
        dirs.retain(|dir| {
            let top = dir.parent().unwrap().file_name();
            let other = top.is_some_and(|name| name == "systemd" || name == "unified");
            other && runtime == RuntimeKind::Youki
        });
        dirs
    }

    /// The directory whose files freeze the container.
    pub(crate) fn freezer_dir(&self, id: &str) -> PathBuf {
        match self.version {
            Version::V1 => self.cgroup_root().join("freezer").join(id),
            Version::V2 => self.cgroup_root().join(id),
        }
    }

    /// Whether nothing of `id` is left: state directory, cgroups, resctrl groups, processes.
    pub(crate) fn is_gone(&self, id: &str) -> bool {
        !self.state_dir(id).exists()
            && self.cgroup_dirs(id).is_empty()
            && !self.resctrl().join(id).exists()
            && self.processes(id).is_empty()
    }

    /// Makes a file fail to be read, as root too; gives back what is said of it.
    pub(crate) fn cannot_be_read(file: &Path) -> Unread {
        fs::remove_file(file).ok();
        fs::create_dir(file).unwrap();
        let why = WhyUnread::Refused(rustix::io::Errno::ISDIR.raw_os_error());
        Unread {
            place: Place::Dir(file.to_owned()),
            why,
        }
    }

    /// The processes that say they are in a cgroup of `id`.
    pub(crate) fn processes(&self, id: &str) -> Vec<i32> {
        let pids = fs::read_dir(self.proc()).unwrap().flatten();
        let inside = |pid: &i32| {
            let text = fs::read_to_string(self.proc().join(format!("{pid}/cgroup")));
            text.unwrap_or_default().contains(&format!(":/{id}\n"))
        };
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(inside)
            .collect()
    }

    fn tops(&self) -> Vec<PathBuf> {
        match self.version {
            Version::V1 => V1.map(|name| self.cgroup_root().join(name)).into(),
            Version::V2 => vec![self.cgroup_root()],
        }
    }

    fn cgroups(&self, id: &str) {
        for top in self.tops() {
            self.make_cgroup(&top.join(id));
        }
    }

    pub(crate) fn make_cgroup(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
        write("cgroup.procs", "");
        let path = dir.to_str().unwrap();
        let v2 = self.version == Version::V2 || path.contains("/unified/");
        if v2 {
            write("cgroup.events", "populated 1\nfrozen 0\n");
            write("cgroup.freeze", "0\n");
            write("cgroup.kill", "");
            write(
                "cpu.stat",
                "usage_usec 1000\nuser_usec 1000\nsystem_usec 0\n",
            );
        }
        if self.version == Version::V2 {
            write("cpu.max", "50000 100000\n");
            write("memory.current", "4096\n");
            write("memory.max", "max\n");
            write("memory.stat", "anon 4096\nfile 0\ninactive_file 0\n");
            write("pids.current", "2\n");
            write("pids.max", "max\n");
        } else if path.contains("/freezer/") {
            write("freezer.state", "THAWED\n");
            write("freezer.self_freezing", "0\n");
        } else if path.contains("/cpu,cpuacct/") {
            write("cpu.cfs_quota_us", "50000\n");
            write("cpu.cfs_period_us", "100000\n");
            write("cpuacct.usage", "1000000\n");
            write(
                "cpu.stat",
                "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
            );
        } else if path.contains("/memory/") {
            write("memory.usage_in_bytes", "4096\n");
            write("memory.limit_in_bytes", "9223372036854771712\n");
            write(
                "memory.stat",
                "total_inactive_file 0\ntotal_rss 4096\ntotal_cache 0\n",
            );
        } else if path.contains("/pids/") {
            write("pids.current", "2\n");
            write("pids.max", "max\n");
        }
    }

    /// Makes a process in the cgroups of `id`; its pid.
    pub(crate) fn spawn(&mut self, id: &str) -> i32 {
        let pid = self.next_pid;
        self.next_pid += 1;
        let line = |name: &str| match name {
            "systemd" => format!("1:name=systemd:/{id}\n"),
            "unified" => format!("0::/{id}\n"),
            controllers => format!("1:{controllers}:/{id}\n"),
        };
        let membership = match self.version {
            Version::V1 => V1.map(line).concat(),
            Version::V2 => format!("0::/{id}\n"),
        };
        for dir in self.cgroup_dirs(id) {
            let file = dir.join("cgroup.procs");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, format!("{text}{pid}\n")).unwrap();
            let events = dir.join("cgroup.events");
            if let Ok(text) = fs::read_to_string(&events) {
                fs::write(events, text.replace("populated 0", "populated 1")).unwrap();
            }
        }
        self.make_process(pid, b"sleep", &membership, "mnt:[2]");
        pid
    }

    /// A process of the host in no container's cgroup; its pid.
    pub(crate) fn spawn_stranger(&mut self) -> i32 {
        let pid = self.next_pid;
        self.next_pid += 1;
        self.make_process(pid, b"sshd", "0::/\n", "mnt:[1]");
        pid
    }

    /// A cgroup `path` in every hierarchy, or in those given, that nothing lives in and that nobody
    /// has touched for three hours; its directories.
    pub(crate) fn leave(&self, path: &str, hierarchies: Option<&[&str]>) -> Vec<PathBuf> {
        let wanted = |top: &PathBuf| {
            let name = top.file_name().unwrap().to_str().unwrap();
            hierarchies.is_none_or(|some| some.contains(&name))
        };
        let tops = self.tops().into_iter().filter(wanted);
        let dirs: Vec<PathBuf> = tops.map(|top| top.join(path)).collect();
        for dir in &dirs {
            self.make_cgroup(dir);
            let events = dir.join("cgroup.events");
            if events.exists() {
                fs::write(events, "populated 0\nfrozen 0\n").unwrap();
            }
            age(dir, 3 * 3600);
        }
        dirs
    }

    /// A file or directory beside the fixture's procfs: `run/…`, `var/…`, `sys/…`.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A process of the host with this command line.
    pub(crate) fn told(&mut self, command: &str, words: &[&str]) -> i32 {
        let pid = self.spawn_stranger();
        let dir = self.proc().join(pid.to_string());
        fs::write(dir.join("comm"), format!("{command}\n")).unwrap();
        let stat = fs::read_to_string(dir.join("stat")).unwrap();
        let named = format!("({command})");
        fs::write(dir.join("stat"), stat.replace("(sshd)", &named)).unwrap();
        fs::write(dir.join("cmdline"), words.join("\0")).unwrap();
        pid
    }

    fn make_process(&self, pid: i32, comm: &[u8], membership: &str, namespace: &str) {
        let dir = self.proc().join(pid.to_string());
        fs::create_dir_all(dir.join("ns")).unwrap();
        let comm = String::from_utf8_lossy(comm);
        let stat = format!("{pid} ({comm}) S 1 1 1 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 {START} 0 0\n");
        fs::write(dir.join("stat"), stat).unwrap();
        fs::write(dir.join("cgroup"), membership).unwrap();
        std::os::unix::fs::symlink(namespace, dir.join("ns/mnt")).unwrap();
    }

    /// Freezes a cgroup by its own setting.
    pub(crate) fn set_frozen(&self, dir: &Path) {
        match self.version {
            Version::V1 => {
                fs::write(dir.join("freezer.state"), "FROZEN\n").unwrap();
                fs::write(dir.join("freezer.self_freezing"), "1\n").unwrap();
            }
            Version::V2 => {
                fs::write(dir.join("cgroup.freeze"), "1\n").unwrap();
                fs::write(dir.join("cgroup.events"), "populated 1\nfrozen 1\n").unwrap();
            }
        }
    }

    fn record(&self, id: &str, runtime: RuntimeKind, pid: i32, status: &str) {
        let dir = self.state_dir(id);
        fs::create_dir_all(&dir).unwrap();
        protect(&self.root(), 0o755);
        protect(&dir, 0o755);
        let write = |name: &str, json: serde_json::Value| {
            let file = dir.join(name);
            fs::write(&file, json.to_string()).unwrap();
            protect(&file, 0o644);
        };
        let created = "2023-11-14T23:00:00Z";
        match runtime {
            RuntimeKind::Youki => {
                write(
                    "state.json",
                    json!({
                        "ociVersion": "1.1.0", "id": id, "status": status, "pid": pid,
                        "bundle": "/bundle", "created": created, "creator": 0,
                        "useSystemd": false, "intelRdtDir": null,
                    }),
                );
                let config = json!({"hooks": null, "cgroup_path": format!("/{id}")});
                write("youki_config.json", config);
            }
            RuntimeKind::Runc => {
                write(
                    "state.json",
                    json!({
                        "id": id, "init_process_pid": pid, "init_process_start": START,
                        "created": created, "cgroup_paths": self.runc_paths(id),
                        "config": {"labels": ["bundle=/bundle"], "namespaces": [{"type": "NEWPID"}]},
                    }),
                );
            }
            RuntimeKind::Crun => {
                write(
                    "status",
                    json!({
                        "pid": pid, "process-start-time": START, "cgroup-path": format!("/{id}"),
                        "scope": "", "rootfs": "rootfs", "systemd-cgroup": false,
                        "bundle": "/bundle", "created": created, "owner": "root", "detached": true,
                    }),
                );
                let namespaces = json!([{"type": "pid"}]);
                let linux = json!({"cgroupsPath": format!("/{id}"), "namespaces": namespaces});
                write(
                    "config.json",
                    json!({"ociVersion": "1.0.2", "linux": linux}),
                );
            }
        }
    }
}

impl Machine {
    /// runc's path of each controller.
    fn runc_paths(&self, id: &str) -> serde_json::Value {
        let path = |name: &str| format!("/sys/fs/cgroup/{name}/{id}");
        match self.version {
            Version::V2 => json!({"": format!("/sys/fs/cgroup/{id}")}),
            Version::V1 => json!({
                "cpu": path("cpu,cpuacct"), "cpuacct": path("cpu,cpuacct"),
                "memory": path("memory"), "pids": path("pids"),
                "freezer": path("freezer"), "devices": path("devices"),
                "name=systemd": path("systemd"), "": path("unified"),
            }),
        }
    }
}

/// Makes a directory or file as old as that, in seconds.
pub(crate) fn age(path: &Path, seconds: u64) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(then).unwrap();
}

/// Sets a mode whatever the umask of whoever runs the tests: hooks are run only from files that
/// nobody else can write.
pub(crate) fn protect(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
