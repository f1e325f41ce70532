//! A container in each of its states, and what may have become of its record.

use std::fs;

use ocitop::oci::RuntimeKind;

use super::{CLEAN, Row, Spec, freeze, row, shared, until};
use crate::rig::{kill, start_of};

pub(super) const ROWS: &[Row] = &[
    row("running", "a shell and its child", CLEAN, |stage| {
        stage.run(&Spec::default());
        stage.others(2);
    }),
    row("created", "create, no start", CLEAN, |stage| {
        stage.rig.create(&stage.id);
    }),
    row("paused", "the runtime's own pause", CLEAN, |stage| {
        stage.rig.paused(&stage.id);
    }),
    row("stopped", "SIGKILL to init", CLEAN, |stage| {
        stage.rig.stopped(&stage.id);
    }),
    row(
        "frozen from outside",
        "its freezer written to behind the runtime's back",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            stage.others(2);
            freeze(&stage.controller("freezer"));
        },
    ),
    row(
        "killed while frozen",
        "paused, then SIGKILL to init: pending until the thaw",
        CLEAN,
        |stage| {
            stage.rig.paused(&stage.id);
            kill(stage.init());
        },
    ),
    row(
        "init dead, children alive",
        "shared pid namespace, SIGKILL to init",
        CLEAN,
        |stage| {
            stage.run(&shared("sleep 3000 & sleep 3001 & wait"));
            let children = stage.others(3);
            stage.rig.kill_init(&stage.id);
            assert!(children.iter().all(|pid| start_of(*pid).is_some()));
        },
    ),
    row(
        "children in sessions of their own",
        "shared pid namespace, orphaned twice over, SIGKILL to init",
        CLEAN,
        |stage| {
            if stage.with_odd() {
                stage.run(&shared("exec /bin/odd session"));
                // Five, five zombies that nobody reaps, and init.
                until("they are orphans", || stage.members().len() >= 6);
                stage.rig.kill_init(&stage.id);
            }
        },
    ),
    row(
        "state file empty",
        "truncated under a running container",
        [
            "rc 1, all left",
            "rc 1, all left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            fs::write(stage.rig.state_file(&stage.id), "").unwrap();
        },
    ),
    row(
        "state file torn",
        "cut in the middle",
        [
            "rc 1, all left",
            "rc 1, all left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            let file = stage.rig.state_file(&stage.id);
            let whole = fs::read(&file).unwrap();
            fs::write(file, &whole[..whole.len() / 2]).unwrap();
        },
    ),
    row(
        "state file missing",
        "removed under a running container",
        [
            "rc 1, all left",
            "rc 0, cgroups and processes left",
            "rc 0, cgroups and processes left",
        ],
        |stage| {
            stage.run(&Spec::default());
            fs::remove_file(stage.rig.state_file(&stage.id)).unwrap();
        },
    ),
    row(
        "create killed half-way",
        "created, then its state file removed: only the fifo or socket is left",
        [
            "rc 1, all left",
            "rc 0, init and cgroups left",
            "rc 0, init and cgroups left",
        ],
        |stage| {
            stage.rig.create(&stage.id);
            fs::remove_file(stage.rig.state_file(&stage.id)).unwrap();
        },
    ),
    row(
        "second file missing",
        "youki_config.json or crun's config.json removed",
        ["rc 1, all left", "-", "rc 1, all left"],
        |stage| {
            stage.run(&Spec::default());
            let name = if stage.is(RuntimeKind::Youki) {
                "youki_config.json"
            } else {
                "config.json"
            };
            fs::remove_file(stage.rig.state_dir(&stage.id).join(name)).unwrap();
        },
    ),
    row(
        "bundle gone",
        "the bundle directory removed",
        CLEAN,
        |stage| {
            stage.run(&Spec::default());
            let bundle = stage.rig.scratch("bundles").join(&stage.id);
            fs::remove_file(bundle.join("config.json")).unwrap();
            // What a runtime put there goes as well.
            for entry in fs::read_dir(&bundle).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
            fs::remove_dir(bundle).unwrap();
        },
    ),
];
