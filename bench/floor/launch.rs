//! The floor of the launch bench: the system calls of one container, in their order, and nothing else.
//! For each line on standard input it makes the groups (of v1, and beside them one of v2 where the host has both, as ours does), the namespaces and the mounts, runs /bin/true of the folder `rootfs` in them under the file `filter`, waits for its end and
//! removes the groups; it answers with the nanoseconds that this took. With a descriptor's number as argument the root is a clone of the mount that it refers to.
//! Built by: rustc -O --edition 2024
use std::ffi::{CString, c_char, c_int, c_long, c_ulong, c_void};
use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::ptr;
use std::time::Instant;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn unshare(flags: c_int) -> c_int;
    fn mount(source: *const c_char, target: *const c_char, kind: *const c_char, flags: c_ulong, data: *const c_void) -> c_int;
    fn umount2(target: *const c_char, flags: c_int) -> c_int;
    fn sethostname(name: *const c_char, length: usize) -> c_int;
    fn setresuid(real: u32, effective: u32, saved: u32) -> c_int;
    fn setresgid(real: u32, effective: u32, saved: u32) -> c_int;
    fn setgroups(count: usize, list: *const u32) -> c_int;
    fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn capset(header: *const [u32; 2], data: *const [u32; 6]) -> c_int;
    fn symlinkat(content: *const c_char, folder: c_int, path: *const c_char) -> c_int;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn pipe2(fds: *mut [c_int; 2], flags: c_int) -> c_int;
    fn waitid(kind: c_int, id: u32, info: *mut [u64; 16], options: c_int) -> c_int;
    fn execve(path: *const c_char, arguments: *const *const c_char, environment: *const *const c_char) -> c_int;
    fn _exit(status: c_int) -> !;
}

const SYS_CLONE3: c_long = 435;
#[cfg(target_arch = "x86_64")]
const SYS_PIVOT_ROOT: c_long = 155;
#[cfg(target_arch = "aarch64")]
const SYS_PIVOT_ROOT: c_long = 41;
#[cfg(target_arch = "x86_64")]
const SYS_SECCOMP: c_long = 317;
#[cfg(target_arch = "aarch64")]
const SYS_SECCOMP: c_long = 277;
const SYS_OPEN_TREE: c_long = 428;
const SYS_MOVE_MOUNT: c_long = 429;
/// OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, AT_EMPTY_PATH and AT_RECURSIVE.
const CLONE_OF_ALL: c_int = 1 | O_CLOEXEC | 0x1000 | 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH: c_int = 4;
const CLONE_PIDFD: u64 = 0x1000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const CLONE_NEWCGROUP: c_int = 0x0200_0000;
/// mount, uts, ipc, user, pid and net
const NEW: u64 = 0x0002_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;
const RDONLY: c_ulong = 1;
const NOSUID: c_ulong = 2;
const NODEV: c_ulong = 4;
const NOEXEC: c_ulong = 8;
const BIND: c_ulong = 0x1000;
const REC: c_ulong = 0x4000;
const PRIVATE: c_ulong = 0x4_0000;
const DETACH: c_int = 2;
const O_CLOEXEC: c_int = 0o2_000_000;
const AT_FDCWD: c_int = -100;
const P_PIDFD: c_int = 3;
const WEXITED: c_int = 4;
/// The capabilities of @box/namespaces' standardCapabilities, as bits.
const CAPABILITIES: u32 =
    1 << 29 | 1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 27 | 1 << 10 | 1 << 31 | 1 << 6 | 1 << 8 | 1 << 7 | 1 << 18;

fn main() -> io::Result<()> {
    let above = groups_above()?;
    let beside = group_beside(&above)?;
    let process = std::process::id();
    let filter = fs::read("filter")?;
    let root: Option<c_int> = std::env::args().nth(1).and_then(|number| number.parse().ok());
    for (number, line) in io::stdin().lock().lines().enumerate() {
        line?;
        let began = Instant::now();
        launch(&above, beside.as_ref(), process, number, &filter, root)?;
        println!("{}", began.elapsed().as_nanos());
    }
    Ok(())
}

