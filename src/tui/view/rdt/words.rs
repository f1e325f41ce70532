//! resctrl in words: what the host offers, what a container has of it.

use std::fmt::Write as _;

use ratatui::text::Line;

use crate::inventory::Container;
use crate::inventory::rdt::{GroupKind, GroupOwners, RdtGroups, RdtView};
use crate::inventory::series::SeriesId;
use crate::inventory::usage::{RdtUsage, RdtValue};
use crate::oci::ContainerKey;
use crate::resctrl::{
    Bandwidth, Counter, GroupName, InUse, Info, MonValue, ResctrlGroup, Setting, Settings, Survey,
};
use crate::text::visible_path;
use crate::tui::measure::{self, wrap};
use crate::tui::model::Model;
use crate::tui::theme::TerminalLook;
use crate::tui::view::chart::spark;

/// Names of containers that are written out; more are counted.
const NAMED: usize = 4;

/// CLOSIDs and RMIDs in use of how many.
pub(super) fn taken(survey: &Survey, small: bool) -> String {
    let one = |name: &str, ids: InUse| match (ids.of, small) {
        (None, _) => format!("{name} -"),
        (Some(of), true) => format!("{name} {}/{of}", ids.used),
        (Some(of), false) => format!("{name} in use {} of {of}", ids.used),
    };
    let gap = if small { " " } else { "   " };
    let (closids, rmids) = (one("CLOSIDs", survey.closids), one("RMIDs", survey.rmids));
    format!("{closids}{gap}{rmids}")
}

/// Caches and bandwidths that can be given out.
pub(super) fn offers(info: &Info) -> String {
    let mut parts = Vec::new();
    for cache in &info.caches {
        let mut text = cache.resource.clone();
        if let Some(mask) = cache.cbm_mask {
            write!(text, " {} ways {mask}", mask.len()).ok();
        }
        if let Some(least) = cache.min_cbm_bits {
            write!(text, " least {least}").ok();
        }
        if let Some(shared) = cache.shareable_bits.filter(|mask| !mask.is_empty()) {
            write!(text, " with hardware {shared}").ok();
        }
        parts.push(text);
    }
    parts.extend(info.bandwidths.iter().map(bandwidth));
    match parts.join("   ") {
        none if none.is_empty() => "nothing can be given out: monitoring only".to_owned(),
        some => some,
    }
}

fn bandwidth(rate: &Bandwidth) -> String {
    let mut text = rate.resource.clone();
    if let Some(least) = rate.min_bandwidth {
        write!(text, " least {least}").ok();
    }
    if let Some(step) = rate.bandwidth_gran {
        write!(text, " step {step}").ok();
    }
    if rate.delay_linear == Some(false) {
        text.push_str(" not linear");
    }
    text
}

/// What is counted, and what the last command to resctrl came to if it failed.
pub(super) fn counts(info: &Info) -> String {
    let events = info
        .monitoring
        .as_ref()
        .map(|found| found.mon_features.join(" "));
    let mut text = match events {
        Some(events) if !events.is_empty() => format!("counts {events}"),
        _ => "counts nothing".to_owned(),
    };
    if let Some(status) = info
        .last_cmd_status
        .as_ref()
        .filter(|status| *status != "ok")
    {
        write!(text, "   last command: {status}").ok();
    }
    text
}

/// What the glyphs of the bars mean.
pub(super) fn legend(look: TerminalLook, level: &str, columns: usize) -> String {
    let [own, shared, hardware, both, none] = look.ways();
    if columns < 100 {
        return format!(
            "{level} {own} own {shared} another group's too {hardware} hardware's too {both} both \
             {none} not its own"
        );
    }
    format!(
        "{level} ways: {own} its own  {shared} another group's too  {hardware} other hardware's \
         too  {both} both  {none} not in its mask  ~ domains differ"
    )
}

/// What a group is, and whose.
pub(super) fn kind(name: &GroupName, owners: &GroupOwners) -> String {
    let containers = names(&owners.containers);
    match (owners.kind, owners.containers.len()) {
        (GroupKind::Default, 0) => "the default group".to_owned(),
        (GroupKind::Default, 1) => format!("the default group, {containers} in it"),
        (GroupKind::Default, count) => format!("the default group, {count} containers in it"),
        (GroupKind::Container, _) => format!("made for {containers}"),
        (GroupKind::Class, 0) => "class without a container".to_owned(),
        (GroupKind::Class, _) => format!("class of {containers}"),
        (GroupKind::Monitoring, 0) => format!("MON group in {}", name.above().label()),
        (GroupKind::Monitoring, _) => {
            format!("MON group in {} of {containers}", name.above().label())
        }
    }
}

