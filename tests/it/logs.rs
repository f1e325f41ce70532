//! The log file and what is saved: in directories of the user's own, for that user alone, and no link
//! followed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ocitop::kernel::own_dir::{NotOwn, OwnDir};
use ocitop::kernel::way::Foreign;

use crate::support::machine::protect;

/// A place for the state of a user.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        Self(dir)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// A command that fails, and logs that.
    fn logs(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocitop"));
        let ended = command
            .env("XDG_STATE_HOME", self.at("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .arg("--root")
            .arg(self.at("root"))
            .args(["delete", "nobody"])
            .status();
        assert_eq!(ended.unwrap().code(), Some(1));
    }

    /// Where the log goes, today.
    fn log(&self) -> PathBuf {
        let dir = self.at("state/ocitop");
        let mut names = fs::read_dir(&dir).unwrap().flatten();
        let name = names.next().unwrap().file_name();
        dir.join(name)
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_log_is_for_its_user_alone() {
    let home = Home::new();
    home.logs();
    assert_eq!(mode(&home.at("state")), 0o700);
    assert_eq!(mode(&home.at("state/ocitop")), 0o700);
    assert_eq!(mode(&home.log()), 0o600);
    // One that an earlier ocitop made is put right.
    protect(&home.log(), 0o644);
    home.logs();
    assert_eq!(mode(&home.log()), 0o600);
    let text = fs::read_to_string(home.log()).unwrap();
    assert_eq!(text.matches("nobody").count(), 2, "{text}");
}

#[test]
fn a_link_in_place_of_the_log_is_not_followed() {
    let home = Home::new();
    home.logs();
    let (log, elsewhere) = (home.log(), home.at("elsewhere"));
    fs::write(&elsewhere, "").unwrap();
    for link in [symlink, fs::hard_link] as [fn(PathBuf, PathBuf) -> std::io::Result<()>; 2] {
        fs::remove_file(&log).unwrap();
        link(elsewhere.clone(), log.clone()).unwrap();
        home.logs();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
    }
}

#[test]
fn a_directory_that_others_can_write_is_not_used() {
    let home = Home::new();
    fs::create_dir(home.at("open")).unwrap();
    protect(&home.at("open"), 0o777);
    let error = OwnDir::make(&home.at("open/ocitop")).unwrap_err();
    let why = error.downcast::<NotOwn>().unwrap();
    assert_eq!(
        why,
        NotOwn::Foreign(Foreign::Writable(home.at("open").display().to_string()))
    );
    assert!(!home.at("open/ocitop").exists());
}

#[test]
fn the_logs_of_a_week_are_kept() {
    let home = Home::new();
    home.logs();
    for day in 10..20 {
        let name = format!("ocitop.2020-01-{day}.log");
        fs::write(home.at("state/ocitop").join(name), "").unwrap();
    }
    let mine = home.at("state/ocitop/ocitop.notes.log");
    fs::write(&mine, "").unwrap();
    home.logs();
    let names = fs::read_dir(home.at("state/ocitop")).unwrap();
    assert_eq!(names.count(), 8);
    assert!(mine.exists());
}