fn launch(
    above: &[PathBuf],
    beside: Option<&PathBuf>,
    process: u32,
    number: usize,
    filter: &[u8],
    root: Option<c_int>,
) -> io::Result<()> {
    let tree = root.map(clone_of).transpose()?;
    let name = format!("box-floor-{process}-{number}");
    let mut groups: Vec<PathBuf> = above.iter().map(|path| path.join(&name)).collect();
    let mut tasks = Vec::new();
    for group in &groups {
        fs::create_dir(group)?;
        tasks.push(File::options().write(true).open(group.join(limit(group, above.len() == 1)?))?);
    }
    let into = beside
        .map(|path| {
            let group = path.join(&name);
            fs::create_dir(&group)?;
            let folder = File::open(&group)?;
            groups.push(group);
            Ok::<_, io::Error>(folder)
        })
        .transpose()?;
    let mut ends = [0; 2];
    check(unsafe { pipe2(&mut ends, O_CLOEXEC) })?;
    let (mut reader, mut writer) = unsafe { (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])) };
    let mut pidfd: c_int = -1;
    let flags = NEW | CLONE_PIDFD | into.as_ref().map_or(0, |_| CLONE_INTO_CGROUP);
    let cgroup = into.as_ref().map_or(0, |folder| folder.as_raw_fd() as u64);
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, five that stay zero, and cgroup.
    let arguments: [u64; 11] = [flags, &raw mut pidfd as u64, 0, 0, 0, 0, 0, 0, 0, 0, cgroup];
    let pid = unsafe { syscall(SYS_CLONE3, &arguments, size_of_val(&arguments)) };
    if pid == 0 {
        drop(writer);
        let failed = enter(&mut reader, &mut tasks, filter, tree.as_ref()).err();
        eprintln!("floor: {failed:?}");
        unsafe { _exit(70) }
    }
    check(pid as c_int)?;
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{pid}/{map}"), "0 100000 65536\n")?;
    }
    writer.write_all(b"m")?;
    let mut info = [0u64; 16];
    // __WALL, since the child sends no signal at its end
    check(unsafe { waitid(P_PIDFD, pidfd.as_raw_fd() as u32, &mut info, WEXITED | 0x4000_0000) })?;
    for group in &groups {
        fs::remove_dir(group)?;
    }
    let status = info[3] as u32;
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::other(format!("the child ended with {status}")))
    }
}

/// Sets the limit of a new group and says which file places a process in it.
fn limit(group: &PathBuf, v2: bool) -> io::Result<&'static str> {
    let on_v1 = [
        ("memory.limit_in_bytes", "67108864"),
        ("pids.max", "64"),
        ("cpu.cfs_quota_us", "50000"),
    ];
    if v2 {
        for (file, value) in [("memory.max", "67108864"), ("pids.max", "64"), ("cpu.max", "50000 100000")] {
            fs::write(group.join(file), value)?;
        }
        return Ok("cgroup.procs");
    }
    let here = group.to_string_lossy().into_owned();
    let (file, value) = on_v1
        .iter()
        .find(|(file, _)| here.contains(&format!("/{}/", file.split('.').next().unwrap_or(""))))
        .ok_or(io::ErrorKind::NotFound)?;
    fs::write(group.join(file), value)?;
    Ok("tasks")
}

/// This process's own groups: memory, pids and cpu of v1, or the one group of v2.
fn groups_above() -> io::Result<Vec<PathBuf>> {
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let of = |controller: &str| {
        let line = own.lines().find(|line| {
            line.split(':')
                .nth(1)
                .is_some_and(|names| names.split(',').any(|name| name == controller))
        })?;
        Some(PathBuf::from(format!("/sys/fs/cgroup/{controller}{}", line.splitn(3, ':').nth(2)?)))
    };
    let v1: Vec<PathBuf> = ["memory", "pids", "cpu"].into_iter().filter_map(of).collect();
    if v1.len() == 3 {
        return Ok(v1);
    }
    let line = own
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .ok_or(io::ErrorKind::NotFound)?;
    Ok(vec![PathBuf::from(format!("/sys/fs/cgroup{line}"))])
}

/// Beside groups of v1 this process's own group of v2, where that hierarchy is mounted.
fn group_beside(above: &[PathBuf]) -> io::Result<Option<PathBuf>> {
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let line = own.lines().find_map(|line| line.strip_prefix("0::"));
    let path = line.map(|line| PathBuf::from(format!("/sys/fs/cgroup/unified{line}")));
    Ok(path.filter(|path| above.len() > 1 && path.is_dir()))
}