fn names(keys: &[ContainerKey]) -> String {
    let mut names: Vec<String> = keys.iter().take(NAMED).map(ContainerKey::label).collect();
    if keys.len() > NAMED {
        names.push(format!("{} more", keys.len() - NAMED));
    }
    names.join(", ")
}

/// A value of `llc_occupancy`.
pub(super) fn gauge(value: Option<&MonValue>) -> String {
    match value {
        None => "-".to_owned(),
        Some(MonValue::Bytes(bytes)) => measure::bytes(*bytes),
        Some(MonValue::Word(word)) => word.clone(),
    }
}

/// A counter's rate, or its word.
pub(super) fn counted(counter: Option<&Counter>) -> String {
    match counter {
        Some(Counter {
            value: MonValue::Word(word),
            ..
        }) => word.clone(),
        Some(Counter {
            rate: Some(rate), ..
        }) => measure::rate(*rate),
        _ => "-".to_owned(),
    }
}

/// A sum over domains.
pub(super) fn sum(value: &RdtValue) -> String {
    match value {
        RdtValue::None => "-".to_owned(),
        RdtValue::Value(value) => measure::rate(*value),
        RdtValue::Word(word) => word.clone(),
    }
}

/// The rate with its unit; a word has none.
pub(super) fn per_second(text: String) -> String {
    match text.bytes().next() {
        Some(b'0'..=b'9') => format!("{text}/s"),
        _ => text,
    }
}

/// What a bandwidth is set to: one value, or the span of the domains.
pub(super) fn throttle(group: &ResctrlGroup, resource: &str) -> Option<String> {
    let schemata = group.schemata.as_ref()?;
    let (_, settings) = schemata.lines.iter().find(|(name, _)| name == resource)?;
    let domains = match settings {
        Settings::Word(word) => return Some(word.clone()),
        Settings::Domains(domains) => domains,
    };
    let numbers = domains.iter().filter_map(|(_, setting)| match setting {
        Setting::Number(value) => Some(*value),
        Setting::Mask(_) | Setting::Word(_) => None,
    });
    let (least, most) = (numbers.clone().min(), numbers.max());
    match (least, most) {
        (Some(least), Some(most)) if least != most => Some(format!("{least}-{most}")),
        (Some(least), _) => Some(least.to_string()),
        _ => domains.first().map(|(_, setting)| setting.to_string()),
    }
}

/// `MB 50`, `MB 2048  SMBA 16`.
fn throttles(groups: &RdtGroups, group: &ResctrlGroup) -> String {
    let info = &groups.overview.survey.info;
    let one = |rate: &Bandwidth| {
        let value = throttle(group, &rate.resource)?;
        Some(format!("  {} {value}", rate.resource))
    };
    info.bandwidths.iter().filter_map(one).collect()
}

/// Its CTRL_MON group, who else is in it, and its own MON group.
fn clos(groups: &RdtGroups, container: &Container, usage: &RdtUsage) -> (String, Option<usize>) {
    let default = usage.control.is_empty();
    let control = if default { "(default)" } else { &usage.control };
    let mut rows = groups.rows().enumerate();
    let found = rows
        .find(|(_, (group, _))| group.name.monitoring.is_none() && group.name.label() == control);
    let Some((at, (_, owners))) = found else {
        return (control.to_owned(), None);
    };
    let remark = match (owners.kind, owners.containers.len()) {
        (_, count @ 2..) => format!("shared by {count}"),
        (GroupKind::Container, _) => "made for it".to_owned(),
        (GroupKind::Default, _) => "no group of its own".to_owned(),
        _ => "class, it alone".to_owned(),
    };
    let mut text = format!("CLOS {control} ({remark})");
    match usage.monitoring.as_deref() {
        None => {}
        Some(name) if name == container.key.label() => text.push_str("  own MON group"),
        Some(name) => {
            write!(text, "  MON group {name}").ok();
        }
    }
    (text, Some(at))
}

