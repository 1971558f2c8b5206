//! Ids beside its own that an ordinary user may give to a user namespace (subuid(5), subgid(5)), and the programs that may write the maps
//! (newuidmap(1), newgidmap(1)).

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use crate::error::{Failure, Result};
use crate::launch::IdRange;

/// A range of a file: the first id, and how many.
type Range = (u32, u32);

/// What a user can map, and by which programs.
#[derive(Debug)]
pub struct SubordinateIds {
    /// The user's name.
    pub name: String,
    /// The user's own id as 0, and from 1 on what it has been given.
    pub uid: Vec<IdRange>,
    /// The same of groups.
    pub gid: Vec<IdRange>,
    /// The path of newuidmap.
    pub newuidmap: CString,
    /// The path of newgidmap.
    pub newgidmap: CString,
}

const SUBUID: &str = "/etc/subuid";
const SUBGID: &str = "/etc/subgid";

/// What the caller has, or the first thing that stands in the way.
pub fn find() -> Result<SubordinateIds> {
    let account = account()?;
    let newuidmap = helper("newuidmap")?;
    let newgidmap = helper("newgidmap")?;
    if read("/proc/self/status").lines().any(|line| line == "NoNewPrivs:\t1") {
        let message = "this process can gain no privilege by executing newuidmap: it has no_new_privs";
        return Err(Failure::new("ERR_BOX_PERMISSION", message).advise("start it without no_new_privs, or map the caller's own ids alone"));
    }
    let uid = map_of(account.id, &granted(SUBUID, "/proc/self/uid_map", &account)?);
    let gid = map_of(account.group, &granted(SUBGID, "/proc/self/gid_map", &account)?);
    Ok(SubordinateIds { name: account.name, uid, gid, newuidmap, newgidmap })
}

struct Account {
    name: String,
    id: u32,
    group: u32,
}

/// The caller's entry in the user database, which the two programs look up, too: they act for nobody else.
fn account() -> Result<Account> {
    let (real, effective) = (rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw());
    let (name, group) = lookup(real).ok_or_else(|| {
        Failure::new("ERR_BOX_PERMISSION", format!("the user {real} has no entry in the user database"))
            .advise("newuidmap serves only users that have one")
    })?;
    if real != effective || rustix::process::getgid().as_raw() != group || rustix::process::getegid().as_raw() != group {
        let message = format!("newuidmap serves the user {name} only with its own user id {real} and its own group {group}");
        return Err(Failure::new("ERR_BOX_PERMISSION", message).advise("start the process with the group that the user database names"));
    }
    Ok(Account { name, id: real, group })
}

/// The name and the group of a user (getpwuid_r(3)).
fn lookup(uid: u32) -> Option<(String, u32)> {
    let mut buffer = vec![0_u8; 16 * 1024];
    // SAFETY: all zeros are a value of this structure: integers and null pointers.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: the structure, the buffer of the given length and the place of the answer are valid for the call.
    let result = unsafe { libc::getpwuid_r(uid, &raw mut entry, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut found) };
    if result != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the name is a string in the buffer, which is still there.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    Some((name.to_string_lossy().into_owned(), entry.pw_gid))
}

/// Finds one of the two programs, and looks whether executing it gives the privilege that it needs.
fn helper(name: &str) -> Result<CString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/bin", "/bin", "/usr/local/bin"].map(PathBuf::from));
    let found = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|path| path.is_file());
    let Some(found) = found else {
        let failure = Failure::new("ERR_BOX_UNSUPPORTED", format!("{name}(1) is not there: ranges of ids need it"));
        return Err(failure.advise("install the package uidmap (shadow-utils on Fedora, shadow on Arch and Alpine)"));
    };
    let path = CString::new(found.as_os_str().as_bytes()).unwrap_or_default();
    if is_privileged(&found, &path) {
        return Ok(path);
    }
    let failure = Failure::new(
        "ERR_BOX_UNSUPPORTED",
        format!("{name}(1) has no privilege: it is not set-user-ID root, or lies on a mount that ignores that"),
    );
    Err(failure.at(path.to_bytes()).advise(format!("as root: chmod u+s {}", path.to_string_lossy())))
}

