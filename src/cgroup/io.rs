//! Block IO: `io.stat` (cgroup-v2.rst, "IO Interface Files") and
//! `blkio.throttle.io_service_bytes_recursive` (blkio-controller.rst).

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
