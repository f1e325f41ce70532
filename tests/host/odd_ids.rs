//! Ids that crun took before 1.28 and no runtime takes today: any name of a directory.

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::rig::{Rig, by_systemd, not_here, until, with};

const IDS: [&str; 5] = ["web@1", "web 한글", "a:b", "youki:web", "$(reboot) 'x'"];

/// Whether this crun makes a container of that id.
fn made(rig: &Rig, id: &str) -> bool {
    let bundle = rig.bundle_in(
        id,
        &format!("odd-{}", id.len()),
        &crate::rig::Spec::default(),
    );
    let bundle = bundle.to_str().unwrap();
    let ended = rig.runtime(&["run", "-d", "-b", bundle, "--", id]);
    if ended.code != 0 && ended.stderr.contains("invalid") {
        return false;
    }
    ended.ok();
    until("it runs", || rig.status(id) == "running");
    true
}

#[test]
fn an_id_that_only_an_older_crun_takes_is_one() {
    with(RuntimeKind::Crun, "odd ids", |rig| {
        if by_systemd() {
            return not_here("odd ids", "systemd does not take them either");
        }
        for id in IDS {
            if !made(rig, id) {
                return not_here("odd ids", "this crun refuses them");
            }
            let listed = rig.ocitop(&["list", "-f", "json"]).ok().json();
            let row = listed
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["id"] == id);
            let row = row.unwrap_or_else(|| panic!("{id} in {listed:#}"));
            assert_eq!(
                (&row["status"], &row["problem"]),
                (&"running".into(), &Value::Null)
            );
            let said = rig.ocitop(&["diagnose", id]).ok().stdout;
            assert!(said.starts_with(&format!("{id}: ")), "{said}");
            rig.ocitop(&["kill", id, "CONT"]).ok();
            rig.ocitop(&["pause", id]).ok();
            rig.ocitop(&["resume", id]).ok();
            rig.ocitop(&["delete", id])
                .refused(1, "that is not stopped: running");
            rig.ocitop(&["delete", "--force", id]).ok();
            assert!(!rig.state_dir(id).exists());
            assert_eq!(rig.processes(), Vec::<i32>::new());
            rig.ocitop(&["state", id]).refused(1, "container ");
        }
    });
}
