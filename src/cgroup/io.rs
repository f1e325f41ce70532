//! Block IO: `io.stat` (cgroup-v2.rst, "IO Interface Files"), and
//! `blkio.throttle.io_service_bytes[_recursive]` with `io_serviced[_recursive]`
//! (blkio-controller.rst).

use std::fmt;
use std::str::FromStr;

use super::ParseFileError;

/// A block device by its number.
///
/// ```
/// use ocitop::cgroup::io::BlockDevice;
/// let disk: BlockDevice = "254:0".parse().unwrap();
/// assert_eq!((disk.major, disk.minor, disk.to_string()), (254, 0, "254:0".to_owned()));
/// assert!("254".parse::<BlockDevice>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockDevice {
    /// Major number: its driver.
    pub major: u32,
    /// Minor number: which of the driver's.
    pub minor: u32,
}

impl FromStr for BlockDevice {
    type Err = ParseFileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (major, minor) = text.split_once(':')?;
            Some(Self {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        };
        parse().ok_or_else(|| ParseFileError::new(text))
    }
}

impl fmt::Display for BlockDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// What one cgroup moved to and from one device so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCounters {
    /// The device.
    pub device: BlockDevice,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
    /// Reads; `None` where they are not counted.
    pub reads: Option<u64>,
    /// Writes; `None` where they are not counted.
    pub writes: Option<u64>,
}

/// v2 `io.stat`, by device. A line may hold a device and no pair: nothing was counted. Kernels
/// glued devices without counters before the next line, so the device is the last number before
/// the first pair.
///
/// ```
/// let text = "8:0 254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n";
/// let [disk] = ocitop::cgroup::io::parse_io_stat_devices(text)[..] else { panic!() };
/// assert_eq!((disk.device.major, disk.read, disk.reads), (254, 4096, Some(1)));
/// ```
pub fn parse_io_stat_devices(text: &str) -> Vec<DeviceCounters> {
    let line = |line: &str| {
        let mut device = None;
        let (mut bytes, mut operations) = ([None; 2], [None; 2]);
        for word in line.split_ascii_whitespace() {
            let Some((key, value)) = word.split_once('=') else {
                device = word.parse().ok().or(device);
                continue;
            };
            let value = value.parse::<u64>().ok();
            match (key, &mut bytes, &mut operations) {
                ("rbytes", [read, _], _) => *read = value,
                ("wbytes", [_, written], _) => *written = value,
                ("rios", _, [reads, _]) => *reads = value,
                ("wios", _, [_, writes]) => *writes = value,
                _ => {}
            }
        }
        let ([read, written], [reads, writes]) = (bytes, operations);
        Some(DeviceCounters {
            device: device?,
            read: read?,
            written: written?,
            reads,
            writes,
        })
    };
    text.lines().filter_map(line).collect()
}

/// v1 bytes and operations by device, from `blkio.throttle.io_service_bytes[_recursive]` and
/// `io_serviced[_recursive]`. `None` when nothing was ever counted, as in [`parse_blkio`].
///
/// `Sync`, `Async` and `Total` count the same bytes as `Read` and `Write` again.
///
/// ```
/// use ocitop::cgroup::io::parse_blkio_devices;
/// let bytes = "254:0 Read 4198400\n254:0 Write 4202496\n254:0 Total 8400896\nTotal 8400896\n";
/// let operations = "254:0 Read 7\n254:0 Write 9\nTotal 16\n";
/// let devices = parse_blkio_devices(bytes, Some(operations)).unwrap();
/// assert_eq!((devices[0].read, devices[0].writes), (4_198_400, Some(9)));
/// assert_eq!(parse_blkio_devices("Total 0\n", None), None);
/// ```
pub fn parse_blkio_devices(bytes: &str, operations: Option<&str>) -> Option<Vec<DeviceCounters>> {
    let mut found: Vec<DeviceCounters> = Vec::new();
    for (device, kind, value) in blkio_lines(bytes) {
        let counters = match found.iter_mut().find(|known| known.device == device) {
            Some(known) => known,
            None => found.push_mut(DeviceCounters {
                device,
                read: 0,
                written: 0,
                reads: None,
                writes: None,
            }),
        };
        match kind {
            "Read" => counters.read = value,
            "Write" => counters.written = value,
            _ => {}
        }
    }
    for (device, kind, value) in operations.into_iter().flat_map(blkio_lines) {
        if let Some(counters) = found.iter_mut().find(|known| known.device == device) {
            match kind {
                "Read" => counters.reads = Some(value),
                "Write" => counters.writes = Some(value),
                _ => {}
            }
        }
    }
    let counted = found
        .iter()
        .any(|device| device.read != 0 || device.written != 0);
    counted.then_some(found)
}

/// `MAJ:MIN KIND VALUE` lines; the last one, of the sum, has no device.
fn blkio_lines(text: &str) -> impl Iterator<Item = (BlockDevice, &str, u64)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let device = words.next()?.parse().ok()?;
        Some((device, words.next()?, words.next()?.parse().ok()?))
    })
}

/// Bytes read and written so far, summed over devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoBytes {
    /// Read.
    pub read: u64,
    /// Written.
    pub written: u64,
}

/// v2 `io.stat`. Lines without pairs and unknown keys are passed over.
pub fn parse_io_stat(text: &str) -> IoBytes {
    let mut sum = IoBytes::default();
    for word in text.split_ascii_whitespace() {
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        let Ok(value) = value.parse::<u64>() else {
            continue;
        };
        match key {
            "rbytes" => sum.read = sum.read.saturating_add(value),
            "wbytes" => sum.written = sum.written.saturating_add(value),
            _ => {}
        }
    }
    sum
}

/// v1 `blkio.throttle.io_service_bytes[_recursive]`. `None` when nothing was ever counted: the
/// kernel leaves the file at `Total 0` until a throttle rule has existed, so zeros there mean "not
/// available", not "no IO".
pub fn parse_blkio(text: &str) -> Option<IoBytes> {
    let mut sum = IoBytes::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(_device), Some(kind), Some(value)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let Ok(value) = value.parse::<u64>() else {
            continue;
        };
        match kind {
            "Read" => sum.read = sum.read.saturating_add(value),
            "Write" => sum.written = sum.written.saturating_add(value),
            _ => {}
        }
    }
    (sum != IoBytes::default()).then_some(sum)
}

/// `/proc/PID/io` (proc_pid_io(5)): what one process caused on block devices.
pub fn parse_proc_io(text: &str) -> Option<IoBytes> {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    Some(IoBytes {
        read: field("read_bytes:")?,
        written: field("write_bytes:")?,
    })
}
