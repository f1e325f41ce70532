//! Containers of the systemd driver. Run where systemd is pid 1, with `OCITOP_TEST_DRIVER=systemd`:
//! the other tests then make their containers in scopes too.

use std::process::{Command, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::json;

use crate::delete::assert_deleted;
use crate::rig::{Rig, Spec, by_systemd, skip, until};

/// What systemd says of a unit: `active`, `failed`, `inactive` (also if it knows none).
pub(crate) fn active_state(unit: &str) -> String {
    let output = Command::new("systemctl")
        .args(["show", "--value", "-p", "ActiveState", unit])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether systemd has the unit in memory at all.
pub(crate) fn is_known(unit: &str) -> bool {
    let output = Command::new("systemctl")
        .args(["list-units", "--all", "--plain", "--no-legend", unit])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().contains(unit)
}

/// Runs `id` in a scope that systemd ends and keeps as failed; its name.
fn failed(rig: &Rig, id: &str) -> String {
    let spec = Spec {
        annotations: json!({
            "org.systemd.property.RuntimeMaxUSec": "uint64 20000000",
            "org.systemd.property.TimeoutStopUSec": "uint64 1000000",
        }),
        ..Spec::default()
    };
    rig.run_with(id, &spec);
    let unit = rig.scope(id);
    until("the scope has failed", || active_state(&unit) == "failed");
    unit
}

with_each_runtime! {
    fn a_scope_goes_with_its_container(rig: &Rig) {
        if !by_systemd() {
            return skip("a_scope_goes_with_its_container", "needs the systemd driver");
        }
        let web = &rig.id();
        rig.run(web);
        let unit = rig.scope(web);
        assert_eq!(active_state(&unit), "active");
        let ended = assert_deleted(rig, web);
        assert!(ended.stdout.contains("unit"), "{ended:#?}");
        assert!(!ended.stdout.contains("WARN"), "{ended:#?}");
        assert!(!is_known(&unit), "{ended:#?}");
    }

    fn without_a_message_bus_systemd_is_asked_by_its_own_command(rig: &Rig) {
        if !by_systemd() {
            let name = "without_a_message_bus_systemd_is_asked_by_its_own_command";
            return skip(name, "needs the systemd driver");
        }
        if rig.kind == RuntimeKind::Youki {
            return; // It hands no properties on to systemd.
        }
        let web = &rig.id();
        let unit = failed(rig, web);
        let mut delete = rig.ocitop_command(&["delete", "--force", web]);
        delete.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
        let ended = rig.finish(delete).ok();
        assert!(!ended.stdout.contains("WARN"), "{ended:#?}");
        assert!(!is_known(&unit), "{ended:#?}");
        rig.assert_gone(web);
    }

    fn a_scope_that_failed_is_named_and_forgotten(rig: &Rig) {
        if !by_systemd() {
            return skip("a_scope_that_failed_is_named_and_forgotten", "needs the systemd driver");
        }
        if rig.kind == RuntimeKind::Youki {
            return; // It hands no properties on to systemd.
        }
        let web = &rig.id();
        let unit = failed(rig, web);
        let json = rig.ocitop(&["diagnose", "-f", "json", web]).ok().json();
        let findings = json["findings"].as_array().unwrap().iter();
        let mut said = findings.filter(|finding| finding["cause"] == "unit-failed");
        let said = said.next().unwrap_or_else(|| panic!("{json:#}"));
        assert_eq!(said["unit"], unit);
        let command = format!("systemctl reset-failed {unit}");
        assert_eq!(said["remedies"][0]["command"], command);
        assert_deleted(rig, web);
        assert!(!is_known(&unit));
    }

    fn a_scope_that_is_gone_while_the_container_lives_is_not_fine(rig: &Rig) {
        if !by_systemd() {
            let name = "a_scope_that_is_gone_while_the_container_lives_is_not_fine";
            return skip(name, "needs the systemd driver");
        }
        let web = &rig.id();
        rig.run(web);
        let unit = rig.scope(web);
        let elsewhere = rig.cgroup(web, "").parent().unwrap().join("elsewhere");
        std::fs::create_dir_all(&elsewhere).unwrap();
        for pid in rig.members(web) {
            std::fs::write(elsewhere.join("cgroup.procs"), pid.to_string()).unwrap();
        }
        until("systemd lets the scope go", || !is_known(&unit));
        let json = rig.ocitop(&["diagnose", "-f", "json", web]).ok().json();
        let findings = json["findings"].as_array().unwrap().iter();
        let mut said = findings.filter(|finding| finding["cause"] == "unit-gone");
        let said = said.next().unwrap_or_else(|| panic!("{json:#}"));
        assert_eq!(said["unit"], unit);
        let mut checks = json["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["check"] == "unit").unwrap();
        assert_eq!(check["verdict"], "look", "{check}");
        rig.kill_init(web);
        until("nobody is left", || rig.members(web).is_empty());
        assert_deleted(rig, web);
        until("it can be removed", || std::fs::remove_dir(&elsewhere).is_ok());
    }
}

/// A user with a systemd of its own: the session bus is asked, not the system's.
const USER: u32 = 1000;

/// Runs a command as the user, in the session of the user's systemd.
fn as_user(words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
    command.args(ids).arg("--clear-groups").args(words);
    command.env("XDG_RUNTIME_DIR", format!("/run/user/{USER}"));
    command.env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path=/run/user/{USER}/bus"),
    );
    command.env("HOME", "/tmp");
    command.env("XDG_STATE_HOME", format!("/run/user/{USER}/log"));
    command
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:#?}");
    String::from_utf8(output.stdout).unwrap()
}

fn start_the_users_systemd() {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    if !passwd.contains(&format!(":{USER}:")) {
        succeeds(Command::new("useradd").args(["--uid", "1000", "--no-create-home", "rootless"]));
    }
    // What pam_systemd(8) would set.
    let place = std::path::Path::new("/run/systemd/system/user@1000.service.d");
    std::fs::create_dir_all(place).unwrap();
    let setting = "[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/1000\n";
    std::fs::write(place.join("runtime-dir.conf"), setting).unwrap();
    succeeds(Command::new("systemctl").arg("daemon-reload"));
    succeeds(Command::new("systemctl").args(["start", "user@1000.service"]));
    succeeds(as_user(&["systemctl", "--user", "start", "dbus.socket"]).stdin(Stdio::null()));
}

#[test]
fn the_scope_of_a_users_container_is_forgotten_over_the_session_bus() {
    let name = "the_scope_of_a_users_container_is_forgotten_over_the_session_bus";
    if !by_systemd() {
        return skip(name, "needs the systemd driver");
    }
    start_the_users_systemd();
    let scope = ["systemd-run", "--user", "--scope", "--unit=crun-web.scope"];
    let ends = [
        "-p",
        "RuntimeMaxSec=1",
        "-p",
        "TimeoutStopSec=1",
        "sleep",
        "3000",
    ];
    // Ended by systemd, which keeps the scope as failed.
    drop(as_user(&[&scope[..], &ends[..]].concat()).output().unwrap());
    let property = |name: &str| {
        let show = [
            "systemctl",
            "--user",
            "show",
            "--value",
            "-p",
            name,
            "crun-web.scope",
        ];
        succeeds(&mut as_user(&show)).trim().to_owned()
    };
    until("the scope has failed", || {
        property("ActiveState") == "failed"
    });
    // What crun would have recorded of it.
    let cgroup =
        format!("/user.slice/user-{USER}.slice/user@{USER}.service/app.slice/crun-web.scope");
    let status = json!({
        "pid": 4_000_000, "process-start-time": 1, "cgroup-path": cgroup, "scope": "crun-web.scope",
        "rootfs": "/rootfs", "bundle": "/bundle", "created": "2024-01-01T00:00:00.000000Z",
        "systemd-cgroup": true, "owner": "rootless", "detached": true, "external_descriptors": "[]",
    });
    let dir = format!("/run/user/{USER}/crun/web");
    succeeds(&mut as_user(&["mkdir", "-p", &dir]));
    std::fs::write(format!("{dir}/status"), status.to_string()).unwrap();
    std::fs::write(format!("{dir}/config.json"), r#"{"ociVersion":"1.0.2"}"#).unwrap();
    for file in ["status", "config.json"] {
        std::os::unix::fs::chown(format!("{dir}/{file}"), Some(USER), Some(USER)).unwrap();
    }
    let ocitop = crate::rig::ocitop();
    let root = format!("/run/user/{USER}/crun");
    let delete = [
        ocitop.to_str().unwrap(),
        "--root",
        &root,
        "delete",
        "--force",
        "web",
    ];
    let said = succeeds(&mut as_user(&delete));
    assert!(said.contains("unit      ok"), "{said}");
    assert_eq!(property("LoadState"), "not-found", "{said}");
    assert!(!std::path::Path::new(&dir).exists());
}
