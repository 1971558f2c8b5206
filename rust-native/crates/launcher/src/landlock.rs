//! landlock(7): what the program may do with files, ports and processes, whatever its user may.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, OFlags, fstat};

use crate::resolve;
use crate::stop::{Context, Result, refused};
use crate::sys;

/// What is forbidden, and the exceptions.
pub struct Rules<'a> {
    /// Whether what the kernel does not know is left out.
    pub best_effort: bool,
    /// `LANDLOCK_ACCESS_FS_…`.
    pub files: u64,
    /// `LANDLOCK_ACCESS_NET_…`.
    pub network: u64,
    /// `LANDLOCK_SCOPE_…`.
    pub scopes: u64,
    pub paths: &'a [(&'a CStr, u64)],
    pub ports: &'a [(u16, u64)],
}

/// Of the rights on files, those that a file can be given that is no folder: execute, write, read, truncate, ioctl.
const OF_FILES: u64 = 0b1100_0000_0000_0111;

/// What each version of the interface has brought: the lowest version, and the rights known from there on.
const FILES: [(u32, u64); 4] = [(1, 0x1fff), (2, 0x2000), (3, 0x4000), (5, 0x8000)];
const NETWORK: [(u32, u64); 1] = [(4, 3)];
const SCOPES: [(u32, u64); 1] = [(6, 3)];

/// Restricts this process for good.
pub fn restrict(root: BorrowedFd<'_>, rules: &Rules<'_>) -> Result<()> {
    let version = sys::landlock_version().unwrap_or(0);
    let known = [(rules.files, known(&FILES, version)), (rules.network, known(&NETWORK, version)), (rules.scopes, known(&SCOPES, version))];
    if !rules.best_effort && known.iter().any(|(asked, known)| asked & !known != 0) {
        return Err(refused("ERR_BOX_UNSUPPORTED", c""));
    }
    let [files, network, scopes] = known.map(|(asked, known)| asked & known);
    if files | network | scopes == 0 {
        return Ok(());
    }
    let ruleset = sys::landlock_create_ruleset(files, network, scopes).call("landlock_create_ruleset")?;
    for (path, rights) in rules.paths {
        let place = resolve::open(root, path, OFlags::PATH).call_at("openat2", path)?;
        let mode = fstat(&place).call_at("fstat", path)?.st_mode;
        let possible = if FileType::from_raw_mode(mode) == FileType::Directory { files } else { files & OF_FILES };
        // Without a right a rule would be refused; it would change nothing.
        if rights & possible != 0 {
            sys::landlock_add_path(ruleset.as_fd(), place.as_fd(), rights & possible).call_at("landlock_add_rule", path)?;
        }
    }
    for (port, rights) in rules.ports.iter().filter(|(_, rights)| rights & network != 0) {
        sys::landlock_add_port(ruleset.as_fd(), *port, rights & network).call("landlock_add_rule")?;
    }
    sys::landlock_restrict_self(ruleset.as_fd()).call("landlock_restrict_self")
}

fn known(versions: &[(u32, u64)], version: u32) -> u64 {
    versions.iter().filter(|(first, _)| *first <= version).fold(0, |all, (_, rights)| all | rights)
}
