//! The statistics of one container in runc's shape. What a host does not have is left out, as runc
//! leaves out what is empty.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cgroup::Version;
use crate::cgroup::cpu::{self, CpuModes};
use crate::cgroup::hugetlb::page_size;
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, for_controller};
use crate::kernel::read::kernel_text;

/// One controller's directory of the container.
struct Place {
    dir: PathBuf,
    version: Version,
}

impl Place {
    fn text(&self, file: &str) -> Option<String> {
        kernel_text(&self.dir.join(file)).ok()?
    }

    fn number(&self, file: &str) -> Option<u64> {
        match self.text(file)?.trim() {
            "max" => Some(u64::MAX),
            number => number.parse().ok(),
        }
    }

    fn keys(&self, file: &str) -> Vec<(String, u64)> {
        let text = self.text(file).unwrap_or_default();
        let pair = |line: &str| {
            let (key, value) = line.split_once(' ')?;
            Some((key.to_owned(), value.trim().parse().ok()?))
        };
        text.lines().filter_map(pair).collect()
    }

    fn key(&self, file: &str, key: &str) -> Option<u64> {
        self.keys(file)
            .into_iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }
}

/// An object of those fields that have a value other than 0, as Go's `omitempty` writes it.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let has_value = |value: &Value| match value {
        Value::Null => false,
        Value::Number(number) => number.as_u64() != Some(0),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::String(_) => true,
    };
    let fields = fields.into_iter().filter(|(_, value)| has_value(value));
    Value::Object(fields.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Everything.
pub(super) fn of(machine: &Machine, dirs: &[CgroupDir]) -> Value {
    let place = |controller: &str| {
        let (cgroup, version) = for_controller(dirs, controller, &machine.hierarchies)?;
        Some(Place {
            dir: cgroup.dir(&machine.hierarchies),
            version,
        })
    };
    let pids = place("pids").map(|pids| {
        let limit = pids.number("pids.max").filter(|limit| *limit != u64::MAX);
        object([
            ("current", json!(pids.number("pids.current"))),
            ("limit", json!(limit)),
        ])
    });
    json!({
        "cpu": cpu_times(place("cpuacct").as_ref(), place("cpu").as_ref(), machine.host.ticks),
        "cpuset": cpuset(place("cpuset").as_ref()),
        "memory": memory(place("memory").as_ref()),
        "pids": pids.unwrap_or(json!({})),
        "blkio": place("blkio").map_or(json!({}), |place| blkio(&place)),
        "hugetlb": place("hugetlb").map_or(json!({}), |place| hugetlb(&place)),
        "intel_rdt": {},
        "network_interfaces": null,
    })
}

/// Nanoseconds throughout, whatever unit the kernel's file has.
fn cpu_times(usage: Option<&Place>, quota: Option<&Place>, hertz: u64) -> Value {
    let usage = match usage {
        Some(place) if place.version == Version::V1 => {
            let percpu = place.text("cpuacct.usage_percpu").unwrap_or_default();
            let percpu: Vec<u64> = percpu
                .split_ascii_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect();
            let stat = place.text("cpuacct.stat").unwrap_or_default();
            let (users, kernels) = per_cpu(&place.text("cpuacct.usage_all").unwrap_or_default());
            let spent = object([
                ("total", json!(place.number("cpuacct.usage"))),
                ("percpu", json!(percpu)),
                ("percpu_kernel", json!(kernels)),
                ("percpu_user", json!(users)),
            ]);
            with(spent, modes(cpu::parse_modes_v1(&stat, hertz)))
        }
        Some(place) => {
            let stat = place.text("cpu.stat").unwrap_or_default();
            let total = cpu::parse_cpu_stat_v2(&stat).ok();
            let spent = object([("total", json!(total.map(|cpu| nanos(cpu.total))))]);
            with(spent, modes(cpu::parse_modes_v2(&stat)))
        }
        None => with(json!({}), modes(None)),
    };
    let throttling = quota.map_or(json!({}), |place| {
        let key = |name| place.key("cpu.stat", name);
        let time = place
            .text("cpu.stat")
            .as_deref()
            .and_then(cpu::parse_stalled);
        object([
            ("periods", json!(key("nr_periods"))),
            ("throttledPeriods", json!(key("nr_throttled"))),
            ("throttledTime", json!(time.map(nanos))),
        ])
    });
    json!({ "usage": usage, "throttling": throttling })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn modes(modes: Option<CpuModes>) -> [(&'static str, Value); 2] {
    let modes = modes.unwrap_or_default();
    [
        ("kernel", json!(nanos(modes.system))),
        ("user", json!(nanos(modes.user))),
    ]
}

/// `cpuacct.usage_all`: user and system time of each CPU, under a header line.
fn per_cpu(text: &str) -> (Vec<u64>, Vec<u64>) {
    let line = |line: &str| -> Option<(u64, u64)> {
        let mut words = line.split_ascii_whitespace().skip(1);
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    text.lines().skip(1).filter_map(line).unzip()
}

/// `object` with fields that are written whatever their value, as Go writes those without
/// `omitempty`.
fn with(object: Value, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut fields: Map<String, Value> = fields
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    if let Value::Object(mut object) = object {
        fields.append(&mut object);
    }
    Value::Object(fields)
}

/// v1's settings of a cpuset that runc prints beside its lists.
const FLAGS: [&str; 9] = [
    "cpu_exclusive",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
];

fn cpuset(place: Option<&Place>) -> Value {
    let text = |file: &str| place?.text(file);
    let list = |v1: &str, v2: &str| {
        let v1_is_on = place.is_some_and(|place| place.version == Version::V1);
        let text = text(if v1_is_on { v1 } else { v2 }).unwrap_or_default();
        Value::Array(members(text.trim()).into_iter().map(Value::from).collect())
    };
    let lists = object([
        ("cpus", list("cpuset.cpus", "cpuset.cpus.effective")),
        ("mems", list("cpuset.mems", "cpuset.mems.effective")),
    ]);
    // v2 has no files of these names: runc writes 0.
    let flags = FLAGS.map(|name| {
        let text = text(&format!("cpuset.{name}"));
        let value = text.and_then(|text| text.trim().parse::<i64>().ok());
        (name, json!(value.unwrap_or(0)))
    });
    with(lists, flags)
}

/// The numbers of a list like `0-3,7` (cpuset(7), "List format").
fn members(text: &str) -> Vec<u32> {
    // A list this long no machine has; a range is not expanded beyond it.
    const MOST: u32 = 65_536;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some(first..=last.min(first.saturating_add(MOST)))
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// One counter of memory, with the two fields that runc writes even as 0.
fn memory_entry(fields: [(&'static str, Option<u64>); 4]) -> Value {
    let [limit, usage, max, failures] = fields;
    let optional = object([usage, max].map(|(key, value)| (key, json!(value))));
    let always = [limit, failures].map(|(key, value)| (key, json!(value.unwrap_or(0))));
    with(optional, always)
}

fn memory(place: Option<&Place>) -> Value {
    let number = |file: &str| place?.number(file);
    let entry = |limit: &str, usage: &str, max: &str, failures: &str| {
        memory_entry([
            ("limit", number(limit)),
            ("usage", number(usage)),
            ("max", number(max)),
            ("failcnt", number(failures)),
        ])
    };
    let v1 = |kind: &str| {
        let name = |what: &str| format!("memory.{kind}{what}");
        entry(
            &name("limit_in_bytes"),
            &name("usage_in_bytes"),
            &name("max_usage_in_bytes"),
            &name("failcnt"),
        )
    };
    let stat = place.map(|place| place.keys("memory.stat"));
    let raw: Map<String, Value> = stat
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    let legacy = place.is_some_and(|place| place.version == Version::V1);
    let cache = raw.get(if legacy { "cache" } else { "file" }).cloned();
    let none = || memory_entry(["limit", "usage", "max", "failcnt"].map(|key| (key, None)));
    let (usage, swap, kernel, tcp) = if legacy {
        (v1(""), v1("memsw."), v1("kmem."), v1("kmem.tcp."))
    } else {
        let usage = entry("memory.max", "memory.current", "memory.peak", "");
        (usage, place.map_or_else(none, swap_v2), none(), none())
    };
    object([
        ("cache", cache.unwrap_or(Value::Null)),
        ("usage", usage),
        ("swap", swap),
        ("kernel", kernel),
        ("kernelTCP", tcp),
        ("raw", Value::Object(raw)),
    ])
}

/// runc counts memory and swap together, as v1's `memsw` does.
fn swap_v2(place: &Place) -> Value {
    let both = |memory: &str, swap: &str| {
        let (memory, swap) = (place.number(memory)?, place.number(swap)?);
        Some(memory.saturating_add(swap))
    };
    memory_entry([
        ("limit", both("memory.max", "memory.swap.max")),
        ("usage", both("memory.current", "memory.swap.current")),
        ("max", None),
        ("failcnt", None),
    ])
}

/// Huge pages by page size.
fn hugetlb(place: &Place) -> Value {
    let names = std::fs::read_dir(&place.dir)
        .into_iter()
        .flatten()
        .flatten();
    let page = |file: &str| {
        let size = page_size(file)?;
        let number = |what: &str| place.number(&format!("hugetlb.{size}.{what}"));
        let (max, failures) = match place.version {
            Version::V1 => (number("max_usage_in_bytes"), number("failcnt")),
            Version::V2 => (None, place.key(&format!("hugetlb.{size}.events"), "max")),
        };
        let optional = object([("usage", json!(place.number(file))), ("max", json!(max))]);
        let value = with(optional, [("failcnt", json!(failures.unwrap_or(0)))]);
        Some((size.to_owned(), value))
    };
    let pages = names.filter_map(|name| page(name.file_name().to_str()?));
    Value::Object(pages.collect())
}

fn blkio(place: &Place) -> Value {
    let (bytes, operations) = match place.version {
        Version::V1 => (
            v1_entries(place, "blkio.throttle.io_service_bytes_recursive"),
            v1_entries(place, "blkio.throttle.io_serviced_recursive"),
        ),
        Version::V2 => (
            v2_entries(place, &[("rbytes", "Read"), ("wbytes", "Write")]),
            v2_entries(place, &[("rios", "Read"), ("wios", "Write")]),
        ),
    };
    object([
        ("ioServiceBytesRecursive", bytes),
        ("ioServicedRecursive", operations),
    ])
}

fn block_entry(device: &str, operation: &str, value: u64) -> Option<Value> {
    let (major, minor) = device.split_once(':')?;
    let (major, minor): (u64, u64) = (major.parse().ok()?, minor.parse().ok()?);
    Some(object([
        ("major", json!(major)),
        ("minor", json!(minor)),
        ("op", json!(operation)),
        ("value", json!(value)),
    ]))
}

fn v1_entries(place: &Place, file: &str) -> Value {
    let text = place.text(file).unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (device, operation, value) = (words.next()?, words.next()?, words.next()?);
        block_entry(device, operation, value.parse().ok()?)
    };
    Value::Array(text.lines().filter_map(entry).collect())
}

fn v2_entries(place: &Place, keys: &[(&str, &str)]) -> Value {
    let text = place.text("io.stat").unwrap_or_default();
    let entries = text.lines().flat_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let device = words.next().unwrap_or_default();
        let pairs: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
        keys.iter().filter_map(move |(key, operation)| {
            let (_, value) = pairs.iter().find(|(name, _)| name == key)?;
            block_entry(device, operation, value.parse().ok()?)
        })
    });
    Value::Array(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_is_read_with_its_ranges() {
        assert_eq!(members("0-2,7"), [0, 1, 2, 7]);
        assert_eq!(members(""), [0u32; 0]);
        assert_eq!(members("x,3"), [3]);
    }

    #[test]
    fn empty_fields_are_left_out_as_runc_does() {
        let value = object([("a", json!(0)), ("b", json!(1)), ("c", Value::Null)]);
        assert_eq!(value, json!({ "b": 1 }));
    }
}
