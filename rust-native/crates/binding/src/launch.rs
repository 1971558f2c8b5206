//! Starting processes, and seeing them end.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use box_kernel::launch::{self, Event, Request, Sink, Stream};
use box_kernel::{Failure, SyscallContext};
use napi::bindgen_prelude::{Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;

use crate::background;
use crate::error::{OrThrow, thrown};

/// The launcher's executable, as built beside this library.
static LAUNCHER: &[u8] = include_bytes!(env!("BOX_LAUNCHER"));

/// Gives the core the launcher's executable.
pub fn provide_launcher() {
    launch::set_launcher(LAUNCHER);
}

/// What becomes of a launch: `started` and then `exited`, or only `failed`; and before that what steps of the plan have made.
#[napi(object)]
pub struct ProcessEvent {
    /// The launch, as `launch` numbered it.
    pub id: u32,
    /// Which of them.
    #[napi(ts_type = "'offered' | 'started' | 'failed' | 'exited'")]
    pub kind: String,
    /// With `started` and `offered`: the process.
    pub pid: Option<u32>,
    /// With `started`: a pidfd, now the receiver's.
    pub pidfd: Option<i32>,
    /// With `offered`: a descriptor that a step has made, now the receiver's.
    pub descriptor: Option<i32>,
    /// With `failed`: why. With `exited`: why the exit could not be read.
    pub failure: Option<FailureObject>,
    /// With `exited`: the exit code, absent where a signal ended it.
    pub exit_code: Option<i32>,
    /// With `exited`: the signal that ended it.
    pub signal: Option<i32>,
    /// With `exited`: milliseconds from the call of `launch`.
    pub duration_ms: Option<f64>,
    /// With `exited`: processor time in milliseconds.
    pub user_ms: Option<f64>,
    /// With `exited`: processor time in milliseconds.
    pub system_ms: Option<f64>,
    /// With `exited`: the largest resident set in bytes.
    pub max_rss: Option<f64>,
}

/// A failure of the core.
#[napi(object)]
pub struct FailureObject {
    /// Marks it as one.
    pub box_failure: bool,
    /// One sentence for people.
    pub message: String,
    /// A code of `@box/core`.
    pub code: Option<String>,
    /// The system call.
    pub syscall: Option<String>,
    /// The error's name.
    pub errno: Option<String>,
    /// The file or folder concerned.
    pub path: Option<String>,
    /// The step that failed.
    pub step: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<Failure> for FailureObject {
    fn from(failure: Failure) -> Self {
        Self {
            box_failure: true,
            message: failure.message,
            code: failure.code.map(Into::into),
            syscall: failure.syscall.map(Into::into),
            errno: failure.errno.map(|errno| box_kernel::errno::name(errno).into_owned()),
            path: failure.path,
            step: failure.step.map(Into::into),
            hint: failure.hint.map(|hint| hint.into_owned()),
        }
    }
}

/// A launch on its way.
#[napi(object)]
pub struct LaunchTicket {
    /// The number that its events carry.
    pub id: u32,
    /// The caller's ends of its pipes, in the order of their slots.
    pub ends: Vec<i32>,
}

type Callback = ThreadsafeFunction<ProcessEvent, (), ProcessEvent, Status, false>;

struct CallbackSink(Callback);

impl Sink for CallbackSink {
    fn event(&self, id: u64, event: Event) {
        // A callback that can take no more calls belongs to a thread that has ended.
        self.0.call(process_event(u32::try_from(id).unwrap_or_default(), event), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// The launches of one JavaScript thread.
#[napi]
pub struct Launches {
    sink: Arc<CallbackSink>,
}

#[napi]
impl Launches {
    /// `callback` receives what becomes of each launch. It does not keep the process running: see `hold`.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        #[napi(ts_arg_type = "(event: ProcessEvent) => void")] callback: Function<'_, ProcessEvent, ()>,
        env: Env,
    ) -> napi::Result<Self> {
        provide_launcher();
        let callback: Callback = callback.build_threadsafe_function::<ProcessEvent>().build()?;
        let launches = Self { sink: Arc::new(CallbackSink(callback)) };
        launches.hold(false, env)?;
        Ok(launches)
    }

    /// Whether the process keeps running for events that are to come.
    #[napi(catch_unwind)]
    pub fn hold(&self, pending: bool, env: Env) -> napi::Result<()> {
        let function = self.sink.0.raw();
        // SAFETY: called on the thread of the environment that made the function, which keeps it.
        let status = unsafe {
            if pending {
                sys::napi_ref_threadsafe_function(env.raw(), function)
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), function)
            }
        };
        napi::check_status!(status, "the callback cannot be held")
    }

    /// Starts what an encoded plan says. Each slot is a descriptor of the caller's, of which a copy is taken, or
    /// -1 for a pipe that the caller writes, -2 for one that it reads, -3 for /dev/null.
    #[napi(catch_unwind)]
    pub fn launch(&self, plan: Uint8Array, slots: Vec<i32>, env: Env) -> napi::Result<LaunchTicket> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let streams = slots.into_iter().map(stream).collect::<box_kernel::Result<Vec<_>>>().or_throw(&env)?;
        let (request, ends) = Request::open(plan.to_vec(), &streams).or_throw(&env)?;
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let sink: Arc<dyn Sink> = Arc::clone(&self.sink) as Arc<dyn Sink>;
        if launch::may_wait(&request.plan) {
            background::spawn(move || launch::launch(u64::from(id), request, sink));
        } else {
            launch::launch(u64::from(id), request, sink);
        }
        Ok(LaunchTicket { id, ends: ends.into_iter().map(IntoRawFd::into_raw_fd).collect() })
    }
}

/// Sends a signal by a pidfd. Gives false where the process has ended.
#[napi(catch_unwind)]
pub fn kill(pidfd: i32, signal: i32, env: Env) -> napi::Result<bool> {
    let pidfd = descriptor(pidfd).or_throw(&env)?;
    // SAFETY: numbers and a null pointer.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::c_void>(), 0) };
    if result == 0 {
        return Ok(true);
    }
    let failure = Failure::last_os_error("pidfd_send_signal");
    if failure.errno == Some(libc::ESRCH) { Ok(false) } else { Err(thrown(&env, &failure)) }
}

/// Opens a pidfd (pidfd_open(2)), the caller's to close.
#[napi(catch_unwind)]
pub fn pidfd_open(pid: i32, env: Env) -> napi::Result<i32> {
    let opened: box_kernel::Result<OwnedFd> = rustix::process::Pid::from_raw(pid)
        .ok_or(rustix::io::Errno::INVAL)
        .and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()))
        .syscall("pidfd_open");
    Ok(opened.or_throw(&env)?.into_raw_fd())
}

