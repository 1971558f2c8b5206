//! The marks by which overlayfs knows deleted files and replaced folders (Documentation/filesystems/overlayfs.rst).

use std::os::fd::{AsFd, BorrowedFd};

use box_kernel::{Failure, Result, SyscallContext};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::xattrs;

/// Which namespace of attributes an overlay reads: `trusted.` by default, `user.` where it is mounted with `userxattr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// Needs CAP_SYS_ADMIN in the first user namespace.
    #[default]
    Trusted,
    /// For overlays in a user namespace.
    User,
}

/// Layers that were unpacked here carry no marks but those that were set here.
pub(crate) const ANY: &[Mark] = &[Mark::Trusted, Mark::User];

impl Mark {
    fn name(self, mark: &str) -> String {
        match self {
            Self::Trusted => format!("trusted.overlay.{mark}"),
            Self::User => format!("user.overlay.{mark}"),
        }
    }
}

/// Marks that an opaque folder is to get, and got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// `trusted.overlay.opaque`.
    pub trusted: bool,
    /// `user.overlay.opaque`.
    pub user: bool,
}

/// Makes a folder opaque. Where both marks are wanted one is enough. Gives those that were set.
pub(crate) fn make_opaque(folder: BorrowedFd<'_>, wanted: Marks) -> Result<Marks> {
    let mut set = Marks { trusted: false, user: false };
    let mut refused = None;
    for (mark, is_wanted, is_set) in [(Mark::Trusted, wanted.trusted, &mut set.trusted), (Mark::User, wanted.user, &mut set.user)] {
        if !is_wanted {
            continue;
        }
        match xattrs::set(folder, mark.name("opaque").as_bytes(), b"y") {
            Ok(()) => *is_set = true,
            Err(errno @ (Errno::PERM | Errno::NOTSUP | Errno::ACCESS)) => refused = Some(errno),
            Err(errno) => return Err(Failure::syscall("fsetxattr", errno)),
        }
    }
    match refused {
        Some(errno) if !set.trusted && !set.user => {
            let failure = Failure::syscall("fsetxattr", errno);
            let message = format!("a folder cannot be marked opaque on this file system with these privileges ({})", failure.message);
            Err(Failure { code: Some("ERR_BOX_UNSUPPORTED"), message, ..failure })
        }
        _ => Ok(set),
    }
}

/// Makes a whiteout. Device 0, 0 is free of privilege since Linux 5.8 (mknod(2)).
pub(crate) fn make_whiteout(parent: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0).syscall("mknodat")
}

/// Whether that is a character device 0, 0.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// The same, or an empty file that a mark makes a whiteout (Linux 6.7).
pub(crate) fn is_any_whiteout(parent: BorrowedFd<'_>, name: &[u8], stat: &Stat, marks: &[Mark]) -> Result<bool> {
    if is_whiteout(stat) {
        return Ok(true);
    }
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_size != 0 {
        return Ok(false);
    }
    let file = name_only(parent, name)?;
    has(file.as_fd(), marks, "whiteout")
}

/// Whether a folder hides what lies below it.
pub(crate) fn is_opaque(folder: BorrowedFd<'_>, marks: &[Mark]) -> Result<bool> {
    for mark in marks {
        if xattrs::get(folder, mark.name("opaque").as_bytes())?.as_deref() == Some(b"y") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an upper folder's entry is only the difference to a lower one elsewhere, which the upper alone cannot tell.
pub(crate) fn needs_lower(file: BorrowedFd<'_>, marks: &[Mark]) -> Result<bool> {
    Ok(has(file, marks, "metacopy")? || has(file, marks, "redirect")?)
}

fn has(file: BorrowedFd<'_>, marks: &[Mark], mark: &str) -> Result<bool> {
    for namespace in marks {
        if xattrs::get(file, namespace.name(mark).as_bytes())?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A descriptor that only names a thing: opening it has no effect on it, whatever it is.
pub(crate) fn name_only(parent: BorrowedFd<'_>, name: &[u8]) -> Result<std::os::fd::OwnedFd> {
    rustix::fs::openat(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).syscall("openat")
}
