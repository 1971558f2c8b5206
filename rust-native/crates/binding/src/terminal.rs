//! The caller's side of a terminal.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use box_kernel::{Failure, SyscallContext};
use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::termios::{Winsize, tcsetwinsize};

use crate::error::OrThrow;

/// What Node has no call for: the size, and waiting for room. Without this it could write to a terminal only by blocking.
#[napi]
pub struct TerminalControl {
    master: Arc<OwnedFd>,
    closed: Arc<OwnedFd>,
}

#[napi]
impl TerminalControl {
    /// Keeps a copy of the descriptor, and makes reads and writes of it non-blocking.
    #[napi(constructor, catch_unwind)]
    pub fn new(fd: i32, env: Env) -> napi::Result<Self> {
        // SAFETY: the number is only used for system calls that answer EBADF where nothing is open, before the call returns.
        let given = unsafe { BorrowedFd::borrow_raw(fd.max(0)) };
        let master = rustix::io::fcntl_dupfd_cloexec(given, 0).syscall("fcntl").or_throw(&env)?;
        rustix::io::ioctl_fionbio(&master, true).syscall("ioctl").or_throw(&env)?;
        let closed = eventfd(0, EventfdFlags::CLOEXEC).syscall("eventfd2").or_throw(&env)?;
        Ok(Self { master: Arc::new(master), closed: Arc::new(closed) })
    }

    /// Tells the terminal how large it is (TIOCSWINSZ, ioctl_tty(2)): its foreground programs get SIGWINCH.
    #[napi(catch_unwind)]
    pub fn resize(&self, columns: u16, rows: u16, env: Env) -> napi::Result<()> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).syscall("ioctl").or_throw(&env)
    }

    /// Writes what there is room for, and says how much that was. What nobody is there to read any more counts as written.
    #[napi(catch_unwind)]
    pub fn write(&self, bytes: Uint8Array, env: Env) -> napi::Result<u32> {
        let written = match rustix::io::write(&self.master, &bytes) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(Errno::IO) => Ok(bytes.len()),
            result => result,
        };
        Ok(u32::try_from(written.syscall("write").or_throw(&env)?).unwrap_or(0))
    }

    /// Reads what is there; nothing where there is nothing, or never will be.
    #[napi(catch_unwind)]
    pub fn read(&self, env: Env) -> napi::Result<Uint8Array> {
        let mut buffer = vec![0; 4096];
        let count = match rustix::io::read(&self.master, &mut buffer) {
            Err(Errno::AGAIN | Errno::INTR | Errno::IO) => Ok(0),
            result => result,
        };
        buffer.truncate(count.syscall("read").or_throw(&env)?);
        Ok(Uint8Array::new(buffer))
    }

    /// Resolves when something can be written, the other side is gone, or this is closed. On a thread of its own: it may take any time.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn writable<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        type Resolver = Box<dyn FnOnce(Env) -> napi::Result<()> + Send>;
        let (deferred, promise) = env.create_deferred::<(), Resolver>()?;
        let (master, closed) = (Arc::clone(&self.master), Arc::clone(&self.closed));
        let started = std::thread::Builder::new().name("box-terminal".into()).spawn(move || {
            wait(master, &closed);
            deferred.resolve(Box::new(|_| Ok(())));
        });
        started.map_err(|error| Failure::new("ERR_BOX_SYSTEM", format!("a thread cannot be started: {error}"))).or_throw(env)?;
        Ok(promise)
    }

    /// Ends what waits. The copy of the descriptor is closed with it.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        let _ = rustix::io::write(&self.closed, &1u64.to_ne_bytes());
        self.master = Arc::clone(&self.closed);
    }
}

fn wait(master: Arc<OwnedFd>, closed: &OwnedFd) {
    let mut polled = [PollFd::from_borrowed_fd(master.as_fd(), PollFlags::OUT), PollFd::from_borrowed_fd(closed.as_fd(), PollFlags::IN)];
    while matches!(poll(&mut polled, None), Err(Errno::INTR)) {}
}
