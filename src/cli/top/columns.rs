//! Columns of a pass: few for people, all that is one number for spreadsheets.

use serde_json::{Value, json};

use crate::cgroup::Limit;
use crate::cgroup::pressure::Stall;
use crate::cli::render;
use crate::inventory::usage::{Interface, Network};
use crate::inventory::{Container, Detail, Snapshot, Usage};
use crate::oci::RuntimeKind;
use crate::text::{csv, visible_path};
use crate::tui::measure;

/// The table: a line of the host, headings, a line a container; an empty line before all but the
/// first pass.
pub(super) fn table(snapshot: &Snapshot, first: bool) -> String {
    let header = [
        "STATE", "ID", "RUNTIME", "PID", "CPU%", "THR%", "MEM", "MEM MAX", "PIDS", "READ/s",
        "WRITE/s", "RX/s", "TX/s",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(snapshot.containers.iter().map(|container| row(container)));
    let gap = if first { "" } else { "\n" };
    format!("{gap}{}\n{}", head(snapshot), render::table(&rows, 0, 2))
}

fn head(snapshot: &Snapshot) -> String {
    let usage = &snapshot.usage;
    let load = usage.load.map_or("-".to_owned(), |load| {
        load.map(|load| format!("{load:.2}")).join(" ")
    });
    format!(
        "{} {}: {} containers, cpu {}%, memory {} of {}, load {load}",
        snapshot.taken,
        snapshot.host.name,
        snapshot.containers.len(),
        number(usage.cpu),
        bytes(usage.memory),
        bytes(Some(snapshot.host.memory)),
    )
}

fn row(container: &Container) -> Vec<String> {
    let usage = container.usage;
    let network = container.detail.as_ref().and_then(|d| d.network.as_ref());
    vec![
        container.condition.to_string(),
        container.key.label(),
        container
            .runtime
            .map_or("?", RuntimeKind::as_str)
            .to_owned(),
        container
            .init
            .map_or("-".to_owned(), |init| init.pid.to_string()),
        number(usage.cpu),
        number(usage.throttled),
        bytes(usage.memory),
        match usage.memory_limit {
            Some(Limit::At(limit)) => bytes(Some(limit)),
            Some(Limit::Max) => "max".to_owned(),
            None => "-".to_owned(),
        },
        usage.pids.map_or("-".to_owned(), |pids| pids.to_string()),
        rate(usage.io_read),
        rate(usage.io_write),
        rate(sum(network, |interface| interface.received)),
        rate(sum(network, |interface| interface.sent)),
    ]
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.1}"))
}

fn bytes(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), measure::bytes)
}

fn rate(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), measure::rate)
}

/// All interfaces but loopback; of the host's namespace, nothing: it is not the container's.
fn sum(network: Option<&Network>, of: fn(&Interface) -> Option<f64>) -> Option<f64> {
    let network = network.filter(|network| !network.host)?;
    let real = network.interfaces.iter().filter(|one| one.name != "lo");
    real.map(of).sum()
}

