//! The screen over real containers: what is seen follows the machine, and D deletes for real.

use crate::pty::{Pty, Setup};
use crate::rig::{skip, until};
use crate::torture::fuse::Fuse;

with_each_runtime! {
    fn the_screen_follows_a_pause_and_deletes_at_a_yes(rig: &Rig) {
        rig.run("web");
        let mut pty = Pty::start(Setup::real(rig.root()));
        pty.sees("web");
        pty.sees("running");
        rig.runtime(&["pause", "web"]).ok();
        pty.sees("paused");
        rig.runtime(&["resume", "web"]).ok();
        pty.sees("running");
        pty.press("D");
        pty.confirm("y", "delete --force: done");
        until("nothing is left", || !rig.state_dir("web").exists());
        rig.assert_gone("web");
        pty.press("q");
        assert_eq!(pty.ends(), 0);
        pty.is_restored();
    }

    fn a_root_that_does_not_answer_holds_neither_the_list_nor_the_screen(rig: &Rig) {
        let name = "a_root_that_does_not_answer_holds_neither_the_list_nor_the_screen";
        // Not where users lay out roots: there a mount is refused beforehand.
        let place = tempfile::Builder::new().prefix("ocitop-test-").tempdir_in("/var/tmp");
        let place = place.unwrap();
        let Some(dead) = Fuse::mount(place.path().join("dead")) else {
            return skip(name, "needs /dev/fuse");
        };
        rig.run("web");
        let both = |args: &[&str]| {
            let mut command = rig.ocitop_command(&["--root"]);
            command.arg(dead.dir()).args(args);
            command
        };
        let listed = rig.finish(both(&["list"])).ok();
        assert!(listed.stdout.contains("box") && listed.stdout.contains("web"), "{listed:#?}");
        let setup = Setup::real(rig.root()).and_root(dead.dir());
        let mut pty = Pty::start(setup);
        pty.sees("box");
        pty.sees("running");
        dead.mute();
        let listed = rig.finish(both(&["list"]));
        assert_eq!(listed.code, 1, "{listed:#?}");
        assert!(listed.stderr.contains("does not answer"), "{listed:#?}");
        assert!(listed.stdout.contains("web"), "{listed:#?}");
        pty.sees("not answering for");
        rig.runtime(&["pause", "web"]).ok();
        pty.sees("paused");
        pty.press("q");
        assert_eq!(pty.ends(), 0);
    }
}
