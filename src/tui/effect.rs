//! What `update` wants done: the loop performs it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::export::Export;
use crate::inventory::Container;
use crate::lifecycle::Job;
use crate::oci::ContainerKey;
use crate::text::secrets::Masking;

/// Something to do outside of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Leave the screen now.
    Quit,
    /// Hold every running job at the end of its present step.
    HoldJobs,
    /// Give a job to the engine.
    Submit(Job),
    /// Work out what jobs would do.
    Preview {
        /// Number that the answers carry.
        ticket: u64,
        /// The jobs, with their place in the dialog.
        jobs: Vec<(usize, Job)>,
    },
    /// Read a container's state and configuration.
    Inspect {
        /// Number that the answer carries.
        ticket: u64,
        /// Which.
        container: Arc<Container>,
        /// What of it is not to be read out.
        masking: Masking,
    },
    /// Read resctrl, and find these containers in its groups.
    ReadRdt(Vec<Arc<Container>>),
    /// Look for leftovers; these containers were seen to end.
    FindLeftovers(BTreeSet<ContainerKey>),
    /// Scan now.
    Rescan,
    /// Scan this often.
    Interval(Duration),
    /// Write a new file.
    Save {
        /// Start of its name.
        stem: &'static str,
        /// End of its name.
        extension: &'static str,
        /// Its content.
        content: Content,
    },
    /// Put text on the terminal's clipboard (OSC 52).
    Copy(String),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Give the terminal back and stop, as Ctrl-Z does.
    Suspend,
    /// Take the terminal again and draw everything.
    Reenter,
}

/// The content of a file to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// This.
    Text(String),
    /// A table, made into text as it is written: the screen does not wait for thousands of lines.
    Export(Export),
}

impl Content {
    /// Writes it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Text(text) => out.write_all(text.as_bytes()),
            Self::Export(export) => export.write(out),
        }
    }
}
