//! From where not all of the host is seen: nothing of a live container is ever touched, and nothing is
//! said to be gone, stopped or certain that was only out of sight.
//!
//! Each row of the matrix is a place to run ocitop in, made of real namespaces and mounts; each column a
//! command, with what it must claim and its exit status. After every command all that lives is looked at.

mod places;

use std::path::PathBuf;

use ocitop::oci::RuntimeKind;
use serde_json::{Value, json};

use crate::rig::{Ended, Rig, Spec, process_state, start_of, until};
use places::Place;

/// A container that lives, and one whose init is dead, with what must stay of both.
struct Scene<'a> {
    rig: &'a Rig,
    live: String,
    dead: String,
    init: (i32, u64),
    hook: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig) -> Self {
        let hook = rig.scratch("hook-ran");
        let touch = format!("cat > /dev/null; : > {}", hook.display());
        let spec = Spec {
            hooks: json!({"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", touch]}]}),
            ..Spec::default()
        };
        let (live, dead) = (rig.id(), format!("{}-dead", rig.id()));
        rig.run_with(&dead, &spec);
        rig.kill_init(&dead);
        until("the dead one has no process", || {
            rig.members(&dead).is_empty()
        });
        rig.run_with(&live, &spec);
        until("both processes run", || rig.members(&live).len() == 2);
        let pid = rig.pid(&live);
        Self {
            rig,
            live,
            dead,
            init: (pid, start_of(pid).unwrap()),
            hook,
        }
    }

    /// Fails unless all of both is as it was made.
    #[track_caller]
    fn assert_untouched(&self, after: &Ended) {
        let (pid, start) = self.init;
        assert_eq!(start_of(pid), Some(start), "its init lives: {after:#?}");
        assert_ne!(process_state(pid), Some('T'), "{after:#?}");
        assert_eq!(self.rig.members(&self.live).len(), 2, "{after:#?}");
        for id in [&self.live, &self.dead] {
            assert!(
                self.rig.state_file(id).exists(),
                "the record of {id}: {after:#?}"
            );
            assert!(
                !self.rig.cgroups(id).is_empty(),
                "cgroups of {id}: {after:#?}"
            );
        }
        assert!(!self.hook.exists(), "no hook ran: {after:#?}");
    }

    /// Runs ocitop in a place, and looks at what lives.
    #[track_caller]
    fn run(&self, place: Place, args: &[&str]) -> Ended {
        let ended = self.rig.finish(place.command(self.rig, args));
        self.assert_untouched(&ended);
        ended
    }

    /// Fails unless a command does nothing, says `why` and exits with 1.
    #[track_caller]
    fn refuses(&self, place: Place, args: &[&str], why: &str) {
        let ended = self.run(place, args);
        assert_eq!(ended.code, 1, "{args:?} in {place:?}: {ended:#?}");
        assert!(
            ended.stderr.contains(why),
            "{args:?} in {place:?}: {ended:#?}"
        );
    }

    /// The status of both as `list` has it.
    fn statuses(&self, place: Place) -> (Ended, [Value; 2]) {
        let ended = self.run(place, &["list", "-f", "json"]).ok();
        let list = ended.json();
        let entries = list.as_array().unwrap();
        let status = |id: &str| {
            let found = entries.iter().find(|entry| entry["id"] == id);
            found.unwrap()["status"].clone()
        };
        let both = [status(&self.live), status(&self.dead)];
        (ended, both)
    }

    /// Fails if anything is called a leftover with any confidence, or cleaned.
    #[track_caller]
    fn nothing_is_a_leftover(&self, place: Place) {
        let within = place.root(self.rig);
        let within = ["--all", "--within", within.to_str().unwrap()];
        let mut list = vec!["leftovers", "-f", "json"];
        list.extend(within);
        let said = self.run(place, &list);
        for one in said.json().as_array().unwrap() {
            assert_eq!(one["confidence"], "unknown", "in {place:?}: {one:#}");
        }
        let mut clean = vec!["leftovers", "clean", "--yes"];
        clean.extend(&within[1..]);
        let cleaned = self.run(place, &clean);
        assert_eq!(cleaned.code, 1, "in {place:?}: {cleaned:#?}");
    }

    /// A delete takes the dead one, one by force the other, each with its hook on the host.
    #[track_caller]
    fn both_go(&self, place: Place) {
        for (id, act) in [
            (&self.dead, &["delete"][..]),
            (&self.live, &["delete", "--force"]),
        ] {
            let mut args = act.to_vec();
            args.push(id);
            let ended = self.rig.finish(place.command(self.rig, &args)).ok();
            self.rig.assert_gone(id);
            assert!(self.hook.exists(), "its hook ran on the host: {ended:#?}");
            std::fs::remove_file(&self.hook).unwrap();
        }
        assert_eq!(start_of(self.init.0), None);
    }

    /// Cleaning by path is refused.
    #[track_caller]
    fn cleans_neither(&self, place: Place, why: &str) {
        for (id, why) in [(&self.live, "not a leftover"), (&self.dead, why)] {
            let dir = self.rig.state_dir(id);
            let args = ["leftovers", "clean", "--yes", dir.to_str().unwrap()];
            let ended = self.run(place, &args);
            assert_eq!(ended.code, 1, "{args:?} in {place:?}: {ended:#?}");
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(said.contains(why), "{args:?} in {place:?}: {ended:#?}");
        }
    }
}

