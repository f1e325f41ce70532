//! What is known about the selected container.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::cgroup::Limit;
use crate::inventory::Container;
use crate::inventory::manager::Request;
use crate::text::secrets::{Masker, Masking};
use crate::text::{safe, visible, visible_path};
use crate::tui::measure::{self, left, wrap};
use crate::tui::model::Model;
use crate::tui::place::Pane;
use crate::tui::standing;

use super::containers::state_word;
use super::layout::Panes;

/// Columns of the names at the left.
const NAME: usize = 11;

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, panes: &Panes) {
    let title = model
        .selected()
        .map_or_else(|| "details".to_owned(), |c| c.key.label());
    let inside = super::framed(frame, area, model, panes, Pane::Details, &title);
    let Some(container) = model.selected() else {
        return;
    };
    let lines = lines(model, container, inside.width);
    let last = lines.len().saturating_sub(usize::from(inside.height));
    let skip = model.detail_scroll.min(last);
    let shown: Vec<Line<'_>> = lines.into_iter().skip(skip).collect();
    frame.render_widget(Paragraph::new(shown), inside);
}

/// Lines that the pane has at its present width.
pub(crate) fn len(model: &Model) -> usize {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let panes = super::layout::panes(model, area);
    let width = panes
        .details
        .map_or(0, |pane| super::layout::inside(&panes, pane).width);
    model
        .selected()
        .map_or(0, |container| lines(model, container, width).len())
}

fn lines(model: &Model, container: &Container, columns: u16) -> Vec<Line<'static>> {
    let room = usize::from(columns).saturating_sub(NAME).max(8);
    let bad = troubles(model, container).into_iter();
    let bad = bad.map(|(name, value)| (name, value, model.look.bad()));
    let plain = facts(model, container).into_iter();
    let plain = plain.map(|(name, value)| (name.to_owned(), value, Style::new()));
    let mut out = Vec::new();
    for (name, value, style) in bad.chain(plain) {
        for (at, part) in wrap(&value, room).into_iter().enumerate() {
            let name = if at == 0 { &*name } else { "" };
            out.push(Line::from(vec![
                Span::styled(left(name, NAME), model.look.dim()),
                Span::styled(part, style),
            ]));
        }
    }
    out
}

/// What is wrong with it, in words: the gravest first. Not to have been looked at is no good sign.
fn troubles(model: &Model, container: &Container) -> Vec<(String, String)> {
    let mut all = Vec::new();
    all.extend(container.silent.map(|silent| {
        let time = measure::lasting(silent);
        let text =
            format!("its state root is not answering for {time}; all else is as it was then");
        ("Silent".to_owned(), text)
    }));
    let issues = standing::issues(container, &model.deeds).into_iter();
    all.extend(issues.map(|issue| (issue.state(), issue.reason(model.now.wall))));
    all.extend(
        container
            .problem
            .as_ref()
            .map(|problem| ("Problem".to_owned(), safe(problem))),
    );
    let unlooked = container.attention.as_ref().and_then(|some| some.unlooked);
    all.extend(unlooked.map(|why| ("Unseen".to_owned(), why.words().to_owned())));
    all
}

/// What matters most comes first: small panes show only the start.
fn facts(model: &Model, container: &Container) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Status", status(model, container))];
    if let Some(managed) = &container.manager {
        let way = managed.way(Request::Remove);
        let way = way.map(|way| format!("; its own way: {way}"));
        let text = format!(
            "{} manages it and may restart it{}",
            managed.engine,
            way.unwrap_or_default()
        );
        facts.push(("Owner", text));
    }
    facts.push(("Init", init(model, container)));
    facts.push(("Limits", limits(container)));
    facts.push(("Usage", usage(container)));
    facts.push(("State root", visible_path(container.key.root())));
    facts.push(("Id", container.key.label()));
    facts.extend(
        container
            .bundle
            .as_deref()
            .map(|path| ("Bundle", visible_path(path))),
    );
    facts.extend(
        container
            .rootfs
            .as_deref()
            .map(|path| ("Rootfs", visible_path(path))),
    );
    let groups = container.cgroups.iter();
    facts.extend(groups.map(|group| {
        (
            "Cgroup",
            format!(
                "{} ({})",
                visible_path(&group.dir),
                visible(&group.hierarchy)
            ),
        )
    }));
    if container.cgroups.is_empty() {
        facts.push(("Cgroup", "-".to_owned()));
    }
    facts.extend(rdt(model, container).map(|text| ("RDT", text)));
    facts.extend(container.rdt.iter().map(|dir| ("RDT", visible_path(dir))));
    if let Some(created) = &container.created {
        facts.push(("Created", visible(&created.0)));
    }
    facts.push(("User", visible(&container.owner)));
    let notes = container.annotations.iter();
    let mut masker = Masker::new(Masking::Likely);
    facts.extend(notes.map(|(name, value)| {
        let value = visible(&masker.named(name, value));
        ("Annotation", format!("{} = {value}", visible(name)))
    }));
    facts
}

