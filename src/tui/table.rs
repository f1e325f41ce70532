//! The columns of the list, which of them fit, and the order of the rows.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::inventory::Container;
use crate::oci::CreatedAt;

use super::deeds::Deeds;
use super::measure;
use super::standing::gravity;

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    State,
    Id,
    Runtime,
    Owner,
    Pids,
    Cpu,
    Spark,
    Throttled,
    Memory,
    Bar,
    Io,
    Age,
}

impl Column {
    /// From left to right.
    pub(crate) const ALL: [Self; 12] = [
        Self::State,
        Self::Id,
        Self::Runtime,
        Self::Owner,
        Self::Pids,
        Self::Cpu,
        Self::Spark,
        Self::Throttled,
        Self::Memory,
        Self::Bar,
        Self::Io,
        Self::Age,
    ];

    /// The last one is dropped first when there is not room for all. State and id never are.
    const WORTH: [Self; 10] = [
        Self::Cpu,
        Self::Memory,
        Self::Runtime,
        Self::Bar,
        Self::Throttled,
        Self::Owner,
        Self::Pids,
        Self::Io,
        Self::Age,
        Self::Spark,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::State => "STATE",
            Self::Id => "NAME / ID",
            Self::Runtime => "RT",
            Self::Owner => "OWNER",
            Self::Pids => "PIDS/MAX",
            Self::Cpu => "CPU%",
            Self::Spark => "CPU LATELY",
            Self::Throttled => "THR%",
            Self::Memory => "MEM / MAX",
            Self::Bar => "",
            Self::Io => "IO R/W",
            Self::Age => "AGE",
        }
    }

    /// Its name in menus.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Id => "id",
            Self::Runtime => "runtime",
            Self::Owner => "owner",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Spark => "cpu chart",
            Self::Throttled => "throttled",
            Self::Memory => "memory",
            Self::Bar => "memory bar",
            Self::Io => "io",
            Self::Age => "age",
        }
    }

    /// Its width; of the id column, the least.
    pub(crate) fn width(self, narrow: bool) -> usize {
        match self {
            Self::Id if narrow => 14,
            Self::Id => 22,
            Self::Memory if narrow => 5,
            Self::Memory | Self::Io => 11,
            Self::State | Self::Owner | Self::Bar | Self::Spark => 10,
            Self::Pids => 9,
            Self::Cpu | Self::Age => 6,
            Self::Runtime => 5,
            Self::Throttled => 4,
        }
    }

    pub(crate) fn is_right_aligned(self) -> bool {
        matches!(
            self,
            Self::Pids | Self::Cpu | Self::Throttled | Self::Memory | Self::Io | Self::Age
        )
    }

    fn sort(self) -> SortKey {
        // A drawing is sorted by the number that it draws.
        if self == Self::Bar {
            SortKey::Column(Self::Memory)
        } else if self == Self::Spark {
            SortKey::Column(Self::Cpu)
        } else {
            SortKey::Column(self)
        }
    }
}

/// The columns that fit into `columns`, with their widths, from left to right. What is left over
/// goes to the id.
pub(crate) fn fitting(columns: usize, narrow: bool, hidden: &[Column]) -> Vec<(Column, usize)> {
    let mut shown = vec![Column::State, Column::Id];
    let mut left =
        columns.saturating_sub(Column::State.width(narrow) + 1 + Column::Id.width(narrow));
    for column in Column::WORTH {
        let cost = column.width(narrow) + 1;
        if !hidden.contains(&column) && cost <= left {
            left -= cost;
            shown.push(column);
        }
    }
    let width = |column: Column| {
        let spare = if column == Column::Id { left } else { 0 };
        column.width(narrow) + spare
    };
    let in_order = Column::ALL
        .into_iter()
        .filter(|column| shown.contains(column));
    in_order.map(|column| (column, width(column))).collect()
}

/// The column at `x` columns from the left of the list's text.
pub(crate) fn column_at(layout: &[(Column, usize)], x: usize) -> Option<Column> {
    let mut start = 0;
    layout.iter().find_map(|(column, width)| {
        let here = (start..=start + width).contains(&x);
        start += width + 1;
        here.then_some(*column)
    })
}

/// What the rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortKey {
    /// What needs a person first.
    Attention,
    Column(Column),
}

