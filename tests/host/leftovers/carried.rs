//! A state directory that is removed behind the runtime's back while its container lives.

use std::fs;
use std::process::Command;

use ocitop::oci::RuntimeKind;

use crate::rig::{Rig, ocitop, skip};

/// The command that a message tells, as a shell takes it.
fn told(message: &str) -> String {
    let command = "ocitop leftovers clean";
    let (_, rest) = message.split_once(command).unwrap();
    format!("{command}{}", rest.lines().next().unwrap())
}

#[test]
fn a_container_without_its_record_is_not_called_deleted_and_the_command_told_removes_it() {
    let name = "a_container_without_its_record";
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip(name, &reason),
    };
    let id = rig.id();
    rig.run(&id);
    let pids = rig.members(&id);
    let dirs = rig.cgroups(&id);
    for file in fs::read_dir(rig.state_dir(&id)).unwrap().flatten() {
        fs::remove_file(file.path()).unwrap();
    }
    fs::remove_dir(rig.state_dir(&id)).unwrap();

    // Who named the root has to be told that there is no such container, as by its runtime.
    let by_root = rig.ocitop(&["delete", "--force", &id]);
    assert_eq!(
        (by_root.code, by_root.stdout.as_str()),
        (0, ""),
        "{by_root:?}"
    );
    let said = "no state root has it, and it is not gone";
    assert!(by_root.stderr.contains(said), "{by_root:?}");
    // Whoever asks the whole host is not told of a success.
    let mut command = Command::new(ocitop());
    command.env("XDG_STATE_HOME", rig.scratch("log"));
    command.args(["delete", "--force", &id]);
    let ended = rig.finish(command);
    ended.refused(1, said);
    assert_eq!(rig.members(&id), pids);
    for pid in &pids {
        assert!(
            ended.stderr.contains("holds 2 processes"),
            "{pid}: {ended:?}"
        );
    }

    let line = told(&ended.stderr).replace("clean", "clean --yes");
    let line = line.replacen("ocitop", ocitop().to_str().unwrap(), 1);
    let mut shell = Command::new("sh");
    shell.env("XDG_STATE_HOME", rig.scratch("log"));
    shell.args(["-c", &line]);
    rig.finish(shell).ok();
    assert!(dirs.iter().all(|dir| !dir.exists()), "{line}");
    assert_eq!(rig.members(&id), Vec::<i32>::new());
    // Now it is gone, and that is what is said.
    let ended = rig.ocitop(&["delete", "--force", &id]).ok();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}
