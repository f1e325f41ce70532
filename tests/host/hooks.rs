//! Hooks of real containers, and what remembers that they ran.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use rustix::fs::{Gid, Uid};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::delete::assert_deleted;
use crate::pty::{Pty, Setup};
use crate::rig::{Ended, Rig, Spec, process_state, skip, start_of, until};
use crate::torture::fuse::Fuse;

/// A poststop hook that adds a line to a file, then does this.
fn counting(rig: &Rig, then: &str) -> Spec {
    let script = format!("echo ran >> {}; {then}", rig.scratch("told").display());
    Spec {
        hooks: json!({"poststop": [
            {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]},
        ]}),
        ..Spec::default()
    }
}

fn told(rig: &Rig) -> String {
    fs::read_to_string(rig.scratch("told")).unwrap_or_default()
}

/// A state root on a small file system of its own, with the record of a container in it.
struct Small {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Small {
    /// As many inodes as the record needs, and `spare` more.
    fn with(rig: &Rig, id: &str, spare: usize) -> Self {
        // Below /tmp, which anybody may lay out, no mount is crossed at all.
        let dir = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/run")
            .unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let flags = MountFlags::empty();
        let small = Some(c"size=4m,nr_inodes=64,mode=755");
        mount("ocitop-test", &root, "tmpfs", flags, small).unwrap();
        fs::create_dir(root.join(id)).unwrap();
        for entry in fs::read_dir(rig.state_dir(id)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), root.join(id).join(entry.file_name())).unwrap();
            }
        }
        let mut fillers = 0;
        while fs::write(root.join(format!(".{fillers}")), "").is_ok() {
            fillers += 1;
        }
        for filler in 0..spare {
            fs::remove_file(root.join(format!(".{filler}"))).unwrap();
        }
        Self { _dir: dir, root }
    }

    fn remount(&self, flags: MountFlags) {
        mount_remount(&self.root, flags, "").unwrap();
    }

    fn ocitop(&self, rig: &Rig, args: &[&str]) -> Ended {
        let mut command = Command::new(crate::rig::ocitop());
        command.env("XDG_STATE_HOME", rig.scratch("log"));
        command.arg("--root").arg(&self.root).args(args);
        rig.finish(command)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        unmount(&self.root, UnmountFlags::DETACH).ok();
    }
}

/// Has something start where fewer files may be open than could be; and how many. The limit is of this
/// process with all its tests.
fn with_less_files<T>(start: impl FnOnce() -> T) -> (T, u64) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = getrlimit(Resource::Nofile);
    let current = before.maximum.unwrap_or(1 << 20) - 1000;
    let less = Rlimit {
        current: Some(current),
        ..before
    };
    setrlimit(Resource::Nofile, less).unwrap();
    let started = start();
    setrlimit(Resource::Nofile, before).unwrap();
    (started, current)
}

