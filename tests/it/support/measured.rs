//! Details and histories for the stage: what the sampler would have seen by now.

use std::sync::Arc;
use std::time::Duration;

use ocitop::cgroup::Limit;
use ocitop::inventory::happenings::{ExitStatus, Happened, Happening};
use ocitop::inventory::series::{Series, SeriesId};
use ocitop::inventory::usage::{
    CpuDetail, DeviceIo, Hugetlb, Interface, MemoryDetail, Network, Pressure, RdtUsage, RdtValue,
    Stall, StallLine,
};
use ocitop::inventory::{Container, Detail, HostUsage, Snapshot, Usage};

use crate::support::stage::{START, Stage, container, key, usage};

const MIB: f64 = 1_048_576.0;

/// Seconds for which the sampler has looked.
pub(crate) const LOOKED: u64 = 600;

/// What a metric is, second by second.
pub(crate) type Course<'a> = (SeriesId, &'a dyn Fn(u64) -> Option<f64>);

/// A sample a second, for each metric what its function says of the second.
pub(crate) fn history(metrics: &[Course<'_>]) -> Arc<Series> {
    let mut history = Series::default();
    for second in 1..=LOOKED {
        let (from, to) = (Duration::from_secs(second - 1), Duration::from_secs(second));
        for (metric, value) in metrics {
            if let Some(value) = value(second) {
                history.push(*metric, from, to, value);
            }
        }
    }
    Arc::new(history)
}

fn stall(some: f64, full: f64) -> Stall {
    let line = |avg10: f64| StallLine {
        avg10,
        avg60: avg10 * 0.8,
        avg300: avg10 * 0.5,
        total: 1_000_000,
    };
    Stall {
        some: Some(line(some)),
        full: Some(line(full)),
    }
}

pub(crate) fn pressure(most: f64) -> Pressure {
    Pressure {
        cpu: Some(stall(most, 0.0)),
        memory: Some(stall(most * 1.5, most * 1.2)),
        io: Some(stall(most / 2.0, most / 3.0)),
        irq: Some(Stall {
            some: None,
            full: stall(0.0, 0.1).full,
        }),
    }
}

/// Goes up and down between `low` and `high` every `period` seconds.
fn wave(second: u64, period: u64, low: f64, high: f64) -> f64 {
    let part = (second % period) as f64 / period as f64;
    low + (high - low) * (1.0 - (2.0 * part - 1.0).abs())
}

/// A saw tooth: grows until the OOM killer comes.
fn tooth(second: u64, period: u64, high: f64) -> f64 {
    high * (second % period) as f64 / period as f64
}

/// A container that is throttled, fills its memory again and again, and writes.
pub(crate) fn busy() -> Container {
    let detail = Detail {
        cpu: CpuDetail {
            user: Some(60.2),
            system: Some(27.9),
            total: Some(48_211.0),
            stalled: Some(0.4),
            stalled_total: Some(731.0),
        },
        memory: full_memory(),
        pids_peak: Some(31),
        io: devices(),
        network: Some(network(false)),
        pressure: pressure(22.4),
        hugetlb: vec![Hugetlb {
            size: "2MB".to_owned(),
            usage: Some(4 << 20),
            limit: Some(Limit::At(8 << 20)),
            failures: Some(0),
        }],
        rdt: Some(rdt()),
        history: busy_history(),
    };
    Container {
        usage: Usage {
            throttled: Some(41.0),
            oom_kills: Some(3),
            memory_limit: Some(Limit::At(2 << 30)),
            pids_limit: Some(Limit::At(256)),
            io_read: Some(1_048_576.0),
            io_write: Some(6_291_456.0),
            ..usage(88.1, 2 << 30, 14)
        },
        detail: Some(Arc::new(detail)),
        ..container("batch-91")
    }
}

fn busy_history() -> Arc<Series> {
    let gib = 1024.0 * MIB;
    history(&[
        (SeriesId::Cpu, &|second| Some(wave(second, 70, 30.0, 180.0))),
        (SeriesId::Throttled, &|second| {
            Some(wave(second, 70, 0.0, 60.0))
        }),
        (SeriesId::Memory, &|second| {
            Some(tooth(second, 45, 2.0 * gib))
        }),
        (SeriesId::Pids, &|second| Some(wave(second, 30, 10.0, 31.0))),
        (SeriesId::IoRead, &|second| Some(wave(second, 90, 0.0, MIB))),
        (SeriesId::IoWrite, &|second| {
            Some(if second == 560 { 40.0 * MIB } else { 2.0 * MIB })
        }),
        (SeriesId::NetReceived, &|second| {
            Some(wave(second, 20, 0.0, MIB))
        }),
        (SeriesId::NetSent, &|_| Some(4096.0)),
        (SeriesId::PressureCpu, &|second| {
            Some(wave(second, 70, 0.0, 40.0))
        }),
        (SeriesId::PressureMemory, &|second| {
            Some(tooth(second, 45, 90.0))
        }),
        (SeriesId::PressureIo, &|_| Some(9.0)),
    ])
}

fn full_memory() -> MemoryDetail {
    MemoryDetail {
        rss: Some(1_610_612_736),
        cache: Some(314_572_800),
        kernel: Some(20 << 20),
        swap: Some(0),
        swap_limit: Some(Limit::At(0)),
        high: Some(Limit::At(1_932_735_283)),
        peak: Some(2 << 30),
        high_events: Some(118),
        max_events: Some(52),
        oom_events: Some(4),
        ..MemoryDetail::default()
    }
}

fn devices() -> Vec<DeviceIo> {
    let device = |number: &str, name: &str, read, write, stacked| DeviceIo {
        device: number.to_owned(),
        name: Some(name.to_owned()),
        read: Some(read),
        write: Some(write),
        read_ops: Some(read / 4096.0),
        write_ops: Some(write / 65536.0),
        read_total: 1 << 34,
        write_total: 1 << 36,
        stacked,
    };
    vec![
        device("8:0", "sda", MIB, 6.0 * MIB, false),
        device("259:1", "nvme0n1", 0.0, 0.0, false),
        device("253:0", "dm-0", MIB, 6.0 * MIB, true),
    ]
}

pub(crate) fn network(host: bool) -> Network {
    let interface = |name: &str, received, sent, troubles| Interface {
        name: name.to_owned(),
        received: Some(received),
        sent: Some(sent),
        received_total: 1 << 33,
        sent_total: 1 << 30,
        troubles,
    };
    Network {
        namespace: 4_026_532_211,
        host,
        interfaces: vec![
            interface("eth0", 1.2 * MIB, 0.4 * MIB, 3),
            interface("lo", 0.0, 0.0, 0),
        ],
    }
}

pub(crate) fn rdt() -> RdtUsage {
    RdtUsage {
        control: "batch".to_owned(),
        shared: false,
        monitoring: Some("batch-91".to_owned()),
        llc: RdtValue::Value(6.2 * MIB),
        mbm_total: RdtValue::Value(4.0 * 1024.0 * MIB),
        mbm_local: RdtValue::Word("Unavailable".to_owned()),
        schemata: vec!["L3:0=00f;1=00f".to_owned(), "MB:0=50;1=50".to_owned()],
    }
}

/// A container that does next to nothing, and was not looked at for a while.
pub(crate) fn idle(name: &str, cpu: f64) -> Container {
    let seen = |second: u64| !(520..540).contains(&second);
    let memory = 180.0 * MIB;
    let history = history(&[
        (SeriesId::Cpu, &|second| seen(second).then_some(cpu)),
        (SeriesId::Memory, &|second| seen(second).then_some(memory)),
        (SeriesId::Pids, &|second| seen(second).then_some(9.0)),
        (SeriesId::IoRead, &|second| seen(second).then_some(0.0)),
        (SeriesId::IoWrite, &|second| seen(second).then_some(4096.0)),
    ]);
    let detail = Detail {
        memory: MemoryDetail {
            rss: Some(120 << 20),
            cache: Some(60 << 20),
            swap: Some(0),
            swap_limit: Some(Limit::Max),
            high: Some(Limit::Max),
            ..MemoryDetail::default()
        },
        pids_peak: Some(12),
        network: Some(network(true)),
        pressure: pressure(0.0),
        history,
        ..Detail::default()
    };
    Container {
        usage: usage(cpu, 180 << 20, 9),
        detail: Some(Arc::new(detail)),
        ..container(name)
    }
}

/// The same without any limit.
pub(crate) fn unlimited() -> Container {
    let mut row = idle("free", 0.3);
    row.usage.cpu_limit = Some(Limit::Max);
    row.usage.memory_limit = Some(Limit::Max);
    row.usage.pids_limit = Some(Limit::Max);
    row
}

/// A container of which nothing can be read.
pub(crate) fn opaque() -> Container {
    Container {
        usage: Usage::default(),
        detail: Some(Arc::default()),
        ..container("opaque")
    }
}

pub(crate) fn host_usage() -> (HostUsage, Arc<Series>) {
    let usage = HostUsage {
        cpu: Some(245.0),
        memory: Some(12 << 30),
        swap: Some((512 << 20, 4 << 30)),
        load: Some([2.41, 1.9, 1.25]),
        tasks: Some(812),
        pressure: pressure(4.0),
    };
    let history = history(&[
        (SeriesId::Cpu, &|second| {
            Some(wave(second, 60, 150.0, 420.0))
        }),
        (SeriesId::Memory, &|second| {
            Some(12.0 * 1024.0 * MIB + wave(second, 100, 0.0, 2048.0 * MIB))
        }),
        (SeriesId::Pids, &|_| Some(812.0)),
        (SeriesId::PressureCpu, &|_| Some(4.0)),
    ]);
    (usage, history)
}

pub(crate) fn happening(second: u64, name: &str, what: Happened) -> Happening {
    let uptime = Duration::from_secs(second);
    Happening {
        at: jiff::Timestamp::new(START, 0).unwrap() + uptime,
        uptime,
        key: key(name),
        what,
    }
}

/// One of each kind.
pub(crate) fn past() -> Vec<Happening> {
    let exited = |status| Happened::Exited { status };
    vec![
        happening(100, "canary", Happened::Created),
        happening(130, "batch-91", Happened::Started),
        happening(200, "old", exited(None)),
        happening(210, "old", Happened::Deleted),
        happening(300, "web-1", exited(Some(ExitStatus::Code(137)))),
        happening(302, "web-1", Happened::Started),
        happening(400, "migrate", Happened::Paused),
        happening(420, "migrate", Happened::Resumed),
        happening(495, "batch-91", Happened::OomKilled { processes: 1 }),
        happening(520, "batch-91", Happened::Paused),
        happening(528, "batch-91", Happened::Resumed),
        happening(540, "batch-91", Happened::OomKilled { processes: 2 }),
        happening(590, "job-7", exited(Some(ExitStatus::Signal(9)))),
    ]
}

/// What happened, and the host's usage, beside the containers of a snapshot.
pub(crate) fn with_past(snapshot: &mut Snapshot) {
    snapshot.happenings = Arc::new(past());
    let (usage, history) = host_usage();
    snapshot.usage = usage;
    snapshot.history = history;
}

/// A stage that has looked for ten minutes and shows these.
pub(crate) fn looked(width: u16, height: u16, rows: Vec<Container>) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.wait(Duration::from_secs(LOOKED));
    stage.shows_with(rows, with_past);
    stage
}
