//! The guide: how ocitop is built ([`architecture`]), what its words mean ([`glossary`]), and how it
//! is used ([`manual`]).
//!
//! These pages stand beside the code. rustdoc checks every link in them, and a test every name
//! that cannot be a link because it is private to its room.

pub mod architecture {
    #![doc = include_str!("guide/architecture.md")]
}

pub mod glossary {
    #![doc = include_str!("guide/glossary.md")]
}

pub mod manual {
    #![doc = include_str!("guide/manual.md")]
}
