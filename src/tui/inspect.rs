//! What is on disk about a container, as lines that are safe to print. Secrets are masked before they
//! come out of here, so that neither the screen nor a file saved from it has what nobody asked for.

use std::os::fd::AsFd;

use crate::inventory::Container;
use crate::kernel::read::{ReadError, file_beneath, open_dir_beneath, open_root};
use crate::text::secrets::{Masker, Masking};
use crate::text::{chain, safe, visible, visible_path};

/// Files of a state directory, by whichever runtime.
const STATE_FILES: [&str; 4] = ["state.json", "status", "youki_config.json", "config.json"];

/// Most bytes read of one file.
const CAP: u64 = 4 * 1024 * 1024;

/// Its state files and its bundle's configuration, under a line that says what is masked.
pub(super) fn lines(container: &Container, masking: Masking) -> Vec<String> {
    let mut masker = Masker::new(masking);
    let mut out = vec![String::new(), String::new()];
    files(&mut out, container, &mut masker);
    if let Some(first) = out.first_mut() {
        *first = heading(masking, masker.masked());
    }
    out
}

fn heading(masking: Masking, masked: usize) -> String {
    match (masking, masked) {
        (Masking::Nothing, _) => "nothing is masked: secrets are shown".to_owned(),
        (Masking::Likely, 0) => "nothing here looks secret; nothing is masked".to_owned(),
        (Masking::Likely, 1) => "1 value that looks secret is masked".to_owned(),
        (Masking::Likely, many) => format!("{many} values that look secret are masked"),
        (Masking::Environment, many) => {
            format!("all of the environment, and what looks secret, is masked: {many} values")
        }
    }
}

fn files(out: &mut Vec<String>, container: &Container, masker: &mut Masker) {
    let key = &container.key;
    match open_root(key.root()).and_then(|root| open_dir_beneath(root, key.name())) {
        Ok(dir) => {
            let path = visible_path(&key.dir());
            for name in STATE_FILES {
                file(out, (&path, name), &dir, masker);
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
        Some((path, Ok(dir))) => {
            file(out, (&visible_path(path), "config.json"), &dir, masker);
        }
        Some((path, Err(error))) => {
            out.push(format!(
                "open bundle {}: {}",
                visible_path(path),
                chain(&error)
            ));
        }
    }
}

fn file(out: &mut Vec<String>, (path, name): (&str, &str), dir: impl AsFd, masker: &mut Masker) {
    match file_beneath(dir, name, CAP) {
        Ok(bytes) => {
            out.push(format!("=== {path}/{name} ({} bytes)", bytes.len()));
            out.extend(text_lines(&bytes, masker));
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
fn text_lines(bytes: &[u8], masker: &mut Masker) -> Vec<String> {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        let text = masker.text(&String::from_utf8_lossy(bytes));
        return text.lines().map(visible).collect();
    };
    masker.json(&mut value);
    let text = format!("{value:#}");
    // JSON escapes with backslashes itself; escaping those again would make it harder to read.
    text.lines().map(safe).collect()
}
