//! What is on disk about a container, as lines that are safe to print.

use std::os::fd::AsFd;

use crate::inventory::Container;
use crate::kernel::read::{ReadError, file_beneath, open_dir_beneath, open_root};
use crate::text::{chain, visible, visible_path};

/// Files of a state directory, by whichever runtime.
const STATE_FILES: [&str; 4] = ["state.json", "status", "youki_config.json", "config.json"];

/// Most bytes read of one file.
const CAP: u64 = 4 * 1024 * 1024;

/// Its state files and its bundle's configuration.
pub(super) fn lines(container: &Container) -> Vec<String> {
    let mut out = Vec::new();
    let key = &container.key;
    match open_root(key.root()).and_then(|root| open_dir_beneath(root, key.name())) {
        Ok(dir) => {
            let path = visible_path(&key.dir());
            for name in STATE_FILES {
                file(&mut out, &path, &dir, name);
            }
        }
        Err(error) => {
            out.push(format!(
                "open {}: {}",
                visible_path(&key.dir()),
                chain(&error)
            ));
        }
    }
    match container
        .bundle
        .as_deref()
        .map(|path| (path, open_root(path)))
    {
        None => out.push("no bundle is recorded".to_owned()),
        Some((path, Ok(dir))) => file(&mut out, &visible_path(path), &dir, "config.json"),
        Some((path, Err(error))) => {
            out.push(format!(
                "open bundle {}: {}",
                visible_path(path),
                chain(&error)
            ));
        }
    }
    out
}

fn file(out: &mut Vec<String>, path: &str, dir: impl AsFd, name: &str) {
    match file_beneath(dir, name, CAP) {
        Ok(bytes) => {
            out.push(format!("=== {path}/{name} ({} bytes)", bytes.len()));
            out.extend(text_lines(&bytes));
            out.push(String::new());
        }
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            out.push(format!("=== {path}/{name}"));
            out.push(chain(&error));
            out.push(String::new());
        }
    }
}

/// JSON on lines of its own; what is no JSON as it is.
fn text_lines(bytes: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        let text = String::from_utf8_lossy(bytes);
        return text.lines().map(visible).collect();
    };
    let text = format!("{value:#}");
    // JSON escapes with backslashes itself; escaping those again would make it harder to read.
    text.lines()
        .map(|line| visible(line).replace("\\\\", "\\"))
        .collect()
}
