//! View 5, over readings of a plain directory tree: the resctrl groups and whose they are.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use ocitop::config::Config;
use ocitop::inventory::rdt::{self, RdtGroups, RdtMembership, RdtView};
use ocitop::oci::ContainerKey;
use ocitop::resctrl::{GroupName, ResctrlReader};
use ocitop::tui::{Effect, EventKind, TerminalLook};
use tempfile::TempDir;

use crate::support::stage::{Stage, container, key, with_facts};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// A resctrl mount as a directory tree: enough to be read.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write("info/last_cmd_status", "ok\n");
        tree
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn offers(&self, files: &[(&str, &str)]) {
        for (file, text) in files {
            self.write(&format!("info/{file}"), text);
        }
    }

    /// A group's files, with 2 tasks and the same in each of two domains.
    fn group(&self, dir: &str, schemata: &str, size: &str, values: [&str; 3]) {
        let dir = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        self.write(&format!("{dir}tasks"), "21697\n21698\n");
        self.write(&format!("{dir}cpus_list"), "\n");
        if !schemata.is_empty() {
            self.write(&format!("{dir}schemata"), schemata);
            self.write(&format!("{dir}size"), size);
            self.write(&format!("{dir}mode"), "shareable\n");
        }
        let events = ["llc_occupancy", "mbm_total_bytes", "mbm_local_bytes"];
        for domain in ["00", "01"] {
            for (event, value) in events.iter().zip(values) {
                self.write(&format!("{dir}mon_data/mon_L3_{domain}/{event}"), value);
            }
        }
    }

    /// An Intel host: a class that two containers share, one of them measured apart, a group of one
    /// container, a class of nobody.
    fn intel() -> Self {
        let tree = Self::new();
        tree.offers(&[
            ("L3/num_closids", "16\n"),
            ("L3/cbm_mask", "fff\n"),
            ("L3/min_cbm_bits", "1\n"),
            ("L3/shareable_bits", "c00\n"),
            ("MB/num_closids", "8\n"),
            ("MB/min_bandwidth", "10\n"),
            ("MB/bandwidth_gran", "10\n"),
            ("MB/delay_linear", "1\n"),
            ("L3_MON/num_rmids", "224\n"),
            (
                "L3_MON/mon_features",
                "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n",
            ),
        ]);
        let word = "Unavailable\n";
        tree.group(
            "",
            "    MB:0=100;1=100\n    L3:0=c1f;1=fff\n",
            "    MB:0=100;1=100\n    L3:0=7340032;1=12582912\n",
            ["0\n", "7000000\n", word],
        );
        tree.group(
            "gold",
            "    MB:0=100;1=100\n    L3:0=ff0;1=ff0\n",
            "    MB:0=100;1=100\n    L3:0=8388608;1=8388608\n",
            ["3250586\n", "1000\n", "900\n"],
        );
        tree.group(
            "gold/mon_groups/web-1",
            "",
            "",
            ["1048576\n", "500\n", "Unassigned\n"],
        );
        tree.group(
            "batch-91",
            "    MB:0= 50;1= 20\n    L3:0=00f;1=00f\n",
            "    MB:0=50;1=20\n    L3:0=4194304;1=4194304\n",
            [word, word, "Error\n"],
        );
        tree.group(
            "zinc",
            "    MB:0=100;1=100\n    L3:0=030;1=030\n",
            "    MB:0=100;1=100\n    L3:0=2097152;1=2097152\n",
            ["0\n", "0\n", "0\n"],
        );
        tree
    }

    /// Two readings a second apart, 4 MiB counted in gold's first domain meanwhile.
    fn view(&self) -> Arc<RdtView> {
        let mut reader = ResctrlReader::default();
        let now = Cell::new(Instant::now());
        let clock = || now.get();
        reader.read_by(self.0.path(), &clock).unwrap();
        if self.0.path().join("gold").exists() {
            self.write("gold/mon_data/mon_L3_00/mbm_total_bytes", "4195304\n");
        }
        now.set(now.get() + Duration::from_secs(1));
        let mut overview = reader.read_by(self.0.path(), &clock).unwrap();
        overview.survey.mount = PathBuf::from("/sys/fs/resctrl");
        let groups = RdtGroups::new(overview, &members());
        Arc::new(RdtView::Mounted(Box::new(groups)))
    }
}

