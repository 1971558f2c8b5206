//! Overlays that are attached nowhere. They need root: as an ordinary user there is nothing to test here.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use box_kernel::file_ids::FileIds;
use box_kernel::mount;
use box_kernel::overlay::{Overlay, Writable};
use box_kernel::root::Root;

struct Case(PathBuf);

impl Case {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("box-test-overlay-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        for folder in ["one", "two", "box/upper", "box/work"] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        fs::write(path.join("one/file"), "one").unwrap();
        fs::write(path.join("two/file"), "two").unwrap();
        Some(Self(path))
    }

    fn open(&self, name: &str) -> OwnedFd {
        fs::File::open(self.0.join(name)).unwrap().into()
    }

    fn lowers(&self) -> Vec<OwnedFd> {
        vec![self.open("two"), self.open("one")]
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_upper_takes_what_is_written() {
    let Some(case) = Case::new() else { return };
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let writable = case.open("box");
    let lowers = case.lowers();
    let overlay =
        Overlay { lowers: &lowers, writable: Some(Writable::Temporary(writable.as_fd())), user_namespace: None, user_xattr: false };
    let fd = overlay.mount().unwrap();
    let root = Root::new(fd.as_fd());
    assert_eq!(root.read(b"/file", 10).unwrap(), b"two");
    root.write(b"/file", b"three", 0o644).unwrap();
    assert_eq!(fs::read(case.0.join("two/file")).unwrap(), b"two");
    assert_eq!(fs::read(case.0.join("box/upper/file")).unwrap(), b"three");
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before, "the mount is attached nowhere");
}

#[test]
fn without_a_writable_folder_nothing_can_be_written() {
    let Some(case) = Case::new() else { return };
    let lowers = case.lowers();
    let fd = Overlay { lowers: &lowers, writable: None, user_namespace: None, user_xattr: false }.mount().unwrap();
    let failure = Root::new(fd.as_fd()).write(b"/file", b"three", 0o644).unwrap_err();
    assert_eq!(failure.errno, Some(libc::EROFS));
}

#[test]
fn four_hundred_layers_are_no_limit_and_501_are_said_to_be_too_many() {
    let Some(case) = Case::new() else { return };
    let lowers: Vec<OwnedFd> = (0..400)
        .map(|index| {
            let name = format!("layer-{index}");
            fs::create_dir(case.0.join(&name)).unwrap();
            fs::write(case.0.join(&name).join(&name), "").unwrap();
            case.open(&name)
        })
        .collect();
    let fd = Overlay { lowers: &lowers, writable: None, user_namespace: None, user_xattr: false }.mount().unwrap();
    assert_eq!(Root::new(fd.as_fd()).list(b"/").unwrap().len(), 400);
    let many: Vec<OwnedFd> = (0..501).map(|_| case.open("one")).collect();
    let failure = Overlay { lowers: &many, writable: None, user_namespace: None, user_xattr: false }.mount().unwrap_err();
    assert_eq!(failure.code, Some("ERR_BOX_UNSUPPORTED"));
}

#[test]
fn a_writable_folder_in_memory_is_bounded() {
    let Some(case) = Case::new() else { return };
    let memory = mount::tmpfs(64 * 1024, 0o755).unwrap();
    for folder in ["upper", "work"] {
        rustix::fs::mkdirat(&memory, folder, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    }
    let lowers = case.lowers();
    let overlay = Overlay { lowers: &lowers, writable: Some(Writable::Temporary(memory.as_fd())), user_namespace: None, user_xattr: false };
    let fd = overlay.mount().unwrap();
    let failure = Root::new(fd.as_fd()).write(b"/large", &vec![1; 256 * 1024], 0o644).unwrap_err();
    assert_eq!(failure.errno, Some(libc::ENOSPC));
}

#[test]
fn an_upper_folder_on_an_overlay_is_refused_by_the_kernel_with_its_words() {
    let Some(case) = Case::new() else { return };
    let writable = case.open("box");
    let lowers = case.lowers();
    let first = Overlay { lowers: &lowers, writable: Some(Writable::Temporary(writable.as_fd())), user_namespace: None, user_xattr: false }
        .mount()
        .unwrap();
    let root = Root::new(first.as_fd());
    root.make_folder(b"/nested/upper", 0o755).unwrap();
    root.make_folder(b"/nested/work", 0o755).unwrap();
    let nested = root.open(b"/nested", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    let overlay = Overlay { lowers: &lowers, writable: Some(Writable::Temporary(nested.as_fd())), user_namespace: None, user_xattr: false };
    let failure = overlay.mount().unwrap_err();
    assert_eq!(failure.errno, Some(libc::EINVAL), "{failure}");
    assert!(failure.message.contains("upper"), "{failure}");
}

#[test]
fn layers_are_shown_with_the_ids_of_a_user_namespace() {
    let Some(case) = Case::new() else { return };
    let mut holder = std::process::Command::new("unshare")
        .args(["--user", "sh", "-c", "read line"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The maps can be written once the namespace is a new one.
    let own = fs::read_link("/proc/self/ns/user").unwrap();
    let path = format!("/proc/{}", holder.id());
    while fs::read_link(format!("{path}/ns/user")).unwrap() == own {
        std::thread::yield_now();
    }
    fs::write(format!("{path}/uid_map"), "0 100000 65536").unwrap();
    fs::write(format!("{path}/gid_map"), "0 200000 65536").unwrap();
    let namespace: OwnedFd = fs::File::open(format!("{path}/ns/user")).unwrap().into();
    let writable = case.open("box");
    let lowers = case.lowers();
    let overlay = Overlay {
        lowers: &lowers,
        writable: Some(Writable::Temporary(writable.as_fd())),
        user_namespace: Some(namespace.as_fd()),
        user_xattr: false,
    };
    let fd = overlay.mount().unwrap();
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let root = Root::new(fd.as_fd());
    let file: fs::File = root.open(b"/file", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap().into();
    assert_eq!((file.metadata().unwrap().uid(), file.metadata().unwrap().gid()), (100_000, 200_000));
    let ids = FileIds::take(100_000, 200_000).unwrap();
    root.write(b"/new", b"text", 0o600).unwrap();
    drop(ids);
    let status = fs::metadata(case.0.join("box/upper/new")).unwrap();
    assert_eq!((status.uid(), status.gid()), (0, 0), "on the disk it has the ids that the image uses");
    assert_eq!(rustix::process::geteuid().as_raw(), 0);
}
