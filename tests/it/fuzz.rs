//! The targets of `tests/fuzz` without a fuzzer: the same seeds and the same words, changed so often,
//! always in the same way.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::catch_unwind;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use targets::{BETWEEN, TARGETS, Target};

/// How often each target is run; fewer where each round writes files.
const ROUNDS: u64 = 1_500;
const MACHINE_ROUNDS: u64 = 100;
/// No longer than this.
const CAP: usize = 16 << 10;
/// So long is a large input, which takes milliseconds where time grows as the input does, and minutes
/// where it grows faster.
const LARGE: usize = 128 << 10;
const LARGE_ROUNDS: u64 = 5;
const LARGE_WITHIN: Duration = Duration::from_secs(8);

/// splitmix64: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// The words of the dictionary.
fn dictionary() -> Vec<Vec<u8>> {
    let lines = include_str!("../fuzz/dictionary").lines();
    let quoted = lines.filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    let words: Vec<_> = quoted.map(unescaped).collect();
    assert!(words.len() > 100);
    words
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, left) = match (first, after) {
            (b'\\', [b'x', digits @ ..]) => {
                let (byte, left) = digits.split_at(2);
                let byte = std::str::from_utf8(byte).unwrap();
                (u8::from_str_radix(byte, 16).unwrap(), left)
            }
            (b'\\', [byte, left @ ..]) => (*byte, left),
            _ => (*first, after),
        };
        out.push(byte);
        rest = left;
    }
    out
}

/// Changes an input in one place.
fn change(input: &mut Vec<u8>, numbers: &mut Numbers, words: &[Vec<u8>], seeds: &[Vec<u8>]) {
    let at = numbers.below(input.len() + 1);
    let end = (at + 1 + numbers.below(8)).min(input.len());
    let far = (at + numbers.below(200)).min(input.len());
    match numbers.below(9) {
        0 => drop(input.splice(at..end, [numbers.next().to_le_bytes()[0]])),
        1 => drop(input.splice(at..at, numbers.of(words).clone())),
        2 => drop(input.splice(at..end, numbers.of(words).clone())),
        3 => drop(input.drain(at..far)),
        4 => input.truncate(at),
        5 => {
            let piece = input[at..far].repeat(1 + numbers.below(40));
            drop(input.splice(at..at, piece));
        }
        6 => {
            let other = numbers.of(seeds);
            drop(input.splice(at.., other[at.min(other.len())..].to_vec()));
        }
        7 => {
            // Another number in the place of one.
            let from = input[at..].iter().position(u8::is_ascii_digit);
            if let Some(from) = from.map(|from| at + from) {
                let digits = input[from..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit());
                let end = from + digits.count();
                drop(input.splice(from..end, numbers.of(words).clone()));
            }
        }
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
    }
    input.truncate(CAP);
}

/// Time of this thread alone: other tests run beside it.
fn spent() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

/// What failed in a target, and on what.
fn failure(target: &Target, input: &[u8]) -> Option<String> {
    let ended = catch_unwind(|| (target.run)(input));
    let shown = || input.escape_ascii().to_string();
    ended.err().map(|_| format!("{}: {}", target.name, shown()))
}

/// The first failure of a target over its seeds, nothing, and what is made of the seeds.
fn first_failure(target: &Target, number: u64, words: &[Vec<u8>]) -> Option<String> {
    let seeds = target.seeds();
    let mut numbers = Numbers(number);
    let rounds = match target.name {
        "machine" => MACHINE_ROUNDS,
        _ => ROUNDS,
    };
    let made = (0..rounds).map(|_| {
        let mut input = numbers.of(&seeds).clone();
        for _ in 0..=numbers.below(6) {
            change(&mut input, &mut numbers, words, &seeds);
        }
        input
    });
    let mut inputs = seeds.iter().cloned().chain([Vec::new()]).chain(made);
    inputs.find_map(|input| failure(target, &input))
}

#[test]
fn what_others_write_is_read_or_refused_whatever_it_is() {
    let words = dictionary();
    let mut failed = Vec::new();
    for (target, number) in TARGETS.iter().zip(0..) {
        failed.extend(first_failure(target, number, &words));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Whoever fills a file to its cap takes no more time than it takes to read.
#[test]
fn time_grows_as_the_input_does() {
    let words = dictionary();
    for (target, number) in TARGETS.iter().zip(0..) {
        let mut numbers = Numbers(number);
        let seeds = target.seeds();
        for round in 0..LARGE_ROUNDS {
            let piece = match round {
                0 => numbers.of(&seeds).clone(),
                1 => numbers.of(&seeds).iter().copied().take(12).collect(),
                count => (2..=count)
                    .flat_map(|_| numbers.of(&words).clone())
                    .collect(),
            };
            let mut input = piece.repeat(LARGE.div_ceil(piece.len()));
            input.retain(|byte| *byte != BETWEEN);
            let start = spent();
            let failed = failure(target, &input).map(|_| piece.escape_ascii().to_string());
            assert_eq!(failed, None, "{}", target.name);
            let took = spent().saturating_sub(start);
            let of = piece.escape_ascii();
            assert!(took < LARGE_WITHIN, "{} of {of}: {took:?}", target.name);
        }
    }
}