fn member(name: &str, control: &str, own: bool) -> (ContainerKey, RdtMembership) {
    let control = GroupName::control(control);
    let own = own.then(|| GroupName {
        monitoring: Some(name.into()),
        ..control.clone()
    });
    let membership = RdtMembership {
        control,
        monitoring: own,
    };
    (key(name), membership)
}

fn members() -> Vec<(ContainerKey, RdtMembership)> {
    vec![
        member("web-1", "gold", true),
        member("web-2", "gold", false),
        member("batch-91", "batch-91", false),
        member("canary", "", false),
    ]
}

fn in_group(name: &str, dir: &str) -> ocitop::inventory::Container {
    with_facts(container(name), |facts| {
        facts.rdt = vec![Path::new("/sys/fs/resctrl").join(dir)];
    })
}

/// The view with a reading in it.
fn showing(width: u16, height: u16, view: &Arc<RdtView>) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.shows(vec![container("web-1"), container("web-2")]);
    stage.keys("5");
    stage.event(EventKind::Rdt(Arc::clone(view)));
    stage
}

fn asked(stage: &Stage) -> usize {
    let reads = stage.effects.iter();
    reads
        .filter(|effect| matches!(effect, Effect::ReadRdt(_)))
        .count()
}

#[test]
fn the_record_tells_the_group_then_the_kernel_then_the_tasks() {
    let tree = Tree::intel();
    let mount = tree.0.path();
    tree.write("batch-91/tasks", "3312\n");
    let overview = ResctrlReader::default().read(mount).unwrap();
    let of = |row: &ocitop::inventory::Container, kernels: Option<&str>| {
        let said = kernels.and_then(|text| RdtMembership::parse(text.as_bytes()));
        rdt::membership(mount, &overview, row, |_| said)
    };
    let kernels = Some("res:zinc\nmon:\n");
    let plain = container("web-1");
    let recorded = with_facts(container("web-1"), |facts| {
        facts.rdt = vec![mount.join("gold/mon_groups/web-1")];
    });
    let gold = of(&recorded, kernels).unwrap();
    assert_eq!(gold.control, GroupName::control("gold"));
    assert_eq!(gold.monitoring.unwrap().to_string(), "gold/web-1");
    assert_eq!(
        of(&plain, kernels).unwrap().control,
        GroupName::control("zinc")
    );
    assert_eq!(
        of(&plain, None).unwrap().control,
        GroupName::control("batch-91")
    );
    let dead = with_facts(plain, |facts| facts.init = None);
    assert_eq!(of(&dead, kernels), None);
}

#[test]
fn groups_with_their_owners_ways_and_values() {
    let view = Tree::intel().view();
    for (width, height) in SIZES {
        let mut stage = showing(width, height, &view);
        stage.keys("jj");
        assert_snapshot!(format!("rdt_{width}x{height}"), stage.screen());
    }
}

#[test]
fn a_monitoring_group_has_no_masks_of_its_own() {
    let view = Tree::intel().view();
    let mut stage = showing(120, 40, &view);
    stage.keys("jjj");
    stage.event(EventKind::Rdt(view));
    assert_snapshot!(stage.screen());
}

#[test]
fn amd_and_code_and_data_are_shown_as_the_kernel_writes_them() {
    let tree = Tree::new();
    tree.offers(&[
        ("L3CODE/num_closids", "2\n"),
        ("L3CODE/cbm_mask", "ffff\n"),
        ("L3DATA/num_closids", "2\n"),
        ("L3DATA/cbm_mask", "ffff\n"),
        ("L2/num_closids", "16\n"),
        ("L2/cbm_mask", "ff\n"),
        ("MB/num_closids", "16\n"),
        ("SMBA/num_closids", "16\n"),
        ("last_cmd_status", "Out of CLOSIDs\n"),
    ]);
    let lines = "L3CODE:0=00ff;8=00ff\nL3DATA:0=ff00;8=00ff\nL2:0=ff;1=0f\nMB:0=2048;8=  16\nSMBA:0=2048;8=2048\n";
    tree.group("", lines, "", [""; 3]);
    tree.group("gold", lines, "", [""; 3]);
    let stage = showing(120, 40, &tree.view());
    assert_snapshot!(stage.screen());
}

