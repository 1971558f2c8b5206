//! Paths inside a root lead nowhere else.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use box_kernel::root::{Root, remove_at};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("box-test-root-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> OwnedFd {
    fs::File::open(path).unwrap().into()
}

#[test]
fn links_are_resolved_inside_the_root() {
    let folder = Folder::new();
    let top = folder.0.join("root");
    fs::create_dir_all(top.join("etc")).unwrap();
    fs::write(folder.0.join("secret"), "outside").unwrap();
    fs::write(top.join("secret"), "inside").unwrap();
    for (name, target) in [("up", "../../../secret"), ("absolute", "/secret"), ("chain", "up")] {
        symlink(target, top.join("etc").join(name)).unwrap();
    }
    // The same links, followed by a program that joins strings, lead outside.
    assert_eq!(fs::read(top.join("etc/../../secret")).unwrap(), b"outside");
    let fd = open(&top);
    let root = Root::new(fd.as_fd());
    for path in ["etc/up", "/etc/absolute", "etc/chain", "../secret", "/../../secret"] {
        assert_eq!(root.read(path.as_bytes(), 100).unwrap(), b"inside", "{path}");
        root.write(path.as_bytes(), b"inside", 0o600).unwrap();
    }
    assert_eq!(fs::read(folder.0.join("secret")).unwrap(), b"outside");
}

#[test]
fn a_dangling_link_is_written_through_inside_the_root() {
    let folder = Folder::new();
    let top = folder.0.join("root");
    fs::create_dir(&top).unwrap();
    symlink("/../escaped", top.join("link")).unwrap();
    let fd = open(&top);
    Root::new(fd.as_fd()).write(b"/link", b"text", 0o640).unwrap();
    assert!(!folder.0.join("escaped").exists());
    assert_eq!(fs::read(top.join("escaped")).unwrap(), b"text");
    assert_eq!(fs::metadata(top.join("escaped")).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn fifos_folders_and_magic_links_are_refused_at_once() {
    let folder = Folder::new();
    let fd = open(&folder.0);
    let root = Root::new(fd.as_fd());
    rustix::fs::mknodat(&fd, "fifo", rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600), 0).unwrap();
    for path in ["/fifo", "/"] {
        assert_eq!(root.read(path.as_bytes(), 10).unwrap_err().code, Some("ERR_BOX_INVALID_ARGUMENT"), "{path}");
        assert_eq!(root.write(path.as_bytes(), b"x", 0o600).unwrap_err().code, Some("ERR_BOX_INVALID_ARGUMENT"), "{path}");
    }
    let proc = open(Path::new("/proc"));
    assert_eq!(Root::new(proc.as_fd()).read(b"self/exe", 10).unwrap_err().errno, Some(libc::ELOOP));
}

#[test]
fn a_file_over_the_limit_is_an_error_and_not_cut() {
    let folder = Folder::new();
    fs::write(folder.0.join("file"), "12345").unwrap();
    let fd = open(&folder.0);
    let root = Root::new(fd.as_fd());
    assert_eq!(root.read(b"file", 4).unwrap_err().code, Some("ERR_BOX_LIMIT"));
    assert_eq!(root.read(b"file", 5).unwrap(), b"12345");
}

#[test]
fn folders_are_made_as_far_as_they_are_missing() {
    let folder = Folder::new();
    let fd = open(&folder.0);
    let root = Root::new(fd.as_fd());
    root.make_folder(b"/a/b/c", 0o750).unwrap();
    root.make_folder(b"a/b/c/", 0o700).unwrap();
    assert_eq!(fs::metadata(folder.0.join("a/b/c")).unwrap().permissions().mode() & 0o7777, 0o750);
    fs::write(folder.0.join("a/file"), "").unwrap();
    assert_eq!(root.make_folder(b"/a/file", 0o755).unwrap_err().errno, Some(libc::ENOTDIR));
    assert_eq!(root.make_folder(b"/a/file/below", 0o755).unwrap_err().errno, Some(libc::ENOTDIR));
    assert_eq!(root.make_folder(b"/a/../b", 0o755).unwrap_err().code, Some("ERR_BOX_INVALID_ARGUMENT"));
}

#[test]
fn links_are_made_and_read_as_they_are_written() {
    let folder = Folder::new();
    let fd = open(&folder.0);
    let root = Root::new(fd.as_fd());
    root.make_link(b"../../anywhere", b"/link").unwrap();
    assert_eq!(root.read_link(b"/link").unwrap(), b"../../anywhere");
    assert_eq!(root.list(b"/").unwrap(), ["link"]);
}

#[test]
fn removal_takes_the_link_and_not_what_it_leads_to() {
    let folder = Folder::new();
    let top = folder.0.join("root");
    fs::create_dir_all(top.join("tree/below")).unwrap();
    fs::create_dir(folder.0.join("kept")).unwrap();
    fs::write(folder.0.join("kept/file"), "").unwrap();
    symlink("../../../kept", top.join("tree/below/link")).unwrap();
    symlink(folder.0.join("kept"), top.join("tree/absolute")).unwrap();
    let fd = open(&top);
    let root = Root::new(fd.as_fd());
    root.remove(b"/tree/").unwrap();
    root.remove(b"/tree").unwrap();
    root.remove(b"/absent/name").unwrap();
    assert!(!top.join("tree").exists());
    assert!(folder.0.join("kept/file").exists());
    for path in ["/", "", "..", "/a/.."] {
        assert_eq!(root.remove(path.as_bytes()).unwrap_err().code, Some("ERR_BOX_INVALID_ARGUMENT"), "{path}");
    }
}

#[test]
fn a_tree_of_any_depth_is_removed() {
    let folder = Folder::new();
    let parent = open(&folder.0);
    rustix::fs::mkdirat(&parent, "deep", rustix::fs::Mode::RWXU).unwrap();
    let mut fd = open(&folder.0.join("deep"));
    for _ in 0..3000 {
        rustix::fs::mkdirat(&fd, "d", rustix::fs::Mode::RWXU).unwrap();
        rustix::fs::mkdirat(&fd, "beside", rustix::fs::Mode::from_raw_mode(0)).unwrap();
        fd = rustix::fs::openat(&fd, "d", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    }
    drop(fd);
    remove_at(parent.as_fd(), c"deep").unwrap();
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}
