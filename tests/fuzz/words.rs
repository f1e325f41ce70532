//! Words of people and of processes: command lines, names, arguments; and what is shown of them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path};

use clap::Parser as _;
use ocitop::cgroup::CgroupPath;
use ocitop::cli::Arguments;
use ocitop::inventory::engine::ContainerEngine;
use ocitop::inventory::owners::is_told;
use ocitop::kernel::Signal;
use ocitop::leftovers::names::{self, CgroupName};
use ocitop::oci::{ContainerId, ContainerKey};
use ocitop::text::secrets::{MASKED, Masker, Masking};
use ocitop::text::{self, csv, shell};
use serde_json::Value;

use super::{Target, is_bounded, is_drawable, parts};

pub(super) const TOLD: Target = Target {
    name: "told",
    run: |input| {
        let [command, line] = parts(input);
        let command = text::visible_bytes(command);
        let words: Vec<Vec<u8>> = line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        // A long word hides nobody else's.
        for word in words.iter().take(4) {
            is_told(&command, &words, &String::from_utf8_lossy(word));
        }
        // Nobody is told what is not said.
        let said = line.windows(6).any(|part| part == b"nobody");
        assert!(said || !is_told(&command, &words, "nobody"));
        let engine = ContainerEngine::of(&command, line);
        is_bounded(input, &engine);
        for way in engine.iter().flat_map(|engine| engine.removal("web")) {
            is_drawable(&way.command);
        }
        let path = Path::new(OsStr::from_bytes(line));
        is_bounded(input, &ContainerEngine::of_record(path));
    },
    files: &[],
    examples: &[
        b"containerd-shim\x1e/usr/bin/containerd-shim-runc-v2\0-namespace\0moby\0-id\0web\0-address\0/run/containerd/containerd.sock\0",
        b"containerd-shim\x1eshim\0-workdir\0/run/x/moby/web\0other\0",
        b"conmon\x1e/usr/bin/conmon\0--api-version\x001\0-c\0web\0-n\0name\0--exit-dir\0/run/crio/exits\0",
        b"runc\x1erunc\0--root\0/run/runc\0delete\0web\0",
        b"\x1e/run/containerd/io.containerd.runtime.v2.task/teama/web",
    ],
};

pub(super) const NAMES: Target = Target {
    name: "names",
    run: |input| {
        let path = Path::new(OsStr::from_bytes(input));
        if let Some(path) = CgroupPath::new(path) {
            let plain = |part| matches!(part, Component::Normal(_));
            assert!(path.relative().components().all(plain), "{path:?}");
            assert_eq!(CgroupPath::new(path.relative()).as_ref(), Some(&path));
            assert!(path.parent().is_none_or(|above| above.contains(&path)));
        }
        let key = ContainerKey::new(Path::new("/run/runc"), OsStr::from_bytes(input));
        is_drawable(&key.label());
        is_drawable(&key.label_in_root());
        let text = String::from_utf8_lossy(input);
        match text.parse::<ContainerId>() {
            Ok(id) => {
                let joined = Path::new("/run/runc").join(id.as_str());
                assert_eq!(joined.parent(), Some(Path::new("/run/runc")));
                assert_eq!(joined.file_name(), Some(OsStr::new(id.as_str())));
                is_drawable(&id.to_string());
            }
            Err(error) => is_drawable(&error.to_string()),
        }
        let names: Vec<&str> = text.split('/').collect();
        let (last, above) = names.split_last().unwrap();
        if let CgroupName::Container(_, id) | CgroupName::Pod(_, id) = names::parse(above, last) {
            assert!(last.contains(&id), "{id:?}");
            assert!(id.parse::<ContainerId>().is_ok_and(|id| id.is_portable()));
        }
    },
    files: &[],
    examples: &[
        b"system.slice/runc-web.scope",
        b"system.slice/docker-7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57.scope",
        b"kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57",
        b"kubepods.slice/kubepods-pod0a1b2c3d_1111_2222_3333_444455556666.slice",
        b"machine.slice:libpod:web",
        b":youki:web",
        b"lxc.payload.web",
        b"nomad.slice/0a1b2c3d-1111-2222-3333-444455556666.task.scope",
        b"/pods/../etc",
    ],
};

