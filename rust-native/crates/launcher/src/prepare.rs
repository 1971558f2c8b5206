//! What is opened outside, where the caller is: the slots that did not come with the plan.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{Plan, Prepare, mount_options, slot};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, makedev};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::serve::malformed;
use crate::stop::{Context, Result, during, refused};
use crate::sys;

/// A slot's descriptor, and how it could be opened: see [`slot`].
type Opened = (OwnedFd, u8);

/// All slots: those that came, in their order, and between them those that are opened now. `kinds` says which are which, and learns how.
pub fn open_slots(plan: &Plan<'_>, came: Vec<OwnedFd>, kinds: &mut [u8]) -> Result<Vec<OwnedFd>> {
    let mut came = came.into_iter();
    let mut files: Vec<OwnedFd> = Vec::with_capacity(kinds.len());
    for (number, kind) in kinds.iter_mut().enumerate() {
        let file = if *kind == slot::LATER {
            let step = number.checked_sub(usize::from(plan.given)).and_then(|step| plan.prepare.get(step));
            let step = step.ok_or_else(malformed)?;
            let (file, how) = open(step, &files).map_err(|stop| during(stop, step.name()))?;
            *kind = how;
            file
        } else {
            came.next().ok_or_else(malformed)?
        };
        files.push(file);
    }
    if came.next().is_some() {
        return Err(malformed());
    }
    Ok(files)
}

fn open(step: &Prepare<'_>, files: &[OwnedFd]) -> Result<Opened> {
    match *step {
        Prepare::Tree { slot, options, attributes, id_map: slot::NONE } => {
            let mount = files.get(usize::from(slot)).ok_or(Errno::BADF).call("open_tree")?;
            tree(mount.as_fd(), options, attributes)
        }
        Prepare::Device { kind, major, minor, path } => {
            let (node, how) = device(path)?;
            let found = fstat(&node).call_at("fstat", path)?;
            let right = FileType::from_raw_mode(found.st_mode) == FileType::from_raw_mode(kind) && found.st_rdev == makedev(major, minor);
            if right { Ok((node, how)) } else { Err(refused("ERR_BOX_STATE", path)) }
        }
        // What may hang is none of the launcher's: so would every other launch.
        _ => Err(malformed()),
    }
}

fn device(path: &CStr) -> Result<Opened> {
    match open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC) {
        Ok(tree) => Ok((tree, slot::DETACHED)),
        // An ordinary user has no right over this mount namespace. The child has one over its copy.
        Err(Errno::PERM) => {
            let file = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).call_at("open", path)?;
            Ok((file, slot::BY_PATH))
        }
        Err(errno) => Err(errno).call_at("open_tree", path),
    }
}

fn tree(mount: BorrowedFd<'_>, options: u32, attributes: u64) -> Result<Opened> {
    let recursive = options & mount_options::RECURSIVE != 0;
    let denied = options & mount_options::NO_CLONE != 0;
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    match if denied { Err(Errno::PERM) } else { open_tree(mount, c"", flags) } {
        Ok(tree) => {
            if attributes != 0 {
                let below = recursive && options & mount_options::TOP_ALONE == 0;
                sys::mount_setattr(&tree, below, attributes, 0).call("mount_setattr")?;
            }
            Ok((tree, slot::DETACHED))
        }
        // The child tries, in the namespaces that the mount was made for.
        Err(Errno::PERM | Errno::INVAL) => Ok((rustix::io::fcntl_dupfd_cloexec(mount, 0).call("fcntl")?, slot::PLAIN)),
        Err(errno) => Err(errno).call("open_tree"),
    }
}
