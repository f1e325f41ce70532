//! Two live containers with one cgroup, as two bundles with the same `cgroupsPath` make them.

use std::path::PathBuf;

use crate::rig::{Rig, Spec, by_systemd, start_of, until};

/// `id`, with the cgroup of `path`.
fn run_in(rig: &Rig, id: &str, path: &str, spec: &Spec) {
    let bundle = rig.bundle_in(id, path, spec);
    rig.runtime(&["run", "-d", "-b", bundle.to_str().unwrap(), id])
        .ok();
    until("it runs", || rig.status(id) == "running");
}

/// Two, both with the cgroup of the first.
fn two(rig: &Rig, spec: &Spec) -> Option<[String; 2]> {
    // There a scope is one container's.
    if by_systemd() {
        return None;
    }
    let ids = [rig.id(), format!("{}-b", rig.id())];
    for id in &ids {
        run_in(rig, id, &rig.id(), spec);
    }
    until("all run", || rig.processes().len() == 4);
    Some(ids)
}

with_each_runtime! {
    fn of_two_with_one_cgroup_each_is_signalled_and_deleted_by_itself(rig: &Rig) {
        let Some([web, other]) = two(rig, &Spec::default()) else { return };
        let (first, second) = (rig.pid(&web), rig.pid(&other));
        let start = start_of(second);
        let dirs = rig.cgroups(&web);
        let said = rig.ocitop(&["diagnose", &web]).ok().stdout;
        assert!(said.contains(&format!("shared with container {other}")), "{said}");
        assert!(!said.contains("CAUSE"), "{said}");
        rig.ocitop(&["kill", &web, "CONT"]).ok();
        rig.ocitop(&["pause", &web]).refused(1, "its freezer would stop that one too");
        assert_eq!(rig.status(&other), "running");
        let ended = rig.ocitop(&["delete", "--force", &web]).ok();
        assert!(ended.stdout.contains(&format!("shared with container {other}")), "{ended:#?}");
        assert!(!rig.state_dir(&web).exists());
        assert_eq!(start_of(first), None);
        assert_eq!((start_of(second), rig.processes().len()), (start, 2));
        assert_eq!(rig.cgroups(&web), dirs);
        rig.ocitop(&["delete", "--force", &other]).ok();
        rig.assert_gone(&web);
        rig.assert_gone(&other);
    }

    fn two_with_one_cgroup_are_deleted_by_one_command(rig: &Rig) {
        let Some([web, other]) = two(rig, &Spec::default()) else { return };
        rig.ocitop(&["delete", "--force", &web, &other]).ok();
        assert_eq!(rig.cgroups(&web), Vec::<PathBuf>::new());
        rig.assert_gone(&other);
        assert_eq!(rig.processes(), Vec::<i32>::new());
    }

    fn two_with_one_cgroup_and_the_hosts_pids_are_not_told_apart(rig: &Rig) {
        let spec = Spec {
            private_pids: false,
            // Without init of a pid namespace nobody reaps for it.
            script: "sleep 3000 & sleep 3001".to_owned(),
            ..Spec::default()
        };
        let Some([web, other]) = two(rig, &spec) else { return };
        let pids = rig.processes();
        for args in [&["delete", "--force", &web][..], &["kill", &web, "KILL"]] {
            rig.ocitop(args).refused(1, "it has no pid namespace of its own");
        }
        assert_eq!(rig.processes(), pids);
        assert_eq!(rig.status(&other), "running");
        for id in [&web, &other] {
            rig.kill_init(id);
        }
        for pid in rig.processes() {
            crate::rig::kill(pid);
        }
        until("they are dead", || rig.processes().is_empty());
        rig.ocitop(&["delete", "--force", &web, &other]).ok();
        rig.assert_gone(&web);
    }
}
