//! The last samples of each container, for the charts.

use std::collections::{HashMap, VecDeque};

use crate::inventory::{Inode, Snapshot, Usage};
use crate::oci::ContainerKey;

/// Samples kept per container: ten minutes at one a second.
pub(crate) const LENGTH: usize = 600;

/// One container's samples, oldest first.
#[derive(Debug, Default)]
struct Ring {
    /// The state directory they belong to: a container made anew under the same id starts fresh.
    state_dir: Option<Inode>,
    samples: VecDeque<Usage>,
}

/// The samples of every container that exists.
#[derive(Debug, Default)]
pub(crate) struct History {
    rings: HashMap<ContainerKey, Ring>,
}

impl History {
    /// Adds a scan, and forgets the containers that it no longer has.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        let mut kept = HashMap::with_capacity(snapshot.containers.len());
        for container in &snapshot.containers {
            let mut ring = self.rings.remove(&container.key).unwrap_or_default();
            if ring.state_dir != container.state_dir {
                ring.samples.clear();
                ring.state_dir = container.state_dir;
            }
            if ring.samples.len() == LENGTH {
                ring.samples.pop_front();
            }
            ring.samples.push_back(container.usage);
            kept.insert(container.key.clone(), ring);
        }
        self.rings = kept;
    }

    /// The last `count` samples of a container, oldest first.
    pub(crate) fn last(&self, key: &ContainerKey, count: usize) -> impl Iterator<Item = &Usage> {
        let samples = self.rings.get(key).map(|ring| &ring.samples);
        let skip = samples.map_or(0, |samples| samples.len().saturating_sub(count));
        samples.into_iter().flatten().skip(skip)
    }

    /// How many samples a container has.
    pub(crate) fn len(&self, key: &ContainerKey) -> usize {
        self.rings.get(key).map_or(0, |ring| ring.samples.len())
    }
}
