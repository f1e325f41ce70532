//! What is read of a container because somebody looks at it: its limits, and all that its control
//! files say beyond the three counters of [`super::counters`].
//!
//! The files of one container are kept open, some fifteen of them. What is dear to the kernel or
//! changes seldom is not read in every pass.

mod block;
mod cpu;
mod hugetlb;
mod memory;
mod network;

use std::path::Path;
use std::sync::Arc;

use super::cgroups::CgroupDir;
use super::control_file::{ContainerCgroups, ControlFile};
use super::limits::Limits;
use super::machine::Machine;
use super::usage::{Detail, Pressure, Usage};
use crate::cgroup::pressure::{Stall, parse_pressure};
use crate::process::InitProcess;
use block::BlockSensor;
use cpu::CpuSensor;
use hugetlb::HugetlbSensor;
use memory::MemorySensor;
use network::NetworkSensor;

/// Every this many passes the limits are read again: they change only when someone updates them.
const LIMITS_EVERY: u64 = 10;
/// Every this many passes `memory.stat` is read, for which the kernel gathers what all CPUs
/// counted in all cgroups below.
const STAT_EVERY: u64 = 2;

/// The open files of one container and what they said last.
#[derive(Debug)]
pub(super) struct DetailSensors {
    cpu: CpuSensor,
    memory: MemorySensor,
    pids_peak: Option<ControlFile>,
    block: BlockSensor,
    network: Option<NetworkSensor>,
    /// Of CPU, memory, IO and interrupts.
    pressure: [Option<ControlFile>; 4],
    hugetlb: Option<HugetlbSensor>,
    limits: Limits,
    passes: u64,
}

impl DetailSensors {
    /// Opens the files of these cgroups, and `/proc/PID` of a verified `init`; what is not there is
    /// not available.
    pub(super) fn open(dirs: &[CgroupDir], machine: &Machine, init: Option<InitProcess>) -> Self {
        let cgroups = ContainerCgroups {
            dirs,
            hierarchies: &machine.hierarchies,
        };
        // Only v2 counts stalls, of v1's controllers too.
        let stall = |name: &str| cgroups.open_unified(name);
        let limits = Limits::read(cgroups);
        let mut cpu = CpuSensor::open(cgroups);
        cpu.set_above(cgroups, limits.cpu_above.as_ref());
        Self {
            cpu,
            memory: MemorySensor::open(cgroups),
            pids_peak: cgroups.open("pids", "pids.peak", "pids.peak"),
            block: BlockSensor::open(cgroups),
            network: init.and_then(|init| NetworkSensor::open(machine, init)),
            pressure: [
                stall("cpu.pressure"),
                stall("memory.pressure"),
                stall("io.pressure"),
                stall("irq.pressure"),
            ],
            hugetlb: HugetlbSensor::open(cgroups),
            limits,
            passes: 0,
        }
    }

    /// Reads everything once. What of it a row shows is set in `usage`, which has the three
    /// counters of this pass already. History and resctrl are left to others.
    pub(super) fn read(
        &mut self,
        machine: &Machine,
        dirs: &[CgroupDir],
        usage: &mut Usage,
        buffer: &mut Vec<u8>,
    ) -> Detail {
        let cgroups = ContainerCgroups {
            dirs,
            hierarchies: &machine.hierarchies,
        };
        self.read_seldom(cgroups, buffer);
        usage.cpu_limit = self.limits.cpu;
        usage.memory_limit = self.limits.memory;
        usage.pids_limit = self.limits.pids;
        let hugetlb = self.hugetlb.as_ref().map(HugetlbSensor::pages);
        Detail {
            cpu: self.cpu.read(machine.host.ticks, usage, buffer),
            memory: self.memory.read(usage, buffer),
            pids_peak: self.pids_peak.as_ref().and_then(|file| file.number(buffer)),
            io: self.block.read(&machine.sys, usage, buffer),
            network: self.network.as_mut().and_then(NetworkSensor::read),
            pressure: self.pressure(buffer),
            hugetlb: hugetlb.map(<[_]>::to_vec).unwrap_or_default(),
            ..Detail::default()
        }
    }

    /// The cgroup above that sets the strictest CPU quota.
    pub(super) fn quota_above(&self) -> Option<&Arc<Path>> {
        self.limits.cpu_above.as_ref()
    }

    fn read_seldom(&mut self, cgroups: ContainerCgroups<'_>, buffer: &mut Vec<u8>) {
        if self.passes.is_multiple_of(STAT_EVERY) {
            self.memory.read_stat(buffer);
            if let Some(hugetlb) = &mut self.hugetlb {
                hugetlb.read();
            }
        }
        self.passes += 1;
        if self.passes.is_multiple_of(LIMITS_EVERY) {
            self.limits = Limits::read(cgroups);
            self.cpu.set_above(cgroups, self.limits.cpu_above.as_ref());
            self.memory.read_limits(cgroups);
            self.block.forget_devices();
            if let Some(hugetlb) = &mut self.hugetlb {
                hugetlb.read_limits(cgroups);
            }
        }
    }

    fn pressure(&self, buffer: &mut Vec<u8>) -> Pressure {
        let mut stall = |file: &Option<ControlFile>| -> Option<Stall> {
            parse_pressure(file.as_ref()?.text(buffer)?)
        };
        let [cpu, memory, io, irq] = &self.pressure;
        Pressure {
            cpu: stall(cpu),
            memory: stall(memory),
            io: stall(io),
            irq: stall(irq),
        }
    }
}
