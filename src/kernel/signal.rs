//! Signals by number and name (signal(7), kill(1)).

/// The first of the real-time signals that a program may use: the kernel's first two are the C
/// library's own (nptl(7)).
const RTMIN: i32 = 34;
/// The last of them.
const RTMAX: i32 = 64;
/// Signals below this have a name each; from [`RTMIN`] on they are counted from either end.
const STANDARD: i32 = 31;

/// A signal number, 0 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Signal(pub i32);

impl Signal {
    /// The null signal: nothing is sent, only whether it could be is looked at (kill(2)).
    pub const NULL: Self = Self(0);
    /// `SIGSTOP`.
    pub const STOP: Self = Self(19);
    /// `SIGKILL`.
    pub const KILL: Self = Self(9);
    /// `SIGTERM`.
    pub const TERM: Self = Self(15);

    const NAMES: [&'static str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// The signals that have a name, in order.
    pub fn named() -> impl Iterator<Item = Self> {
        (1..=STANDARD).chain(RTMIN..=RTMAX).map(Self)
    }

    /// Its name with `SIG`, if it has one; the real-time ones are named as bash's `kill -l` names
    /// them.
    ///
    /// ```
    /// use ocitop::kernel::Signal;
    /// assert_eq!(Signal(9).name().as_deref(), Some("SIGKILL"));
    /// assert_eq!(Signal(37).name().as_deref(), Some("SIGRTMIN+3"));
    /// assert_eq!(Signal(63).name().as_deref(), Some("SIGRTMAX-1"));
    /// assert_eq!(Signal(32).name(), None);
    /// ```
    pub fn name(self) -> Option<String> {
        let number = self.0;
        if let Some(index) = usize::try_from(number - 1).ok()
            && let Some(name) = Self::NAMES.get(index)
        {
            return Some(format!("SIG{name}"));
        }
        match (number - RTMIN, RTMAX - number) {
            (..0, _) | (_, ..0) => None,
            (0, _) => Some("SIGRTMIN".to_owned()),
            (_, 0) => Some("SIGRTMAX".to_owned()),
            (above, below) if above <= below => Some(format!("SIGRTMIN+{above}")),
            (_, below) => Some(format!("SIGRTMAX-{below}")),
        }
    }
}

/// Text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownSignal {
    /// No number of a signal, and no name of one.
    #[error("unknown signal {0:?}")]
    Unknown(String),
    /// A number that the C library keeps for itself: it would be sent to no handler of a program's.
    #[error("signal {0} is the C library's own")]
    Reserved(i32),
}

impl std::str::FromStr for Signal {
    type Err = UnknownSignal;

    /// A number from 0 to 64, or a name with or without `SIG`, in any case, as runc and crun take;
    /// real-time signals also as `RTMIN+3` and `RTMAX-1`.
    ///
    /// ```
    /// use ocitop::kernel::Signal;
    /// assert_eq!("sigterm".parse(), Ok(Signal::TERM));
    /// assert_eq!("0".parse(), Ok(Signal::NULL));
    /// assert_eq!("RTMIN+3".parse(), Ok(Signal(37)));
    /// assert!("RTMIN+31".parse::<Signal>().is_err());
    /// assert!("33".parse::<Signal>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownSignal::Unknown(text.chars().take(40).collect());
        if let Ok(number) = text.parse::<i32>() {
            return match number {
                0..=STANDARD | RTMIN..=RTMAX => Ok(Self(number)),
                32..RTMIN => Err(UnknownSignal::Reserved(number)),
                _ => Err(unknown()),
            };
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(index) = Self::NAMES.iter().position(|known| *known == name) {
            return i32::try_from(index + 1)
                .map(Self)
                .map_err(|_too_many| unknown());
        }
        real_time(name).map(Self).ok_or_else(unknown)
    }
}

/// `RTMIN`, `RTMAX`, or a distance from one of them to the other.
fn real_time(name: &str) -> Option<i32> {
    let (from, way, distance) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => return Some(RTMIN),
        (_, Some("")) => return Some(RTMAX),
        (Some(rest), _) => (RTMIN, 1, rest.strip_prefix('+')?),
        (_, Some(rest)) => (RTMAX, -1, rest.strip_prefix('-')?),
        _ => return None,
    };
    if distance.len() > 2 || !distance.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = from + way * distance.parse::<i32>().ok()?;
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.pad(&name),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_its_own_number() {
        for signal in Signal::named() {
            let name = signal.name().unwrap();
            assert_eq!(name.parse(), Ok(signal));
            assert_eq!(name.to_lowercase().parse(), Ok(signal));
            assert_eq!(name.trim_start_matches("SIG").parse(), Ok(signal));
            assert_eq!(signal.0.to_string().parse(), Ok(signal));
        }
        assert_eq!(Signal::named().count(), 62);
    }

    #[test]
    fn real_time_signals_are_counted_from_either_end_and_not_beyond() {
        assert_eq!("rtmax-30".parse(), Ok(Signal(34)));
        assert_eq!("SIGRTMIN+30".parse(), Ok(Signal(64)));
        for text in [
            "RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN3", "RTMIN++3",
            "RTMIN+-3",
        ] {
            let unknown = UnknownSignal::Unknown(text.to_owned());
            assert_eq!(text.parse::<Signal>(), Err(unknown));
        }
    }

    #[test]
    fn what_the_c_library_keeps_is_told_from_what_is_none() {
        assert_eq!("32".parse::<Signal>(), Err(UnknownSignal::Reserved(32)));
        for text in ["-1", "65", "SIG", "", "SIGSIGTERM"] {
            assert_eq!(
                text.parse::<Signal>(),
                Err(UnknownSignal::Unknown(text.to_owned()))
            );
        }
    }
}
