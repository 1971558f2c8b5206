//! Processes of groups, where the kernel may take its time: moving one waits until no process is being made anywhere on the machine (for milliseconds,
//! after a quiet moment), and a killed one ends when it has given back what it had.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{Failure, Result, SyscallContext};

/// Moves a process, with all its threads, into each of the groups. The failure names the file of the first group that did not take it; those before it
/// have it.
pub fn move_process(folders: &[String], pid: i32) -> Result<()> {
    let value = pid.to_string();
    folders.iter().try_for_each(|folder| {
        let path = format!("{folder}/cgroup.procs");
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path.as_str(), flags, Mode::empty()).syscall("open").map_err(|it| it.at(&path))?;
        rustix::io::write(&file, value.as_bytes()).syscall("write").map_err(|it| it.at(&path)).map(|_| ())
    })
}

/// Writes files of groups, in their order, each with its value. Stops at the first that fails, and gives how many were written.
pub fn write_files(files: impl Iterator<Item = (String, String)>) -> u32 {
    let written = files.take_while(|(path, value)| {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path.as_str(), flags, Mode::empty());
        file.is_ok_and(|file| rustix::io::write(&file, value.as_bytes()) == Ok(value.len()))
    });
    u32::try_from(written.count()).unwrap_or(0)
}

/// Waits until processes have ended, whoever their parents are. Gives false where one is still there after that time.
pub fn wait_for_ends(pids: &[i32], at_most: Duration) -> Result<bool> {
    let deadline = Instant::now() + at_most;
    let mut waited: Vec<OwnedFd> = pids.iter().filter_map(|pid| open(*pid).transpose()).collect::<Result<_>>()?;
    while !waited.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| Failure::new("ERR_BOX_INVALID_ARGUMENT", "the time to wait is too long"))?;
        let mut polled: Vec<PollFd<'_>> = waited.iter().map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN)).collect();
        match poll(&mut polled, Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::syscall("poll", errno)),
        }
        let mut ended = polled.iter().map(|it| !it.revents().is_empty()).collect::<Vec<_>>().into_iter();
        waited.retain(|_| !ended.next().unwrap_or(false));
    }
    Ok(true)
}

/// One that is not there any more has ended.
fn open(pid: i32) -> Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(pid) else { return Ok(None) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => Ok(Some(fd)),
        // A thread of a threaded group is no process (ENOENT, EINVAL): its process is waited for.
        Err(Errno::SRCH | Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) => Err(Failure::syscall("pidfd_open", errno)),
    }
}
