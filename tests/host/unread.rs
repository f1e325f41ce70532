//! Reads that the system refuses: with any number of descriptors a delete loses nothing, and says that
//! it is done only of what is gone.

use std::process::Command;

use crate::rig::{ocitop, skip};

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
