//! Files inside a root, by descriptor: each path is resolved by openat2(2) with `RESOLVE_IN_ROOT` and `RESOLVE_NO_MAGICLINKS`, so that
//! no link in the tree leads out of it.

use std::ffi::{CStr, CString, OsString};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Failure, Result, SyscallContext};

const INSIDE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// A root to work in. The descriptor stays the caller's.
#[derive(Debug, Clone, Copy)]
pub struct Root<'a> {
    top: BorrowedFd<'a>,
}

impl<'a> Root<'a> {
    /// The tree whose top folder this is.
    pub fn new(top: BorrowedFd<'a>) -> Self {
        Self { top }
    }

    /// Resolves a path inside the root and opens what is there; the last link is followed too, unless the flags say otherwise.
    pub fn open(&self, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        // Resolution inside a root is repeated by the caller where a rename elsewhere disturbed it (EAGAIN in openat2(2)).
        loop {
            match rustix::fs::openat2(self.top, path, flags | OFlags::CLOEXEC, mode, INSIDE) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                outcome => return outcome.syscall("openat2").map_err(|failure| failure.at(path)),
            }
        }
    }

    /// Reads a regular file of at most `limit` bytes.
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Vec<u8>> {
        let place = self.open(path, OFlags::PATH, Mode::empty())?;
        let size = regular(&place, path)?;
        if size > limit {
            return Err(Failure::new("ERR_BOX_LIMIT", format!("the file has {size} bytes, more than {limit}")).at(path));
        }
        // Nothing but a regular file is ever opened: opening a device or a fifo can do something by itself.
        let file = reopen(&place, OFlags::RDONLY).map_err(|failure| failure.at(path))?;
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        std::fs::File::from(file)
            .take(limit.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| io_failure("read", &error).at(path))?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
            return Err(Failure::new("ERR_BOX_LIMIT", format!("the file grew past {limit} bytes")).at(path));
        }
        Ok(content)
    }

    /// Writes a regular file; one that is there gets the new content and keeps its mode.
    pub fn write(&self, path: &[u8], content: &[u8], mode: u32) -> Result<()> {
        let file = match self.open(path, OFlags::PATH, Mode::empty()) {
            Ok(place) => {
                regular(&place, path)?;
                reopen(&place, OFlags::WRONLY).map_err(|failure| failure.at(path))?
            }
            Err(failure) if failure.errno == Some(libc::ENOENT) => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
                let file = self.open(path, flags, Mode::from_raw_mode(mode & 0o7777))?;
                regular(&file, path)?;
                // The caller's umask has no say inside a root.
                rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o7777)).syscall("fchmod").map_err(|failure| failure.at(path))?;
                file
            }
            Err(failure) => return Err(failure),
        };
        rustix::fs::ftruncate(&file, 0).syscall("ftruncate").map_err(|failure| failure.at(path))?;
        std::fs::File::from(file).write_all(content).map_err(|error| io_failure("write", &error).at(path))
    }

    /// Makes a folder, and those above it that are missing.
    pub fn make_folder(&self, path: &[u8], mode: u32) -> Result<()> {
        let mode = Mode::from_raw_mode(mode & 0o7777);
        let mut reached: Vec<u8> = Vec::new();
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
            if name == b".." {
                return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "a path to make has no `..`").at(path));
            }
            let parent = self.open(&or_top(&reached), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
            reached.push(b'/');
            reached.extend_from_slice(name);
            match rustix::fs::mkdirat(&parent, name, mode) {
                Ok(()) => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let made = rustix::fs::openat(&parent, name, flags, Mode::empty()).syscall("openat")?;
                    rustix::fs::fchmod(&made, mode).syscall("fchmod").map_err(|failure| failure.at(&reached))?;
                }
                // Whether it is a folder shows when the next name, or the end, is reached by way of it.
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(Failure::syscall("mkdirat", errno).at(&reached)),
            }
        }
        self.open(&or_top(&reached), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).map(drop)
    }

    /// The names in a folder, sorted, as they are on the disk.
    pub fn list(&self, path: &[u8]) -> Result<Vec<OsString>> {
        let folder = self.open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        let mut names: Vec<OsString> = entries(&folder)?.into_iter().map(|name| OsString::from_vec(name.into_bytes())).collect();
        names.sort();
        Ok(names)
    }

    /// What a symbolic link says.
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>> {
        let link = self.open(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
        rustix::fs::readlinkat(&link, c"", Vec::new()).map(CString::into_bytes).syscall("readlinkat").map_err(|failure| failure.at(path))
    }

    /// Makes a symbolic link. Where it leads is kept as it is written, and decided inside the root when it is followed.
    pub fn make_link(&self, target: &[u8], path: &[u8]) -> Result<()> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::symlinkat(target, &parent, name).syscall("symlinkat").map_err(|failure| failure.at(path))
    }

    /// Removes what is there, with all that is in it; a link goes itself. Nothing there is no failure.
    pub fn remove(&self, path: &[u8]) -> Result<()> {
        let (parent, name) = match self.parent(path) {
            Err(failure) if failure.errno == Some(libc::ENOENT) => return Ok(()),
            found => found?,
        };
        let name = CString::new(name).map_err(|_| Failure::syscall("unlinkat", Errno::INVAL).at(path))?;
        remove_at(parent.as_fd(), &name).map_err(|failure| failure.at(path))
    }

    /// The folder that holds the path's last name, and that name.
    fn parent<'p>(&self, path: &'p [u8]) -> Result<(OwnedFd, &'p [u8])> {
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let trimmed = path.get(..end).unwrap_or_default();
        let start = trimmed.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, name) = (trimmed.get(..start).unwrap_or_default(), trimmed.get(start..).unwrap_or_default());
        if matches!(name, b"" | b"." | b"..") {
            return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "the path ends in no name").at(path));
        }
        Ok((self.open(&or_top(folder), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?, name))
    }
}