#[test]
fn without_utf8_the_bars_are_ascii() {
    let look = TerminalLook {
        color: false,
        unicode: false,
    };
    let mut stage = Stage::looking(120, 40, &Config::default(), look);
    stage.shows(vec![container("web-1")]);
    stage.keys("5");
    stage.event(EventKind::Rdt(Tree::intel().view()));
    let screen = stage.screen();
    assert!(screen.is_ascii(), "{screen}");
    stage.sees("XX####++....");
}

#[test]
fn what_is_missing_is_said_in_place_of_groups() {
    for (view, said) in [
        (
            RdtView::NotMounted,
            "mount -t resctrl resctrl /sys/fs/resctrl",
        ),
        (RdtView::Unsupported, "This host has no resctrl"),
        (
            RdtView::Failed("/r: gone".to_owned()),
            "cannot be read: /r: gone",
        ),
    ] {
        for (width, height) in SIZES {
            let stage = showing(width, height, &Arc::new(view.clone()));
            let screen = stage.screen().split_whitespace().collect::<String>();
            let said: String = said.split_whitespace().collect();
            let plain = |c: &char| !matches!(c, '│');
            let screen: String = screen.chars().filter(plain).collect();
            assert!(screen.contains(&said), "{}", stage.screen());
        }
    }
    let stage = showing(80, 24, &Arc::new(RdtView::Unsupported));
    assert_snapshot!("rdt_unsupported", stage.screen());
}

/// An AMD host has more ways and more domains, and its names are as long as engines make them.
fn wide() -> Tree {
    let tree = Tree::intel();
    tree.write("info/L3/cbm_mask", "fffff\n");
    let id = "a1".repeat(32);
    let domains = |value: &str| -> String {
        let each: Vec<String> = (0..16).map(|id| format!("{}={value}", id * 2)).collect();
        each.join(";")
    };
    let schemata = format!("MB:{}\nL3:{}\n", domains("2048"), domains("ff000"));
    tree.group(&id, &schemata, "", ["Unavailable\n"; 3]);
    tree
}

#[test]
fn many_ways_and_domains_leave_the_names_their_room() {
    let view = wide().view();
    for (width, height) in SIZES {
        let mut stage = showing(width, height, &view);
        stage.keys("j");
        assert_snapshot!(format!("rdt_wide_{width}x{height}"), stage.screen());
    }
    let mut stage = showing(80, 24, &view);
    stage.keys("jz<Right><Right><Right><Right><Right><Right><Right>");
    assert_snapshot!("rdt_wide_zoomed", stage.screen());
}

#[test]
fn the_view_can_be_drawn_at_any_size() {
    let views = [wide().view(), Arc::new(RdtView::Failed("x".repeat(99)))];
    for view in views {
        for width in (1..150).step_by(7) {
            for height in (1..50).step_by(5) {
                let mut stage = showing(90, 30, &view);
                stage.keys("jj");
                stage.resize(width, height);
                stage.keys("<PageDown>k<Right>");
                stage.screen();
            }
        }
    }
}

#[test]
fn the_cursor_stays_on_its_group_when_others_come_and_go() {
    let tree = Tree::intel();
    let mut stage = showing(120, 40, &tree.view());
    stage.keys("G");
    stage.sees("> zinc");
    tree.group("aaa", "L3:0=1\n", "L3:0=1\n", ["0\n"; 3]);
    stage.event(EventKind::Rdt(tree.view()));
    stage.sees("> zinc");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(tree.0.path().join("zinc"), elsewhere.path().join("zinc")).unwrap();
    stage.event(EventKind::Rdt(tree.view()));
    stage.sees(">   web-1");
    stage.keys("gj");
    stage.sees("> aaa");
    stage.keys("<PageDown>");
    stage.sees(">   web-1");
}