with_each_runtime! {
    fn a_hook_that_cannot_be_remembered_is_refused_before_anything_is_changed(rig: &Rig) {
        let web = &rig.id();
        rig.run_with(web, &counting(rig, "cat > /dev/null"));
        let (init, start) = (rig.pid(web), start_of(rig.pid(web)));
        let small = Small::with(rig, web, 0);
        let refused = |words| {
            for args in [&["delete", "-f", web][..], &["delete", "-f", "--dry-run", web]] {
                let ended = small.ocitop(rig, args);
                assert_eq!(ended.code, 1, "{ended:#?}");
                assert!(ended.stderr.contains(words), "{words}: {ended:#?}");
                assert!(ended.stderr.contains("--no-hooks"), "{ended:#?}");
            }
            assert_eq!(start_of(init), start, "it was killed");
        };
        refused("no inode left");
        small.remount(MountFlags::RDONLY);
        refused("read-only file system");
        small.remount(MountFlags::empty());
        refused("no inode left");
        fs::remove_file(small.root.join(".1")).unwrap();
        small.ocitop(rig, &["delete", "-f", web]).ok();
        assert_eq!(told(rig), "ran\n");
        assert_eq!(start_of(init), None);
    }

    fn a_hook_runs_once_where_it_leaves_no_inode_and_kills_ocitop(rig: &Rig) {
        let web = &rig.id();
        rig.run_with(web, &counting(rig, "kill -KILL $PPID"));
        let small = Small::with(rig, web, 1);
        assert_eq!(small.ocitop(rig, &["delete", "-f", web]).code, -1);
        assert!(fs::write(small.root.join("one"), "").is_err(), "there is room");
        let ended = small.ocitop(rig, &["delete", "-f", web]).ok();
        assert!(ended.stdout.contains("at most once"), "{ended:#?}");
        assert_eq!(told(rig), "ran\n");
    }

    fn without_its_hooks_a_container_goes_from_a_full_root(rig: &Rig) {
        let web = &rig.id();
        rig.run_with(web, &counting(rig, "cat > /dev/null"));
        let small = Small::with(rig, web, 0);
        small.ocitop(rig, &["--no-hooks", "delete", "-f", web]).ok();
        assert_eq!(told(rig), "");
        assert!(!small.root.join(web).exists());
    }

    fn a_hook_that_kills_ocitop_has_run_once_when_the_next_delete_is_done(rig: &Rig) {
        let web = &rig.id();
        rig.run_with(web, &counting(rig, "kill -KILL $PPID"));
        assert_eq!(rig.ocitop(&["delete", "-f", web]).code, -1);
        assert!(rig.state_dir(web).exists());
        let ended = assert_deleted(rig, web);
        assert!(ended.stdout.contains("at most once"), "{ended:#?}");
        assert_eq!(told(rig), "ran\n");
    }

    fn what_remembers_hooks_is_nothing_to_the_runtime(rig: &Rig) {
        let web = &rig.id();
        // It reads its state: crun is killed by SIGPIPE where nobody does.
        rig.run_with(web, &counting(rig, "cat > /dev/null"));
        fs::write(rig.state_dir(web).join(".ocitop-poststop-1"), "").unwrap();
        assert_eq!(rig.status(web), "running");
        assert_eq!(rig.listed(), [web.as_str()]);
        rig.kill_init(web);
        rig.runtime(&["delete", web]).ok();
        rig.assert_gone(web);
    }

    fn a_hook_that_anybody_can_write_refuses_before_anything_is_changed(rig: &Rig) {
        let web = &rig.id();
        let program = rig.scratch("hook");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let hooks = json!({"poststop": [{"path": program}]});
        rig.run_with(web, &Spec { hooks, ..Spec::default() });
        fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
        rig.ocitop(&["delete", "-f", web]).refused(1, "--no-hooks");
        assert_eq!(rig.status(web), "running");
        rig.ocitop(&["--no-hooks", "delete", "-f", web]).ok();
        rig.assert_gone(web);
    }

    fn much_output_of_a_hook_is_cut_and_escaped(rig: &Rig) {
        let web = &rig.id();
        let loud = "head -c 10000000 /dev/zero | tr '\\0' '\\033'; echo the reason; exit 3";
        rig.run_with(web, &counting(rig, loud));
        let ended = assert_deleted(rig, web);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("WARN") && said.contains("the reason"), "{said}");
        assert!(!said.contains('\u{1b}') && said.len() < 20_000, "{}", said.len());
    }

    fn a_hook_gets_the_limit_of_open_files_that_the_screen_was_started_with(rig: &Rig) {
        let web = &rig.id();
        let tell = format!("ulimit -n >> {}", rig.scratch("told").display());
        rig.run_with(web, &counting(rig, &tell));
        rig.kill_init(web);
        let (mut pty, started) = with_less_files(|| {
            let mut pty = Pty::start(Setup::real(rig.root()));
            pty.sees("stopped");
            pty
        });
        pty.press("D");
        pty.confirm("y", "done");
        assert_eq!(told(rig), format!("ran\n{started}\n"));
        pty.press("q");
        assert_eq!(pty.ends(), 0);
    }

    fn a_daemon_that_a_hook_leaves_is_not_waited_for(rig: &Rig) {
        let web = &rig.id();
        let pid = rig.scratch("pid");
        rig.run_with(web, &counting(rig, &format!("sleep 3000 & echo $! > {}", pid.display())));
        assert_deleted(rig, web);
        let pid = fs::read_to_string(pid).unwrap();
        crate::rig::kill(pid.trim().parse().unwrap());
    }
}

/// A state root below `/run` with the record of a stopped container whose poststop hook anybody can
/// make: in a sticky directory.
struct Sticky {
    dir: tempfile::TempDir,
}

impl Sticky {
    const ID: &str = "ocitop-sticky";

    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("oct-sticky")
            .tempdir_in("/run")
            .unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let sticky = Self { dir };
        fs::create_dir_all(sticky.open()).unwrap();
        fs::set_permissions(sticky.open(), fs::Permissions::from_mode(0o1777)).unwrap();
        sticky
    }

    fn open(&self) -> PathBuf {
        self.dir.path().join("open")
    }

    /// The record, as if nothing had been deleted.
    fn record(&self) {
        self.record_with(&json!({"path": self.open().join("hook"), "args": ["hook"]}));
    }

    fn record_with(&self, hook: &serde_json::Value) {
        let state = self.dir.path().join("root").join(Self::ID);
        fs::create_dir_all(&state).unwrap();
        let record = json!({
            "id": Self::ID, "init_process_pid": 999_999, "init_process_start": 1,
            "created": "2026-01-01T00:00:00Z", "cgroup_paths": {},
            "config": {"labels": ["bundle=/x"], "Hooks": {"poststop": [hook]}},
        });
        fs::write(state.join("state.json"), record.to_string()).unwrap();
    }

    /// A user makes the hook and takes it away, again and again, until told to stop.
    fn made_and_taken_away(&self, stop: &AtomicBool) {
        let own = self.open().join("own");
        let script = format!("#!/bin/sh\nid > {}/proof\n", self.open().display());
        fs::write(&own, script).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::chown(&own, Some(4242), Some(4242)).unwrap();
        // Of this thread alone.
        let (uid, gid) = (Uid::from_raw(4242), Gid::from_raw(4242));
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        let hook = self.open().join("hook");
        while !stop.load(Ordering::Relaxed) {
            fs::hard_link(&own, &hook).unwrap();
            fs::remove_file(&hook).unwrap();
        }
    }
}