/// How many folders deep the removal goes before it moves what is deeper up: each level holds a descriptor and a part of the stack.
const DEPTH: u32 = 256;

/// Removes one name of a folder, and first what is in it. Works by descriptor: a folder that is moved meanwhile leads nowhere else.
/// A tree of any depth goes, as far as its folders can be renamed (not so those of an overlay's lower layers: `ERR_BOX_LIMIT`).
pub fn remove_at(parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let mut moved = Moved { parent, prefix: name.to_bytes().to_vec(), pending: Vec::new(), count: 0 };
    remove_tree(parent, name, DEPTH, &mut moved)?;
    while let Some(deep) = moved.pending.pop() {
        remove_tree(parent, &deep, DEPTH, &mut moved)?;
    }
    Ok(())
}

/// Folders that were too deep, moved beside the top of what is removed.
struct Moved<'a> {
    parent: BorrowedFd<'a>,
    prefix: Vec<u8>,
    pending: Vec<CString>,
    count: u32,
}

impl Moved<'_> {
    fn take(&mut self, folder: &OwnedFd, name: &CStr) -> Result<()> {
        loop {
            self.count += 1;
            let mut target = self.prefix.get(..self.prefix.len().min(200)).unwrap_or_default().to_vec();
            target.extend_from_slice(format!(".removed-{}", self.count).as_bytes());
            let target = CString::new(target).map_err(|_| Failure::syscall("renameat2", Errno::INVAL))?;
            match rustix::fs::renameat_with(folder, name, self.parent, &target, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    self.pending.push(target);
                    return Ok(());
                }
                Err(Errno::EXIST) => {}
                Err(Errno::XDEV) => {
                    let message = format!("the tree is more than {DEPTH} folders deep");
                    return Err(Failure::new("ERR_BOX_LIMIT", message));
                }
                Err(errno) => return Err(Failure::syscall("renameat2", errno)),
            }
        }
    }
}

fn remove_tree(parent: BorrowedFd<'_>, name: &CStr, depth: u32, moved: &mut Moved<'_>) -> Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(Failure::syscall("unlinkat", errno)),
    }
    let folder = open_to_empty(parent, name)?;
    for entry in entries(&folder)? {
        match depth.checked_sub(1) {
            Some(depth) => remove_tree(folder.as_fd(), &entry, depth, moved)?,
            None => moved.take(&folder, &entry)?,
        }
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Failure::syscall("unlinkat", errno)),
    }
}

/// Opens a folder whose entries are to go. An owner without privileges can lack the rights for it (images hold folders of mode 0555,
/// and overlayfs keeps one of mode 0), and can give them to itself.
fn open_to_empty(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = rustix::fs::openat(parent, name, flags | OFlags::PATH, Mode::empty()).syscall("openat")?;
    let status = rustix::fs::fstat(&place).syscall("fstat")?;
    if !Mode::from_raw_mode(status.st_mode).contains(Mode::RWXU) {
        let path = format!("/proc/self/fd/{}", place.as_raw_fd());
        match rustix::fs::chmod(path, Mode::RWXU) {
            // Who may not change it may still be able to empty it; what follows says so.
            Ok(()) | Err(Errno::PERM) => {}
            Err(errno) => return Err(Failure::syscall("chmod", errno)),
        }
    }
    rustix::fs::openat(&place, c".", flags | OFlags::RDONLY, Mode::empty()).syscall("openat")
}

fn entries(folder: &OwnedFd) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).syscall("getdents64")? {
        let entry = entry.syscall("getdents64")?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// The size of what must be a regular file.
fn regular(file: &OwnedFd, path: &[u8]) -> Result<u64> {
    let status = rustix::fs::fstat(file).syscall("fstat").map_err(|failure| failure.at(path))?;
    if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile {
        return Ok(u64::try_from(status.st_size).unwrap_or_default());
    }
    Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "not a regular file").at(path))
}

/// Opens for reading or writing what a descriptor of a place (`O_PATH`) stands for.
fn reopen(place: &OwnedFd, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(format!("/proc/self/fd/{}", place.as_raw_fd()), flags, Mode::empty()).syscall("openat")
}

fn or_top(path: &[u8]) -> Vec<u8> {
    if path.is_empty() { b"/".to_vec() } else { path.to_vec() }
}

fn io_failure(syscall: &'static str, error: &std::io::Error) -> Failure {
    Failure::syscall(syscall, Errno::from_io_error(error).unwrap_or(Errno::IO))
}