fn stream(slot: i32) -> box_kernel::Result<Stream<'static>> {
    match slot {
        -1 => Ok(Stream::Input),
        -2 => Ok(Stream::Output),
        -3 => Ok(Stream::Null),
        number => descriptor(number).map(Stream::Given),
    }
}

fn descriptor(number: i32) -> box_kernel::Result<BorrowedFd<'static>> {
    if number < 0 {
        return Err(Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("{number} is not a descriptor")));
    }
    // SAFETY: the number is only used for a system call that answers EBADF where nothing is open, before the call returns.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

fn process_event(id: u32, event: Event) -> ProcessEvent {
    let nothing = ProcessEvent {
        id,
        kind: String::new(),
        pid: None,
        pidfd: None,
        descriptor: None,
        failure: None,
        exit_code: None,
        signal: None,
        duration_ms: None,
        user_ms: None,
        system_ms: None,
        max_rss: None,
    };
    match event {
        Event::Offered { descriptor, pid } => {
            ProcessEvent { kind: "offered".into(), descriptor: Some(descriptor.into_raw_fd()), pid: Some(pid), ..nothing }
        }
        Event::Started { pid, pidfd } => {
            ProcessEvent { kind: "started".into(), pid: Some(pid), pidfd: Some(pidfd.into_raw_fd()), ..nothing }
        }
        Event::Failed(failure) => ProcessEvent { kind: "failed".into(), failure: Some(failure.into()), ..nothing },
        Event::Exited { exit, after } => {
            let ended = ProcessEvent { kind: "exited".into(), duration_ms: Some(after.as_secs_f64() * 1000.0), ..nothing };
            match exit {
                Err(failure) => ProcessEvent { failure: Some(failure.into()), ..ended },
                Ok(exit) => ProcessEvent {
                    exit_code: (exit.signal == 0).then_some(exit.code),
                    signal: (exit.signal != 0).then_some(exit.signal),
                    user_ms: Some(milliseconds(exit.user_us)),
                    system_ms: Some(milliseconds(exit.system_us)),
                    max_rss: Some(exit.max_rss as f64),
                    ..ended
                },
            }
        }
    }
}

fn milliseconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1000.0
}
