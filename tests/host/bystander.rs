//! A thousand teardowns in a crowd: pids that went to others, cgroups that are shared, directories
//! that are replaced under ocitop's hands, names that begin alike, neighbours that come and go.
//! Whatever was not the target's is there afterwards: each process by pid and start time, each
//! cgroup by its inode.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ocitop::config::{Config, Roots};
use ocitop::inventory::Machine;
use ocitop::inventory::scan::look_up;
use ocitop::kernel::LiveKernel;
use ocitop::lifecycle::guard::Forbidden;
use ocitop::lifecycle::{
    Claims, Engine, Force, Job, Options, Refusal, Step, StepEvent, StepKind, Target, Verdict,
};
use ocitop::oci::{ContainerKey, RuntimeKind};
use serde_json::json;

use crate::rig::{Rig, Stranger, has_v1, patient, slowness, start_of, tops, until};

const ROUNDS: usize = 1000;
const RUNTIMES: [RuntimeKind; 3] = [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun];

/// A process in a cgroup of its own in several hierarchies, as a container is to the kernel.
struct Ward {
    process: Stranger,
    start: u64,
    dirs: Vec<(PathBuf, u64)>,
}

impl Ward {
    /// Its cgroup is `path`, below the top of each hierarchy.
    fn new(path: &str) -> Self {
        let process = Stranger::new();
        let start = start_of(process.pid()).unwrap();
        let mut ward = Self {
            process,
            start,
            dirs: Vec::new(),
        };
        ward.join(path);
        ward
    }

    fn join(&mut self, path: &str) {
        self.dirs.clear();
        for top in places() {
            let dir = top.join(path.trim_start_matches('/'));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("cgroup.procs"), self.pid().to_string()).unwrap();
            self.dirs.push((dir.clone(), inode(&dir).unwrap()));
        }
    }

    fn pid(&self) -> i32 {
        self.process.pid()
    }

    #[track_caller]
    fn assert_untouched(&mut self, round: &str) {
        assert!(self.process.is_alive(), "{round}: {} died", self.pid());
        assert_eq!(start_of(self.pid()), Some(self.start), "{round}");
        for (dir, before) in &self.dirs {
            assert_eq!(inode(dir), Some(*before), "{round}: {}", dir.display());
            let members = crate::rig::pids_of(dir);
            assert_eq!(members, [self.pid()], "{round}: {}", dir.display());
        }
    }

    #[track_caller]
    fn assert_gone(&mut self, round: &str) {
        assert!(!self.process.is_alive(), "{round}: it lives");
        for (dir, _) in &self.dirs {
            assert!(!dir.exists(), "{round}: {} is left", dir.display());
        }
    }

    /// Ends the process and removes the cgroups.
    fn end(self) {
        let Self { process, dirs, .. } = self;
        drop(process);
        for (dir, _) in dirs {
            until("its cgroup goes", || {
                !dir.exists() || fs::remove_dir(&dir).is_ok()
            });
        }
    }
}

fn inode(dir: &Path) -> Option<u64> {
    fs::symlink_metadata(dir).ok().map(|found| found.ino())
}

/// The tops of three hierarchies, or of the one.
fn places() -> Vec<PathBuf> {
    if !has_v1() {
        return tops();
    }
    let wanted = ["freezer", "pids", "memory"];
    let mut found = tops();
    found.retain(|top| wanted.iter().any(|name| top.ends_with(name)));
    found
}

