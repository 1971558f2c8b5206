//! The last moment: descriptors, the end with the parent, and the program itself.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use box_plan::{CLOSED, Outcome, Plan, TERMINAL, flags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::launch::Descriptors;
use crate::stop::{Context, Result, during};
use crate::{channel, descriptors, init, sys};

/// Where programs are looked for where the environment has no PATH (confstr(3), _CS_PATH).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// Becomes the program. Comes back with the reason why not.
pub fn exec(plan: &Plan<'_>, given: &Descriptors<'_>, terminal: Option<&OwnedFd>) -> Result<()> {
    if plan.flags & flags::DETACHED == 0 {
        end_with_caller().map_err(|stop| during(stop, "end with the caller"))?;
    }
    let sources = plan
        .descriptors
        .iter()
        .map(|slot| match *slot {
            CLOSED => Ok(None),
            TERMINAL => terminal.map(|terminal| Some(terminal.as_fd())).ok_or(Errno::BADF),
            slot => given.files.get(usize::from(slot)).map(|file| Some(file.as_fd())).ok_or(Errno::BADF),
        })
        .collect::<rustix::io::Result<Vec<Option<BorrowedFd<'_>>>>>()
        .call("fcntl")
        .map_err(|stop| during(stop, "arrange the descriptors"))?;
    let answer =
        descriptors::arrange(&sources, given.answer.as_fd()).call("dup2").map_err(|stop| during(stop, "arrange the descriptors"))?;
    // From here on only the new number is open.
    let stop = match start_init(plan, terminal.is_some()) {
        Ok(()) => during(run(plan), "execute the program"),
        Err(stop) => during(stop, "start the init"),
    };
    channel::send(sys::borrow(answer), &Outcome::Stopped(*stop), None);
    sys::exit(127)
}

fn start_init(plan: &Plan<'_>, has_terminal: bool) -> Result<()> {
    if plan.flags & flags::INIT == 0 { Ok(()) } else { init::become_init(has_terminal) }
}

/// Asks the kernel to kill this process when the caller ends, and makes sure that it has not ended already.
fn end_with_caller() -> Result<()> {
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64).call("prctl")?;
    let mut polled = [PollFd::from_borrowed_fd(sys::fixed(sys::CALLER), PollFlags::IN)];
    if poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).call("poll")? > 0 {
        sys::exit(127);
    }
    Ok(())
}

fn run(plan: &Plan<'_>) -> Box<box_plan::Stop> {
    let arguments = pointers(&plan.command);
    let environment = pointers(&plan.environment);
    let Some(name) = plan.command.first() else { return failed(Errno::INVAL, c"") };
    if name.to_bytes().contains(&b'/') {
        return failed(sys::execve(name, &arguments, &environment), name);
    }
    let path = plan.environment.iter().find_map(|entry| entry.to_bytes().strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
    let mut reason = (Errno::NOENT, CString::from(*name));
    for folder in path.split(|byte| *byte == b':') {
        let folder = if folder.is_empty() { b".".as_slice() } else { folder };
        let Ok(candidate) = CString::new([folder, b"/", name.to_bytes()].concat()) else { continue };
        match sys::execve(&candidate, &arguments, &environment) {
            Errno::NOENT if exists(&candidate) => return failed(Errno::NOENT, &candidate),
            Errno::NOENT | Errno::NOTDIR => {}
            // As in execvp(3): another folder may have one that may be executed.
            Errno::ACCESS => reason = (Errno::ACCESS, candidate),
            errno => return failed(errno, &candidate),
        }
    }
    failed(reason.0, &reason.1)
}

fn exists(path: &CStr) -> bool {
    rustix::fs::statat(rustix::fs::CWD, path, rustix::fs::AtFlags::empty()).is_ok()
}

fn failed(errno: Errno, path: &CStr) -> Box<box_plan::Stop> {
    // ENOENT of a program that is there means that its interpreter is not.
    let absent = matches!(errno, Errno::NOENT | Errno::NOTDIR) && !exists(path);
    Box::new(box_plan::Stop {
        syscall: "execve".into(),
        errno: errno.raw_os_error(),
        path: path.to_string_lossy().into_owned(),
        code: if absent { "ERR_BOX_COMMAND_NOT_FOUND".into() } else { String::new() },
        ..box_plan::Stop::default()
    })
}

fn pointers(strings: &[&CStr]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}
