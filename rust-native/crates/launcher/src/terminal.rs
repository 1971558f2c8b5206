//! The program's terminal: made of a devpts that is known by its descriptor, never by a path that the program could change.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use box_plan::Outcome;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Uid, fchown, fstat, fstatfs, makedev, openat2};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::mount::attach;
use crate::resolve::{self, Kind};
use crate::stop::{Context, Result, refused};
use crate::{channel, sys};

/// From `<linux/magic.h>`.
const DEVPTS_SUPER_MAGIC: u64 = 0x1cd1;
const PTMX: &CStr = c"/dev/ptmx";

/// What is wanted.
pub struct Request<'a> {
    pub columns: u16,
    pub rows: u16,
    /// The user that it is given to, or [`u32::MAX`].
    pub owner: u32,
    /// Where it is bound, or empty.
    pub console: &'a CStr,
    /// Whether this process's session takes it.
    pub controlling: bool,
}

/// Makes a terminal, sends the caller its side and gives the program's.
pub fn make(root: BorrowedFd<'_>, devpts: Option<&OwnedFd>, request: &Request<'_>, answer: &OwnedFd) -> Result<OwnedFd> {
    let master = match devpts {
        Some(devpts) => open_own(devpts)?,
        None => open_by_path(root)?,
    };
    unlockpt(&master).call("ioctl")?;
    // The kernel's own way from one side to the other (TIOCGPTPEER): what lies at /dev/pts/N does not matter.
    let terminal = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).call("ioctl")?;
    let size = Winsize { ws_row: request.rows, ws_col: request.columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).call("ioctl")?;
    if request.owner != u32::MAX {
        fchown(&terminal, Some(Uid::from_raw(request.owner)), None).call("fchown")?;
    }
    if !request.console.is_empty() {
        bind_console(root, &terminal, request.console)?;
    }
    if request.controlling {
        rustix::process::ioctl_tiocsctty(&terminal).call("ioctl")?;
    }
    channel::send(answer, &Outcome::Offered, Some(master.as_fd()));
    Ok(terminal)
}

/// By the mount's own descriptor: it leads to that devpts and to no other place.
fn open_own(devpts: &OwnedFd) -> Result<OwnedFd> {
    let kind = fstatfs(devpts).call_at("fstatfs", PTMX)?.f_type;
    if u64::try_from(kind).ok() != Some(DEVPTS_SUPER_MAGIC) {
        return Err(refused("ERR_BOX_STATE", PTMX));
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat2(devpts, c"ptmx", flags, Mode::empty(), resolve).call_at("openat2", PTMX)
}

/// Of the file system that the process has: another file of that name is not opened, only looked at.
fn open_by_path(root: BorrowedFd<'_>) -> Result<OwnedFd> {
    let found = resolve::open(root, PTMX, OFlags::PATH).call_at("openat2", PTMX)?;
    let status = fstat(&found).call_at("fstat", PTMX)?;
    let right = FileType::from_raw_mode(status.st_mode) == FileType::CharacterDevice && status.st_rdev == makedev(5, 2);
    if !right {
        return Err(refused("ERR_BOX_STATE", PTMX));
    }
    let again = CString::new(format!("self/fd/{}", found.as_raw_fd())).unwrap_or_default();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(sys::fixed(sys::PROC), &again, flags, Mode::empty()).call_at("open", PTMX)
}

/// Binds the terminal by its descriptor. A link in that place is not followed.
fn bind_console(root: BorrowedFd<'_>, terminal: &OwnedFd, path: &CStr) -> Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(terminal, c"", flags).call_at("open_tree", path)?;
    let place = match resolve::open_strictly(root, path, OFlags::PATH) {
        Err(Errno::NOENT) => resolve::open_or_make(root, path, Kind::File),
        result => result,
    };
    attach(&tree, &place.call_at("openat2", path)?, path)
}
