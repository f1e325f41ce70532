//! The table of groups.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::inventory::rdt::{GroupKind, GroupOwners, RdtGroups, bandwidth, occupancy};
use crate::inventory::usage::RdtValue;
use crate::resctrl::{Cbm, Overlap, ResctrlGroup};
use crate::tui::measure::{self, left, right, scrolled, width};
use crate::tui::model::Model;
use crate::tui::theme::TerminalLook;

use super::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupColumn {
    Name,
    Kind,
    Tasks,
    Ways,
    Llc,
    Total,
    Local,
    Throttle,
    Mode,
}

/// What goes first when columns run short.
const DROPPED: [GroupColumn; 6] = [
    GroupColumn::Mode,
    GroupColumn::Local,
    GroupColumn::Kind,
    GroupColumn::Tasks,
    GroupColumn::Throttle,
    GroupColumn::Total,
];

/// Columns a name is kept at.
const NAME_LEAST: usize = 12;

/// The longest word in place of a number.
const WORD: usize = "Unavailable".len();

/// Ways that are drawn as a bar; longer masks are written.
const BAR: u32 = 32;

/// All ways of the cache that the bars are of.
fn whole(groups: &RdtGroups) -> Option<Cbm> {
    let info = &groups.overview.survey.info;
    info.cache(info.level()?)?.cbm_mask
}

/// The columns shown.
pub(super) struct GroupTable {
    /// With their widths.
    columns: Vec<(GroupColumn, usize)>,
    /// Columns of the cursor before the first one.
    lead: usize,
}

/// All columns with their widths, but for the name.
fn all(groups: &RdtGroups) -> Vec<(GroupColumn, usize)> {
    let info = &groups.overview.survey.info;
    let ways = whole(groups).map_or(0, |mask| match mask.len() {
        bits @ ..=BAR => usize::try_from(bits).unwrap_or(0) + 1,
        _ => number(mask),
    });
    let mut all = vec![(GroupColumn::Kind, 14), (GroupColumn::Tasks, 6)];
    if info.level().is_some() {
        all.push((GroupColumn::Ways, ways.max("L3 ways".len())));
    }
    if info.monitoring.is_some() {
        all.extend(
            [GroupColumn::Llc, GroupColumn::Total, GroupColumn::Local].map(|column| (column, WORD)),
        );
    }
    if !info.bandwidths.is_empty() {
        let each = info.bandwidths.len() * 8;
        all.push((GroupColumn::Throttle, each.max(8)));
    }
    all.push((GroupColumn::Mode, 9));
    all
}

/// Columns of a mask as a number, with the marks behind it.
fn number(whole: Cbm) -> usize {
    (whole.to_string().len() + 2).max("L3 ways".len())
}

impl GroupTable {
    /// For this much room; the name takes what the others leave.
    pub(super) fn new(groups: &RdtGroups, inside: Rect) -> Self {
        let lead = if inside.width < 78 { 1 } else { 2 };
        let room = usize::from(inside.width).saturating_sub(lead);
        let mut columns = all(groups);
        let taken =
            |all: &[(GroupColumn, usize)]| all.iter().map(|(_, width)| width + 1).sum::<usize>();
        for column in DROPPED {
            if taken(&columns) + NAME_LEAST > room {
                columns.retain(|(kept, _)| *kept != column);
            }
        }
        // Where even so no name can be read, the masks are numbers.
        if taken(&columns) + NAME_LEAST > room
            && let Some(whole) = whole(groups)
        {
            let mut ways = columns.iter_mut();
            if let Some((_, width)) = ways.find(|(column, _)| *column == GroupColumn::Ways) {
                *width = number(whole).min(*width);
            }
        }
        let name = room.saturating_sub(taken(&columns)).clamp(1, 48);
        columns.insert(0, (GroupColumn::Name, name));
        Self { columns, lead }
    }

    pub(super) fn head(&self, model: &Model, groups: &RdtGroups) -> Line<'static> {
        let info = &groups.overview.survey.info;
        let rates = info.bandwidths.iter().map(|rate| rate.resource.as_str());
        let rates: Vec<&str> = rates.collect();
        let mut text = " ".repeat(self.lead);
        for (column, width) in &self.columns {
            let title = match column {
                GroupColumn::Name => "GROUP".to_owned(),
                GroupColumn::Kind => "KIND".to_owned(),
                GroupColumn::Tasks => "TASKS".to_owned(),
                GroupColumn::Ways => format!("{} ways", info.level().unwrap_or_default()),
                GroupColumn::Llc => "LLC / MAX".to_owned(),
                GroupColumn::Total => "MBM TOTAL/s".to_owned(),
                GroupColumn::Local => "MBM LOCAL/s".to_owned(),
                GroupColumn::Throttle => rates.join("/"),
                GroupColumn::Mode => "MODE".to_owned(),
            };
            text.push_str(&aligned(*column, &title, *width));
            text.push(' ');
        }
        Line::styled(text, model.look.strong())
    }

    pub(super) fn row(
        &self,
        model: &Model,
        groups: &RdtGroups,
        row: (&ResctrlGroup, &GroupOwners),
        cursor: bool,
    ) -> Line<'static> {
        let mut text = left(if cursor { ">" } else { " " }, self.lead);
        for (column, width) in &self.columns {
            let cell = cell(model, groups, row, *column, *width);
            text.push_str(&aligned(*column, &cell, *width));
            text.push(' ');
        }
        if cursor {
            Line::styled(text, model.look.selected())
        } else {
            Line::raw(text)
        }
    }
}

