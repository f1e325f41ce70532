//! State roots that do not answer, are full or read-only, or have something mounted in them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::beside::with;
use super::{AT_ONCE, diagnose};
use crate::rig::{patient, skip};
use crate::torture::fuse::Fuse;

/// Something mounted by a test.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).ok();
    }
}

#[test]
fn a_state_root_that_does_not_answer_is_an_error_at_once() {
    with("a dead state root", |rig| {
        // Below /tmp, which anybody may lay out, no mount is crossed at all.
        let dir = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/run")
            .unwrap();
        let Some(fuse) = Fuse::mount(dir.path().join("fuse")) else {
            return skip("a dead state root", "no FUSE");
        };
        let root = fuse.dir().join("box");
        // Once it has answered, who asks later waits where no signal reaches: not even at the end.
        fs::symlink_metadata(&root).ok();
        fuse.mute();
        let mut command = Command::new(crate::rig::ocitop());
        command.env("XDG_STATE_HOME", rig.scratch("log"));
        command.arg("--root").arg(&root).args(["diagnose", "web"]);
        let start = Instant::now();
        let ended = rig.finish(command);
        assert!(start.elapsed() < patient(AT_ONCE), "{ended:#?}");
        ended.refused(1, "does not answer");
        // Beside it a container of another root is diagnosed as ever.
        rig.run(&rig.id());
        let mut command = rig.ocitop_command(&["--root", root.to_str().unwrap()]);
        command.args(["diagnose", "-f", "json", &rig.id()]);
        let ended = rig.finish(command).ok();
        assert!(ended.took < patient(AT_ONCE), "{ended:#?}");
        assert_eq!(ended.json()["findings"][0]["cause"], "running");
    });
}

#[test]
fn the_state_root_is_full_or_read_only() {
    with("a full state root", |rig| {
        let id = rig.id();
        rig.run(&id);
        // Below /tmp, which anybody may lay out, no mount is crossed at all.
        let dir = tempfile::Builder::new()
            .prefix("oct")
            .tempdir_in("/run")
            .unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let flags = MountFlags::empty();
        mount(
            "ocitop-test",
            &root,
            "tmpfs",
            flags,
            Some(c"size=256k,mode=755"),
        )
        .unwrap();
        let mounted = Mounted(root.clone());
        fs::create_dir(root.join(&id)).unwrap();
        fs::copy(rig.state_file(&id), root.join(&id).join("state.json")).unwrap();
        let verdict = || {
            let mut command = Command::new(crate::rig::ocitop());
            command
                .arg("--root")
                .arg(&root)
                .args(["diagnose", "-f", "json", &id]);
            let json = rig.finish(command).ok().json();
            let findings = json["findings"].as_array().unwrap().clone();
            findings
                .into_iter()
                .map(|f| f["cause"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert!(!verdict().contains(&"state-full".to_owned()));
        drop(fs::write(root.join("filler"), vec![0_u8; 1 << 18]));
        assert!(
            verdict().contains(&"state-full".to_owned()),
            "{:?}",
            verdict()
        );
        rustix::mount::mount_remount(&root, MountFlags::RDONLY, "").unwrap();
        assert!(
            verdict().contains(&"state-read-only".to_owned()),
            "{:?}",
            verdict()
        );
        drop(mounted);
    });
}

#[test]
fn something_is_mounted_in_its_state_directory() {
    with("a mount in the state directory", |rig| {
        let id = rig.id();
        rig.run(&id);
        let (over, inside) = (rig.scratch("over"), rig.state_dir(&id).join("over"));
        fs::create_dir(&over).unwrap();
        fs::create_dir(&inside).unwrap();
        rustix::mount::mount_bind(&over, &inside).unwrap();
        let mounted = Mounted(inside.clone());
        let said = diagnose(rig, &id);
        assert_eq!(said.verdict("mount-in")["mount"].as_str(), inside.to_str());
        drop(mounted);
    });
}
