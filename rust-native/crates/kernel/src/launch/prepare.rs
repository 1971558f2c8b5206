//! The first half of a plan: what is opened with the caller's privilege, outside. Clones of roots and of devices are left to the launcher, which
//! is where the caller is and has its privilege: neither crosses two sockets, and the caller does not wait.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{Plan, Prepare, mount_options, slot};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::error::{Failure, Result, SyscallContext};
use crate::mount;
use crate::overlay::{Overlay, Writable};

/// A slot's descriptor, unless the launcher opens it, and how it could be opened: see [`slot`].
pub type Prepared = (Option<OwnedFd>, u8);

type Opened = (OwnedFd, u8);

/// Does the steps, in their order.
pub fn prepare(plan: &Plan<'_>, given: &[OwnedFd]) -> Result<Vec<Prepared>> {
    plan.prepare.iter().map(|step| perform(step, given).map_err(|failure| failure.during(step.name()))).collect()
}

/// Whether a step names a path of the caller's, whose file system may hang.
pub fn may_wait(plan: &Plan<'_>) -> bool {
    plan.prepare.iter().any(|step| matches!(step, Prepare::Source { .. } | Prepare::Overlay { .. }))
}

fn perform(step: &Prepare<'_>, given: &[OwnedFd]) -> Result<Prepared> {
    let (file, how) = match *step {
        Prepare::Tree { id_map: slot::NONE, .. } | Prepare::Device { .. } => return Ok((None, slot::LATER)),
        Prepare::Source { options, attributes, id_map, path } => {
            let settings = Settings { options, attributes, id_map: id_map_of(id_map, given)? };
            source(path, settings)?
        }
        Prepare::Tree { slot, options, attributes, id_map } => {
            let mount = given.get(usize::from(slot)).ok_or(Errno::BADF).syscall("open_tree")?;
            tree(mount, Settings { options, attributes, id_map: id_map_of(id_map, given)? })?
        }
        Prepare::Overlay { attributes, ref lowers, upper, work } => overlay(lowers, upper, work, attributes)?,
    };
    Ok((Some(file), how))
}

/// How a mount is prepared.
#[derive(Clone, Copy)]
struct Settings<'a> {
    /// Bits of [`mount_options`].
    options: u32,
    /// `MOUNT_ATTR_…` to set.
    attributes: u64,
    /// The user namespace whose ids the files are shown with.
    id_map: Option<BorrowedFd<'a>>,
}

impl Settings<'_> {
    fn recursive(self) -> bool {
        self.options & mount_options::RECURSIVE != 0
    }

    /// Clones what `path` leads to from `folder`. EPERM and EINVAL say that the caller cannot, but the child may.
    fn clone(self, folder: BorrowedFd<'_>, path: &CStr, flags: OpenTreeFlags) -> rustix::io::Result<OwnedFd> {
        if self.options & mount_options::NO_CLONE != 0 {
            return Err(Errno::PERM);
        }
        let flags = flags | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        open_tree(folder, path, if self.recursive() { flags | OpenTreeFlags::AT_RECURSIVE } else { flags })
    }

    fn apply(self, tree: &OwnedFd) -> Result<()> {
        if let Some(namespace) = self.id_map {
            mount::map_ids_below(tree.as_fd(), namespace, self.recursive())?;
        }
        let below = self.recursive() && self.options & mount_options::TOP_ALONE == 0;
        if self.attributes == 0 { Ok(()) } else { mount::add_attributes(tree.as_fd(), self.attributes, below) }
    }
}

fn id_map_of(number: u16, given: &[OwnedFd]) -> Result<Option<BorrowedFd<'_>>> {
    if number == slot::NONE {
        return Ok(None);
    }
    given.get(usize::from(number)).map(|namespace| Some(namespace.as_fd())).ok_or(Errno::BADF).syscall("mount_setattr")
}

fn source(path: &CStr, settings: Settings<'_>) -> Result<Opened> {
    match settings.clone(CWD, path, OpenTreeFlags::empty()) {
        Ok(tree) => {
            settings.apply(&tree).map_err(|failure| failure.at(path.to_bytes()))?;
            Ok((tree, slot::DETACHED))
        }
        // An ordinary user has no right over this mount namespace. The child has one over its copy, but none to show other ids.
        Err(Errno::PERM) if settings.id_map.is_none() => Ok((open_place(path, OFlags::empty())?, slot::BY_PATH)),
        Err(errno) => Err(Failure::syscall("open_tree", errno).at(path.to_bytes())),
    }
}

fn tree(mount: &OwnedFd, settings: Settings<'_>) -> Result<Opened> {
    match settings.clone(mount.as_fd(), c"", OpenTreeFlags::AT_EMPTY_PATH) {
        Ok(tree) => {
            settings.apply(&tree)?;
            Ok((tree, slot::DETACHED))
        }
        // The child tries, in the namespaces that the mount was made for.
        Err(Errno::PERM | Errno::INVAL) if settings.id_map.is_none() => {
            Ok((rustix::io::fcntl_dupfd_cloexec(mount.as_fd(), 0).syscall("fcntl")?, slot::PLAIN))
        }
        Err(errno) => Err(Failure::syscall("open_tree", errno)),
    }
}

fn overlay(lowers: &[&CStr], upper: &CStr, work: &CStr, attributes: u64) -> Result<Opened> {
    let folder = |path: &CStr| open_place(path, OFlags::DIRECTORY);
    let lowers = lowers.iter().map(|path| folder(path)).collect::<Result<Vec<_>>>()?;
    let writable = if upper.is_empty() { None } else { Some((folder(upper)?, folder(work)?)) };
    let writable = writable.as_ref().map(|(upper, work)| Writable::Lasting { upper: upper.as_fd(), work: work.as_fd() });
    let tree = Overlay { lowers: &lowers, writable, user_namespace: None, user_xattr: false }.mount()?;
    mount::add_attributes(tree.as_fd(), attributes, false)?;
    Ok((tree, slot::DETACHED))
}

fn open_place(path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    let opened = rustix::fs::openat(CWD, path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    opened.syscall("open").map_err(|failure| failure.at(path.to_bytes()))
}
