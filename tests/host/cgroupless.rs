//! Containers without a cgroup, in the pid namespace of the host: real processes that fork while they are
//! deleted, and ones that nothing ties to init. All of them end by themselves.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use ocitop::oci::RuntimeKind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::rig::{Ended, Rig, kill, skip, start_of, until};

/// Chains of processes: each forks one and ends, two hundred times, a millisecond apart.
const CHAINS: &str = r#"
    use POSIX ();
    my $session = shift @ARGV;
    $| = 1;
    for (1..3) {
        next if fork();
        for (1..200) {
            select(undef, undef, undef, 0.001);
            POSIX::_exit(0) if fork();
            POSIX::setsid() if $session;
        }
        POSIX::_exit(0);
    }
    $SIG{CHLD} = 'IGNORE';
    print "begun\n";
    sleep 60;
"#;

/// A container of runc's by its record: init in mounts of its own, and nothing else.
struct Bare {
    rig: Rig,
    id: String,
    init: Child,
    mounts: PathBuf,
    /// While it is open its number is nobody else's: what is among these mounts is killed.
    _held: File,
    output: ChildStdout,
}

impl Bare {
    /// Runs this once it has said a word.
    fn new(command: &mut Command, rootfs: Option<PathBuf>) -> Result<Self, String> {
        let rig = Rig::new(RuntimeKind::Runc)?;
        let mut init = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut output = init.stdout.take().unwrap();
        let mut byte = [0];
        while byte != *b"\n" {
            output.read_exact(&mut byte).unwrap();
        }
        let pid = i32::try_from(init.id()).unwrap();
        let id = rig.id();
        let state = json!({
            "id": id, "init_process_pid": pid, "init_process_start": start_of(pid),
            "created": "2026-01-01T00:00:00Z", "cgroup_paths": {},
            "config": {
                "rootfs": rootfs.unwrap_or_else(|| "/".into()),
                "labels": ["bundle=/"], "version": "1.0.2-dev",
                "namespaces": [{"type": "NEWNS", "path": ""}],
            },
        });
        fs::create_dir(rig.state_dir(&id)).unwrap();
        fs::write(rig.state_dir(&id).join("state.json"), state.to_string()).unwrap();
        let held = File::open(format!("/proc/{pid}/ns/mnt")).map_err(|error| error.to_string())?;
        let mounts = mounts_of(pid).ok_or("init is dead")?;
        Ok(Self {
            rig,
            id,
            init,
            mounts,
            _held: held,
            output,
        })
    }

    /// Whether nobody lives who has the output of init, which each of its chains inherits.
    fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.output, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    }

    /// Who lives among its mounts.
    fn living(&self) -> Vec<i32> {
        let pids = fs::read_dir("/proc").unwrap();
        let pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        pids.filter(|pid| mounts_of(*pid).as_ref() == Some(&self.mounts))
            .collect()
    }

    fn delete(&self, args: &[&str]) -> Ended {
        let all = [&["--timeout", "3", "delete"], args, &[self.id.as_str()]].concat();
        self.rig.ocitop(&all)
    }

    fn is_recorded(&self) -> bool {
        self.rig.state_dir(&self.id).exists()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.init.kill().ok();
        self.init.wait().ok();
        until("its chains end", || {
            let living = self.living();
            for pid in living.iter().filter_map(|pid| Pid::from_raw(*pid)) {
                kill_process(pid, Signal::KILL).ok();
            }
            living.is_empty() && self.has_ended()
        });
    }
}

/// The mount namespace of one that lives.
fn mounts_of(pid: i32) -> Option<PathBuf> {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    let is_dead = stat.contains(") Z ") || stat.contains(") X ");
    let mounts = fs::read_link(dir.join("ns/mnt")).ok();
    mounts.filter(|_| !is_dead)
}

