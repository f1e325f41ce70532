//! Why a leftover stays, as far as it is told by the search that found it.

use crate::diagnosis::cause::{CgroupCause, LeftoverCause, RecordCause};
use crate::diagnosis::evidence::Evidence;
use crate::diagnosis::finding::find;
use crate::diagnosis::{Cause, Finding, Remedy, Weight, words};
use crate::inventory::manager::EngineCommand;
use crate::inventory::owners::Owner;
use crate::kernel::Signal;
use crate::leftovers::{Confidence, Leftover, WhyItStays};

pub(super) fn judge(evidence: &Evidence, leftover: &Leftover, out: &mut Vec<Finding>) {
    let bare = evidence.is_bare();
    let owner = leftover.owned_by();
    for why in &leftover.why {
        match why {
            WhyItStays::Owned(owner) => out.push(owned(leftover, owner)),
            // Of a container that was, its state or its record says that; of one with an owner, that.
            WhyItStays::Processes(_) | WhyItStays::Unseen | WhyItStays::Nothing
                if !bare || owner.is_some() => {}
            WhyItStays::Processes(processes) => out.push(orphans(leftover, *processes)),
            WhyItStays::Unseen => out.push(orphans(leftover, 0)),
            WhyItStays::Mounted(mount) if !is_said(out, mount) => out.push(mounted(bare, mount)),
            WhyItStays::SomeHierarchies { found, of } => {
                let (found, of) = (*found, *of);
                let cause = LeftoverCause::HalfWay { found, of };
                // What lives in it has to go first, and that is said by another finding.
                let rest = (!leftover.populated).then(|| clean(leftover, false));
                out.push(find(Weight::Note, cause).by(rest));
            }
            WhyItStays::UnitFailed(unit) if !is_unit_said(out) => {
                let cause = RecordCause::UnitFailed { unit: unit.clone() };
                let forget = Remedy::ResetFailed { unit: unit.clone() };
                out.push(find(Weight::Hampers, cause).by([clean(leftover, false), forget]));
            }
            WhyItStays::UnitLoaded(unit) => {
                let unit = unit.clone();
                out.push(find(Weight::Hampers, LeftoverCause::UnitLoaded { unit }));
            }
            WhyItStays::Nothing => {
                out.push(abandoned(leftover));
            }
            // Said by what was seen of its cgroups and mounts.
            WhyItStays::Mounted(_)
            | WhyItStays::UnitFailed(_)
            | WhyItStays::Children(_)
            | WhyItStays::ReadOnly => {}
        }
    }
    if let Some(cgroups) = leftover.dying.filter(|dying| *dying > 0) {
        out.push(find(Weight::Note, LeftoverCause::Dying { cgroups }));
    }
    if leftover.confidence != Confidence::Certain {
        let cause = LeftoverCause::Unsure {
            confidence: leftover.confidence,
            argument: leftover.argument(),
        };
        out.push(find(Weight::Note, cause));
    }
    // What hinders is said; otherwise it stays because nobody removed it.
    let told = out.iter().any(|finding| finding.weight <= Weight::State);
    if !told && bare {
        out.push(abandoned(leftover));
    }
}

/// A delete of what has a record removes its cgroups and its state directory, and leaves the bundle
/// alone, with what is mounted there.
fn mounted(bare: bool, mount: &std::path::Path) -> Finding {
    let mount = mount.to_owned();
    if !bare {
        return find(Weight::Note, LeftoverCause::BundleMounted { mount });
    }
    let unmount = Remedy::Unmount {
        mount: mount.clone(),
        force: false,
        within: None,
    };
    find(Weight::Blocks, LeftoverCause::Mounted { mount }).by([unmount])
}

/// Its cleaning is refused for as long as the owner has it. An engine that knows the container removes
/// it with all that it made; what it has forgotten is held by the process alone.
fn owned(leftover: &Leftover, owner: &Owner) -> Finding {
    let id = leftover.id.as_deref();
    let told = owner
        .engine()
        .zip(id)
        .map(|(engine, id)| engine.removal(id));
    let told = told.into_iter().flatten();
    let ask = told.map(|EngineCommand { object, command }| Remedy::ByManager { object, command });
    let rest = match owner {
        Owner::Process(told) => vec![
            Remedy::SignalOther {
                pid: told.pid,
                name: told.command.clone(),
                signal: Signal::TERM,
            },
            clean(leftover, leftover.populated),
        ],
        Owner::Record(_) => Vec::new(),
    };
    let cause = LeftoverCause::Owned {
        owner: owner.clone(),
    };
    let inside = leftover.processes.len();
    let seen = (inside > 0).then(|| format!("{} in it", words::processes(inside)));
    find(Weight::Blocks, cause).seen(seen).by(ask).by(rest)
}

fn orphans(leftover: &Leftover, processes: usize) -> Finding {
    find(Weight::Blocks, LeftoverCause::Orphans { processes }).by([clean(leftover, true)])
}

fn abandoned(leftover: &Leftover) -> Finding {
    find(Weight::State, LeftoverCause::Abandoned).by([clean(leftover, false)])
}

fn clean(leftover: &Leftover, kill: bool) -> Remedy {
    Remedy::Clean {
        path: leftover.key.dir(),
        kill,
    }
}

fn is_said(out: &[Finding], mount: &std::path::Path) -> bool {
    out.iter().any(|finding| {
        matches!(
            &finding.cause,
            Cause::Cgroup(CgroupCause::MountOn { mount: said })
                | Cause::Record(RecordCause::MountIn { mount: said }) if said == mount
        )
    })
}

fn is_unit_said(out: &[Finding]) -> bool {
    let said =
        |finding: &Finding| matches!(finding.cause, Cause::Record(RecordCause::UnitFailed { .. }));
    out.iter().any(said)
}

/// What acts on a container is for a leftover without a record its cleaning.
pub(super) fn adapt(leftover: &Leftover, findings: &mut [Finding]) {
    let owned = leftover.owned_by().is_some();
    for finding in findings {
        let mut remedies: Vec<Remedy> = Vec::new();
        for remedy in std::mem::take(&mut finding.remedies) {
            if matches!(remedy, Remedy::Resume | Remedy::Start) {
                continue;
            }
            let remedy = if remedy == Remedy::ForceDelete {
                clean(leftover, true)
            } else if remedy == Remedy::Delete {
                clean(leftover, false)
            } else {
                remedy
            };
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        // First the owner has to let go of it.
        if owned && !matches!(finding.cause, Cause::Leftover(LeftoverCause::Owned { .. })) {
            remedies.retain(|remedy| !matches!(remedy, Remedy::Clean { .. }));
        }
        finding.remedies = remedies;
    }
}
