//! Hostile entries of a state root that only root can make: devices, mounts, roots of other users.
//! The others are in `tests/it/hostile.rs`.

#[path = "../it/hostile/canary.rs"]
mod canary;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use canary::{make, picture, same};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::{Stranger, skip};

/// A user who is not root.
const NOBODY: u32 = 65534;

/// A state root with one entry `x`, and a canary beside it.
struct Place {
    dir: TempDir,
}

impl Place {
    /// One, or a loud skip.
    fn new(name: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip(name, "needs root");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("och").tempdir().unwrap();
        make(&dir.path().join("canary"));
        fs::create_dir_all(dir.path().join("root/x")).unwrap();
        Some(Self { dir })
    }

    fn canary(&self) -> PathBuf {
        self.dir.path().join("canary")
    }

    fn entry(&self, file: &str) -> PathBuf {
        self.dir.path().join("root/x").join(file)
    }

    /// A good `status` of crun, with these fields changed.
    fn crun(&self, change: &Value) {
        let mut status = json!({
            "pid": 0, "process-start-time": 7, "cgroup-path": "/ocitop-nowhere", "scope": "",
            "rootfs": "rootfs", "systemd-cgroup": false, "bundle": "/bundle", "owner": "root",
            "created": "2023-11-14T23:00:00Z", "detached": true,
        });
        for (key, value) in change.as_object().unwrap() {
            status[key] = value.clone();
        }
        fs::write(self.entry("status"), status.to_string()).unwrap();
        fs::write(self.entry("config.json"), "{}").unwrap();
    }

    /// Runs ocitop under a deadline: exit code and all that it said.
    fn ocitop(&self, args: &[&str]) -> (i32, String) {
        let output = Command::new("timeout")
            .args([
                "-s",
                "KILL",
                "30",
                env!("CARGO_BIN_EXE_ocitop"),
                "--timeout",
                "2",
                "--root",
            ])
            .arg(self.dir.path().join("root"))
            .args(args)
            .env("XDG_STATE_HOME", self.dir.path().join("log"))
            .output()
            .unwrap();
        let code = output.status.code().unwrap_or(-1);
        assert!(matches!(code, 0 | 1), "{args:?}: {code} {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        (code, said + &String::from_utf8(output.stderr).unwrap())
    }

    /// Lists, looks and deletes by force; the words that `list` and `delete` said. The canary is
    /// as it was.
    fn delete(&self) -> (String, i32, String) {
        let before = picture(&[self.canary()]);
        let (_, listed) = self.ocitop(&["list", "-f", "json"]);
        self.ocitop(&["state", "x"]);
        self.ocitop(&["delete", "--dry-run", "-f", "x"]);
        let (code, said) = self.ocitop(&["delete", "-f", "x"]);
        same(&before, &picture(&[self.canary()]), "the canary").unwrap();
        (listed, code, said)
    }

    #[track_caller]
    fn assert_deleted(&self) {
        let (_, code, said) = self.delete();
        assert_eq!(code, 0, "{said}");
        assert!(!self.dir.path().join("root/x").exists(), "{said}");
    }
}

impl Drop for Place {
    /// What is still mounted below would be emptied with the directory.
    fn drop(&mut self) {
        let top = fs::canonicalize(self.dir.path()).unwrap();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        for point in points.filter(|point| Path::new(point).starts_with(&top)) {
            unmount(point, UnmountFlags::DETACH).unwrap();
        }
    }
}

fn device(path: &Path, kind: FileType, number: (u32, u32)) {
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, path, kind, mode, makedev(number.0, number.1)).unwrap();
}

fn tmpfs(at: &Path) {
    fs::create_dir_all(at).unwrap();
    mount("ocitop-test", at, "tmpfs", MountFlags::empty(), None).unwrap();
}

#[test]
fn a_device_is_not_read() {
    // Of null, zero and a disk that no host has: zero would never end.
    for (kind, number) in [
        (FileType::CharacterDevice, (1, 3)),
        (FileType::CharacterDevice, (1, 5)),
        (FileType::BlockDevice, (7, 255)),
    ] {
        for file in ["state.json", "status"] {
            let Some(place) = Place::new("a device for a state file") else {
                return;
            };
            device(&place.entry(file), kind, number);
            let (_, listed) = place.ocitop(&["list", "-f", "json"]);
            assert!(listed.contains("broken"), "{listed}");
            place.assert_deleted();
        }
    }
}

#[test]
fn a_device_for_a_container_is_no_container() {
    let Some(place) = Place::new("a device for a container") else {
        return;
    };
    let dir = place.dir.path().join("root/x");
    fs::remove_dir(&dir).unwrap();
    device(&dir, FileType::CharacterDevice, (1, 5));
    let (listed, code, said) = place.delete();
    assert!(listed.contains("is a device"), "{listed}");
    assert!(code == 1 && said.contains("is a device"), "{said}");
    assert!(dir.exists());
}