/// Writes a record as `runtime` does.
fn record(root: &Path, id: &str, runtime: RuntimeKind, pid: i32, start: u64, path: &str) {
    let dir = root.join(id);
    fs::create_dir(&dir).unwrap();
    let created = jiff::Timestamp::now().to_string();
    let put = |name: &str, text: serde_json::Value| {
        fs::write(dir.join(name), text.to_string()).unwrap();
    };
    match runtime {
        RuntimeKind::Youki => {
            let state = json!({
                "ociVersion": "1.1.0", "id": id, "status": "running", "pid": pid,
                "bundle": "/nowhere", "annotations": {}, "created": created, "creator": 0,
                "useSystemd": false, "intelRdtDir": null,
            });
            put("state.json", state);
            put(
                "youki_config.json",
                json!({"hooks": null, "cgroup_path": path}),
            );
        }
        RuntimeKind::Runc => {
            let paths: serde_json::Map<String, serde_json::Value> = places()
                .iter()
                .map(|top| {
                    let name = top.file_name().unwrap().to_str().unwrap();
                    let key = if has_v1() { name } else { "" };
                    let dir = top.join(path.trim_start_matches('/'));
                    (key.to_owned(), dir.to_str().unwrap().into())
                })
                .collect();
            let state = json!({
                "id": id, "init_process_pid": pid, "init_process_start": start,
                "created": created, "config": {"labels": ["bundle=/nowhere"]},
                "cgroup_paths": paths,
            });
            put("state.json", state);
        }
        RuntimeKind::Crun => {
            let status = json!({
                "pid": pid, "process-start-time": start, "cgroup-path": path, "scope": "",
                "rootfs": "/nowhere", "systemd-cgroup": false, "bundle": "/nowhere",
                "created": created, "owner": "root", "detached": true,
            });
            put("status", status);
            put(
                "config.json",
                json!({"ociVersion": "1.0.2", "linux": {"namespaces": []}}),
            );
        }
    }
}

/// Where the rounds are played.
struct Crowd<'a> {
    root: &'a Path,
    machine: Machine,
    /// The cgroup above all.
    above: String,
    /// The target's id.
    id: String,
    kernel: LiveKernel,
}

