//! The processes of real containers: all kinds of them are seen, one that does not answer keeps
//! nobody, and a signal to one reaches that one.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ocitop::config::Roots;
use ocitop::inventory::processes::{
    Listing, Process, ProcessPlace, ProcessReader, ProcessSubject, Source,
};
use ocitop::inventory::{Machine, Sampler};
use ocitop::kernel::{LiveKernel, Signal};
use ocitop::lifecycle::{Cancel, Claims, Engine, Job, NotSignalled, Options, Target, Verdict};
use ocitop::process::InitProcess;
use serde_json::json;

use crate::pty::{Pty, Setup};
use crate::rig::{Rig, Spec, Stranger, kill, patient, process_state, skip, start_of, tops, until};
use crate::torture::fuse::Fuse;
use crate::torture::odd;

/// A listing must not wait for anybody; a loaded machine gets this long.
const AT_ONCE: Duration = Duration::from_secs(3);

fn machine(rig: &Rig) -> Machine {
    Machine::new(&Roots {
        state: vec![rig.root()],
        ..Roots::default()
    })
}

/// Whose processes are asked for.
fn subject(rig: &Rig) -> ProcessSubject {
    let snapshot = Sampler::new(machine(rig)).unwrap().pass();
    let web = snapshot.containers.first().unwrap();
    ProcessSubject {
        key: web.key.clone(),
        init: web.init,
        cgroups: web.cgroups.clone(),
        selected: None,
    }
}

fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.try_into().unwrap()
}

/// Both goes; fails if the first one takes long.
fn look(reader: &mut ProcessReader, subject: &ProcessSubject) -> Listing {
    let start = Instant::now();
    let mut listing = reader.look(subject, now());
    assert!(start.elapsed() < patient(AT_ONCE), "{:?}", start.elapsed());
    reader.ask(&mut listing, subject, now());
    assert!(start.elapsed() < patient(AT_ONCE), "{:?}", start.elapsed());
    listing
}

fn read(rig: &Rig) -> Listing {
    look(&mut ProcessReader::new(machine(rig)), &subject(rig))
}

/// The process whose command contains this.
fn of<'a>(listing: &'a Listing, command: &str) -> &'a Process {
    let mut all = listing.processes();
    let found = all.find(|process| process.command.contains(command));
    found.unwrap_or_else(|| panic!("{command:?} in {listing:#?}"))
}

/// The pid of the member whose name is this, once it runs.
fn named(rig: &Rig, name: &str) -> i32 {
    let name = format!("{name}\n");
    let find = || {
        let members = rig.members("web");
        let mut pids = members.into_iter();
        pids.find(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == name)
        })
    };
    until("it runs", || find().is_some());
    find().unwrap()
}

/// Puts the odd program into the rootfs; says so where there is none.
fn with_odd(rig: &Rig, test: &str) -> bool {
    let Some(odd) = odd() else {
        skip(test, "no C compiler");
        return false;
    };
    fs::copy(odd, rig.scratch("rootfs/bin/odd")).unwrap();
    true
}

/// A container with a file system below `/hang` that does not answer.
fn hung(rig: &Rig, test: &str, script: &str) -> Option<Fuse> {
    let Some(fuse) = Fuse::mount(rig.scratch("fuse")) else {
        skip(test, "no FUSE");
        return None;
    };
    let mounts = json!([{"destination": "/hang", "type": "bind", "source": fuse.dir(),
        "options": ["rbind", "rw"]}]);
    let script = script.to_owned();
    rig.run_with(
        "web",
        &Spec {
            script,
            mounts,
            ..Spec::default()
        },
    );
    Some(fuse)
}

/// Sends a signal to one process of `web`.
fn send(rig: &Rig, process: InitProcess, signal: Signal) -> Verdict {
    let machine = machine(rig);
    let snapshot = Sampler::new(machine.clone()).unwrap().pass();
    let target = Target::of(snapshot.containers.first().unwrap()).unwrap();
    let options = Options {
        timeout: Duration::from_secs(10),
        hooks: false,
        cancel: Cancel::default(),
    };
    let job = Job::SignalOne(target, process, signal);
    let engine = Engine {
        kernel: &LiveKernel::default(),
        machine: &machine,
        options: &options,
        claims: &Claims::read(&machine),
    };
    engine.run(&job, &mut |_| {})
}

