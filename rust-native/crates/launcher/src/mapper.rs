//! Id maps that the caller may not write itself: newuidmap(1) and newgidmap(1) write them, for the process that is in the new namespace. A
//! short-lived process runs them and lets that one go on; the launcher waits for neither.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use box_plan::{Outcome, Plan, Stop};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::stop::{Context, Result, during, refused};
use crate::sys::{self, Cloned};
use crate::{channel as messages, descriptors};

/// How much of what a program says is passed on.
const LONGEST: usize = 500;

/// Whether the maps of the plan are written by the two programs.
pub fn is_needed(plan: &Plan<'_>) -> bool {
    !plan.uid_map.is_empty() && !plan.mappers.is_empty()
}

/// What the two use to wait for one another: the first end is for the process in the namespace.
pub fn channel() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).call("socketpair")
}

/// Starts it for a process that makes its user namespace later. Gives that process's end.
pub fn start(plan: &Plan<'_>, pid: u32, process: Option<&OwnedFd>, answer: &OwnedFd) -> Result<OwnedFd> {
    let (theirs, ours) = channel()?;
    serve_apart(plan, pid, process, ours, answer)?;
    Ok(theirs)
}

/// Starts it, as a child of the caller's. What fails is told on the launch's channel, and `process`, where it is given, ends.
pub fn serve_apart(plan: &Plan<'_>, pid: u32, process: Option<&OwnedFd>, ours: OwnedFd, answer: &OwnedFd) -> Result<()> {
    match sys::clone3(libc::CLONE_PARENT as u64, None).call("clone3")? {
        Cloned::Maker { pidfd, .. } => {
            messages::send(answer, &Outcome::Intermediate, Some(pidfd.as_fd()));
            Ok(())
        }
        Cloned::Child => serve(plan, pid, process, &ours, answer),
    }
}

fn serve(plan: &Plan<'_>, pid: u32, process: Option<&OwnedFd>, ours: &OwnedFd, answer: &OwnedFd) -> ! {
    let mut keep: Vec<BorrowedFd<'_>> = vec![ours.as_fd(), answer.as_fd(), sys::fixed(sys::PROC)];
    keep.extend(process.map(AsFd::as_fd));
    // It serves a process that ends with the caller.
    let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64);
    let mapped = descriptors::close_all_but(&keep).call("close_range").and_then(|()| {
        // The end without a byte: the process is no more, and there is nothing to map.
        if rustix::io::read(ours, &mut [0]).call("read")? == 0 {
            sys::exit(0);
        }
        map(plan, pid)
    });
    match mapped {
        Ok(()) => {
            let _ = rustix::io::write(ours, &[1]);
        }
        Err(stop) => {
            // Before the channel closes: what the process would say of that is not the reason.
            messages::send(answer, &Outcome::Stopped(*during(stop, "map the ids")), None);
            if let Some(process) = process {
                sys::kill_by(process);
            }
        }
    }
    sys::exit(0)
}

/// Both at once: neither needs the other, and each takes longer than all the rest of a launch.
fn map(plan: &Plan<'_>, pid: u32) -> Result<()> {
    let [uid_mapper, gid_mapper] = plan.mappers.as_slice() else { return Err(refused("ERR_BOX_INVALID_ARGUMENT", c"")) };
    let groups = Mapper::start(gid_mapper, pid, plan.gid_map)?;
    let users = Mapper::start(uid_mapper, pid, plan.uid_map)?;
    let (groups, users) = (groups.finish(), users.finish());
    groups.and(users)
}

/// One of the two, running: `newuidmap PID INSIDE OUTSIDE SIZE …`.
struct Mapper<'a> {
    program: &'a CStr,
    child: i32,
    said: OwnedFd,
}

impl<'a> Mapper<'a> {
    fn start(program: &'a CStr, pid: u32, map: &CStr) -> Result<Self> {
        let numbers = map.to_bytes().split(u8::is_ascii_whitespace).filter(|number| !number.is_empty());
        let arguments: Vec<CString> = [CString::from(program), CString::new(pid.to_string()).unwrap_or_default()]
            .into_iter()
            .chain(numbers.map(|number| CString::new(number).unwrap_or_default()))
            .collect();
        let pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).chain([std::ptr::null()]).collect();
        let (said, write) = pipe_with(PipeFlags::CLOEXEC).call("pipe2")?;
        let child = sys::fork().call("fork")?;
        if child == 0 {
            if sys::duplicate_to(write.as_raw_fd(), 2).is_ok() {
                let errno = sys::execve(program, &pointers, &[std::ptr::null()]);
                let _ = rustix::io::write(&write, format!("it cannot be executed: {}", std::io::Error::from(errno)).as_bytes());
            }
            sys::exit(127);
        }
        Ok(Self { program, child, said })
    }

    /// Waits for its end.
    fn finish(self) -> Result<()> {
        let said = read_all(&self.said);
        let status = sys::wait(self.child).call("waitpid")?;
        if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
            return Ok(());
        }
        let path = self.program.to_string_lossy().into_owned();
        let said = if said.is_empty() { format!("{path} ended with status {status:#x}") } else { said };
        Err(Box::new(Stop { path, code: "ERR_BOX_PERMISSION".into(), said, ..Stop::default() }))
    }
}

fn read_all(read: &OwnedFd) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; LONGEST];
    while let Ok(count @ 1..) = rustix::io::read(read, &mut buffer) {
        text.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    text.truncate(LONGEST);
    String::from_utf8_lossy(&text).trim().replace('\n', "; ")
}

/// In the process that is in the namespace: waits until its ids are mapped.
pub fn await_maps(theirs: &OwnedFd) -> Result<()> {
    // The files below /proc/PID belong to an ordinary user only while the process is dumpable, and the programs act as that user.
    sys::prctl(libc::PR_SET_DUMPABLE, 1).call("prctl")?;
    let answered = rustix::io::write(theirs, &[1]).and_then(|_| rustix::io::read(theirs, &mut [0]));
    sys::prctl(libc::PR_SET_DUMPABLE, 0).call("prctl")?;
    // The end without a byte: it could not, and has said so, or is no more.
    if answered.call("read")? == 0 { Err(refused("ERR_BOX_LAUNCHER_LOST", c"")) } else { Ok(()) }
}
