//! What `ocitop diagnose` says of containers that are really stuck: the cause, with its pid or
//! path, at once, and also beside what never answers.

mod ails;
mod beside;
mod cases;
mod devices;
mod dump;
mod frozen;
mod hooks;
mod moved;
mod nfs;
mod owned;
mod paths;
mod rdt;
mod records;
mod root;
mod states;
mod unified;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ocitop::oci::RuntimeKind;
use serde_json::Value;

use crate::rig::{Ended, Rig, has_v1, not_here, patient, program, skip, slowness};
use crate::torture::{Shown, Stage, show, words};

/// A diagnosis must not wait for anybody; a loaded machine gets this long.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What was said.
struct Said {
    ended: Ended,
    json: Value,
}

/// Diagnoses `id`; fails if that takes long.
#[track_caller]
fn diagnose(rig: &Rig, id: &str) -> Said {
    let ended = rig.ocitop(&["diagnose", "-f", "json", id]);
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert!(ended.took < patient(AT_ONCE), "{ended:#?}");
    let json = ended.json();
    Said { ended, json }
}

impl Said {
    /// The findings of this cause.
    fn all(&self, cause: &str) -> Vec<&Value> {
        let findings = self.json["findings"].as_array().unwrap();
        findings
            .iter()
            .filter(|finding| finding["cause"] == cause)
            .collect()
    }

    /// The finding of this cause; fails if there is none.
    #[track_caller]
    fn one(&self, cause: &str) -> &Value {
        let found = self.all(cause).into_iter().next();
        found.unwrap_or_else(|| panic!("no {cause} in {}", self.ended.stdout))
    }

    /// Fails unless this cause is the verdict.
    #[track_caller]
    fn verdict(&self, cause: &str) -> &Value {
        let first = &self.json["findings"][0];
        assert_eq!(first["cause"], cause, "{}", self.ended.stdout);
        first
    }

    /// The command of the remedy that begins so, of the finding of this cause.
    #[track_caller]
    fn command(&self, cause: &str, remedy: &str) -> String {
        let remedies = self.one(cause)["remedies"].as_array().unwrap();
        let wanted = |one: &&Value| one["text"].as_str().unwrap().starts_with(remedy);
        let found = remedies.iter().find(wanted);
        let found = found.unwrap_or_else(|| panic!("no {remedy:?} in {}", self.ended.stdout));
        found["command"].as_str().unwrap().to_owned()
    }

    /// Fails unless a remedy of this finding has the command.
    #[track_caller]
    fn offers(&self, finding: &Value, command: &str) {
        let remedies = finding["remedies"].as_array().unwrap();
        let has = |remedy: &Value| {
            remedy["command"]
                .as_str()
                .is_some_and(|c| c.contains(command))
        };
        assert!(
            remedies.iter().any(has),
            "{command:?} in {}",
            self.ended.stdout
        );
    }
}

/// A row of the torture table, and what has to be said of it.
struct Case {
    row: &'static str,
    /// What is said depends on what the runtime recorded, or on how it does this.
    of_record: bool,
    /// What is done once the row is made.
    then: fn(&mut Stage<'_>),
    says: fn(&Stage<'_>, &Said),
}

fn check_all(kind: RuntimeKind) {
    let only = std::env::var("OCITOP_TORTURE_ONLY").ok();
    if let Err(reason) = program(kind).and(Rig::new(kind).map(drop)) {
        return skip(&format!("the diagnosis of {kind}'s containers"), &reason);
    }
    let mut broken = Vec::new();
    for (number, case) in cases::CASES.iter().enumerate() {
        if only.as_ref().is_some_and(|only| !case.row.contains(only)) {
            continue;
        }
        // A machine too slow for all makes what is the kernel's doing with one runtime each.
        if slowness() > 1 && !case.of_record && number % 3 != kind as usize {
            continue;
        }
        let checked = catch_unwind(AssertUnwindSafe(|| {
            show(case.row, kind, &mut |stage| {
                (case.then)(stage);
                let said = diagnose(stage.rig, &stage.id);
                (case.says)(stage, &said);
            })
        }));
        match checked {
            Ok(Shown::OtherVersion(why)) => {
                not_here(&format!("the diagnosis of {:?}, {kind}", case.row), why);
            }
            Ok(Shown::Yes | Shown::No) => {}
            Err(panic) => broken.push(format!("{}: {}", case.row, words(&*panic))),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[test]
fn every_way_with_youki() {
    check_all(RuntimeKind::Youki);
}

#[test]
fn every_way_with_runc() {
    check_all(RuntimeKind::Runc);
}

#[test]
fn every_way_with_crun() {
    check_all(RuntimeKind::Crun);
}
