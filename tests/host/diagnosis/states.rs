//! How a container is, where nothing is at fault.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::ails::check;
use super::beside::with;
use super::diagnose;

#[test]
fn a_created_one_waits_for_its_start_and_that_is_no_cause() {
    with("created", |rig| {
        let id = rig.id();
        rig.create(&id);
        let said = diagnose(rig, &id);
        said.verdict("created");
        let words = said.json["verdict"].as_str().unwrap();
        assert!(words.starts_with("created: "), "{words}");
        let init = check(&said, "init");
        assert_eq!(init["verdict"], "note", "{init}");
        assert!(
            init["found"]
                .as_str()
                .unwrap()
                .contains("waits for its start"),
            "{init}"
        );
        let checks = said.json["checks"].as_array().unwrap();
        assert!(
            checks.iter().all(|check| check["verdict"] != "cause"),
            "{checks:#?}"
        );
    });
}

/// Ends with the value.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_bundle_on_a_bind_mount_is_a_note_and_the_delete_leaves_it() {
    with("a bundle on a mount", |rig| {
        let id = rig.id();
        let bundle = rig.bundle(&id, &crate::rig::Spec::default());
        let done = Command::new("mount")
            .arg("--bind")
            .args([&bundle, &bundle])
            .status();
        assert!(done.unwrap().success());
        let mount = Mount(bundle.clone());
        rig.runtime(&["run", "-d", "-b", bundle.to_str().unwrap(), &id])
            .ok();
        rig.kill_init(&id);
        let said = diagnose(rig, &id);
        said.verdict("stopped");
        let finding = said.one("bundle-mounted");
        assert_eq!(finding["mount"].as_str(), bundle.to_str());
        assert_eq!(check(&said, "mounts")["verdict"], "note");
        let remedies = &said.json["findings"];
        assert!(!remedies.to_string().contains("umount"), "{remedies:#}");
        rig.ocitop(&["delete", &id]).ok();
        rig.assert_gone(&id);
        assert!(
            fs::exists(bundle.join("config.json")).unwrap(),
            "the bundle is left"
        );
        drop(mount);
    });
}
