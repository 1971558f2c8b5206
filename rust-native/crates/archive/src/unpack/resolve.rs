//! From an entry's parents to an open folder. Nothing here joins paths: the kernel resolves inside the root, or components are
//! opened one after the other without following, and links are taken apart by hand.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use box_kernel::{Result, SyscallContext};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};

use super::Unpacker;
use super::folders::Pending;
use crate::failure::invalid;
use crate::overlay::{is_whiteout, name_only};
use crate::tar::Time;
use crate::tree::{open_folder, stat_if_there};

/// Links followed for one path, as in the kernel (path_resolution(7)).
const LINKS: u32 = 40;

/// A folder in which an entry is made.
#[derive(Debug, Clone)]
pub(super) struct Parent(Rc<OwnedFd>);

impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Where a walk stands: the folder's descriptor, and its path without links.
struct Place {
    folders: Vec<(OwnedFd, Vec<u8>)>,
}

impl Unpacker {
    /// The folder of that path, made where it is missing. Entries come folder by folder: the last one is remembered.
    pub(super) fn parent(&mut self, path: &[Vec<u8>]) -> Result<Parent> {
        if let Some((cached, parent)) = &self.cached
            && cached == path
        {
            return Ok(parent.clone());
        }
        let folder = match self.open_inside(path) {
            Some(folder) => folder,
            None => self.walk(path, true)?.ok_or_else(|| invalid(&[], "a parent cannot be made"))?,
        };
        let parent = Parent(Rc::new(folder));
        self.cached = Some((path.to_vec(), parent.clone()));
        Ok(parent)
    }

    /// The folder of that path, if it is there.
    pub(super) fn parent_if_there(&mut self, path: &[Vec<u8>]) -> Result<Option<Parent>> {
        let folder = match self.open_inside(path) {
            Some(folder) => Some(folder),
            None => self.walk(path, false)?,
        };
        Ok(folder.map(|folder| Parent(Rc::new(folder))))
    }

    /// After something was taken away, what was resolved before may stand elsewhere.
    pub(super) fn forget(&mut self) {
        self.cached = None;
    }

    /// In one call. Whatever is in the way is left to the walk, which says what it is.
    fn open_inside(&self, path: &[Vec<u8>]) -> Option<OwnedFd> {
        let path = if path.is_empty() { b".".to_vec() } else { path.join(&b'/') };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        rustix::io::retry_on_intr(|| rustix::fs::openat2(&self.root, path.as_slice(), flags, Mode::empty(), resolve)).ok()
    }

    /// Component by component, following links inside the root, and making what is missing where `make` says so.
    fn walk(&mut self, path: &[Vec<u8>], make: bool) -> Result<Option<OwnedFd>> {
        let mut place = Place { folders: Vec::new() };
        let mut ahead: VecDeque<Vec<u8>> = path.iter().cloned().collect();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name.is_empty() || name == b"." {
                continue;
            }
            if name == b".." {
                place.folders.pop();
                continue;
            }
            if name.len() > 255 || place.folders.len() >= self.limits.depth {
                return Err(invalid(&[], "a link leads too deep"));
            }
            let parent = place.folders.last().map_or(self.root.as_fd(), |(folder, _)| folder.as_fd());
            let target = match stat_if_there(parent, &name)? {
                Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => None,
                Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                    let target = rustix::fs::readlinkat(parent, name.as_slice(), Vec::new()).syscall("readlinkat")?;
                    Some(target.into_bytes())
                }
                Some(stat) if !is_whiteout(&stat) => return Err(invalid(&[], "a parent is not a folder")),
                found => {
                    let mut below: Vec<Vec<u8>> = place.folders.iter().map(|(_, name)| name.clone()).collect();
                    below.push(name.clone());
                    // What a whiteout hides, or a folder of this layer stands in place of, is not there for it.
                    let lower = if found.is_some() || self.own.has(&below) { None } else { self.lowers.find(&below)? };
                    match lower {
                        Some(lower) if lower.kind() == FileType::Symlink => {
                            self.note_lower(below.join(&b'/'));
                            Some(lower.target()?)
                        }
                        _ if !make => return Ok(None),
                        lower => {
                            let parent = place.folders.last().map_or(self.root.as_fd(), |(folder, _)| folder.as_fd());
                            let parent = name_only(parent, b".")?;
                            self.imply(parent.as_fd(), &name, &below, found.is_some(), lower.as_ref())?;
                            None
                        }
                    }
                }
            };
            let parent = place.folders.last().map_or(self.root.as_fd(), |(folder, _)| folder.as_fd());
            match target {
                None => {
                    let folder = open_folder(parent, &name)?;
                    place.folders.push((folder, name));
                }
                Some(target) => {
                    links += 1;
                    if links > LINKS {
                        return Err(invalid(&[], "too many links on the way to a parent"));
                    }
                    if target.starts_with(b"/") {
                        place.folders.clear();
                    }
                    for component in target.split(|byte| *byte == b'/').rev() {
                        ahead.push_front(component.to_vec());
                    }
                }
            }
        }
        match place.folders.pop() {
            Some((folder, _)) => Ok(Some(folder)),
            None => open_folder(self.root.as_fd(), b".").map(Some),
        }
    }

    /// Makes a folder that no entry described: as in the layer below; else 0755, root's, of the epoch.
    fn imply(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        path: &[Vec<u8>],
        replaces_whiteout: bool,
        lower: Option<&crate::lowers::Found>,
    ) -> Result<()> {
        let folder = self.make_folder(parent, name, replaces_whiteout)?;
        let inode = crate::tree::inode(folder.as_fd())?;
        let pending = match lower {
            Some(lower) if lower.kind() == FileType::Directory => {
                self.copy_metadata(lower, folder.as_fd())?;
                let mtime = Time { seconds: lower.stat.st_mtime, nanoseconds: u32::try_from(lower.stat.st_mtime_nsec).unwrap_or(0) };
                Pending { mode: lower.stat.st_mode & 0o7777, mtime }
            }
            _ => {
                self.own(folder.as_fd(), 0, 0)?;
                Pending { mode: 0o755, mtime: Time::default() }
            }
        };
        self.folders.insert(inode, pending);
        if self.folders.len() as u64 > self.limits.entries {
            return Err(crate::failure::over_limit(&[], "the number of entries", self.limits.entries));
        }
        self.implied.insert(path.join(&b'/'));
        Ok(())
    }
}
