//! A caller that speaks runc's command line calls ocitop and does not notice.

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::rig::{Ended, Rig, Spec, slowness, until, with};

/// Every field of `own` is in `ours`; where `same` says so, with the same value.
fn assert_holds(own: &Value, ours: &Value, path: &str, same: &dyn Fn(&str) -> bool) {
    match own {
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let path = format!("{path}.{key}");
                assert!(!ours[key].is_null(), "{path} is missing: {ours:#}");
                assert_holds(value, &ours[key], &path, same);
            }
        }
        value if same(path) => assert_eq!(value, ours, "{path}"),
        value => {
            let kind = (value.is_number(), value.is_array(), value.is_string());
            assert_eq!(
                kind,
                (ours.is_number(), ours.is_array(), ours.is_string()),
                "{path}"
            );
        }
    }
}

/// The names of fields in the order in which they are written, whatever is in them.
fn fields(text: &str) -> Vec<&str> {
    let quoted = text.split('"').skip(1).step_by(2);
    let after = text.split('"').skip(2).step_by(2);
    let named = quoted
        .zip(after)
        .filter(|(_, after)| after.starts_with(':'));
    named.map(|(name, _)| name).collect()
}

/// What `own` prints is printed by `ours` in the same order; more may be between and behind.
fn assert_same_order(own: &str, ours: &str) {
    let mut rest = fields(ours).into_iter();
    for field in fields(own) {
        assert!(rest.any(|name| name == field), "{field}: {own}\n{ours}");
    }
}

fn on_runc(name: &str, test: fn(&Rig)) {
    with(RuntimeKind::Runc, name, test);
}

#[test]
fn the_statistics_have_the_fields_of_runc_and_the_same_counters() {
    on_runc(
        "the_statistics_have_the_fields_of_runc_and_the_same_counters",
        |rig| {
            // Frozen, so that nothing is counted between the two looks.
            rig.paused("web");
            let text = |program: fn(&Rig, &[&str]) -> Ended| {
                program(rig, &["events", "--stats", "web"]).ok().stdout
            };
            let (own, ours) = (text(Rig::runtime), text(Rig::ocitop));
            assert_same_order(&own, &ours);
            let json = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
            let (own, ours) = (json(&own), json(&ours));
            // What the kernel itself holds for the two callers may differ by a page.
            let moves = |path: &str| {
                ["memory.usage", "memory.swap", "memory.kernel"]
                    .iter()
                    .any(|part| path.contains(part))
                    && !path.ends_with("limit")
            };
            assert_holds(&own, &ours, "", &|path| {
                !moves(path) && !path.contains("memory.raw")
            });
        },
    );
}

#[test]
fn events_come_at_their_interval_until_the_container_ends() {
    on_runc(
        "events_come_at_their_interval_until_the_container_ends",
        |rig| {
            rig.run("web");
            std::thread::scope(|scope| {
                let events = scope.spawn(|| rig.ocitop(&["events", "--interval", "100ms", "web"]));
                let pid = rig.pid("web");
                until("a few intervals passed", || {
                    // The container's own time is the clock: ocitop has to be running by then.
                    std::fs::read_dir(format!("/proc/{pid}")).is_ok()
                        && elapsed(pid) > f64::from(slowness())
                });
                rig.kill_init("web");
                let text = events.join().unwrap().ok().stdout;
                assert!(text.lines().count() >= 2, "{text}");
                for line in text.lines() {
                    let event: Value = serde_json::from_str(line).unwrap();
                    assert_eq!(
                        (&event["type"], &event["id"]),
                        (&"stats".into(), &"web".into())
                    );
                }
            });
        },
    );
}

/// Seconds since a process started.
fn elapsed(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start = text
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(19)
        .unwrap();
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
    uptime - start.parse::<f64>().unwrap() / 100.0
}

