//! The fuzzer: libFuzzer over the target that `OCITOP_FUZZ` names. `tests/fuzz/run` starts it.
#![no_main]

#[path = "targets.rs"]
mod targets;

use std::path::Path;
use std::sync::OnceLock;

use targets::{TARGETS, Target};

static TARGET: OnceLock<&Target> = OnceLock::new();

/// Finds the target, and lays its seeds where `OCITOP_FUZZ_SEEDS` says.
fn choose() {
    let name = std::env::var("OCITOP_FUZZ").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name);
    let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let target = target.unwrap_or_else(|| panic!("OCITOP_FUZZ is none of {}", known.join(" ")));
    if let Some(dir) = std::env::var_os("OCITOP_FUZZ_SEEDS") {
        for (number, seed) in target.seeds().into_iter().enumerate() {
            std::fs::write(Path::new(&dir).join(format!("seed-{number}")), seed).unwrap();
        }
    }
    TARGET.set(target).ok().unwrap();
}

libfuzzer_sys::fuzz_target!(init: choose(), |input: &[u8]| (TARGET.get().unwrap().run)(input));
