//! Work inside a user namespace, on the memory and the descriptors of this process.
//!
//! A process with several threads cannot join a user namespace (setns(2)). A second process can that shares memory and descriptors with this
//! one, as after vfork(2): it has one thread, and credentials of its own. The thread that makes it sleeps until it has ended, so that what is
//! the thread's own (its storage, its allocator's arena) is used by one of the two at a time.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;

use crate::error::{Failure, Result};

/// As much as a thread of Rust's has, twice.
const STACK: usize = 4 << 20;

struct Job<W, T> {
    namespace: RawFd,
    parent: libc::pid_t,
    work: Option<W>,
    outcome: Option<Result<T>>,
}

/// Does `work` inside the namespace, with all capabilities there: ids are those inside, and files of all ids that it maps can be read, made
/// and given away. The caller must own the namespace. `work` must start no thread. Where the process of this function ends meanwhile, so does
/// the work.
pub fn within<T>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut job = Job { namespace: namespace.as_raw_fd(), parent: own_id(), work: Some(work), outcome: None };
    let status = run(enter_and_work_of(&job), (&raw mut job).cast())?;
    job.outcome.unwrap_or_else(|| {
        Err(Failure::new("ERR_BOX_SYSTEM", format!("the process that works in the user namespace ended with status {status:#x}")))
    })
}

type Entry = extern "C" fn(*mut c_void) -> libc::c_int;

/// The entry for a job of that type.
fn enter_and_work_of<W: FnOnce() -> Result<T>, T>(_: &Job<W, T>) -> Entry {
    enter_and_work::<W, T>
}

fn own_id() -> libc::pid_t {
    // SAFETY: it takes and does nothing.
    unsafe { libc::getpid() }
}

/// Makes the process, and waits until it has ended. No signal reaches it: its handlers would be those of this process.
fn run(entry: Entry, job: *mut c_void) -> Result<libc::c_int> {
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    // No exit signal: whoever handles SIGCHLD here must not be disturbed.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
    // SAFETY: the stack is the process's alone and outlives it, because this thread sleeps until it has ended (CLONE_VFORK); so does the job.
    // Masks are valid structures, and only this thread's is changed, and put back.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let made = libc::clone(entry, top.cast(), flags, job);
        let failure = Failure::last_os_error("clone");
        let mut status = 0;
        while made > 0 && libc::waitpid(made, &raw mut status, libc::__WALL) < 0 && *libc::__errno_location() == libc::EINTR {}
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        if made > 0 { Ok(status) } else { Err(failure.during("enter the user namespace")) }
    }
}

/// Runs in the process that was made; what it gives is its status.
extern "C" fn enter_and_work<W: FnOnce() -> Result<T>, T>(job: *mut c_void) -> libc::c_int {
    // SAFETY: `within` made the job and sleeps; nobody else uses it.
    let job = unsafe { &mut *job.cast::<Job<W, T>>() };
    // SAFETY: plain system calls on numbers.
    let entered = unsafe {
        if libc::setns(job.namespace, libc::CLONE_NEWUSER) != 0 {
            Err(Failure::last_os_error("setns").during("enter the user namespace"))
        } else {
            // After the change of credentials, which would undo it.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // Its maker may have ended before: then nobody waits for the work.
            if libc::getppid() == job.parent { Ok(()) } else { Err(Failure::syscall("getppid", Errno::SRCH)) }
        }
    };
    let work = job.work.take();
    job.outcome = Some(entered.and_then(|()| {
        let Some(work) = work else { return Err(Failure::new("ERR_BOX_STATE", "the work was done before")) };
        catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Failure::new("ERR_BOX_SYSTEM", "the native core failed unexpectedly (a panic)")))
    }));
    0
}
