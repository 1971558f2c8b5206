//! System calls that wait for an answer: the listener of a filter (seccomp_unotify(2)).

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use box_kernel::{Failure, SyscallContext, agent};
use napi::bindgen_prelude::{Buffer, Function, Object, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use crate::background::promise;
use crate::error::{OrThrow, thrown};
use crate::mounts::duplicate;

/// struct seccomp_notif: id (u64), pid (u32), flags (u32), number (i32), architecture (u32), instruction pointer (u64), six arguments (u64).
const NOTIFICATION: usize = 80;
/// struct seccomp_notif_resp: id (u64), value (i64), error (i32), flags (u32). struct seccomp_notif_addfd is as long.
const ANSWER: usize = 24;

/// `_IOC` of linux/seccomp.h.
const fn request(direction: u32, number: u32, size: usize) -> u32 {
    (direction << 30) | ((size as u32) << 16) | (0x21 << 8) | number
}

const RECEIVE: u32 = request(3, 0, NOTIFICATION);
const SEND: u32 = request(3, 1, ANSWER);
const IS_VALID: u32 = request(1, 2, size_of::<u64>());
const ADD_DESCRIPTOR: u32 = request(1, 3, ANSWER);

type Callback = ThreadsafeFunction<Buffer, (), Buffer, Status, false>;

/// Gives a filter's listener to the program that listens at a unix socket, with a state in front.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn hand_over_listener(env: &Env, fd: i32, path: String, state: String) -> napi::Result<Object<'_>> {
    let listener = duplicate(fd).or_throw(env)?;
    promise(env, move || agent::hand_over(&path, state.as_bytes(), listener.as_fd()), |_, ()| Ok(()))
}

/// A filter's listener. When it is closed, or this process ends, the calls that wait and all later ones fail with ENOSYS.
#[napi]
pub struct SeccompListener {
    listener: Option<Arc<OwnedFd>>,
    closed: Arc<OwnedFd>,
}

#[napi]
impl SeccompListener {
    /// Takes the descriptor. `callback` gets each `struct seccomp_notif`; it does not keep the process running.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        fd: i32,
        #[napi(ts_arg_type = "(notification: Buffer) => void")] callback: Function<'_, Buffer, ()>,
        env: Env,
    ) -> napi::Result<Self> {
        // SAFETY: the core has given this descriptor to the caller, who gives it on.
        let listener = Arc::new(unsafe { OwnedFd::from_raw_fd(fd) });
        let callback: Callback = callback.build_threadsafe_function::<Buffer>().build()?;
        // SAFETY: called on the thread of the environment that made the function.
        napi::check_status!(unsafe { napi::sys::napi_unref_threadsafe_function(env.raw(), callback.raw()) }, "the callback is held")?;
        let closed = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).syscall("eventfd2").or_throw(&env)?);
        let (watched, until) = (Arc::clone(&listener), Arc::clone(&closed));
        let started = std::thread::Builder::new().name("box-seccomp".into()).spawn(move || watch(&watched, &until, &callback));
        started.map_err(|error| Failure::new("ERR_BOX_SYSTEM", format!("a thread cannot be started: {error}"))).or_throw(&env)?;
        Ok(Self { listener: Some(listener), closed })
    }

    /// Answers with a `struct seccomp_notif_resp`. Gives false where the call no longer waits.
    #[napi(catch_unwind)]
    pub fn answer(&self, answer: Uint8Array, env: Env) -> napi::Result<bool> {
        self.tell(SEND, &answer, ANSWER).map_err(|failure| thrown(&env, &failure))
    }

    /// Adds a descriptor to the process by a `struct seccomp_notif_addfd`. Gives false where the call no longer waits.
    #[napi(catch_unwind)]
    pub fn add_descriptor(&self, addition: Uint8Array, env: Env) -> napi::Result<bool> {
        self.tell(ADD_DESCRIPTOR, &addition, ANSWER).map_err(|failure| thrown(&env, &failure))
    }

    /// Reads the memory of the process that waits: up to `length` bytes, fewer where what follows cannot be read. After it was opened the
    /// call is asked after again: the process could have ended, and another have its number.
    #[napi(catch_unwind)]
    pub fn memory(&self, id: Uint8Array, pid: u32, address: f64, length: u32, env: Env) -> napi::Result<Uint8Array> {
        let read = || -> box_kernel::Result<Vec<u8>> {
            let failed = |error: std::io::Error, call| Failure::syscall(call, Errno::from_io_error(&error).unwrap_or(Errno::IO));
            let file = std::fs::File::open(format!("/proc/{pid}/mem")).map_err(|error| failed(error, "open"))?;
            if !self.tell(IS_VALID, &id, size_of::<u64>())? {
                return Err(Failure::new("ERR_BOX_STATE", "the system call no longer waits"));
            }
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            let mut filled = 0;
            // Page by page: what is read over the end of a mapping would fail as a whole.
            while filled < bytes.len() {
                let at = address as u64 + filled as u64;
                let end = bytes.len().min(filled + 4096 - (at % 4096) as usize);
                match file.read_at(bytes.get_mut(filled..end).unwrap_or_default(), at) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(_) if filled > 0 => break,
                    Err(error) => return Err(failed(error, "pread64")),
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        };
        Ok(Uint8Array::new(read().or_throw(&env)?))
    }

    /// Closes it. Idempotent.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.listener = None;
        let _ = rustix::io::write(&self.closed, &1u64.to_ne_bytes());
    }
}

impl SeccompListener {
    /// False where the call no longer waits, or this is closed.
    fn tell(&self, request: u32, structure: &[u8], length: usize) -> box_kernel::Result<bool> {
        let Some(listener) = &self.listener else { return Ok(false) };
        if structure.len() != length {
            return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", "the structure has another length"));
        }
        let mut copy = structure.to_vec();
        match ioctl(listener, request, &mut copy) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::INPROGRESS) => Ok(false),
            Err(errno) => Err(Failure::syscall("ioctl", errno)),
        }
    }
}

fn watch(listener: &OwnedFd, closed: &OwnedFd, callback: &Callback) {
    loop {
        let mut polled =
            [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN), PollFd::from_borrowed_fd(closed.as_fd(), PollFlags::IN)];
        match poll(&mut polled, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        let [calls, end] = polled.map(|one| one.revents());
        // Nobody has the filter any more, or nobody answers.
        if !end.is_empty() || !calls.contains(PollFlags::IN) {
            return;
        }
        let mut notification = vec![0; NOTIFICATION];
        match ioctl(listener, RECEIVE, &mut notification) {
            Ok(()) => {}
            // The process ended meanwhile.
            Err(Errno::NOENT | Errno::INTR) => continue,
            Err(_) => return,
        }
        if callback.call(notification.into(), ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
            return;
        }
    }
}

fn ioctl(listener: &OwnedFd, request: u32, structure: &mut [u8]) -> rustix::io::Result<()> {
    // SAFETY: the structure has the length that the request says.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), request as _, structure.as_mut_ptr()) };
    if result >= 0 { Ok(()) } else { Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)) }
}
