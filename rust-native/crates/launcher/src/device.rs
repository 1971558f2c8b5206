//! Device nodes and links, made below a verified folder.

use std::ffi::CStr;

use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, chownat, makedev, mknodat, statat, symlinkat};
use rustix::io::Errno;

use crate::mount::{Root, Source, attach, tree_of};
use crate::resolve::Kind;
use crate::stop::{Context, Result, refused};

/// A node to be made.
pub struct Node<'a> {
    pub kind: u32,
    pub mode: u32,
    pub major: u32,
    pub minor: u32,
    pub uid: u32,
    pub gid: u32,
    pub path: &'a CStr,
}

impl Node<'_> {
    fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.kind)
    }

    fn is(&self, mode: u32, number: u64) -> bool {
        let file_type = FileType::from_raw_mode(mode);
        file_type == self.file_type() && (file_type == FileType::Fifo || number == makedev(self.major, self.minor))
    }
}

/// mknod(2). The same node, where it is there already, is well.
pub fn make(root: &mut Root, node: &Node<'_>) -> Result<()> {
    let (parent, name) = root.own.open_parent(&root.folder, node.path).call_at("openat2", node.path)?;
    match mknodat(&parent, &name, node.file_type(), Mode::from_raw_mode(node.mode), makedev(node.major, node.minor)) {
        Ok(()) => {}
        Err(Errno::EXIST) => {
            let found = statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW).call_at("fstatat", node.path)?;
            return if node.is(found.st_mode, found.st_rdev) { Ok(()) } else { Err(Errno::EXIST).call_at("mknodat", node.path) };
        }
        Err(errno) => return Err(errno).call_at("mknodat", node.path),
    }
    if node.uid == 0 && node.gid == 0 {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
    chownat(&parent, &name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).call_at("fchownat", node.path)
}

/// Binds the caller's node, which must have the number that is wanted.
pub fn bind(root: &mut Root, node: &Node<'_>, source: Source<'_>) -> Result<()> {
    let tree = tree_of(source, false)?;
    let found = rustix::fs::fstat(&tree).call_at("fstat", node.path)?;
    if !node.is(found.st_mode, found.st_rdev) {
        return Err(refused("ERR_BOX_STATE", node.path));
    }
    let place = root.own.place(&root.folder, node.path, Kind::File).call_at("openat2", node.path)?;
    attach(&tree, &place, node.path)
}

/// symlink(2). What is there already is left as it is.
pub fn link(root: &mut Root, value: &CStr, path: &CStr) -> Result<()> {
    let (parent, name) = root.own.open_parent(&root.folder, path).call_at("openat2", path)?;
    match symlinkat(value, &parent, &name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno).call_at("symlinkat", path),
    }
}
