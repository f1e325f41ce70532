//! What is neither a cgroup nor a state directory: resctrl groups, scopes, mounts.

use std::fs;
use std::path::Path;

use ocitop::leftovers::{Confidence, KillOrphans, LeftoverKind, NoOrder, WhyItStays, order};
use ocitop::lifecycle::{Kept, Verdict};
use ocitop::oci::RuntimeKind;

use super::{ID, at, clean, look, nothing_at};
use crate::support::fake_kernel::FakeKernel;
use crate::support::machine::{Machine, age};

#[test]
fn resctrl_groups_named_after_a_container_are_found_and_classes_are_not() {
    let machine = Machine::v2()
        .running("live", RuntimeKind::Youki)
        .with_rdt("live");
    let group = |path: &str, tasks: &str, cpus: &str, mode: &str| {
        let dir = machine.resctrl().join(path);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in [("tasks", tasks), ("cpus_list", cpus), ("mode", mode)] {
            fs::write(dir.join(file), text).unwrap();
        }
        age(&dir, 7200);
        dir
    };
    let other = ID.replace('7', "8");
    let third = ID.replace('7', "9");
    let own = group(ID, "", "\n", "shareable\n");
    group("gold", "", "\n", "shareable\n");
    let monitoring = group(&format!("gold/mon_groups/{other}"), "", "\n", "");
    group(&format!("mon_groups/{third}"), "77\n", "\n", "");
    let found = look(&machine);
    let groups: Vec<_> = found
        .list
        .iter()
        .filter(|one| one.kind == LeftoverKind::RdtGroup)
        .collect();
    assert_eq!(groups.len(), 2, "{groups:#?}");
    for leftover in groups {
        assert_eq!(leftover.confidence, Confidence::Likely);
        let job = order(leftover, KillOrphans::No).unwrap();
        fs::write(leftover.paths[0].join("tasks"), "9\n").unwrap();
        let kernel = FakeKernel::over(&machine);
        let why = Kept::Tasks(leftover.paths[0].display().to_string());
        assert_eq!(
            clean(&machine, &kernel, &job).0,
            Verdict::Refused(why.into())
        );
        assert_eq!(kernel.changes(), 0);
        fs::write(leftover.paths[0].join("tasks"), "").unwrap();
        assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
    }
    assert!(!own.exists() && !monitoring.exists());
    assert!(machine.resctrl().join("gold").exists() && machine.resctrl().join("live").exists());
}

#[test]
fn a_resctrl_group_of_which_it_cannot_be_read_who_is_in_it_is_said_and_not_offered() {
    for unread in ["tasks", "cpus_list", "mode"] {
        let machine = Machine::v2()
            .running("live", RuntimeKind::Youki)
            .with_rdt("live");
        let dir = machine.resctrl().join(ID);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in [("tasks", ""), ("cpus_list", "\n"), ("mode", "shareable\n")] {
            fs::write(dir.join(file), text).unwrap();
        }
        assert_eq!(look(&machine).list.len(), 1);
        let unread = Machine::cannot_be_read(&dir.join(unread));
        let found = look(&machine);
        assert_eq!(found.list, []);
        assert_eq!(found.unread, [unread]);
    }
}

