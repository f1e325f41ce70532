//! What is told while work is done: whoever reads it or nobody, the work is done to its end.

use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::pty::{Pty, Setup};

const USER: u32 = 4242;

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// The end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

with_each_runtime! {
    fn a_delete_is_done_to_its_end_though_no_line_of_it_can_be_written(rig: &Rig) {
        let ends: [[fn() -> Stdio; 2]; 3] = [[full, full], [unread, unread], [full, unread]];
        for ends in ends {
            let web = &rig.id();
            rig.run(web);
            let mut delete = rig.ocitop_command(&["--log", "/dev/full", "delete", "-f", web]);
            delete.stdout(ends[0]()).stderr(ends[1]());
            assert_eq!(delete.status().unwrap().code(), Some(0));
            rig.assert_gone(web);
        }
    }
}

/// Root with the HOME of a user, who wants its log to be written elsewhere.
#[test]
fn root_with_a_users_home_writes_nothing_where_that_user_leads_it() {
    let dir = tempfile::Builder::new()
        .prefix("oct-home")
        .tempdir_in("/run")
        .unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in [
        "home",
        "home/.local",
        "home/.local/state",
        "elsewhere",
        "root",
    ] {
        fs::create_dir(at(name)).unwrap();
    }
    symlink(at("elsewhere"), at("home/.local/state/ocitop")).unwrap();
    for name in ["home", "home/.local", "home/.local/state"] {
        chown(at(name), Some(USER), Some(USER)).unwrap();
    }
    let old = at("elsewhere/ocitop.2020-01-01.log");
    for day in 1..=9 {
        let name = format!("elsewhere/ocitop.2020-01-0{day}.log");
        fs::write(at(&name), "").unwrap();
    }
    for remove in [
        "home/.local/state/ocitop",
        "home/.local/state",
        "home/.local",
    ] {
        Command::new(crate::rig::ocitop())
            .env_remove("XDG_STATE_HOME")
            .env("HOME", at("home"))
            .stdout(Stdio::null())
            .arg("--root")
            .arg(at("root"))
            .arg("list")
            .status()
            .unwrap();
        assert!(old.exists());
        assert_eq!(fs::read_dir(at("elsewhere")).unwrap().count(), 9);
        let gone = at(remove);
        let removed = if gone.is_symlink() {
            fs::remove_file(&gone)
        } else {
            fs::remove_dir(&gone)
        };
        removed.unwrap();
    }
    // Nothing was made there by root either.
    assert_eq!(fs::read_dir(at("home")).unwrap().count(), 0);
}

/// A file system without room for a byte, and the names of what was saved in it.
struct FullDisk(tempfile::TempDir);

impl FullDisk {
    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("oct-full")
            .tempdir_in("/run")
            .unwrap();
        let (flags, small) = (MountFlags::empty(), Some(c"size=4k,mode=755"));
        mount("ocitop-test", dir.path(), "tmpfs", flags, small).unwrap();
        fs::write(dir.path().join("filler"), [0; 4096]).unwrap();
        assert!(fs::write(dir.path().join("more"), "x").is_err());
        fs::remove_file(dir.path().join("more")).unwrap();
        Self(dir)
    }

    fn saved(&self) -> Vec<String> {
        let dirs = [self.0.path().to_owned(), self.0.path().join("ocitop")];
        let entries = dirs.iter().flat_map(fs::read_dir).flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("ocitop-")).collect()
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        unmount(self.0.path(), UnmountFlags::DETACH).ok();
    }
}

#[test]
fn a_save_on_a_full_disk_leaves_no_empty_file() {
    let full = FullDisk::new();
    let dir = full.0.path().display();
    let script = format!("cd {dir}; export XDG_STATE_HOME={dir}; exec \"$@\"");
    let setup = Setup::default().container("web");
    let mut pty = Pty::start(setup.by(&["sh", "-c", &script, "sh"]));
    pty.sees("web");
    pty.press("i");
    pty.sees("state.json");
    pty.press("\u{13}");
    pty.press("\u{1b}");
    pty.sees("No space left");
    assert_eq!(full.saved(), Vec::<String>::new());
    pty.press("q");
    assert_eq!(pty.ends(), 0);
}
