//! A namespace kept at a path, as `ip netns` keeps them: by a bind mount on a file.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount};

use super::is_namespace;
use crate::error::{Failure, Result, SyscallContext};

/// Keeps a namespace at a path of the caller's mount namespace, whether or not a process is in it. A file that is not there is made; one that
/// is there must be an ordinary one, and have no namespace yet. Needs CAP_SYS_ADMIN.
pub fn pin(namespace: BorrowedFd<'_>, path: &Path) -> Result<()> {
    let at = |failure: Failure| failure.at(path.as_os_str().as_encoded_bytes());
    let made = make(path).map_err(at)?;
    let kept = open_file(path).and_then(|place| attach(namespace, place.as_fd()));
    if kept.is_err() && made {
        let _ = rustix::fs::unlink(path);
    }
    kept.map_err(at)
}

fn make(path: &Path) -> Result<bool> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::from_raw_mode(0o444)) {
        Ok(_) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(Failure::syscall("open", errno)),
    }
}

fn open_file(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = rustix::fs::open(path, flags, Mode::empty()).syscall("open")?;
    if is_namespace(place.as_fd())? {
        return Err(Failure::new("ERR_BOX_STATE", "a namespace is pinned here already"));
    }
    let mode = rustix::fs::fstat(&place).syscall("fstat")?.st_mode;
    if FileType::from_raw_mode(mode) == FileType::RegularFile { Ok(place) } else { Err(no_file()) }
}

fn no_file() -> Failure {
    Failure::new("ERR_BOX_INVALID_ARGUMENT", "a namespace is pinned to an ordinary file")
}

fn attach(namespace: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(namespace, c"", flags).syscall("open_tree")?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&tree, c"", place, c"", flags).syscall("move_mount")
}

/// Ends what `pin` has begun, and removes the file. `ERR_BOX_STATE` where no namespace is pinned.
pub fn unpin(path: &Path) -> Result<()> {
    let at = |failure: Failure| failure.at(path.as_os_str().as_encoded_bytes());
    release(path).map_err(at)
}

fn release(path: &Path) -> Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = rustix::fs::open(path, flags, Mode::empty()).syscall("open")?;
    if !is_namespace(place.as_fd())? {
        return Err(Failure::new("ERR_BOX_STATE", "no namespace is pinned here"));
    }
    // What was opened is what is unmounted, even if something else has the path by now.
    unmount(format!("/proc/self/fd/{}", place.as_raw_fd()), UnmountFlags::DETACH).syscall("umount2")?;
    let left = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).syscall("newfstatat")?;
    let empty = FileType::from_raw_mode(left.st_mode) == FileType::RegularFile && left.st_size == 0;
    // Another namespace may have been pinned below, or someone's file have been taken for the place.
    if empty { rustix::fs::unlink(path).syscall("unlink") } else { Ok(()) }
}