/// The lines of a pane about a container's share of resctrl, none wider than `columns`: its groups,
/// ways and cache, bandwidth. What is not there is said, so there is always a line.
pub(crate) fn usage_lines(
    model: &Model,
    container: &Container,
    columns: usize,
) -> Vec<Line<'static>> {
    let mut texts = Vec::new();
    if let Some(silent) = model.rdt.silent(model.now.uptime) {
        texts.push(format!("not answering for {} s", silent.as_secs()));
    }
    let groups = model.rdt.fresh(model.now.uptime);
    let usage = groups.and_then(|groups| Some((groups, groups.usage.get(&container.key)?)));
    match (usage, model.rdt.seen()) {
        (Some((groups, usage)), _) => texts.extend(shares(groups, container, usage)),
        (None, Some(RdtView::NotMounted)) => texts.push("resctrl is not mounted".to_owned()),
        (None, Some(RdtView::Unsupported)) => texts.push("this host has no resctrl".to_owned()),
        (None, Some(RdtView::Failed(why))) => texts.push(why.clone()),
        _ if !container.rdt.is_empty() => {
            texts.extend(container.rdt.iter().map(|dir| visible_path(dir)));
        }
        _ => texts.push(match model.snapshot() {
            Some(snapshot) if !snapshot.host.resctrl => "no resctrl is mounted".to_owned(),
            _ => "no resctrl group of its own".to_owned(),
        }),
    }
    let lines = texts.iter().flat_map(|text| wrap(text, columns));
    let mut lines: Vec<Line<'static>> = lines.map(Line::raw).collect();
    lines.extend(lately(model, container, columns));
    lines
}

/// Cache and bandwidth over the span that charts show.
fn lately(model: &Model, container: &Container, columns: usize) -> Vec<Line<'static>> {
    const NAME: usize = 11;
    let history = model.rdt.history(&container.key);
    let line = |(name, metric): (&str, SeriesId)| {
        let window = history?.window(metric, model.span.duration(), model.now.uptime);
        let top = window.summary()?.max;
        let room = columns.checked_sub(NAME + 8)?;
        let spark = spark(&window.samples, top, model.look, room.min(40));
        Some(Line::raw(format!("{}{spark}", measure::left(name, NAME))))
    };
    let metrics = [
        ("LLC", SeriesId::Llc),
        ("MBM total", SeriesId::MbmTotal),
        ("MBM local", SeriesId::MbmLocal),
    ];
    metrics.into_iter().filter_map(line).collect()
}

fn shares(groups: &RdtGroups, container: &Container, usage: &RdtUsage) -> Vec<String> {
    let (mut clos, at) = clos(groups, container, usage);
    let group = at.and_then(|at| groups.overview.groups.get(at));
    let Some(group) = group else {
        return vec![clos];
    };
    if let Some(mode) = &group.mode {
        write!(clos, "  mode {mode}").ok();
    }
    let info = &groups.overview.survey.info;
    let level = info.level();
    let mut cache = String::new();
    if let Some(level) = level {
        write!(cache, "{level} {}  ", masks(info, group, level)).ok();
    }
    write!(cache, "LLC {}", sum(&usage.llc)).ok();
    let allowed = level
        .filter(|level| *level == "L3")
        .and_then(|level| group.allowed(level, None));
    if let Some(bytes) = allowed {
        write!(cache, " of {}", measure::bytes(bytes)).ok();
    }
    let mut rate = format!(
        "MBM total {}  local {}",
        per_second(sum(&usage.mbm_total)),
        per_second(sum(&usage.mbm_local)),
    );
    rate.push_str(&throttles(groups, group));
    vec![clos, cache, rate]
}

/// `mask ff0 (8 of 12 ways)`, or `masks 0=ff0 1=f00` where domains differ.
fn masks(info: &Info, group: &ResctrlGroup, level: &str) -> String {
    let masks = group
        .schemata
        .as_ref()
        .map(|schemata| schemata.masks(level));
    let masks = masks.unwrap_or_default();
    let Some((_, first)) = masks.first() else {
        return "-".to_owned();
    };
    if masks.iter().any(|(_, mask)| mask != first) {
        let each: Vec<String> = masks
            .iter()
            .map(|(id, mask)| format!("{id}={mask}"))
            .collect();
        return format!("masks {}", each.join(" "));
    }
    let whole = info.cache(level).and_then(|cache| cache.cbm_mask);
    let of = whole.map_or_else(String::new, |whole| format!(" of {}", whole.ways()));
    format!("mask {first} ({}{of} ways)", first.ways())
}
