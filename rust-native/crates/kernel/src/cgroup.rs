//! Groups and their processes, where the kernel may take its time: a group's folders wait for one another's locks; moving a process waits until none is being
//! made anywhere on the machine (for milliseconds, after a quiet moment), and a killed one ends when it has given back what it had.

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

/// What becomes of a group that is made.
#[derive(Debug, PartialEq, Eq)]
pub enum Made {
    /// This process is in other groups than those that the folders were chosen by: nothing was made.
    Elsewhere,
    /// All folders were made, and so many of the files written: the next one was refused.
    Folders {
        /// How many.
        written: u32,
    },
    /// So many of the folders were made: the next one was refused.
    Refused {
        /// How many.
        made: u32,
        /// Why.
        errno: i32,
    },
}

/// Makes the folders of a group and writes its files, in their order, each with its value; stops at what the kernel refuses.
///
/// `own` is what /proc/self/cgroup said when the folders were chosen, where it may say something else by now.
pub fn make(folders: &[String], files: impl Iterator<Item = (String, String)>, own: Option<&str>) -> Result<Made> {
    if let Some(groups) = own
        && !is_in(groups)?
    {
        return Ok(Made::Elsewhere);
    }
    for (made, folder) in (0..).zip(folders) {
        if let Err(errno) = rustix::fs::mkdir(folder.as_str(), Mode::from_raw_mode(0o755)) {
            return Ok(Made::Refused { made, errno: errno.raw_os_error() });
        }
    }
    let written = files.take_while(|(path, value)| {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path.as_str(), flags, Mode::empty());
        file.is_ok_and(|file| rustix::io::write(&file, value.as_bytes()) == Ok(value.len()))
    });
    Ok(Made::Folders { written: u32::try_from(written.count()).unwrap_or(0) })
}

/// Whether that is what the kernel says of this process's groups. It tells them in one piece.
fn is_in(groups: &str) -> Result<bool> {
    let path = "/proc/self/cgroup";
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).syscall("open").map_err(|it| it.at(path))?;
    let mut text = vec![0; groups.len() + 1];
    let length = rustix::io::read(&file, &mut text).syscall("read").map_err(|it| it.at(path))?;
    Ok(text.get(..length) == Some(groups.as_bytes()))
}

/// Removes folders of groups, in their order, as long as nothing is in them; gives how many are gone.
pub fn remove(folders: &[String]) -> u32 {
    let gone = folders.iter().take_while(|folder| matches!(rustix::fs::rmdir(folder.as_str()), Ok(()) | Err(Errno::NOENT)));
    u32::try_from(gone.count()).unwrap_or(0)
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
