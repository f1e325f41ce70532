//! The binary on a fixture machine: shapes, wordings, exit codes. Nothing here changes anything.

use std::process::{Command, Output, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::support::machine::Machine;

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs ocitop on this machine, with `--root` for its state root.
fn ocitop(machine: &Machine, args: &[&str]) -> Said {
    let mut command = on(machine);
    command.arg("--root").arg(machine.root()).args(args);
    said(&command.output().unwrap())
}

/// ocitop on this machine, no state root named.
fn on(machine: &Machine) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocitop"));
    command
        .stdin(Stdio::null())
        .env("XDG_STATE_HOME", machine.program("log"))
        .arg("--stand-in")
        .arg("--cgroup-root")
        .arg(machine.cgroup_root())
        .arg("--proc-root")
        .arg(machine.proc());
    command
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// Fails unless it ended with `code` and one line on stderr that holds `words`.
#[track_caller]
fn assert_refused(said: &Said, code: i32, words: &str) {
    assert_eq!(said.code, code, "{}", said.stderr);
    assert!(said.stderr.starts_with("ocitop: "), "{}", said.stderr);
    assert!(said.stderr.contains(words), "{words:?} in {}", said.stderr);
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
}

fn three() -> Machine {
    Machine::v1()
        .running("one", RuntimeKind::Youki)
        .paused("two", RuntimeKind::Runc)
        .stopped("three", RuntimeKind::Crun)
}

#[test]
fn with_one_root_the_table_has_runcs_columns() {
    let machine = three();
    let said = ocitop(&machine, &["list"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let mut lines = said.stdout.lines();
    let header: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    );
    let rows: Vec<Vec<_>> = lines
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    let pid = machine.container("two").init.unwrap().pid.to_string();
    assert!(rows.contains(&vec!["two", pid.as_str(), "paused"]));
    assert!(rows.contains(&vec!["three", "0", "stopped"]));
    assert_eq!(rows.len(), 3);
}

#[test]
fn quiet_prints_ids_only() {
    let said = ocitop(&three(), &["list", "-q"]);
    let mut ids: Vec<_> = said.stdout.lines().collect();
    ids.sort_unstable();
    assert_eq!(ids, ["one", "three", "two"]);
}

#[test]
fn an_entry_of_the_json_list_has_what_scripts_ask_for() {
    let machine = three();
    let said = ocitop(&machine, &["list", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(list.len(), 3);
    for entry in &list {
        for key in [
            "id", "runtime", "root", "status", "pid", "bundle", "created", "owner", "cgroup", "rdt",
        ] {
            assert!(entry.get(key).is_some(), "{key} in {entry:#}");
        }
        assert!(entry.get("problem").is_none(), "{entry:#}");
        assert_eq!(entry["root"], machine.root().to_str().unwrap());
    }
    let empty = ocitop(&Machine::v2(), &["list", "-f", "json"]);
    assert_eq!((empty.code, empty.stdout.trim()), (0, "null"));
}

#[test]
fn a_broken_entry_is_listed_said_on_stderr_and_no_failure() {
    let machine = three();
    std::fs::write(machine.state_dir("one").join("state.json"), "{").unwrap();
    let said = ocitop(&machine, &["list", "-f", "json"]);
    assert_eq!(said.code, 0);
    assert!(said.stderr.contains("one"), "{}", said.stderr);
    let list: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    let broken = list.iter().find(|entry| entry["id"] == "one").unwrap();
    assert_eq!(broken["status"], "broken");
    assert!(broken["problem"].is_string(), "{broken:#}");
    assert_eq!(list.len(), 3);
}

#[test]
fn names_that_could_drive_a_terminal_are_escaped() {
    let machine = Machine::v1();
    std::fs::create_dir(machine.root().join("a\u{1b}]0;x\u{7}\nb")).unwrap();
    let said = ocitop(&machine, &["list"]);
    assert!(
        said.stdout.contains("a\\x1b]0;x\\x07\\nb"),
        "{}",
        said.stdout
    );
    for text in [&said.stdout, &said.stderr] {
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text:?}"
        );
    }
}

#[test]
fn state_is_json_in_the_shape_of_the_runtime_spec() {
    let machine = three();
    let said = ocitop(&machine, &["state", "one"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let state: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(state["id"], "one");
    assert_eq!(state["status"], "running");
    assert_eq!(state["pid"], machine.container("one").init.unwrap().pid);
    assert_eq!(state["bundle"], "/bundle");
    assert!(state["ociVersion"].is_string());
}

#[test]
fn the_statistics_have_the_pressure_where_the_host_counts_it() {
    let machine = Machine::v2().running("one", RuntimeKind::Runc);
    let line = |kind: &str| format!("{kind} avg10=1.50 avg60=0.00 avg300=0.00 total=7\n");
    let file = machine.cgroup_dirs("one")[0].join("memory.pressure");
    std::fs::write(file, line("some") + &line("full")).unwrap();
    let said = ocitop(&machine, &["events", "--stats", "one"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout
            .starts_with(r#"{"type":"stats","id":"one","data":{"cpu":"#)
    );
    let psi = r#""psi":{"some":{"avg10":1.5,"avg60":0.0,"avg300":0.0,"total":7},"full":{"#;
    assert!(said.stdout.contains(psi), "{}", said.stdout);
    let event: Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(event["data"]["memory"]["psi"].is_object(), "{event:#}");
    assert!(event["data"]["blkio"].get("psi").is_none(), "{event:#}");
}

#[test]
fn ps_prints_the_processes_of_the_cgroup() {
    let machine = three();
    let said = ocitop(&machine, &["ps", "--format", "json", "one"]);
    let mut pids: Vec<i32> = serde_json::from_str(&said.stdout).unwrap();
    pids.sort_unstable();
    let mut expected = machine.processes("one");
    expected.sort_unstable();
    assert_eq!(pids, expected);
    assert_eq!(pids.len(), 2);
}

#[test]
fn what_is_absent_does_not_exist_in_every_command() {
    let machine = three();
    for args in [
        &["state", "nobody"][..],
        &["ps", "nobody"],
        &["kill", "nobody"],
        &["pause", "nobody"],
        &["resume", "nobody"],
        &["start", "nobody"],
        &["delete", "nobody"],
    ] {
        assert_refused(&ocitop(&machine, args), 1, "does not exist");
    }
    let forced = ocitop(&machine, &["delete", "--force", "nobody"]);
    assert_eq!(
        (forced.code, forced.stdout.as_str(), forced.stderr.as_str()),
        (0, "", "")
    );
}

#[test]
fn an_id_that_is_a_path_is_refused_before_anything_is_looked_at() {
    let machine = three();
    for id in ["../one", "one/", "/", "..", "", "a b"] {
        for command in ["state", "delete"] {
            let said = ocitop(&machine, &[command, "--", id]);
            assert_refused(&said, 1, "invalid container ID format");
        }
    }
    assert!(machine.state_dir("one").exists());
}

#[test]
fn a_container_of_that_very_name_comes_before_one_of_a_runtime() {
    let machine = Machine::v1()
        .running("x", RuntimeKind::Youki)
        .stopped("youki:x", RuntimeKind::Crun);
    let status = |machine: &Machine, id: &str| {
        let state: Value = serde_json::from_str(&ocitop(machine, &["state", id]).stdout).unwrap();
        (state["id"].clone(), state["status"].clone())
    };
    let exact = status(&machine, "youki:x");
    assert_eq!(exact, ("youki:x".into(), "stopped".into()));
    assert_eq!(status(&machine, "x"), ("x".into(), "running".into()));
    let without = Machine::v1().running("x", RuntimeKind::Youki);
    let by_runtime = status(&without, "youki:x");
    assert_eq!(by_runtime, ("x".into(), "running".into()));
}

#[test]
fn an_id_in_two_roots_is_an_error_that_names_both() {
    let (a, b) = (
        Machine::v1().running("web", RuntimeKind::Youki),
        Machine::v1().stopped("web", RuntimeKind::Runc),
    );
    let run = |args: &[&str]| {
        let mut command = on(&a);
        command
            .arg("--root")
            .arg(a.root())
            .arg("--root")
            .arg(b.root());
        said(&command.args(args).output().unwrap())
    };
    let ambiguous = run(&["state", "web"]);
    assert_refused(&ambiguous, 1, "several roots");
    for machine in [&a, &b] {
        assert!(ambiguous.stderr.contains(machine.root().to_str().unwrap()));
    }
    let state: Value = serde_json::from_str(&run(&["state", "youki:web"]).stdout).unwrap();
    assert_eq!(state["status"], "running");
    let state: Value = serde_json::from_str(&run(&["state", "runc:web"]).stdout).unwrap();
    assert_eq!(state["status"], "stopped");
    let table = run(&["list"]).stdout;
    assert!(table.lines().next().unwrap().contains("ROOT"), "{table}");
}

#[test]
fn a_dry_run_prints_the_steps_in_order_and_changes_nothing() {
    let machine = three();
    let said = ocitop(&machine, &["delete", "--force", "--dry-run", "one"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let at = |words: &str| {
        let place = said.stdout.find(words);
        place.unwrap_or_else(|| panic!("{words:?} in {}", said.stdout))
    };
    let dir = machine.state_dir("one");
    let steps = [
        "same container",
        "SIGKILL its 2 processes",
        "wait until",
        "status stopped",
        "cgroups, children first",
        dir.to_str().unwrap(),
    ];
    assert!(
        steps.windows(2).all(|pair| at(pair[0]) < at(pair[1])),
        "{}",
        said.stdout
    );
    assert!(dir.exists());
    assert_eq!(machine.processes("one").len(), 2);
}

#[test]
fn without_force_a_dry_run_of_a_running_one_says_that_it_would_be_refused() {
    let said = ocitop(&three(), &["delete", "--dry-run", "one"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("not stopped"), "{}", said.stderr);
}

#[test]
fn read_only_refuses_every_change() {
    let machine = three();
    for args in [
        &["--read-only", "kill", "one"][..],
        &["--read-only", "pause", "one"],
        &["--read-only", "resume", "two"],
        &["--read-only", "start", "one"],
        &["--read-only", "delete", "--force", "one"],
    ] {
        let said = ocitop(&machine, args);
        assert_refused(&said, 1, "read-only");
    }
    let said = ocitop(&machine, &["--read-only", "list", "-q"]);
    assert_eq!(said.code, 0);
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let machine = three();
    for args in [
        &["frobnicate"][..],
        &["list", "--format", "yaml"],
        &["state"],
        &["delete"],
        &["kill", "one", "SIGNOTHING"],
        &["--interval", "0", "list"],
    ] {
        let said = ocitop(&machine, args);
        assert_eq!(said.code, 2, "{args:?}: {}", said.stderr);
        assert!(!said.stderr.is_empty());
    }
    for args in [&["--help"][..], &["--version"], &["delete", "--help"]] {
        let said = ocitop(&machine, args);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_named_root_that_cannot_be_read_or_is_absent_is_a_failure() {
    let machine = three();
    let list = |root: std::path::PathBuf| {
        let mut command = on(&machine);
        said(
            &command
                .arg("--root")
                .arg(root)
                .arg("list")
                .output()
                .unwrap(),
        )
    };
    let file = list(machine.state_dir("one").join("state.json"));
    assert_eq!(file.code, 1, "{}", file.stderr);
    assert!(file.stderr.contains("state.json"), "{}", file.stderr);
    let absent = list(machine.root().join("nothing"));
    assert_eq!(absent.code, 1, "{}", absent.stderr);
    assert!(
        absent.stderr.contains("does not exist"),
        "{}",
        absent.stderr
    );
    assert_eq!(absent.stdout.lines().count(), 1, "{}", absent.stdout);
}

#[test]
fn without_a_terminal_the_screen_is_one_clear_line_and_exit_status_2() {
    let machine = three();
    assert_refused(&ocitop(&machine, &[]), 2, "terminal");
    // The lab has places of its own.
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_ocitop"));
    let demo = said(
        &demo
            .arg("demo")
            .env("XDG_STATE_HOME", machine.root())
            .output()
            .unwrap(),
    );
    assert_refused(&demo, 2, "terminal");
}

#[test]
fn doctor_and_completions_work_on_any_machine() {
    let machine = Machine::v2();
    let doctor = ocitop(&machine, &["doctor"]);
    assert_eq!(doctor.code, 0, "{}", doctor.stderr);
    assert!(doctor.stdout.contains("cgroup"), "{}", doctor.stdout);
    assert!(
        doctor.stdout.contains(machine.root().to_str().unwrap()),
        "{}",
        doctor.stdout
    );
    for shell in ["bash", "zsh", "fish"] {
        let said = ocitop(&machine, &["completions", shell]);
        assert_eq!(said.code, 0);
        assert!(said.stdout.contains("ocitop") && said.stdout.contains("delete"));
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let machine = three();
    let mut command = on(&machine);
    command
        .arg("--root")
        .arg(machine.root())
        .args(["list", "-f", "json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    assert!(output.status.code().is_some(), "{:?}", output.status);
}

#[test]
fn a_diagnosis_says_what_was_looked_at_and_found_fine() {
    let machine = three();
    let said = ocitop(&machine, &["diagnose", "two"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let (findings, checks) = said.stdout.split_once("checks\n").unwrap();
    assert!(findings.starts_with("two: paused"), "{findings}");
    let line = |words: &str| checks.lines().find(|line| line.contains(words)).unwrap();
    assert!(line("state file readable").starts_with("  ok "), "{checks}");
    assert!(line("frozen").starts_with("  CAUSE "), "{checks}");
    let said = ocitop(&machine, &["diagnose", "-f", "json", "two"]);
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let checks = json["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 22);
    let frozen = checks.iter().find(|check| check["check"] == "frozen");
    assert_eq!(frozen.unwrap()["verdict"], "cause");
    let words = ["cause", "look", "note", "not-looked-at", "ok"];
    for check in checks {
        assert!(
            words.iter().any(|word| check["verdict"] == *word),
            "{check}"
        );
        assert!(!check["found"].as_str().unwrap().is_empty(), "{check}");
        assert!(check["proof"].is_array(), "{check}");
    }
}

#[test]
fn a_leftover_is_diagnosed_by_its_path_and_by_its_id() {
    let id = "7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57";
    let machine = three();
    let dirs = machine.leave(&format!("docker/{id}"), None);
    for argument in [dirs[0].to_str().unwrap(), id] {
        let said = ocitop(&machine, &["diagnose", argument]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{argument}");
        let first = format!("{id}: nothing holds it: nobody has removed it\n");
        assert!(said.stdout.starts_with(&first), "{}", said.stdout);
        assert!(
            said.stdout.contains("that nobody owns it"),
            "{}",
            said.stdout
        );
    }
    // The state directory of a container stands for the container.
    let dir = machine.state_dir("two");
    let said = ocitop(&machine, &["diagnose", dir.to_str().unwrap()]);
    assert!(said.stdout.starts_with("two: paused"), "{}", said.stdout);
    let said = ocitop(&machine, &["diagnose", "three"]);
    assert!(said.stdout.starts_with("three: stopped"), "{}", said.stdout);
    assert!(
        said.stdout.contains("that nobody owns it"),
        "{}",
        said.stdout
    );
    let said = ocitop(&machine, &["diagnose", "/nonexistent"]);
    assert_refused(&said, 1, "diagnose /nonexistent: no such file");
    let said = ocitop(&machine, &["diagnose", "/"]);
    assert_refused(&said, 1, "neither a leftover nor the state directory");
    let said = ocitop(&machine, &["diagnose", "four"]);
    assert_refused(&said, 1, "container four does not exist");
}

#[test]
fn roots_that_are_not_what_they_must_be_are_refused_at_the_start() {
    let machine = three();
    let one_hierarchy = "/sys/fs/cgroup/freezer";
    for (flag, dir, words) in [
        ("--proc-root", "/tmp", "procfs is not mounted there"),
        ("--proc-root", "/nowhere", "procfs is not mounted there"),
        ("--cgroup-root", "/tmp", "no cgroups are mounted there"),
        ("--cgroup-root", "/proc", "no cgroups are mounted there"),
        ("--cgroup-root", one_hierarchy, "one hierarchy of cgroups"),
    ] {
        if dir == one_hierarchy && !std::path::Path::new(dir).join("freezer.state").exists() {
            // Not where cgroups are v2.
            continue;
        }
        for command in [&["list"][..], &["delete", "--force", "one"], &["doctor"]] {
            let output = Command::new(env!("CARGO_BIN_EXE_ocitop"))
                .stdin(Stdio::null())
                .env("XDG_STATE_HOME", machine.program("log"))
                .arg(flag)
                .arg(dir)
                .arg("--root")
                .arg(machine.root())
                .args(command)
                .output()
                .unwrap();
            assert_refused(&said(&output), 2, words);
            assert!(machine.state_dir("one").is_dir());
        }
    }
}