pub(super) const ARGUMENTS: Target = Target {
    name: "arguments",
    run: |input| {
        let words = input.split(|byte| *byte == 0);
        let words = words.map(|word| OsString::from_vec(word.to_vec()));
        let words = std::iter::once("ocitop".into()).chain(words);
        if let Ok(arguments) = Arguments::try_parse_from(words) {
            is_bounded(input, &arguments);
            let config = arguments.config();
            assert!(config.timeout.as_secs() <= 86_400);
            arguments.writes_log();
        }
        if let Ok(signal) = String::from_utf8_lossy(input).parse::<Signal>() {
            assert!((0..=64).contains(&signal.0), "{signal:?}");
            if let Some(name) = signal.name() {
                assert_eq!(name.parse(), Ok(signal));
            }
        }
    },
    files: &[],
    examples: &[
        b"--root\0/run/runc\0list\0-f\0json",
        b"delete\0--force\0--dry-run\0--format\0json\0web\0runc:web",
        b"kill\0-a\0web\0RTMIN+3",
        b"--interval\x001e3ms\0--timeout\x000.5m\0--log-level\0warning\0top\0-b\0-n\x003",
        b"leftovers\0clean\0--yes\0--kill\0--within\0/sys/fs/cgroup\0/a",
        b"ps\0web\0-o\0pid",
        b"SIGRTMAX-1",
    ],
};

pub(super) const SHOWN: Target = Target {
    name: "shown",
    run: |input| {
        let word = String::from_utf8_lossy(input);
        for shown in [
            text::visible_bytes(input),
            text::safe(&word),
            text::visible_path(Path::new(OsStr::from_bytes(input))),
            text::visible_lines(input),
            text::chain(&std::io::Error::other(word.clone().into_owned())),
        ] {
            is_drawable(&shown);
            // A character is at most `\u{10ffff}`, and 1,024 are shown.
            assert!(shown.chars().count() <= 1024 * 10 + 1);
        }
        // What is escaped already stays as it is.
        let once = text::safe(&word);
        if once.chars().count() <= 1024 {
            assert_eq!(text::safe(&once), once);
        }
        is_the_same_to_a_shell(input);
        let value = Value::from(&*word);
        let json = text::json(&value.to_string());
        is_drawable(&json);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        is_drawable(&csv::cell(&value));
    },
    files: &[],
    examples: &[
        b"a\x1b[31m\\x2d",
        "x\u{202e}y\u{9b}\u{e0041}".as_bytes(),
        b"/a'; rm -rf ~",
        b"=1+1,\"\r\n",
        b"one\n\ntwo \xff\n",
    ],
};

/// A quoted word is drawable, and is that word to a shell.
fn is_the_same_to_a_shell(input: &[u8]) {
    let quoted = shell::quoted(OsStr::from_bytes(input));
    is_drawable(&quoted);
    let mut read = Vec::new();
    let mut rest = quoted.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (word, left) = match (first, after) {
            (b'\'', after) => {
                let end = after.iter().position(|byte| *byte == b'\'').unwrap();
                (after[..end].to_vec(), &after[end + 1..])
            }
            (b'$', [b'\'', after @ ..]) => of_dollar(after),
            (b'\\', [byte, after @ ..]) => (vec![*byte], after),
            (byte, after) => {
                let plain = byte.is_ascii_alphanumeric() || b"/._-+:@,=%".contains(byte);
                assert!(plain, "{quoted}");
                (vec![*byte], after)
            }
        };
        read.extend(word);
        rest = left;
    }
    assert_eq!(read, input, "{quoted}");
}

/// The inside of `$'…'` (bash(1), "QUOTING"), and what is behind it.
fn of_dollar(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut read = Vec::new();
    loop {
        match rest {
            [b'\'', after @ ..] => return (read, after),
            [b'\\', digits @ b'0'..=b'7', after @ ..] => {
                let number = [&[*digits], &after[..2]].concat();
                let number = std::str::from_utf8(&number).unwrap();
                read.push(u8::from_str_radix(number, 8).unwrap());
                rest = &after[2..];
            }
            [b'\\', byte, after @ ..] | [byte, after @ ..] => {
                read.push(*byte);
                rest = after;
            }
            [] => panic!("it does not end"),
        }
    }
}

pub(super) const SECRETS: Target = Target {
    name: "secrets",
    run: |input| {
        let text = String::from_utf8_lossy(input);
        for masking in [Masking::Likely, Masking::Environment] {
            let mut masker = Masker::new(masking);
            let masked = masker.text(&text);
            assert!(masker.masked() > 0 || masked == text);
            assert!(masked.len() <= text.len() + masker.masked() * MASKED.len());
            if let Ok(mut value) = serde_json::from_str::<Value>(&text) {
                let mut masker = Masker::new(masking);
                let before = value.clone();
                masker.json(&mut value);
                assert!(masker.masked() > 0 || value == before);
            }
        }
        assert_eq!(Masker::new(Masking::Nothing).text(&text), text);
        Masker::new(Masking::Likely).named("DB_PASSWORD", &text);
    },
    files: &["config.json", "runc-1.1-hooks.json"],
    examples: &[
        b"{\"env\":[\"DB_PASSWORD=x\",\"A={\\\"apiKey\\\":\\\"y\\\"}\"],\"args\":[\"--token\",\"z\"]}",
        b"https://user:password@host/ Authorization: Bearer abc\ntoken='a b' x=y",
        b"{\"name\":\"API_KEY\",\"value\":\"-----BEGIN PRIVATE KEY-----",
    ],
};
