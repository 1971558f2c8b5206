//! One thread that sees everything: what launches answer, and processes end. It sleeps in epoll(7), however many there are.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use box_plan::{Outcome, Stop, flags};
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};

use super::channel::{self, Received};
use super::exit::{self, Exit};
use super::launcher::{self, Identity, Launcher};
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
    Offered(OwnedFd),
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
        slots.extend(request.given.into_iter().map(|descriptor| (descriptor, box_plan::slot::PLAIN)));
        slots.extend(prepared);
        let message = Message { plan: request.plan, slots };
        reactor.submit(id, Launch::new(message, detached, began, Arc::clone(&sink)))
    });
    if let Err(failure) = launched {
        sink.event(id, Event::Failed(failure));
    }
}

/// Whether preparing the plan can take long, so that it belongs on a thread that may wait.
pub fn may_wait(plan: &[u8]) -> bool {
    box_plan::decode(plan).is_ok_and(|plan| prepare::may_wait(&plan))
}

struct Message {
    plan: Vec<u8>,
    slots: Vec<Prepared>,
}

struct Launch {
    sink: Arc<dyn Sink>,
    began: Instant,
    detached: bool,
    /// Kept until the launcher has answered, for another try with another launcher.
    message: Option<Message>,
    tried: bool,
    /// Waits for a launcher: nothing can have come of it yet.
    queued: bool,
    channel: Option<OwnedFd>,
    pid: u32,
    pidfd: Option<OwnedFd>,
    intermediate: bool,
    failure: Option<Failure>,
    running: bool,
    exited: Option<(Result<Exit>, Duration)>,
}

impl Launch {
    fn new(message: Message, detached: bool, began: Instant, sink: Arc<dyn Sink>) -> Self {
        Self {
            sink,
            began,
            detached,
            message: Some(message),
            tried: false,
            queued: true,
            channel: None,
            pid: 0,
            pidfd: None,
            intermediate: false,
            failure: None,
            running: false,
            exited: None,
        }
    }
}

impl Launch {
    /// Forgets what came of it, for another try: the launcher has ended before anything was done. Once.
    fn try_again(&mut self) -> bool {
        if self.tried || self.message.is_none() {
            return false;
        }
        self.tried = true;
        self.failure = None;
        self.intermediate = false;
        self.pidfd = None;
        self.exited = None;
        true
    }
}

/// The code of a launch whose launcher has ended.
const LOST: &str = "ERR_BOX_LAUNCHER_LOST";

#[derive(Default)]
struct State {
    launcher: Option<Launcher>,
    launches: HashMap<u64, Launch>,
    /// Processes that nobody waits for, by their token: those that only join and make another, and orphans of a launcher.
    intermediates: HashMap<u64, OwnedFd>,
    /// Launches that wait for a launcher.
    waiting: Vec<u64>,
    next_token: u64,
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

