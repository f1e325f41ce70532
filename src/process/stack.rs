//! `/proc/PID/stack` (proc_pid_stack(5)): where in the kernel a process is, innermost first.

/// The function of one line: address, offset and the compiler's suffixes taken off.
///
/// ```
/// use ocitop::process::stack::function;
/// assert_eq!(function("[<0>] folio_wait_bit_common+0x13a/0x2d0"), Some("folio_wait_bit_common"));
/// assert_eq!(function("[<0>] do_exit.cold+0x5/0x9"), Some("do_exit"));
/// assert_eq!(function(""), None);
/// ```
pub fn function(line: &str) -> Option<&str> {
    let name = match line.trim().strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1.trim_start(),
        None => line.trim(),
    };
    let name = name.split(['+', ' ']).next()?;
    // Before these the compiler put a part of a function elsewhere; its name is what tells.
    let name = [".part", ".isra", ".constprop", ".cold"]
        .iter()
        .fold(name, |name, mark| {
            name.split_once(mark).map_or(name, |(before, _)| before)
        });
    Some(name).filter(|name| !name.is_empty())
}

/// The functions of the innermost `most` frames.
pub fn functions(text: &str, most: usize) -> Vec<String> {
    let names = text.lines().filter_map(function);
    names.take(most).map(crate::text::visible).collect()
}
