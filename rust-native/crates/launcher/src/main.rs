//! The launcher: one small static process for each process that starts containers. It receives plans over a socket, makes the children as
//! its caller's own (`CLONE_PARENT`) and never waits for one. When the caller ends, it ends the children that were not told to live on.

use std::process::ExitCode;

mod channel;
mod children;
mod clone;
mod descriptors;
mod device;
mod enter;
mod exec;
mod identity;
mod init;
mod join;
mod landlock;
mod launch;
mod mapper;
mod mount;
mod network;
mod offer;
mod prepare;
mod resolve;
mod scheduling;
mod serve;
mod spare;
mod start;
mod stop;
mod sys;
mod terminal;
mod time;

/// What a shell says of a program that is there and cannot be executed.
const NOT_EXECUTABLE: u8 = 126;

fn main() -> ExitCode {
    if !start::was_started_to_serve() {
        // A payload's way to the program that has become it: a script's `#!/proc/self/exe`, or a link to there.
        let _ = rustix::io::write(sys::fixed(2), b"box: /proc/self/exe leads to no program of the container\n");
        return NOT_EXECUTABLE.into();
    }
    if start::prepare_self().is_ok() {
        serve::serve();
    }
    ExitCode::SUCCESS
}
