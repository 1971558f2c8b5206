//! bpf(2). The attributes of each command are written out here; the kernel takes the rest of its union as zero.

use std::ffi::{c_char, c_int, c_long};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::assembler::Instruction;
use crate::{Failure, Result};

const MAP_CREATE: c_int = 0;
const MAP_LOOKUP_ELEM: c_int = 1;
const MAP_UPDATE_ELEM: c_int = 2;
const PROG_LOAD: c_int = 5;
const PROG_ATTACH: c_int = 8;
const PROG_DETACH: c_int = 9;
const PROG_GET_FD_BY_ID: c_int = 13;
const MAP_GET_FD_BY_ID: c_int = 14;
const OBJ_GET_INFO_BY_FD: c_int = 15;
const PROG_QUERY: c_int = 16;

const MAP_TYPE_ARRAY: u32 = 2;
/// Other programs may be attached to the same group, and to those below it; all are asked.
const ALLOW_MULTI: u32 = 1 << 1;
/// In place of one that is attached (Linux 5.6).
const REPLACE: u32 = 1 << 2;

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Packets that come in for sockets of a group.
    Ingress,
    /// Packets that sockets of a group send.
    Egress,
    /// Moments in the life of the TCP connections of a group.
    SocketOperations,
    /// Devices that processes of a group open or make.
    Device,
}

impl Kind {
    /// `BPF_PROG_TYPE_CGROUP_SKB`, `BPF_PROG_TYPE_SOCK_OPS`, `BPF_PROG_TYPE_CGROUP_DEVICE`
    fn program_type(self) -> u32 {
        match self {
            Self::Ingress | Self::Egress => 8,
            Self::SocketOperations => 13,
            Self::Device => 15,
        }
    }

    /// `BPF_CGROUP_INET_INGRESS`, `BPF_CGROUP_INET_EGRESS`, `BPF_CGROUP_SOCK_OPS`, `BPF_CGROUP_DEVICE`
    fn attach_type(self) -> u32 {
        match self {
            Self::Ingress => 0,
            Self::Egress => 1,
            Self::SocketOperations => 3,
            Self::Device => 6,
        }
    }

    /// What `bpftool prog` shows.
    fn name(self) -> [u8; 16] {
        match self {
            Self::Device => *b"box_devices\0\0\0\0\0",
            _ => *b"box_bandwidth\0\0\0",
        }
    }
}

#[repr(C)]
struct CreateMap {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct LoadProgram {
    program_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct Query {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
}

#[repr(C)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

#[repr(C)]
struct GetInfo {
    descriptor: u32,
    length: u32,
    info: u64,
}

/// `struct bpf_prog_info` as far as it is read.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    before: [u32; 13],
    maps: u32,
    map_ids: u64,
    name: [u8; 16],
}

/// `struct bpf_map_info` as far as it is read.
#[repr(C)]
#[derive(Default)]
struct MapInfo {
    map_type: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
}

#[repr(C)]
struct Attachment {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
    replaced: u32,
}

/// A value that programs and this process share: an array map of one element, of 64-bit words.
#[derive(Debug)]
pub struct Shared<const WORDS: usize>(OwnedFd);

impl<const WORDS: usize> Shared<WORDS> {
    /// Makes one, all zeros.
    pub fn new() -> Result<Self> {
        let value_size = u32::try_from(WORDS * 8).unwrap_or(u32::MAX);
        let attributes = CreateMap { map_type: MAP_TYPE_ARRAY, key_size: 4, value_size, max_entries: 1 };
        // SAFETY: the attributes are those of the command and hold no pointer.
        let fd = unsafe { bpf(MAP_CREATE, &attributes) }.map_err(|errno| failed(errno, "a map"))?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The map of that size among those of a program that is loaded already.
    pub fn of(program: &Program) -> Result<Self> {
        let size = u32::try_from(WORDS * 8).unwrap_or(u32::MAX);
        for map in program.maps()? {
            let mut info = MapInfo::default();
            describe(&map, &mut info)?;
            if info.map_type == MAP_TYPE_ARRAY && info.value_size == size {
                return Ok(Self(map));
            }
        }
        Err(Failure::new("ERR_BOX_STATE", "the group's programs were loaded by another version of this library"))
    }

    /// What is in it now, each word whole.
    pub fn read(&self) -> Result<[u64; WORDS]> {
        let mut value = [0_u64; WORDS];
        let key = 0_u32;
        let attributes = self.element(&key, value.as_mut_ptr() as u64);
        // SAFETY: key and value live during the call and have the sizes that the map was made with.
        unsafe { bpf(MAP_LOOKUP_ELEM, &attributes) }.map_err(|errno| failed(errno, "reading a map"))?;
        Ok(value)
    }

    /// Replaces it.
    pub fn write(&self, value: &[u64; WORDS]) -> Result<()> {
        let key = 0_u32;
        let attributes = self.element(&key, value.as_ptr() as u64);
        // SAFETY: key and value live during the call and have the sizes that the map was made with.
        unsafe { bpf(MAP_UPDATE_ELEM, &attributes) }.map_err(|errno| failed(errno, "writing a map")).map(|_| ())
    }

    /// For the assembler.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.0.as_fd()
    }

