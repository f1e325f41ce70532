//! A state root that is not followed or entered: every command says which part of its path is to blame,
//! and why.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// ocitop with this root.
fn ocitop(root: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocitop"));
    command.stdin(Stdio::null()).arg("--root").arg(root);
    command.args(args).output().unwrap()
}

/// Fails unless it ends with 1 and these words.
#[track_caller]
fn refused(root: &Path, args: &[&str], words: &str) {
    let out = ocitop(root, args);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{args:?}: {said}");
    assert!(said.contains(words), "{args:?}: {words:?} in {said}");
    // The system's words would say neither what nor where.
    assert!(!said.contains("os error"), "{args:?}: {said}");
}

#[test]
fn a_root_behind_a_link_of_others_names_the_link_and_does_not_follow_it() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    fs::create_dir_all(dir.path().join("real/sub/web")).unwrap();
    let link = dir.path().join("li\nk");
    symlink("real", &link).unwrap();
    let shown = format!("{}/li\\nk", dir.path().display());
    let words = format!("{shown} is a symlink that others could aim anywhere; not followed");
    let root = link.join("sub");
    for args in [
        &["list"][..],
        &["list", "-q"],
        &["state", "web"],
        &["delete", "web"],
        &["delete", "-f", "web"],
        &["kill", "web"],
        &["diagnose", "web"],
        &["top", "--batch", "-n", "1"],
    ] {
        refused(&root, args, &words);
    }
    let doctor = ocitop(&root, &["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(
        said.contains(&format!("{shown}/sub: refused: {words}")),
        "{said}"
    );
    assert!(
        said.contains("--root takes the directory that it leads to"),
        "{said}"
    );
    // What it leads to is taken.
    let list = ocitop(&dir.path().join("real/sub"), &["list"]);
    assert_eq!(list.status.code(), Some(0));
}

#[test]
fn a_root_that_is_no_directory_says_what_it_is() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let words = format!("{} is a regular file, not a directory", file.display());
    refused(&file, &["list"], &words);
    refused(&file.join("x"), &["delete", "-f", "web"], &words);
}
