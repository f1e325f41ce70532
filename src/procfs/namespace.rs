//! The links of `/proc/PID/ns` (namespaces(7)).

/// The inode that names a namespace, from the target of its link.
///
/// ```
/// use ocitop::procfs::namespace::parse_link;
/// assert_eq!(parse_link("net", "net:[4026531840]"), Some(4_026_531_840));
/// assert_eq!(parse_link("net", "mnt:[4026531841]"), None);
/// ```
pub fn parse_link(kind: &str, target: &str) -> Option<u64> {
    let rest = target.strip_prefix(kind)?.strip_prefix(":[")?;
    rest.strip_suffix(']')?.parse().ok()
}