#[test]
fn a_root_that_is_a_mount_where_others_can_make_one_is_named_and_not_entered() {
    let Some(mut place) = Place::new("a mount for a root") else {
        return;
    };
    // Where users lay out directories; `TMPDIR` may be elsewhere.
    let dir = tempfile::Builder::new().prefix("och").tempdir_in("/tmp");
    place.dir = dir.unwrap();
    make(&place.canary());
    let root = place.dir.path().join("root");
    tmpfs(&root);
    fs::create_dir(root.join("x")).unwrap();
    let (listed, code, said) = place.delete();
    let words = format!(
        "{} is a mount that others could have made; not entered",
        root.display()
    );
    assert!(listed.contains(&words), "{listed}");
    assert!(code == 1 && said.contains(&words), "{said}");
    assert!(root.join("x").exists());
}

#[test]
fn a_mount_inside_is_detached_not_entered() {
    let Some(place) = Place::new("a mount inside") else {
        return;
    };
    place.crun(&json!({}));
    let at = place.entry("deep/mnt");
    tmpfs(&at);
    fs::write(at.join("kept"), "kept").unwrap();
    // A file held open keeps the mount busy, and shows what became of it.
    let mut held = fs::File::open(at.join("kept")).unwrap();
    place.assert_deleted();
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "kept");
    assert_eq!(held.metadata().unwrap().nlink(), 1, "removed in the mount");
}

#[test]
fn mounts_on_mounts_and_on_files_are_detached() {
    let Some(place) = Place::new("mounts on mounts") else {
        return;
    };
    place.crun(&json!({}));
    let at = place.entry("mnt");
    tmpfs(&at);
    tmpfs(&at);
    tmpfs(&at.join("in"));
    fs::write(place.entry("file"), "").unwrap();
    mount_bind(place.canary().join("precious"), place.entry("file")).unwrap();
    fs::create_dir(place.entry("bound")).unwrap();
    mount_bind(place.canary(), place.entry("bound")).unwrap();
    place.assert_deleted();
}

#[test]
fn a_state_file_that_is_a_mount_is_not_read() {
    let Some(place) = Place::new("a mount for a state file") else {
        return;
    };
    fs::write(place.entry("status"), "").unwrap();
    mount_bind(place.canary().join("precious"), place.entry("status")).unwrap();
    let (_, listed) = place.ocitop(&["list", "-f", "json"]);
    assert!(listed.contains("broken"), "{listed}");
    place.assert_deleted();
}

#[test]
fn a_container_that_is_a_mount_is_left_alone() {
    let Some(place) = Place::new("a mount for a container") else {
        return;
    };
    let dir = place.dir.path().join("root/x");
    mount_bind(place.canary(), &dir).unwrap();
    let (listed, code, said) = place.delete();
    assert!(listed.contains("broken"), "{listed}");
    assert_eq!(code, 1, "{said}");
}

#[test]
fn a_program_that_another_user_names_is_not_run() {
    for foreign in ["", "status", "config.json", "hook"] {
        let Some(place) = Place::new("a hook of another user") else {
            return;
        };
        place.crun(&json!({}));
        let hook = place.dir.path().join("hook");
        let mark = place.canary().join("mark");
        fs::write(&hook, format!("#!/bin/sh\n: > {}\n", mark.display())).unwrap();
        Command::new("chmod")
            .arg("755")
            .arg(&hook)
            .status()
            .unwrap();
        let config = json!({"hooks": {"poststop": [{"path": hook}]}});
        fs::write(place.entry("config.json"), config.to_string()).unwrap();
        let path = if foreign == "hook" {
            hook
        } else {
            place.entry(foreign)
        };
        chown(&path, Some(NOBODY), None).unwrap();
        let (_, code, said) = place.delete();
        assert!(
            code == 1 && said.contains("65534") && said.contains("--no-hooks"),
            "{said}"
        );
        assert!(place.entry("status").exists(), "{said}");
        let (code, said) = place.ocitop(&["--no-hooks", "delete", "-f", "x"]);
        assert!(code == 0 && !mark.exists(), "{said}");
    }
}

#[test]
fn a_process_that_another_user_names_is_not_killed() {
    let Some(place) = Place::new("a process named by another user") else {
        return;
    };
    let mut stranger = Stranger::new();
    let bytes = fs::read(format!("/proc/{}/stat", stranger.pid())).unwrap();
    let start = ocitop::process::ProcStat::parse(&bytes).unwrap().start_time;
    place.crun(&json!({"pid": stranger.pid(), "process-start-time": start}));
    chown(place.entry(""), Some(NOBODY), None).unwrap();
    let (_, code, said) = place.delete();
    assert!(code == 1 && said.contains("65534"), "{said}");
    assert!(stranger.is_alive());
    assert!(place.entry("status").exists());
}

#[test]
fn a_link_to_a_device_or_to_proc_is_not_followed() {
    for target in [
        "/dev/zero",
        "/proc/self/mem",
        "/proc/1/environ",
        "/proc/self/root",
    ] {
        let Some(place) = Place::new("a link to a device") else {
            return;
        };
        symlink(target, place.entry("state.json")).unwrap();
        let (_, listed) = place.ocitop(&["list", "-f", "json"]);
        assert!(listed.contains("broken"), "{listed}");
        place.assert_deleted();
    }
}