/// Tells whoever waits for it to stop, once it goes.
struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_hook_that_a_user_makes_at_the_right_moment_is_never_run() {
    let sticky = Sticky::new();
    let root = sticky.dir.path().join("root");
    let stop = AtomicBool::new(false);
    let (mut refused, mut run) = (0, 0);
    std::thread::scope(|scope| {
        // Also where a round fails.
        let _stopped = Stopped(&stop);
        scope.spawn(|| sticky.made_and_taken_away(&stop));
        for _ in 0..300 {
            sticky.record();
            let ended = Command::new(crate::rig::ocitop())
                .arg("--root")
                .arg(&root)
                .args(["delete", Sticky::ID])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            refused += usize::from(said.contains("hook not run"));
            let proof = sticky.open().join("proof");
            run += usize::from(proof.exists());
            fs::remove_file(proof).ok();
        }
    });
    assert_eq!((run, refused), (0, 300));
}

/// A cgroup of the v1 freezer; thawed and removed with the value.
struct Frozen(PathBuf);

impl Frozen {
    fn new(name: &str) -> Option<Self> {
        let top = Path::new("/sys/fs/cgroup/freezer");
        top.join("cgroup.procs").exists().then(|| {
            let dir = top.join(name);
            fs::create_dir(&dir).unwrap();
            Self(dir)
        })
    }

    fn pids(&self) -> String {
        fs::read_to_string(self.0.join("cgroup.procs")).unwrap()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        fs::write(self.0.join("freezer.state"), "THAWED").ok();
        crate::rig::until("the frozen ones die", || self.pids().is_empty());
        fs::remove_dir(&self.0).ok();
    }
}

#[test]
fn a_hook_that_is_frozen_is_not_waited_for_and_said_to_live() {
    let name = format!("oc-hooks-{}", std::process::id());
    let Some(frozen) = Frozen::new(&name) else {
        let name = "a_hook_that_is_frozen_is_not_waited_for_and_said_to_live";
        return crate::rig::not_here(name, "it needs the v1 freezer");
    };
    let closed = Sticky::new();
    let dir = frozen.0.display();
    let script =
        format!("echo $$ > {dir}/cgroup.procs; echo FROZEN > {dir}/freezer.state; sleep 60");
    closed.record_with(&json!({
        "path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 1_000_000_000,
    }));
    let start = std::time::Instant::now();
    let ended = Command::new(crate::rig::ocitop())
        .arg("--root")
        .arg(closed.dir.path().join("root"))
        .args(["delete", Sticky::ID])
        .output()
        .unwrap();
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let pid = frozen.pids();
    let words = format!("killed, and not dead yet: pid {} is frozen", pid.trim());
    assert!(said.contains("WARN") && said.contains(&words), "{said}");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn a_hook_that_hangs_in_the_kernel_is_not_waited_for_and_said_to_live() {
    let name = "a_hook_that_hangs_in_the_kernel_is_not_waited_for_and_said_to_live";
    let closed = Sticky::new();
    let Some(fuse) = Fuse::mount(closed.dir.path().join("fuse")) else {
        return skip(name, "needs /dev/fuse");
    };
    // A kill does not end the read: it has been sent to a server that does not answer.
    let (pid_file, hang) = (closed.dir.path().join("pid"), fuse.dir().join("hang"));
    let script = format!(
        "echo $$ > {}; exec cat {}",
        pid_file.display(),
        hang.display()
    );
    closed.record_with(&json!({
        "path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 1_000_000_000,
    }));
    let mut ocitop = Command::new(crate::rig::ocitop())
        .arg("--root")
        .arg(closed.dir.path().join("root"))
        .args(["delete", Sticky::ID])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until("it ends, though its hook does not", || {
        ocitop.try_wait().unwrap().is_some()
    });
    let pid: i32 = fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(process_state(pid), Some('D'));
    let ended = ocitop.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let words = format!("killed, and not dead yet: pid {pid} is frozen or hangs in the kernel");
    assert!(said.contains("WARN") && said.contains(&words), "{said}");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    drop(fuse);
    until("its hook ends with the file system", || {
        process_state(pid).is_none()
    });
}
