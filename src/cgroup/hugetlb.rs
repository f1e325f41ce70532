//! Huge pages: `hugetlb.SIZE.…` of cgroup v2 (cgroup-v2.rst, "HugeTLB Interface Files") and v1
//! (hugetlb.rst). Usage and limit are files of one number each.

use super::flat_key;

/// The page size in the name of a control file that counts usage, as the kernel writes it.
/// Reservations (`rsvd`) are other files.
///
/// ```
/// use ocitop::cgroup::hugetlb::page_size;
/// assert_eq!(page_size("hugetlb.2MB.current"), Some("2MB"));
/// assert_eq!(page_size("hugetlb.1GB.usage_in_bytes"), Some("1GB"));
/// assert_eq!(page_size("hugetlb.2MB.rsvd.current"), None);
/// assert_eq!(page_size("hugetlb.2MB.max"), None);
/// ```
pub fn page_size(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("hugetlb.")?;
    let size = rest
        .strip_suffix(".current")
        .or_else(|| rest.strip_suffix(".usage_in_bytes"))?;
    let plain = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then_some(size)
}

/// How many allocations were refused: v2 `hugetlb.SIZE.events`. v1 has the number alone, in
/// `hugetlb.SIZE.failcnt`.
///
/// ```
/// assert_eq!(ocitop::cgroup::hugetlb::parse_failures("max 3\n"), Some(3));
/// ```
pub fn parse_failures(events: &str) -> Option<u64> {
    flat_key(events, "max")
}
