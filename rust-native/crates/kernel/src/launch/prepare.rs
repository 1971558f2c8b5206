//! The first half of a plan: what is opened with the caller's privilege, outside.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use box_plan::{Plan, Prepare, mount_options, slot};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, makedev};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::error::{Failure, Result, SyscallContext};

/// A slot's descriptor, and how it could be opened: see [`slot`].
pub type Prepared = (OwnedFd, u8);

/// Does the steps, in their order.
pub fn prepare(plan: &Plan<'_>, given: &[OwnedFd]) -> Result<Vec<Prepared>> {
    plan.prepare.iter().map(|step| perform(step, given).map_err(|failure| failure.during(step.name()))).collect()
}

/// Whether a step names a path of the caller's, whose file system may hang.
pub fn may_wait(plan: &Plan<'_>) -> bool {
    plan.prepare.iter().any(|step| matches!(step, Prepare::Source { .. }))
}

fn perform(step: &Prepare<'_>, given: &[OwnedFd]) -> Result<Prepared> {
    match *step {
        Prepare::Source { options, attributes, path } => source(path, options, attributes),
        Prepare::Tree { slot, options, attributes } => {
            let mount = given.get(usize::from(slot)).ok_or(Errno::BADF).syscall("open_tree")?;
            tree(mount, options, attributes)
        }
        Prepare::Device { kind, major, minor, path } => {
            let (node, how) = source(path, 0, 0)?;
            let found = fstat(&node).syscall("fstat").map_err(|failure| failure.at(path.to_bytes()))?;
            let right = FileType::from_raw_mode(found.st_mode) == FileType::from_raw_mode(kind) && found.st_rdev == makedev(major, minor);
            if right { Ok((node, how)) } else { Err(wrong_device(path, major, minor)) }
        }
    }
}

fn wrong_device(path: &CStr, major: u32, minor: u32) -> Failure {
    let message = format!("{} is not the device {major}:{minor}", path.to_string_lossy());
    Failure { path: Some(path.to_string_lossy().into_owned()), ..Failure::new("ERR_BOX_STATE", message) }
}

fn clone_flags(options: u32) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if options & mount_options::RECURSIVE != 0 { flags | OpenTreeFlags::AT_RECURSIVE } else { flags }
}

fn source(path: &CStr, options: u32, attributes: u64) -> Result<Prepared> {
    match open_tree(CWD, path, clone_flags(options)) {
        Ok(tree) => {
            set_attributes(&tree, options, attributes).map_err(|failure| failure.at(path.to_bytes()))?;
            Ok((tree, slot::DETACHED))
        }
        // An ordinary user has no right over this mount namespace. The child has one over its copy.
        Err(Errno::PERM) => {
            let file = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                .syscall("open")
                .map_err(|failure| failure.at(path.to_bytes()))?;
            Ok((file, slot::BY_PATH))
        }
        Err(errno) => Err(Failure::syscall("open_tree", errno).at(path.to_bytes())),
    }
}

fn tree(mount: &OwnedFd, options: u32, attributes: u64) -> Result<Prepared> {
    match open_tree(mount, c"", clone_flags(options) | OpenTreeFlags::AT_EMPTY_PATH) {
        Ok(tree) => {
            set_attributes(&tree, options, attributes)?;
            Ok((tree, slot::DETACHED))
        }
        // The child tries, in the namespaces that the mount was made for.
        Err(Errno::PERM | Errno::INVAL) => Ok((rustix::io::fcntl_dupfd_cloexec(mount.as_fd(), 0).syscall("fcntl")?, slot::PLAIN)),
        Err(errno) => Err(Failure::syscall("open_tree", errno)),
    }
}

fn set_attributes(tree: &OwnedFd, options: u32, attributes: u64) -> Result<()> {
    if attributes == 0 {
        return Ok(());
    }
    const AT_RECURSIVE: libc::c_int = 0x8000;
    let flags = libc::AT_EMPTY_PATH | if options & mount_options::RECURSIVE != 0 { AT_RECURSIVE } else { 0 };
    // struct mount_attr of mount_setattr(2): set, clear, propagation, user namespace.
    let wanted: [u64; 4] = [attributes, box_plan::cleared_with(attributes), 0, 0];
    // SAFETY: the structure is valid for the call, the path is an empty string.
    let result =
        unsafe { libc::syscall(libc::SYS_mount_setattr, tree.as_raw_fd(), c"".as_ptr(), flags, wanted.as_ptr(), size_of_val(&wanted)) };
    if result == 0 { Ok(()) } else { Err(Failure::last_os_error("mount_setattr")) }
}
