//! CPU beyond the total: modes, and what the quota held back.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cgroup::Version;
use crate::cgroup::cpu::{self, CpuModes, CpuUsage};
use crate::inventory::control_file::{ContainerCgroups, ControlFile};
use crate::inventory::rates::{self, Paced};
use crate::inventory::usage::{CpuDetail, Usage};

/// The files of `cpu` and `cpuacct`.
#[derive(Debug, Default)]
pub(super) struct CpuSensor {
    /// v1 `cpuacct.usage`; v2's total is in the next one.
    total: Option<ControlFile>,
    /// v1 `cpuacct.stat`, v2 `cpu.stat`.
    modes: Option<ControlFile>,
    /// v1 `cpu.stat`; on v2 it is the same file. Of a cgroup above, if that has the strictest quota.
    quota: Option<ControlFile>,
    /// Whose that is.
    above: Option<Arc<Path>>,
    in_modes: Paced<CpuModes, [Option<f64>; 2]>,
    throttled: QuotaSensor,
}

/// What the quota held back.
#[derive(Debug, Default)]
struct QuotaSensor(Paced<Throttled, [Option<f64>; 2]>);

/// What a `cpu.stat` says of it.
#[derive(Debug, Clone, Copy, Default)]
struct Throttled {
    periods: CpuUsage,
    stalled: Option<Duration>,
}

impl CpuSensor {
    pub(super) fn open(cgroups: ContainerCgroups<'_>) -> Self {
        Self {
            total: cgroups.open("cpuacct", "cpuacct.usage", ""),
            modes: cgroups.open("cpuacct", "cpuacct.stat", "cpu.stat"),
            quota: cgroups.open("cpu", "cpu.stat", ""),
            ..Self::default()
        }
    }

    /// Counts what is held back where the strictest quota is set.
    pub(super) fn set_above(&mut self, cgroups: ContainerCgroups<'_>, above: Option<&Arc<Path>>) {
        if self.above.as_ref() == above {
            return;
        }
        self.above = above.cloned();
        self.throttled = QuotaSensor::default();
        self.quota = match above {
            Some(dir) => ControlFile::open(&dir.join("cpu.stat"), Version::V1),
            None => cgroups.open("cpu", "cpu.stat", ""),
        };
    }

    /// Reads them; `hertz` is `USER_HZ`. [`Usage::throttled`] is set too.
    pub(super) fn read(
        &mut self,
        hertz: u64,
        usage: &mut Usage,
        buffer: &mut Vec<u8>,
    ) -> CpuDetail {
        let mut detail = CpuDetail::default();
        usage.throttled = None;
        if let Some(file) = &self.total {
            let nanos = file.number(buffer);
            detail.total = nanos.map(|nanos| Duration::from_nanos(nanos).as_secs_f64());
        }
        let at = Instant::now();
        if let Some((file, text)) = text(self.modes.as_ref(), buffer) {
            let modes = match file.version {
                Version::V1 => cpu::parse_modes_v1(text, hertz),
                Version::V2 => cpu::parse_modes_v2(text),
            };
            if let Some(modes) = modes {
                self.in_modes.add(at, modes, mode_rates);
                [detail.user, detail.system] = *self.in_modes.rates();
            }
            if file.version == Version::V2 {
                let total = cpu::parse_usage_usec(text.as_bytes());
                detail.total = total.map(|total| total.as_secs_f64());
                if self.above.is_none() {
                    self.throttled.add((at, text), &mut detail, usage);
                }
            }
        }
        let at = Instant::now();
        if let Some((_, text)) = text(self.quota.as_ref(), buffer) {
            self.throttled.add((at, text), &mut detail, usage);
        }
        detail
    }
}

impl QuotaSensor {
    /// A `cpu.stat` read at a moment.
    fn add(&mut self, (at, text): (Instant, &str), detail: &mut CpuDetail, usage: &mut Usage) {
        let now = Throttled {
            periods: CpuUsage {
                total: Duration::ZERO,
                throttling: cpu::parse_throttling(text),
            },
            stalled: cpu::parse_stalled(text),
        };
        detail.stalled_total = now.stalled.map(|stalled| stalled.as_secs_f64());
        self.0.add(at, now, |before, now, elapsed| {
            let Some(before) = before else {
                return [None; 2];
            };
            let stalled = before.stalled.zip(now.stalled);
            let stalled =
                stalled.and_then(|(before, now)| rates::time_percent(before, now, elapsed));
            [
                rates::throttled_percent(&before.periods, &now.periods),
                stalled.map(|percent| percent / 100.0),
            ]
        });
        [usage.throttled, detail.stalled] = *self.0.rates();
    }
}

fn text<'a>(
    file: Option<&'a ControlFile>,
    buffer: &'a mut Vec<u8>,
) -> Option<(&'a ControlFile, &'a str)> {
    let file = file?;
    Some((file, file.text(buffer)?))
}

fn mode_rates(before: Option<&CpuModes>, now: &CpuModes, elapsed: Duration) -> [Option<f64>; 2] {
    before.map_or([None; 2], |before| {
        [
            rates::time_percent(before.user, now.user, elapsed),
            rates::time_percent(before.system, now.system, elapsed),
        ]
    })
}