fn aligned(column: GroupColumn, text: &str, width: usize) -> String {
    match column {
        GroupColumn::Name | GroupColumn::Kind | GroupColumn::Ways | GroupColumn::Mode => {
            left(text, width)
        }
        GroupColumn::Tasks
        | GroupColumn::Llc
        | GroupColumn::Total
        | GroupColumn::Local
        | GroupColumn::Throttle => right(text, width),
    }
}

fn cell(
    model: &Model,
    groups: &RdtGroups,
    (group, owners): (&ResctrlGroup, &GroupOwners),
    column: GroupColumn,
    columns: usize,
) -> String {
    match column {
        GroupColumn::Name => name(model, group, columns),
        GroupColumn::Kind => kind(owners),
        GroupColumn::Tasks => {
            let count = group.tasks.as_ref().map(|tasks| tasks.len().to_string());
            count.unwrap_or_else(|| "-".to_owned())
        }
        // A MON group has the masks and throttles of its CTRL_MON group.
        GroupColumn::Ways | GroupColumn::Throttle | GroupColumn::Mode
            if group.name.monitoring.is_some() =>
        {
            String::new()
        }
        GroupColumn::Ways => ways(model.look, groups, group, columns),
        GroupColumn::Llc => llc(groups, group),
        GroupColumn::Total => words::sum(&bandwidth(&group.domains, |domain| {
            domain.mbm_total.as_ref()
        })),
        GroupColumn::Local => words::sum(&bandwidth(&group.domains, |domain| {
            domain.mbm_local.as_ref()
        })),
        GroupColumn::Throttle => {
            let rates = groups.overview.survey.info.bandwidths.iter();
            let each = rates.map(|rate| words::throttle(group, &rate.resource));
            let each: Vec<String> = each
                .map(|text| text.unwrap_or_else(|| "-".to_owned()))
                .collect();
            each.join("/")
        }
        GroupColumn::Mode => group.mode.clone().unwrap_or_else(|| "-".to_owned()),
    }
}

/// The name, scrolled sideways when it is too long; MON groups stand below their CTRL_MON group.
fn name(model: &Model, group: &ResctrlGroup, columns: usize) -> String {
    let indent = if group.name.monitoring.is_some() {
        2
    } else {
        0
    };
    let name = group.name.label();
    let over = (width(&name) + indent).saturating_sub(columns);
    let by = match over {
        0 => 0,
        over => model.list.sideways.min(over + 1),
    };
    format!("{}{}", " ".repeat(indent), scrolled(&name, by))
}

fn kind(owners: &GroupOwners) -> String {
    let count = owners.containers.len();
    match (owners.kind, count) {
        (GroupKind::Default, _) => "default".to_owned(),
        (GroupKind::Container, 1) => "container".to_owned(),
        (GroupKind::Container, _) => format!("container +{}", count - 1),
        (GroupKind::Class, 0) => "class".to_owned(),
        (GroupKind::Class, _) => format!("class of {count}"),
        (GroupKind::Monitoring, _) => "monitoring".to_owned(),
    }
}

/// The mask of the first domain, as a bar if there is room for it, and whether others differ.
fn ways(look: TerminalLook, groups: &RdtGroups, group: &ResctrlGroup, columns: usize) -> String {
    let info = &groups.overview.survey.info;
    let (Some(level), Some(schemata)) = (info.level(), &group.schemata) else {
        return "-".to_owned();
    };
    let masks = schemata.masks(level);
    let Some((id, first)) = masks.first() else {
        let mut lines = schemata.lines.iter();
        let word = lines.find(|(name, _)| name.starts_with(level));
        return match word {
            Some((_, crate::resctrl::Settings::Word(word))) => word.clone(),
            _ => "-".to_owned(),
        };
    };
    let overlap = group.overlaps.iter().find(|overlap| overlap.domain == *id);
    let mut text = bar(look, whole(groups), *first, overlap);
    if width(&text) > columns || whole(groups).is_some_and(|whole| whole.len() > BAR) {
        let [_, shared, ..] = look.ways();
        let others = overlap.is_some_and(|overlap| !overlap.others.is_empty());
        text = first.to_string();
        text.extend(others.then_some(shared));
    }
    let differ = masks.iter().any(|(_, mask)| mask != first);
    text.extend(differ.then_some('~'));
    text
}

/// A mask, the highest way first as in the number: a mark for each way of the cache. A mask too
/// long for that stays a number.
pub(super) fn bar(
    look: TerminalLook,
    whole: Option<Cbm>,
    mask: Cbm,
    overlap: Option<&Overlap>,
) -> String {
    let length = whole.map_or(0, Cbm::len);
    if length == 0 || length > BAR {
        return mask.to_string();
    }
    let [own, shared, hardware, both, none] = look.ways();
    let (others, with) = overlap.map_or((Cbm::default(), Cbm::default()), |overlap| {
        (overlap.others, overlap.hardware)
    });
    let glyph = |way| match () {
        () if !mask.has(way) => none,
        () if with.has(way) && others.has(way) => both,
        () if with.has(way) => hardware,
        () if others.has(way) => shared,
        () => own,
    };
    (0..length).rev().map(glyph).collect()
}

fn llc(groups: &RdtGroups, group: &ResctrlGroup) -> String {
    let used = occupancy(&group.domains);
    let text = words::sum(&used);
    let allowed = match used {
        RdtValue::Value(_) if groups.overview.survey.info.level() == Some("L3") => {
            group.allowed("L3", None)
        }
        RdtValue::None | RdtValue::Value(_) | RdtValue::Word(_) => None,
    };
    match allowed {
        Some(most) => format!("{text}/{}", measure::bytes(most)),
        None => text,
    }
}
