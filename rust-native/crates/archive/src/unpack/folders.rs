//! Folders. Their final modes and times wait until all that they hold is there.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_kernel::{Result, SyscallContext};
use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::Unpacker;
use super::entries::timestamps;
use super::resolve::Parent;
use crate::overlay::{ANY, is_opaque, is_whiteout, make_opaque};
use crate::tar::{Entry, Kind, Time};
use crate::tree::{self, Meter, Name, Visitor, open_folder, stat};

/// What a folder gets in the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) mode: u32,
    pub(super) mtime: Time,
}

impl Unpacker {
    /// The entry for `./`.
    pub(super) fn root_entry(&mut self, entry: &Entry) -> Result<()> {
        if entry.kind != Kind::Directory {
            return Err(crate::failure::invalid(&entry.path, "the root is not a folder"));
        }
        self.report.root_entry = true;
        let root = open_folder(self.root.as_fd(), b".")?;
        self.describe(root.as_fd(), entry)
    }

    /// A folder's entry. One that is there already is described anew, and keeps what it holds.
    pub(super) fn folder(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<()> {
        let folder = match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
            Ok(()) => open_folder(parent.as_fd(), name)?,
            Err(Errno::EXIST) => {
                let present = stat(parent.as_fd(), name)?;
                if FileType::from_raw_mode(present.st_mode) == FileType::Directory {
                    open_folder(parent.as_fd(), name)?
                } else {
                    self.make_folder(parent.as_fd(), name, is_whiteout(&present))?
                }
            }
            Err(errno) => return Err(box_kernel::Failure::syscall("mkdirat", errno)),
        };
        if !self.implied.is_empty() {
            self.implied.remove(&super::path::Path::parse(&entry.path, &self.limits)?.bytes());
        }
        self.describe(folder.as_fd(), entry)
    }

    /// Makes a folder in place of what is there. Where that was a whiteout, the folder replaces the one below instead of joining it.
    pub(super) fn make_folder(&mut self, parent: BorrowedFd<'_>, name: &[u8], replaces_whiteout: bool) -> Result<OwnedFd> {
        if replaces_whiteout {
            self.report.whiteouts -= 1;
        }
        if tree::stat_if_there(parent, name)?.is_some() {
            rustix::fs::unlinkat(parent, name, AtFlags::empty()).syscall("unlinkat")?;
            self.forget();
        }
        rustix::fs::mkdirat(parent, name, Mode::RWXU).syscall("mkdirat")?;
        let folder = open_folder(parent, name)?;
        if replaces_whiteout {
            self.opaque(folder.as_fd())?;
        }
        Ok(folder)
    }

    /// Marks a folder once.
    pub(super) fn opaque(&mut self, folder: BorrowedFd<'_>) -> Result<()> {
        if is_opaque(folder, ANY)? {
            return Ok(());
        }
        let set = make_opaque(folder, self.wanted)?;
        self.report.marks.trusted &= set.trusted;
        self.report.marks.user &= set.user;
        self.report.opaques += 1;
        Ok(())
    }

    /// The folder may have been described before, by another entry or by the layer below.
    fn describe(&mut self, folder: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        let present = rustix::fs::fstat(folder).syscall("fstat")?;
        self.own_from((present.st_uid, present.st_gid), folder, entry.uid, entry.gid)?;
        self.attributes(folder, entry)?;
        self.folders.insert(present.st_ino, Pending { mode: entry.mode, mtime: entry.mtime });
        Ok(())
    }

    /// From the deepest folder up, so that a folder which denies its owner does so last. On the way all that was made is measured.
    pub(super) fn settle_folders(&mut self) -> Result<()> {
        self.cached = None;
        let root = open_folder(self.root.as_fd(), b".")?;
        let mut settler = Settler { folders: &self.folders, recount: self.recount, whiteouts: 0, opaques: 0, meter: Meter::default() };
        tree::walk(root.as_fd(), &mut settler)?;
        self.report.usage = settler.meter.usage();
        if self.recount {
            self.report.whiteouts = settler.whiteouts;
            self.report.opaques = settler.opaques;
        }
        Ok(())
    }
}

struct Settler<'folders> {
    folders: &'folders HashMap<u64, Pending>,
    recount: bool,
    whiteouts: u64,
    opaques: u64,
    meter: Meter,
}

impl Visitor for Settler<'_> {
    fn other(&mut self, parent: BorrowedFd<'_>, name: &[u8], _path: &[u8]) -> Result<()> {
        let stat = stat(parent, name)?;
        self.whiteouts += u64::from(is_whiteout(&stat));
        self.meter.count(&stat);
        Ok(())
    }

    fn enter(&mut self, folder: BorrowedFd<'_>, _path: &[u8]) -> Result<()> {
        if self.recount && is_opaque(folder, ANY)? {
            self.opaques += 1;
        }
        Ok(())
    }

    fn leave(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        let stat = rustix::fs::fstat(folder).syscall("fstat")?;
        if !path.is_empty() {
            self.meter.count(&stat);
        }
        let Some(pending) = self.folders.get(&stat.st_ino) else { return Ok(()) };
        let settled = rustix::fs::fchmod(folder, Mode::from_raw_mode(pending.mode))
            .syscall("fchmod")
            .and_then(|()| rustix::fs::futimens(folder, &timestamps(pending.mtime)).syscall("utimensat"));
        settled.map_err(|failure| failure.at(path))
    }

    fn order(&mut self, _names: &mut [Name]) {}
}