impl Crowd<'_> {
    fn path(&self, name: &str) -> String {
        format!("/{}/{name}", self.above)
    }

    fn key(&self) -> ContainerKey {
        ContainerKey::new(Arc::<Path>::from(self.root), self.id.as_str())
    }

    /// The target as an operator would have confirmed it.
    fn target(&self) -> Target {
        let container = look_up(&self.machine, &self.key()).unwrap().unwrap();
        Target::of(&container).unwrap()
    }

    fn delete(&self, target: Target, report: &mut dyn FnMut(StepEvent)) -> Verdict {
        let job = Job::Delete(target, Force::Yes);
        let options = Options {
            timeout: patient(Duration::from_secs(5)),
            ..Options::from(&Config::default())
        };
        let engine = Engine {
            kernel: &self.kernel,
            machine: &self.machine,
            options: &options,
            claims: &Claims::read(&self.machine),
        };
        engine.run(&job, report)
    }

    fn record(&self, runtime: RuntimeKind, of: &Ward, path: &str) {
        record(self.root, &self.id, runtime, of.pid(), of.start, path);
    }

    fn forget(&self) {
        for entry in fs::read_dir(self.root.join(&self.id)).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::remove_dir(self.root.join(&self.id)).unwrap();
    }

    fn own(&self) -> String {
        self.path(&self.id)
    }

    /// An ordinary one.
    fn plain(&self, round: &str, runtime: RuntimeKind) {
        let mut own = Ward::new(&self.own());
        self.record(runtime, &own, &self.own());
        let verdict = self.delete(self.target(), &mut |_| {});
        assert_eq!(verdict, Verdict::Clean, "{round}");
        own.assert_gone(round);
    }

    /// Init is dead; its pid is that of a process in a neighbour's cgroup.
    fn recycled(&self, round: &str, runtime: RuntimeKind, neighbour: &Ward) {
        let own = Ward::new(&self.own());
        // A start time of its own, where one is stored.
        let path = self.own();
        record(
            self.root,
            &self.id,
            runtime,
            neighbour.pid(),
            own.start + 1,
            &path,
        );
        let dirs: Vec<_> = own.dirs.iter().map(|(dir, _)| dir.clone()).collect();
        let mut process = own.process;
        let verdict = self.delete(self.target(), &mut |_| {});
        assert_eq!(verdict, Verdict::Clean, "{round}");
        // What is in its cgroup is its own.
        assert!(!process.is_alive(), "{round}");
        assert!(dirs.iter().all(|dir| !dir.exists()), "{round}");
    }

    /// Init is dead, its cgroup gone, and its pid a neighbour's.
    fn recycled_without_cgroup(&self, round: &str, runtime: RuntimeKind, neighbour: &Ward) {
        let path = self.own();
        record(self.root, &self.id, runtime, neighbour.pid(), 1, &path);
        let verdict = self.delete(self.target(), &mut |_| {});
        assert_eq!(verdict, Verdict::Clean, "{round}");
    }

    /// Its record names the cgroup of a neighbour that lives, whose process is its init.
    fn shared(&self, round: &str, runtime: RuntimeKind, neighbour: &mut Ward, path: &str) {
        self.record(runtime, neighbour, path);
        let verdict = self.delete(self.target(), &mut |_| {});
        let Verdict::Refused(Refusal::Forbidden(Forbidden::DiesToo(..))) = &verdict else {
            panic!("{round}: {verdict:?}");
        };
        neighbour.assert_untouched(round);
        self.forget();
    }

    /// Its init is dead, and its record names the cgroup of a neighbour that lives.
    fn usurped(&self, round: &str, runtime: RuntimeKind, neighbour: &mut Ward, path: &str) {
        let gone = Stranger::new();
        let (pid, start) = (gone.pid(), start_of(gone.pid()).unwrap());
        drop(gone);
        record(self.root, &self.id, runtime, pid, start, path);
        let verdict = self.delete(self.target(), &mut |_| {});
        neighbour.assert_untouched(round);
        // Refused where its process is one of the host; else only the record goes.
        match verdict {
            Verdict::Clean => {}
            Verdict::Refused(Refusal::Forbidden(Forbidden::HostProcess(..))) => self.forget(),
            other => panic!("{round}: {other:?}"),
        }
    }

    /// It is another container of the same name when the work begins.
    fn replaced(&self, round: &str, runtime: RuntimeKind) {
        let first = Ward::new(&self.own());
        self.record(runtime, &first, &self.own());
        let target = self.target();
        self.forget();
        first.end();
        let mut second = Ward::new(&self.own());
        self.record(runtime, &second, &self.own());
        let verdict = self.delete(target, &mut |_| {});
        assert_eq!(verdict, Verdict::Refused(Refusal::Replaced), "{round}");
        second.assert_untouched(round);
        self.forget();
        second.end();
    }

    /// Its cgroup is removed and made anew, by somebody else, while the plan is under way.
    fn taken_over(&self, round: &str, runtime: RuntimeKind) {
        let mut first = Some(Ward::new(&self.own()));
        let mut second = None;
        self.record(runtime, first.as_ref().unwrap(), &self.own());
        let target = self.target();
        let verdict = self.delete(target, &mut |event| {
            let begins = matches!(
                event.kind,
                StepKind::Started {
                    step: Step::Kill { .. },
                    ..
                }
            );
            if begins && let Some(first) = first.take() {
                first.end();
                second = Some(Ward::new(&self.own()));
            }
        });
        let mut second = second.unwrap_or_else(|| panic!("{round}: {verdict:?}"));
        second.assert_untouched(&format!("{round} {verdict:?}"));
        second.end();
        if self.root.join(&self.id).exists() {
            self.forget();
        }
    }

    /// Its record is torn: only its name tells its cgroup, and it looks like a process of the host.
    /// Refused, and all stays; or, where another file of the record knows the cgroup, all goes.
    fn torn(&self, round: &str, runtime: RuntimeKind) {
        let mut own = Ward::new(&self.own());
        self.record(runtime, &own, &self.own());
        let name = if runtime == RuntimeKind::Crun {
            "status"
        } else {
            "state.json"
        };
        fs::write(self.root.join(&self.id).join(name), "{\"id\":").unwrap();
        let verdict = self.delete(self.target(), &mut |_| {});
        if verdict == Verdict::Clean {
            own.assert_gone(round);
        } else {
            own.assert_untouched(round);
            self.forget();
            own.end();
        }
    }
}

/// Neighbours come and go beside the target until told to stop; each lives to its own end.
fn come_and_go(root: &Path, above: &str, id: &str, stop: &AtomicBool) -> usize {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("{id}-new{}", count % 7);
        let path = format!("/{above}/{name}");
        let mut ward = Ward::new(&path);
        let runtime = RUNTIMES[count % 3];
        record(root, &name, runtime, ward.pid(), ward.start, &path);
        for _ in 0..4 {
            crate::rig::breathe();
            ward.assert_untouched(&name);
        }
        for entry in fs::read_dir(root.join(&name)).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::remove_dir(root.join(&name)).unwrap();
        ward.end();
        count += 1;
    }
    count
}

