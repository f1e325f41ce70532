//! How long a test waits, and where it says that it does not run.

use std::fs;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Longest wait for anything that ought to happen at once, on a machine of ordinary speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How many times slower than that this machine is: `OCITOP_TEST_PATIENCE`.
pub(crate) fn slowness() -> u32 {
    let factor = std::env::var("OCITOP_TEST_PATIENCE").ok();
    factor.and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// A time limit, stretched for a slow machine.
pub(crate) fn patient(limit: Duration) -> Duration {
    limit * slowness()
}

pub(crate) fn patience() -> Duration {
    patient(PATIENCE)
}

/// A test that cannot run here: a line that libtest does not swallow, and a failure where skips
/// are not accepted.
pub(crate) fn skip(name: &str, reason: &str) {
    tell(&format!("SKIP {name}: {reason}\n"));
    let required = std::env::var("OCITOP_HOST_TESTS").is_ok_and(|value| value == "require");
    assert!(!required, "a skip is a failure here: {reason}");
}

/// A line on stderr that libtest does not swallow, and in the file of those that did not run.
pub(crate) fn tell(line: &str) {
    io::stderr().write_all(line.as_bytes()).unwrap();
    if let Some(file) = std::env::var_os("OCITOP_HOST_SKIPS") {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// What this kind of machine cannot show, and another can: no skip, but said where those are.
pub(crate) fn not_here(name: &str, why: &str) {
    tell(&format!("NOT HERE {name}: {why}\n"));
}

/// Whether the machine is the tests' own, so that they may change what all of it shares; says so if
/// it is not. `OCITOP_TEST_MACHINE=own`
pub(crate) fn may_change_the_machine(name: &str) -> bool {
    let own = std::env::var("OCITOP_TEST_MACHINE").is_ok_and(|machine| machine == "own");
    if !own {
        not_here(name, "it changes all of the machine: in a virtual one only");
    }
    own
}

/// Waits for a condition; fails naming it.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < patience(),
            "waited {:?} for: {what}",
            patience()
        );
        breathe();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two looks at the machine"
)]
pub(crate) fn breathe() {
    std::thread::sleep(Duration::from_millis(5));
}
