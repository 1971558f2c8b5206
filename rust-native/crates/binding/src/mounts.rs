//! Mounts and overlays, by descriptor.

use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};

use box_kernel::overlay::{Overlay, Writable};
use box_kernel::{Failure, Result, SyscallContext, mount, writable};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use rustix::fs::{Mode, OFlags};

use crate::background::promise;
use crate::error::OrThrow;

/// What an overlay is made of.
#[napi(object)]
pub struct OverlayOptions {
    /// The folders that are read, by path, the uppermost first.
    pub lowers: Vec<String>,
    /// A descriptor of the folder that holds `upper` and `work`; without it nothing can be written.
    pub writable: Option<i32>,
    /// A descriptor of the user namespace whose ids the layers are shown with.
    pub user_namespace: Option<i32>,
    /// Keeps the marks of overlayfs in `user.overlay.*`.
    pub user_xattr: bool,
}

/// Makes an overlay that is attached nowhere. Gives a descriptor of the mount, which the caller closes.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn mount_overlay(env: &Env, options: OverlayOptions) -> napi::Result<Object<'_>> {
    let writable = options.writable.map(duplicate).transpose().or_throw(env)?;
    let user_namespace = options.user_namespace.map(duplicate).transpose().or_throw(env)?;
    let work = move || {
        let lowers = options.lowers.iter().map(|path| place(path)).collect::<Result<Vec<_>>>()?;
        let overlay = Overlay {
            lowers: &lowers,
            writable: writable.as_ref().map(|folder| Writable::Temporary(folder.as_fd())),
            user_namespace: user_namespace.as_ref().map(AsFd::as_fd),
            user_xattr: options.user_xattr,
        };
        overlay.mount()
    };
    promise(env, work, |_, mount| Ok(mount.into_raw_fd()))
}

/// Makes a mount of a folder that is attached nowhere, without devices, with the ids that a user namespace gives. Gives a descriptor of the mount, which
/// the caller closes.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn mount_tree(env: &Env, fd: i32, user_namespace: Option<i32>, read_only: bool) -> napi::Result<Object<'_>> {
    let folder = duplicate(fd).or_throw(env)?;
    let user_namespace = user_namespace.map(duplicate).transpose().or_throw(env)?;
    let work = move || mount::tree(folder.as_fd(), user_namespace.as_ref().map(AsFd::as_fd), read_only);
    promise(env, work, |_, mount| Ok(mount.into_raw_fd()))
}

/// Makes a file system in memory that is attached nowhere. Gives a descriptor of the mount, which the caller closes.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn mount_tmpfs(env: &Env, size: f64, mode: u32) -> napi::Result<Object<'_>> {
    let size = whole(size).or_throw(env)?;
    promise(env, move || mount::tmpfs(size, mode), |_, mount| Ok(mount.into_raw_fd()))
}

/// Makes `upper` and `work` in a folder, the first like the folder at `like`.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn make_writable(env: &Env, fd: i32, like: Option<String>) -> napi::Result<Object<'_>> {
    let parent = duplicate(fd).or_throw(env)?;
    let work = move || {
        let like = like.map(|path| folder(&path)).transpose()?;
        writable::make_writable(parent.as_fd(), like.as_ref().map(AsFd::as_fd))
    };
    promise(env, work, |_, ()| Ok(()))
}

/// Opens a folder by its path, not following a link. Gives a descriptor, which the caller closes.
#[napi(catch_unwind)]
pub fn open_folder_path(env: &Env, path: String) -> napi::Result<i32> {
    folder(&path).map(IntoRawFd::into_raw_fd).or_throw(env)
}

/// Opens a folder below an open one, not following a link. Gives a descriptor, which the caller closes.
#[napi(catch_unwind)]
pub fn open_folder_at(env: &Env, fd: i32, name: String) -> napi::Result<i32> {
    let parent = duplicate(fd).or_throw(env)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(parent, name.as_str(), flags, Mode::empty()).syscall("openat");
    opened.map(IntoRawFd::into_raw_fd).map_err(|failure| failure.at(name)).or_throw(env)
}

/// Writes all that is pending on a file system to its disk (syncfs(2)).
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn sync_file_system(env: &Env, path: String) -> napi::Result<Object<'_>> {
    let work = move || rustix::fs::syncfs(folder(&path)?).syscall("syncfs").map_err(|failure| failure.at(&path));
    promise(env, work, |_, ()| Ok(()))
}

/// A descriptor of the core's own for one of the caller's, so that work on a thread does not meet a closed one.
pub fn duplicate(fd: i32) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "a file descriptor is not negative"));
    }
    // SAFETY: the number is used for this one call; where nothing is open under it the kernel answers EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::io::fcntl_dupfd_cloexec(borrowed, 3).syscall("fcntl")
}

/// A whole number of JavaScript's that is not negative.
pub fn whole(number: f64) -> Result<u64> {
    if (0.0..=9_007_199_254_740_991.0).contains(&number) && number.fract() == 0.0 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        return Ok(number as u64);
    }
    Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{number} is not a whole number from 0 to 2^53 - 1")))
}

pub fn folder(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).syscall("openat").map_err(|failure| failure.at(path))
}

fn place(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).syscall("openat").map_err(|failure| failure.at(path))
}
