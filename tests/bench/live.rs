//! What live usage costs, and how soon the screen shows what happens, with N containers:
//! `cargo bench --bench live -- tick|screen|start|notice|keys|leftovers N`. README.md has the figures.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a bench: it prints what it measures, waits on its own clock, and ends where it cannot go on"
)]

#[path = "live/cost.rs"]
mod cost;
mod crowd;
#[path = "live/delay.rs"]
mod delay;
#[path = "live/leftovers.rs"]
mod leftovers;
#[path = "../tty/pty.rs"]
#[expect(dead_code, reason = "the tests of the terminal use the rest")]
mod pty;
#[path = "live/tick.rs"]
mod tick;

use std::sync::Arc;
use std::time::Duration;

use crowd::{End, Herd};
use pty::{Pty, Setup};

fn main() {
    // cargo bench passes its own flag on.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (what, count) = match words.as_slice() {
        // tick starts this one beside itself.
        ["read", list] => return tick::read(list),
        [what, count] => (*what, count.parse().ok()),
        [what] => (*what, Some(1000)),
        _ => ("", None),
    };
    let bench: fn(&Herd, usize) = match what {
        "tick" => tick::tick,
        "screen" => cost::screen,
        "start" => cost::start,
        "notice" => delay::notice,
        "keys" => delay::keys,
        "leftovers" => leftovers::scan,
        _ => return eprintln!("live tick|screen|start|notice|keys|leftovers N"),
    };
    let Some(count) = count else {
        return eprintln!("live: how many?");
    };
    let herd = Herd::new().unwrap();
    let end = End(Arc::clone(&herd));
    let theirs = Arc::downgrade(&herd);
    crowd::on_signal(move |signal| {
        if let Some(herd) = theirs.upgrade() {
            herd.clean();
        }
        std::process::exit(128 + signal);
    })
    .unwrap();
    bench(&end.0, count);
}

/// The screen on the herd, in the terminal that the goals are for.
fn open(herd: &Herd) -> Pty {
    let [runc, crun, youki] = herd.roots();
    let setup = Setup::real(runc).and_root(&crun).and_root(&youki);
    Pty::start(setup.sized(120, 40))
}

/// Sorts; gives back the median.
fn median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[values.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Prints the median of `times` and how they spread.
fn report(what: &str, mut times: Vec<Duration>, goal: f64) {
    if times.is_empty() {
        return println!("{what:<34} not measured");
    }
    let middle = median(&mut times);
    let tenth = times.len() / 10;
    println!(
        "{what:<34} {:>8.1} ms  (10 %: {:.1}, 90 %: {:.1}, {} rounds; goal {goal} ms)",
        ms(middle),
        ms(times[tenth]),
        ms(times[times.len() - 1 - tenth]),
        times.len(),
    );
}
