//! The statistics of one container in runc's shape. What a host does not have is left out, as runc
//! leaves out what is empty.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::cgroup::Version;
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
        "cpu": cpu(place("cpuacct").as_ref(), place("cpu").as_ref()),
        "cpuset": place("cpuset").map_or(json!({}), |place| cpuset(&place)),
        "memory": place("memory").map_or(json!({}), |place| memory(&place)),
        "pids": pids.unwrap_or(json!({})),
        "blkio": place("blkio").map_or(json!({}), |place| blkio(&place)),
        "hugetlb": place("hugetlb").map_or(json!({}), |place| hugetlb(&place)),
        "intel_rdt": {},
        "network_interfaces": null,
    })
}

/// Nanoseconds throughout, whatever unit the kernel's file has.
fn cpu(usage: Option<&Place>, quota: Option<&Place>) -> Value {
    let usage = usage.map_or(json!({}), |place| match place.version {
        Version::V1 => {
            let percpu = place.text("cpuacct.usage_percpu").unwrap_or_default();
            let percpu: Vec<u64> = percpu
                .split_ascii_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect();
            // USER_HZ: 100 on every architecture there is.
            let ticks = |key| {
                place
                    .key("cpuacct.stat", key)
                    .map(|ticks| ticks * 10_000_000)
            };
            let (users, kernels) = per_cpu(&place.text("cpuacct.usage_all").unwrap_or_default());
            json!({
                "total": place.number("cpuacct.usage").unwrap_or(0),
                "percpu": percpu,
                "percpu_kernel": kernels,
                "percpu_user": users,
                "kernel": ticks("system").unwrap_or(0),
                "user": ticks("user").unwrap_or(0),
            })
        }
        Version::V2 => {
            let nanos = |key| place.key("cpu.stat", key).map_or(0, |micros| micros * 1000);
            json!({
                "total": nanos("usage_usec"),
                "kernel": nanos("system_usec"),
                "user": nanos("user_usec"),
            })
        }
    });
    let throttling = quota.map_or(json!({}), |place| {
        let key = |name| place.key("cpu.stat", name);
        let time = match place.version {
            Version::V1 => key("throttled_time"),
            Version::V2 => key("throttled_usec").map(|micros| micros * 1000),
        };
        object([
            ("periods", json!(key("nr_periods"))),
            ("throttledPeriods", json!(key("nr_throttled"))),
            ("throttledTime", json!(time)),
        ])
    });
    json!({ "usage": usage, "throttling": throttling })
}

/// `cpuacct.usage_all`: user and system time of each CPU, under a header line.
fn per_cpu(text: &str) -> (Vec<u64>, Vec<u64>) {
    let line = |line: &str| -> Option<(u64, u64)> {
        let mut words = line.split_ascii_whitespace().skip(1);
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    text.lines().skip(1).filter_map(line).unzip()
}

/// v1's settings of a cpuset that runc prints beside its lists, on v2 as 0.
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

fn cpuset(place: &Place) -> Value {
    let list = |v1: &str, v2: &str| {
        let file = if place.version == Version::V1 { v1 } else { v2 };
        let text = place.text(file).unwrap_or_default();
        Value::Array(members(text.trim()).into_iter().map(Value::from).collect())
    };
    let mut set = object([
        ("cpus", list("cpuset.cpus", "cpuset.cpus.effective")),
        ("mems", list("cpuset.mems", "cpuset.mems.effective")),
    ]);
    if let Some(fields) = set.as_object_mut() {
        for name in FLAGS {
            // There are no such files on v2.
            let value = place.text(&format!("cpuset.{name}"));
            let value = value
                .and_then(|text| text.trim().parse::<i64>().ok())
                .unwrap_or(0);
            fields.insert(name.to_owned(), value.into());
        }
    }
    set
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

fn memory(place: &Place) -> Value {
    let entry = |limit: &str, usage: &str, max: &str, failures: &str| {
        let entry = object([
            ("usage", json!(place.number(usage))),
            ("max", json!(place.number(max))),
        ]);
        let limit = ("limit", place.number(limit));
        even_zero(entry, [limit, ("failcnt", place.number(failures))])
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
    let raw: Map<String, Value> = place
        .keys("memory.stat")
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    let cache = if place.version == Version::V1 {
        "cache"
    } else {
        "file"
    };
    let cache = raw.get(cache).cloned().unwrap_or(Value::Null);
    let (usage, swap, kernel, tcp) = match place.version {
        Version::V1 => (v1(""), v1("memsw."), v1("kmem."), v1("kmem.tcp.")),
        Version::V2 => {
            let usage = entry("memory.max", "memory.current", "memory.peak", "");
            let none = || even_zero(json!({}), [("limit", None), ("failcnt", None)]);
            (usage, swap_v2(place), none(), none())
        }
    };
    object([
        ("cache", cache),
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
    let usage = json!(both("memory.current", "memory.swap.current"));
    let limit = ("limit", both("memory.max", "memory.swap.max"));
    even_zero(object([("usage", usage)]), [limit, ("failcnt", None)])
}

/// Adds fields that runc writes even as 0.
fn even_zero<const N: usize>(mut entry: Value, fields: [(&str, Option<u64>); N]) -> Value {
    if let Some(into) = entry.as_object_mut() {
        into.extend(fields.map(|(name, value)| (name.to_owned(), value.unwrap_or(0).into())));
    }
    entry
}

/// Huge pages by page size, as the names of the control files have it: `hugetlb.2MB.current`.
fn hugetlb(place: &Place) -> Value {
    let last = match place.version {
        Version::V1 => "usage_in_bytes",
        Version::V2 => "current",
    };
    let names = std::fs::read_dir(&place.dir)
        .into_iter()
        .flatten()
        .flatten();
    let sizes = names.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let size = name.strip_prefix("hugetlb.")?.strip_suffix(last)?;
        let size = size.strip_suffix('.')?;
        (!size.contains('.')).then(|| size.to_owned())
    });
    let entry = |size: &String| {
        let file = |what: &str| format!("hugetlb.{size}.{what}");
        let (max, failures) = match place.version {
            Version::V1 => (
                place.number(&file("max_usage_in_bytes")),
                place.number(&file("failcnt")),
            ),
            Version::V2 => (None, place.key(&file("events"), "max")),
        };
        let usage = place.number(&file(last));
        let entry = object([("usage", json!(usage)), ("max", json!(max))]);
        even_zero(entry, [("failcnt", failures)])
    };
    Value::Object(sizes.map(|size| (size.clone(), entry(&size))).collect())
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