/// What is done with both, other than looking.
const ACTS: [&[&str]; 5] = [
    &["delete"],
    &["delete", "--force"],
    &["delete", "--force", "--dry-run"],
    &["kill", "-a"],
    &["pause"],
];

fn each_act(scene: &Scene<'_>, place: Place, why: &str) {
    for act in ACTS {
        for id in [&scene.live, &scene.dead] {
            let mut args = act.to_vec();
            args.push(id);
            scene.refuses(place, &args, why);
        }
    }
}

with_each_runtime! {
    fn with_pids_of_its_own_no_status_is_known_and_nothing_is_done(rig: &Rig) {
        let scene = Scene::new(rig);
        for place in [Place::OwnPids, Place::OwnPidsNoCgroups] {
            let why = "ocitop runs in a pid namespace of its own";
            let (said, both) = scene.statuses(place);
            assert_eq!(both, ["unknown", "unknown"], "{place:?}");
            assert!(said.stderr.contains(why), "{said:#?}");
            let said = scene.run(place, &["diagnose", &scene.live]).ok();
            assert!(said.stdout.contains("cannot be known from here"), "{said:#?}");
            assert!(!said.stdout.contains("  ok  init"), "{said:#?}");
            scene.refuses(place, &["state", &scene.live], why);
            scene.refuses(place, &["kill", &scene.live, "KILL"], why);
            each_act(&scene, place, why);
            scene.nothing_is_a_leftover(place);
            let doctor = scene.run(place, &["doctor"]).ok();
            assert!(doctor.stdout.contains(why), "{doctor:#?}");
        }
    }

    fn with_the_pids_of_another_procfs_nobody_is_signalled(rig: &Rig) {
        let scene = Scene::new(rig);
        let place = Place::OuterProc;
        let why = "/proc shows another pid namespace";
        scene.refuses(place, &["kill", &scene.live, "KILL"], why);
        each_act(&scene, place, why);
        scene.nothing_is_a_leftover(place);
    }

    fn where_its_cgroups_are_not_seen_a_container_keeps_them_and_its_record(rig: &Rig) {
        let scene = Scene::new(rig);
        for (place, why) in [
            (Place::OwnCgroups, "ocitop runs in a cgroup namespace of its own"),
            (Place::NoCgroups, "not all cgroup hierarchies are mounted here"),
        ] {
            let (said, both) = scene.statuses(place);
            assert_eq!(both, ["running", "stopped"], "{place:?}: its pids are the host's");
            assert!(said.stderr.contains(why), "{said:#?}");
            let said = scene.run(place, &["diagnose", &scene.live]).ok();
            assert!(said.stdout.contains("cannot be looked at from here"), "{said:#?}");
            // A verified init can be signalled wherever its cgroups are. youki stores no start time, so
            // that its init is told by them.
            let kill = ["kill", &scene.live, "CONT"];
            if rig.kind == RuntimeKind::Youki && place == Place::OwnCgroups {
                scene.refuses(place, &kill, "cannot know whether anything lives");
            } else {
                scene.run(place, &kill).ok();
            }
            each_act(&scene, place, "cannot know whether anything lives");
            scene.nothing_is_a_leftover(place);
            scene.cleans_neither(place, why);
            let doctor = scene.run(place, &["doctor"]).ok();
            assert!(doctor.stdout.contains(why), "{doctor:#?}");
        }
    }

    fn a_bundle_that_is_not_mounted_here_is_not_gone(rig: &Rig) {
        let scene = Scene::new(rig);
        let place = Place::OtherMounts;
        let (_, both) = scene.statuses(place);
        assert_eq!(both, ["running", "stopped"]);
        let root = rig.root();
        let within = ["--within", root.to_str().unwrap()];
        let mut list = vec!["leftovers", "-f", "json", "--all"];
        list.extend(within);
        let said = scene.run(place, &list).json();
        let found = said.as_array().unwrap().iter();
        let mut found = found.filter(|one| one["id"] == scene.dead.as_str());
        let dead = found.next().unwrap();
        assert_eq!(dead["confidence"], "unknown", "{dead:#}");
        let mut clean = vec!["leftovers", "clean", "--yes"];
        clean.extend(within);
        scene.run(place, &clean);
        // All that a delete needs is in the record: pids and cgroups are the host's.
        let said = scene.run(place, &["diagnose", &scene.live]).ok();
        assert!(!said.stdout.contains("CAUSE") && !said.stdout.contains("bundle is gone"), "{said:#?}");
        scene.run(place, &["kill", &scene.live, "CONT"]).ok();
        scene.refuses(place, &["delete", &scene.live], "not stopped");
        // crun runs hooks in the bundle.
        if rig.kind == RuntimeKind::Crun {
            for id in [&scene.live, &scene.dead] {
                let why = "is not found here, where ";
                scene.refuses(place, &["delete", "--force", id], why);
                scene.refuses(place, &["delete", "--force", "--dry-run", id], why);
            }
            for id in [&scene.live, &scene.dead] {
                let args = ["delete", "--force", "--no-hooks", id];
                rig.finish(place.command(rig, &args)).ok();
                rig.assert_gone(id);
                assert!(!scene.hook.exists());
            }
            return;
        }
        for id in [&scene.live, &scene.dead] {
            scene.run(place, &["delete", "--force", "--dry-run", id]).ok();
        }
        scene.both_go(place);
    }

    fn as_an_ordinary_user_what_cannot_be_read_is_not_absent(rig: &Rig) {
        let scene = Scene::new(rig);
        let place = Place::OrdinaryUser;
        let why = "not found in the roots that could be read";
        for act in [&["delete", "--force"][..], &["delete"], &["state"], &["kill"], &["ps"], &["diagnose"]] {
            let mut args = act.to_vec();
            args.push(&scene.live);
            scene.refuses(place, &args, why);
        }
        let listed = scene.run(place, &["list"]);
        assert!(listed.stderr.contains("Permission denied"), "{listed:#?}");
        let said = scene.run(place, &["leftovers", "--all", "-f", "json"]);
        for one in said.json().as_array().unwrap() {
            assert_eq!(one["confidence"], "unknown", "{one:#}");
        }
        let clean = scene.run(place, &["leftovers", "clean", "--yes"]);
        assert_eq!(clean.code, 1, "{clean:#?}");
    }

    fn below_the_hosts_own_root_directory_everything_works(rig: &Rig) {
        let scene = Scene::new(rig);
        let place = Place::HostDir;
        let _gone_at_the_end = places::HostRoot::of(rig);
        let (said, both) = scene.statuses(place);
        assert_eq!(both, ["running", "stopped"], "{said:#?}");
        assert_eq!(said.stderr, "", "{said:#?}");
        let said = scene.run(place, &["diagnose", &scene.live]).ok();
        assert!(!said.stdout.contains("from here"), "{said:#?}");
        scene.run(place, &["kill", &scene.live, "CONT"]).ok();
        scene.refuses(place, &["delete", &scene.live], "not stopped");
        let pids = scene.run(place, &["ps", "-f", "json", &scene.live]).ok().json();
        assert_eq!(pids.as_array().unwrap().len(), 2, "{pids:#}");
        let below = places::below_host(rig, &rig.root());
        let args = ["leftovers", "-f", "json", "--all", "--within", below.to_str().unwrap()];
        let left = scene.run(place, &args).json();
        let ids: Vec<_> = left.as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [scene.dead.as_str()], "{left:#}");
        scene.both_go(place);
    }

    fn a_hidden_init_is_unknown_and_not_stopped(rig: &Rig) {
        let scene = Scene::new(rig);
        let place = Place::HiddenPids;
        let (said, both) = scene.statuses(place);
        assert_eq!(both[0], "unknown", "{said:#?}");
        // A dead one that nobody has reaped is hidden as well.
        assert!(both[1] == "stopped" || both[1] == "unknown", "{said:#?}");
        let why = "hides processes of other users";
        let said = scene.run(place, &["diagnose", &scene.live]).ok();
        assert!(said.stdout.contains(why), "{said:#?}");
        assert!(!said.stdout.contains("  ok  init"), "{said:#?}");
        for act in [&["delete"][..], &["delete", "--force"], &["kill"]] {
            let mut args = act.to_vec();
            args.push(&scene.live);
            scene.refuses(place, &args, why);
        }
        scene.nothing_is_a_leftover(place);
    }
}
