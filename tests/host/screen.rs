//! The screen over real containers: what is seen follows the machine, and D deletes for real.

use crate::pty::{Pty, Setup};
use crate::rig::until;

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
}
