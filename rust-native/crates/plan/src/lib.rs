//! The launch plan and its outcome as data: what is prepared outside, what the child does, and what comes back.
//!
//! A plan is written by TypeScript (`packages/namespaces/src/plan/encode.ts`) and read here; an outcome is written by the launcher and
//! its children, and read by the reactor. Numbers are little-endian; a string is its length (u32), its bytes and a NUL.

mod decode;
mod encode;
mod outcome;
mod reader;
mod steps;

pub use decode::decode;
pub use encode::encode;
pub use outcome::{Outcome, Stop};
pub use reader::Malformed;
pub use steps::{Join, Plan, Prepare, Step};

/// The first bytes of a plan: another version of the launcher must not guess.
pub const MAGIC: &[u8; 4] = b"BXP3";

/// In [`Plan::descriptors`], in the place of a slot: the terminal that a step has made.
pub const TERMINAL: u16 = u16::MAX;

/// In [`Plan::descriptors`], in the place of a slot: nothing.
pub const CLOSED: u16 = u16::MAX - 1;

/// What mount_setattr(2) is to clear where it sets these `MOUNT_ATTR_…`: how access times are kept is one number of several bits, which
/// takes the place of the one before.
pub const fn cleared_with(attributes: u64) -> u64 {
    const MOUNT_ATTR_ATIME: u64 = 0x70;
    if attributes & MOUNT_ATTR_ATIME == 0 { 0 } else { MOUNT_ATTR_ATIME }
}

/// Bits of [`Plan::flags`].
pub mod flags {
    /// The child lives on when the caller ends.
    pub const DETACHED: u32 = 1;
    /// The launcher becomes process 1 and starts the command as its child.
    pub const INIT: u32 = 2;
    /// setgroups(2) must be forbidden before the group map can be written (user_namespaces(7)).
    pub const DENY_SETGROUPS: u32 = 4;
    /// The child writes its own maps, as an ordinary user may for itself alone.
    pub const MAP_SELF: u32 = 8;
}

/// Bits of [`Step::Bind`]'s and [`Step::Mount`]'s `options`.
pub mod mount_options {
    /// Mounts below the source are brought along, and attributes hold for them, too.
    pub const RECURSIVE: u32 = 1;
    /// Where the kernel refuses a new sysfs, because the network namespace is someone else's, the caller's /sys is bound.
    pub const OR_BIND: u32 = 2;
    /// The caller does not clone the mount, as if it could not: the child does.
    pub const NO_CLONE: u32 = 4;
    /// Attributes hold for the uppermost mount alone, whatever is brought along.
    pub const TOP_ALONE: u32 = 8;
}

/// What the sender adds for each descriptor of a message, because only it knows how the descriptor could be opened.
pub mod slot {
    /// Where a plan names a slot: none.
    pub const NONE: u16 = u16::MAX;
    /// A descriptor of the caller's, as it is.
    pub const PLAIN: u8 = 0;
    /// A detached mount, ready to be attached.
    pub const DETACHED: u8 = 1;
    /// A file that could only be opened, not cloned as a mount: the child clones it by its path and compares.
    pub const BY_PATH: u8 = 2;
    /// None yet: the launcher opens it, as [`crate::Plan::prepare`] says.
    pub const LATER: u8 = 3;
}