#[test]
fn a_failed_scope_is_told_by_systemds_files_and_stopped_by_systemd() {
    let machine = Machine::v2();
    let transient = machine.beside("run/systemd/transient");
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(&transient).unwrap();
    fs::create_dir_all(&units).unwrap();
    let file = |name: &str| {
        fs::write(transient.join(name), "[Scope]\nSlice=machine.slice\n").unwrap();
        age(&transient.join(name), 7200);
    };
    let failed = format!("libpod-{ID}.scope");
    let active = format!("docker-{}.scope", ID.replace('7', "8"));
    file(&failed);
    file(&active);
    file("session-1.scope");
    std::os::unix::fs::symlink("x", units.join(format!("invocation:{active}"))).unwrap();
    let found = look(&machine);
    let leftover = at(&found, &failed);
    assert_eq!(found.list.len(), 1, "{:#?}", found.list);
    assert_eq!(
        (leftover.kind, leftover.confidence),
        (LeftoverKind::Unit, Confidence::Likely)
    );
    assert_eq!(leftover.why, [WhyItStays::UnitFailed(failed.clone())]);
    let job = order(&leftover, KillOrphans::No).unwrap();
    let kernel = FakeKernel::over(&machine);
    assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
    let stopped = kernel.units_stopped();
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].name, failed);
    assert_eq!(
        stopped[0].cgroup,
        Path::new(&format!("/machine.slice/{failed}"))
    );
    // It runs again by now: systemd would kill what is in it.
    let mut machine = machine;
    machine.leave(&format!("machine.slice/{failed}"), None);
    machine.spawn(&format!("machine.slice/{failed}"));
    let kernel = FakeKernel::over(&machine);
    assert!(!clean(&machine, &kernel, &job).0.is_clean());
    assert_eq!(kernel.units_stopped(), []);
}

#[test]
fn a_scope_that_systemd_has_active_is_unknown_and_found_while_something_lives_in_it() {
    let mut machine = Machine::v2();
    let units = machine.beside("run/systemd/units");
    fs::create_dir_all(&units).unwrap();
    for name in [&format!("docker-{ID}"), "runc-dd"] {
        let scope = format!("{name}.scope");
        let link = units.join(format!("invocation:{scope}"));
        std::os::unix::fs::symlink("x", link).unwrap();
        machine.leave(&format!("system.slice/{scope}"), None);
        assert_eq!(at(&look(&machine), &scope).confidence, Confidence::Unknown);
        let pid = machine.spawn(&format!("system.slice/{scope}"));
        let leftover = at(&look(&machine), &scope);
        assert_eq!(leftover.confidence, Confidence::Unknown);
        assert_eq!(leftover.processes, [pid]);
        assert_eq!(order(&leftover, KillOrphans::No), Err(NoOrder::Populated));
        let job = order(&leftover, KillOrphans::Yes).unwrap();
        let (verdict, events) = clean(&machine, &FakeKernel::over(&machine), &job);
        assert_eq!(verdict, Verdict::Clean, "{events:#?}");
        nothing_at(&look(&machine), &scope);
    }
}

#[test]
fn a_mount_that_a_task_left_is_detached_by_its_path_alone() {
    let machine = Machine::v2();
    let task = machine.beside(&format!(
        "run/containerd/io.containerd.runtime.v2.task/default/{ID}"
    ));
    fs::create_dir_all(task.join("rootfs")).unwrap();
    let point = task.join("rootfs");
    let line = format!("40 31 0:93 / {} rw - overlay overlay rw\n", point.display());
    fs::write(machine.proc().join("self/mountinfo"), line).unwrap();
    let leftover = at(&look(&machine), "rootfs");
    assert_eq!(
        (leftover.kind, leftover.confidence),
        (LeftoverKind::Mount, Confidence::Likely)
    );
    let job = order(&leftover, KillOrphans::No).unwrap();
    let kernel = FakeKernel::over(&machine);
    assert_eq!(clean(&machine, &kernel, &job).0, Verdict::Clean);
    assert_eq!(kernel.detached(), [point]);
    nothing_at(&look(&machine), "rootfs");
}

#[test]
fn an_engines_directory_that_leads_to_a_remote_mount_is_not_asked_and_is_said() {
    let machine = Machine::v2();
    let nas = machine.beside("mnt/nas");
    fs::create_dir_all(nas.join("containers").join(ID)).unwrap();
    let docker = machine.beside("var/lib/docker");
    fs::create_dir_all(docker.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&nas, &docker).unwrap();
    let lines = format!(
        "30 1 8:1 / / rw - ext4 disk rw\n40 30 0:93 / {} rw - nfs4 nas:/ rw\n",
        nas.display()
    );
    fs::write(machine.proc().join("self/mountinfo"), lines).unwrap();
    let unread = look(&machine).unread;
    let said = "docker/containers: on a file system that may never answer";
    let hit = unread.iter().any(|what| what.words().ends_with(said));
    assert!(hit, "{unread:?}");
}
