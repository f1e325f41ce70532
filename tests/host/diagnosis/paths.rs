//! What is asked about by a path instead of an id.

use std::fs;

use super::beside::with;
use super::diagnose;

#[test]
fn a_container_is_told_by_its_cgroup_and_what_is_left_by_its_own() {
    with("paths", |rig| {
        let id = rig.id();
        rig.run(&id);
        for cgroup in rig.cgroups(&id) {
            let said = diagnose(rig, cgroup.to_str().unwrap());
            assert_eq!(said.json["id"], *id, "{}", cgroup.display());
            said.verdict("running");
        }
        let left = format!("{:064x}", 0x0c17);
        let above = rig.cgroup("", "pids").join("docker");
        let path = above.join(&left);
        fs::create_dir_all(&path).unwrap();
        let said = diagnose(rig, path.to_str().unwrap());
        assert_eq!(said.json["id"], *left);
        assert_eq!(said.json["checks"][0]["text"], "that nobody owns it");
        // What lies between holds no container alone.
        let ended = rig.ocitop(&["diagnose", above.parent().unwrap().to_str().unwrap()]);
        assert_eq!(ended.code, 1, "{ended:#?}");
        fs::remove_dir(&path).unwrap();
        fs::remove_dir(&above).unwrap();
    });
}
