//! A screen without a terminal: keys and snapshots in, text and effects out. Time passes only when
//! a test lets it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ocitop::cgroup::{Limit, Mode};
use ocitop::config::Config;
use ocitop::inventory::{
    Attention, CgroupView, Condition, Container, Facts, Frozen, Host, HostUsage, Inode, Managed,
    Manager, OwnCost, RootOrigin, RootState, RootView, Snapshot, Trouble, Usage,
};
use ocitop::lifecycle::{
    Job, OnFailure, Outcome, Plan, PlannedStep, Preview, Seen, Step, StepEvent, StepKind, Verdict,
};
use ocitop::oci::{ContainerKey, CreatedAt, RuntimeKind, Status};
use ocitop::process::InitProcess;
use ocitop::tui::{Content, Effect, Event, EventKind, Model, Moment, TerminalLook, draw, update};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;

pub(crate) const START: i64 = 1_760_000_000;

pub(crate) struct Stage {
    pub(crate) model: Model,
    uptime: Duration,
    size: Size,
    pub(crate) effects: Vec<Effect>,
}

impl Stage {
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::with(width, height, &Config::default())
    }

    pub(crate) fn with(width: u16, height: u16, config: &Config) -> Self {
        let look = TerminalLook {
            color: true,
            unicode: true,
        };
        Self::looking(width, height, config, look)
    }

    pub(crate) fn looking(width: u16, height: u16, config: &Config, look: TerminalLook) -> Self {
        let size = Size::new(width, height);
        let mut stage = Self {
            model: Model::new(config, look, jiff::tz::TimeZone::UTC, size),
            uptime: Duration::ZERO,
            size,
            effects: Vec::new(),
        };
        stage.event(EventKind::Tick);
        stage
    }

    pub(crate) fn moment(&self) -> Moment {
        let start = jiff::Timestamp::new(START, 0).unwrap();
        Moment {
            uptime: self.uptime,
            wall: start + self.uptime,
        }
    }

    /// The engine is done with a container.
    pub(crate) fn job_ends(&mut self, name: &str, verdict: Verdict) {
        self.event(EventKind::JobDone {
            key: key(name),
            verdict,
        });
    }

    /// Something happens, now; then the screen is drawn.
    pub(crate) fn event(&mut self, kind: EventKind) {
        for kind in [kind, EventKind::Drawn] {
            let at = self.moment();
            let effects = update(&mut self.model, Event { at, kind });
            self.effects.extend(effects);
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.uptime += time;
    }

    /// Types keys, one a second: plain characters, `<Enter>`, `<C-a>`.
    pub(crate) fn keys(&mut self, script: &str) {
        for key in parse(script) {
            self.wait(Duration::from_secs(1));
            self.event(EventKind::Input(Input::Key(key)));
        }
    }

    /// Types keys faster than anyone reads.
    pub(crate) fn keys_at_once(&mut self, script: &str) {
        for key in parse(script) {
            self.wait(Duration::from_millis(1));
            self.event(EventKind::Input(Input::Key(key)));
        }
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.size = Size::new(width, height);
        self.event(EventKind::Input(Input::Resize(width, height)));
    }

    pub(crate) fn shows(&mut self, containers: Vec<Container>) {
        self.shows_with(containers, |_| {});
    }

    /// The same, with something else about the snapshot.
    pub(crate) fn shows_with(
        &mut self,
        containers: Vec<Container>,
        change: impl FnOnce(&mut Snapshot),
    ) {
        let taken = self.moment().wall;
        let mut snapshot = Snapshot {
            uptime: self.uptime,
            ..snapshot(taken, containers)
        };
        change(&mut snapshot);
        self.event(EventKind::Snapshot(Arc::new(snapshot)));
    }

    /// Answers every preview asked for so far.
    pub(crate) fn previews(&mut self, answer: impl Fn(&Job) -> Preview) {
        for effect in std::mem::take(&mut self.effects) {
            if let Effect::Preview { ticket, jobs } = effect {
                for (index, job) in jobs {
                    let preview = answer(&job);
                    self.event(EventKind::Preview {
                        ticket,
                        index,
                        preview,
                    });
                }
            }
        }
    }

    /// The jobs given to the engine so far.
    pub(crate) fn submitted(&self) -> Vec<Job> {
        let job = |effect: &Effect| match effect {
            Effect::Submit(job) => Some(job.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(job).collect()
    }

    pub(crate) fn selected(&self) -> String {
        self.model
            .selected_key()
            .map(ContainerKey::label)
            .unwrap_or_default()
    }

    pub(crate) fn buffer(&self) -> Buffer {
        let mut terminal =
            Terminal::new(TestBackend::new(self.size.width, self.size.height)).unwrap();
        terminal.draw(|frame| draw(frame, &self.model)).unwrap();
        terminal.backend().buffer().clone()
    }

    pub(crate) fn screen(&self) -> String {
        let buffer = self.buffer();
        let mut out = String::new();
        for y in 0..buffer.area.height {
            let mut row = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    row.push_str(symbol);
                    skip = unicode_width::UnicodeWidthStr::width(symbol).max(1);
                }
                skip -= 1;
            }
            out.push_str(row.trim_end());
            out.push('\n');
        }
        out
    }

    /// Fails, with the screen, unless it has the text.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) {
        let screen = self.screen();
        assert!(
            screen.contains(text),
            "{text:?} is not on the screen:\n{screen}"
        );
    }

    #[track_caller]
    pub(crate) fn sees_no(&self, text: &str) {
        let screen = self.screen();
        assert!(
            !screen.contains(text),
            "{text:?} is on the screen:\n{screen}"
        );
    }
}

