//! `schemata` and `size` of a CTRL_MON group (resctrl.rst "Schemata files - general concepts").
//!
//! One line for each resource, one value for each domain. Masks are hexadecimal without a prefix,
//! bandwidths decimal in the unit of the vendor: percent (Intel), eighths of a GB/s (AMD), MiB/s
//! (`mba_MBps`). They are kept and shown as the kernel writes them.

use std::fmt;
use std::str::FromStr;

use super::ParseResctrlError;

/// A capacity bit mask: the ways of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cbm(pub u64);

impl Cbm {
    /// How many ways.
    pub fn ways(self) -> u32 {
        self.0.count_ones()
    }

    /// The length of the mask: ways of the whole cache, if this is its `cbm_mask`.
    pub fn len(self) -> u32 {
        u64::BITS - self.0.leading_zeros()
    }

    /// No way at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The ways that are in both.
    #[must_use]
    pub fn overlap(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The ways that are in one or the other.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the way `bit` is in it, counted from the lowest.
    pub fn has(self, bit: u32) -> bool {
        self.0.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
    }
}

/// ```
/// use ocitop::resctrl::Cbm;
/// let gold: Cbm = "ff0".parse().unwrap();
/// assert_eq!(gold.ways(), 8);
/// assert_eq!(gold.overlap("3f".parse().unwrap()).to_string(), "30");
/// ```
impl FromStr for Cbm {
    type Err = ParseResctrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim();
        // `from_str_radix` takes a sign, the kernel writes none.
        let bits = digits
            .bytes()
            .all(|digit| digit.is_ascii_hexdigit())
            .then(|| u64::from_str_radix(digits, 16).ok());
        bits.flatten()
            .map(Self)
            .ok_or_else(|| ParseResctrlError::new(text))
    }
}

impl fmt::Display for Cbm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:x}", self.0))
    }
}

/// What one domain has of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Ways of a cache.
    Mask(Cbm),
    /// Bandwidth, in the unit of the vendor.
    Number(u64),
    /// What newer kernels may write instead.
    Word(String),
}

impl Setting {
    fn parse(resource: &str, text: &str) -> Result<Self, ParseResctrlError> {
        let known = match resource {
            "MB" | "SMBA" => text.parse().ok().map(Self::Number),
            _ if is_cache(resource) => text.parse().ok().map(Self::Mask),
            _ => None,
        };
        known.map_or_else(|| word(text).map(Self::Word), Ok)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask(mask) => mask.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Word(word) => f.pad(word),
        }
    }
}

/// The settings of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// By domain, in the order written. The ids need not be contiguous.
    Domains(Vec<(u32, Setting)>),
    /// A word for all of it: `uninitialized`, of a group in mode `pseudo-locksetup`.
    Word(String),
}

/// The content of `schemata`. [`fmt::Display`] writes it without padding, and reading that gives the
/// same again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schemata {
    /// Resource and its settings, in the order written.
    pub lines: Vec<(String, Settings)>,
}

impl Schemata {
    /// What a resource has in a domain.
    pub fn setting(&self, resource: &str, domain: u32) -> Option<&Setting> {
        self.lines.iter().find_map(|(name, settings)| {
            let Settings::Domains(domains) = settings else {
                return None;
            };
            let domain = domains.iter().find(|(id, _)| *id == domain);
            domain.filter(|_| name == resource).map(|(_, value)| value)
        })
    }

    /// The masks of a cache level (`L2`, `L3`), by domain and ordered by it. Masks for code and for
    /// data (CDP) are one: either may hold a line of the group.
    pub fn masks(&self, level: &str) -> Vec<(u32, Cbm)> {
        let mut found: Vec<(u32, Cbm)> = Vec::new();
        for (name, settings) in &self.lines {
            let Settings::Domains(domains) = settings else {
                continue;
            };
            if !is_cache(name) || !name.starts_with(level) {
                continue;
            }
            for (id, setting) in domains {
                let Setting::Mask(mask) = setting else {
                    continue;
                };
                match found.iter_mut().find(|(known, _)| known == id) {
                    Some((_, sum)) => *sum = sum.union(*mask),
                    None => found.push((*id, *mask)),
                }
            }
        }
        found.sort_unstable_by_key(|(id, _)| *id);
        found
    }
}

