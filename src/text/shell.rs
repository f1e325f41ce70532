//! Words for a shell: what is copied from the screen into one has to mean the same there.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// A word for a shell that is this name or path, printable whatever its bytes are.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:@,=%".contains(byte);
    // zsh takes `=name` for the path of a program.
    if !bytes.is_empty() && !bytes.starts_with(b"=") && bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return format!(
            "'{}'",
            String::from_utf8_lossy(bytes).replace('\'', r"'\''")
        );
    }
    let mut out = String::from("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            // Three octal digits end by themselves, whatever follows.
            byte => write!(out, "\\{byte:03o}").unwrap_or_default(),
        }
    }
    out.push('\'');
    out
}

/// As [`quoted`], where a command takes options as well: names come from whoever made the thing, and
/// one called `--all` is a name all the same.
///
/// ```
/// use ocitop::text::shell::operand;
/// assert_eq!(operand("web"), "web");
/// assert_eq!(operand("--all"), "-- --all");
/// ```
pub fn operand(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let end = if word.as_bytes().starts_with(b"-") {
        "-- "
    } else {
        ""
    };
    format!("{end}{}", quoted(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_to_a_shell_and_shows_nothing_that_a_terminal_obeys() {
        let word = |bytes: &[u8]| quoted(OsStr::from_bytes(bytes));
        assert_eq!(word(b"/run/a-b_c.scope"), "/run/a-b_c.scope");
        assert_eq!(word(b"/a b"), "'/a b'");
        assert_eq!(word(b"/a'; rm -rf ~"), r"'/a'\''; rm -rf ~'");
        assert_eq!(word(b"/\x1b[31m'\xff"), r"$'/\033[31m\'\377'");
        assert_eq!(word(b""), "''");
        assert_eq!(word(b"=ls"), "'=ls'");
        assert_eq!(word(br"my\x2dapp.slice"), r"'my\x2dapp.slice'");
    }
}
