//! The clone, and the id maps of what it made.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use box_plan::{Outcome, Plan, flags};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::start::{below_proc, write_proc};
use crate::stop::{Context, Result, refused};
use crate::sys::{self, Cloned};
use crate::{channel, mapper};

/// Which side this is.
pub enum Made {
    /// The child, with what it waits on until its maker has answered and has mapped its ids.
    Child(OwnedFd),
    /// The one that made it: the child's pidfd.
    Maker(OwnedFd),
}

/// Makes the child in its namespaces and group, a child of this process's parent; says so, maps its ids, and lets it go on. A child that
/// nobody knows of does nothing: where its maker ends before, it ends, too. `apart` says that this process is not the launcher.
pub fn make(plan: &Plan<'_>, cgroup: Option<&OwnedFd>, answer: &OwnedFd, apart: bool) -> Result<Made> {
    let helped = mapper::is_needed(plan);
    let (theirs, ours) = if helped { mapper::channel()? } else { pipe_with(PipeFlags::CLOEXEC).call("pipe2")? };
    let clone_flags = u64::from(plan.namespaces) | libc::CLONE_PARENT as u64;
    match sys::clone3(clone_flags, cgroup.map(AsFd::as_fd)).call("clone3")? {
        Cloned::Child => Ok(Made::Child(theirs)),
        Cloned::Maker { pid, pidfd } => {
            channel::deliver(answer, &Outcome::Started { pid, apart }, Some(pidfd.as_fd())).call("sendmsg")?;
            if helped {
                mapper::serve_apart(plan, pid, Some(&pidfd), ours, answer).inspect_err(|_| sys::kill_by(&pidfd))?;
                return Ok(Made::Maker(pidfd));
            }
            if !plan.uid_map.is_empty() && plan.flags & flags::MAP_SELF == 0 {
                map(plan, pid).inspect_err(|_| sys::kill_by(&pidfd))?;
            }
            let _ = rustix::io::write(&ours, &[1]);
            Ok(Made::Maker(pidfd))
        }
    }
}

/// Writes the id maps of a process's user namespace.
pub fn map(plan: &Plan<'_>, pid: u32) -> Result<()> {
    let mut files = Vec::with_capacity(3);
    if plan.flags & flags::DENY_SETGROUPS != 0 {
        files.push(("setgroups", b"deny".as_slice()));
    }
    files.push(("gid_map", plan.gid_map.to_bytes()));
    files.push(("uid_map", plan.uid_map.to_bytes()));
    for (name, content) in files {
        let path = CString::new(format!("{pid}/{name}")).unwrap_or_default();
        write_proc(&path, content).call_at("write", &below_proc(&path))?;
    }
    Ok(())
}

/// Waits for the maker, and maps the caller's own id where that is left to the child.
pub fn await_maker(plan: &Plan<'_>, barrier: &OwnedFd) -> Result<()> {
    if mapper::is_needed(plan) {
        return mapper::await_maps(barrier);
    }
    // The end without a byte: the maker has gone. Where it could not map the ids it has said so before, and that is what counts.
    if rustix::io::read(barrier, &mut [0]).call("read")? == 0 {
        return Err(refused("ERR_BOX_LAUNCHER_LOST", c""));
    }
    if maps_itself(plan) { map_self(plan) } else { Ok(()) }
}

/// Whether mapping the caller's own id is left to the process that the namespace is made with.
pub fn maps_itself(plan: &Plan<'_>) -> bool {
    !plan.uid_map.is_empty() && plan.flags & flags::MAP_SELF != 0
}

/// Maps the caller's own id in the user namespace that this process is in.
pub fn map_self(plan: &Plan<'_>) -> Result<()> {
    // The files of /proc/self belong to an ordinary user only while the process is dumpable.
    sys::prctl(libc::PR_SET_DUMPABLE, 1).call("prctl")?;
    if plan.flags & flags::DENY_SETGROUPS != 0 {
        write_proc(c"self/setgroups", b"deny").call_at("write", c"/proc/self/setgroups")?;
    }
    write_proc(c"self/gid_map", plan.gid_map.to_bytes()).call_at("write", c"/proc/self/gid_map")?;
    write_proc(c"self/uid_map", plan.uid_map.to_bytes()).call_at("write", c"/proc/self/uid_map")?;
    sys::prctl(libc::PR_SET_DUMPABLE, 0).call("prctl")
}
