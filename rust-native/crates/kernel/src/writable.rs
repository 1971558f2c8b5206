//! The folder that an overlay writes to.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Timestamps, XattrFlags};
use rustix::io::Errno;

use crate::error::{Failure, Result, SyscallContext};

/// Makes the folders `upper` and `work` of an overlay below `parent`. The upper one is the root's top folder for whoever looks at the
/// overlay, so it gets owner, mode, times and extended attributes of `like`, the top folder of the uppermost layer.
pub fn make_writable(parent: BorrowedFd<'_>, like: Option<BorrowedFd<'_>>) -> Result<()> {
    for name in ["upper", "work"] {
        rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)).syscall("mkdirat").map_err(|failure| failure.at(name))?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let upper = rustix::fs::openat(parent, "upper", flags, Mode::empty()).syscall("openat")?;
    take_after(upper.as_fd(), like)
}

/// Gives a folder owner, mode, times and extended attributes of `like`; without it, the mode 0755.
pub fn take_after(folder: BorrowedFd<'_>, like: Option<BorrowedFd<'_>>) -> Result<()> {
    let Some(like) = like else {
        return rustix::fs::fchmod(folder, Mode::from_raw_mode(0o755)).syscall("fchmod");
    };
    let status = rustix::fs::fstat(like).syscall("fstat")?;
    let owner = rustix::fs::fstat(folder).syscall("fstat")?;
    if (owner.st_uid, owner.st_gid) != (status.st_uid, status.st_gid) {
        let (uid, gid) = (rustix::fs::Uid::from_raw(status.st_uid), rustix::fs::Gid::from_raw(status.st_gid));
        rustix::fs::fchown(folder, Some(uid), Some(gid)).syscall("fchown")?;
    }
    copy_xattrs(like, folder)?;
    rustix::fs::fchmod(folder, Mode::from_raw_mode(status.st_mode)).syscall("fchmod")?;
    let time = |seconds, nanoseconds| rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(status.st_atime, i64::try_from(status.st_atime_nsec).unwrap_or_default()),
        last_modification: time(status.st_mtime, i64::try_from(status.st_mtime_nsec).unwrap_or_default()),
    };
    rustix::fs::utimensat(folder, c"", &times, AtFlags::EMPTY_PATH).syscall("utimensat")
}

/// The attributes that belong to the image; those of overlayfs belong to the layer that has them.
fn copy_xattrs(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let mut names = vec![0_u8; 65536];
    let length = match rustix::fs::flistxattr(from, &mut names) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        outcome => outcome.syscall("flistxattr")?,
    };
    let listed = names.get(..length).unwrap_or_default();
    for name in listed.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !is_overlay_mark(name)) {
        let mut value = vec![0_u8; 65536];
        let length = rustix::fs::fgetxattr(from, name, &mut value).syscall("fgetxattr")?;
        match rustix::fs::fsetxattr(to, name, value.get(..length).unwrap_or_default(), XattrFlags::empty()) {
            // A file system that gives every file such an attribute of its own does not let it be set.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(Failure::syscall("fsetxattr", errno).at(name)),
        }
    }
    Ok(())
}

fn is_overlay_mark(name: &[u8]) -> bool {
    name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.")
}
