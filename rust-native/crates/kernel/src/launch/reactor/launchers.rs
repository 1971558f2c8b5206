//! The launcher's life: it is started when something waits for it, and another one when it has ended.

use std::os::fd::{AsFd, OwnedFd};

use super::failure::lost;
use super::state::State;
use super::{Event, LAUNCHER, Reactor, token};
use crate::error::{Result, SyscallContext};
use crate::launch::launcher::{self, Identity, Launcher};
use crate::launch::{channel, exit};

impl Reactor {
    /// Starts a launcher where one is needed, and sends it what waits.
    pub(super) fn serve_waiting(&self, executable: &mut Option<OwnedFd>) {
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
        state.launchers += 1;
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

    pub(super) fn on_launcher_end(&self) {
        let mut state = self.lock();
        if let Some(launcher) = state.launcher.take_if(|launcher| !is_alive(launcher)) {
            self.unwatch(&launcher.pidfd);
            let _ = exit::collect(launcher.pidfd.as_fd());
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
