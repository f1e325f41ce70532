//! Containers of the systemd driver. Run where systemd is pid 1, with `OCITOP_TEST_DRIVER=systemd`:
//! the other tests then make their containers in scopes too.

use std::process::Command;

use ocitop::oci::RuntimeKind;
use serde_json::json;

use crate::delete::assert_deleted;
use crate::rig::{Rig, Spec, by_systemd, skip, until};

/// What systemd says of a unit: `active`, `failed`, `inactive` (also if it knows none).
fn active_state(unit: &str) -> String {
    let output = Command::new("systemctl")
        .args(["show", "--value", "-p", "ActiveState", unit])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether systemd has the unit in memory at all.
fn is_known(unit: &str) -> bool {
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

    fn a_scope_that_failed_is_forgotten(rig: &Rig) {
        if !by_systemd() {
            return skip("a_scope_that_failed_is_forgotten", "needs the systemd driver");
        }
        if rig.kind == RuntimeKind::Youki {
            return; // It hands no properties on to systemd.
        }
        let web = &rig.id();
        let unit = failed(rig, web);
        assert_deleted(rig, web);
        assert!(!is_known(&unit));
    }
}
