//! Paths inside the root: resolved by the kernel, below the root's descriptor, and made component by component.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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

/// The folder that holds the last component of a path.
pub enum Parent<'a> {
    /// Opened for this.
    Opened(OwnedFd),
    /// See [`Own`].
    Kept(BorrowedFd<'a>),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Opened(folder) => folder.as_fd(),
            Self::Kept(folder) => *folder,
        }
    }
}

/// The folder that was used last, where it is on a file system that this plan has made: nobody else reaches what is in there, so that it is
/// still what its path leads to. Only what is mounted over it, or above it, changes that.
#[derive(Default)]
pub struct Own {
    /// Where file systems were made, and their `st_dev`.
    made: Vec<(Vec<u8>, u64)>,
    /// The folder's path, as it was named, and the folder.
    kept: Option<(Vec<u8>, OwnedFd)>,
}

impl Own {
    /// A new file system was mounted at `target`: `top` is its uppermost folder.
    pub fn made(&mut self, target: &CStr, top: OwnedFd) -> Result<()> {
        let target = folder_of(target.to_bytes()).to_vec();
        self.made.push((target.clone(), rustix::fs::fstat(&top)?.st_dev));
        self.kept.get_or_insert((target, top));
        Ok(())
    }

    /// Something was mounted, or is no longer where it was.
    pub fn forget(&mut self) {
        self.kept = None;
    }

    /// As `open_or_make`, for something that is mounted there then.
    pub fn place(&mut self, root: impl AsFd, path: &CStr, kind: Kind) -> Result<OwnedFd> {
        let made = match self.parent(&root, path) {
            Some((parent, name)) => make(parent, &name, kind),
            None => Err(Errno::LOOP),
        };
        match made {
            // A mount below the folder hides nothing of it.
            Ok(place) => Ok(place),
            // Not in such a folder, or a link is there: it decides where this leads.
            Err(Errno::LOOP) => {
                self.forget();
                open_or_make(root, path, kind)
            }
            Err(errno) => Err(errno),
        }
    }

    /// As `open_parent`.
    pub fn open_parent(&mut self, root: impl AsFd, path: &CStr) -> Result<(Parent<'_>, CString)> {
        if self.parent(&root, path).is_none() {
            let (parent, name) = open_parent(root, path)?;
            return Ok((Parent::Opened(parent), name));
        }
        self.kept_parent(path).map(|(parent, name)| (Parent::Kept(parent), name)).ok_or(Errno::NOENT)
    }

    /// The folder that holds the path's last component, where it is there and one of these.
    fn parent(&mut self, root: impl AsFd, path: &CStr) -> Option<(BorrowedFd<'_>, CString)> {
        let (folder, _) = split(path.to_bytes());
        if self.kept.as_ref().is_none_or(|(kept, _)| kept != folder) {
            let below = |target: &[u8]| folder.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
            let mut devices = self.made.iter().filter(|(target, _)| below(target)).map(|(_, device)| *device).peekable();
            devices.peek()?;
            let found = open(root, &terminated(folder).ok()?, OFlags::PATH | OFlags::DIRECTORY).ok()?;
            let device = rustix::fs::fstat(&found).ok()?.st_dev;
            if !devices.any(|made| made == device) {
                return None;
            }
            self.kept = Some((folder.to_vec(), found));
        }
        self.kept_parent(path)
    }

    fn kept_parent(&self, path: &CStr) -> Option<(BorrowedFd<'_>, CString)> {
        let (folder, name) = split(path.to_bytes());
        let (kept, found) = self.kept.as_ref()?;
        (kept == folder).then(|| Some((found.as_fd(), terminated(name).ok()?))).flatten()
    }
}

/// The path without slashes at its end.
fn folder_of(path: &[u8]) -> &[u8] {
    let length = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    path.get(..length).unwrap_or_default()
}

/// What holds the path's last component, and that component.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let path = folder_of(path);
    let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (folder, name) = path.split_at(name);
    (folder_of(folder), name)
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
fn make(parent: impl AsFd, name: &CStr, kind: Kind) -> Result<OwnedFd> {
    if matches!(name.to_bytes(), b"." | b"..") {
        return Err(Errno::INVAL);
    }
    let made = match kind {
        Kind::Folder => mkdirat(&parent, name, Mode::from_raw_mode(0o755)),
        Kind::File => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
            match rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)) {
                Ok(file) => return Ok(file),
                Err(errno) => Err(errno),
            }
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