/// A number of one container, and the name of its column.
type Number = (&'static str, fn(&Usage, &Detail) -> Value);

/// Rates a second, shares in percent, sizes in bytes, times in seconds.
const NUMBERS: [Number; 32] = [
    ("cpu", |usage, _| json!(usage.cpu)),
    ("cpu_limit", |usage, _| json!(usage.cpu_limit)),
    ("cpu_user", |_, detail| json!(detail.cpu.user)),
    ("cpu_system", |_, detail| json!(detail.cpu.system)),
    ("cpu_total", |_, detail| json!(detail.cpu.total)),
    ("throttled", |usage, _| json!(usage.throttled)),
    ("stalled_total", |_, detail| json!(detail.cpu.stalled_total)),
    ("memory", |usage, _| json!(usage.memory)),
    ("working_set", |usage, _| json!(usage.working_set)),
    ("memory_limit", |usage, _| json!(usage.memory_limit)),
    ("memory_rss", |_, detail| json!(detail.memory.rss)),
    ("memory_cache", |_, detail| json!(detail.memory.cache)),
    ("memory_kernel", |_, detail| json!(detail.memory.kernel)),
    ("memory_peak", |_, detail| json!(detail.memory.peak)),
    ("memory_high", |_, detail| json!(detail.memory.high)),
    ("high_events", |_, detail| json!(detail.memory.high_events)),
    ("max_events", |_, detail| json!(detail.memory.max_events)),
    ("oom_events", |_, detail| json!(detail.memory.oom_events)),
    ("oom_kills", |usage, _| json!(usage.oom_kills)),
    ("swap", |_, detail| json!(detail.memory.swap)),
    ("swap_limit", |_, detail| json!(detail.memory.swap_limit)),
    ("pids", |usage, _| json!(usage.pids)),
    ("pids_limit", |usage, _| json!(usage.pids_limit)),
    ("pids_peak", |_, detail| json!(detail.pids_peak)),
    ("io_read", |usage, _| json!(usage.io_read)),
    ("io_write", |usage, _| json!(usage.io_write)),
    ("net_received", |_, detail| {
        json!(sum(detail.network.as_ref(), |one| one.received))
    }),
    ("net_sent", |_, detail| {
        json!(sum(detail.network.as_ref(), |one| one.sent))
    }),
    ("pressure_cpu", |_, detail| stall(detail.pressure.cpu)),
    ("pressure_memory", |_, detail| stall(detail.pressure.memory)),
    ("pressure_io", |_, detail| stall(detail.pressure.io)),
    ("hugetlb", |_, detail| {
        let mut used = detail.hugetlb.iter().map(|pages| pages.usage);
        let used = used.try_fold(0, |sum: u64, usage| Some(sum.saturating_add(usage?)));
        json!(used.filter(|_| !detail.hugetlb.is_empty()))
    }),
];

/// Percent of the last 10 s in which some task waited.
fn stall(stall: Option<Stall>) -> Value {
    json!(stall.and_then(|stall| stall.some).map(|some| some.avg10))
}

/// Headings before the first pass, and a line a container.
pub(super) fn csv(snapshot: &Snapshot, first: bool) -> String {
    let names = ["taken", "id", "root", "runtime", "status", "pid"];
    let mut out = String::new();
    if first {
        let numbers = NUMBERS.iter().map(|(name, _)| *name);
        out.push_str(&csv::line(
            names.into_iter().chain(numbers).map(str::to_owned),
        ));
    }
    let nothing = Detail::default();
    for container in &snapshot.containers {
        let detail = container.detail.as_deref().unwrap_or(&nothing);
        let who = [
            json!(snapshot.taken.to_string()),
            json!(container.key.label()),
            json!(visible_path(container.key.root())),
            json!(container.runtime.map(RuntimeKind::as_str)),
            json!(container.condition.as_str()),
            json!(container.init.map(|init| init.pid)),
        ];
        let numbers = NUMBERS.iter().map(|(_, of)| of(&container.usage, detail));
        let cells = who.into_iter().chain(numbers);
        out.push_str(&csv::line(cells.map(|value| csv::cell(&value))));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::usage::Hugetlb;

    #[test]
    fn more_huge_pages_than_can_be_counted_are_the_most_that_can_be() {
        let pages = |usage| Hugetlb {
            size: "2MB".to_owned(),
            usage,
            limit: None,
            failures: None,
        };
        let (_, sum) = NUMBERS.iter().find(|(name, _)| *name == "hugetlb").unwrap();
        let of = |usages: [Option<u64>; 2]| {
            let detail = Detail {
                hugetlb: usages.map(pages).into(),
                ..Detail::default()
            };
            sum(&Usage::default(), &detail)
        };
        assert_eq!(of([Some(u64::MAX), Some(1)]), json!(u64::MAX));
        assert_eq!(of([Some(1), Some(2)]), json!(3));
        assert_eq!(of([Some(1), None]), json!(null));
    }
}