/// What it has of resctrl, once that is known.
fn rdt(model: &Model, container: &Container) -> impl Iterator<Item = String> {
    let groups = model.rdt.fresh(model.now.uptime);
    let known = groups.is_some_and(|groups| groups.usage.contains_key(&container.key));
    let lines = known.then(|| super::rdt::usage_lines(model, container, usize::MAX));
    let lines = lines.into_iter().flatten();
    lines.map(|line| line.to_string())
}

fn status(model: &Model, container: &Container) -> String {
    let runtime = container
        .runtime
        .map_or_else(|| "unknown runtime".to_owned(), |rt| rt.to_string());
    let version = container.oci_version.as_deref().map(visible);
    let version = version
        .map(|version| format!(", spec {version}"))
        .unwrap_or_default();
    let state = match container.silent {
        Some(_) if !model.jobs.contains_key(&container.key) => {
            format!("was {}", container.condition)
        }
        // What needs a person is told above.
        _ if standing::headline(container, &model.deeds).is_some()
            && !model.jobs.contains_key(&container.key) =>
        {
            container.condition.to_string()
        }
        _ => state_word(model, container),
    };
    let mut text = format!("{state}   {runtime}{version}");
    if let Some(running) = model.jobs.get(&container.key) {
        write!(text, "   {}", job_words(model, running)).ok();
    }
    text
}

/// A job under way: verb, step and time.
pub(crate) fn job_words(model: &Model, running: &crate::tui::model::Running) -> String {
    let step = running.step.map_or_else(String::new, |(number, word)| {
        format!(": step {number}/{} {word}", running.total)
    });
    let since = model.now.uptime.saturating_sub(running.since.uptime);
    format!("{}{step} {} s", running.job.verb(), since.as_secs())
}

/// Init's pid and age.
pub(crate) fn init(model: &Model, container: &Container) -> String {
    match (container.init, container.recorded_pid) {
        (Some(init), _) => format!(
            "pid {}, started {}",
            init.pid,
            started(model, init.start_time)
        ),
        (None, Some(pid)) => format!("none alive (state file names pid {pid})"),
        (None, None) => "none".to_owned(),
    }
}

/// How long ago a process started, from its start time in clock ticks since boot.
fn started(model: &Model, start_time: u64) -> String {
    let age = model.snapshot().and_then(|snapshot| {
        let since_boot = start_time.checked_div(snapshot.host.ticks)?;
        let at = snapshot
            .host
            .boot
            .checked_add(i64::try_from(since_boot).ok()?)?;
        u64::try_from(snapshot.taken.as_second().checked_sub(at)?).ok()
    });
    age.map_or_else(
        || format!("at tick {start_time}"),
        |seconds| {
            format!(
                "{} ago",
                measure::age(std::time::Duration::from_secs(seconds))
            )
        },
    )
}

fn shown(limit: Option<Limit>, show: impl Fn(u64) -> String) -> String {
    match limit {
        None => "-".to_owned(),
        Some(Limit::Max) => "none".to_owned(),
        Some(Limit::At(value)) => show(value),
    }
}

fn limits(container: &Container) -> String {
    let usage = &container.usage;
    format!(
        "cpu {}  mem {}  pids {}",
        shown(usage.cpu_limit, |millionths| format!(
            "{:.2}",
            millionths as f64 / 1e6
        )),
        shown(usage.memory_limit, measure::bytes),
        shown(usage.pids_limit, |value| value.to_string()),
    )
}

fn usage(container: &Container) -> String {
    let usage = &container.usage;
    let number =
        |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let size = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), measure::bytes);
    let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), measure::rate);
    format!(
        "mem {} (with cache {})  oom kills {}  tasks {}  io r {} w {}",
        size(usage.working_set),
        size(usage.memory),
        number(usage.oom_kills),
        number(usage.pids),
        rate(usage.io_read),
        rate(usage.io_write),
    )
}
