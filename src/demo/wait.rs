//! Waiting, with a deadline and a name.

use std::io;
use std::time::{Duration, Instant};

/// Between two looks at a condition.
const STEP: Duration = Duration::from_millis(5);

/// Lets time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "the lab's processes have no engine, and waiting is what they do"
)]
pub(super) fn nap(time: Duration) {
    std::thread::sleep(time);
}

/// Looks until `done` says so; `what` names what did not happen in time.
pub(super) fn until(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> io::Result<bool>,
) -> io::Result<()> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() >= limit {
            let text = format!("{what}: not within {} s", limit.as_secs_f32());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        nap(STEP);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_deadline_and_says_what_for() {
        let error = until("freeze web", Duration::ZERO, || Ok(false)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("freeze web"));
    }
}