fn is_privileged(file: &Path, path: &CStr) -> bool {
    let set_user_id = file.metadata().is_ok_and(|found| found.uid() == 0 && found.mode() & libc::S_ISUID != 0);
    let capable = || rustix::fs::getxattr(path, c"security.capability", &mut [0_u8; 64]).is_ok();
    let ignored = rustix::fs::statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOSUID));
    !ignored && (set_user_id || capable())
}

/// The ranges of a file that this user namespace has.
fn granted(file: &str, map: &str, account: &Account) -> Result<Vec<Range>> {
    let ranges = ranges_of(&read(file), account);
    if ranges.is_empty() {
        let failure = Failure::new("ERR_BOX_PERMISSION", format!("the user {} has no range of ids", account.name)).at(file);
        let name = &account.name;
        return Err(failure.advise(format!("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}")));
    }
    let map = read(map);
    let there: Vec<Range> = ranges.into_iter().filter(|range| is_mapped(&map, *range)).collect();
    if there.is_empty() {
        let message = format!("the ranges of {} are no ids of the user namespace that this process is in", account.name);
        return Err(Failure::new("ERR_BOX_PERMISSION", message).at(file).advise("give the outer container more ids"));
    }
    Ok(there)
}

/// The ranges of a user, by its name or number, that hold anything (subuid(5)).
fn ranges_of(text: &str, account: &Account) -> Vec<Range> {
    let number = account.id.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next().filter(|owner| *owner == account.name || *owner == number)?;
            let (first, count) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
            let whole = fields.next().is_none() && !owner.is_empty() && count > 0 && first.checked_add(count).is_some();
            whole.then_some((first, count))
        })
        .collect()
}

/// A map has at most 340 lines (user_namespaces(7)).
const MOST_LINES: usize = 340;

/// The map of all that a user may map: its own id is 0, as that of the user who unpacks what root owns.
fn map_of(own: u32, ranges: &[Range]) -> Vec<IdRange> {
    let mut map = vec![(0, own, 1)];
    let mut next = 1_u32;
    for (first, count) in ranges.iter().take(MOST_LINES - 1) {
        let Some(after) = next.checked_add(*count) else { break };
        map.push((next, *first, *count));
        next = after;
    }
    map
}

/// Whether all ids of a range are in a map of this process's namespace (user_namespaces(7)).
fn is_mapped(map: &str, (first, count): Range) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map_while(|number| number.parse::<u64>().ok());
        let (Some(inside), Some(_), Some(size)) = (numbers.next(), numbers.next(), numbers.next()) else { return false };
        inside <= u64::from(first) && u64::from(first) + u64::from(count) <= inside + size
    })
}

fn read(path: &str) -> String {
    std::fs::read(OsStr::new(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Account, is_mapped, map_of, ranges_of};

    #[test]
    fn the_map_begins_with_the_users_own_id_and_has_the_ranges_after_it() {
        assert_eq!(map_of(1000, &[(100_000, 65_536), (300_000, 10)]), [(0, 1000, 1), (1, 100_000, 65_536), (65_537, 300_000, 10)]);
        assert_eq!(map_of(7, &[(5, u32::MAX), (9, 1)]), [(0, 7, 1), (1, 9, 1)][..1]);
        assert_eq!(map_of(7, &vec![(5, 2); 500]).len(), 340);
    }

    #[test]
    fn the_ranges_of_a_user_are_those_under_its_name_and_its_number() {
        let account = Account { name: "ada".into(), id: 1000, group: 100 };
        let text = "root:1:2\nada:100000:65536\n1000:300000:10\nadam:5:5\nada:7:0\nada:x:1\nada:4294967295:1\nada:9:1:1\n\nada\n";
        assert_eq!(ranges_of(text, &account), [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(ranges_of("", &account), []);
    }

    #[test]
    fn a_range_counts_only_where_the_namespace_has_all_of_it() {
        assert!(is_mapped("         0          0 4294967295\n", (100_000, 65_536)));
        assert!(!is_mapped("1000 1000 1\n", (100_000, 65_536)));
        assert!(is_mapped("0 1000 1\n1 100000 70000\n", (4, 65_536)));
        assert!(!is_mapped("0 1000 1\n1 100000 70000\n", (65_536, 65_536)));
    }
}
