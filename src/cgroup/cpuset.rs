//! Lists of CPUs and memory nodes: `cpuset.cpus`, `cpuset.mems` and what else cpuset(7) gives in "List
//! format".

/// More than any machine has: a range may name any number in ten bytes.
const MOST: usize = 65_536;

/// The numbers of a list. What is no number or no range is left out, and what is beyond the 65,536th.
///
/// ```
/// use ocitop::cgroup::cpuset::parse_list;
/// assert_eq!(parse_list("0-2,7\n"), [0, 1, 2, 7]);
/// assert_eq!(parse_list(""), [0; 0]);
/// assert_eq!(parse_list("x,3"), [3]);
/// ```
pub fn parse_list(text: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some(first..=last)
    };
    let numbers = text.trim().split(',').filter_map(range).flatten();
    numbers.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_long_ranges_are_not_all_kept() {
        assert_eq!(parse_list(&"0-4294967295,".repeat(1_000)).len(), MOST);
    }
}
