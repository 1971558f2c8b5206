//! One thread that sees everything: what launches answer, and processes end. It sleeps in epoll(7), however many there are.

mod failure;
mod follow;
mod launchers;
mod state;
mod submit;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use box_plan::flags;
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;

use self::state::{Launch, Message, State};
use super::exit::Exit;
use super::prepare::{self, Prepared};
use super::request::Request;
use crate::error::{Failure, Result, SyscallContext};

/// What becomes of a launch. `Started` comes at most once, then `Exited`; or only `Failed`.
pub enum Event {
    /// The program runs.
    Started {
        /// Its id.
        pid: u32,
        /// Its pidfd, for the receiver.
        pidfd: OwnedFd,
    },
    /// A descriptor that a step of the plan has made for the caller.
    Offered {
        /// The descriptor.
        descriptor: OwnedFd,
        /// The process whose step it was.
        pid: u32,
    },
    /// The program was not started, and nothing of it is left.
    Failed(Failure),
    /// The program ended; where the exit could not be read, why.
    Exited {
        /// How.
        exit: Result<Exit>,
        /// From the call of `launch`.
        after: Duration,
    },
}

/// Receives the events of launches.
pub trait Sink: Send + Sync {
    /// Called on the reactor's thread, or on the one that called `launch`.
    fn event(&self, id: u64, event: Event);
}

static LAUNCHER: OnceLock<&'static [u8]> = OnceLock::new();
static REACTOR: Mutex<Option<Arc<Reactor>>> = Mutex::new(None);

/// Gives the launcher's executable. Once, before the first launch.
pub fn set_launcher(executable: &'static [u8]) {
    let _ = LAUNCHER.set(executable);
}

/// As `launch`, for the core itself: the id is of another range than those of callers.
pub fn launch_internally(request: Request, sink: Arc<dyn Sink>) {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
    launch(NEXT.fetch_add(1, Ordering::Relaxed), request, sink);
}

/// Starts a process. What becomes of it is told to the sink, under this id, which the caller chooses and uses once.
pub fn launch(id: u64, request: Request, sink: Arc<dyn Sink>) {
    let began = Instant::now();
    let launched = reactor().and_then(|reactor| {
        let plan = box_plan::decode(&request.plan)
            .map_err(|_| Failure::new("ERR_BOX_INVALID_ARGUMENT", "the bytes are not a launch plan of this version"))?;
        let mut slots: Vec<Prepared> = Vec::with_capacity(request.given.len() + plan.prepare.len());
        let prepared = prepare::prepare(&plan, &request.given)?;
        let detached = plan.flags & flags::DETACHED != 0;
        slots.extend(request.given.into_iter().map(|descriptor| (Some(descriptor), box_plan::slot::PLAIN)));
        slots.extend(prepared);
        let tells_early = plan.tells_early();
        let message = Message { plan: request.plan, slots };
        reactor.submit(id, Launch::new(message, detached, tells_early, began, Arc::clone(&sink)))
    });
    if let Err(failure) = launched {
        sink.event(id, Event::Failed(failure));
    }
}

/// Whether preparing the plan can take long, so that it belongs on a thread that may wait.
pub fn may_wait(plan: &[u8]) -> bool {
    box_plan::decode(plan).is_ok_and(|plan| prepare::may_wait(&plan))
}

struct Reactor {
    epoll: OwnedFd,
    wake: OwnedFd,
    state: Mutex<State>,
}

/// What an epoll entry is about: the two lowest bits say which, the rest which one.
mod token {
    pub const WAKE: u64 = 0;
    pub const LAUNCHER: u64 = 4;
    pub const CHANNEL: u64 = 1;
    pub const PROCESS: u64 = 2;
    pub const INTERMEDIATE: u64 = 3;
    pub fn of(id: u64, kind: u64) -> u64 {
        (id << 2) | kind
    }
}

fn reactor() -> Result<Arc<Reactor>> {
    let mut slot = REACTOR.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reactor) = slot.as_ref() {
        return Ok(Arc::clone(reactor));
    }
    let reactor = Arc::new(Reactor {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC).syscall("epoll_create1")?,
        wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).syscall("eventfd2")?,
        state: Mutex::default(),
    });
    reactor.watch(&reactor.wake, token::WAKE)?;
    let on_thread = Arc::clone(&reactor);
    let thread = std::thread::Builder::new().name("box-reactor".into()).spawn(move || on_thread.run());
    thread.map_err(|error| Failure::new("ERR_BOX_SYSTEM", format!("the reactor's thread cannot be started: {error}")))?;
    Ok(Arc::clone(slot.insert(reactor)))
}

impl Reactor {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, descriptor: impl AsFd, token: u64) -> Result<()> {
        epoll::add(&self.epoll, descriptor, epoll::EventData::new_u64(token), epoll::EventFlags::IN).syscall("epoll_ctl")
    }

    /// Tells of its end alone: what comes before that is read then.
    fn watch_end(&self, descriptor: impl AsFd, token: u64) -> Result<()> {
        epoll::add(&self.epoll, descriptor, epoll::EventData::new_u64(token), epoll::EventFlags::empty()).syscall("epoll_ctl")
    }

    fn unwatch(&self, descriptor: impl AsFd) {
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    fn run(&self) {
        block_signals();
        let mut executable = None;
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            for event in &events {
                let token = event.data.u64();
                match (token & 3, token >> 2) {
                    (token::CHANNEL, id) => self.on_channel(id),
                    (token::PROCESS, id) => self.on_exit(id),
                    (token::INTERMEDIATE, which) => self.on_intermediate(which),
                    _ if token == token::LAUNCHER => self.on_launcher_end(),
                    _ => {
                        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
                    }
                }
            }
            self.serve_waiting(&mut executable);
        }
    }
}

/// Signals are for Node's own threads, and the launcher's child must run no handler.
fn block_signals() {
    // SAFETY: plain system calls on a valid structure; only this thread's mask changes.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}