#[test]
fn state_list_and_ps_say_what_runc_says() {
    on_runc("state_list_and_ps_say_what_runc_says", |rig| {
        rig.run("web");
        until("both processes run", || rig.processes().len() == 2);
        for args in [&["state", "web"][..], &["list", "-f", "json"]] {
            let (own, ours) = (rig.runtime(args).ok(), rig.ocitop(args).ok());
            assert_same_order(&own.stdout, &ours.stdout);
        }
        let own = rig.state("web");
        let ours = rig.ocitop(&["state", "web"]).ok().json();
        // runc leaves the owner of a state empty.
        assert_holds(&own, &ours, "", &|path| path != ".owner");
        let own = rig.runtime(&["list", "-f", "json"]).ok().json();
        let ours = rig.ocitop(&["list", "-f", "json"]).ok().json();
        assert_holds(&own[0], &ours[0], "", &|_| true);
        let own = rig.runtime(&["list"]).ok().stdout;
        assert_eq!(rig.ocitop(&["list"]).ok().stdout, own);
        let own = rig.runtime(&["ps", "-f", "json", "web"]).ok().json();
        assert_eq!(rig.ocitop(&["ps", "-f", "json", "web"]).ok().json(), own);
        // Without the columns that move on between two calls.
        let columns = ["ps", "web", "-eo", "pid,ppid,args"];
        let own = rig.runtime(&columns).ok().stdout;
        assert_eq!(rig.ocitop(&columns).ok().stdout, own);
    });
}

with_each_runtime! {
    fn signal_0_asks_and_a_real_time_signal_arrives(rig: &Rig) {
        // An init gets no signal from outside that it has no handler for, but these two.
        let script = "trap 'exit 3' 37; trap 'exit 4' 63; while :; do sleep 0.1; done";
        for (id, name) in [("min", "RTMIN+3"), ("max", "sigrtmax-1"), ("number", "37")] {
            rig.run_with(id, &Spec { script: script.to_owned(), ..Spec::default() });
            let pid = rig.pid(id);
            until("both handlers are set", || catches(pid, 37) && catches(pid, 63));
            rig.ocitop(&["kill", id, "0"]).ok();
            rig.ocitop(&["kill", "--all", id, "0"]).ok();
            assert_eq!(rig.status(id), "running");
            rig.ocitop(&["kill", id, name]).ok();
            until("it ends", || rig.status(id) == "stopped");
            rig.ocitop(&["kill", id, "0"]).refused(1, "container not running");
            // As runc, whose callers so make sure that nothing is left.
            rig.ocitop(&["kill", "--all", id, "0"]).ok();
            rig.ocitop(&["delete", id]).ok();
            rig.assert_gone(id);
        }
    }
}

/// Whether a process has a handler for a signal.
fn catches(pid: i32, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
    caught >> (signal - 1) & 1 == 1
}

#[test]
fn refusals_have_the_code_of_runc_and_the_words_that_callers_look_for() {
    on_runc(
        "refusals_have_the_code_of_runc_and_the_words_that_callers_look_for",
        |rig| {
            rig.run("web");
            rig.stopped("done");
            for (words, args) in [
                ("does not exist", &["state", "none"][..]),
                ("does not exist", &["delete", "none"]),
                ("does not exist", &["kill", "none", "KILL"]),
                ("not running", &["kill", "done", "KILL"]),
                ("not running", &["events", "--stats", "done"]),
                ("not stopped", &["delete", "web"]),
            ] {
                let own = rig.runtime(args);
                assert!(own.stderr.contains(words), "{args:?}: {own:?}");
                rig.ocitop(args).refused(own.code, words);
            }
            rig.ocitop(&[
                "--systemd-cgroup",
                "--rootless",
                "auto",
                "delete",
                "--force",
                "none",
            ])
            .ok();
            rig.ocitop(&["delete", "done"]).ok();
            rig.assert_gone("done");
        },
    );
}

#[test]
fn what_is_empty_is_printed_as_runc_prints_it() {
    on_runc("what_is_empty_is_printed_as_runc_prints_it", |rig| {
        let list = [&["list"][..], &["list", "-q"], &["list", "-f", "json"]];
        let same = |args: &[&str]| {
            let own = rig.runtime(args).ok().stdout;
            assert_eq!(rig.ocitop(args).ok().stdout, own, "{args:?}");
        };
        list.iter().copied().for_each(same);
        rig.stopped("done");
        for args in [&["ps", "done"][..], &["ps", "-f", "json", "done"]] {
            same(args);
        }
    });
}

#[test]
fn the_log_ends_with_the_error_where_containerd_reads_it() {
    on_runc(
        "the_log_ends_with_the_error_where_containerd_reads_it",
        |rig| {
            let log = rig.scratch("log.json");
            let log = log.to_str().unwrap();
            let ended = rig.ocitop(&["--log", log, "--log-format", "json", "state", "none"]);
            ended.refused(1, "does not exist");
            let text = std::fs::read_to_string(log).unwrap();
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!(last["level"], "error");
            assert!(
                last["msg"].as_str().unwrap().contains("does not exist"),
                "{last:#}"
            );
        },
    );
}
