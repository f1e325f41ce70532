//! Block IO by device, and its sum.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cgroup::Version;
use crate::cgroup::io::{self, BlockDevice, DeviceCounters};
use crate::inventory::control_file::{ContainerCgroups, ControlFile};
use crate::inventory::rates::{self, Paced};
use crate::inventory::usage::{DeviceIo, Usage};

/// The files of `io` or `blkio`.
#[derive(Debug, Default)]
pub(super) struct BlockSensor {
    /// v1 bytes, v2 all.
    bytes: Option<ControlFile>,
    /// v1.
    operations: Option<ControlFile>,
    devices: HashMap<BlockDevice, DeviceKind>,
    moved: Paced<Vec<DeviceCounters>, Moved>,
}

/// What two samples say.
#[derive(Debug, Default)]
struct Moved {
    devices: Vec<DeviceIo>,
    /// Bytes a second, read and written.
    sums: [Option<f64>; 2],
}

/// What sysfs says of a device.
#[derive(Debug, Clone, Default)]
struct DeviceKind {
    name: Option<String>,
    stacked: bool,
}

impl DeviceKind {
    /// From `/sys/dev/block/MAJ:MIN`, a link to the device's directory. Its name has `!` where the
    /// one below /dev has `/` (sysfs-rules); a device on others has them in `slaves`.
    fn read(sys: &Path, device: BlockDevice) -> Self {
        let link = sys.join("dev/block").join(device.to_string());
        let target = std::fs::read_link(&link).ok();
        let name = target.and_then(|target| {
            let name = target.file_name()?.to_string_lossy().replace('!', "/");
            Some(crate::text::visible(&name))
        });
        let slaves = std::fs::read_dir(link.join("slaves"));
        Self {
            name,
            stacked: slaves.is_ok_and(|mut slaves| slaves.next().is_some()),
        }
    }
}

impl BlockSensor {
    pub(super) fn open(cgroups: ContainerCgroups<'_>) -> Self {
        // Before 4.16 v1 has no recursive ones.
        let first = |names: [&str; 2], v2: &str| {
            let mut names = names.into_iter();
            names.find_map(|name| cgroups.open("blkio", name, v2))
        };
        Self {
            bytes: first(
                [
                    "blkio.throttle.io_service_bytes_recursive",
                    "blkio.throttle.io_service_bytes",
                ],
                "io.stat",
            ),
            operations: first(
                [
                    "blkio.throttle.io_serviced_recursive",
                    "blkio.throttle.io_serviced",
                ],
                "",
            ),
            ..Self::default()
        }
    }

    /// Devices may be put on others while ocitop runs.
    pub(super) fn forget_devices(&mut self) {
        self.devices.clear();
    }

    /// Reads it all. [`Usage::io_read`] and [`Usage::io_write`] are set too. `sys` is sysfs.
    pub(super) fn read(
        &mut self,
        sys: &Path,
        usage: &mut Usage,
        buffer: &mut Vec<u8>,
    ) -> Vec<DeviceIo> {
        let at = Instant::now();
        let Some(now) = self.counters(buffer) else {
            self.moved = Paced::default();
            [usage.io_read, usage.io_write] = [None; 2];
            return Vec::new();
        };
        for counters in &now {
            let device = counters.device;
            let kind = self.devices.entry(device);
            kind.or_insert_with(|| DeviceKind::read(sys, device));
        }
        let known = &self.devices;
        self.moved.add(at, now, |before, now, elapsed| {
            let device = |now| device(before.map(Vec::as_slice), now, known, elapsed);
            let devices: Vec<_> = now.iter().map(device).collect();
            // No device at all says that nothing moved, but only from one look to the next.
            let sums = before.map_or([None; 2], |_| sums(&devices));
            Moved { devices, sums }
        });
        let moved = self.moved.rates();
        [usage.io_read, usage.io_write] = moved.sums;
        moved.devices.clone()
    }

    fn counters(&self, buffer: &mut Vec<u8>) -> Option<Vec<DeviceCounters>> {
        let file = self.bytes.as_ref()?;
        if file.version == Version::V2 {
            return Some(io::parse_io_stat_devices(file.text(buffer)?));
        }
        let bytes = file.text(buffer)?.to_owned();
        let operations = self.operations.as_ref().and_then(|file| file.text(buffer));
        io::parse_blkio_devices(&bytes, operations)
    }
}

