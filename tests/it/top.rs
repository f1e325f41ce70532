//! `top --batch`, and usage in `list` and `events`: shapes, exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::support::machine::Machine;

fn ocitop(machine: &Machine) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocitop"));
    command.stdin(Stdio::null()).arg("--stand-in");
    for (flag, dir) in [
        ("--cgroup-root", machine.cgroup_root()),
        ("--proc-root", machine.proc()),
        ("--root", machine.root()),
    ] {
        command.arg(flag).arg(dir);
    }
    command
}

fn top(machine: &Machine, args: &[&str]) -> Output {
    let mut command = ocitop(machine);
    command.args(["top", "--batch", "-n", "2", "--interval", "100ms"]);
    command.args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_pass_is_a_line_of_json() {
    let machine = Machine::v2()
        .running("web", RuntimeKind::Crun)
        .stopped("done", RuntimeKind::Youki);
    let said = text(&top(&machine, &["-f", "json"]));
    let passes: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(passes.len(), 2);
    let [done, web] = &passes[0]["containers"].as_array().unwrap()[..] else {
        panic!("{said}")
    };
    assert_eq!((&done["id"], &done["pid"]), (&"done".into(), &Value::Null));
    assert_eq!(
        (&web["runtime"], &web["status"]),
        (&"crun".into(), &"running".into())
    );
    assert_eq!(web["usage"]["cpu"], 0.0, "two looks before the first pass");
    assert_eq!(web["detail"]["memory"]["rss"], 4096);
    assert!(passes[0]["own"]["memory"].is_u64() || passes[0]["own"].is_null());
    assert!(passes[0]["host"]["pressure"].is_object());
}

#[test]
fn csv_has_its_headings_once_and_no_formula() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let evil = machine.root().join("=HYPERLINK");
    fs::create_dir(&evil).unwrap();
    fs::write(evil.join("state.json"), "{").unwrap();
    let said = text(&top(&machine, &["-f", "csv"]));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 1 + 2 * 2, "{said}");
    assert!(lines[0].starts_with("taken,id,root,runtime,status,pid,cpu,"));
    let columns = lines[0].split(',').count();
    assert!(
        lines.iter().all(|line| line.split(',').count() == columns),
        "{said}"
    );
    assert!(lines[1].contains(",'=HYPERLINK,"), "{}", lines[1]);
}

#[test]
fn the_table_has_a_line_a_container_and_dashes_for_what_is_not_there() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let said = text(&top(&machine, &[]));
    assert_eq!(said.matches("STATE").count(), 2, "{said}");
    let row = said.lines().find(|line| line.contains("web")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[..3], ["running", "web", "crun"]);
    assert_eq!(cells[4..6], ["0.0", "-"]);
}

#[test]
fn without_batch_it_is_said_what_shows_the_screen() {
    let output = ocitop(&Machine::v2()).arg("top").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("--batch") && said.contains("shows the screen"),
        "{said}"
    );
    assert!(!top(&Machine::v2(), &["-n", "0"]).status.success());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let mut command = ocitop(&machine);
    command.args(["top", "--batch", "--interval", "100ms", "-f", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with('{'));
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_list_over_several_roots_says_what_one_look_tells_of_usage() {
    let machine = Machine::v2().running("web", RuntimeKind::Crun);
    let list = |roots: &[&str]| -> Value {
        let mut command = ocitop(&machine);
        command.args(roots).args(["list", "-f", "json"]);
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    };
    let usage = &list(&["--root", "/nonexistent"])[0]["usage"];
    assert_eq!(
        (&usage["cpu_seconds"], &usage["memory"]),
        (&0.001.into(), &4096.into())
    );
    assert_eq!(
        (&usage["cpu_limit"], &usage["pids"]),
        (&500_000.into(), &2.into())
    );
    assert_eq!(usage["memory_limit"], "max");
    assert!(
        list(&[])[0]["usage"].is_null(),
        "in runc's shape there is none"
    );
}

#[test]
fn statistics_have_every_field_that_runc_never_leaves_out() {
    for machine in [Machine::v1(), Machine::v2()] {
        let machine = machine.running("web", RuntimeKind::Crun);
        let output = ocitop(&machine)
            .args(["events", "--stats", "web"])
            .output()
            .unwrap();
        let event: Value = serde_json::from_str(&text(&output)).unwrap();
        let data = &event["data"];
        for path in [
            "/cpu/usage/kernel",
            "/cpu/usage/user",
            "/cpuset/cpu_exclusive",
            "/cpuset/mem_hardwall",
            "/cpuset/mem_exclusive",
            "/cpuset/memory_migrate",
            "/cpuset/memory_spread_page",
            "/cpuset/memory_spread_slab",
            "/cpuset/memory_pressure",
            "/cpuset/sched_load_balance",
            "/cpuset/sched_relax_domain_level",
            "/memory/usage/limit",
            "/memory/usage/failcnt",
            "/memory/swap/limit",
            "/memory/swap/failcnt",
            "/memory/kernel/limit",
            "/memory/kernelTCP/failcnt",
        ] {
            let value = data.pointer(path);
            assert!(value.is_some_and(Value::is_number), "{path} in {data:#}");
        }
        for path in [
            "/cpu/throttling",
            "/pids",
            "/blkio",
            "/hugetlb",
            "/intel_rdt",
        ] {
            assert!(data.pointer(path).is_some_and(Value::is_object), "{path}");
        }
        assert_eq!(data.pointer("/network_interfaces"), Some(&Value::Null));
    }
}
