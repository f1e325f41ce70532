//! How an action went as a whole.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::Refusal;

/// How an action went as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All done; looked for and nothing left.
    Clean,
    /// This is left; doing it again continues.
    Leftovers(Vec<String>),
    /// Nothing was changed, and why.
    Refused(Refusal),
    /// It failed, and why.
    Failed(String),
}

impl Verdict {
    /// Whether the action did what was asked.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Clean)
    }
}

impl Serialize for Verdict {
    /// `verdict`, its `detail`, and of a refusal the `code` beside it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Clean => map.serialize_entry("verdict", "clean")?,
            Self::Leftovers(list) => {
                map.serialize_entry("verdict", "leftovers")?;
                map.serialize_entry("detail", list)?;
            }
            Self::Refused(why) => {
                map.serialize_entry("verdict", "refused")?;
                map.serialize_entry("detail", &why.words())?;
                map.serialize_entry("code", why.code())?;
            }
            Self::Failed(why) => {
                map.serialize_entry("verdict", "failed")?;
                map.serialize_entry("detail", why)?;
            }
        }
        map.end()
    }
}

impl Verdict {
    /// One line for the end of an action.
    pub fn words(&self) -> String {
        match self {
            Self::Clean => "done".to_owned(),
            Self::Leftovers(list) => format!("NOT DONE, left: {}", list.join(", ")),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Failed(why) => format!("failed: {why}"),
        }
    }
}
