//! The way of a launch to the launcher.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::state::{Launch, State};
use super::{Reactor, token};
use crate::error::{Failure, Result, SyscallContext};
use crate::launch::channel;
use crate::launch::launcher::Identity;

impl Reactor {
    /// Sends a launch to the launcher, or has the reactor's thread start one first.
    pub(super) fn submit(&self, id: u64, launch: Launch) -> Result<()> {
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
    pub(super) fn send(&self, state: &mut State, id: u64) -> Result<bool> {
        let (Some(launcher), Some(launch)) = (&state.launcher, state.launches.get_mut(&id)) else { return Ok(false) };
        let Some(message) = &launch.message else { return Ok(true) };
        let (ours, theirs) = channel::pair().syscall("socketpair")?;
        channel::name_senders(ours.as_fd()).syscall("setsockopt")?;
        match channel::send_plan(launcher.socket.as_fd(), &message.plan, &message.slots, theirs.as_fd()) {
            Ok(()) => {}
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => return Ok(false),
            Err(errno) => return Err(Failure::syscall("sendmsg", errno).during("send the plan to the launcher")),
        }
        let token = token::of(id, token::CHANNEL);
        if launch.tells_early {
            self.watch(&ours, token)?
        } else {
            self.watch_end(&ours, token)?
        }
        launch.channel = Some(ours);
        launch.launcher = state.launchers;
        launch.queued = false;
        Ok(true)
    }
}
