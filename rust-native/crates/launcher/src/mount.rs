//! Mounts, by descriptor from the source to the place.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{mount_options, slot};
use rustix::fs::{AtFlags, CWD, FileType, OFlags, StatxFlags, fstat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree, unmount,
};

use crate::resolve::{self, Kind, Own};
use crate::stop::{Context, Result, refused};
use crate::sys;

/// What a mount is given beside its source and place.
#[derive(Clone, Copy)]
pub struct Settings {
    /// `MOUNT_ATTR_…`.
    pub attributes: u64,
    /// `MS_PRIVATE` and the like, or 0.
    pub propagation: u32,
    /// Bits of [`mount_options`].
    pub options: u32,
}

impl Settings {
    fn recursive(self) -> bool {
        self.options & mount_options::RECURSIVE != 0
    }

    fn apply(self, tree: impl AsFd) -> Result<()> {
        if self.attributes != 0 {
            let below = self.recursive() && self.options & mount_options::TOP_ALONE == 0;
            sys::mount_setattr(&tree, below, self.attributes, 0).call("mount_setattr")?;
        }
        if self.propagation == 0 {
            return Ok(());
        }
        // mount(2) has the recursion among the flags, mount_setattr(2) beside them.
        let recursion = MountPropagationFlags::REC.bits();
        let (recursive, propagation) = (self.propagation & recursion != 0, self.propagation & !recursion);
        sys::mount_setattr(&tree, recursive, 0, u64::from(propagation)).call("mount_setattr")
    }
}

/// The root, and what is known of places in it.
pub struct Root {
    /// Its uppermost folder.
    pub folder: Tree,
    /// The last of the folders that are this plan's own.
    pub own: Own,
    /// The kernel's interfaces that this plan has mounted.
    pub interfaces: Vec<Interface>,
}

/// A mount that can be attached.
pub enum Tree {
    /// Made here.
    Made(OwnedFd),
    /// As it came with the plan: it stays open until execve.
    Given(BorrowedFd<'static>),
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Made(mount) => mount.as_fd(),
            Self::Given(mount) => *mount,
        }
    }
}

/// A source as it came with the plan.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The descriptor.
    pub file: BorrowedFd<'static>,
    /// How it could be opened: see [`slot`].
    pub kind: u8,
    /// Its path where the caller is.
    pub path: &'a CStr,
}

/// Propagation of all mounts of this namespace.
pub fn propagate(flags: u32) -> Result<()> {
    mount_change(c"/", MountPropagationFlags::from_bits_retain(flags)).call("mount")
}

/// Puts the root's mount over the old root, so that it has a place in this mount namespace. Paths still start at the old one.
pub fn attach_root(source: Source<'_>) -> Result<Tree> {
    let tree = tree_of(source, true)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&tree, c"", CWD, c"/", flags).call("move_mount")?;
    Ok(tree)
}

/// Makes the mount that `root` refers to the root, and lets go of the old one.
pub fn pivot(root: BorrowedFd<'_>) -> Result<()> {
    rustix::process::fchdir(root).call("fchdir")?;
    sys::pivot_here().call("pivot_root")?;
    unmount(c".", UnmountFlags::DETACH).call("umount2")?;
    rustix::process::chdir(c"/").call("chdir")
}

/// Mounts a new file system, and gives the mount where it is a devpts.
pub fn mount_new(
    root: &mut Root,
    kind: &CStr,
    target: &CStr,
    parameters: &[(&CStr, &CStr)],
    settings: Settings,
) -> Result<Option<OwnedFd>> {
    let tree = match new_tree(kind, parameters, settings.attributes) {
        Err(stop) if settings.options & mount_options::OR_BIND != 0 && stop.errno == Errno::PERM.raw_os_error() => {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
            let source = if kind == c"mqueue" { c"/dev/mqueue" } else { c"/sys" };
            let tree = open_tree(CWD, source, flags).call_at("open_tree", source)?;
            sys::mount_setattr(&tree, true, settings.attributes, 0).call("mount_setattr")?;
            tree
        }
        result => result?,
    };
    Settings { attributes: 0, ..settings }.apply(&tree)?;
    // A link in the image must not decide where the kernel's own interfaces are.
    let strict = matches!(kind.to_bytes(), b"proc" | b"sysfs");
    let place = if strict { strict_folder(root, target) } else { root.own.place(&root.folder, target, Kind::Folder) };
    attach(&tree, &place.call_at("openat2", target)?, target)?;
    match kind.to_bytes() {
        b"devpts" => return Ok(Some(tree)),
        b"proc" | b"sysfs" => root.interfaces.push(Interface::new(target, tree)),
        b"tmpfs" => root.own.made(target, tree).call_at("fstat", target)?,
        _ => {}
    }
    Ok(None)
}

