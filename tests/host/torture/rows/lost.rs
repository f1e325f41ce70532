//! Its pid or its cgroup is another's, or stands nowhere.

use std::fs;

use ocitop::oci::RuntimeKind;
use serde_json::{Value, json};

use super::{CLEAN, Needs, Row, Spec, move_into, recycled, row, shared, until, wait_for_family};
use crate::rig::pids_of;

pub(super) const ROWS: &[Row] = &[
    row(
        "recycled pid",
        "init dead, its pid another process's",
        CLEAN,
        recycled,
    ),
    row(
        "recycled pid, no cgroup",
        "and its cgroups removed by somebody",
        [
            "rc 1, record left; kill kills the stranger",
            "clean",
            "clean",
        ],
        |stage| {
            recycled(stage);
            until("the cgroups are empty", || stage.members().is_empty());
            for dir in stage.rig.cgroups(&stage.id) {
                fs::remove_dir(dir).unwrap();
            }
        },
    ),
    row(
        "cgroup not recorded",
        "its path removed from the record",
        [
            "rc 1, all left",
            "rc 0, cgroups left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            match stage.rig.kind {
                RuntimeKind::Runc => stage.rig.edit_state(&stage.id, |state| {
                    state["cgroup_paths"] = json!({});
                }),
                RuntimeKind::Crun => stage.rig.edit_state(&stage.id, |state| {
                    drop(state.as_object_mut().unwrap().remove("cgroup-path"));
                }),
                RuntimeKind::Youki => {
                    let file = stage.rig.state_dir(&stage.id).join("youki_config.json");
                    let mut config: Value =
                        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                    drop(config.as_object_mut().unwrap().remove("cgroup_path"));
                    fs::write(file, config.to_string()).unwrap();
                }
            }
        },
    ),
    row(
        "no cgroup at all",
        "--cgroup-manager disabled, shared pid namespace",
        ["-", "-", "rc 0, record gone, every process left"],
        |stage| {
            let bundle = stage
                .rig
                .bundle(&stage.id, &shared("sleep 3000 & sleep 3001 & wait"));
            let bundle = bundle.to_str().unwrap();
            let run = [
                "--cgroup-manager=disabled",
                "run",
                "-d",
                "-b",
                bundle,
                &stage.id,
            ];
            stage.rig.runtime(&run).ok();
            stage.family = wait_for_family(stage.init(), 3);
        },
    ),
    row(
        "paths that differ",
        "the pids hierarchy has it elsewhere than the others",
        ["-", "clean", "-"],
        |stage| {
            stage.run(&Spec::default());
            stage.others(2);
            let old = stage.controller("pids");
            let new = old.with_file_name("elsewhere");
            for pid in pids_of(&old) {
                move_into(&new, pid);
            }
            until("the old one is empty", || pids_of(&old).is_empty());
            fs::remove_dir(old).unwrap();
            stage.rig.edit_state(&stage.id, |state| {
                state["cgroup_paths"]["pids"] = new.to_str().unwrap().into();
            });
            stage.gone.push(new);
        },
    )
    .needs(Needs::V1("v2 has one hierarchy")),
    row(
        "escaped child",
        "private pid namespace; a child moved itself out of every cgroup of it",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            let child = stage.others(2)[0];
            let outside: Vec<_> = stage
                .rig
                .cgroups(&stage.id)
                .iter()
                .map(|dir| dir.with_file_name("escaped"))
                .collect();
            for dir in outside {
                fs::create_dir(&dir).unwrap();
                drop(fs::write(dir.join("cgroup.procs"), child.to_string()));
                stage.free.push(dir);
            }
        },
    ),
    row(
        "inside another's cgroup",
        "its cgroup is made below that of a container that lives on",
        CLEAN,
        |stage| {
            let outer = "outer".to_owned();
            stage.rig.run(&outer);
            let path = format!("{outer}/inner");
            let id = stage.id.clone();
            stage.run_inside(&id, &path);
            if stage.impossible.is_some() {
                return;
            }
            stage.stays.extend(stage.rig.cgroups(&outer));
            stage.gone.extend(stage.rig.cgroups(&path));
            assert!(!stage.gone.is_empty());
        },
    ),
    row(
        "another inside its cgroup",
        "a live container below: refused, and clean once that is gone",
        [
            "rc 1, record and cgroups left",
            "rc 0, cgroups left",
            "rc 0, the other killed as well",
        ],
        |stage| {
            stage.run(&Spec::default());
            let path = format!("{}/inner", stage.id);
            stage.run_inside("inner", &path);
        },
    )
    .kept(
        |stage| {
            assert_eq!(stage.rig.status("inner"), "running");
            assert_eq!(stage.rig.status(&stage.id), "running");
            vec!["inner".to_owned(), "shared".to_owned()]
        },
        |stage| drop(stage.rig.ocitop(&["delete", "--force", "inner"]).ok()),
    ),
];
