//! kill, pause, resume and start by ocitop, after which the runtime's own commands agree.

use crate::rig::{Spec, process_state, until};

with_each_runtime! {
    fn kill_ends_a_running_container(rig: &Rig) {
        rig.run("web");
        rig.ocitop(&["kill", "web", "KILL"]).ok();
        until("the runtime says stopped", || rig.status("web") == "stopped");
        rig.runtime(&["delete", "web"]).ok();
        rig.assert_gone("web");
    }

    fn kill_sends_the_signal_it_is_told(rig: &Rig) {
        let script = "trap 'echo got > /got' USR1; while :; do sleep 3000 & wait; done";
        let spec = Spec { script: script.to_owned(), ..Spec::default() };
        rig.run_with("web", &spec);
        let got = rig.scratch("rootfs/got");
        until("the trap is set", || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", rig.pid("web"))).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
            u64::from_str_radix(caught, 16).unwrap() & (1 << 9) != 0
        });
        rig.ocitop(&["kill", "web", "SIGUSR1"]).ok();
        until("the signal arrived", || got.exists());
        assert_eq!(rig.status("web"), "running");
    }

    fn kill_all_reaches_every_process(rig: &Rig) {
        let spec = Spec { private_pids: false, ..Spec::default() };
        rig.run_with("web", &spec);
        until("both processes run", || rig.processes().len() == 2);
        rig.ocitop(&["kill", "--all", "web", "KILL"]).ok();
        until("both are gone", || rig.processes().is_empty());
    }

    fn kill_of_a_stopped_container_says_so(rig: &Rig) {
        rig.stopped("web");
        rig.ocitop(&["kill", "web", "TERM"]).refused(1, "container not running");
    }

    fn pause_and_resume_are_the_runtimes_own(rig: &Rig) {
        rig.run("web");
        rig.ocitop(&["pause", "web"]).ok();
        assert_eq!(rig.status("web"), "paused");
        rig.ocitop(&["resume", "web"]).ok();
        assert_eq!(rig.status("web"), "running");
        // And mixed: what ocitop pauses, its runtime resumes.
        rig.ocitop(&["pause", "web"]).ok();
        rig.runtime(&["resume", "web"]).ok();
        assert_eq!(rig.status("web"), "running");
        rig.runtime(&["pause", "web"]).ok();
        rig.ocitop(&["resume", "web"]).ok();
        assert_eq!(rig.status("web"), "running");
        until("its init is thawed", || process_state(rig.pid("web")) == Some('S'));
    }

    fn start_releases_a_created_container(rig: &Rig) {
        let spec = Spec { script: "echo up > /up; sleep 3000".to_owned(), ..Spec::default() };
        rig.create_with("web", &spec);
        let up = rig.scratch("rootfs/up");
        assert!(!up.exists());
        rig.ocitop(&["start", "web"]).ok();
        until("its program ran", || up.exists());
        assert_eq!(rig.status("web"), "running");
        rig.runtime(&["kill", "web", "KILL"]).ok();
        until("the runtime says stopped", || rig.status("web") == "stopped");
        rig.runtime(&["delete", "web"]).ok();
        rig.assert_gone("web");
    }

    fn start_of_a_running_container_is_refused(rig: &Rig) {
        rig.run("web");
        let ended = rig.ocitop(&["start", "web"]);
        assert_eq!(ended.code, 1, "{ended:#?}");
        assert_eq!(rig.status("web"), "running");
    }

    fn read_only_changes_nothing(rig: &Rig) {
        rig.run("web");
        for args in [
            &["--read-only", "kill", "web", "KILL"][..],
            &["--read-only", "pause", "web"],
            &["--read-only", "delete", "--force", "web"],
        ] {
            let ended = rig.ocitop(args);
            assert_eq!(ended.code, 1, "{args:?}: {ended:#?}");
        }
        assert_eq!(rig.status("web"), "running");
    }
}
