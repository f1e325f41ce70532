//! Hooks of real containers, and what remembers that they ran.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::delete::assert_deleted;
use crate::rig::{Rig, Spec};

/// A poststop hook that adds a line to a file, then does this.
fn counting(rig: &Rig, then: &str) -> Spec {
    let script = format!("echo ran >> {}; {then}", rig.scratch("told").display());
    Spec {
        hooks: json!({"poststop": [
            {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]},
        ]}),
        ..Spec::default()
    }
}

fn told(rig: &Rig) -> String {
    fs::read_to_string(rig.scratch("told")).unwrap_or_default()
}

with_each_runtime! {
    fn a_hook_that_kills_ocitop_has_run_once_when_the_next_delete_is_done(rig: &Rig) {
        let web = &rig.id();
        rig.run_with(web, &counting(rig, "kill -KILL $PPID"));
        assert_eq!(rig.ocitop(&["delete", "-f", web]).code, -1);
        assert!(rig.state_dir(web).exists());
        let ended = assert_deleted(rig, web);
        assert!(ended.stdout.contains("at most once"), "{ended:#?}");
        assert_eq!(told(rig), "ran\n");
    }

    fn what_remembers_hooks_is_nothing_to_the_runtime(rig: &Rig) {
        let web = &rig.id();
        // It reads its state: crun is killed by SIGPIPE where nobody does.
        rig.run_with(web, &counting(rig, "cat > /dev/null"));
        fs::write(rig.state_dir(web).join(".ocitop-poststop-1"), "").unwrap();
        assert_eq!(rig.status(web), "running");
        assert_eq!(rig.listed(), [web.as_str()]);
        rig.kill_init(web);
        rig.runtime(&["delete", web]).ok();
        rig.assert_gone(web);
    }

    fn a_hook_that_anybody_can_write_refuses_before_anything_is_changed(rig: &Rig) {
        let web = &rig.id();
        let program = rig.scratch("hook");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let hooks = json!({"poststop": [{"path": program}]});
        rig.run_with(web, &Spec { hooks, ..Spec::default() });
        fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
        rig.ocitop(&["delete", "-f", web]).refused(1, "--no-hooks");
        assert_eq!(rig.status(web), "running");
        rig.ocitop(&["--no-hooks", "delete", "-f", web]).ok();
        rig.assert_gone(web);
    }

    fn much_output_of_a_hook_is_cut_and_escaped(rig: &Rig) {
        let web = &rig.id();
        let loud = "head -c 10000000 /dev/zero | tr '\\0' '\\033'; echo the reason; exit 3";
        rig.run_with(web, &counting(rig, loud));
        let ended = assert_deleted(rig, web);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("WARN") && said.contains("the reason"), "{said}");
        assert!(!said.contains('\u{1b}') && said.len() < 20_000, "{}", said.len());
    }

    fn a_daemon_that_a_hook_leaves_is_not_waited_for(rig: &Rig) {
        let web = &rig.id();
        let pid = rig.scratch("pid");
        rig.run_with(web, &counting(rig, &format!("sleep 3000 & echo $! > {}", pid.display())));
        assert_deleted(rig, web);
        let pid = fs::read_to_string(pid).unwrap();
        crate::rig::kill(pid.trim().parse().unwrap());
    }
}