    fn element(&self, key: &u32, value: u64) -> Element {
        Element { map: number(&self.0), padding: 0, key: std::ptr::from_ref(key) as u64, value, flags: 0 }
    }
}

/// A program that the kernel has checked.
#[derive(Debug)]
pub struct Program {
    descriptor: OwnedFd,
    kind: Kind,
}

impl Program {
    /// Has the kernel check the instructions. A refusal says what the verifier said.
    pub fn load(kind: Kind, instructions: &[Instruction]) -> Result<Self> {
        let license = c"Apache-2.0";
        let mut attributes = LoadProgram {
            program_type: kind.program_type(),
            count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
            instructions: instructions.as_ptr() as u64,
            license: license.as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: 0,
            name: kind.name(),
            interface: 0,
            expected_attach_type: kind.attach_type(),
        };
        // SAFETY: the pointers are to memory that lives during the call, of the sizes given.
        let loaded = unsafe { bpf(PROG_LOAD, &attributes) };
        let fd = match loaded {
            Ok(fd) => fd,
            Err(errno @ (Errno::PERM | Errno::NOSYS)) => return Err(failed(errno, "a program")),
            Err(errno) => {
                let mut log = vec![0_u8; 65_536];
                attributes.log_level = 1;
                attributes.log_size = 65_536;
                attributes.log = log.as_mut_ptr() as u64;
                // SAFETY: as above; the log has the size given.
                match unsafe { bpf(PROG_LOAD, &attributes) } {
                    Ok(fd) => fd,
                    Err(_) => return Err(refused(errno, &log)),
                }
            }
        };
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(fd) }, kind })
    }

    /// Attaches it to a group of the v2 hierarchy. It stays there until it is detached or the group is removed, whoever lives.
    pub fn attach(&self, group: BorrowedFd<'_>) -> Result<()> {
        // SAFETY: the attributes are those of the command and hold no pointer.
        unsafe { bpf(PROG_ATTACH, &self.attachment(group, ALLOW_MULTI)) }.map_err(|errno| failed(errno, "attaching a program")).map(|_| ())
    }

    /// Attaches it to a group in place of another one, at once: no access is decided by neither of them.
    pub fn replace(&self, other: &Self, group: BorrowedFd<'_>) -> Result<()> {
        let attachment = Attachment { replaced: number(&other.descriptor), ..self.attachment(group, ALLOW_MULTI | REPLACE) };
        // SAFETY: the attributes are those of the command and hold no pointer.
        unsafe { bpf(PROG_ATTACH, &attachment) }.map_err(|errno| failed(errno, "replacing a program")).map(|_| ())
    }

    /// The program of this kind that was attached to a group before, by whichever process. Needs CAP_SYS_ADMIN.
    pub fn attached(kind: Kind, group: BorrowedFd<'_>) -> Result<Option<Self>> {
        // The kernel attaches no more than 64 to one group.
        let mut ids = [0_u32; 64];
        let mut query = Query {
            target: number(&group),
            attach_type: kind.attach_type(),
            query_flags: 0,
            attach_flags: 0,
            ids: ids.as_mut_ptr() as u64,
            count: u32::try_from(ids.len()).unwrap_or(0),
        };
        // SAFETY: the pointer is to the identifiers, whose number is given.
        unsafe { bpf(PROG_QUERY, &raw mut query) }.map_err(|errno| failed(errno, "listing programs"))?;
        for id in ids.iter().take(usize::try_from(query.count).unwrap_or(0)) {
            let Some(descriptor) = by_id(PROG_GET_FD_BY_ID, *id)? else { continue };
            let mut info = ProgramInfo::default();
            describe(&descriptor, &mut info)?;
            if info.name == kind.name() {
                return Ok(Some(Self { descriptor, kind }));
            }
        }
        Ok(None)
    }

    fn maps(&self) -> Result<Vec<OwnedFd>> {
        let mut ids = [0_u32; 16];
        let most = u32::try_from(ids.len()).unwrap_or(0);
        let mut info = ProgramInfo { maps: most, map_ids: ids.as_mut_ptr() as u64, ..Default::default() };
        describe(&self.descriptor, &mut info)?;
        let count = usize::try_from(info.maps).unwrap_or(0);
        Ok(ids.iter().take(count).map(|id| by_id(MAP_GET_FD_BY_ID, *id)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Takes it from a group.
    pub fn detach(&self, group: BorrowedFd<'_>) -> Result<()> {
        // SAFETY: the attributes are those of the command and hold no pointer.
        unsafe { bpf(PROG_DETACH, &self.attachment(group, 0)) }.map_err(|errno| failed(errno, "detaching a program")).map(|_| ())
    }

    fn attachment(&self, group: BorrowedFd<'_>, flags: u32) -> Attachment {
        Attachment { target: number(&group), program: number(&self.descriptor), attach_type: self.kind.attach_type(), flags, replaced: 0 }
    }
}

/// `None` where it has gone meanwhile.
fn by_id(command: c_int, id: u32) -> Result<Option<OwnedFd>> {
    let mut attributes = ById { id, next: 0, flags: 0 };
    // SAFETY: the attributes are those of the command and hold no pointer.
    match unsafe { bpf(command, &raw mut attributes) } {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(fd) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(failed(errno, "opening a program")),
    }
}

/// Fills what is known of a program or a map, which must begin as its structure of the kernel.
fn describe<T>(descriptor: &OwnedFd, info: &mut T) -> Result<()> {
    let length = u32::try_from(size_of::<T>()).unwrap_or(0);
    let mut attributes = GetInfo { descriptor: number(descriptor), length, info: std::ptr::from_mut(info) as u64 };
    // SAFETY: the pointer is to a structure of the length given, whose own pointers are to memory that lives as long.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &raw mut attributes) }.map_err(|errno| failed(errno, "describing a program")).map(|_| ())
}

fn number(descriptor: &impl AsRawFd) -> u32 {
    // An open descriptor is never negative.
    descriptor.as_raw_fd().unsigned_abs()
}

fn failed(errno: Errno, step: &'static str) -> Failure {
    Failure::syscall("bpf", errno).during(step)
}

fn refused(errno: Errno, log: &[u8]) -> Failure {
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(log.get(..end).unwrap_or_default());
    let last = text.trim_end().lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("; ");
    let mut failure = failed(errno, "a program");
    failure.message = format!("{} ({last})", failure.message);
    failure
}

/// # Safety
/// The attributes are those of the command, and their pointers are valid for what the kernel does with them.
unsafe fn bpf<T>(command: c_int, attributes: *const T) -> rustix::io::Result<c_int> {
    let size = u32::try_from(size_of::<T>()).unwrap_or(u32::MAX);
    // SAFETY: as the caller promises.
    let result: c_long = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.cast::<c_char>(), size) };
    c_int::try_from(result).ok().filter(|value| *value >= 0).ok_or_else(|| {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        Errno::from_raw_os_error(errno)
    })
}
