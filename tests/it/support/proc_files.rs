//! Processes of the fixture machine with all the files that the processes view reads.

use std::fmt::Write as _;
use std::fs;

use crate::support::machine::Machine;

/// Start time of the fixture machine's processes, in clock ticks since boot.
const START: u64 = 5_000;

/// The pid namespace of ocitop and of the host.
/// The host's pid namespace.
pub(crate) const HOST: &str = "pid:[4026531836]";

/// What /proc says of a process.
#[derive(Clone)]
pub(crate) struct Told<'a> {
    pub(crate) comm: &'a str,
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) flags: u64,
    pub(crate) threads: u64,
    pub(crate) ticks: u64,
    pub(crate) start: u64,
    pub(crate) line: &'a [u8],
    /// Lines of `status`, each with its newline.
    pub(crate) status: String,
    /// Its pid namespace, and its pid in it, if that is not the host's.
    pub(crate) namespace: Option<(&'a str, i32)>,
}

impl Default for Told<'_> {
    fn default() -> Self {
        Self {
            comm: "sleep",
            state: 'S',
            parent: 1,
            flags: 64,
            threads: 1,
            ticks: 0,
            start: START,
            line: b"sleep\x003000\0",
            status: "Uid:\t0\t0\t0\t0\nVmRSS:\t  1024 kB\n".to_owned(),
            namespace: None,
        }
    }
}

impl Machine {
    /// Writes what is told of a process over what there was.
    pub(crate) fn tell(&self, pid: i32, told: &Told<'_>) {
        self.host_namespace();
        let dir = self.proc().join(pid.to_string());
        fs::create_dir_all(dir.join("ns")).unwrap();
        fs::create_dir_all(dir.join(format!("task/{pid}"))).unwrap();
        let Told {
            comm,
            state,
            parent,
            flags,
            threads,
            ticks,
            start,
            ..
        } = told;
        let stat = format!(
            "{pid} ({comm}) {state} {parent} 1 1 0 -1 {flags} 0 0 0 0 {ticks} 0 0 0 20 0 {threads} 0 {start} 0 0\n"
        );
        fs::write(dir.join("stat"), stat).unwrap();
        let mut status = format!("Name:\t{comm}\n{}NSpid:\t{pid}", told.status);
        if let Some((_, inside)) = told.namespace {
            write!(status, "\t{inside}").unwrap();
        }
        fs::write(dir.join("status"), format!("{status}\n")).unwrap();
        if !told.line.is_empty() || !dir.join("cmdline").exists() {
            fs::write(dir.join("cmdline"), told.line).unwrap();
        }
        let link = dir.join("ns/pid");
        fs::remove_file(&link).ok();
        let namespace = told.namespace.map_or(HOST, |(name, _)| name);
        std::os::unix::fs::symlink(namespace, link).unwrap();
    }

    fn host_namespace(&self) {
        let dir = self.proc().join("self/ns");
        fs::create_dir_all(&dir).unwrap();
        let link = dir.join("pid");
        if fs::read_link(&link).is_err() {
            std::os::unix::fs::symlink(HOST, link).unwrap();
        }
    }

    /// A zombie, which is in no list of a cgroup; its pid.
    pub(crate) fn spawn_zombie(&mut self, parent: i32) -> i32 {
        let pid = self.spawn_stranger();
        let zombie = Told {
            comm: "sh",
            state: 'Z',
            parent,
            line: b"",
            status: "Uid:\t0\t0\t0\t0\n".to_owned(),
            ..Told::default()
        };
        self.tell(pid, &zombie);
        pid
    }

    /// The kernel freezes or thaws nothing here: the files say what they are made to say.
    pub(crate) fn move_to(&self, pid: i32, membership: &str) {
        fs::write(self.proc().join(format!("{pid}/cgroup")), membership).unwrap();
    }
}
