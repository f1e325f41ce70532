//! Causes that only a leftover has.

use std::path::PathBuf;

use serde::Serialize;

use crate::inventory::owners::Owner;
use crate::leftovers::Confidence;

/// Why a leftover stays, and how sure it is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum LeftoverCause {
    /// An engine has it on record, or a process was told its id: it has an owner.
    Owned {
        /// Who owns it.
        owner: Owner,
    },
    /// Processes live in it, and nobody owns them.
    Orphans {
        /// How many; none where they cannot be seen from here.
        processes: usize,
    },
    /// Nothing holds it: nobody has removed it.
    Abandoned,
    /// It is a mount, or has one in it.
    Mounted {
        /// The mount point.
        mount: PathBuf,
    },
    /// A mount is in its bundle, or is its bundle: a delete leaves both.
    BundleMounted {
        /// The mount point.
        mount: PathBuf,
    },
    /// A delete or a create got no further.
    HalfWay {
        /// In how many hierarchies it is.
        found: usize,
        /// In how many it would have been.
        of: usize,
    },
    /// systemd has its unit loaded.
    UnitLoaded {
        /// The name of the unit.
        unit: String,
    },
    /// Cgroups that were removed below it still hold memory.
    Dying {
        /// How many.
        cgroups: u64,
    },
    /// That nobody owns it is not beyond doubt.
    Unsure {
        /// How sure it is.
        confidence: Confidence,
        /// What speaks for that.
        argument: String,
    },
}