fn parse(script: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|tail| tail.split_once('>'));
        if let Some((name, tail)) = named.filter(|(name, _)| !name.is_empty()) {
            keys.push(named_key(name));
            rest = tail;
        } else {
            keys.push(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            rest = rest.split_at(c.len_utf8()).1;
        }
    }
    keys
}

fn named_key(name: &str) -> KeyEvent {
    if let Some(key) = name.strip_prefix("C-") {
        let code = match key {
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            key => KeyCode::Char(key.chars().next().unwrap()),
        };
        return KeyEvent::new(code, KeyModifiers::CONTROL);
    }
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "Back" => KeyCode::Backspace,
        "lt" => KeyCode::Char('<'),
        other => panic!("no key {other}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// What is saved.
pub(crate) fn written(content: &Content) -> String {
    let mut bytes = Vec::new();
    content.write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn key(name: &str) -> ContainerKey {
    ContainerKey::new(Path::new("/run/youki"), name)
}

pub(crate) fn root(path: &str, state: RootState) -> RootView {
    RootView {
        path: Path::new(path).into(),
        origin: RootOrigin::Known,
        state,
    }
}

pub(crate) fn host(is_root: bool) -> Arc<Host> {
    Arc::new(Host {
        name: "db07".to_owned(),
        kernel: "6.12.9".to_owned(),
        cgroups: Mode::Unified,
        resctrl: true,
        cpus: 8,
        memory: 32 << 30,
        root: is_root,
        ticks: 100,
        boot: START - 30 * 86_400,
        out_of_sight: None,
        dir: None,
    })
}

pub(crate) fn snapshot(taken: jiff::Timestamp, containers: Vec<Container>) -> Snapshot {
    Snapshot {
        taken,
        took: Duration::from_millis(3),
        host: host(true),
        roots: vec![
            root("/run/youki", RootState::Read(6)),
            root("/run/runc", RootState::Read(2)),
            root("/run/crun", RootState::Read(2)),
            root(
                "/run/user/1000/crun",
                RootState::Failed("Permission denied".to_owned()),
            ),
            root("/run/docker/runtime-runc/moby", RootState::Absent),
        ],
        containers: containers.into_iter().map(Arc::new).collect(),
        own: Some(OwnCost {
            cpu: 0.2,
            memory: 9 << 20,
        }),
        uptime: Duration::ZERO,
        usage: HostUsage::default(),
        history: Arc::default(),
        happenings: Arc::default(),
    }
}

fn inode(name: &str) -> Inode {
    let number = name
        .bytes()
        .fold(7_u64, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
    Inode { device: 24, number }
}

/// A running youki container that was created three days ago.
pub(crate) fn container(name: &str) -> Container {
    let facts = Facts {
        key: key(name),
        state_dir: Some(inode(name)),
        runtime: Some(RuntimeKind::Youki),
        condition: Condition::Known(Status::Running),
        problem: None,
        frozen: None,
        init: Some(InitProcess {
            pid: 3312,
            start_time: 27 * 86_400 * 100,
        }),
        recorded_pid: Some(3312),
        oci_version: Some("1.0.2".to_owned()),
        bundle: Some(PathBuf::from(format!("/srv/bundles/{name}"))),
        rootfs: None,
        created: Some(ago(3 * 86_400)),
        owner: "root".to_owned(),
        manager: None,
        annotations: BTreeMap::new(),
        cgroups: vec![CgroupView {
            hierarchy: "unified".to_owned(),
            dir: PathBuf::from(format!("/sys/fs/cgroup/{name}")),
        }],
        rdt: Vec::new(),
    };
    Container {
        usage: usage(12.0, 180 << 20, 9),
        ..Container::of(facts)
    }
}

/// The same with other facts.
pub(crate) fn with_facts(container: Container, change: impl FnOnce(&mut Facts)) -> Container {
    let mut container = container;
    change(&mut container);
    container
}

pub(crate) fn ago(seconds: i64) -> CreatedAt {
    let at = jiff::Timestamp::new(START - seconds, 0).unwrap();
    CreatedAt(at.to_string().into())
}

pub(crate) fn usage(cpu: f64, memory: u64, pids: u64) -> Usage {
    Usage {
        cpu: Some(cpu),
        cpu_limit: Some(Limit::At(2_000_000)),
        throttled: Some(0.0),
        memory: Some(memory + (10 << 20)),
        working_set: Some(memory),
        memory_limit: Some(Limit::At(1 << 30)),
        oom_kills: Some(0),
        pids: Some(pids),
        pids_limit: Some(Limit::At(512)),
        io_read: Some(0.0),
        io_write: Some(4096.0),
    }
}

pub(crate) fn stopped(name: &str) -> Container {
    let row = with_facts(container(name), |facts| {
        facts.condition = Condition::Known(Status::Stopped);
        facts.init = None;
        facts.created = Some(ago(86_400));
        facts.runtime = Some(RuntimeKind::Crun);
        facts.cgroups.clear();
    });
    with_usage(row, Usage::default())
}

pub(crate) fn with_usage(container: Container, usage: Usage) -> Container {
    Container { usage, ..container }
}

pub(crate) fn with_status(container: Container, status: Status) -> Container {
    with_facts(container, |facts| {
        facts.condition = Condition::Known(status);
    })
}

/// The same with something that needs a person.
pub(crate) fn troubled(container: Container, troubles: Vec<Trouble>) -> Container {
    Container {
        attention: Some(Arc::new(Attention::new(troubles, None))),
        ..container
    }
}

/// Its processes were taken by the OOM killer, none of them lately.
pub(crate) fn oom_killed(kills: u64) -> Trouble {
    Trouble::OomKilled {
        kills,
        lately: Some(0),
        last: None,
    }
}

/// One of each kind.
pub(crate) fn zoo() -> Vec<Container> {
    let api = with_facts(container("api-worker-7f3c"), |facts| {
        facts.manager = Some(Managed::plainly(Manager::Podman, facts.key.name()));
        facts.runtime = Some(RuntimeKind::Crun);
        facts.created = Some(ago(2 * 86_400 + 4 * 3600));
    });
    let batch = with_facts(container("batch-91"), |facts| {
        facts.manager = Some(Managed::plainly(Manager::Containerd, facts.key.name()));
        facts.runtime = Some(RuntimeKind::Runc);
        facts.created = Some(ago(41 * 60));
    });
    let migrate = with_facts(container("migrate"), |facts| {
        facts.runtime = Some(RuntimeKind::Runc);
    });
    let ghost = with_facts(container("ghost-42"), |facts| {
        facts.condition = Condition::Broken;
        facts.runtime = None;
        facts.problem = Some("state.json is empty".to_owned());
        facts.init = None;
        facts.recorded_pid = None;
        facts.created = None;
        facts.cgroups.clear();
        facts.bundle = None;
    });
    let batch = troubled(batch, vec![oom_killed(3)]);
    let cgroup = PathBuf::from("/sys/fs/cgroup/migrate");
    let migrate = with_facts(migrate, |facts| {
        facts.frozen = Some(Frozen::Own(cgroup.clone()));
    });
    let migrate = troubled(migrate, vec![Trouble::Frozen(Frozen::Own(cgroup))]);
    vec![
        with_usage(api, usage(0.0, 212 << 20, 3)),
        with_usage(
            batch,
            Usage {
                throttled: Some(41.0),
                oom_kills: Some(3),
                memory_limit: Some(Limit::At(2 << 30)),
                io_read: Some(1_048_576.0),
                io_write: Some(6_291_456.0),
                ..usage(88.1, 2 << 30, 14)
            },
        ),
        container("web-1"),
        container("web-2"),
        with_usage(
            with_status(migrate, Status::Paused),
            Usage {
                pids_limit: Some(Limit::Max),
                memory_limit: Some(Limit::Max),
                throttled: None,
                io_read: None,
                io_write: None,
                ..usage(0.0, 64 << 20, 4)
            },
        ),
        with_status(container("canary"), Status::Created),
        stopped("nightly-report"),
        with_usage(ghost, Usage::default()),
    ]
}

pub(crate) fn plan(name: &str, processes: usize) -> Plan {
    let stop = |step| PlannedStep {
        step,
        on_failure: OnFailure::Stop,
    };
    let go_on = |step| PlannedStep {
        step,
        on_failure: OnFailure::Continue,
    };
    Plan(vec![
        stop(Step::Identify { pid: Some(3312) }),
        stop(Step::Kill {
            processes,
            at_once: Vec::new(),
        }),
        stop(Step::Drain {
            limit: Duration::from_secs(10),
        }),
        stop(Step::RemoveCgroups {
            dirs: vec![PathBuf::from(format!("/sys/fs/cgroup/{name}"))],
            shared: Vec::new(),
        }),
        go_on(Step::PoststopHook {
            number: 1,
            path: PathBuf::from("/usr/libexec/net-down"),
        }),
        stop(Step::RemoveStateDir {
            dir: PathBuf::from(format!("/run/youki/{name}")),
        }),
        stop(Step::Verify),
    ])
}

/// What a worker would answer: nine processes, nothing unusual.
pub(crate) fn preview(job: &Job) -> Preview {
    Preview {
        plan: plan(&job.target().key.label(), 9),
        processes: 9,
        uninterruptible: 0,
        refused: None,
        notes: Vec::new(),
    }
}

/// The report of one step that went well.
pub(crate) fn done(stage: &Stage, name: &str, number: usize, step: Step, seen: Seen) -> EventKind {
    EventKind::Step(StepEvent {
        at: stage.moment().wall,
        key: key(name),
        kind: StepKind::Ended {
            number,
            step,
            outcome: Outcome::Done(seen),
            took: Duration::from_millis(16),
        },
    })
}

pub(crate) fn step(stage: &Stage, name: &str, kind: StepKind) -> EventKind {
    EventKind::Step(StepEvent {
        at: stage.moment().wall,
        key: key(name),
        kind,
    })
}

/// A delete of `web-1` that did not do all.
pub(crate) fn left() -> Verdict {
    Verdict::Leftovers(vec!["1 process".to_owned(), "cgroup /web-1".to_owned()])
}
