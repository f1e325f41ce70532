//! What runc writes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::facts::{RecordFacts, annotations, cgroups_path, put};
use crate::cgroup::Version;
use crate::demo::groups::GroupDirs;
use crate::oci::record;

#[derive(Serialize)]
struct RuncStateFile<'a> {
    id: &'a str,
    init_process_pid: i32,
    init_process_start: u64,
    created: String,
    config: Value,
    rootless: bool,
    cgroup_paths: BTreeMap<String, &'a Path>,
    namespace_paths: BTreeMap<&'static str, String>,
    external_descriptors: [&'static str; 3],
    intel_rdt_path: &'static str,
}

pub(super) fn write(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    let namespaces = ["cgroup", "ipc", "net", "mnt", "pid", "user", "uts"];
    let keys = [
        "NEWCGROUP",
        "NEWIPC",
        "NEWNET",
        "NEWNS",
        "NEWPID",
        "NEWUSER",
        "NEWUTS",
    ];
    let pid = facts.init.pid;
    let namespace_paths = keys
        .into_iter()
        .zip(namespaces)
        .map(|(key, name)| (key, format!("/proc/{pid}/ns/{name}")))
        .collect();
    let state = RuncStateFile {
        id: &facts.container.id,
        init_process_pid: pid,
        init_process_start: facts.init.start_time,
        created: format!("{:.9}", facts.created),
        config: runc_config(facts),
        rootless: !rustix::process::geteuid().is_root(),
        cgroup_paths: runc_cgroups(facts.groups),
        namespace_paths,
        external_descriptors: ["/dev/null"; 3],
        intel_rdt_path: "",
    };
    let bytes = serde_json::to_vec(&state)?;
    put(dir, record::runc::STATE, 0o600, &bytes)
}

fn runc_cgroups(groups: &GroupDirs) -> BTreeMap<String, &Path> {
    let mut paths = BTreeMap::new();
    for (tree, dir) in groups.iter() {
        match tree.version {
            Version::V2 => drop(paths.insert(String::new(), dir)),
            Version::V1 => paths.extend(tree.controllers.iter().map(|name| (name.clone(), dir))),
        }
    }
    paths
}

fn runc_config(facts: &RecordFacts<'_>) -> Value {
    let container = facts.container;
    let mut labels: Vec<String> = annotations(container)
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.push(format!("bundle={}", facts.bundle.display()));
    json!({
        "no_pivot_root": false, "parent_death_signal": 0,
        "rootfs": facts.bundle.join("rootfs"), "umask": null, "readonlyfs": false,
        "rootPropagation": 0, "mounts": [], "devices": [], "mount_label": "",
        "hostname": container.id, "namespaces": [], "capabilities": null, "networks": null,
        "routes": null,
        "cgroups": {
            "path": cgroups_path(container, facts.groups), "scope_prefix": "", "devices": [],
            "memory": container.limits.memory.unwrap_or(0), "memory_reservation": 0,
            "memory_swap": 0, "cpu_shares": 0,
            "cpu_quota": container.limits.cpu.unwrap_or(0) * 1000,
            "cpu_period": container.limits.cpu.map_or(0, |_| 100_000),
            "pids_limit": container.limits.pids, "Systemd": false, "Rootless": false,
        },
        "uid_mappings": null, "gid_mappings": null, "mask_paths": null, "readonly_paths": null,
        "sysctl": null, "seccomp": null, "no_new_privileges": true,
        "Hooks": {
            "createContainer": null, "createRuntime": null, "poststart": null,
            "poststop": null, "prestart": null, "startContainer": null,
        },
        "version": "1.0.2-dev", "labels": labels, "no_new_keyring": false,
    })
}
