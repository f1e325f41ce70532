//! Two at once: ocitop and ocitop, ocitop and the container's own runtime.

use serde_json::json;

use crate::rig::{Rig, Spec, pids_of, until};

/// A container whose poststop hook adds a line to the file it returns.
fn with_counting_hook(rig: &Rig, id: &str) -> std::path::PathBuf {
    let told = rig.scratch(&format!("told-{id}"));
    let script = format!("echo ran >> {}", told.display());
    let hooks = json!({"poststop": [
        {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin"]},
    ]});
    rig.run_with(
        id,
        &Spec {
            hooks,
            ..Spec::default()
        },
    );
    until("both processes run", || rig.members(id).len() == 2);
    told
}

/// How often a hook ran.
fn runs(told: &std::path::Path) -> usize {
    std::fs::read_to_string(told)
        .unwrap_or_default()
        .lines()
        .count()
}

with_each_runtime! {
    fn two_deletes_at_once_both_end_well(rig: &Rig) {
        for round in 0..5 {
            let id = format!("{}-{round}", rig.id());
            let told = with_counting_hook(rig, &id);
            let ended: Vec<_> = std::thread::scope(|scope| {
                let both = [(); 2].map(|()| scope.spawn(|| rig.ocitop(&["delete", "--force", &id])));
                both.into_iter().map(|one| one.join().unwrap()).collect()
            });
            for one in &ended {
                assert_eq!(one.code, 0, "{ended:#?}");
            }
            rig.assert_gone(&id);
            assert_eq!(runs(&told), 1, "runs of the hook: {ended:#?}");
        }
    }

    fn ocitop_and_the_runtime_at_once_leave_nothing(rig: &Rig) {
        for round in 0..5 {
            let id = format!("{}-{round}", rig.id());
            let told = with_counting_hook(rig, &id);
            let ended = std::thread::scope(|scope| {
                // The runtime may find it gone half-way; what it says then is its own affair.
                scope.spawn(|| rig.runtime(&["delete", "--force", &id]));
                rig.ocitop(&["delete", "--force", &id])
            });
            assert_eq!(ended.code, 0, "{ended:#?}");
            let count = runs(&told);
            assert!(count <= 2, "the hook ran {count} times: {ended:#?}");
            if rig.kind == ocitop::oci::RuntimeKind::Youki {
                // Its kill makes the freezer cgroup anew where it is gone, also after ocitop looked.
                for remade in rig.cgroups(&id) {
                    assert!(pids_of(&remade).is_empty(), "{}", remade.display());
                    std::fs::remove_dir(remade).unwrap();
                }
            }
            // A runtime that was faster with the record, and gave up on the rest, is no excuse.
            rig.assert_gone(&id);
        }
    }
}
