//! A container whose record is gone while its processes live, in a cgroup with a name that says
//! nothing: found beside live containers, processes of the host and what a shim holds, and nothing of
//! those is touched.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use super::{Lived, has_begun, id64, leftovers, plant, shim};
use crate::rig::{Rig, skip, tops, until};

/// A process of the host in a cgroup below the rig's, in every hierarchy.
struct Bystander(Child, Vec<PathBuf>);

impl Bystander {
    fn new(rig: &Rig, path: &str) -> Self {
        let dirs = plant(rig, &tops(), path);
        let mut sleep = Command::new("sleep");
        let sleep = sleep.arg("3000").stdin(Stdio::null()).spawn().unwrap();
        until("it sleeps", || has_begun(&sleep));
        for dir in &dirs {
            fs::write(dir.join("cgroup.procs"), sleep.id().to_string()).unwrap();
        }
        Self(sleep, dirs)
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn found(rig: &Rig) -> Vec<Value> {
    let list = leftovers(rig, &["list", "--all", "-f", "json"]).json();
    list.as_array().unwrap().clone()
}

#[test]
fn an_orphan_with_a_human_name_is_unknown_and_goes_by_its_path_and_kill_alone() {
    let rig = match Rig::new(RuntimeKind::Crun) {
        Ok(rig) => rig,
        Err(reason) => return skip("an orphan with a human name", &reason),
    };
    if crate::rig::by_systemd() {
        return skip(
            "an orphan with a human name",
            "named by the cgroupfs driver",
        );
    }
    rig.run("live");
    rig.run("hbweb");
    let mut bystander = Bystander::new(&rig, "batch");
    let pids = rig.members("hbweb");
    let dirs = rig.cgroups("hbweb");
    // The way of the field: the state file is empty, and the runtime's own delete takes the record.
    fs::write(rig.state_file("hbweb"), "").unwrap();
    rig.runtime(&["delete", "hbweb"]);
    assert!(!rig.state_dir("hbweb").exists());
    let list = found(&rig);
    assert_eq!(list.len(), 1, "{list:#?}");
    let told: Vec<i64> = list[0]["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pid| pid.as_i64().unwrap())
        .collect();
    assert_eq!(
        told,
        pids.iter().map(|pid| i64::from(*pid)).collect::<Vec<_>>()
    );
    assert_eq!(list[0]["confidence"], "unknown");
    let path = dirs[0].to_str().unwrap();
    let said = rig.ocitop(&["diagnose", path]).ok().stdout;
    assert!(said.contains("live in it, and nobody owns them"), "{said}");
    // Not by itself, not without its path, not without being asked to kill.
    leftovers(&rig, &["clean", "--yes", "--kill"]).ok();
    leftovers(&rig, &["clean", "--yes", path])
        .refused(1, "processes live in it; --kill kills them");
    assert_eq!(rig.members("hbweb"), pids);
    leftovers(&rig, &["clean", "--yes", "--kill", path]).ok();
    assert!(dirs.iter().all(|dir| !dir.exists()));
    assert!(bystander.0.try_wait().unwrap().is_none());
    assert_eq!(rig.status("live"), "running");
    // Nor is the host's own to be had by its path.
    let path = bystander.1[0].to_str().unwrap();
    leftovers(&rig, &["clean", "--yes", "--kill", path]).refused(1, "is not a leftover");
}

#[test]
fn what_a_leaked_shim_holds_is_not_cleaned_while_it_lives() {
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip("a leaked shim", &reason),
    };
    let workdir =
        |id: &str| format!("/var/lib/containerd/io.containerd.runtime.v1.linux/k8s.io/{id}");
    for (number, word) in ["-id", "-workdir"].into_iter().enumerate() {
        let id = id64(&rig, 6, number);
        let dirs = plant(&rig, &tops(), &format!("kubepods/besteffort/{id}"));
        let value = if word == "-workdir" {
            workdir(&id)
        } else {
            id.clone()
        };
        let told = Command::new(shim(&rig))
            .args(["-namespace", "k8s.io", word, &value])
            .stdin(Stdio::piped())
            .spawn();
        let lived = Lived(vec![told.unwrap()]);
        until("the shim has begun", || lived.0.iter().all(has_begun));
        let list = found(&rig);
        assert_eq!(list.len(), 1, "{list:#?}");
        assert_eq!(list[0]["confidence"], "unknown");
        let said = format!(
            "the shim, pid {} (containerd-shim), holds it",
            lived.0[0].id()
        );
        let path = dirs[0].to_str().unwrap();
        leftovers(&rig, &["clean", "--yes", path]).refused(1, &said);
        assert!(dirs[0].exists());
        // diagnose says the same, and what helps: as pasted, in that order.
        let page = rig.ocitop(&["diagnose", "-f", "json", path]).ok().json();
        let first = &page["findings"][0];
        assert_eq!(first["cause"], "owned", "{page:#}");
        let pid = lived.0[0].id();
        assert_eq!(first["owner"]["process"]["pid"], pid);
        let commands = first["remedies"].as_array().unwrap().iter();
        let commands: Vec<_> = commands.map(|it| it["command"].as_str().unwrap()).collect();
        assert_eq!(commands[0], format!("crictl rm -f {id}"));
        assert_eq!(commands[1], format!("kill -15 {pid}"));
        assert!(
            commands[2].starts_with("ocitop leftovers clean "),
            "{commands:?}"
        );
        drop(lived);
        leftovers(&rig, &["clean", "--yes", path]).ok();
        assert!(dirs.iter().all(|dir| !dir.exists()));
    }
}