/// Tells the others to stop, also when a round fails.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// So many rounds, with neighbours of their own.
fn play(rig: &Rig, lane: usize, rounds: usize) {
    let root = rig.scratch(&format!("root-{lane}"));
    fs::create_dir(&root).unwrap();
    let roots = Roots {
        state: vec![root.clone()],
        ..Roots::default()
    };
    let crowd = Crowd {
        root: &root,
        machine: Machine::new(&roots),
        above: format!("{}/lane{lane}", rig.prefix()),
        id: format!("{}x{lane}", rig.id()),
        kernel: LiveKernel::new(),
    };
    // Names that begin as the target's, and one that the target's begins as.
    let id = &crowd.id;
    let mut shorter = id.clone();
    shorter.pop();
    let names = [format!("{id}-1"), format!("{id}1"), shorter];
    let mut neighbours: Vec<Ward> = Vec::new();
    for (name, runtime) in names.iter().zip(RUNTIMES) {
        let ward = Ward::new(&crowd.path(name));
        record(
            &root,
            name,
            runtime,
            ward.pid(),
            ward.start,
            &crowd.path(name),
        );
        neighbours.push(ward);
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| come_and_go(&root, &crowd.above, id, &stop));
        let stopping = Stopping(&stop);
        for number in 0..rounds {
            let runtime = RUNTIMES[number % 3];
            let which = number / 3 % 3;
            let round = format!("lane {lane}, round {number}, {runtime}");
            let neighbour = &mut neighbours[which];
            match number / 9 % 8 {
                0 => crowd.plain(&round, runtime),
                1 => crowd.recycled(&round, runtime, neighbour),
                2 => crowd.recycled_without_cgroup(&round, runtime, neighbour),
                3 => crowd.shared(&round, runtime, neighbour, &crowd.path(&names[which])),
                4 => crowd.usurped(&round, runtime, neighbour, &crowd.path(&names[which])),
                5 => crowd.replaced(&round, runtime),
                6 => crowd.taken_over(&round, runtime),
                _ => crowd.torn(&round, runtime),
            }
            for neighbour in &mut neighbours {
                neighbour.assert_untouched(&round);
            }
        }
        drop(stopping);
        assert!(others.join().unwrap() > 0, "nobody came");
    });
    for neighbour in neighbours {
        neighbour.end();
    }
}

#[test]
fn a_thousand_teardowns_touch_nobody_else() {
    crate::rig::with(RuntimeKind::Runc, "a thousand teardowns", |rig| {
        // Where the machine is emulated, a tenth says as much.
        let rounds = if slowness() > 1 { ROUNDS / 10 } else { ROUNDS };
        std::thread::scope(|scope| {
            for lane in 0..2 {
                scope.spawn(move || play(rig, lane, rounds / 2));
            }
        });
    });
}

with_each_runtime! {
    fn ten_real_ones_among_neighbours_touch_no_other(rig: &Rig) {
        let id = rig.id();
        let names = [format!("{id}-1"), format!("{id}1")];
        for name in &names {
            rig.run(name);
        }
        let picture = |name: &String| {
            let dirs = rig.cgroups(name);
            let inodes: Vec<_> = dirs.iter().map(|dir| inode(dir)).collect();
            let starts: Vec<_> = rig.members(name).into_iter().map(|pid| (pid, start_of(pid))).collect();
            (inodes, starts)
        };
        until("all run", || names.iter().all(|name| rig.members(name).len() == 2));
        let before: Vec<_> = names.iter().map(picture).collect();
        for round in 0..10 {
            rig.run(&id);
            let beside = format!("{id}-new{round}");
            std::thread::scope(|scope| {
                // Made while the other is deleted, in the same parents.
                scope.spawn(|| rig.run(&beside));
                rig.ocitop(&["delete", "--force", &id]).ok();
            });
            rig.assert_gone(&id);
            assert_eq!(rig.status(&beside), "running");
            rig.ocitop(&["delete", "--force", &beside]).ok();
            assert_eq!(before, names.iter().map(picture).collect::<Vec<_>>(), "round {round}");
        }
    }
}