#[test]
fn more_groups_than_rows_scroll() {
    let tree = Tree::intel();
    for number in 10..60 {
        tree.group(
            &format!("class-{number}"),
            "L3:0=1\n",
            "L3:0=1\n",
            ["0\n"; 3],
        );
    }
    let view = tree.view();
    for (width, height) in SIZES {
        let mut stage = showing(width, height, &view);
        stage.keys("G");
        let zinc = |line: &str| line.contains('>') && line.contains("zinc");
        assert!(stage.screen().lines().any(zinc), "{}", stage.screen());
        stage.keys("g");
        stage.sees("(default)");
    }
}

#[test]
fn capitals_do_nothing_to_a_container_that_is_not_shown() {
    let mut stage = showing(120, 40, &Tree::intel().view());
    for press in ["D", "K", "T", "P", "S", " ", "<Enter>", "lD"] {
        stage.keys(press);
        assert_eq!(stage.model.dialogs(), 0, "{press}");
        stage.sees("that key is for the list of containers: 1 shows it");
    }
    assert!(stage.submitted().is_empty());
    stage.keys("1D");
    assert_eq!(stage.model.dialogs(), 1);
}

#[test]
fn resctrl_is_read_only_while_somebody_looks_and_never_twice_at_a_time() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![container("plain")]);
    assert_eq!(
        asked(&stage),
        0,
        "a container without groups needs no reading"
    );
    stage.keys("5");
    assert_eq!(asked(&stage), 1);
    stage.wait(Duration::from_secs(5));
    stage.event(EventKind::Tick);
    assert_eq!(asked(&stage), 1, "the first has not been answered");
    stage.sees("not answering for 5 s");
    stage.event(EventKind::Rdt(Tree::intel().view()));
    stage.sees_no("not answering");
    assert_eq!(asked(&stage), 2);
    stage.event(EventKind::Rdt(Tree::intel().view()));
    stage.event(EventKind::Tick);
    assert_eq!(asked(&stage), 2, "not within a second");
    stage.keys("1");
    stage.wait(Duration::from_secs(5));
    stage.event(EventKind::Tick);
    assert_eq!(asked(&stage), 2, "nobody looks");
}

#[test]
fn a_lost_thread_is_asked_again() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![container("plain")]);
    stage.keys("5");
    stage.wait(Duration::from_secs(2));
    stage.event(EventKind::ThreadLost("rdt".to_owned()));
    assert_eq!(asked(&stage), 2);
}

#[test]
fn details_say_what_the_selected_container_has_of_resctrl() {
    let mut stage = Stage::new(120, 50);
    stage.shows(vec![in_group("web-1", "gold/mon_groups/web-1")]);
    assert_eq!(asked(&stage), 1);
    stage.event(EventKind::Rdt(Tree::intel().view()));
    stage.keys("<Enter><Enter>");
    stage.sees("CLOS gold (shared by 2)  own MON group  mode shareable");
    stage.sees("L3 mask ff0 (8 of 12 ways)  LLC 2.0M of 16M");
    stage.sees("MBM total 0/s  local Unassigned  MB 100");
}

#[test]
fn what_a_container_had_of_the_cache_lately_is_drawn_in_its_usage() {
    let mut stage = Stage::new(120, 40);
    stage.shows(vec![in_group("web-1", "gold/mon_groups/web-1")]);
    stage.keys("2");
    stage.sees_no("LLC        ");
    stage.event(EventKind::Rdt(Tree::intel().view()));
    stage.wait(Duration::from_secs(30));
    stage.event(EventKind::Rdt(Tree::intel().view()));
    // Thirty of the last 120 seconds; words (`Unassigned`) have no line of their own.
    stage.sees("LLC        ");
    stage.sees_no("MBM local  ");
    let screen = stage.screen();
    let line = screen.lines().find(|line| line.contains("LLC        "));
    let full = line.unwrap().matches('█').count();
    assert!((8..=12).contains(&full), "{screen}");
}
