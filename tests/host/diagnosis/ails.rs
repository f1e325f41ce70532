//! What a container suffers from while nothing keeps it from being deleted: the verdict says that it
//! runs, and what ails it; the checks say `look`, with counts.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::beside::{shared, with};
use super::{Said, diagnose};
use crate::rig::{Spec, has_v1, number, until};

/// The check of this name.
pub(super) fn check<'a>(said: &'a Said, name: &str) -> &'a Value {
    let checks = said.json["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == name).unwrap()
}

#[track_caller]
pub(super) fn looks(said: &Said, name: &str, words: &str) {
    let check = check(said, name);
    assert_eq!(check["verdict"], "look", "{check}");
    assert!(check["found"].as_str().unwrap().contains(words), "{check}");
    assert_eq!(said.json["findings"][0]["cause"], "running");
    let verdict = said.json["verdict"].as_str().unwrap();
    assert!(verdict.contains(", but: "), "{verdict}");
}

fn flat(dir: &Path, file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

#[test]
fn the_oom_killer_came() {
    with("OOM kills", |rig| {
        let id = rig.id();
        // One after the other grows until it is killed.
        let script = "while :; do (x=0123456789; while :; do x=$x$x; done); sleep 0.1; done";
        let resources = json!({"memory": {"limit": 16 << 20}});
        rig.run_with(
            &id,
            &Spec {
                resources,
                ..shared(script)
            },
        );
        let memory = rig.cgroup(&id, "memory");
        let file = if has_v1() {
            "memory.oom_control"
        } else {
            "memory.events"
        };
        until("it came twice", || flat(&memory, file, "oom_kill ") >= 2);
        let said = diagnose(rig, &id);
        looks(&said, "memory", "the OOM killer");
        assert!(said.one("oom-kills")["kills"].as_u64().unwrap() >= 2);
    });
}

#[test]
fn its_memory_limit_is_hit_again_and_again() {
    with("a memory limit that is hit", |rig| {
        let id = rig.id();
        // Page cache is given back at the limit: nobody is killed.
        let disk = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/var/tmp")
            .unwrap();
        let script = "while :; do dd if=/dev/zero of=/data/file bs=65536 count=512; done";
        let spec = Spec {
            resources: json!({"memory": {"limit": 8 << 20}}),
            mounts: json!([{"destination": "/data", "type": "bind", "source": disk.path(),
                "options": ["rbind", "rw"]}]),
            ..shared(script)
        };
        rig.run_with(&id, &spec);
        let memory = rig.cgroup(&id, "memory");
        let hits = || {
            if has_v1() {
                number(&memory, "memory.failcnt")
            } else {
                flat(&memory, "memory.events", "max ")
            }
        };
        until("it is hit", || hits() > 100);
        let said = diagnose(rig, &id);
        looks(&said, "memory", "was hit");
        let finding = said.one("memory-at-limit");
        assert_eq!(finding["limit"], 8 << 20);
        assert!(finding["hits"].as_u64().unwrap() > 100, "{finding}");
        assert_eq!(finding["level"], "own");
    });
}

#[test]
fn its_cpu_quota_holds_it_back_all_the_time() {
    with("a CPU quota that throttles", |rig| {
        let id = rig.id();
        let resources = json!({"cpu": {"quota": 10_000, "period": 100_000}});
        rig.run_with(
            &id,
            &Spec {
                resources,
                ..shared("while :; do :; done")
            },
        );
        let cpu = rig.cgroup(&id, "cpu");
        until("it is throttled", || {
            flat(&cpu, "cpu.stat", "nr_throttled ") >= 5
        });
        let said = diagnose(rig, &id);
        looks(&said, "cpu", "held back");
        let finding = said.one("cpu-throttled");
        assert_eq!(finding["quota"], 100_000);
        assert_eq!(finding["cgroup"].as_str(), cpu.to_str());
    });
}

#[test]
fn what_a_cgroup_above_allows_is_its_limit_too() {
    with("limits set above", |rig| {
        let id = rig.id();
        rig.run_with(&id, &shared("while :; do :; done"));
        let write = |controller: &str, file: &str, value: &str| {
            let above = rig.cgroup("", controller);
            fs::write(above.join(file), value).unwrap();
            above
        };
        let (memory, cpu) = if has_v1() {
            let memory = write("memory", "memory.limit_in_bytes", "67108864");
            write("cpu", "cpu.cfs_period_us", "100000");
            (memory, write("cpu", "cpu.cfs_quota_us", "10000"))
        } else {
            let memory = write("", "memory.max", "67108864");
            (memory, write("", "cpu.max", "10000 100000"))
        };
        until("it is throttled", || {
            flat(&cpu, "cpu.stat", "nr_throttled ") >= 5
        });
        let said = diagnose(rig, &id);
        let finding = said.one("cpu-throttled");
        assert_eq!(finding["level"], "above");
        assert_eq!(finding["cgroup"].as_str(), cpu.to_str());
        let found = check(&said, "memory")["found"].as_str().unwrap();
        let set = format!("of 64M, set above by {}", memory.display());
        assert!(found.contains(&set), "{found}");
        // The list shows what holds it back, as it shows the limit.
        let ended = rig.ocitop(&[
            "top",
            "--batch",
            "-n",
            "3",
            "--interval",
            "1s",
            "-f",
            "json",
        ]);
        let last = ended.ok().stdout.lines().last().unwrap().to_owned();
        let last: Value = serde_json::from_str(&last).unwrap();
        let usage = &last["containers"][0]["usage"];
        assert_eq!(usage["cpu_limit"], 100_000);
        assert!(
            usage["throttled"].as_f64().is_some_and(|it| it > 50.0),
            "{usage}"
        );
    });
}
