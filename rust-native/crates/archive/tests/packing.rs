//! From trees to archives and back: equal, whoever does it and whatever the ids are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on is a test that failed")]

mod support;

use std::fs;
use std::os::fd::AsFd;

use box_archive::pack::{Options as PackOptions, pack_tree};
use box_archive::tar::{Entry, Kind};
use support::lister::read;
use support::trees::{everything, pack};
use support::{Folder, Tar, entry, is_root, listing, open, options, unpack, unpack_in};

#[test]
fn what_is_packed_unpacks_equal() {
    let place = Folder::new();
    let (first, second) = (place.sub("first"), place.sub("second"));
    unpack_in(options(&first), &everything(), 100).unwrap();
    let tar = pack(&first, &place.join("tar"), &PackOptions::default());
    assert_eq!(pack(&first, &place.join("again"), &PackOptions::default()), tar);
    unpack_in(options(&second), &tar, 1 << 20).unwrap();
    // The root folder has no entry in a layer unless the tree is put under a prefix.
    assert_eq!(listing(&second)[1..], listing(&first)[1..]);
    if is_root() {
        let lines = listing(&first);
        let of = |name: &str| lines.iter().find(|line| line.starts_with(name)).unwrap().clone();
        assert!(of("setuid").contains(" 7755 3000000:70000 "), "{}", of("setuid"));
        assert!(of("ping").contains(" 4755 7:0 ") && of("ping").contains("security.capability="), "{}", of("ping"));
        assert!(of("setgid/child").contains(" 644 0:0 "), "{}", of("setgid/child"));
        assert!(of("marked").contains("trusted.t="), "{}", of("marked"));
        assert!(of(" folder").contains(" 750 5:6 1000000.0"), "{}", of(" folder"));
    }
}

#[test]
fn options_of_packing_hold() {
    let place = Folder::new();
    let tree = place.sub("tree");
    fs::create_dir(tree.join("sub")).unwrap();
    fs::write(tree.join("sub/file"), "x").unwrap();
    let options =
        PackOptions { prefix: b"/opt/app/".to_vec(), owner: Some((10, 20)), source_date_epoch: Some(1_000), ..PackOptions::default() };
    let packed = pack(&tree, &place.join("tar"), &options);
    let names: Vec<String> = read(&packed).unwrap().into_iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(names, ["\"opt/\"", "\"opt/app/\"", "\"opt/app/sub/\"", "\"opt/app/sub/file\""]);
    for line in read(&packed).unwrap() {
        assert!(line.contains(" 10:20 ") && (line.contains(" 1000.000000000 ") || line.contains(" 0.000000000 ")), "{line}");
    }
    let packed = pack(&tree.join("sub/file"), &place.join("tar"), &options);
    let names: Vec<String> = read(&packed).unwrap().into_iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(names, ["\"opt/\"", "\"opt/app\""]);
    let refused = |options: &PackOptions| {
        pack_tree(open(&tree).as_fd(), fs::File::create(place.join("tar")).unwrap().into(), options).unwrap_err().code
    };
    assert_eq!(refused(&PackOptions { prefix: b"/../x".to_vec(), ..PackOptions::default() }), Some("ERR_BOX_INVALID_ARGUMENT"));
    if is_root() {
        assert_eq!(refused(&PackOptions { id_shift: 1, ..PackOptions::default() }), Some("ERR_BOX_INVALID_ARGUMENT"));
    }
    fs::write(tree.join(".wh.x"), "").unwrap();
    assert_eq!(refused(&PackOptions::default()), Some("ERR_BOX_INVALID_ARGUMENT"));
}

#[test]
fn ids_shift_there_and_back() {
    if !is_root() {
        return;
    }
    let place = Folder::new();
    let (plain, shifted) = (place.sub("plain"), place.sub("shifted"));
    let tar = Tar::new().entry(&Entry { uid: 33, gid: 44, ..entry("a", Kind::File) }).file("b", b"").end();
    unpack(&plain, &tar).unwrap();
    let ids = box_archive::unpack::Ids::Keep { shift: 100_000 };
    unpack_in(box_archive::unpack::Options { ids, ..options(&shifted) }, &tar, 512).unwrap();
    assert!(listing(&shifted)[1].contains(" 100033:100044 "));
    assert!(listing(&shifted)[2].contains(" 100000:100000 "));
    let back = PackOptions { id_shift: 100_000, ..PackOptions::default() };
    assert_eq!(pack(&shifted, &place.join("s"), &back), pack(&plain, &place.join("p"), &PackOptions::default()));
}

/// The last entry of a folder holds, also where an earlier one gave it to someone else; and a folder above that hands its group down
/// does not do so here.
#[test]
fn owners_are_those_of_the_last_entry() {
    if !is_root() {
        return;
    }
    let place = Folder::new();
    let target = place.sub("target");
    std::os::unix::fs::chown(&target, None, Some(50)).unwrap();
    rustix::fs::chmod(&target, rustix::fs::Mode::from_raw_mode(0o2755)).unwrap();
    let given = Entry { uid: 7, gid: 8, ..entry("a", Kind::Directory) };
    unpack(&target, &Tar::new().entry(&given).folder("a").file("a/b", b"").folder("c").symlink("d", "e").end()).unwrap();
    for line in &listing(&target)[1..] {
        assert!(line.contains(" 0:0 "), "{line}");
    }
}

/// As an ordinary user: no owner, no device, no privileged attribute; and folders that deny their owner come out so, and go again.
#[test]
fn squashed_ids_need_no_privilege() {
    let place = Folder::new();
    let target = place.sub("target");
    let squash = || box_archive::unpack::Options {
        ids: box_archive::unpack::Ids::Squash,
        devices: box_archive::unpack::Devices::Skip,
        ..options(&target)
    };
    let tar = everything();
    let work = || {
        let report = unpack_in(squash(), &tar, 4096)?;
        let usage = box_archive::tree::measure(open(&target).as_fd());
        let parent = open(&place.path);
        box_archive::tree::remove_tree(parent.as_fd(), b"target")?;
        Ok::<_, box_kernel::Failure>((report, usage))
    };
    if !is_root() {
        drop(work().unwrap());
        return;
    }
    std::os::unix::fs::chown(&target, Some(65534), Some(65534)).unwrap();
    std::os::unix::fs::chown(&place.path, Some(65534), Some(65534)).unwrap();
    // Ids belong to threads in Linux: this one gives its privileges up, and ends.
    let outcome = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let (uid, gid) = (rustix::fs::Uid::from_raw(65534), rustix::fs::Gid::from_raw(65534));
                rustix::thread::set_thread_groups(&[]).unwrap();
                rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
                rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
                work()
            })
            .join()
            .unwrap()
    });
    let (report, _) = outcome.unwrap();
    assert_eq!(report.skipped_devices, ["null", "block"]);
    assert_eq!(report.skipped_xattrs, ["security.capability", "trusted.t"]);
    assert!(!target.exists());
}
