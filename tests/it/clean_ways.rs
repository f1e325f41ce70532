//! The clean way that is told for a container of an engine, pasted into a shell in which the engine's
//! programs only say what they were told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use ocitop::inventory::manager::{Managed, Object, Request};
use ocitop::inventory::{Container, Manager};
use ocitop::lifecycle::{Force, Job, Note};
use ocitop::oci::ContainerKey;
use ocitop::oci::record::{Record, runc};
use serde_json::json;

use crate::signal_one::options;
use crate::support::engine;
use crate::support::stage::{Stage, container, preview, with_facts};

const PROGRAMS: [&str; 6] = ["docker", "podman", "ctr", "crictl", "kubectl", "runuser"];
const POD: &str = "249e71f256282967c605db4a48c53f0fdd31a81f25b723e9efb6621d10ea33cc";

/// Each program that a pasted command called, with its arguments.
#[track_caller]
fn pasted(command: &str) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let script = "#!/bin/bash\nprintf '%s\\0' \"${0##*/}\" \"$@\" >> \"${0%/*}/log\"\nprintf '\\n\\0' >> \"${0%/*}/log\"\n";
    for name in PROGRAMS {
        let path = dir.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let id = dir.path().join("id");
    fs::write(&id, "#!/bin/bash\necho \"user of $*\"\n").unwrap();
    fs::set_permissions(&id, fs::Permissions::from_mode(0o755)).unwrap();
    let mut bash = Command::new("/bin/bash");
    let out = bash.args(["-c", command]).env("PATH", dir.path());
    let out = out.current_dir(dir.path()).output().unwrap();
    assert!(out.status.success(), "{command}: {out:?}");
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, PROGRAMS.len() + 2, "{command} did something else");
    let calls = log.split("\n\0").filter(|call| !call.is_empty());
    let words = |call: &str| {
        call.trim_end_matches('\0')
            .split('\0')
            .map(str::to_owned)
            .collect()
    };
    calls.map(words).collect()
}

/// A record of runc's.
fn record(bundle: &str, annotations: &[(&str, &str)], cgroup: &str) -> Record {
    let labels = annotations
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let labels: Vec<String> = labels.chain([format!("bundle={bundle}")]).collect();
    let state = json!({
        "id": "x", "init_process_pid": 0, "created": "2026-01-01T00:00:00Z",
        "cgroup_paths": {"": cgroup}, "config": {"labels": labels},
    });
    runc::parse(state.to_string().as_bytes()).unwrap()
}

fn managed(root: &str, name: &str, record: &Record) -> Managed {
    Managed::told_by(&ContainerKey::new(Path::new(root), name), 0, record).unwrap()
}

/// What root would paste to remove it.
fn removal(managed: &Managed) -> Vec<(Object, String)> {
    let told = managed.commands(Request::Remove).into_iter();
    told.map(|told| (told.object, told.command)).collect()
}

#[test]
fn names_of_a_container_are_words_to_the_engine_and_nothing_to_the_shell() {
    let evil = "x'; touch hacked; `touch hacked` $(touch hacked) \"\n#";
    let task = "/run/containerd/io.containerd.runtime.v2.task";
    let sandbox = [
        ("io.kubernetes.cri.container-type", "sandbox"),
        ("io.kubernetes.cri.sandbox-namespace", evil),
        ("io.kubernetes.cri.sandbox-name", "--all"),
    ];
    let pod = record(&format!("{task}/k8s.io/x"), &sandbox, "/x");
    let told = removal(&managed("/run/containerd/runc/k8s.io", evil, &pod));
    assert_eq!(
        pasted(&told[0].1),
        [vec!["kubectl", "-n", evil, "delete", "pod", "--", "--all"]]
    );
    assert_eq!(pasted(&told[1].1), [vec!["crictl", "rmp", "-f", evil]]);

    let ctr = record(&format!("{task}/{evil}/x"), &[], "/x");
    let told = removal(&managed("/run/containerd/runc/x", "-a", &ctr));
    assert_eq!(
        pasted(&told[0].1),
        [
            vec!["ctr", "-n", evil, "task", "rm", "-f", "--", "-a"],
            vec!["ctr", "-n", evil, "container", "rm", "--", "-a"],
        ]
    );

    let at = record(
        "/b",
        &[("io.container.manager", "libpod")],
        &format!("/libpod_parent/{POD}/x"),
    );
    let told = removal(&managed("/run/runc", evil, &at));
    assert_eq!(pasted(&told[0].1), [vec!["podman", "rm", "-f", evil]]);
    assert_eq!(told[1].0, Object::Pod);
    assert_eq!(pasted(&told[1].1), [vec!["podman", "pod", "rm", "-f", POD]]);

    let docker = record("/b", &[], "/x");
    let told = removal(&managed("/run/docker/runtime-runc/moby", "--all", &docker));
    assert_eq!(
        pasted(&told[0].1),
        [vec!["docker", "rm", "-f", "--", "--all"]]
    );
}

#[test]
fn a_rootless_engine_is_asked_as_its_user() {
    // A uid that the test itself never has.
    let uid = 54_321;
    let key = ContainerKey::new(Path::new("/run/user/54321/crun"), "$(id)");
    let at = record("/b", &[("io.container.manager", "libpod")], "/x");
    let managed = Managed::told_by(&key, uid, &at).unwrap();
    let told = managed.commands(Request::Stop);
    let wanted = [
        "runuser",
        "-u",
        "user of -nu 54321",
        "--",
        "env",
        "-C",
        "/",
        "XDG_RUNTIME_DIR=/run/user/54321",
        "podman",
        "stop",
        "$(id)",
    ];
    assert_eq!(pasted(&told[0].command), [wanted]);
}

#[test]
fn a_preview_tells_the_way_of_the_right_namespace() {
    let machine =
        crate::support::machine::Machine::v2().running("web", ocitop::oci::RuntimeKind::Runc);
    machine.edit("web", |state| {
        let task = "bundle=/run/containerd/io.containerd.runtime.v2.task/teama/web";
        state["config"]["labels"] = json!([task]);
    });
    let is_root = owner_of(&machine.state_dir("web")) == 0;
    let job = Job::Delete(machine.target("web"), Force::Yes);
    let seen = engine::preview(&machine.machine(), &job, &options());
    let way = "ctr -n teama task rm -f web; ctr -n teama container rm web";
    let note = Note::Managed {
        engine: Manager::Containerd,
        // A record that a plain user could write names no container of root's engine.
        way: is_root.then(|| way.to_owned()),
    };
    let wanted = "containerd manages it and may start it again";
    assert!(note.words().starts_with(wanted), "{note}");
    assert!(seen.notes.contains(&note), "{:?}", seen.notes);
}

fn owner_of(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().uid()
}

/// A container of docker's.
fn web() -> Container {
    with_facts(container("web"), |facts| {
        facts.manager = Some(Managed::plainly(Manager::Docker, "web"));
    })
}

#[test]
fn a_dialog_tells_what_the_engine_would_be_told_to_do_the_same() {
    for (keys, way) in [
        ("D", "The clean way is: docker rm -f web"),
        ("T", "The clean way is: docker stop web"),
        ("K<Enter>", "The clean way is: docker kill -s 15 web"),
    ] {
        let mut stage = Stage::new(120, 40);
        stage.shows(vec![web()]);
        stage.keys(keys);
        stage.previews(preview);
        stage.sees(way);
    }
}
