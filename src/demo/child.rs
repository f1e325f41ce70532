//! The lab's processes: ocitop itself, started again with a hidden argument.
//!
//! A process reads its instructions from stdin, ties its life to its parent's, enters its cgroups, starts
//! its helpers, says `ready` on stdout and plays its role until it is killed. The init of a created
//! container waits for its start exactly as its runtime's init does.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::start_wait::StartWait;
use super::wait::nap;
use crate::oci::RuntimeKind;

/// The hidden subcommand that leads to [`super::child()`].
pub(super) const HIDDEN: &str = "__lab";
/// The role of a hook that fails.
pub(super) const REFUSE: &str = "refuse";

const MIB: usize = 1 << 20;
/// The lowest priority: the lab gives way to everything else.
const NICE: i32 = 19;

/// What a process of the lab does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    /// Uses all of the CPU that its cgroup gives it.
    Burn,
    /// Uses so much of one CPU, percent.
    Work {
        /// Percent.
        percent: u32,
    },
    /// Takes memory and gives it back, again and again.
    Tide,
    /// Writes a small file and syncs it, again and again.
    Write,
    /// Waits to be started, as this runtime's init does, then works a little.
    Await(#[serde(with = "runtime_name")] RuntimeKind),
    /// Goes at once.
    Leave,
}

mod runtime_name {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::oci::RuntimeKind;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn serialize<S: Serializer>(kind: &RuntimeKind, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(kind.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RuntimeKind, D::Error> {
        let name = String::deserialize(from)?;
        [RuntimeKind::Youki, RuntimeKind::Runc, RuntimeKind::Crun]
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| serde::de::Error::custom("no such runtime"))
    }
}

/// Everything a process of the lab is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Instructions {
    /// Who started it: when that one is gone, it goes too.
    pub(super) parent: i32,
    /// The name it takes.
    pub(super) name: String,
    /// The cgroups it enters.
    pub(super) cgroups: Vec<PathBuf>,
    /// What it does.
    pub(super) role: Role,
    /// Its container's state directory, for [`Role::Await`].
    pub(super) state: PathBuf,
    /// Where [`Role::Write`] writes.
    pub(super) scratch: PathBuf,
    /// The processes it starts.
    pub(super) helpers: Vec<Instructions>,
}

/// Starts a process of the lab; its stdout will say `ready`.
pub(super) fn launch(program: &Path, instructions: &Instructions) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    let mut child = Command::new(program)
        .arg0("ocitop")
        .args([HIDDEN, &instructions.name])
        .env_clear()
        .current_dir("/")
        // Signals for the terminal's foreground group (Ctrl-C, Ctrl-Z) are for ocitop alone.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let instructions = Instructions {
        parent: i32::try_from(std::process::id()).map_err(io::Error::other)?,
        ..instructions.clone()
    };
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(&serde_json::to_vec(&instructions)?) {
            // It died at once; the wait for `ready` will tell.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    Ok(child)
}

/// What a process of the lab said on stdout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It plays; these are the helpers it started.
    Ready(Vec<i32>),
    /// It could not.
    Failed(String),
}

impl Said {
    /// Reads the one line a child says.
    pub(super) fn parse(text: &str) -> Self {
        match text.strip_prefix("ready") {
            Some(pids) => Self::Ready(pids.split_whitespace().flat_map(str::parse).collect()),
            None if text.is_empty() => Self::Failed("it died".to_owned()),
            None => Self::Failed(text.trim_start_matches("failed ").trim().to_owned()),
        }
    }
}

/// Runs a process of the lab; `name` is the hidden subcommand's argument.
pub(super) fn play(name: &str) -> io::Result<()> {
    if name == REFUSE {
        return Err(io::Error::other("this hook of the demo always fails"));
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut text = Vec::new();
    io::stdin().lock().take(1 << 20).read_to_end(&mut text)?;
    let instructions: Instructions = serde_json::from_slice(&text)?;
    // The parent may have died before the line above the last took hold.
    if rustix::process::getppid().map(Pid::as_raw_pid) != Some(instructions.parent) {
        return Ok(());
    }
    let prepared = prepare(&instructions);
    let line = match &prepared {
        Ok((helpers, _)) => {
            let pids: Vec<String> = helpers.iter().map(|child| child.id().to_string()).collect();
            format!("ready {}\n", pids.join(" "))
        }
        Err(error) => format!("failed {error}\n"),
    };
    let mut stdout = io::stdout();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()?;
    let (mut helpers, gate) = prepared?;
    perform(&instructions, gate, &mut helpers)
}

fn prepare(instructions: &Instructions) -> io::Result<(Vec<Child>, Option<StartWait>)> {
    for dir in &instructions.cgroups {
        let entered = fs::write(dir.join("cgroup.procs"), "0");
        entered.map_err(|error| io::Error::other(format!("enter {}: {error}", dir.display())))?;
    }
    let name: String = instructions.name.chars().take(15).collect();
    rustix::thread::set_name(&CString::new(name)?)?;
    let program = Path::new("/proc/self/exe");
    let launched = instructions
        .helpers
        .iter()
        .map(|helper| launch(program, helper));
    let mut helpers = launched.collect::<io::Result<Vec<Child>>>()?;
    for helper in &mut helpers {
        if let Said::Failed(why) = listen(helper)? {
            return Err(io::Error::other(format!("a helper: {why}")));
        }
    }
    let gate = match instructions.role {
        Role::Await(runtime) => Some(StartWait::open(runtime, &instructions.state)?),
        Role::Burn | Role::Tide | Role::Write | Role::Work { .. } | Role::Leave => None,
    };
    Ok((helpers, gate))
}

fn listen(child: &mut Child) -> io::Result<Said> {
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut text)?;
    }
    Ok(Said::parse(&text))
}

