//! `ocitop leftovers`, and the diagnosis of one.

use ocitop::oci::RuntimeKind;

use super::{ID, at, broken, command, diagnosed, look, machines, said};
use crate::support::fake_kernel::remove_tree;
use crate::support::machine::Machine;

#[test]
fn the_command_lists_by_default_and_says_by_its_status_whether_anything_is_left() {
    let machine = Machine::v2();
    let (code, out, _) = command(&machine, &[]);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    machine.leave("test", None);
    machine.leave(&format!("docker/{ID}"), None);
    let (code, out, _) = command(&machine, &["list"]);
    assert_eq!((code, out.lines().count()), (1, 2), "{out}");
    let (_, out, _) = command(&machine, &["list", "--all", "-f", "json"]);
    let list: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["confidence"], "likely");
    assert_eq!(list[0]["owner"], "docker");
    assert_eq!(list[1]["kind"], "cgroup");
    assert_eq!(command(&machine, &["sweep"]).0, 2);
}

#[test]
fn the_command_cleans_what_is_certain_after_a_yes_and_the_rest_by_its_path_alone() {
    let machine = Machine::v2();
    let dir = broken(&machine, &[("state.json", "")]);
    let likely = machine.leave(&format!("docker/{ID}"), None).remove(0);
    let (code, _, err) = command(&machine, &["clean"]);
    assert_eq!((code, err.lines().count()), (1, 1));
    assert!(err.contains("say --yes"), "{err}");
    let (code, out, _) = command(&machine, &["clean", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("remove state dir") && !out.contains(ID),
        "{out}"
    );
    assert!(dir.exists());
    let (code, out, err) = command(&machine, &["clean", "--yes", "-f", "json"]);
    assert_eq!(code, 0, "{err}");
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["kind"], &last["verdict"]["verdict"]),
        (&"finished".into(), &"clean".into()),
        "{last}"
    );
    assert!(!dir.exists() && likely.exists());
    let path = likely.to_str().unwrap();
    let (code, out, _) = command(&machine, &["clean", "--dry-run", path]);
    assert_eq!(code, 0);
    assert!(out.contains("remove cgroup"), "{out}");
}

#[test]
fn the_command_refuses_what_is_no_leftover_and_what_is_populated() {
    let mut machine = Machine::v2().running("web", RuntimeKind::Runc);
    let dir = machine.state_dir("web");
    let (code, _, err) = command(&machine, &["clean", "--yes", dir.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("not a leftover"), "{err}");
    let full = machine.leave(ID, None).remove(0);
    machine.spawn(ID);
    let (code, _, err) = command(&machine, &["clean", "--yes", full.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(
        err.contains("processes live in it; --kill kills them"),
        "{err}"
    );
    assert!(full.exists() && dir.exists());
}

#[test]
fn an_argument_that_names_nothing_is_said_and_the_others_are_done() {
    let machine = Machine::v2();
    let dirs = machine.leave(&format!("docker/{ID}"), None);
    let path = dirs[0].to_str().unwrap();
    let here = std::env::current_dir().unwrap();
    for action in [&["clean", "--yes"][..], &["list"]] {
        let look_for = |what: &str| command(&machine, &[action, &[what]].concat());
        let (code, _, err) = look_for("/nowhere/at/all");
        let said = "looked for a leftover at /nowhere/at/all: no such file or directory";
        assert_eq!(code, 1);
        assert!(err.contains(said), "{err}");
        let (code, _, err) = look_for("web");
        let said = format!(
            "web: looked for a leftover at {}",
            here.join("web").display()
        );
        assert_eq!(code, 1);
        assert!(err.contains(&said), "{err}");
        // An id names it as well as its path does, for a reader; what is removed is told by its path.
        let (code, _, err) = look_for(ID);
        assert_eq!(code, 1);
        assert!(
            err.contains(&format!("say which by its path: {path}")),
            "{err}"
        );
    }
    assert!(dirs[0].exists());
    let dir = broken(&machine, &[("state.json", "")]);
    let path = dir.to_str().unwrap();
    let words = ["clean", "--yes", "/nowhere", path, "/nowhere/else"];
    let (code, out, err) = command(&machine, &words);
    assert_eq!((code, err.lines().count()), (1, 2), "{err}");
    assert!(out.contains("cleaned"), "{out}");
    assert!(!dir.exists());
}

#[test]
fn a_diagnosis_of_a_leftover_says_why_it_stays() {
    use ocitop::diagnosis::About;
    for machine in machines() {
        machine.leave(&format!("docker/{ID}"), None);
        let diagnosis = diagnosed(&machine, ID);
        let nothing = "nothing holds it: nobody has removed it";
        said(&diagnosis, nothing, "ocitop leftovers clean /");
        let abouts: Vec<About> = diagnosis.checks.iter().map(|it| it.about).collect();
        assert_eq!(abouts[0], About::Leftover);
        assert!(diagnosis.checks[0].found.starts_with("likely: "));
        // It has no record, so there is neither an init nor a hook to look for.
        for none in [About::Record, About::Init, About::Hooks, About::Disk] {
            assert!(!abouts.contains(&none), "{none:?}");
        }
        for one in [
            About::Tasks,
            About::Unkillable,
            About::Frozen,
            About::Mounts,
        ] {
            assert!(abouts.contains(&one), "{one:?}");
        }
    }
}

#[test]
fn a_leftover_with_processes_is_killed_only_by_a_command_that_says_so() {
    for mut machine in machines() {
        machine.leave(ID, None);
        machine.spawn(ID);
        let diagnosis = diagnosed(&machine, ID);
        let verdict = "1 process lives in it, and nobody owns it";
        said(&diagnosis, verdict, "ocitop leftovers clean --kill /");
    }
}

#[test]
fn a_leftover_that_is_gone_is_not_examined() {
    let machine = Machine::v2();
    machine.leave(&format!("docker/{ID}"), None);
    let leftover = at(&look(&machine), ID);
    for path in &leftover.paths {
        remove_tree(path);
    }
    let mut examiner = ocitop::diagnosis::Examiner::new(machine.machine());
    let error = examiner.examine_leftover(&leftover).unwrap_err();
    assert_eq!(error.to_string(), "it is gone");
}