    fn unwatch(&self, descriptor: impl AsFd) {
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    /// Sends a launch to the launcher, or has the reactor's thread start one first.
    fn submit(&self, id: u64, launch: Launch) -> Result<()> {
        let mut state = self.lock();
        state.launches.insert(id, launch);
        let usable = state.launcher.as_ref().is_some_and(|launcher| launcher.identity == Identity::current());
        let sent = if usable { self.send(&mut state, id) } else { Ok(false) };
        match sent {
            Ok(true) => Ok(()),
            Ok(false) => {
                state.waiting.push(id);
                drop(state);
                rustix::io::write(&self.wake, &1u64.to_ne_bytes()).syscall("write").map(drop)
            }
            Err(failure) => {
                state.launches.remove(&id);
                Err(failure)
            }
        }
    }

    /// Sends it; false where the launcher has ended.
    fn send(&self, state: &mut State, id: u64) -> Result<bool> {
        let (Some(launcher), Some(launch)) = (&state.launcher, state.launches.get_mut(&id)) else { return Ok(false) };
        let Some(message) = &launch.message else { return Ok(true) };
        let (ours, theirs) = channel::pair().syscall("socketpair")?;
        channel::name_senders(ours.as_fd()).syscall("setsockopt")?;
        match channel::send_plan(launcher.socket.as_fd(), &message.plan, &message.slots, theirs.as_fd()) {
            Ok(()) => {}
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => return Ok(false),
            Err(errno) => return Err(Failure::syscall("sendmsg", errno).during("send the plan to the launcher")),
        }
        self.watch(&ours, token::of(id, token::CHANNEL))?;
        launch.channel = Some(ours);
        launch.queued = false;
        Ok(true)
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

    /// Starts a launcher where one is needed, and sends it what waits.
    fn serve_waiting(&self, executable: &mut Option<OwnedFd>) {
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.waiting);
        if waiting.is_empty() {
            return;
        }
        let mut failed = Vec::new();
        for id in waiting {
            let mut sent = self.ensure_launcher(&mut state, executable).and_then(|()| self.send(&mut state, id));
            if matches!(sent, Ok(false)) {
                // A launcher that is about to end has closed its socket, but is still there.
                self.end_launcher(&mut state);
                sent = self.ensure_launcher(&mut state, executable).and_then(|()| self.send(&mut state, id));
            }
            match sent {
                Ok(true) => {}
                Ok(false) => failed.extend(state.launches.remove(&id).map(|launch| (id, launch.sink, lost()))),
                Err(failure) => failed.extend(state.launches.remove(&id).map(|launch| (id, launch.sink, failure))),
            }
        }
        drop(state);
        for (id, sink, failure) in failed {
            sink.event(id, Event::Failed(failure));
        }
    }

    fn ensure_launcher(&self, state: &mut State, executable: &mut Option<OwnedFd>) -> Result<()> {
        let identity = Identity::current();
        if state.launcher.as_ref().is_some_and(|launcher| launcher.identity == identity && is_alive(launcher)) {
            return Ok(());
        }
        self.end_launcher(state);
        if executable.is_none() {
            *executable = Some(launcher::sealed(LAUNCHER.get().copied().unwrap_or_default())?);
        }
        let Some(executable) = executable else { return Ok(()) };
        let launcher = launcher::start(executable)?;
        self.watch(&launcher.pidfd, token::LAUNCHER)?;
        for launch in state.launches.values().filter(|launch| !launch.detached) {
            if let Some(pidfd) = &launch.pidfd {
                channel::send_adopted(launcher.socket.as_fd(), pidfd.as_fd()).syscall("sendmsg")?;
            }
        }
        state.launcher = Some(launcher);
        Ok(())
    }

    /// It ends when its socket closes, but would take the children with it: it is killed first.
    fn end_launcher(&self, state: &mut State) {
        if let Some(old) = state.launcher.take() {
            self.unwatch(&old.pidfd);
            let _ = rustix::process::pidfd_send_signal(&old.pidfd, rustix::process::Signal::KILL);
            has_ended(&old.pidfd, 1);
            let _ = exit::collect(old.pidfd.as_fd());
        }
    }

    fn on_launcher_end(&self) {
        let mut state = self.lock();
        if let Some(launcher) = state.launcher.take_if(|launcher| !is_alive(launcher)) {
            self.unwatch(&launcher.pidfd);
            let _ = exit::collect(launcher.pidfd.as_fd());
        }
    }

    /// Reads what a launch has to say, and tells what follows from it.
    fn on_channel(&self, id: u64) {
        loop {
            let mut state = self.lock();
            let told = self.drain(&mut state, id);
            drop(state);
            match told {
                Some((sink, event)) => sink.event(id, event),
                None => break,
            }
        }
        self.settle(id);
    }

    fn drain(&self, state: &mut State, id: u64) -> Option<(Arc<dyn Sink>, Event)> {
        loop {
            let launch = state.launches.get_mut(&id)?;
            let received = channel::receive(launch.channel.as_ref()?.as_fd());
            match received {
                Received::Nothing => return None,
                Received::Message(Outcome::Started { pid }, Some(pidfd), _) => {
                    launch.pid = pid;
                    if self.watch(&pidfd, token::of(id, token::PROCESS)).is_err() {
                        let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
                    }
                    // The launcher knows only of what it made itself.
                    if let Some(launcher) = state.launcher.as_ref().filter(|_| launch.intermediate && !launch.detached) {
                        let _ = channel::send_adopted(launcher.socket.as_fd(), pidfd.as_fd());
                    }
                    launch.pidfd = Some(pidfd);
                }
                Received::Message(Outcome::Intermediate, Some(pidfd), _) => {
                    launch.intermediate = true;
                    self.await_end(state, pidfd);
                }
                Received::Message(Outcome::Offered, Some(descriptor), _) => {
                    return Some((Arc::clone(&launch.sink), Event::Offered(descriptor)));
                }
                Received::Message(Outcome::Stopped(stop), _, sender) => {
                    let orphaned = launch.pidfd.is_none() && stop.code == LOST;
                    launch.failure.get_or_insert(failure_of(stop));
                    // Its maker has ended before it could say that there is a child.
                    let orphan = sender.filter(|_| orphaned).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                    if let Some(pidfd) = orphan {
                        self.await_end(state, pidfd);
                    }
                }
                Received::Message(..) | Received::End => {
                    if let Some(channel) = launch.channel.take() {
                        self.unwatch(channel);
                    }
                    return None;
                }
            }
        }
    }

    /// Has a process collected when it ends.
    fn await_end(&self, state: &mut State, pidfd: OwnedFd) {
        state.next_token += 1;
        let which = state.next_token;
        if self.watch(&pidfd, token::of(which, token::INTERMEDIATE)).is_ok() {
            state.intermediates.insert(which, pidfd);
        }
    }

    fn on_exit(&self, id: u64) {
        // What it said before its end comes first.
        self.on_channel(id);
        let mut state = self.lock();
        let running = state.launches.get_mut(&id).filter(|launch| launch.exited.is_none());
        if let Some((launch, pidfd)) = running.and_then(|launch| launch.pidfd.take().map(|pidfd| (launch, pidfd))) {
            self.unwatch(&pidfd);
            launch.exited = Some((exit::collect(pidfd.as_fd()), launch.began.elapsed()));
            launch.pidfd = Some(pidfd);
        }
        drop(state);
        self.settle(id);
    }

    /// Tells what is certain. While anybody has the channel nothing is: the launcher may have it longer than a short program runs.
    fn settle(&self, id: u64) {
        let mut events = Vec::with_capacity(2);
        let mut state = self.lock();
        let sink = state.launches.get(&id).map(|launch| Arc::clone(&launch.sink));
        self.conclude(&mut state, id, &mut events);
        drop(state);
        if let Some(sink) = sink {
            events.into_iter().for_each(|event| sink.event(id, event));
        }
    }

    fn conclude(&self, state: &mut State, id: u64, events: &mut Vec<Event>) {
        let Some(launch) = state.launches.get_mut(&id).filter(|launch| launch.channel.is_none() && !launch.queued) else { return };
        // The program was executed: the channel was closed by that, and nothing was said against it.
        if let Some(pidfd) = launch.pidfd.as_ref().filter(|_| launch.failure.is_none() && !launch.running) {
            match rustix::io::fcntl_dupfd_cloexec(pidfd, 0) {
                Ok(pidfd) => events.push(Event::Started { pid: launch.pid, pidfd }),
                Err(errno) => {
                    let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
                    launch.failure = Some(Failure::syscall("fcntl", errno));
                }
            }
            launch.running = launch.failure.is_none();
            launch.message = None;
        }
        // A child is collected before its failure is told.
        if launch.pidfd.is_some() && launch.exited.is_none() {
            return;
        }
        let lost_launcher = launch.failure.as_ref().map_or(launch.pidfd.is_none(), |failure| failure.code == Some(LOST));
        if lost_launcher && launch.try_again() {
            launch.queued = true;
            state.waiting.push(id);
            return;
        }
        let Some(launch) = state.launches.remove(&id) else { return };
        events.push(match (launch.failure, launch.exited) {
            (None, Some((exit, after))) => Event::Exited { exit, after },
            (failure, _) => Event::Failed(failure.unwrap_or_else(lost)),
        });
    }

    fn on_intermediate(&self, which: u64) {
        let mut state = self.lock();
        if let Some(pidfd) = state.intermediates.remove(&which) {
            self.unwatch(&pidfd);
            let _ = exit::collect(pidfd.as_fd());
        }
    }
}

fn is_alive(launcher: &Launcher) -> bool {
    !has_ended(&launcher.pidfd, 0)
}

fn has_ended(pidfd: &OwnedFd, seconds: i64) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).is_ok_and(|count| count > 0)
}