fn perform(
    instructions: &Instructions,
    gate: Option<StartWait>,
    helpers: &mut [Child],
) -> io::Result<()> {
    // Only now: until all are ready, those who are must not be in the way of the others.
    rustix::process::setpriority_process(None, NICE)?;
    if let Some(gate) = gate {
        gate.wait()?;
    }
    match instructions.role {
        Role::Leave => Ok(()),
        Role::Burn => loop {
            spin(Duration::from_secs(1));
        },
        Role::Tide => tide(),
        Role::Write => write_and_sync(&instructions.scratch),
        Role::Work { percent } => work(percent, helpers),
        Role::Await(_) => work(3, helpers),
    }
}

/// Keeps a CPU busy.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        for number in 0..1000_u32 {
            std::hint::black_box(number);
        }
    }
}

fn work(percent: u32, helpers: &mut [Child]) -> io::Result<()> {
    const PERIOD: Duration = Duration::from_millis(200);
    let busy = PERIOD * percent.min(100) / 100;
    loop {
        spin(busy);
        nap(PERIOD.saturating_sub(busy));
        for helper in &mut *helpers {
            helper.try_wait()?;
        }
    }
}

fn tide() -> io::Result<()> {
    const LOW: usize = 8 * MIB;
    const HIGH: usize = 64 * MIB;
    const STEP: usize = 2 * MIB;
    let mut water: Vec<u8> = Vec::new();
    let mut rising = true;
    loop {
        let level = match (rising, water.len()) {
            (true, level) => level + STEP,
            (false, level) => level.saturating_sub(STEP),
        };
        // Written, not only reserved, so that it counts; and given back to the system.
        water.reserve_exact(level.saturating_sub(water.len()));
        water.resize(level, 1);
        water.shrink_to_fit();
        rising = match level {
            HIGH.. => false,
            0..=LOW => true,
            _ => rising,
        };
        nap(Duration::from_millis(200));
    }
}

fn write_and_sync(scratch: &Path) -> io::Result<()> {
    const BLOCK: usize = 128 << 10;
    const LAST: u64 = 4 << 20;
    let mut file = File::create(scratch.join("data"))?;
    let block = vec![0x5a; BLOCK];
    let mut written = 0;
    loop {
        file.write_all(&block)?;
        file.sync_data()?;
        written += BLOCK as u64;
        if written >= LAST {
            io::Seek::rewind(&mut file)?;
            written = 0;
        }
        nap(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_survive_their_way_through_the_pipe() {
        let helper = Instructions {
            parent: 7,
            name: "helper".to_owned(),
            cgroups: vec![PathBuf::from("/sys/fs/cgroup/pids/x")],
            role: Role::Work { percent: 3 },
            state: PathBuf::new(),
            scratch: PathBuf::new(),
            helpers: Vec::new(),
        };
        let instructions = Instructions {
            role: Role::Await(RuntimeKind::Crun),
            helpers: vec![helper.clone()],
            ..helper
        };
        let text = serde_json::to_vec(&instructions).unwrap();
        assert_eq!(
            serde_json::from_slice::<Instructions>(&text).unwrap(),
            instructions
        );
    }

    #[test]
    fn what_a_child_says_is_understood() {
        assert_eq!(Said::parse("ready 4 5\n"), Said::Ready(vec![4, 5]));
        assert_eq!(Said::parse("ready \n"), Said::Ready(Vec::new()));
        assert_eq!(Said::parse("failed no\n"), Said::Failed("no".to_owned()));
        assert_eq!(Said::parse(""), Said::Failed("it died".to_owned()));
    }

    #[test]
    fn the_hook_that_must_fail_fails() {
        assert!(play(REFUSE).is_err());
    }
}
