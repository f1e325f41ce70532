//! Paths that a state file names: cgroups, resctrl groups, hooks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{CRUN, RUNC, YOUKI, crun, row, youki};
use crate::hostile::Deleted::{Gone, Refused};
use crate::hostile::Listed::Status;
use crate::hostile::{Place, Row};
use crate::support::machine::protect;

const S: crate::hostile::Listed = Status("stopped");

/// crun with this cgroup path.
fn cgroup(place: &Place, path: &str) {
    crun(place);
    place.write("status", CRUN.replace("/nowhere", path));
}

/// runc with this directory as its v2 cgroup.
fn cgroup_dir(place: &Place, dir: &str) {
    place.write("state.json", RUNC.replace("/sys/fs/cgroup/nowhere", dir));
}

fn youki_cgroup(place: &Place, path: &str) {
    youki(place);
    place.write(
        "youki_config.json",
        json!({"cgroup_path": path}).to_string(),
    );
}

pub(in crate::hostile) const CGROUPS: &[Row] = &[
    row!("cgroup: the root", b"x", |p| cgroup(p, "/"), S, Gone),
    row!("cgroup: .", b"x", |p| cgroup(p, "."), S, Gone),
    row!("cgroup: ..", b"x", |p| cgroup(p, ".."), S, Gone),
    row!(
        "cgroup: /../../etc",
        b"x",
        |p| cgroup(p, "/../../etc"),
        S,
        Gone
    ),
    row!(
        "cgroup: a way around",
        b"x",
        |p| cgroup(p, "/own/../init.scope"),
        S,
        Gone
    ),
    row!("cgroup: a NUL", b"x", |p| cgroup(p, "/own\\u0000"), S, Gone),
    row!(
        "cgroup: escapes",
        b"x",
        |p| cgroup(p, "/\\u001b[2J"),
        S,
        Gone
    ),
    row!(
        "cgroup: ocitop's own",
        b"x",
        |p| cgroup(p, "/own/inner"),
        S,
        Gone
    ),
    row!(
        "cgroup: above ocitop's own",
        b"x",
        |p| cgroup(p, "/own"),
        S,
        Gone
    ),
    row!(
        "cgroup: that of pid 1",
        b"x",
        |p| cgroup(p, "/init.scope"),
        S,
        Gone
    ),
    row!(
        "cgroup: the bystander's",
        b"x",
        |p| cgroup(p, "/bystander"),
        S,
        Gone
    ),
    row!(
        "cgroup: a control file",
        b"x",
        |p| cgroup(p, "/bystander/cgroup.procs"),
        S,
        Gone
    ),
    row!(
        "cgroup: 4,000 levels",
        b"x",
        |p| cgroup(p, &"/a".repeat(4000)),
        S,
        Gone
    ),
    row!(
        "runc: /sys/fs/cgroup itself",
        b"x",
        |p| cgroup_dir(p, "/sys/fs/cgroup"),
        S,
        Gone
    ),
    row!("runc: /", b"x", |p| cgroup_dir(p, "/"), S, Gone),
    row!(
        "runc: a directory outside",
        b"x",
        |p| cgroup_dir(p, p.canary().to_str().unwrap()),
        S,
        Gone
    ),
    row!(
        "runc: out of the mount",
        b"x",
        |p| {
            let out = p.machine.cgroup_root().join("../canary/in");
            cgroup_dir(p, out.to_str().unwrap());
        },
        S,
        Gone
    ),
    row!(
        "runc: a controller that is none",
        b"x",
        |p| {
            p.write("state.json", RUNC.replace("{\"\":", "{\"../canary\":"));
        },
        S,
        Gone
    ),
    row!(
        "youki: a directory outside",
        b"x",
        |p| youki_cgroup(p, p.canary().to_str().unwrap()),
        S,
        Gone
    ),
    row!(
        "youki: out of the mount",
        b"x",
        |p| youki_cgroup(p, "../canary"),
        S,
        Gone
    ),
    row!(
        "youki: a slice that climbs",
        b"x",
        |p| youki_cgroup(p, "../canary.slice:a:../b"),
        S,
        Gone
    ),
    row!(
        "youki: the bystander's",
        b"x",
        |p| youki_cgroup(p, "/bystander"),
        S,
        Gone
    ),
];

/// youki with these resctrl groups.
fn rdt(place: &Place, control: &str, monitoring: &str) {
    youki(place);
    let mut state: serde_json::Value = serde_json::from_str(YOUKI).unwrap();
    let path = |name: &str| place.machine.resctrl().join(name);
    state["intelRdtDir"] = json!(path(control));
    if !monitoring.is_empty() {
        state["intelRdtMonitoringDir"] = json!(path(monitoring));
    }
    place.write("state.json", state.to_string());
}

/// runc with this control group, and a configuration without a closID.
fn runc_rdt(place: &Place, control: &str) {
    let mut state: serde_json::Value = serde_json::from_str(RUNC).unwrap();
    state["intel_rdt_path"] = json!(place.machine.resctrl().join(control));
    state["config"]["intel_rdt"] = json!({});
    place.write("state.json", state.to_string());
}

