//! What a directory is, beyond its name.

use std::io;
use std::path::Path;

use rustix::fs::FileType;

use super::long::LongPath;
use super::read::{is_gone, stat_beneath};

/// Device and inode: a directory beyond its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Inode {
    /// Device.
    pub device: u64,
    /// Inode number.
    pub number: u64,
}

impl Inode {
    /// What is at a path, no link followed; `None` if nothing is.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match rustix::fs::lstat(path).map_err(io::Error::from) {
            Ok(stat) => Ok(Some(Self::from(&stat))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`Self::at`], if it is a directory.
    pub fn of_dir(path: &Path) -> io::Result<Option<Self>> {
        let place = LongPath::of(path)?;
        match stat_beneath(place.dir(), place.rest().as_os_str()) {
            Ok(None) => Ok(None),
            Ok(Some(stat)) => {
                let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                Ok(is_dir.then(|| Self::from(&stat)))
            }
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it is still at a path. A look that fails does not say that it is gone: what is done to
    /// it fails as well, and that is told.
    pub fn is_still_at(self, path: &Path) -> bool {
        Self::at(path).map_or(true, |now| now == Some(self))
    }
}

impl From<&rustix::fs::Stat> for Inode {
    fn from(stat: &rustix::fs::Stat) -> Self {
        Self {
            device: stat.st_dev,
            number: stat.st_ino,
        }
    }
}
