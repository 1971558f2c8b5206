//! What a launch says over its channel, and how its process ends.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use box_plan::Outcome;
use rustix::process::{PidfdFlags, pidfd_open};

use super::failure::{LOST, failure_of, lost};
use super::state::State;
use super::{Event, Reactor, Sink, token};
use crate::error::Failure;
use crate::launch::channel::{self, Received};
use crate::launch::exit;

impl Reactor {
    /// Reads what a launch has to say, and tells what follows from it.
    pub(super) fn on_channel(&self, id: u64) {
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
                Received::Message(Outcome::Started { pid, apart }, Some(pidfd), _) => {
                    launch.pid = pid;
                    if self.watch(&pidfd, token::of(id, token::PROCESS)).is_err() {
                        let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
                    }
                    // The launcher knows only of what it made itself.
                    let made_by_another = apart || launch.launcher != state.launchers;
                    if let Some(launcher) = state.launcher.as_ref().filter(|_| made_by_another && !launch.detached) {
                        let _ = channel::send_adopted(launcher.socket.as_fd(), pidfd.as_fd());
                    }
                    launch.pidfd = Some(pidfd);
                }
                Received::Message(Outcome::Intermediate, Some(pidfd), _) => {
                    self.await_end(state, pidfd);
                }
                Received::Message(Outcome::Offered, Some(descriptor), _) => {
                    return Some((Arc::clone(&launch.sink), Event::Offered { descriptor, pid: launch.pid }));
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

    pub(super) fn on_exit(&self, id: u64) {
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

    pub(super) fn on_intermediate(&self, which: u64) {
        let mut state = self.lock();
        if let Some(pidfd) = state.intermediates.remove(&which) {
            self.unwatch(&pidfd);
            let _ = exit::collect(pidfd.as_fd());
        }
    }
}
