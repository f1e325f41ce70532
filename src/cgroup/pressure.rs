//! Pressure stall information: `cpu.pressure`, `memory.pressure`, `io.pressure`, `irq.pressure` of
//! cgroup v2 and the files of `/proc/pressure` (psi.rst).

use serde::Serialize;

/// One pressure file.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Stall {
    /// At least one task waited.
    pub some: Option<StallLine>,
    /// All tasks waited.
    pub full: Option<StallLine>,
}

/// One line of a pressure file: percent of the time, over three spans.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct StallLine {
    /// Over 10 s.
    pub avg10: f64,
    /// Over 60 s.
    pub avg60: f64,
    /// Over 300 s.
    pub avg300: f64,
    /// So far, microseconds.
    pub total: u64,
}

/// A pressure file. A line the kernel does not write (`full` of cpu before 5.13, `some` of irq) is
/// `None`; so is the whole if it has neither.
///
/// ```
/// use ocitop::cgroup::pressure::parse_pressure;
/// let text = "some avg10=27.14 avg60=5.57 avg300=1.18 total=3755185\n";
/// let stall = parse_pressure(text).unwrap();
/// assert_eq!(stall.some.unwrap().avg10, 27.14);
/// assert_eq!(stall.full, None);
/// assert_eq!(parse_pressure(""), None);
/// ```
pub fn parse_pressure(text: &str) -> Option<Stall> {
    let of = |kind: &str| {
        text.lines()
            .find_map(|line| parse_line(line.strip_prefix(kind)?))
    };
    let stall = Stall {
        some: of("some "),
        full: of("full "),
    };
    (stall != Stall::default()).then_some(stall)
}

/// `avg10=… avg60=… avg300=… total=…`. A share that is not a number from 0 on is none.
fn parse_line(pairs: &str) -> Option<StallLine> {
    let value = |key: &str| {
        pairs
            .split_ascii_whitespace()
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    };
    let share = |key| {
        let share: f64 = value(key)?.parse().ok()?;
        (share.is_finite() && share >= 0.0).then_some(share)
    };
    Some(StallLine {
        avg10: share("avg10")?,
        avg60: share("avg60")?,
        avg300: share("avg300")?,
        total: value("total")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_of_a_pressure_file_are_read() {
        let text = "some avg10=0.33 avg60=0.58 avg300=0.94 total=14714859\n\
                    full avg10=0.29 avg60=0.50 avg300=0.65 total=9326802\n";
        let stall = parse_pressure(text).unwrap();
        let some = StallLine {
            avg10: 0.33,
            avg60: 0.58,
            avg300: 0.94,
            total: 14_714_859,
        };
        assert_eq!(stall.some, Some(some));
        assert_eq!(stall.full.map(|full| full.total), Some(9_326_802));
    }

    #[test]
    fn interrupts_have_only_full() {
        let stall = parse_pressure("full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n").unwrap();
        assert_eq!(stall.some, None);
        assert_eq!(stall.full, Some(StallLine::default()));
    }

    #[test]
    fn a_line_that_lacks_a_number_is_not_available() {
        for text in [
            "some\n",
            "some avg10=0.00\n",
            "some avg10=x avg60=0 avg300=0 total=0\n",
            "some avg10=NaN avg60=0 avg300=0 total=0\n",
            "some avg10=-1 avg60=0 avg300=0 total=0\n",
            "some avg10=0 avg60=0 avg300=0 total=-1\n",
        ] {
            assert_eq!(parse_pressure(text), None, "{text:?}");
        }
    }
}
