//! The state files of the lab's containers, as youki 0.7, runc 1.1 and crun 1.8 write them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::child::{HIDDEN, REFUSE};
use super::containers::{LabContainer, LabLimits, Situation};
use super::groups::GroupDirs;
use super::start_wait::bind;
use crate::cgroup::Version;
use crate::oci::{RuntimeKind, Status, record};
use crate::process::InitProcess;

/// What is known of a container when its files are written.
pub(super) struct RecordFacts<'a> {
    /// Its container.
    pub(super) container: &'a LabContainer,
    /// Its init, or who has that pid now.
    pub(super) init: InitProcess,
    /// Its cgroups.
    pub(super) groups: &'a GroupDirs,
    /// Its bundle.
    pub(super) bundle: &'a Path,
    /// Its status at its last transition.
    pub(super) status: Status,
    /// When it was made.
    pub(super) created: Timestamp,
    /// The ocitop binary, for hooks.
    pub(super) program: &'a Path,
}

/// Makes the state directory of `container` in `root`, with its runtime's mode.
pub(super) fn make_state_dir(root: &Path, container: &LabContainer) -> io::Result<PathBuf> {
    let dir = root.join(&container.id);
    let mode = match container.runtime {
        RuntimeKind::Youki => 0o755,
        RuntimeKind::Runc => 0o711,
        RuntimeKind::Crun => 0o700,
    };
    fs::DirBuilder::new().mode(0o700).create(&dir)?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(mode))?;
    Ok(dir)
}

/// Makes the bundle of `container` below `base`.
pub(super) fn make_bundle(
    base: &Path,
    container: &LabContainer,
    cgroups_path: &str,
) -> io::Result<PathBuf> {
    let bundle = match container.situation {
        // Where podman keeps it; told apart by this and by its annotation.
        Situation::Managed => base
            .join("containers/storage/overlay-containers")
            .join(&container.id)
            .join("userdata"),
        _ => base.join(&container.id),
    };
    fs::create_dir_all(bundle.join("rootfs"))?;
    let config = spec(container, &bundle.join("rootfs"), cgroups_path);
    fs::write(bundle.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(bundle)
}

/// Writes the files of one container into its state directory.
pub(super) fn write(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    match facts.container.runtime {
        RuntimeKind::Youki => write_youki(dir, facts),
        RuntimeKind::Runc => write_runc(dir, facts),
        RuntimeKind::Crun => write_crun(dir, facts),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct YoukiStateFile<'a> {
    oci_version: &'static str,
    id: &'a str,
    status: Status,
    pid: i32,
    bundle: &'a Path,
    annotations: BTreeMap<&'static str, String>,
    created: String,
    creator: u32,
    use_systemd: bool,
    intel_rdt_dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct YoukiConfigFile {
    hooks: Value,
    cgroup_path: String,
}

fn write_youki(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    let state = YoukiStateFile {
        oci_version: "1.1.0",
        id: &facts.container.id,
        status: facts.status,
        pid: facts.init.pid,
        bundle: facts.bundle,
        annotations: annotations(facts.container),
        created: format!("{:.9}", facts.created),
        creator: rustix::process::geteuid().as_raw(),
        use_systemd: false,
        intel_rdt_dir: None,
    };
    let hooks = match facts.container.situation {
        Situation::FailingHook => json!({"poststop": [{
            "path": facts.program, "args": ["ocitop", HIDDEN, REFUSE], "timeout": 5,
        }]}),
        _ => Value::Null,
    };
    let config = YoukiConfigFile {
        hooks,
        cgroup_path: cgroups_path(facts.container, facts.groups),
    };
    put(
        dir,
        record::youki::STATE,
        0o644,
        &serde_json::to_vec(&state)?,
    )?;
    put(
        dir,
        record::youki::CONFIG,
        0o644,
        &serde_json::to_vec(&config)?,
    )?;
    // The socket file outlives the start; a waiting init has bound its own.
    if facts.container.situation == Situation::Created {
        return Ok(());
    }
    bind(dir).map(drop)
}

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

fn write_runc(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
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

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CrunStatusFile<'a> {
    pid: i32,
    process_start_time: u64,
    cgroup_path: String,
    scope: &'static str,
    rootfs: PathBuf,
    systemd_cgroup: bool,
    bundle: &'a Path,
    created: String,
    owner: String,
    detached: bool,
    #[serde(rename = "external_descriptors")]
    external_descriptors: &'static str,
}

fn write_crun(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let status = CrunStatusFile {
        pid: facts.init.pid,
        process_start_time: facts.init.start_time,
        cgroup_path: facts
            .groups
            .path
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        scope: "",
        rootfs: facts.bundle.join("rootfs"),
        systemd_cgroup: false,
        bundle: facts.bundle,
        created: format!("{:.6}", facts.created),
        owner: user.map_or_else(|| uid.to_string(), |user| user.name),
        detached: true,
        external_descriptors: r#"["/dev/null","/dev/null","/dev/null"]"#,
    };
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    status.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text, indent,
    ))?;
    text.push(b'\n');
    if facts.container.situation == Situation::Corrupt {
        text.truncate(text.len() / 3);
    }
    put(dir, record::crun::STATUS, 0o700, &text)?;
    let config = fs::read(facts.bundle.join("config.json"))?;
    put(dir, record::crun::CONFIG, 0o700, &config)
}

/// The bundle's `config.json`.
fn spec(container: &LabContainer, rootfs: &Path, cgroups_path: &str) -> Value {
    let LabLimits { cpu, memory, pids } = container.limits;
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0}, "cwd": "/",
            "args": ["ocitop", HIDDEN, container.id], "noNewPrivileges": true,
        },
        "root": {"path": rootfs, "readonly": false},
        "hostname": container.id,
        "annotations": annotations(container),
        "linux": {
            "cgroupsPath": cgroups_path,
            "resources": {
                "memory": {"limit": memory},
                "pids": {"limit": pids},
                "cpu": {"quota": cpu.map(|percent| percent * 1000), "period": 100_000},
            },
            // The lab's processes live in the host's namespaces.
            "namespaces": [],
        },
    })
}

