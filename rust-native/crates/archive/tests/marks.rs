//! Marks that overlayfs leaves in upper folders with options that others mount with: what the upper alone cannot tell is refused, whiteouts by attribute are
//! read as the kernel reads them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use box_archive::changes::{ChangeKind, changes};
use box_archive::decode::Compression;
use box_archive::overlay::Mark;
use box_archive::pack::{Options, pack_upper};
use rustix::fs::{Mode, XattrFlags, chmod, setxattr};
use rustix::mount::{MountFlags, UnmountFlags};
use support::lister::read;
use support::{Folder, is_root, open};

/// A tmpfs with the folders of an overlay, and what is in the lower one. All is unmounted at the end.
struct Place {
    folder: Folder,
    mounted: Vec<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new();
        let top = folder.sub("t");
        rustix::mount::mount(c"box-test", &top, c"tmpfs", MountFlags::empty(), None).unwrap();
        for name in ["l", "l/folder", "u", "w", "m"] {
            fs::create_dir(top.join(name)).unwrap();
        }
        for name in ["l/file", "l/folder/inside"] {
            fs::write(top.join(name), name).unwrap();
        }
        Self { folder, mounted: vec![top] }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join("t").join(name)
    }

    fn mount(&mut self, layers: &str, more: &str) -> PathBuf {
        let data = format!("{}{more}", layers.replace('@', self.at("").to_str().unwrap()));
        let data = std::ffi::CString::new(data).unwrap();
        let on = self.at("m");
        rustix::mount::mount(c"overlay", &on, c"overlay", MountFlags::empty(), Some(data.as_c_str())).unwrap();
        self.mounted.push(on.clone());
        on
    }

    fn unmount(&mut self) {
        rustix::mount::unmount(self.mounted.pop().unwrap(), UnmountFlags::DETACH).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        while !self.mounted.is_empty() {
            self.unmount();
        }
    }
}

fn code_of_changes(place: &Place) -> Option<&'static str> {
    changes(open(&place.at("u")).as_fd(), vec![open(&place.at("l"))], Mark::Trusted).err().and_then(|failure| failure.code)
}

fn code_of_packing(place: &Place) -> Option<&'static str> {
    let output = fs::File::create(place.at("layer")).unwrap();
    pack_upper(open(&place.at("u")).as_fd(), output.into(), &Options::default()).err().and_then(|failure| failure.code)
}

type Program = fn(&Path);

#[test]
fn an_upper_that_is_only_a_difference_to_what_lies_below_is_refused() {
    if !is_root() {
        return;
    }
    let rows: [(&str, Program); 2] = [
        ("metacopy", |root| chmod(root.join("file"), Mode::from_raw_mode(0o600)).unwrap()),
        ("redirect_dir", |root| fs::rename(root.join("folder"), root.join("renamed")).unwrap()),
    ];
    for (option, change) in rows {
        for (value, code) in [("off", None), ("on", Some("ERR_BOX_UNSUPPORTED"))] {
            let mut place = Place::new();
            // The kernel takes metacopy together with redirect_dir only.
            let others = if option == "metacopy" { format!("redirect_dir={value}") } else { "metacopy=off".to_owned() };
            let root = place.mount("lowerdir=@/l,upperdir=@/u,workdir=@/w", &format!(",index=off,xino=off,{others},{option}={value}"));
            // Without redirect_dir a folder of a lower layer is not renamed by one call: programs copy it then.
            if (option, value) == ("redirect_dir", "off") {
                let refused = fs::rename(root.join("folder"), root.join("renamed")).unwrap_err();
                assert_eq!(rustix::io::Errno::from_io_error(&refused), Some(rustix::io::Errno::XDEV));
            } else {
                change(&root);
            }
            place.unmount();
            assert_eq!((code_of_changes(&place), code_of_packing(&place)), (code, code), "{option}={value}");
        }
    }
}

#[test]
fn a_whiteout_by_attribute_is_one_and_that_of_the_other_namespace_is_a_file() {
    if !is_root() {
        return;
    }
    let mut place = Place::new();
    fs::create_dir(place.at("u/folder")).unwrap();
    fs::write(place.at("u/folder/inside"), "").unwrap();
    // Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
    setxattr(place.at("u/folder"), "trusted.overlay.opaque", b"x", XattrFlags::empty()).unwrap();
    setxattr(place.at("u/folder/inside"), "trusted.overlay.whiteout", b"y", XattrFlags::empty()).unwrap();
    fs::write(place.at("u/file"), "").unwrap();
    setxattr(place.at("u/file"), "user.overlay.whiteout", b"y", XattrFlags::empty()).unwrap();
    // The kernel reads them so in a lower layer.
    let root = place.mount("lowerdir=@/u:@/l", ",metacopy=off");
    assert!(!root.join("folder/inside").exists() && root.join("file").exists());
    place.unmount();
    let found: Vec<(ChangeKind, Vec<u8>)> = changes(open(&place.at("u")).as_fd(), vec![open(&place.at("l"))], Mark::Trusted)
        .unwrap()
        .into_iter()
        .map(|change| (change.kind, change.path))
        .collect();
    assert_eq!(found, [(ChangeKind::Modify, b"file".to_vec()), (ChangeKind::Delete, b"folder/inside".to_vec())]);
    let options = Options { compression: Some(Compression::None), ..Options::default() };
    pack_upper(open(&place.at("u")).as_fd(), fs::File::create(place.at("layer")).unwrap().into(), &options).unwrap();
    let names: Vec<String> =
        read(&fs::read(place.at("layer")).unwrap()).unwrap().into_iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(names, ["\"file\"", "\"folder/\"", "\"folder/.wh.inside\""]);
}