/// In the child, up to the program.
fn enter(reader: &mut File, tasks: &mut [File], filter: &[u8], tree: Option<&OwnedFd>) -> io::Result<()> {
    for file in tasks {
        file.write_all(b"0")?;
    }
    reader.read_exact(&mut [0])?;
    check(unsafe { setresgid(0, 0, 0) })?;
    check(unsafe { setgroups(0, ptr::null()) })?;
    check(unsafe { setresuid(0, 0, 0) })?;
    check(unsafe { unshare(CLONE_NEWCGROUP) })?;
    check(unsafe { sethostname(c"box".as_ptr(), 3) })?;
    loopback_up()?;
    make_root(tree)?;
    for capability in 0..41 {
        if capability > 31 || CAPABILITIES & (1 << capability) == 0 {
            check(unsafe { prctl(24, capability, 0, 0, 0) })?;
        }
    }
    check(unsafe { setrlimit(7, &[1024, 1024]) })?;
    check(unsafe { capset(&[0x2008_0522, 0], &[CAPABILITIES, CAPABILITIES, 0, 0, 0, 0]) })?;
    check(unsafe { prctl(38, 1, 0, 0, 0) })?;
    // struct sock_fprog: the number of instructions of 8 bytes, and where they are; SECCOMP_SET_MODE_FILTER is 1.
    let program = [(filter.len() / 8) as u64, filter.as_ptr() as u64];
    check(unsafe { syscall(SYS_SECCOMP, 1, 0, &program) } as c_int)?;
    let arguments = [c"/bin/true".as_ptr(), ptr::null()];
    let environment = [
        c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".as_ptr(),
        ptr::null(),
    ];
    check(unsafe { execve(arguments[0], arguments.as_ptr(), environment.as_ptr()) })
}

fn clone_of(mount: c_int) -> io::Result<OwnedFd> {
    let tree = checked(unsafe { syscall(SYS_OPEN_TREE, mount, c"".as_ptr(), CLONE_OF_ALL) } as c_int)?;
    Ok(unsafe { OwnedFd::from_raw_fd(tree) })
}

fn make_root(tree: Option<&OwnedFd>) -> io::Result<()> {
    attach("", "/", "", REC | PRIVATE, "")?;
    match tree {
        None => attach("rootfs", "rootfs", "", BIND | REC, "")?,
        Some(tree) => check(unsafe {
            syscall(SYS_MOVE_MOUNT, tree.as_raw_fd(), c"".as_ptr(), AT_FDCWD, c"rootfs".as_ptr(), MOVE_MOUNT_F_EMPTY_PATH)
        } as c_int)?,
    }
    std::env::set_current_dir("rootfs")?;
    attach("proc", "proc", "proc", NOSUID | NODEV | NOEXEC, "")?;
    attach("tmpfs", "dev", "tmpfs", NOSUID | NOEXEC, "mode=755,size=65536k")?;
    for folder in ["dev/pts", "dev/shm", "dev/mqueue"] {
        fs::create_dir(folder)?;
    }
    attach(
        "devpts",
        "dev/pts",
        "devpts",
        NOSUID | NOEXEC,
        "newinstance,ptmxmode=0666,mode=0620",
    )?;
    attach("shm", "dev/shm", "tmpfs", NOSUID | NODEV | NOEXEC, "mode=1777,size=65536k")?;
    attach("mqueue", "dev/mqueue", "mqueue", NOSUID | NODEV | NOEXEC, "")?;
    attach("sysfs", "sys", "sysfs", NOSUID | NODEV | NOEXEC | RDONLY, "")?;
    for node in ["null", "zero", "full", "random", "urandom", "tty"] {
        File::create(format!("dev/{node}"))?;
        attach(&format!("/dev/{node}"), &format!("dev/{node}"), "", BIND, "")?;
    }
    for (content, link) in [
        (c"/proc/self/fd", c"dev/fd"),
        (c"/proc/self/fd/0", c"dev/stdin"),
        (c"/proc/self/fd/1", c"dev/stdout"),
        (c"/proc/self/fd/2", c"dev/stderr"),
        (c"pts/ptmx", c"dev/ptmx"),
    ] {
        check(unsafe { symlinkat(content.as_ptr(), AT_FDCWD, link.as_ptr()) })?;
    }
    check(unsafe { syscall(SYS_PIVOT_ROOT, c".".as_ptr(), c".".as_ptr()) } as c_int)?;
    check(unsafe { umount2(c".".as_ptr(), DETACH) })?;
    std::env::set_current_dir("/")
}

fn attach(source: &str, target: &str, kind: &str, flags: c_ulong, data: &str) -> io::Result<()> {
    let [source, target, kind, data] = [source, target, kind, data].map(|text| CString::new(text).unwrap_or_default());
    check(unsafe { mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast()) })
        .map_err(|error| io::Error::other(format!("mount {target:?}: {error}")))
}

/// struct ifreq: the name, then the flags. IFF_UP is 1.
fn loopback_up() -> io::Result<()> {
    let socket = unsafe { OwnedFd::from_raw_fd(checked(socket(2, 2 | O_CLOEXEC, 0))?) };
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16] = 1;
    check(unsafe { ioctl(socket.as_raw_fd(), 0x8914, &request) })
}

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check(result: c_int) -> io::Result<()> {
    checked(result).map(drop)
}
