//! What is said of leftovers.

use super::parts::{count, path};
use crate::diagnosis::cause::LeftoverCause;
use crate::text::visible;

impl LeftoverCause {
    /// A sentence.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Owned { owner } => owner.words(),
            Self::Orphans { processes: 0 } => {
                "something lives in it that cannot be seen from here, and nobody owns it".to_owned()
            }
            Self::Orphans { processes: 1 } => {
                "1 process lives in it, and nobody owns it".to_owned()
            }
            Self::Orphans { processes } => {
                format!("{processes} processes live in it, and nobody owns them")
            }
            Self::Abandoned => "nothing holds it: nobody has removed it".to_owned(),
            Self::Mounted { mount } => format!("it is held by the mount {}", path(mount)),
            Self::BundleMounted { mount } => format!(
                "{} is mounted at or in its bundle: a delete works with it, and leaves it",
                path(mount)
            ),
            Self::HalfWay { found, of } => {
                format!("it is in {found} of {of} hierarchies: a delete or a create got no further")
            }
            Self::UnitLoaded { unit } => format!("systemd has its unit {} loaded", visible(unit)),
            Self::Dying { cgroups } => {
                let number = usize::try_from(*cgroups).unwrap_or(usize::MAX);
                let cgroups = count(number, "cgroup", "cgroups");
                format!("{cgroups} that were removed below it still hold memory")
            }
            Self::Unsure { argument, .. } => {
                format!("that nobody owns it is {argument}")
            }
        }
    }
}
