//! What is made in namespaces of its own for the caller to use: sent back over the channel.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use box_plan::Outcome;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_fd, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, open_tree,
};

use crate::stop::{Context, Result};
use crate::{channel, sys};

/// A namespace of this process.
pub fn namespace(name: &CStr, answer: &OwnedFd) -> Result<()> {
    let path = CString::new([b"self/ns/", name.to_bytes()].concat()).unwrap_or_default();
    let file = rustix::fs::openat(sys::fixed(sys::PROC), &path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).call_at("open", &path)?;
    channel::send(answer, &Outcome::Offered, Some(file.as_fd()));
    Ok(())
}

/// A folder, as a mount of its own.
pub fn tree(path: &CStr, attributes: u64, answer: &OwnedFd) -> Result<()> {
    let tree = open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC).call_at("open_tree", path)?;
    sys::mount_setattr(&tree, false, attributes, 0).call("mount_setattr")?;
    channel::send(answer, &Outcome::Offered, Some(tree.as_fd()));
    Ok(())
}

/// An overlay. Its folders are opened here: overlayfs takes only mounts of the namespace that it is made in.
pub fn overlay(
    lowers: &[&CStr],
    (upper, work): (&CStr, &CStr),
    (size, like): (u64, &CStr),
    parameters: &[(&CStr, &CStr)],
    answer: &OwnedFd,
) -> Result<()> {
    let context = begin_overlay(lowers, upper, work)?;
    let memory = if upper.is_empty() && size > 0 { Some(in_memory(size, &folder(like)?)?) } else { None };
    if let Some(memory) = &memory {
        for (key, name) in [(c"upperdir", c"upper"), (c"workdir", c"work")] {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(memory, name, flags, Mode::empty()).call_at("open", name)?;
            set_folder(&context, key, &opened).call_at("fsconfig", name)?;
        }
    }
    let mount = finish_overlay(&context, parameters, MountAttrFlags::empty())?;
    channel::send(answer, &Outcome::Offered, Some(mount.as_fd()));
    if let Some(memory) = &memory {
        channel::send(answer, &Outcome::Offered, Some(memory.as_fd()));
    }
    Ok(())
}

/// An overlay for this process itself, with marks that a user namespace can write.
pub fn own_overlay(lowers: &[&CStr], upper: &CStr, work: &CStr, attributes: u64) -> Result<OwnedFd> {
    let context = begin_overlay(lowers, upper, work)?;
    let parameters = [(c"userxattr", c""), (c"index", c"off"), (c"xino", c"off"), (c"metacopy", c"off")];
    let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes).unwrap_or(0)) | MountAttrFlags::MOUNT_ATTR_NODEV;
    finish_overlay(&context, &parameters, attributes)
}

fn begin_overlay(lowers: &[&CStr], upper: &CStr, work: &CStr) -> Result<OwnedFd> {
    let context = fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC).call("fsopen")?;
    fsconfig_set_string(&context, c"source", c"overlay").call("fsconfig")?;
    for path in lowers {
        set_folder(&context, c"lowerdir+", &folder(path)?).call_at("fsconfig", path)?;
    }
    if !upper.is_empty() {
        set_folder(&context, c"upperdir", &folder(upper)?).call_at("fsconfig", upper)?;
        set_folder(&context, c"workdir", &folder(work)?).call_at("fsconfig", work)?;
    }
    Ok(context)
}

fn folder(path: &CStr) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).call_at("open", path)
}

fn finish_overlay(context: &OwnedFd, parameters: &[(&CStr, &CStr)], attributes: MountAttrFlags) -> Result<OwnedFd> {
    for (name, value) in parameters {
        let set = if value.is_empty() { fsconfig_set_flag(context, *name) } else { fsconfig_set_string(context, *name, *value) };
        set.call_at("fsconfig", name)?;
    }
    fsconfig_create(context).call("fsconfig")?;
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).call("fsmount")
}

/// A file system in memory with the folders that overlayfs writes to, the upper one with the mode of `like`.
fn in_memory(size: u64, like: &OwnedFd) -> Result<OwnedFd> {
    let context = fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).call("fsopen")?;
    fsconfig_set_string(&context, c"size", format!("{size}")).call("fsconfig")?;
    fsconfig_set_string(&context, c"mode", c"0755").call("fsconfig")?;
    fsconfig_create(&context).call("fsconfig")?;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).call("fsmount")?;
    let mode = Mode::from_raw_mode(rustix::fs::fstat(like).call("fstat")?.st_mode);
    for name in [c"upper", c"work"] {
        rustix::fs::mkdirat(&mount, name, Mode::RWXU).call_at("mkdirat", name)?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let upper = rustix::fs::openat(&mount, c"upper", flags, Mode::empty()).call("open")?;
    rustix::fs::fchmod(&upper, mode).call("fchmod")?;
    Ok(mount)
}

/// By descriptor (from Linux 6.13), or by the path that leads to the descriptor.
fn set_folder(context: &OwnedFd, key: &CStr, folder: &OwnedFd) -> rustix::io::Result<()> {
    match fsconfig_set_fd(context, key, folder) {
        Err(Errno::INVAL) => fsconfig_set_string(context, key, format!("/proc/self/fd/{}", folder.as_raw_fd())),
        result => result,
    }
}
