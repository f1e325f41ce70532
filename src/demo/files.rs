//! The state files of the lab's containers, as youki 0.7, runc 1.1 and crun 1.8 write them.

mod crun;
mod facts;
mod runc;
mod youki;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::child::HIDDEN;
use super::containers::{LabContainer, LabLimits, Situation};
use crate::oci::RuntimeKind;
use facts::annotations;

pub(super) use facts::{RecordFacts, cgroups_path};

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
    let bundle = if container.situation == Situation::Managed {
        // Where podman keeps it; told apart by this and by its annotation.
        base.join("containers/storage/overlay-containers")
            .join(&container.id)
            .join("userdata")
    } else {
        base.join(&container.id)
    };
    fs::create_dir_all(bundle.join("rootfs"))?;
    let config = spec(container, &bundle.join("rootfs"), cgroups_path);
    fs::write(bundle.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(bundle)
}

/// Writes the files of one container into its state directory.
pub(super) fn write(dir: &Path, facts: &RecordFacts<'_>) -> io::Result<()> {
    match facts.container.runtime {
        RuntimeKind::Youki => youki::write(dir, facts),
        RuntimeKind::Runc => runc::write(dir, facts),
        RuntimeKind::Crun => crun::write(dir, facts),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::containers::all;
    use crate::demo::groups::GroupDirs;
    use crate::oci::Record;
    use crate::oci::Status;
    use crate::oci::record::{RecordedCgroup, crun, runc, youki};
    use crate::process::InitProcess;
    use jiff::Timestamp;

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