/// ```
/// use ocitop::resctrl::{Schemata, Setting};
/// let text = "    MB:0=100;1=  50\n    L3:0=fff;1=7f0\n";
/// let schemata: Schemata = text.parse().unwrap();
/// assert_eq!(schemata.setting("MB", 1), Some(&Setting::Number(50)));
/// assert_eq!(schemata.to_string(), "MB:0=100;1=50\nL3:0=fff;1=7f0\n");
/// let locking: Schemata = "L3:uninitialized\n".parse().unwrap();
/// assert_eq!(locking.to_string(), "L3:uninitialized\n");
/// ```
impl FromStr for Schemata {
    type Err = ParseResctrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lines = resources(text).map(|line| {
            let (resource, rest) = line?;
            if !rest.contains('=') {
                return Ok((resource.to_owned(), Settings::Word(word(rest)?)));
            }
            let domains = domains(rest).map(|domain| {
                let (id, value) = domain?;
                Ok((id, Setting::parse(resource, value)?))
            });
            let domains = domains.collect::<Result<_, ParseResctrlError>>()?;
            Ok((resource.to_owned(), Settings::Domains(domains)))
        });
        Ok(Self {
            lines: lines.collect::<Result<_, ParseResctrlError>>()?,
        })
    }
}

impl fmt::Display for Schemata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (resource, settings) in &self.lines {
            write!(f, "{resource}:")?;
            match settings {
                Settings::Word(word) => f.write_str(word)?,
                Settings::Domains(domains) => {
                    for (at, (id, setting)) in domains.iter().enumerate() {
                        let mark = if at == 0 { "" } else { ";" };
                        write!(f, "{mark}{id}={setting}")?;
                    }
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The content of `size`: what the masks of `schemata` come to, bytes (of bandwidths: their value).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Resource, and value by domain.
    pub lines: Vec<(String, Vec<(u32, u64)>)>,
}

impl Sizes {
    /// Bytes of one way of a cache level in a domain, worked out from the masks that `size` is of.
    pub fn way(&self, schemata: &Schemata, level: &str, domain: u32) -> Option<u64> {
        self.lines
            .iter()
            .filter(|(name, _)| is_cache(name) && name.starts_with(level))
            .find_map(|(name, sizes)| {
                let (_, bytes) = sizes.iter().find(|(id, _)| *id == domain)?;
                let Setting::Mask(mask) = schemata.setting(name, domain)? else {
                    return None;
                };
                bytes.checked_div(u64::from(mask.ways()))
            })
    }
}

/// ```
/// use ocitop::resctrl::Sizes;
/// let sizes: Sizes = "    MB:0=100\n    L3:0=33554424\n".parse().unwrap();
/// assert_eq!(sizes.lines[1], ("L3".to_owned(), vec![(0, 33_554_424)]));
/// ```
impl FromStr for Sizes {
    type Err = ParseResctrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lines = resources(text).map(|line| {
            let (resource, rest) = line?;
            let domains = domains(rest).map(|domain| {
                let (id, value) = domain?;
                let bytes = value.parse().ok();
                Ok((id, bytes.ok_or_else(|| ParseResctrlError::new(value))?))
            });
            let domains = domains.collect::<Result<_, ParseResctrlError>>()?;
            Ok((resource.to_owned(), domains))
        });
        Ok(Self {
            lines: lines.collect::<Result<_, ParseResctrlError>>()?,
        })
    }
}

/// `L2`, `L3`, and with CDP their `CODE` and `DATA`.
fn is_cache(resource: &str) -> bool {
    matches!(
        resource,
        "L2" | "L2CODE" | "L2DATA" | "L3" | "L3CODE" | "L3DATA"
    )
}

/// The lines of a file, as resource and rest. The kernel pads names to line them up.
fn resources(text: &str) -> impl Iterator<Item = Result<(&str, &str), ParseResctrlError>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| {
        let split = line.split_once(':').map(|(name, rest)| (name.trim(), rest));
        let named =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        split
            .filter(|(name, _)| named(name))
            .ok_or_else(|| ParseResctrlError::new(line))
    })
}

/// `0=fff;1=  16` as id and value.
fn domains(rest: &str) -> impl Iterator<Item = Result<(u32, &str), ParseResctrlError>> {
    rest.trim().split(';').map(|part| {
        let pair = part.split_once('=');
        let pair = pair.and_then(|(id, value)| Some((id.trim().parse().ok()?, value.trim())));
        pair.ok_or_else(|| ParseResctrlError::new(part))
    })
}

/// A word that can be printed as it is, and written as a value again.
fn word(text: &str) -> Result<String, ParseResctrlError> {
    let text = text.trim();
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b'=');
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| text.to_owned())
        .ok_or_else(|| ParseResctrlError::new(text))
}

#[cfg(test)]
mod tests;
