//! What still carries an id that no state root has.

use ocitop::leftovers::{Carried, Carriers, Confidence, LeftoverKind};
use ocitop::oci::RuntimeKind;

use super::{ID, machines};
use crate::support::machine::Machine;

fn carried(machine: &Machine, id: &str) -> Carried {
    Carriers::read(&machine.machine()).of(id)
}

#[test]
fn a_cgroup_named_after_it_carries_an_id_in_which_ever_form() {
    for path in [
        "web",
        "teams/web",
        "system.slice/runc-web.scope",
        "a.slice/crun-web.scope",
        ":youki:web",
        "default/web",
    ] {
        for mut machine in machines() {
            machine.leave(path, None);
            let pid = machine.spawn(path);
            let carried = carried(&machine, "web");
            assert_eq!(carried.leftovers.len(), 1, "{path}: {carried:#?}");
            assert_eq!(carried.leftovers[0].processes, [pid]);
        }
    }
    let mut machine = Machine::v2();
    machine.leave("system.slice/runc-web2.scope", None);
    machine.spawn("system.slice/runc-web2.scope");
    assert!(carried(&machine, "web").is_none());
}

#[test]
fn what_another_container_of_the_same_id_has_does_not_count() {
    for machine in machines() {
        let machine = machine.running("web", RuntimeKind::Runc);
        assert!(carried(&machine, "web").is_none());
    }
    let machine = Machine::v2().stopped("web", RuntimeKind::Crun);
    assert!(carried(&machine, "web").is_none());
}

#[test]
fn a_shim_that_was_told_it_carries_an_id_and_whoever_else_mentions_it_does_not() {
    let mut machine = Machine::v2();
    let shim = machine.told("containerd-shim", &["containerd-shim-runc-v2", "-id", ID]);
    let monitor = machine.told("conmon", &["conmon", "-c", ID]);
    machine.told("docker", &["docker", "rm", "-f", ID]);
    let carried = carried(&machine, ID);
    let pids: Vec<i32> = carried.monitors.iter().map(|one| one.pid).collect();
    assert_eq!(pids, [shim, monitor]);
    assert!(carried.leftovers.is_empty());
}

#[test]
fn what_is_empty_carries_it_too_and_its_command_does_not_kill() {
    let machine = Machine::v1();
    machine.leave(&format!("docker/{ID}"), None);
    let carried = carried(&machine, ID);
    let [leftover] = carried.leftovers.as_slice() else {
        panic!("{carried:#?}");
    };
    let seen = (leftover.kind, leftover.confidence, leftover.populated);
    assert_eq!(seen, (LeftoverKind::Cgroup, Confidence::Likely, false));
}

#[test]
fn who_named_the_root_is_warned_and_succeeds() {
    let mut machine = Machine::v2();
    machine.leave("system.slice/runc-web.scope", None);
    machine.spawn("system.slice/runc-web.scope");
    let (code, out, err) = super::ocitop(&machine, &["delete", "--force", "web"]);
    assert_eq!((code, out.as_str(), err.lines().count()), (0, "", 1));
    let dir = machine.cgroup_root().join("system.slice/runc-web.scope");
    let told = format!(
        "holds 1 process: ocitop leftovers clean --kill {}\n",
        dir.display()
    );
    assert!(err.ends_with(&told), "{err}");
    let (code, out, err) = super::ocitop(&machine, &["delete", "--force", "nobody"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let (code, out, _) = super::ocitop(&machine, &["delete", "--dry-run", "-f", "nobody"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "nobody: does not exist, nothing to do (dry run)\n")
    );
}