/// Attaches a mount that was made here to a folder.
pub fn attach_new(root: &mut Root, tree: &OwnedFd, target: &CStr, settings: Settings) -> Result<()> {
    settings.apply(tree)?;
    attach(tree, &root.own.place(&root.folder, target, Kind::Folder).call_at("openat2", target)?, target)
}

fn strict_folder(root: &mut Root, target: &CStr) -> rustix::io::Result<OwnedFd> {
    root.own.forget();
    match resolve::open_strictly(&root.folder, target, OFlags::PATH | OFlags::DIRECTORY) {
        Err(Errno::NOENT) => resolve::open_or_make(&root.folder, target, Kind::Folder),
        result => result,
    }
}

fn new_tree(kind: &CStr, parameters: &[(&CStr, &CStr)], attributes: u64) -> Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).call_at("fsopen", kind)?;
    // What /proc/self/mounts shows as the device.
    fsconfig_set_string(&context, c"source", kind).call_at("fsconfig", kind)?;
    for (name, value) in parameters {
        let set = if value.is_empty() { fsconfig_set_flag(&context, *name) } else { fsconfig_set_string(&context, *name, *value) };
        set.call_at("fsconfig", name)?;
    }
    fsconfig_create(&context).call_at("fsconfig", kind)?;
    let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes).unwrap_or(0));
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).call_at("fsmount", kind)
}

/// Mounts a prepared source.
pub fn mount_prepared(root: &mut Root, source: Source<'_>, target: &CStr, settings: Settings) -> Result<()> {
    let tree = tree_of(source, settings.recursive())?;
    let missing = if source.kind == slot::DETACHED { Settings { attributes: 0, ..settings } } else { settings };
    missing.apply(&tree)?;
    let kind = kind_of(&tree).call_at("fstat", source.path)?;
    let place = root.own.place(&root.folder, target, kind).call_at("openat2", target)?;
    attach(&tree, &place, target)
}

fn kind_of(tree: impl AsFd) -> rustix::io::Result<Kind> {
    let mode = fstat(tree)?.st_mode;
    Ok(if FileType::from_raw_mode(mode) == FileType::Directory { Kind::Folder } else { Kind::File })
}

/// The source as a mount that can be attached here.
pub fn tree_of(source: Source<'_>, recursive: bool) -> Result<Tree> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    match source.kind {
        slot::DETACHED => Ok(Tree::Given(source.file)),
        slot::BY_PATH => clone_by_path(source, flags),
        // A mount made by someone else: a clone where the kernel allows one; the same by its path; or else the mount itself.
        _ => match open_tree(source.file, c"", flags | OpenTreeFlags::AT_EMPTY_PATH) {
            Err(Errno::INVAL | Errno::PERM) if source.path.is_empty() => Ok(Tree::Given(source.file)),
            Err(Errno::INVAL | Errno::PERM) => clone_by_path(source, flags),
            result => result.call_at("open_tree", source.path).map(Tree::Made),
        },
    }
}

/// Clones what this mount namespace has at the path, if it is the file that was meant.
fn clone_by_path(source: Source<'_>, flags: OpenTreeFlags) -> Result<Tree> {
    let tree = open_tree(CWD, source.path, flags).call_at("open_tree", source.path)?;
    let (found, meant) = (fstat(&tree).call("fstat")?, fstat(source.file).call("fstat")?);
    if (found.st_dev, found.st_ino) == (meant.st_dev, meant.st_ino) {
        Ok(Tree::Made(tree))
    } else {
        Err(refused("ERR_BOX_STATE", source.path))
    }
}

/// Attributes of what is mounted at the path.
pub fn set_attributes(root: BorrowedFd<'_>, target: &CStr, settings: Settings) -> Result<()> {
    let place = resolve::open(root, target, OFlags::PATH).call_at("openat2", target)?;
    sys::mount_setattr(&place, settings.recursive(), settings.attributes, 0).call_at("mount_setattr", target)
}

/// Makes a path read-only, by a mount of itself. A path that is not there is passed over.
pub fn read_only(root: &mut Root, target: &CStr) -> Result<()> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_RECURSIVE;
    for place in existing(root, target)? {
        let tree = open_tree(&place, c"", flags).call_at("open_tree", target)?;
        sys::mount_setattr(&tree, true, u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits()), 0).call_at("mount_setattr", target)?;
        attach(&tree, &place, target)?;
    }
    Ok(())
}

