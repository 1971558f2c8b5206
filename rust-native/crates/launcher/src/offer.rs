//! What is made in namespaces of its own for the caller to use: sent back over the channel.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use box_plan::Outcome;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_fd, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
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

/// An overlay. Its folders are opened here: overlayfs takes only mounts of the namespace that it is made in.
pub fn overlay(lowers: &[&CStr], upper: &CStr, work: &CStr, parameters: &[(&CStr, &CStr)], answer: &OwnedFd) -> Result<()> {
    let context = fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC).call("fsopen")?;
    fsconfig_set_string(&context, c"source", c"overlay").call("fsconfig")?;
    let folder = |path: &CStr| {
        rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).call_at("open", path)
    };
    for path in lowers {
        set_folder(&context, c"lowerdir+", &folder(path)?).call_at("fsconfig", path)?;
    }
    if !upper.is_empty() {
        set_folder(&context, c"upperdir", &folder(upper)?).call_at("fsconfig", upper)?;
        set_folder(&context, c"workdir", &folder(work)?).call_at("fsconfig", work)?;
    }
    for (name, value) in parameters {
        let set = if value.is_empty() { fsconfig_set_flag(&context, *name) } else { fsconfig_set_string(&context, *name, *value) };
        set.call_at("fsconfig", name)?;
    }
    fsconfig_create(&context).call("fsconfig")?;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).call("fsmount")?;
    channel::send(answer, &Outcome::Offered, Some(mount.as_fd()));
    Ok(())
}

/// By descriptor (from Linux 6.13), or by the path that leads to the descriptor.
fn set_folder(context: &OwnedFd, key: &CStr, folder: &OwnedFd) -> rustix::io::Result<()> {
    match fsconfig_set_fd(context, key, folder) {
        Err(Errno::INVAL) => fsconfig_set_string(context, key, format!("/proc/self/fd/{}", folder.as_raw_fd())),
        result => result,
    }
}