impl SortKey {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let columns = Column::ALL
            .into_iter()
            .filter(|column| !matches!(column, Column::Bar | Column::Spark));
        std::iter::once(Self::Attention).chain(columns.map(Self::Column))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Attention => "needs-attention",
            Self::Column(column) => column.name(),
        }
    }

    /// The one to the right, round the corner.
    pub(crate) fn right(self) -> Self {
        let following = Self::all().skip_while(|key| *key != self).nth(1);
        following.unwrap_or(Self::Attention)
    }

    /// The one to the left, round the corner.
    pub(crate) fn left(self) -> Self {
        let before = Self::all().take_while(|key| *key != self).last();
        before.or_else(|| Self::all().last()).unwrap_or(self)
    }

    pub(crate) fn of_column(column: Column) -> Self {
        column.sort()
    }
}

/// Puts rows in order. What is not available comes last, whichever way round.
pub(crate) fn sort(rows: &mut [Arc<Container>], key: SortKey, reversed: bool, deeds: &Deeds) {
    rows.sort_by(|a, b| {
        let by_key = match key {
            SortKey::Attention => directed(gravity(a, deeds).cmp(&gravity(b, deeds)), reversed),
            SortKey::Column(column) => compare(column, a, b, reversed),
        };
        by_key
            .then_with(|| a.key.name().cmp(b.key.name()))
            .then_with(|| a.key.root().cmp(b.key.root()))
    });
}

fn directed(order: Ordering, reversed: bool) -> Ordering {
    if reversed { order.reverse() } else { order }
}

fn compare(column: Column, a: &Container, b: &Container, reversed: bool) -> Ordering {
    let words = |a: String, b: String| directed(a.cmp(&b), reversed);
    match column {
        Column::State => words(a.condition.to_string(), b.condition.to_string()),
        Column::Id => directed(a.key.name().cmp(b.key.name()), reversed),
        Column::Runtime => {
            let name = |row: &Container| row.runtime.map(|rt| rt.to_string()).unwrap_or_default();
            words(name(a), name(b))
        }
        Column::Owner => {
            let name = |row: &Container| row.engine().map(|m| m.to_string()).unwrap_or_default();
            words(name(b), name(a))
        }
        Column::Age => {
            let created = |row: &Container| row.created.as_ref().and_then(CreatedAt::timestamp);
            let seconds = |row| created(row).map(|at| at.as_second() as f64);
            numbers(seconds(a), seconds(b), reversed)
        }
        Column::Pids
        | Column::Cpu
        | Column::Spark
        | Column::Throttled
        | Column::Memory
        | Column::Bar
        | Column::Io => numbers(number(column, a), number(column, b), reversed),
    }
}

fn number(column: Column, row: &Container) -> Option<f64> {
    let usage = &row.usage;
    match column {
        Column::Pids => usage.pids.map(|pids| pids as f64),
        Column::Cpu | Column::Spark => usage.cpu,
        Column::Throttled => usage.throttled,
        Column::Memory | Column::Bar => measure::memory(usage).map(|bytes| bytes as f64),
        Column::Io => Some(usage.io_read? + usage.io_write?),
        Column::State | Column::Id | Column::Runtime | Column::Owner | Column::Age => None,
    }
}

/// The greatest first.
fn numbers(a: Option<f64>, b: Option<f64>, reversed: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => directed(b.total_cmp(&a), reversed),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(columns: usize, narrow: bool) -> Vec<Column> {
        fitting(columns, narrow, &[])
            .into_iter()
            .map(|(column, _)| column)
            .collect()
    }

    #[test]
    fn state_and_id_are_never_dropped() {
        assert_eq!(shown(1, true), [Column::State, Column::Id]);
        assert_eq!(shown(127, false), Column::ALL);
        let without_chart = shown(116, false);
        assert!(!without_chart.contains(&Column::Spark));
        assert_eq!(without_chart.len() + 1, Column::ALL.len());
    }

    #[test]
    fn the_columns_never_take_more_than_there_is() {
        for columns in 40..200 {
            let used: usize = fitting(columns, false, &[])
                .iter()
                .map(|(_, width)| width + 1)
                .sum();
            assert!(used <= columns + 1, "{used} of {columns}");
        }
    }
}
