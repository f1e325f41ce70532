//! User names, from `/etc/passwd` alone: a lookup through NSS may ask the network and hang.

use std::collections::HashMap;
use std::path::Path;

use super::machine::Machine;

/// Names by uid.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<u32, String>);

impl Users {
    /// Reads the machine's; without it every user shows as `#uid`.
    pub(super) fn read(machine: &Machine) -> Self {
        let file = machine.on_host(Path::new("/etc/passwd"));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Self(text.lines().filter_map(Self::line).collect())
    }

    fn line(line: &str) -> Option<(u32, String)> {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, crate::text::visible(name)))
    }

    /// The name, or `#uid`.
    pub(super) fn name(&self, uid: u32) -> String {
        self.0
            .get(&uid)
            .cloned()
            .unwrap_or_else(|| format!("#{uid}"))
    }
}
