//! The screen: what is seen and what keys do, a module for each view and page.

mod containers;
mod history;
mod inspect;
pub(crate) mod leftovers;
mod processes;
mod rdt;
mod usage;
mod why;
