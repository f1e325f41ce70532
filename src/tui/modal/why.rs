//! The page that says why a container is stuck: what was found, and where on it the cursor is.

use std::sync::Arc;

use crate::diagnosis::{About, Check, Diagnosis, Remedy};
use crate::inventory::Container;
use crate::leftovers::Leftover;
use crate::oci::ContainerKey;

/// Why a container is as it is; gathered anew for as long as it is open.
#[derive(Debug)]
pub(crate) struct WhyPage {
    /// As it was when the page opened.
    pub(crate) subject: WhySubject,
    /// What was found last; `None` while the first look is under way.
    pub(crate) answer: Option<Result<Arc<Diagnosis>, String>>,
    /// Where the cursor is.
    pub(crate) cursor: Option<WhySpot>,
    /// Lines of the answer above the first on the screen.
    pub(crate) top: usize,
    /// The proof has the room of the checks.
    pub(crate) proof: bool,
    /// Lines of the proof above the first on the screen.
    pub(crate) proof_top: usize,
}

/// What is examined.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WhySubject {
    Container(Arc<Container>),
    Leftover(Arc<Leftover>),
}

impl WhySubject {
    pub(crate) fn key(&self) -> &ContainerKey {
        match self {
            Self::Container(container) => &container.key,
            Self::Leftover(leftover) => &leftover.key,
        }
    }
}

/// What the cursor can be on: first the remedies, then the checks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WhySpot {
    Remedy(Remedy),
    Check(About),
}

impl WhyPage {
    pub(crate) fn new(subject: WhySubject) -> Self {
        Self {
            subject,
            answer: None,
            cursor: None,
            top: 0,
            proof: false,
            proof_top: 0,
        }
    }

    pub(crate) fn diagnosis(&self) -> Option<&Diagnosis> {
        match &self.answer {
            Some(Ok(diagnosis)) => Some(diagnosis),
            _ => None,
        }
    }

    /// The command for a remedy.
    pub(crate) fn command(&self, remedy: &Remedy) -> Option<String> {
        self.diagnosis()?.command(remedy)
    }

    /// Whether ocitop itself can do it here. What is left of a container has jobs of its own.
    pub(crate) fn can_do(&self, remedy: &Remedy) -> bool {
        matches!(self.subject, WhySubject::Container(_)) && remedy.is_ours()
    }

    /// Every remedy once, in the order of the findings.
    pub(crate) fn remedies(&self) -> Vec<&Remedy> {
        let mut out: Vec<&Remedy> = Vec::new();
        let findings = self.diagnosis().into_iter().flat_map(|it| &it.findings);
        for remedy in findings.flat_map(|finding| &finding.remedies) {
            if !out.contains(&remedy) {
                out.push(remedy);
            }
        }
        out
    }

    pub(crate) fn checks(&self) -> &[Check] {
        self.diagnosis().map_or(&[], |it| &it.checks)
    }

    /// Everything the cursor can be on.
    pub(crate) fn spots(&self) -> Vec<WhySpot> {
        let remedies = self.remedies().into_iter().cloned().map(WhySpot::Remedy);
        let checks = self
            .checks()
            .iter()
            .map(|check| WhySpot::Check(check.about));
        remedies.chain(checks).collect()
    }

    /// Where the cursor is: on what it was put on, or the first if that is not there any more.
    pub(crate) fn spot(&self) -> Option<WhySpot> {
        let spots = self.spots();
        let held = self.cursor.as_ref().filter(|spot| spots.contains(spot));
        held.or(spots.first()).cloned()
    }

    /// The remedy that is chosen: the one under the cursor, or while that is on a check the first.
    pub(crate) fn chosen(&self) -> Option<Remedy> {
        match self.spot() {
            Some(WhySpot::Remedy(remedy)) => Some(remedy),
            _ => self.remedies().first().copied().cloned(),
        }
    }

    /// The check whose proof is shown: the one under the cursor, or while that is on a remedy the
    /// one that says most.
    pub(crate) fn shown(&self) -> Option<&Check> {
        match self.spot() {
            Some(WhySpot::Check(about)) => self.checks().iter().find(|check| check.about == about),
            _ => self.checks().iter().min_by_key(|check| check.verdict),
        }
    }
}
