//! The network namespace of a container's init.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::inventory::Machine;
use crate::inventory::rates::{self, Paced};
use crate::inventory::usage::{Interface, Network};
use crate::kernel::read::{kernel_file_at, open_dir};
use crate::process::{InitProcess, ProcStat};
use crate::procfs::namespace;
use crate::procfs::net_dev::{NetDevice, parse_net_dev};

/// A process by its directory in procfs: once opened it never shows another process, whoever has
/// its pid later. The namespace itself is not held: it goes with the container.
#[derive(Debug)]
pub(super) struct NetworkSensor {
    process: OwnedFd,
    /// The host's namespace.
    host: u64,
    namespace: Option<u64>,
    moved: Paced<Vec<NetDevice>, Vec<Interface>>,
}

impl NetworkSensor {
    /// `None` if `init` is not that process any more, or where the host's namespace cannot be told.
    pub(super) fn open(machine: &Machine, init: InitProcess) -> Option<Self> {
        let process = open_dir(&machine.proc.join(init.pid.to_string())).ok()?;
        let stat = ProcStat::parse(&kernel_file_at(&process, "stat").ok()?)?;
        if stat.start_time != init.start_time {
            return None;
        }
        let host = ["1", "self"].into_iter().find_map(|name| {
            let dir = open_dir(&machine.proc.join(name)).ok()?;
            inode(&dir)
        });
        Some(Self {
            process,
            host: host?,
            namespace: None,
            moved: Paced::default(),
        })
    }

    /// `None` once the process is gone.
    pub(super) fn read(&mut self) -> Option<Network> {
        let namespace = inode(&self.process)?;
        if self.namespace.replace(namespace) != Some(namespace) {
            self.moved = Paced::default();
        }
        let at = Instant::now();
        let bytes = kernel_file_at(&self.process, "net/dev").ok()?;
        let now = parse_net_dev(&String::from_utf8_lossy(&bytes));
        self.moved.add(at, now, |before, now, elapsed| {
            interfaces(before.map(Vec::as_slice), now, elapsed)
        });
        Some(Network {
            namespace,
            host: namespace == self.host,
            interfaces: self.moved.rates().clone(),
        })
    }
}

/// The inode of a process's network namespace.
fn inode(process: impl AsFd) -> Option<u64> {
    let target = rustix::fs::readlinkat(process, Path::new("ns/net"), Vec::new()).ok()?;
    namespace::parse_link("net", target.to_str().ok()?)
}

/// Loopback last; the others in the kernel's order.
fn interfaces(
    before: Option<&[NetDevice]>,
    now: &[NetDevice],
    elapsed: Duration,
) -> Vec<Interface> {
    let interface = |device: &NetDevice| {
        let then = before.and_then(|then| then.iter().find(|then| then.name == device.name));
        let rate = |of: fn(&NetDevice) -> u64| rates::per_second(of(then?), of(device), elapsed);
        Interface {
            name: crate::text::visible(&device.name),
            received: rate(|device| device.received),
            sent: rate(|device| device.sent),
            received_total: device.received,
            sent_total: device.sent,
            troubles: device.troubles,
        }
    };
    let mut list: Vec<Interface> = now.iter().map(interface).collect();
    list.sort_by_key(|interface| interface.name == "lo");
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, received: u64, sent: u64) -> NetDevice {
        NetDevice {
            name: name.to_owned(),
            received,
            sent,
            troubles: 0,
        }
    }

    #[test]
    fn loopback_comes_last_and_names_are_safe_to_print() {
        let now = [device("lo", 0, 0), device("e\u{1b}[2J", 1, 2)];
        let list = interfaces(None, &now, Duration::ZERO);
        let names: Vec<_> = list.iter().map(|interface| &*interface.name).collect();
        assert_eq!(names, ["e\\x1b[2J", "lo"]);
        assert_eq!(list[0].received, None);
    }

    #[test]
    fn an_interface_that_is_new_or_was_made_anew_has_no_rate() {
        let before = [device("eth0", 1_000, 0)];
        let now = [device("eth0", 3_000, 10), device("eth1", 5, 5)];
        let second = Duration::from_secs(1);
        let list = interfaces(Some(&before), &now, second);
        assert_eq!(
            (list[0].received, list[0].sent),
            (Some(2_000.0), Some(10.0))
        );
        assert_eq!(list[1].received, None);
        let anew = interfaces(Some(&now), &[device("eth0", 1, 20)], second);
        assert_eq!((anew[0].received, anew[0].sent), (None, Some(10.0)));
    }
}
