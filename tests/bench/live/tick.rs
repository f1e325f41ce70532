//! A pass of the sampler against a bare loop over the counter files that it has to read. The loop
//! runs in a process of its own: descriptors that it keeps must not be missed by the sampler.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use ocitop::config::Roots;
use ocitop::inventory::{Machine, Sampler};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::crowd::{Herd, Member};
use crate::{median, ms};

const ROUNDS: usize = 50;
/// Between two rounds: rates need some time, and caches cool down as they do between two passes.
const PAUSE: Duration = Duration::from_millis(500);
/// Rows that the sampler looks at closely for the first time at each pass.
const UNSEEN: usize = 20;
/// Rows without kept descriptors that it reads at each pass.
const REOPENED: usize = 2000;

/// Times of one loop.
struct Cost {
    wall: Duration,
    /// On the CPU: what others do on the machine is not in it.
    cpu: Duration,
}

fn timed(body: impl FnOnce()) -> Cost {
    let on_cpu = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::from_secs(time.tv_sec.unsigned_abs())
            + Duration::from_nanos(time.tv_nsec.unsigned_abs())
    };
    let (wall, cpu) = (Instant::now(), on_cpu());
    body();
    Cost {
        wall: wall.elapsed(),
        cpu: on_cpu().saturating_sub(cpu),
    }
}

pub(crate) fn tick(herd: &Herd, count: usize) {
    let members = herd.fill("web", count).unwrap();
    let roots = Roots {
        state: herd.roots().to_vec(),
        ..Roots::default()
    };
    let mut sampler = Sampler::new(Machine::new(&roots)).unwrap();
    // As the screen does: the one before is let go when the next is there.
    let mut snapshot = sampler.pass();
    for _ in 0..count.div_ceil(UNSEEN) + 30 {
        snapshot = sampler.pass();
    }
    let rows = &snapshot.containers;
    let alive = rows.iter().filter(|row| row.condition.is_alive()).count();
    let counted = rows.iter().filter(|row| row.usage.pids.is_some()).count();
    println!("{} rows, {alive} alive, {counted} counted", rows.len());

    let list = herd.work().join("counters");
    write_list(&list, herd, &members);
    let mut bare = Loop::start(&list);
    bare.run();
    let (mut passes, mut loops) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        std::thread::sleep(PAUSE);
        passes.push(timed(|| snapshot = sampler.pass()));
        std::thread::sleep(PAUSE);
        loops.push(bare.run());
    }
    print(&passes, &loops);
}

fn print(passes: &[Cost], loops: &[Cost]) {
    println!(
        "{:<10} {:>12} {:>12} {:>7}",
        "", "pass", "bare loop", "ratio"
    );
    for (what, pick) in [
        ("CPU time", (|cost| cost.cpu) as fn(&Cost) -> Duration),
        ("wall time", |cost| cost.wall),
    ] {
        let middle = |costs: &[Cost]| median(&mut costs.iter().map(pick).collect::<Vec<_>>());
        let (pass, bare) = (middle(passes), middle(loops));
        let ratio = pass.as_secs_f64() / bare.as_secs_f64();
        println!(
            "{what:<10} {:>9.2} ms {:>9.2} ms {ratio:>7.2}",
            ms(pass),
            ms(bare)
        );
    }
    println!("(goal: at most 1.5 with 1,000; medians of {ROUNDS})");
}

/// Lists the counter files of each member, and whether the sampler in this process keeps them open.
fn write_list(list: &Path, herd: &Herd, members: &[Member]) {
    let open: HashSet<PathBuf> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .collect();
    let mut file = std::fs::File::create(list).unwrap();
    let (mut files, mut kept) = (0, 0);
    for member in members {
        let counters = herd.counters(member);
        let is_kept = counters.iter().any(|path| open.contains(path));
        files += counters.len();
        kept += if is_kept { counters.len() } else { 0 };
        write!(file, "{}", if is_kept { "kept" } else { "anew" }).unwrap();
        for path in counters {
            write!(file, " {}", path.display()).unwrap();
        }
        writeln!(file).unwrap();
    }
    println!("{files} counter files, {kept} of them kept open");
}

/// The process with the bare loop.
struct Loop {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Loop {
    fn start(list: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("read")
            .arg(list)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            orders: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    fn run(&mut self) -> Cost {
        writeln!(self.orders.as_ref().unwrap(), "again").unwrap();
        let answer = self.answers.next().unwrap().unwrap();
        let mut nanos = answer.split(' ').map(|word| word.parse().unwrap());
        let mut next = || Duration::from_nanos(nanos.next().unwrap());
        Cost {
            wall: next(),
            cpu: next(),
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.orders.take());
        drop(self.child.wait());
    }
}

/// One row of the bare loop.
enum Files {
    Kept(Vec<OwnedFd>),
    Anew(Vec<PathBuf>),
}

/// The bare loop: reads the files of `list` at each line of its input, says how long that took.
pub(crate) fn read(list: &str) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let open =
        |path: &PathBuf| rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let list = std::fs::read_to_string(list).unwrap();
    let rows: Vec<Files> = list
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let is_kept = words.next() == Some("kept");
            let paths: Vec<PathBuf> = words.map(PathBuf::from).collect();
            if is_kept {
                Files::Kept(paths.iter().map(|path| open(path).unwrap()).collect())
            } else {
                Files::Anew(paths)
            }
        })
        .collect();
    let (kept, anew): (Vec<_>, Vec<_>) = rows.iter().partition(|row| matches!(row, Files::Kept(_)));
    let mut turns = anew.iter().cycle();
    for line in std::io::stdin().lines() {
        line.unwrap();
        let turn = turns.by_ref().take(REOPENED.min(anew.len()));
        let cost = timed(|| {
            let mut buffer = [0; 64];
            for row in kept.iter().chain(turn) {
                match row {
                    Files::Kept(fds) => {
                        for fd in fds {
                            rustix::io::pread(fd, &mut buffer, 0).unwrap();
                        }
                    }
                    Files::Anew(paths) => {
                        for path in paths {
                            rustix::io::pread(open(path).unwrap(), &mut buffer, 0).unwrap();
                        }
                    }
                }
            }
        });
        println!("{} {}", cost.wall.as_nanos(), cost.cpu.as_nanos());
    }
}