pub(in crate::hostile) const RESCTRL: &[Row] = &[
    row!("resctrl: the mount", b"x", |p| rdt(p, "", ""), S, Gone),
    row!("resctrl: info", b"x", |p| rdt(p, "info", ""), S, Gone),
    row!(
        "resctrl: mon_groups",
        b"x",
        |p| rdt(p, "mon_groups", ""),
        S,
        Gone
    ),
    row!(
        "resctrl: out of the mount",
        b"x",
        |p| rdt(p, "../canary/in/deeper", ""),
        S,
        Gone
    ),
    row!(
        "resctrl: a directory outside",
        b"x",
        |p| rdt(p, "/etc", ""),
        S,
        Gone
    ),
    row!(
        "resctrl: youki names a group not its own",
        b"x",
        |p| rdt(p, "gold", ""),
        S,
        Gone
    ),
    row!(
        "resctrl: runc names a group not its own",
        b"x",
        |p| runc_rdt(p, "gold"),
        S,
        Gone
    ),
    row!(
        "resctrl: runc names another's below",
        b"x",
        |p| runc_rdt(p, "x/mon_groups/other"),
        S,
        Gone
    ),
    row!(
        "resctrl: another's monitoring",
        b"x",
        |p| rdt(p, "gold", "mon_groups/other"),
        S,
        Gone
    ),
    row!(
        "resctrl: crun's old status names another's",
        b"x",
        |p| {
            crun(p);
            p.write("status", CRUN.replacen('{', "{\"intelrdt\":\"gold\",", 1));
        },
        S,
        Gone
    ),
    row!(
        "resctrl: crun's old status climbs",
        b"x",
        |p| {
            crun(p);
            p.write(
                "status",
                CRUN.replacen('{', "{\"intelrdt\":\"../canary\",", 1),
            );
        },
        S,
        Gone
    ),
    row!(
        "resctrl: crun's closID is the default group",
        b"x",
        |p| {
            crun(p);
            p.write(
                "config.json",
                r#"{"linux":{"intelRdt":{"closID":"/","enableMonitoring":true}}}"#,
            );
        },
        S,
        Gone
    ),
];

/// crun with this poststop hook.
fn hook(place: &Place, hook: &serde_json::Value) {
    crun(place);
    let config = json!({"hooks": {"poststop": [hook]}});
    place.write("config.json", config.to_string());
}

/// A program that would leave a mark in the canary.
fn program(place: &Place, mode: u32) -> String {
    let path = place.machine.program("hook");
    let mark = place.canary().join("mark");
    fs::write(&path, format!("#!/bin/sh\n: > {}\n", mark.display())).unwrap();
    protect(&path, mode);
    path.to_str().unwrap().to_owned()
}

pub(in crate::hostile) const HOOKS: &[Row] = &[
    row!(
        "hook: a relative path",
        b"x",
        |p| hook(p, &json!({"path": "../canary/precious"})),
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: a program that anybody can write",
        b"x",
        |p| hook(p, &json!({"path": program(p, 0o777)})),
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: a directory that anybody can write",
        b"x",
        |p| {
            let path = program(p, 0o755);
            let dir = p.machine.program("open");
            fs::create_dir(&dir).unwrap();
            fs::rename(&path, dir.join("hook")).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
            hook(p, &json!({"path": dir.join("hook")}));
        },
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: a configuration that anybody can write",
        b"x",
        |p| {
            hook(p, &json!({"path": program(p, 0o755)}));
            protect(&p.dir().join("config.json"), 0o666);
        },
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: a state directory that anybody can write",
        b"x",
        |p| {
            hook(p, &json!({"path": program(p, 0o755)}));
            protect(&p.dir(), 0o777);
        },
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: a state root that anybody can write",
        b"x",
        |p| {
            hook(p, &json!({"path": program(p, 0o755)}));
            protect(&p.machine.root(), 0o777);
        },
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: a link that anybody can aim",
        b"x",
        |p| {
            let dir = p.machine.program("open");
            fs::create_dir(&dir).unwrap();
            std::os::unix::fs::symlink("/bin/true", dir.join("hook")).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
            hook(p, &json!({"path": dir.join("hook")}));
        },
        S,
        Refused("--no-hooks")
    ),
    row!(
        "hook: no such program",
        b"x",
        |p| hook(p, &json!({"path": "/nonexistent/hook"})),
        S,
        Gone
    ),
    row!(
        "hook: a directory",
        b"x",
        |p| hook(p, &json!({"path": "/"})),
        S,
        Gone
    ),
    row!(
        "hook: waits for ever and a day",
        b"x",
        |p| {
            hook(p, &json!({"path": "/bin/true", "timeout": i64::MAX}));
        },
        S,
        Gone
    ),
    row!(
        "hook: a time-out below zero",
        b"x",
        |p| {
            hook(p, &json!({"path": "/bin/true", "timeout": i64::MIN}));
        },
        S,
        Gone
    ),
    row!(
        "hook: a NUL in its arguments",
        b"x",
        |p| {
            hook(
                p,
                &json!({"path": "/bin/true", "args": ["a\0b"], "env": ["=", "a", "\0"]}),
            );
        },
        S,
        Gone
    ),
    row!(
        "hook: output to a file outside",
        b"x",
        |p| {
            hook(p, &json!({"path": "/bin/echo", "args": ["echo", "x"]}));
            let precious = p.canary().join("precious");
            let config = json!({
                "hooks": {"poststop": [{"path": "/bin/echo", "args": ["echo", "x"]}]},
                "annotations": {"run.oci.hooks.stdout": precious, "run.oci.hooks.stderr": precious},
            });
            p.write("config.json", config.to_string());
        },
        S,
        Gone
    ),
];
