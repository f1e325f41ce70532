//! Where no thread can be made, nothing panics, and what is said is so.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::pty::{Pty, Setup};
use crate::rig::{Ended, Rig, skip};

/// A cgroup that lets its members make nothing; removed with the value.
struct Jail(PathBuf);

impl Jail {
    fn new(rig: &Rig) -> Option<Self> {
        let tops = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(PathBuf::from);
        let dir = tops
            .into_iter()
            .find(|top| top.join("cgroup.procs").exists())?
            .join(format!("{}-jail", rig.prefix()));
        fs::create_dir(&dir).unwrap();
        let jail = Self(dir);
        let limit = jail.0.join("pids.max");
        limit.exists().then_some(jail)
    }

    /// Goes there, and becomes what it is called with.
    fn script(&self) -> String {
        let dir = self.0.display();
        format!("echo $$ > {dir}/cgroup.procs; echo 1 > {dir}/pids.max; exec \"$@\"")
    }

    fn ocitop(&self, rig: &Rig, args: &[&str]) -> Ended {
        let ocitop = rig.ocitop_command(args);
        let mut command = Command::new("sh");
        command.args(["-c", &self.script(), "sh"]);
        command.arg(ocitop.get_program()).args(ocitop.get_args());
        command.envs(
            ocitop
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        command.stdin(Stdio::null());
        let ended = rig.finish(command);
        // 101 is a panic.
        assert!(matches!(ended.code, 0 | 1), "{args:?}: {ended:#?}");
        assert!(!ended.stderr.contains("panicked"), "{args:?}: {ended:#?}");
        ended
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        crate::rig::until("the jail is empty", || fs::remove_dir(&self.0).is_ok());
    }
}

with_each_runtime! {
    fn what_is_asked_for_is_done_where_no_thread_can_be_made(rig: &Rig) {
        let name = "what_is_asked_for_is_done_where_no_thread_can_be_made";
        let Some(jail) = Jail::new(rig) else {
            return skip(name, "needs the pids controller");
        };
        let ids = ["one", "two", "three"].map(|name| format!("{}-{name}", rig.id()));
        for id in &ids {
            rig.run(id);
        }
        let [one, two, three] = ids.each_ref().map(String::as_str);
        let listed = jail.ocitop(rig, &["list"]).ok();
        assert_eq!(listed.stdout.matches("running").count(), 3, "{listed:#?}");
        jail.ocitop(rig, &["top", "--batch", "-n", "1"]).ok();
        let said = jail.ocitop(rig, &["diagnose", one]);
        assert!(said.stdout.contains("runs"), "{said:#?}");
        jail.ocitop(rig, &["leftovers", "--within", "/run/nothing"]);
        jail.ocitop(rig, &["doctor"]);
        jail.ocitop(rig, &["delete", "--force", one]).ok();
        rig.assert_gone(one);
        jail.ocitop(rig, &["delete", "--force", two, three]).ok();
        rig.assert_gone(two);
        rig.assert_gone(three);
    }

    fn the_screen_says_why_it_cannot_start_and_gives_the_terminal_back(rig: &Rig) {
        let name = "the_screen_says_why_it_cannot_start_and_gives_the_terminal_back";
        let Some(jail) = Jail::new(rig) else {
            return skip(name, "needs the pids controller");
        };
        let mut pty = Pty::start(Setup::real(rig.root()).by(&["sh", "-c", &jail.script(), "sh"]));
        assert_eq!(pty.ends(), 1);
        pty.is_restored();
        let said = String::from_utf8_lossy(pty.sent()).into_owned();
        assert!(said.contains("the screen cannot start: no thread can be made"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