fn device(
    before: Option<&[DeviceCounters]>,
    now: &DeviceCounters,
    devices: &HashMap<BlockDevice, DeviceKind>,
    elapsed: Duration,
) -> DeviceIo {
    // A device that was not there before had counted nothing.
    let rate = |of: fn(&DeviceCounters) -> Option<u64>| {
        let then = before?.iter().find(|then| then.device == now.device);
        let then = then.map_or(Some(0), of)?;
        rates::per_second(then, of(now)?, elapsed)
    };
    let kind = devices.get(&now.device).cloned().unwrap_or_default();
    DeviceIo {
        device: now.device.to_string(),
        name: kind.name,
        read: rate(|counters| Some(counters.read)),
        write: rate(|counters| Some(counters.written)),
        read_ops: rate(|counters| counters.reads),
        write_ops: rate(|counters| counters.writes),
        read_total: now.read,
        write_total: now.written,
        stacked: kind.stacked,
    }
}

/// Bytes a second, read and written, without devices that lie on others: what goes through those
/// is counted again below. Where nothing below counts, they are all there is.
fn sums(devices: &[DeviceIo]) -> [Option<f64>; 2] {
    let any = devices.iter().any(|device| !device.stacked);
    let counted = || devices.iter().filter(move |device| !any || !device.stacked);
    [
        counted().map(|device| device.read).sum(),
        counted().map(|device| device.write).sum(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(device: &str, read: u64) -> DeviceCounters {
        DeviceCounters {
            device: device.parse().unwrap(),
            read,
            written: 0,
            reads: Some(1),
            writes: None,
        }
    }

    fn io(device: &str, before: Option<&[DeviceCounters]>, read: u64, stacked: bool) -> DeviceIo {
        let number: BlockDevice = device.parse().unwrap();
        let kind = DeviceKind {
            name: None,
            stacked,
        };
        let devices = HashMap::from([(number, kind)]);
        let now = counters(device, read);
        super::device(before, &now, &devices, Duration::from_secs(2))
    }

    #[test]
    fn a_device_on_others_is_shown_but_not_summed() {
        let before = [counters("253:0", 0), counters("8:0", 0)];
        let (dm, disk) = (
            io("253:0", Some(&before), 100, true),
            io("8:0", Some(&before), 100, false),
        );
        assert_eq!(dm.read, Some(50.0));
        assert_eq!(sums(&[dm.clone(), disk])[0], Some(50.0));
        assert_eq!(sums(&[dm])[0], Some(50.0), "nothing below counts");
    }

    #[test]
    fn a_device_seen_for_the_first_time_had_counted_nothing() {
        let before = [counters("8:0", 0)];
        assert_eq!(io("8:16", Some(&before), 100, false).read, Some(50.0));
        assert_eq!(io("8:16", None, 100, false).read, None, "no look before");
    }

    #[test]
    fn a_device_that_counts_anew_has_no_rate_and_neither_has_the_sum() {
        let before = [counters("8:0", 100)];
        let again = io("8:0", Some(&before), 10, false);
        assert_eq!((again.read, again.read_total), (None, 10));
        assert_eq!(sums(&[again])[0], None);
    }

    #[test]
    fn no_device_moved_nothing() {
        assert_eq!(sums(&[]), [Some(0.0), Some(0.0)]);
    }

    #[test]
    fn sysfs_tells_name_and_what_lies_below() {
        let dir = tempfile::tempdir().unwrap();
        let block = dir.path().join("dev/block");
        std::fs::create_dir_all(&block).unwrap();
        for (number, name, slaves) in [("253:0", "dm-0", 1), ("104:0", "cciss!c0d0", 0)] {
            let device = dir.path().join("devices").join(name);
            std::fs::create_dir_all(device.join("slaves")).unwrap();
            (0..slaves)
                .for_each(|n| std::fs::write(device.join(format!("slaves/s{n}")), "").unwrap());
            std::os::unix::fs::symlink(format!("../../devices/{name}"), block.join(number))
                .unwrap();
        }
        let kind = |number: &str| DeviceKind::read(dir.path(), number.parse().unwrap());
        assert_eq!(kind("253:0").name.as_deref(), Some("dm-0"));
        assert!(kind("253:0").stacked);
        assert_eq!(kind("104:0").name.as_deref(), Some("cciss/c0d0"));
        assert!(!kind("104:0").stacked);
        assert_eq!(kind("9:9").name, None);
    }
}
