//! What others write, read by the parsers of ocitop: one function of bytes for each kind. Run by the
//! fuzzer (`tests/fuzz/run`) and, over the same seeds, by `tests/it/fuzz.rs`.
//!
//! None may panic, none may make much of little, and what is written must read the same.

mod kernel;
mod machine;
mod records;
mod words;

use std::borrow::Cow;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

/// One kind of input.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
    /// Names of files of `tests/fixtures` that are inputs.
    files: &'static [&'static str],
    /// Inputs that were not captured.
    examples: &'static [&'static [u8]],
}

/// All of them.
pub(crate) const TARGETS: [Target; 17] = [
    records::YOUKI,
    records::YOUKI_CONFIG,
    records::RUNC,
    records::CRUN,
    records::CRUN_CONFIG,
    kernel::CONTROL_FILES,
    kernel::MOUNTS,
    kernel::MEMBERSHIP,
    kernel::PROCESS,
    kernel::HOST,
    kernel::RESCTRL,
    machine::MACHINE,
    words::TOLD,
    words::NAMES,
    words::ARGUMENTS,
    words::SHOWN,
    words::SECRETS,
];

/// What stands between the parts of an input that is of several files.
pub(crate) const BETWEEN: u8 = 0x1e;

impl Target {
    /// Its seeds: what was captured, and the examples.
    pub(crate) fn seeds(&self) -> Vec<Vec<u8>> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        // In the fuzzer's own package the fixtures are beside it.
        for dir in ["tests/fixtures", "../fixtures"] {
            collect(&manifest.join(dir), self.files, &mut found);
        }
        found.sort();
        let captured = found.into_iter().map(|file| std::fs::read(file).unwrap());
        let examples = self.examples.iter().map(|example| example.to_vec());
        let mut seeds: Vec<_> = captured.chain(examples).collect();
        seeds.dedup();
        assert!(!seeds.is_empty(), "{} has no seed", self.name);
        seeds
    }
}

/// The files of these names below `dir`, if it is there.
fn collect(dir: &Path, names: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names, found);
        } else if names.iter().any(|name| path.ends_with(name)) {
            found.push(path);
        }
    }
}

/// The parts of an input; those that are not there are empty.
fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = input.splitn(COUNT, |byte| *byte == BETWEEN);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn text(input: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(input)
}

/// Fails where much is made of little: what was read, written out, is at most so many times as long.
#[track_caller]
fn is_bounded(input: &[u8], read: &dyn Debug) {
    let written = format!("{read:?}").len();
    let most = 64 * input.len() + 4096;
    assert!(written <= most, "{written} bytes of {}", input.len());
}

/// Fails where a terminal would obey, or not show, what is to be drawn.
#[track_caller]
fn is_drawable(drawn: &str) {
    let bad = drawn
        .chars()
        .find(|c| c.is_control() || "\u{202e}\u{200b}\u{feff}".contains(*c));
    assert_eq!(bad, None, "{drawn:?}");
}
