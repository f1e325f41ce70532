//! As an ordinary user, of real containers: whose they are cannot be read, so they are nobody's
//! leftovers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use super::{age, id64};
use crate::rig::{Ended, Rig, Spec, ocitop, skip, tops};

const NOBODY: u32 = 65_534;

/// Two containers named as docker names its own, and what they are within.
fn docker_like(rig: &Rig) -> Vec<PathBuf> {
    for number in 0..2 {
        let path = format!("docker/{}", id64(rig, 7, number));
        let id = format!("live-{number}");
        let bundle = rig.bundle_in(&id, &path, &Spec::default());
        let bundle = bundle.to_str().unwrap();
        rig.runtime(&["run", "-d", "-b", bundle, &id]).ok();
    }
    let own = tops().into_iter().map(|top| top.join(rig.prefix()));
    let own: Vec<PathBuf> = own.filter(|dir| dir.is_dir()).collect();
    for dir in &own {
        age(dir);
    }
    own
}

fn asked(rig: &Rig, command: &mut Command, own: &[PathBuf], words: &[&str]) -> Ended {
    command.env("XDG_STATE_HOME", "/nowhere");
    command.arg("--root").arg(rig.root());
    command.arg("leftovers").args(words);
    for dir in own {
        command.arg("--within").arg(dir);
    }
    let mut taken = Command::new("true");
    std::mem::swap(command, &mut taken);
    rig.finish(taken)
}

/// That every one found is unknown, that what was not read is said, and that this is no success.
#[track_caller]
fn all_unknown(ended: &Ended, found: usize, unread: &str) {
    let list = ended.json();
    let list: Vec<&Value> = list.as_array().unwrap().iter().collect();
    assert_eq!(list.len(), found, "{list:#?}");
    for one in list {
        assert_eq!(one["confidence"], "unknown", "{one:#}");
    }
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains(unread), "{}", ended.stderr);
}

#[test]
fn an_ordinary_user_is_told_of_no_live_container_as_a_likely_leftover() {
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip("unprivileged leftovers", &reason),
    };
    if crate::rig::by_systemd() {
        return skip("unprivileged leftovers", "named by the cgroupfs driver");
    }
    let own = docker_like(&rig);
    // Where every user may run it, wherever it was built.
    let dir = tempfile::Builder::new()
        .prefix("oct")
        .tempdir_in("/run")
        .unwrap();
    let program = dir.path().join("ocitop");
    fs::copy(ocitop(), &program).unwrap();
    for path in [dir.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(&program);
    command.uid(NOBODY).gid(NOBODY);
    let ended = asked(&rig, &mut command, &own, &["-f", "json", "--all"]);
    all_unknown(&ended, 2, "Permission denied");
    let mut command = Command::new(&program);
    command.uid(NOBODY).gid(NOBODY);
    let ended = asked(&rig, &mut command, &own, &["clean", "--yes"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("not all could be judged"),
        "{ended:?}"
    );
    for id in ["live-0", "live-1"] {
        assert_eq!(rig.status(id), "running");
    }
}