/// `linux.cgroupsPath` of a container.
pub(super) fn cgroups_path(container: &LabContainer, groups: &GroupDirs) -> String {
    match (&groups.path, container.runtime) {
        (Some(path), _) => path.to_string(),
        (None, RuntimeKind::Youki) => format!(":youki:{}", container.id),
        (None, _) => String::new(),
    }
}

fn annotations(container: &LabContainer) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([("ocitop.demo", container.id.clone())]);
    if container.situation == Situation::Managed {
        all.insert("io.container.manager", "libpod".to_owned());
    }
    all
}

fn put(dir: &Path, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let path = dir.join(name);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path)?;
    file.write_all(bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::containers::all;
    use crate::oci::Record;
    use crate::oci::record::{RecordedCgroup, crun, runc, youki};

    const INIT: InitProcess = InitProcess {
        pid: 4711,
        start_time: 99,
    };

    /// Writes the container with this situation and reads it back with ocitop's own parsers.
    fn round_trip(runtime: RuntimeKind, situation: Situation) -> Record {
        let mut containers = all("7").into_iter();
        let container = containers
            .find(|container| container.runtime == runtime && container.situation == situation)
            .unwrap();
        let lab = tempfile::tempdir().unwrap();
        let groups = GroupDirs::default();
        let bundle =
            make_bundle(lab.path(), &container, &cgroups_path(&container, &groups)).unwrap();
        let dir = make_state_dir(lab.path().join("state").as_path(), &container);
        assert!(dir.is_err(), "the state root is made by the lab");
        fs::create_dir(lab.path().join("state")).unwrap();
        let dir = make_state_dir(&lab.path().join("state"), &container).unwrap();
        let facts = RecordFacts {
            container: &container,
            init: INIT,
            groups: &groups,
            bundle: &bundle,
            status: Status::Running,
            created: Timestamp::UNIX_EPOCH,
            program: Path::new("/usr/bin/ocitop"),
        };
        write(&dir, &facts).unwrap();
        let read = |name: &str| fs::read(dir.join(name)).unwrap();
        match runtime {
            RuntimeKind::Youki => {
                let mut record = youki::parse(&read(youki::STATE)).unwrap();
                youki::complete(&mut record, &read(youki::CONFIG)).unwrap();
                record
            }
            RuntimeKind::Runc => runc::parse(&read(runc::STATE)).unwrap(),
            RuntimeKind::Crun => {
                let mut record = crun::parse(&container.id, &read(crun::STATUS)).unwrap();
                crun::complete(&mut record, &read(crun::CONFIG)).unwrap();
                record
            }
        }
    }

    #[test]
    fn every_runtimes_files_parse_back() {
        for runtime in [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun] {
            let record = round_trip(runtime, Situation::Running);
            assert_eq!(record.runtime, runtime);
            let init = record.init.unwrap();
            assert_eq!(init.pid, INIT.pid);
            let stored = (runtime != RuntimeKind::Youki).then_some(INIT.start_time);
            assert_eq!(init.start_time, stored);
            assert!(record.bundle.ends_with(&record.id));
            assert_eq!(record.annotations["ocitop.demo"], record.id);
            assert_eq!(
                record.created.unwrap().timestamp(),
                Some(Timestamp::UNIX_EPOCH)
            );
            assert_ne!(record.private_pid_namespace, Some(true));
        }
    }

    #[test]
    fn crun_without_a_cgroup_says_so() {
        let record = round_trip(RuntimeKind::Crun, Situation::Running);
        assert_eq!(record.cgroup, RecordedCgroup::Disabled);
    }

    #[test]
    fn the_failing_hook_is_a_poststop_hook_of_this_program() {
        let record = round_trip(RuntimeKind::Youki, Situation::FailingHook);
        let hooks = record.hooks.unwrap();
        assert_eq!(hooks.poststop.len(), 1);
        assert_eq!(hooks.poststop[0].args, ["ocitop", "__lab", "refuse"]);
        assert!(hooks.poststart.is_empty());
    }

    #[test]
    fn the_managed_container_is_podmans() {
        let record = round_trip(RuntimeKind::Crun, Situation::Managed);
        let manager = crate::inventory::manager::manager_of(
            Path::new("/run/crun"),
            &record.bundle,
            &record.annotations,
        );
        assert_eq!(manager, Some(crate::inventory::Manager::Podman));
    }
}
