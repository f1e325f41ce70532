//! The group under the cursor, by domain.

use std::fmt::Write as _;

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::inventory::rdt::RdtGroups;
use crate::resctrl::{MonDomain, ResctrlGroup, Setting, Settings};
use crate::tui::measure::{self, left, right, scrolled, width, wrap};
use crate::tui::model::Model;
use crate::tui::view::layout::Class;

use super::{table, words};

/// All lines about it; the first names it.
pub(super) fn lines(model: &Model, groups: &RdtGroups, inside: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(inside.width);
    let found = groups.rows().nth(model.rdt.index());
    let Some((group, owners)) = found else {
        return Vec::new();
    };
    let mut title = format!("{}: {}", group.name, words::kind(&group.name, owners));
    if Class::of(model.size) == Class::Small {
        return small(model, group, &title, columns);
    }
    if let Some(tasks) = &group.tasks {
        write!(title, "   tasks {}", tasks.len()).ok();
    }
    if let Some(mode) = &group.mode {
        write!(title, "   mode {mode}").ok();
    }
    if let Some(cpus) = &group.cpus {
        let cpus = if cpus.is_empty() { "none" } else { cpus };
        write!(title, "   cpus {cpus}").ok();
    }
    let strong = model.look.strong();
    let mut out: Vec<Line<'static>> = wrap(&title, columns)
        .into_iter()
        .map(|text| Line::styled(text, strong))
        .collect();
    out.extend(
        domains(model, groups, group, columns)
            .into_iter()
            .map(Line::raw),
    );
    let others = shared_with(group);
    let rest = others.into_iter().chain(other_lines(groups, group));
    out.extend(rest.flat_map(|text| wrap(&text, columns)).map(Line::raw));
    out
}

/// One line that the arrow keys move through, and the rest if there is room.
fn small(model: &Model, group: &ResctrlGroup, title: &str, columns: usize) -> Vec<Line<'static>> {
    let schemata = group.schemata.as_ref().map(ToString::to_string);
    let schemata = schemata.unwrap_or_default().replace('\n', " ");
    let first = match schemata.trim() {
        "" => title.to_owned(),
        schemata => format!("{schemata}  {title}"),
    };
    let over = (width(&first) + 1).saturating_sub(columns);
    let first = scrolled(&first, model.list.sideways.min(over));
    let rest = wrap(title, columns).into_iter().map(Line::raw);
    let first = Line::styled(measure::left(&first, columns), model.look.strong());
    std::iter::once(first).chain(rest).collect()
}

/// The level whose domains are those of monitoring and bandwidth: another one's settings are
/// listed apart, as its ids mean other caches.
fn is_other(groups: &RdtGroups, resource: &str) -> bool {
    groups.overview.survey.info.level() == Some("L3") && resource.starts_with("L2")
}

/// Settings and values of each domain.
fn domains(model: &Model, groups: &RdtGroups, group: &ResctrlGroup, columns: usize) -> Vec<String> {
    let mut ids: Vec<u32> = group.domains.iter().map(|domain| domain.id).collect();
    for (resource, settings) in group.schemata.iter().flat_map(|schemata| &schemata.lines) {
        if let Settings::Domains(domains) = settings
            && !is_other(groups, resource)
        {
            ids.extend(domains.iter().map(|(id, _)| *id));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    let mut lines = Vec::new();
    for id in ids {
        let values = group.domains.iter().find(|domain| domain.id == id);
        let allowed = group.allowed("L3", Some(id));
        let counted = values.map_or_else(String::new, |values| measured(values, allowed));
        // The bars are what can be done without: the masks say the same.
        let [bars, plain] = [true, false].map(|bars| settings(model, groups, group, id, bars));
        lines.extend(fitting(id, [bars, plain], counted, columns));
        for node in values.into_iter().flat_map(|domain| &domain.nodes) {
            lines.push(format!(
                "     node {} {}",
                left(&node.id.to_string(), 3),
                measured(node, None)
            ));
        }
    }
    lines
}

/// A domain on one line if it fits, with bars or without them, else on several.
fn fitting(id: u32, settings: [String; 2], measured: String, columns: usize) -> Vec<String> {
    let lead = format!("{} ", right(&id.to_string(), 4));
    let fits = |settings: &String| {
        let line = format!("{lead}{settings}{measured}");
        (width(line.trim_end()) <= columns).then_some(line)
    };
    if let Some(line) = settings.iter().find_map(fits) {
        return vec![line];
    }
    let [_, plain] = settings;
    let room = columns.saturating_sub(lead.len());
    let parts = [plain, measured].into_iter();
    let parts = parts.flat_map(|text| wrap(text.trim_end(), room));
    let leads = std::iter::once(lead).chain(std::iter::repeat(" ".repeat(5)));
    leads.zip(parts).map(|(lead, part)| lead + &part).collect()
}

fn settings(
    model: &Model,
    groups: &RdtGroups,
    group: &ResctrlGroup,
    id: u32,
    bars: bool,
) -> String {
    let info = &groups.overview.survey.info;
    let level = info.level().unwrap_or_default();
    let whole = info.cache(level).and_then(|cache| cache.cbm_mask);
    let overlap = group.overlaps.iter().find(|overlap| overlap.domain == id);
    let mut text = String::new();
    for (resource, settings) in group.schemata.iter().flat_map(|schemata| &schemata.lines) {
        let Settings::Domains(domains) = settings else {
            continue;
        };
        let Some((_, setting)) = domains.iter().find(|(known, _)| *known == id) else {
            continue;
        };
        if is_other(groups, resource) {
            continue;
        }
        match setting {
            Setting::Mask(mask) if bars => {
                let bar = table::bar(model.look, whole, *mask, overlap);
                write!(text, "{resource} {bar} {mask}").ok();
            }
            other @ (Setting::Mask(_) | Setting::Number(_) | Setting::Word(_)) => {
                write!(text, "{resource} {other}").ok();
            }
        }
        text.push_str("  ");
    }
    text
}

fn measured(values: &MonDomain, allowed: Option<u64>) -> String {
    let mut llc = words::gauge(values.llc_occupancy.as_ref());
    if let Some(most) = allowed {
        write!(llc, " of {}", measure::bytes(most)).ok();
    }
    let rate = |counter| words::per_second(words::counted(counter));
    format!(
        "LLC {llc}  MBM total {} local {}",
        rate(values.mbm_total.as_ref()),
        rate(values.mbm_local.as_ref()),
    )
}

/// The groups that may fill some of its ways as well.
fn shared_with(group: &ResctrlGroup) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for name in group.overlaps.iter().flat_map(|overlap| &overlap.with) {
        let name = name.label();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| format!("shares ways with {}", names.join(", ")))
}

/// What the lines of the domains leave out: another level of cache, and words for a whole resource.
fn other_lines(groups: &RdtGroups, group: &ResctrlGroup) -> Vec<String> {
    let lines = group.schemata.iter().flat_map(|schemata| &schemata.lines);
    let text = |(resource, settings): &(String, Settings)| match settings {
        Settings::Word(word) => Some(format!("{resource} {word}")),
        Settings::Domains(domains) if is_other(groups, resource) => {
            let each: Vec<String> = domains
                .iter()
                .map(|(id, value)| format!("{id}={value}"))
                .collect();
            Some(format!("{resource} {}", each.join(" ")))
        }
        Settings::Domains(_) => None,
    };
    lines.filter_map(text).collect()
}