/// Hides a path. `empty` keeps the folder that hides folders, from one call to the next.
pub fn mask(root: &mut Root, target: &CStr, empty: &mut Option<OwnedFd>) -> Result<()> {
    existing(root, target)?.iter().try_for_each(|place| mask_place(root.folder.as_fd(), place, target, empty))
}

fn mask_place(root: BorrowedFd<'_>, place: &OwnedFd, target: &CStr, empty: &mut Option<OwnedFd>) -> Result<()> {
    if kind_of(place).call_at("fstat", target)? == Kind::File {
        let null = null_device(root)?;
        return attach(&null, place, target);
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if let Some(first) = empty {
        let tree = open_tree(&*first, c"", flags).call_at("open_tree", target)?;
        return attach(&tree, place, target);
    }
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let tree = new_tree(c"tmpfs", &[(c"nr_inodes", c"1"), (c"mode", c"0755")], u64::from(attributes.bits()))?;
    attach(&tree, place, target)?;
    *empty = Some(tree);
    Ok(())
}

/// A mount of the root's /dev/null, which must be the null device: an image could have put something else there.
fn null_device(root: BorrowedFd<'_>) -> Result<OwnedFd> {
    let path = c"/dev/null";
    let null = resolve::open_strictly(root, path, OFlags::PATH).call_at("openat2", path)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(&null, c"", flags).call_at("open_tree", path)?;
    let found = fstat(&tree).call_at("fstat", path)?;
    let right = FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == rustix::fs::makedev(1, 3);
    if right { Ok(tree) } else { Err(refused("ERR_BOX_STATE", path)) }
}

/// The kernel's own interface at some place: what it is hidden by must be found in it wherever its folder is by now, for that can be
/// exchanged by who has the root's folder from elsewhere. A mount goes where its folder goes.
pub struct Interface {
    target: Vec<u8>,
    mount: OwnedFd,
    /// Whether its path leads to something else: what lies over it, or what its folder was exchanged for.
    covered: Option<bool>,
}

impl Interface {
    fn new(target: &CStr, mount: OwnedFd) -> Self {
        Self { target: target.to_bytes().to_vec(), mount, covered: None }
    }

    /// The path below it.
    fn below(&self, target: &CStr) -> Option<CString> {
        let rest = target.to_bytes().strip_prefix(self.target.as_slice())?;
        CString::new(rest.strip_prefix(b"/")?).ok().filter(|rest| !rest.is_empty())
    }

    fn is_covered(&mut self, root: BorrowedFd<'_>) -> bool {
        let mount_id = |folder: BorrowedFd<'_>, path: &[u8], flags| {
            let path = CString::new(path).ok()?;
            rustix::fs::statx(folder, path, flags, StatxFlags::MNT_ID).ok().map(|status| status.stx_mnt_id)
        };
        *self.covered.get_or_insert_with(|| {
            let own = mount_id(self.mount.as_fd(), b"", AtFlags::EMPTY_PATH);
            let slashes = self.target.iter().take_while(|byte| **byte == b'/').count();
            let by_path = mount_id(root, self.target.get(slashes..).unwrap_or_default(), AtFlags::SYMLINK_NOFOLLOW);
            own.is_none() || own != by_path
        })
    }
}

/// What there is at a path to be hidden or protected: in the interface that this plan has mounted there, and by the path where that leads
/// elsewhere.
fn existing(root: &mut Root, target: &CStr) -> Result<Vec<OwnedFd>> {
    let Root { folder, interfaces, .. } = root;
    let mut places = Vec::with_capacity(1);
    let interface = interfaces.iter_mut().rev().find_map(|interface| interface.below(target).map(|rest| (interface, rest)));
    if let Some((interface, rest)) = interface {
        places.extend(if_there(interface.mount.as_fd(), &rest).call_at("openat2", target)?);
        if !interface.is_covered(folder.as_fd()) {
            return Ok(places);
        }
    }
    places.extend(if_there(folder.as_fd(), target).call_at("openat2", target)?);
    Ok(places)
}

fn if_there(root: BorrowedFd<'_>, path: &CStr) -> rustix::io::Result<Option<OwnedFd>> {
    match resolve::open(root, path, OFlags::PATH) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        result => result.map(Some),
    }
}

/// Attaches a detached mount at a place that was resolved.
pub fn attach(tree: impl AsFd, place: impl AsFd, target: &CStr) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree.as_fd(), c"", place.as_fd(), c"", flags).call_at("move_mount", target)
}
