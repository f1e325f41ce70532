//! Whose a container is: another user's, an engine's that has left it, or not for the asking user.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use serde_json::json;

use super::beside::with;
use super::diagnose;
use crate::rig::{Spec, skip};

/// `nobody`
const USER: u32 = 65534;

#[test]
fn its_record_is_another_users() {
    with("a foreign record", |rig| {
        let id = rig.id();
        rig.run(&id);
        chown(rig.state_dir(&id), Some(USER), Some(USER)).unwrap();
        chown(rig.state_file(&id), Some(USER), Some(USER)).unwrap();
        let said = diagnose(rig, &id);
        assert_eq!(said.one("foreign")["uid"], USER);
    });
}

#[test]
fn its_engine_has_left_it() {
    with("no conmon", |rig| {
        let id = rig.id();
        let spec = Spec {
            annotations: json!({"io.container.manager": "libpod"}),
            ..Spec::default()
        };
        rig.run_with(&id, &spec);
        let said = diagnose(rig, &id);
        let finding = said.one("abandoned");
        assert_eq!(finding["manager"], "podman");
        said.offers(finding, "podman rm");
        assert!(said.all("managed").is_empty());
    });
}

#[test]
fn who_is_not_root_is_told_so() {
    with("not root", |rig| {
        if !std::path::Path::new("/usr/bin/setpriv").exists() {
            return skip("not root", "no setpriv");
        }
        let id = rig.id();
        rig.run(&id);
        // A root that anybody may read, and a program that anybody may run.
        let dir = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/run")
            .unwrap();
        let open = |path: &std::path::Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        open(dir.path(), 0o755);
        let home = dir.path().join("root").join(&id);
        fs::create_dir_all(&home).unwrap();
        let log = dir.path().join("log");
        fs::create_dir(&log).unwrap();
        chown(&log, Some(USER), Some(USER)).unwrap();
        let record = home.join("state.json");
        fs::copy(rig.state_file(&id), &record).unwrap();
        let program = dir.path().join("ocitop");
        fs::copy(crate::rig::ocitop(), &program).unwrap();
        for path in [dir.path().join("root"), home, program.clone()] {
            open(&path, 0o755);
        }
        open(&record, 0o644);
        let mut command = Command::new("setpriv");
        let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
        command.args(ids).arg("--clear-groups").arg(program);
        command.env("XDG_STATE_HOME", log).arg("--root");
        command.arg(dir.path().join("root"));
        command.args(["diagnose", "-f", "json", &id]);
        let ended = rig.finish(command).ok();
        let json = ended.json();
        let mut causes = json["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["cause"]);
        assert!(causes.any(|cause| cause == "not-root"), "{ended:#?}");
    });
}
