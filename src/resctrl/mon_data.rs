//! `mon_data`: what a group uses, by L3 domain (resctrl.rst "Resource monitoring", "mon_data").
//!
//! `llc_occupancy` is a gauge of bytes, `mbm_total_bytes` and `mbm_local_bytes` count bytes up. With
//! Sub-NUMA Clustering a domain's directory has one more for each node, and its own files are their
//! sums.

use std::time::Instant;

/// A monitoring value, or the kernel's word why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MonValue {
    /// Bytes.
    Bytes(u64),
    /// `Unavailable`, `Unassigned`, `Error`.
    Word(String),
}

impl MonValue {
    /// A file of `mon_data`; `None` if it has neither a number nor one plain word.
    ///
    /// ```
    /// use ocitop::resctrl::MonValue;
    /// assert_eq!(MonValue::parse("65536\n"), Some(MonValue::Bytes(65536)));
    /// assert_eq!(
    ///     MonValue::parse("Unavailable\n"),
    ///     Some(MonValue::Word("Unavailable".to_owned()))
    /// );
    /// assert_eq!(MonValue::parse(""), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(bytes) = text.parse() {
            return Some(Self::Bytes(bytes));
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_alphabetic());
        (plain && (1..=32).contains(&text.len())).then(|| Self::Word(text.to_owned()))
    }
}

/// A counter of bytes, with its rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Counter {
    /// As it stands.
    pub value: MonValue,
    /// Bytes a second since the reading before; `None` without one, or if it has gone back.
    pub rate: Option<f64>,
}

/// Bytes a second between two readings of a counter; `None` if it went back or no time has passed.
pub fn rate(before: (u64, Instant), after: (u64, Instant)) -> Option<f64> {
    let bytes = after.0.checked_sub(before.0)?;
    let seconds = after.1.checked_duration_since(before.1)?.as_secs_f64();
    (seconds > 0.0).then(|| bytes as f64 / seconds)
}

/// What a group uses in one L3 domain; what the hardware does not count is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct MonDomain {
    /// Cache id; of a node below a domain, the node's.
    pub id: u32,
    /// Bytes of last level cache in use.
    pub llc_occupancy: Option<MonValue>,
    /// Bytes moved from and to all memory.
    pub mbm_total: Option<Counter>,
    /// Bytes moved from and to the memory next to the domain.
    pub mbm_local: Option<Counter>,
    /// Sub-NUMA Clustering: the nodes that this is the sum of.
    pub nodes: Vec<MonDomain>,
}

/// The id in the name of an L3 domain's directory; other resources are not cache and bandwidth.
///
/// ```
/// use ocitop::resctrl::mon_data::domain_id;
/// assert_eq!(domain_id("mon_L3_07"), Some(7));
/// assert_eq!(domain_id("mon_PERF_PKG_00"), None);
/// ```
pub fn domain_id(name: &str) -> Option<u32> {
    number(name.strip_prefix("mon_L3_")?)
}

/// The id in the name of a node's directory below a domain's (`mon_sub_L3_YY`).
pub fn node_id(name: &str) -> Option<u32> {
    number(name.strip_prefix("mon_sub_L3_")?)
}

fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_counter_that_goes_back_has_no_rate() {
        let start = Instant::now();
        let later = start + Duration::from_secs(2);
        assert_eq!(rate((1000, start), (3000, later)), Some(1000.0));
        assert_eq!(rate((3000, start), (1000, later)), None);
        assert_eq!(rate((1000, start), (1000, start)), None);
        assert_eq!(rate((1000, start), (1000, later)), Some(0.0));
    }

    #[test]
    fn only_plain_words_are_words() {
        for wrong in ["", "\u{1b}[1m", "two words", "-1", "0x7"] {
            assert_eq!(MonValue::parse(wrong), None, "{wrong:?}");
        }
        for word in ["Unavailable", "Unassigned", "Error"] {
            assert_eq!(MonValue::parse(word), Some(MonValue::Word(word.to_owned())));
        }
        assert_eq!(
            MonValue::parse(&u64::MAX.to_string()),
            Some(MonValue::Bytes(u64::MAX))
        );
    }

    #[test]
    fn directories_of_nodes_are_no_domains() {
        assert_eq!(domain_id("mon_sub_L3_01"), None);
        assert_eq!(node_id("mon_sub_L3_01"), Some(1));
        assert_eq!(domain_id("mon_L3_+1"), None);
    }
}
