//! Overlays of id-mapped layers before kernel 6.15: overlayfs takes a mount as a layer only where it is attached in the mount namespace of
//! who makes the overlay. A thread of its own has such a namespace, and attaches them to a file system in memory that nobody else sees.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags};

use super::{Layers, Opened};
use crate::error::{Failure, Result, SyscallContext};
use crate::file_ids::FileIds;
use crate::mount;

/// Where the file system in memory is attached, in the namespace of the thread alone: a folder that every machine has.
const SCRATCH: &str = "/proc";

/// The overlay's own place there.
const PLACE: &str = "m";

/// mount(2) reads one page of options.
const LONGEST_OPTIONS: usize = 4095;

/// Makes the overlay, and one mount of it that is attached nowhere.
pub fn mount(layers: &Layers, user_xattr: bool) -> Result<OwnedFd> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("box-overlay".into()).spawn_scoped(scope, || apart(layers, user_xattr));
        thread
            .map_err(|error| Failure::new("ERR_BOX_SYSTEM", format!("the thread that makes an overlay cannot be started: {error}")))?
            .join()
            .unwrap_or_else(|_| Err(Failure::new("ERR_BOX_SYSTEM", "the thread that makes an overlay has panicked")))
    })
}

/// On a thread that ends afterwards: its namespace goes with it, and all that is attached in it.
fn apart(layers: &Layers, user_xattr: bool) -> Result<OwnedFd> {
    // SAFETY: unshare takes flags; what it changes (the folders that this thread is in, and its mounts) nothing else on this thread uses.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(Failure::last_os_error("unshare").during("mount namespace for an overlay"));
    }
    let everything = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", everything).syscall("mount")?;
    let scratch = mount::tmpfs(1024 * 1024, 0o755)?;
    rustix::mount::move_mount(scratch.as_fd(), "", CWD, SCRATCH, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).syscall("move_mount")?;
    rustix::process::chdir(SCRATCH).syscall("chdir")?;
    folder(PLACE)?;

    let mut names = Vec::with_capacity(layers.lowers.len());
    for (number, lower) in layers.lowers.iter().enumerate() {
        let name = number.to_string();
        attach(lower, &name)?;
        names.push(name);
    }
    let mut options = format!("lowerdir={},index=off,xino=off,metacopy=off", names.join(":"));
    options.push_str(if user_xattr { ",userxattr" } else { ",redirect_dir=off" });
    let mut flags = MountFlags::NODEV;
    // What overlayfs makes by itself, it makes as who mounts it: that must be someone with an id in the upper folder's mapping.
    let ids = match &layers.writable {
        Some(Opened { view, .. }) => {
            attach(view, "w")?;
            options.push_str(",upperdir=w/upper,workdir=w/work,volatile");
            Some(FileIds::owner_of(view.as_fd())?)
        }
        None => {
            flags |= MountFlags::RDONLY;
            None
        }
    };
    if options.len() > LONGEST_OPTIONS {
        let message = format!("this kernel takes {LONGEST_OPTIONS} bytes of options, too few for {} id-mapped layers", names.len());
        return Err(Failure::new("ERR_BOX_UNSUPPORTED", message));
    }
    let options = CString::new(options).map_err(|_| Failure::syscall("mount", Errno::INVAL))?;
    rustix::mount::mount("overlay", PLACE, "overlay", flags, options.as_c_str())
        .map_err(|errno| Failure::syscall("mount", errno).during("overlay of id-mapped layers"))?;
    drop(ids);
    let made = rustix::mount::open_tree(
        CWD,
        PLACE,
        rustix::mount::OpenTreeFlags::OPEN_TREE_CLONE | rustix::mount::OpenTreeFlags::OPEN_TREE_CLOEXEC,
    );
    made.syscall("open_tree")
}

/// Attaches a mount below the scratch, under that name.
fn attach(mount: &OwnedFd, name: &str) -> Result<()> {
    folder(name)?;
    rustix::mount::move_mount(mount.as_fd(), "", CWD, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).syscall("move_mount")
}

fn folder(name: &str) -> Result<()> {
    rustix::fs::mkdirat(CWD, name, Mode::from_raw_mode(0o700)).syscall("mkdirat").map_err(|failure| failure.at(name))
}
