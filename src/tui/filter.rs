//! The filter of the list: words, `!word`, `field:word`, and `cpu>50`, `mem>80%`, `pids>=10`.
//!
//! All terms must hold. Parsing is total: what is no field term is a word to look for, so nothing
//! that can be typed is an error.

use crate::inventory::{Container, Manager};
use crate::oci::Status;

use super::deeds::Deeds;
use super::history::HistoryEntry;
use super::measure;
use super::standing::{self, Issue};

/// A parsed filter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Word(String),
    Field(Field, String),
    Compare(FilterMetric, Comparison, Amount),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    State,
    Runtime,
    Owner,
    Root,
    Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilterMetric {
    Cpu,
    Memory,
    Pids,
    Io,
    Throttled,
    OomKills,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    Plain(f64),
    /// Of the limit.
    Percent(f64),
}

impl Filter {
    pub(crate) fn parse(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(term).collect();
        Self { terms }
    }

    /// Whether it compares block IO.
    pub(crate) fn is_about_io(&self) -> bool {
        self.compares(FilterMetric::Io)
    }

    /// Whether it compares how much the CPU quota throttled.
    pub(crate) fn is_about_throttling(&self) -> bool {
        self.compares(FilterMetric::Throttled)
    }

    fn compares(&self, metric: FilterMetric) -> bool {
        let of = |term: &Term| matches!(term.test, Test::Compare(of, ..) if of == metric);
        self.terms.iter().any(of)
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(crate) fn matches(&self, container: &Container, deeds: &Deeds) -> bool {
        self.terms
            .iter()
            .all(|term| term.test.holds(container, deeds) != term.negated)
    }

    /// Whether it lets a line of the past through. The container may be gone, so only words and
    /// fields that the line itself answers can hold.
    pub(crate) fn matches_past(&self, past: HistoryEntry<'_>) -> bool {
        self.terms
            .iter()
            .all(|term| term.test.holds_for(past) != term.negated)
    }
}

fn term(word: &str) -> Option<Term> {
    let (negated, word) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    // A `!` alone is the start of a term that is still being typed.
    if word.is_empty() {
        return None;
    }
    let test = field(word)
        .or_else(|| comparison(word))
        .unwrap_or_else(|| Test::Word(word.to_lowercase()));
    Some(Term { negated, test })
}

fn field(word: &str) -> Option<Test> {
    let (name, value) = word.split_once(':')?;
    let field = match name.to_lowercase().as_str() {
        "state" | "status" => Field::State,
        "rt" | "runtime" => Field::Runtime,
        "owner" | "manager" => Field::Owner,
        "root" => Field::Root,
        "id" | "name" => Field::Id,
        _ => return None,
    };
    Some(Test::Field(field, value.to_lowercase()))
}

fn comparison(word: &str) -> Option<Test> {
    let at = word.find(['<', '>'])?;
    let (name, rest) = word.split_at(at);
    let metric = match name.to_lowercase().as_str() {
        "cpu" => FilterMetric::Cpu,
        "mem" | "memory" => FilterMetric::Memory,
        "pids" => FilterMetric::Pids,
        "io" => FilterMetric::Io,
        "thr" | "throttled" => FilterMetric::Throttled,
        "oom" => FilterMetric::OomKills,
        _ => return None,
    };
    let (order, number) = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::More),
        ("<", Comparison::Less),
    ]
    .into_iter()
    .find_map(|(sign, order)| Some((order, rest.strip_prefix(sign)?)))?;
    Some(Test::Compare(metric, order, amount(number)?))
}

