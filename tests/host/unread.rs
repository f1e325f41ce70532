//! Reads that the system refuses: with any number of descriptors a delete loses nothing, and says that
//! it is done only of what is gone.

use std::process::Command;

use ocitop::oci::RuntimeKind;

use crate::rig::{Rig, ocitop, skip};

/// Descriptors that a process may have: from too few to begin with to enough for all.
const LIMITS: std::ops::Range<u32> = 4..28;

with_each_runtime! {
    fn with_too_few_descriptors_nothing_is_lost_and_nothing_is_called_done_that_is_not(rig: &Rig) {
        if Command::new("prlimit").arg("--version").output().is_err() {
            skip("too few descriptors", "needs prlimit (util-linux)");
            return;
        }
        let id = rig.id();
        let mut alive = false;
        for limit in LIMITS {
            if !alive {
                rig.run(&id);
            }
            let mut command = Command::new("prlimit");
            command.arg(format!("--nofile={limit}:{limit}")).arg(ocitop());
            command.args(["--timeout", "2", "--root"]).arg(rig.root());
            command.args(["delete", "--force"]).arg(&id);
            let ended = rig.finish(command);
            let members = rig.members(&id);
            let is_kept = rig.state_file(&id).exists();
            if ended.code == 0 {
                rig.assert_gone(&id);
            } else {
                assert!(is_kept || members.is_empty(), "{limit}: {members:?} {ended:#?}");
            }
            alive = is_kept;
        }
    }
}

#[test]
fn while_what_is_mounted_cannot_be_read_a_live_container_is_not_deleted() {
    let name = "what is mounted cannot be read";
    let rig = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip(name, &reason),
    };
    if Command::new("strace").arg("-V").output().is_err() {
        return skip(name, "strace is not installed");
    }
    let id = rig.id();
    rig.run(&id);
    for error in ["EIO", "EACCES", "EMFILE"] {
        let mut command = Command::new("strace");
        let inject = format!("inject=open,openat:error={error}");
        command.args(["-f", "-qq", "-o", "/dev/null", "-P", "/proc/self/mountinfo"]);
        command.args(["-e", &inject, "--"]).arg(ocitop());
        command.arg("--root").arg(rig.root());
        command.args(["delete", "--force", "--format", "json", &id]);
        let ended = rig.finish(command);
        assert_eq!(ended.code, 1, "{error}: {ended:#?}");
        let said = &ended.stdout;
        assert!(said.contains("\"cgroups_out_of_sight\""), "{error}: {said}");
        assert!(said.contains("/proc/self/mountinfo"), "{error}: {said}");
        assert_eq!(rig.status(&id), "running");
    }
}