/// Moves a process into a cgroup of this rig beside the container's, in every hierarchy.
fn move_away(rig: &Rig, pid: i32) {
    for top in tops() {
        let container = rig.cgroup("web", "pids");
        let above = container.parent().unwrap().file_name().unwrap();
        let dir = top.join(above).join("away");
        fs::create_dir_all(&dir).unwrap();
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let set = fs::read_to_string(top.join(above).join(file));
            if let Ok(set) = set.as_deref().map(str::trim) {
                fs::write(dir.join(file), set).ok();
            }
        }
        fs::write(dir.join("cgroup.procs"), pid.to_string()).ok();
    }
}

fn waits_in_d(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let mut states = threads.flatten().filter_map(|thread| {
        let stat = fs::read(thread.path().join("stat")).ok()?;
        ocitop::process::ProcStat::parse(&stat).map(|stat| stat.state)
    });
    states.any(|state| state == 'D')
}

with_each_runtime! {
    fn processes_are_listed_with_what_is_odd_about_them(rig: &Rig) {
        if !with_odd(rig, "odd processes") {
            return;
        }
        let script = "/bin/odd zombies & /bin/odd leader & sleep 3001";
        rig.run_with("web", &Spec { script: script.to_owned(), ..Spec::default() });
        until("the zombies are dead", || {
            let listing = read(rig);
            listing.processes().filter(|process| process.is_zombie()).count() == 20
                && listing.processes().any(|process| process.orphaned_threads() == Some(1))
        });
        let listing = read(rig);
        let init = listing.processes().find(|process| process.is_init).unwrap();
        assert_eq!((init.who.pid, init.inside), (rig.pid("web"), Some(1)));
        assert!(matches!(listing.groups[0].place, ProcessPlace::Own(_)), "{listing:#?}");
        let maker = of(&listing, "/bin/odd zombies").clone();
        let mut zombies = listing.processes().filter(|process| process.is_zombie());
        assert!(zombies.all(|zombie| {
            zombie.parent == maker.who.pid && zombie.command == "[odd] <defunct>"
        }));
        let leader = of(&listing, "/bin/odd leader");
        assert_eq!(leader.remarks(), ["Z, 1 thread live"]);
        assert!(leader.resident.is_some_and(|bytes| bytes > 0), "{leader:#?}");
        let sleeper = of(&listing, "sleep 3001");
        assert_eq!((sleeper.state, sleeper.user.as_str()), ('S', "root"));
        assert!(sleeper.wchan.is_some() && sleeper.resident.is_some_and(|bytes| bytes > 0));
    }

    fn sub_cgroups_and_who_left_are_told_apart(rig: &Rig) {
        rig.run_with("web", &Spec {
            script: "sleep 3000 & sleep 3002 & exec sleep 3001".to_owned(),
            ..Spec::default()
        });
        until("all run", || rig.members("web").len() == 3);
        let listing = read(rig);
        let (below, away) = (of(&listing, "sleep 3000").who, of(&listing, "sleep 3002").who);
        let dir = rig.cgroup("web", "pids").join("exec-2");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("cgroup.procs"), below.pid.to_string()).unwrap();
        move_away(rig, away.pid);
        let listing = read(rig);
        let place = |who| {
            let mut groups = listing.groups.iter();
            let group = groups.find(|group| group.processes.iter().any(|p| p.who == who));
            group.map(|group| group.place.clone())
        };
        assert_eq!(place(below), Some(ProcessPlace::Below("exec-2".to_owned())));
        assert_eq!(place(away), Some(ProcessPlace::Outside), "{listing:#?}");
        assert!(of(&listing, "sleep 3002").elsewhere.as_ref().unwrap().ends_with("/away"));
        // It has left the cgroup, and it is the container's all the same.
        assert_eq!(send(rig, away, Signal::KILL), Verdict::Clean);
        until("it is gone", || start_of(away.pid) != Some(away.start_time));
        assert_eq!(rig.status("web"), "running");
    }

    fn a_process_in_d_keeps_nobody(rig: &Rig) {
        let Some(mut fuse) = hung(rig, "a process in D", "cat /hang/hang & sleep 3001") else {
            return;
        };
        let pid = named(rig, "cat");
        until("it waits", || {
            let wchan = fs::read_to_string(format!("/proc/{pid}/wchan"));
            wchan.is_ok_and(|name| name == "request_wait_answer")
        });
        kill(pid);
        until("it is in D", || process_state(pid) == Some('D'));
        let mut subject = subject(rig);
        let mut reader = ProcessReader::new(machine(rig));
        let listing = look(&mut reader, &subject);
        let stuck = listing.processes().find(|process| process.who.pid == pid).unwrap();
        assert!(stuck.is_stuck() && stuck.kill_pending(), "{stuck:#?}");
        assert_eq!((stuck.command.as_str(), stuck.source), ("[cat]", Source::Unread));
        assert_eq!(stuck.wchan.as_deref(), Some("request_wait_answer"));
        subject.selected = Some(stuck.who);
        let listing = look(&mut reader, &subject);
        let closeup = listing.closeup.clone().unwrap();
        assert!(closeup.stack.iter().any(|name| name.contains("fuse")), "{closeup:#?}");
        assert_eq!(closeup.file.as_deref(), Some("/hang/hang"), "{closeup:#?}");
        let held = listing.find(stuck.who).unwrap().held;
        assert_eq!((held.looks, held.switches), (2, Some(0)));
        assert_eq!(of(&listing, "sleep 3001").source, Source::Line);
        fuse.abort();
        until("it is gone", || process_state(pid) != Some('D'));
    }

    fn a_command_line_that_does_not_answer_keeps_nobody(rig: &Rig) {
        let test = "a command line that hangs";
        if !with_odd(rig, test) {
            return;
        }
        let script = "/bin/odd locked /hang/hang & sleep 3001";
        let Some(mut fuse) = hung(rig, test, script) else {
            return;
        };
        let pid = named(rig, "odd");
        until("its memory is locked", || waits_in_d(pid));
        assert_eq!(process_state(pid), Some('S'), "its first thread only sleeps");
        let subject = subject(rig);
        let mut reader = ProcessReader::new(machine(rig));
        let find = |listing: &Listing| {
            let mut all = listing.processes();
            all.find(|process| process.who.pid == pid).unwrap().clone()
        };
        let listing = look(&mut reader, &subject);
        assert!(matches!(find(&listing).source, Source::Silent(_)), "{listing:#?}");
        assert_eq!(find(&listing).command, "[odd]");
        assert_eq!(of(&listing, "sleep 3001").source, Source::Line);
        // Not asked again: the next looks wait for nothing.
        let listing = reader.look(&subject, now());
        assert!(!reader.will_wait(&listing));
        // The screen goes on beside it.
        let mut pty = Pty::start(Setup::real(rig.root()));
        pty.sees("web");
        pty.press("3");
        pty.sees("not answering for");
        pty.sees("sleep 3001");
        pty.press("1");
        pty.sees("[1 Cont");
        pty.press("q");
        assert_eq!(pty.ends(), 0);
        fuse.abort();
        until("it answers", || {
            find(&look(&mut reader, &subject)).command == "/bin/odd locked /hang/hang"
        });
    }

    fn a_signal_to_one_process_leaves_its_siblings_alone(rig: &Rig) {
        rig.run_with("web", &Spec {
            script: "sleep 3000 & sleep 3002 & exec sleep 3001".to_owned(),
            ..Spec::default()
        });
        until("all run", || rig.members("web").len() == 3);
        let listing = read(rig);
        let who = |command| of(&listing, command).who;
        let (one, other, init) = (who("sleep 3000"), who("sleep 3002"), who("sleep 3001"));
        // The right pid with another start is another process.
        let recycled = InitProcess { start_time: one.start_time + 1, ..one };
        let refused = |why: NotSignalled| Verdict::Refused(why.into());
        assert_eq!(send(rig, recycled, Signal::KILL), refused(NotSignalled::Recycled(one.pid)));
        let mut stranger = Stranger::new();
        let start_time = start_of(stranger.pid()).unwrap();
        let outside = InitProcess { pid: stranger.pid(), start_time };
        assert_eq!(send(rig, outside, Signal::KILL), refused(NotSignalled::Foreign(outside.pid)));
        assert!(stranger.is_alive());
        assert_eq!(start_of(one.pid), Some(one.start_time));
        assert_eq!(send(rig, one, Signal::KILL), Verdict::Clean);
        until("it is gone", || start_of(one.pid) != Some(one.start_time));
        for sibling in [other, init] {
            assert_eq!(start_of(sibling.pid), Some(sibling.start_time));
        }
        // Its parent is a sleep, which takes note of nobody.
        let zombie = NotSignalled::Zombie { pid: one.pid, parent: init.pid };
        assert_eq!(send(rig, one, Signal::KILL), refused(zombie));
        assert!(Path::new("/proc").join(init.pid.to_string()).exists());
    }
}
