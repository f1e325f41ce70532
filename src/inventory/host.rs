//! What the host as a whole uses (proc(5), psi.rst), from files of procfs that are kept open.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::machine::Machine;
use super::rates::{self, Paced};
use super::usage::{HostUsage, Pressure};
use crate::cgroup::pressure::parse_pressure;
use crate::kernel::read::{kept, kept_start};
use crate::procfs::loadavg::parse_loadavg;
use crate::procfs::meminfo::{MemInfo, parse_meminfo};
use crate::procfs::stat::parse_busy;

/// The open files and what they said last.
#[derive(Debug)]
pub(super) struct HostSensors {
    stat: Option<OwnedFd>,
    meminfo: Option<OwnedFd>,
    loadavg: Option<OwnedFd>,
    /// Of CPU, memory, IO and interrupts.
    pressure: [Option<OwnedFd>; 4],
    busy: Paced<Duration, Option<f64>>,
}

impl HostSensors {
    /// Opens them; what is not there is not available.
    pub(super) fn open(machine: &Machine) -> Self {
        let open = |name: &str| {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            rustix::fs::open(machine.proc.join(name), flags, Mode::empty()).ok()
        };
        Self {
            stat: open("stat"),
            meminfo: open("meminfo"),
            loadavg: open("loadavg"),
            pressure: [
                open("pressure/cpu"),
                open("pressure/memory"),
                open("pressure/io"),
                open("pressure/irq"),
            ],
            busy: Paced::default(),
        }
    }

    /// Reads everything once. CPU needs a second look.
    pub(super) fn read(&mut self, machine: &Machine, buffer: &mut Vec<u8>) -> HostUsage {
        let cpu = self.cpu(machine.host.ticks);
        let memory = text(self.meminfo.as_ref(), buffer).map(parse_meminfo);
        let memory = memory.unwrap_or_default();
        let load = text(self.loadavg.as_ref(), buffer).and_then(parse_loadavg);
        let mut stall = |file: &Option<OwnedFd>| parse_pressure(text(file.as_ref(), buffer)?);
        let [cpu_file, memory_file, io_file, irq_file] = &self.pressure;
        HostUsage {
            cpu,
            memory: used(memory.total, memory.available),
            swap: swap(memory),
            load: load.map(|load| load.load),
            tasks: load.map(|load| load.tasks),
            pressure: Pressure {
                cpu: stall(cpu_file),
                memory: stall(memory_file),
                io: stall(io_file),
                irq: stall(irq_file),
            },
        }
    }

    /// Percent of one core, all CPUs together.
    fn cpu(&mut self, hertz: u64) -> Option<f64> {
        let mut start = [0; 256];
        let at = Instant::now();
        let line = kept_start(self.stat.as_ref()?, &mut start).ok()?;
        let ticks = parse_busy(&String::from_utf8_lossy(line))?;
        let busy = Duration::try_from_secs_f64(ticks as f64 / hertz as f64).ok()?;
        self.busy.add(at, busy, |before, now, elapsed| {
            rates::time_percent(*before?, *now, elapsed)
        });
        *self.busy.rates()
    }
}

fn text<'buffer>(file: Option<&OwnedFd>, buffer: &'buffer mut Vec<u8>) -> Option<&'buffer str> {
    kept(file?, buffer).ok()
}

fn used(total: Option<u64>, free: Option<u64>) -> Option<u64> {
    Some(total?.saturating_sub(free?))
}

/// In use, and all there is.
fn swap(memory: MemInfo) -> Option<(u64, u64)> {
    Some((
        used(memory.swap_total, memory.swap_free)?,
        memory.swap_total?,
    ))
}
