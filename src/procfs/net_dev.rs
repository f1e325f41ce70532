//! `/proc/PID/net/dev` (proc_pid_net(5)): the interfaces of a network namespace.

/// More interfaces than a container has: who may make them may make any number.
const MOST: usize = 256;

/// One interface and what it counted so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetDevice {
    /// Its name as found: whoever may make interfaces chose it.
    pub name: String,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Packets dropped and errors, both ways.
    pub troubles: u64,
}

/// The file: two lines of headings, then `NAME:` and sixteen numbers a line. Lines of another
/// shape are passed over, and those beyond the 256th.
///
/// ```
/// let text = "Inter-|   Receive  |  Transmit
///  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
///   eth0: 335986755   13292    1    2    0     0          0         0   723012    7420    3    4    0     0       0          0
/// ";
/// let [eth0] = &ocitop::procfs::net_dev::parse_net_dev(text)[..] else { panic!() };
/// assert_eq!((&*eth0.name, eth0.received, eth0.sent), ("eth0", 335_986_755, 723_012));
/// assert_eq!(eth0.troubles, 10);
/// ```
pub fn parse_net_dev(text: &str) -> Vec<NetDevice> {
    text.lines().filter_map(device).take(MOST).collect()
}

fn device(line: &str) -> Option<NetDevice> {
    // The numbers hold no colon, whatever a name may hold.
    let (name, numbers) = line.rsplit_once(':')?;
    let mut fields = [0_u64; 16];
    let mut words = numbers.split_ascii_whitespace();
    for field in &mut fields {
        *field = words.next()?.parse().ok()?;
    }
    let [
        received,
        _,
        r_errors,
        r_dropped,
        _,
        _,
        _,
        _,
        sent,
        _,
        s_errors,
        s_dropped,
        ..,
    ] = fields;
    let troubles = [r_errors, r_dropped, s_errors, s_dropped];
    Some(NetDevice {
        name: name.trim_matches(' ').to_owned(),
        received,
        sent,
        troubles: troubles.into_iter().fold(0, u64::saturating_add),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_broken_lines_are_no_interfaces() {
        let text = "Inter-|   Receive                     |  Transmit\n \
                    face |bytes    packets errs drop\n    \
                    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n  \
                    eth1: 1 2 3\n  eth2: a b c d e f g h i j k l m n o p\n";
        let devices = parse_net_dev(text);
        assert_eq!(devices.len(), 1);
        assert_eq!((&*devices[0].name, devices[0].sent), ("lo", 3193));
    }

    #[test]
    fn a_number_may_follow_the_name_without_a_space() {
        let devices = parse_net_dev("eth0:7 0 0 0 0 0 0 0 8 0 0 0 0 0 0 0\n");
        assert_eq!((devices[0].received, devices[0].sent), (7, 8));
    }

    #[test]
    fn thousands_of_interfaces_are_not_all_kept() {
        let line = "x: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(parse_net_dev(&line.repeat(5_000)).len(), MOST);
    }
}