fn amount(text: &str) -> Option<Amount> {
    if let Some(percent) = text.strip_suffix('%') {
        return finite(percent).map(Amount::Percent);
    }
    let factor = match text.chars().last()?.to_ascii_lowercase() {
        'k' => 1024.0,
        'm' => 1024.0 * 1024.0,
        'g' => 1024.0 * 1024.0 * 1024.0,
        't' => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return finite(text).map(Amount::Plain),
    };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    finite(number).map(|value| Amount::Plain(value * factor))
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

impl Test {
    fn holds(&self, container: &Container, deeds: &Deeds) -> bool {
        match self {
            Self::Word(word) => {
                let texts = [Field::Id, Field::State, Field::Runtime, Field::Owner];
                texts
                    .into_iter()
                    .any(|field| field.text(container).contains(word))
                    || container
                        .problem
                        .as_ref()
                        .is_some_and(|p| p.to_lowercase().contains(word))
                    || has_issue(container, deeds, word)
            }
            Self::Field(Field::State, value) => {
                field_is(Field::State, container, value) || has_issue(container, deeds, value)
            }
            Self::Field(field, value) => field_is(*field, container, value),
            Self::Compare(metric, order, amount) => metric
                .value(container, *amount)
                .is_some_and(|(value, bound)| order.holds(value, bound)),
        }
    }

    fn holds_for(&self, past: HistoryEntry<'_>) -> bool {
        let id = || past.key().label().to_lowercase();
        let what = || past.words(false).to_lowercase();
        match self {
            Self::Word(word) => {
                let reason = || past.reason().unwrap_or_default().to_lowercase();
                id().contains(word) || what().contains(word) || reason().contains(word)
            }
            Self::Field(Field::Id, value) => id().contains(value),
            Self::Field(Field::State, value) => what().contains(value),
            Self::Field(Field::Root, value) => {
                let root = crate::text::visible_path(past.key().root());
                root.to_lowercase().contains(value)
            }
            Self::Field(..) | Self::Compare(..) => false,
        }
    }
}

fn field_is(field: Field, container: &Container, value: &str) -> bool {
    field.text(container).contains(value)
}

/// Whether one of the words for what needs a person begins like this. What is the beginning of a
/// status as well means the status: who looks for `stopped` does not want what a signal stopped.
fn has_issue(container: &Container, deeds: &Deeds, value: &str) -> bool {
    let is_status = Status::ALL
        .iter()
        .any(|status| status.as_str().starts_with(value));
    if value.is_empty() || is_status {
        return false;
    }
    let begins = |words: &[&str]| words.iter().any(|word| word.starts_with(value));
    if standing::needs_attention(container, deeds) && begins(&["attention"]) {
        return true;
    }
    standing::issues(container, deeds)
        .into_iter()
        .any(|issue| match issue {
            Issue::Failed(_) => begins(&["failed", "stuck"]),
            Issue::Trouble(trouble) if issue.holds() => begins(&[trouble.code(), "stuck"]),
            Issue::Trouble(trouble) => begins(&[trouble.code()]),
        })
}

impl Field {
    fn text(self, container: &Container) -> String {
        match self {
            Self::State if container.silent.is_some() => {
                format!("silent, not answering, was {}", container.condition)
            }
            Self::State => container.condition.as_str().to_owned(),
            Self::Runtime => container
                .runtime
                .map(|rt| rt.to_string())
                .unwrap_or_default(),
            Self::Owner => {
                let manager = container.engine().map(Manager::as_str).unwrap_or_default();
                format!("{manager} {}", container.owner.to_lowercase())
            }
            Self::Root => crate::text::visible_path(container.key.root()).to_lowercase(),
            Self::Id => container.key.label().to_lowercase(),
        }
    }
}

impl FilterMetric {
    /// The container's value and what it is compared with; `None` if either is not known.
    fn value(self, container: &Container, amount: Amount) -> Option<(f64, f64)> {
        let usage = &container.usage;
        let value = match self {
            Self::Cpu => usage.cpu?,
            Self::Memory => measure::memory(usage)? as f64,
            Self::Pids => usage.pids? as f64,
            Self::Io => usage.io_read? + usage.io_write?,
            Self::Throttled => usage.throttled?,
            Self::OomKills => usage.oom_kills? as f64,
        };
        let percent = match amount {
            Amount::Plain(bound) => return Some((value, bound)),
            Amount::Percent(percent) => percent,
        };
        match self {
            Self::Cpu | Self::Throttled => Some((value, percent)),
            Self::Memory => Some((value, part(usage.memory_limit?.value()?, percent))),
            Self::Pids => Some((value, part(usage.pids_limit?.value()?, percent))),
            Self::Io | Self::OomKills => None,
        }
    }
}

fn part(limit: u64, percent: f64) -> f64 {
    limit as f64 * percent / 100.0
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::More => value > bound,
            Self::AtLeast => value >= bound,
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn anything_typed_is_a_filter(text in "\\PC{0,40}") {
            let filter = Filter::parse(&text);
            prop_assert_eq!(filter.is_empty(), text.split_whitespace().all(|word| word == "!"));
        }
    }

    #[test]
    fn sizes_and_percentages_are_told_apart() {
        assert_eq!(amount("80%"), Some(Amount::Percent(80.0)));
        assert_eq!(amount("1.5G"), Some(Amount::Plain(1_610_612_736.0)));
        assert_eq!(amount("nan"), None);
        assert_eq!(amount("x"), None);
    }
}
