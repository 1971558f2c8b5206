//! All namespaces that the caller can see. Everything is read through descriptors: the number of a process that ends meanwhile
//! may be another's by the next call, a descriptor of its folder in /proc is never.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, Mode, OFlags};
use rustix::io::Errno;

use super::{KINDS, Kind, describe, open, owner, parent};
use crate::error::{Result, SyscallContext};

/// A namespace.
#[derive(Debug)]
pub struct Entry {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its inode number.
    pub id: u64,
    /// The user namespace that it belongs to. None where the caller may not see it.
    pub owner: Option<u64>,
    /// The pid or user namespace above.
    pub parent: Option<u64>,
    /// Of a user namespace: the user who made it.
    pub owner_uid: Option<u32>,
    /// The processes in it, by their ids, ascending.
    pub members: Vec<u32>,
    /// Where it is pinned in the caller's mount namespace.
    pub pins: Vec<PathBuf>,
}

impl Entry {
    fn unseen(kind: &'static Kind, id: u64) -> Self {
        Self { kind, id, owner: None, parent: None, owner_uid: None, members: Vec::new(), pins: Vec::new() }
    }
}

/// Those that processes are in, those that are pinned in the caller's mount namespace, and those that these belong to. Processes that the
/// caller may not look into are passed over.
pub fn list() -> Result<Vec<Entry>> {
    let mut found = Found::default();
    let folder = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).syscall("open")?;
    for entry in Dir::read_from(&folder).syscall("getdents64")? {
        let name = entry.syscall("getdents64")?;
        if let Some(pid) = name.file_name().to_str().ok().and_then(|name| name.parse::<u32>().ok()) {
            found.process(folder.as_fd(), pid)?;
        }
    }
    let mounts = std::fs::read("/proc/self/mountinfo").map_err(|_| crate::Failure::last_os_error("read"))?;
    for (kind, id, path) in pinned(&String::from_utf8_lossy(&mounts)) {
        found.pinned(kind, id, path)?;
    }
    let place = |entry: &Entry| KINDS.iter().position(|kind| kind == entry.kind);
    let mut entries: Vec<Entry> = found.0.into_values().collect();
    entries.sort_by_key(|entry| (place(entry), entry.id));
    for entry in &mut entries {
        entry.members.sort_unstable();
    }
    Ok(entries)
}

#[derive(Default)]
struct Found(BTreeMap<u64, Entry>);

impl Found {
    fn process(&mut self, proc: BorrowedFd<'_>, pid: u32) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = rustix::fs::openat(proc, pid.to_string(), flags, Mode::empty()) else { return Ok(()) };
        for kind in &KINDS {
            let name = format!("ns/{}", kind.file);
            let link = rustix::fs::readlinkat(&folder, name.as_str(), Vec::new());
            let Some((_, id)) = link.ok().and_then(|link| named(link.to_str().ok()?)) else { continue };
            let id = match self.0.contains_key(&id) {
                true => Some(id),
                // The process may have gone to another one since.
                false => match rustix::fs::openat(&folder, name.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                    Ok(namespace) => Some(self.add(&namespace)?),
                    Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => None,
                    Err(errno) => return Err(crate::Failure::syscall("openat", errno).at(format!("/proc/{pid}/{name}"))),
                },
            };
            if let Some(entry) = id.and_then(|id| self.0.get_mut(&id)) {
                entry.members.push(pid);
            }
        }
        Ok(())
    }

    fn pinned(&mut self, kind: &'static Kind, id: u64, path: PathBuf) -> Result<()> {
        if let Some(namespace) = open(&path).ok().filter(|_| !self.0.contains_key(&id)) {
            self.add(&namespace)?;
        }
        // Something else may be mounted over it: then no more than its kind and number is known.
        let entry = self.0.entry(id).or_insert_with(|| Entry::unseen(kind, id));
        entry.pins.push(path);
        Ok(())
    }

    /// Takes a namespace in, and those that it belongs to. Gives its number.
    fn add(&mut self, namespace: &OwnedFd) -> Result<u64> {
        let described = describe(namespace.as_fd())?;
        if self.0.contains_key(&described.id) {
            return Ok(described.id);
        }
        let mut related = |other: Option<OwnedFd>| other.map(|other| self.add(&other)).transpose();
        let owner = related(owner(namespace.as_fd())?)?;
        let parent = related(parent(namespace.as_fd())?)?;
        let (kind, id, owner_uid) = (described.kind, described.id, described.owner_uid);
        self.0.insert(id, Entry { owner, parent, owner_uid, ..Entry::unseen(kind, id) });
        Ok(id)
    }
}

/// `net:[4026531840]`, as links in /proc/PID/ns and roots of nsfs mounts are called.
fn named(text: &str) -> Option<(&'static Kind, u64)> {
    let (file, rest) = text.split_once(":[")?;
    let id = rest.strip_suffix(']')?.parse().ok()?;
    KINDS.iter().find(|kind| kind.file == file).map(|kind| (kind, id))
}

/// The mounts of nsfs in a mountinfo file (proc_pid_mountinfo(5)).
fn pinned(mountinfo: &str) -> Vec<(&'static Kind, u64, PathBuf)> {
    let one = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (kind, id) = named(fields.next()?)?;
        let path = unescaped(fields.next()?);
        after.starts_with("nsfs ").then(|| (kind, id, Path::new(&path).to_path_buf()))
    };
    mountinfo.lines().filter_map(one).collect()
}

/// Spaces and the like are `\040` there.
fn unescaped(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => text.push(char::from(byte)),
            None => text.push('\\'),
        }
        text.push_str(part.get(3..).unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_namespaces_are_found_and_no_others() {
        let text = "23 1 0:4 net:[4026532281] /run/netns/a\\040b rw shared:5 - nsfs nsfs rw\n\
                    24 1 8:1 / /home rw - ext4 /dev/sda1 rw\n\
                    25 1 0:4 fancy:[1] /run/x rw - nsfs nsfs rw\n\
                    26 1 0:4 mnt:[4026532282] /run/m rw - nsfs nsfs rw\n";
        let found: Vec<_> = pinned(text).into_iter().map(|(kind, id, path)| (kind.name, id, path)).collect();
        assert_eq!(found, [("network", 4026532281, "/run/netns/a b".into()), ("mount", 4026532282, "/run/m".into())]);
    }

    #[test]
    fn names_that_are_not_of_namespaces_are_none() {
        assert!(named("net:[]").is_none());
        assert!(named("net:4026531840").is_none());
        assert!(named("socket:[12]").is_none());
    }

    #[test]
    fn this_process_is_in_one_of_each_kind_that_is_listed() {
        let entries = list().unwrap();
        let own: Vec<_> = entries.iter().filter(|entry| entry.members.contains(&std::process::id())).map(|entry| entry.kind.name).collect();
        let expected: Vec<_> =
            KINDS.iter().filter(|kind| Path::new("/proc/self/ns").join(kind.file).exists()).map(|kind| kind.name).collect();
        assert_eq!(own, expected);
    }
}
