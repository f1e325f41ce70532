//! The rows of the torture table, and what a diagnosis has to say of each.

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use super::{Case, Said, has_v1};
use crate::rig::{kill, process_state, until};
use crate::torture::Stage;

const fn case(row: &'static str, says: fn(&Stage<'_>, &Said)) -> Case {
    Case {
        row,
        of_record: false,
        then: |_| {},
        says,
    }
}

/// What is said depends on the runtime.
const fn of_record(row: &'static str, says: fn(&Stage<'_>, &Said)) -> Case {
    Case {
        of_record: true,
        ..case(row, says)
    }
}

const fn after(row: &'static str, then: fn(&mut Stage<'_>), says: fn(&Stage<'_>, &Said)) -> Case {
    Case {
        then,
        ..case(row, says)
    }
}

fn pids(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|pid| pid.as_i64().unwrap())
        .collect()
}

#[track_caller]
fn names(value: &Value, path: &std::path::Path) {
    assert_eq!(value.as_str(), path.to_str());
}

pub(super) const CASES: &[Case] = &[
    of_record("running", |stage, said| {
        assert_eq!(said.verdict("running")["pid"], stage.init());
    }),
    of_record("created", |_, said| {
        let finding = said.verdict("created");
        said.offers(finding, " start ");
    }),
    of_record("paused", |_, said| {
        let finding = said.verdict("paused");
        said.offers(finding, " resume ");
    }),
    case("stopped", |_, said| {
        assert_eq!(said.verdict("stopped")["left"], 0);
    }),
    of_record("frozen from outside", |stage, said| {
        // youki remembers that it did not do it.
        let cause = if stage.rig.kind == RuntimeKind::Youki {
            "frozen"
        } else {
            "paused"
        };
        names(&said.verdict(cause)["cgroup"], &stage.controller("freezer"));
    }),
    of_record("killed while frozen", |stage, said| {
        // v2 lets it die, and then nothing of it is frozen any more.
        if !has_v1() {
            assert_eq!(said.verdict("stopped")["left"], 0);
            assert!(said.all("frozen").is_empty());
            return;
        }
        let finding = said.verdict("frozen");
        names(&finding["cgroup"], &stage.controller("freezer"));
        assert!(pids(&finding["killed"]).contains(&stage.init().into()));
        said.offers(finding, " resume ");
    }),
    case("init dead, children alive", |_, said| {
        let finding = said.verdict("stopped");
        assert_eq!(finding["left"], 2);
        said.offers(finding, "delete --force");
    }),
    case("state file empty", |_, said| {
        assert!(said.verdict("torn")["processes"].as_u64() > Some(0));
    }),
    of_record("state file torn", |_, said| {
        assert!(said.verdict("torn")["processes"].as_u64() > Some(0));
    }),
    of_record("state file missing", |_, said| {
        said.verdict("missing");
    }),
    case("create killed half-way", |_, said| {
        said.verdict("missing");
    }),
    of_record("second file missing", |_, said| {
        said.verdict("incomplete");
    }),
    case("bundle gone", |_, said| {
        said.one("running");
    }),
    case("empty sub-cgroup", |stage, said| {
        said.verdict("running");
        let finding = said.one("sub-cgroups");
        assert_eq!(finding["processes"], 0);
        let first = finding["cgroups"][0].as_str().unwrap();
        assert!(
            first.contains(&stage.id) && first.contains("/in"),
            "{first}"
        );
    }),
    case("sub-cgroup with a process", |_, said| {
        assert_eq!(said.one("sub-cgroups")["processes"], 1);
    }),
    case("threaded sub-cgroup", |stage, said| {
        // It holds nobody up: one of its processes has lost its first thread, which is worth more.
        said.verdict("dead-leader");
        let sub = stage.controller("").join("in");
        names(&said.one("threaded")["cgroup"], &sub);
        names(&said.one("invalid")["cgroup"], &sub.join("deeper"));
    }),
    case("frozen sub-cgroup", |stage, said| {
        let finding = said.verdict("frozen");
        names(&finding["cgroup"], &stage.controller("freezer").join("in"));
        assert_eq!(finding["level"], "below");
    }),
    case("frozen twice", |stage, said| {
        // v2 lets both die: the one below has nobody left, the container's own has one.
        let all = said.all("frozen");
        assert_eq!(all.len(), if has_v1() { 2 } else { 1 });
        if !has_v1() {
            names(&all[0]["cgroup"], &stage.controller("freezer"));
            assert_eq!(said.one("stopped")["left"], 1);
        }
    }),
    case("300 processes", |_, said| {
        assert_eq!(said.verdict("running")["processes"], 301);
    }),
    case("fork bomb", |stage, said| {
        said.verdict("fork-bomb");
        names(&said.one("pids-limit")["cgroup"], &stage.controller("pids"));
    }),
    after(
        "CPU quota",
        |stage| {
            let file = stage.controller("cpu").join("cpu.stat");
            until("it is throttled", || {
                !std::fs::read_to_string(&file)
                    .unwrap()
                    .contains("nr_throttled 0\n")
            });
        },
        |stage, said| {
            let finding = said.verdict("cpu-quota");
            names(&finding["cgroup"], &stage.controller("cpu"));
            let file = if has_v1() {
                "cpu.cfs_quota_us"
            } else {
                "cpu.max"
            };
            said.offers(finding, file);
        },
    ),
    case("zombies", |stage, said| {
        let finding = said.one("zombies");
        assert_eq!(
            (&finding["count"], &finding["parent"]),
            (&20.into(), &stage.init().into())
        );
        said.verdict("running");
    }),
    after(
        "init is a zombie",
        |stage| {
            until("the runtime says stopped", || {
                stage.rig.status(&stage.id) == "stopped"
            });
        },
        |_, said| {
            let parent = said.verdict("zombie-init")["parent"].as_i64().unwrap();
            let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).unwrap();
            assert_eq!(name, "odd\n");
        },
    ),
    case("dead first thread", |_, said| {
        assert_eq!(said.verdict("dead-leader")["threads"], 1);
    }),
    case("stopped by SIGSTOP", |stage, said| {
        let finding = said.verdict("stopped-by-signal");
        let mut named = pids(&finding["pids"]);
        named.sort_unstable();
        assert_eq!(
            named,
            stage
                .members()
                .into_iter()
                .map(i64::from)
                .collect::<Vec<_>>()
        );
        said.offers(finding, "kill -18");
    }),
    case("waiting in vfork", |stage, said| {
        let finding = said.verdict("vfork");
        let members = stage.members();
        for key in ["pid", "child"] {
            let pid = i32::try_from(finding[key].as_i64().unwrap()).unwrap();
            assert!(members.contains(&pid), "{key} in {finding}");
        }
    }),
    case("stopped by a tracer", |stage, said| {
        let finding = said.verdict("traced");
        assert_eq!(finding["pid"], stage.culprit);
        said.offers(finding, &format!("kill -9 {}", finding["tracer"]));
    }),
    after(
        "held at its exit by a tracer",
        |stage| {
            kill(stage.culprit);
            until("it is held", || process_state(stage.culprit) == Some('t'));
        },
        |stage, said| {
            let finding = said.verdict("held-at-exit");
            assert_eq!(finding["pid"], stage.culprit);
            said.offers(finding, &format!("kill -9 {}", finding["tracer"]));
        },
    ),
    of_record("recycled pid", |stage, said| {
        let finding = said.verdict("recycled");
        assert_eq!(finding["pid"], stage.strangers[0].pid());
    }),
    case("recycled pid, no cgroup", |stage, said| {
        assert_eq!(said.verdict("recycled")["pid"], stage.strangers[0].pid());
    }),
    of_record("cgroup not recorded", |stage, said| {
        // crun cannot do without it, youki says where it put it in a file of its own.
        match stage.rig.kind {
            RuntimeKind::Runc => said.verdict("running"),
            RuntimeKind::Crun => said.verdict("corrupt"),
            RuntimeKind::Youki => said.verdict("incomplete"),
        };
    }),
    of_record("no cgroup at all", |_, said| {
        assert_eq!(said.verdict("running")["processes"], 3);
    }),
    of_record("paths that differ", |_, said| {
        said.verdict("running");
    }),
    case("escaped child", |_, said| {
        // A v1 cpuset takes nobody before it has CPUs: there the child has stayed.
        let partly = said.all("partly-outside");
        if partly.is_empty() {
            let finding = said.one("outside");
            assert!(
                finding["cgroup"].as_str().unwrap().ends_with("/escaped"),
                "{finding}"
            );
        }
    }),
    of_record("another inside its cgroup", |_, said| {
        assert_eq!(said.verdict("shared")["with"], "inner");
    }),
    case("child in a dead filesystem", names_fuse),
    after(
        "child in a dead filesystem",
        |stage| {
            kill(stage.culprit);
            until("it is in D", || process_state(stage.culprit) == Some('D'));
        },
        names_fuse,
    ),
    case("init in a dead filesystem", names_fuse),
    after(
        "dead filesystem at the exit",
        |stage| {
            kill(stage.culprit);
            until("it is in D", || process_state(stage.culprit) == Some('D'));
        },
        |stage, said| {
            names_fuse(stage, said);
            assert_eq!(said.verdict("fuse")["exiting"], true);
        },
    ),
    case("frozen from above", |stage, said| {
        let finding = said.verdict("frozen");
        let above = stage.rig.cgroup("", "freezer");
        names(&finding["cgroup"], &above);
        assert_eq!(finding["level"], "above");
        said.offers(finding, above.to_str().unwrap());
    }),
    case("frozen from above, on v2", |stage, said| {
        let finding = said.verdict("frozen");
        let above = stage.rig.cgroup("", "");
        names(&finding["cgroup"], &above);
        assert_eq!(finding["level"], "above");
        said.offers(finding, &format!("{}/cgroup.freeze", above.display()));
    }),
    case("a mount on its cgroup", |stage, said| {
        let finding = said.verdict("mount-on");
        names(&finding["mount"], &stage.controller("pids"));
        said.offers(finding, "umount ");
    }),
];

/// The reader, the connection of the very mount, and how to end it.
fn names_fuse(stage: &Stage<'_>, said: &Said) {
    let finding = said.verdict("fuse");
    assert_eq!(finding["pid"], stage.culprit);
    let dir = stage.fuse.as_ref().unwrap().dir();
    let mounts = ocitop::inventory::Machine::new(&ocitop::config::Roots::default()).mounts();
    let mount = mounts.iter().find(|mount| mount.point == dir).unwrap();
    assert_eq!(finding["connection"], mount.device.1, "{finding}");
    said.offers(
        finding,
        &format!("/sys/fs/fuse/connections/{}/abort", mount.device.1),
    );
    said.offers(finding, &format!("umount -f {}", dir.display()));
}