#[test]
fn of_chains_of_forking_processes_all_are_gone_or_it_is_said() {
    for session in ["", "1", "1"] {
        let mut init = Command::new("setsid");
        init.args(["unshare", "-m", "perl", "-e", CHAINS, session]);
        let bare = match Bare::new(&mut init, None) {
            Ok(bare) => bare,
            Err(reason) => return skip("chains of forking processes", &reason),
        };
        let ended = bare.delete(&["--force"]);
        match ended.code {
            0 => assert!(bare.has_ended(), "{:?} live: {ended:#?}", bare.living()),
            1 => assert!(bare.is_recorded(), "what tells of it is gone: {ended:#?}"),
            _ => panic!("{ended:#?}"),
        }
        assert_eq!(ended.code == 0, !bare.is_recorded(), "{ended:#?}");
        until("the chains end", || bare.has_ended());
        bare.delete(&["--force"]).ok();
        assert!(!bare.is_recorded());
    }
}

/// The kernel gives the number of a mount namespace to the next one: not known by that alone, for the
/// rig kills what lives among its mounts.
#[test]
fn what_is_made_when_it_has_ended_is_not_taken_for_it() {
    let sleep = ["-m", "sh", "-c", "echo begun; exec sleep 60"];
    let mut init = Command::new("unshare");
    let mut bare = match Bare::new(init.args(sleep), None) {
        Ok(bare) => bare,
        Err(reason) => return skip("what is made when it has ended", &reason),
    };
    bare.init.kill().unwrap();
    bare.init.wait().unwrap();
    until("it ends", || bare.has_ended());
    // What runs beside this may get it first, and give it back.
    let others: Vec<_> = (0..8)
        .map(|_| Bare::new(Command::new("unshare").args(sleep), None).unwrap())
        .collect();
    let living: Vec<_> = others.iter().map(Bare::living).collect();
    assert_eq!(bare.living(), [0; 0], "{living:?}");
    assert!(living.iter().all(|pids| pids.len() == 1), "{living:?}");
}

#[test]
fn who_got_away_keeps_the_record_for_as_long_as_it_lives() {
    let name = "who got away";
    let rootfs = match Rig::new(RuntimeKind::Runc) {
        Ok(rig) => rig,
        Err(reason) => return skip(name, &reason),
    };
    let root = rootfs.scratch("rootfs");
    // What a shell gives to what runs behind it.
    fs::write(root.join("dev/null"), "").unwrap();
    // An orphan in a session of its own: only its mounts tell.
    let script = "(/bin/busybox setsid sleep 60 >&- &); echo begun; exec sleep 60";
    let mut init = Command::new("setsid");
    init.args(["unshare", "-m", "-R"]).arg(&root);
    init.args(["/bin/busybox", "sh", "-c", script]);
    let bare = Bare::new(&mut init, Some(root)).unwrap();
    until("both run", || bare.living().len() == 2);
    let ended = bare.delete(&["--force"]);
    assert_eq!(ended.code, 1, "{ended:#?}");
    let living = bare.living();
    let [away] = living[..] else {
        panic!("{living:?}: {ended:#?}");
    };
    for force in [&[][..], &["--force"]] {
        let said = format!("pid {away} may be of it");
        bare.delete(force).refused(1, &said);
        assert!(bare.is_recorded());
        assert_eq!(bare.living(), [away]);
    }
    kill(away);
    until("it dies", || bare.living().is_empty());
    bare.delete(&[]).ok();
    assert!(!bare.is_recorded());
}

/// Ends with the value, and its children with it.
struct Busy(Child);

impl Busy {
    fn new() -> Self {
        // It ends by itself, long after a delete that does not wait for it.
        let forks = "for (1..60_000) { fork() or POSIX::_exit(0); wait() }";
        let child = Command::new("perl").args(["-MPOSIX", "-e", forks]).spawn();
        Self(child.unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_host_on_which_others_fork_all_the_time_does_not_hold_it_up() {
    let mut init = Command::new("setsid");
    init.args([
        "unshare",
        "-m",
        "sh",
        "-c",
        "sleep 60 & echo begun; exec sleep 61",
    ]);
    let bare = match Bare::new(&mut init, None) {
        Ok(bare) => bare,
        Err(reason) => return skip("a host on which others fork", &reason),
    };
    let mut busy = Busy::new();
    bare.delete(&["--force"]).ok();
    assert!(!bare.is_recorded());
    assert!(bare.has_ended(), "{:?} live", bare.living());
    let ended = busy.0.try_wait().unwrap();
    assert_eq!(ended, None, "nothing forked meanwhile");
}
