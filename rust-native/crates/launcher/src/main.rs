//! The launcher: one small static process for each process that starts containers. It receives plans over a socket, makes the children as
//! its caller's own (`CLONE_PARENT`) and never waits for one. When the caller ends, it ends the children that were not told to live on.

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
mod resolve;
mod scheduling;
mod serve;
mod start;
mod stop;
mod sys;
mod terminal;
mod time;

fn main() {
    if start::prepare_self().is_ok() {
        serve::serve();
    }
}
