//! What of the host stands in the way, and what ocitop cannot see.

use crate::diagnosis::cause::HostCause;
use crate::diagnosis::evidence::{Evidence, InitSeen, ResctrlPresence};
use crate::diagnosis::finding::find;
use crate::diagnosis::remedy::Advice;
use crate::diagnosis::{Finding, Remedy, Weight};

/// Less than this is as good as nothing: a state file takes a few KiB. Bytes.
const FULL: u64 = 64 * 1024;

pub(super) fn judge(evidence: &Evidence, out: &mut Vec<Finding>) {
    disk(evidence, out);
    rdt(evidence, out);
    viewer(evidence, out);
}

fn disk(evidence: &Evidence, out: &mut Vec<Finding>) {
    let Some(disk) = &evidence.disk else {
        return;
    };
    let root = disk.path.clone();
    if disk.read_only {
        out.push(
            find(
                Weight::Blocks,
                HostCause::StateReadOnly { root: root.clone() },
            )
            .by([Remedy::RemountWritable {
                mount: root.clone(),
            }]),
        );
    }
    if disk.free < FULL || disk.files == Some(0) {
        let (free, files) = (disk.free, disk.files);
        let cause = HostCause::StateFull { root, free, files };
        out.push(find(Weight::Blocks, cause).by([Advice::MakeRoom.into()]));
    }
}

fn rdt(evidence: &Evidence, out: &mut Vec<Finding>) {
    let rdt = &evidence.rdt;
    let clean = || Advice::CleanResctrl.into();
    // Who has a group already does not need another.
    let taken = |pair: Option<(u64, u64)>| pair.filter(|(used, of)| used >= of && !rdt.has_group);
    let weight = if rdt.wanted.is_some() {
        Weight::Hampers
    } else {
        Weight::Note
    };
    if let Some((used, of)) = taken(rdt.closids) {
        out.push(find(weight, HostCause::OutOfClosids { used, of }).by([clean()]));
    }
    if let Some((used, of)) = taken(rdt.rmids) {
        out.push(find(weight, HostCause::OutOfRmids { used, of }).by([clean()]));
    }
    let Some(group) = rdt.wanted.clone() else {
        return;
    };
    // What is dead needs none.
    let weight = if matches!(evidence.init, InitSeen::Alive(_)) {
        Weight::Ails
    } else {
        Weight::Note
    };
    out.extend(match (rdt.mount, rdt.there) {
        (ResctrlPresence::Absent, _) => Some(find(weight, HostCause::NoResctrl { group })),
        (ResctrlPresence::NotMounted, _) => {
            Some(find(weight, HostCause::ResctrlNotMounted { group }).by([Remedy::MountResctrl]))
        }
        (ResctrlPresence::Mounted, Some(false)) => {
            Some(find(weight, HostCause::ResctrlGroupGone { group }))
        }
        (ResctrlPresence::Mounted, _) => None,
    });
}

fn viewer(evidence: &Evidence, out: &mut Vec<Finding>) {
    let viewer = &evidence.viewer;
    if viewer.root == Some(false) {
        out.push(find(Weight::Note, HostCause::NotRoot));
    } else if viewer.ptrace == Some(false) {
        out.push(find(Weight::Note, HostCause::NoPtrace));
    }
    if viewer.host_pids == Some(false) {
        out.push(find(Weight::Note, HostCause::OtherPidNamespace));
    }
    let mut mounts = viewer.read_only.clone();
    mounts.sort();
    mounts.dedup();
    out.extend(mounts.into_iter().map(|mount| {
        find(
            Weight::Hampers,
            HostCause::CgroupReadOnly {
                mount: mount.clone(),
            },
        )
        .by([Remedy::RemountWritable { mount }])
    }));
}
