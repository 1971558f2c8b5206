//! Paths inside the root: resolved by the kernel, below the root's descriptor, and made component by component.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::{Errno, Result};

/// openat2(2) answers EAGAIN where something was renamed meanwhile; it is asked again so many times.
const ATTEMPTS: usize = 128;

/// What a path is to lead to where it is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File,
}

/// Opens what the path leads to, with links resolved inside the root.
pub fn open(root: impl AsFd, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    open_with(root, path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

/// As `open`, where no link is followed: what is mounted over these paths decides on security.
pub fn open_strictly(root: impl AsFd, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    open_with(root, path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS)
}

fn open_with(root: impl AsFd, path: &CStr, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd> {
    for _ in 0..ATTEMPTS {
        match openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// Opens the place at the path as a mount point, and makes what is missing of it.
pub fn open_or_make(root: impl AsFd, path: &CStr, kind: Kind) -> Result<OwnedFd> {
    match open(&root, path, OFlags::PATH) {
        Err(Errno::NOENT) => {}
        result => return result,
    }
    let (parent, name) = open_parent(&root, path)?;
    make(&parent, &name, kind)
}

/// Opens the folder that holds the last component of the path, made where it is missing, and gives that component.
pub fn open_parent(root: impl AsFd, path: &CStr) -> Result<(OwnedFd, CString)> {
    let bytes = path.to_bytes();
    let mut components = bytes.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let name = terminated(components.pop().ok_or(Errno::INVAL)?)?;
    let folder = OFlags::PATH | OFlags::DIRECTORY;
    let whole = terminated(&components.join(&b'/'))?;
    if !components.is_empty() {
        match open(&root, &whole, folder) {
            Err(Errno::NOENT) => {}
            result => return Ok((result?, name)),
        }
    }
    let mut parent = open(&root, c"/", folder)?;
    for (index, component) in components.iter().enumerate() {
        let reached = terminated(&components.get(..=index).unwrap_or_default().join(&b'/'))?;
        parent = match open(&root, &reached, folder) {
            Err(Errno::NOENT) => make(&parent, &terminated(component)?, Kind::Folder)?,
            result => result?,
        };
    }
    Ok((parent, name))
}

/// Makes one component and opens it. A link of that name, which leads nowhere, is not followed: ELOOP.
fn make(parent: &OwnedFd, name: &CStr, kind: Kind) -> Result<OwnedFd> {
    if matches!(name.to_bytes(), b"." | b"..") {
        return Err(Errno::INVAL);
    }
    let made = match kind {
        Kind::Folder => mkdirat(parent, name, Mode::from_raw_mode(0o755)),
        Kind::File => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
            rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        }
    };
    match made {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(parent, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn terminated(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Errno::INVAL)
}