fn lost() -> Failure {
    Failure::new(LOST, "the launcher ended before it had answered")
}

fn failure_of(stop: Stop) -> Failure {
    let code = match stop.code.as_str() {
        "ERR_BOX_COMMAND_NOT_FOUND" => Some("ERR_BOX_COMMAND_NOT_FOUND"),
        LOST => Some(LOST),
        "ERR_BOX_STATE" => Some("ERR_BOX_STATE"),
        "ERR_BOX_INVALID_ARGUMENT" => Some("ERR_BOX_INVALID_ARGUMENT"),
        _ => None,
    };
    let reason =
        if stop.errno != 0 { format!("{}: {}", stop.syscall, std::io::Error::from_raw_os_error(stop.errno)) } else { "refused".to_owned() };
    let mut failure = Failure::new("", reason);
    failure.code = code;
    failure.errno = (stop.errno != 0).then_some(stop.errno);
    failure.syscall = syscall_name(&stop.syscall);
    if !stop.path.is_empty() {
        failure = failure.at(&stop.path);
    }
    failure.during(stop.step)
}

/// The name as the static string that a failure carries. The launcher knows a small, fixed number of them.
fn syscall_name(name: &str) -> Option<&'static str> {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    if name.is_empty() {
        return None;
    }
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return Some(known);
    }
    let known: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.push(known);
    Some(known)
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
