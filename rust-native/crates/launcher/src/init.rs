//! Process 1 that is not the program: it starts the program, passes signals on, and reaps what nobody waits for.

use crate::stop::{Context, Result};
use crate::sys;

/// Returns in the child, which goes on to become the program; this process stays and ends with the program's status.
pub fn become_init(has_terminal: bool) -> Result<()> {
    // Before the child exists: a SIGCHLD that nobody blocks is lost.
    sys::block_signals();
    let program = sys::fork().call("fork")?;
    if program == 0 {
        sys::reset_signals();
        let _ = rustix::process::setsid();
        // A terminal belongs to one session, and that is the program's.
        return if has_terminal { rustix::process::ioctl_tiocsctty(sys::borrow(0)).call("ioctl") } else { Ok(()) };
    }
    // The channel's end tells that the program runs, and the streams' end that it has closed them: this process holds neither.
    let _ = sys::close_range(0, u32::MAX, 0);
    sys::exit(pass_on_and_reap(program))
}

fn pass_on_and_reap(program: i32) -> i32 {
    loop {
        let signal = sys::next_signal();
        if signal == libc::SIGCHLD {
            while let Some((pid, status)) = sys::reap() {
                if pid == program {
                    return code_of(status);
                }
            }
        } else if signal > 0 {
            sys::kill(program, signal);
        }
    }
}

/// What a shell says of a program that a signal ended: process 1 cannot be ended by a signal of its own.
fn code_of(status: i32) -> i32 {
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
}
