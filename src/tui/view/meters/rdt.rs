//! What of the last level cache and of memory bandwidth is a container's (resctrl).

use crate::inventory::usage::{RdtUsage, RdtValue};
use crate::text::visible;
use crate::tui::measure::{self, flow};

/// A value, or the kernel's word.
pub(super) fn value(value: &RdtValue, show: impl Fn(f64) -> String) -> String {
    match value {
        RdtValue::None => "-".to_owned(),
        RdtValue::Value(value) => show(*value),
        RdtValue::Word(word) => visible(word),
    }
}

pub(super) fn lines(rdt: &RdtUsage, columns: usize) -> Vec<String> {
    let control = match rdt.control.as_str() {
        "" => "default group".to_owned(),
        name => format!("group {}", visible(name)),
    };
    let shared = if rdt.shared { "shared" } else { "" };
    let monitoring = match &rdt.monitoring {
        Some(name) => format!("monitored as {}", visible(name)),
        None => "monitored as a group".to_owned(),
    };
    let per_second = |rate: f64| format!("{}/s", measure::rate(rate));
    let groups = [control, shared.to_owned(), monitoring];
    let numbers = [
        format!("LLC {}", value(&rdt.llc, measure::rate)),
        format!("MBM total {}", value(&rdt.mbm_total, per_second)),
        format!("local {}", value(&rdt.mbm_local, per_second)),
    ];
    let mut lines = vec![flow(&groups, columns), flow(&numbers, columns)];
    lines.extend(
        rdt.schemata
            .iter()
            .map(|line| measure::cut(&visible(line), columns)),
    );
    lines
}
