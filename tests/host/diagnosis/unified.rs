//! What only cgroup v2 does to a container, besides the rows of the torture table.

use std::fs;

use super::beside::{shared, with};
use super::diagnose;
use crate::rig::{has_v1, not_here, until};

#[test]
fn memory_stands_above_its_high() {
    with("memory.high", |rig| {
        if has_v1() {
            return not_here("memory.high", "v1 has no such limit");
        }
        let id = rig.id();
        // A file that is made anew over and over needs no more memory than it has bytes.
        let script = "while :; do cat /bin/busybox /bin/busybox > /tmp/file; done";
        rig.run_with(&id, &shared(script));
        let cgroup = rig.cgroup(&id, "");
        fs::write(cgroup.join("memory.high"), "65536").unwrap();
        let waits = |pid: &i32| {
            let wchan = fs::read_to_string(format!("/proc/{pid}/wchan"));
            wchan.is_ok_and(|wchan| wchan.contains("handle_over_high"))
        };
        until("it is held back", || rig.members(&id).iter().any(waits));
        let said = diagnose(rig, &id);
        let finding = said.verdict("memory-high");
        assert_eq!(finding["cgroup"].as_str(), cgroup.to_str());
        assert_eq!(finding["high"], 65536);
        said.offers(finding, &format!("{}/memory.high", cgroup.display()));
    });
}
