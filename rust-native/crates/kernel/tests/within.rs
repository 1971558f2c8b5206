//! Work inside a user namespace. Where this machine forbids them there is nothing to test.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use box_kernel::Failure;
use box_kernel::within::within;

/// A process that is id 0 of a user namespace with one id.
struct Holder(Child);

impl Holder {
    fn start() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", "echo ready; exec sleep 600"]).stdout(Stdio::piped());
        let mut holder = Self(command.spawn().ok()?);
        let mut line = String::new();
        BufReader::new(holder.0.stdout.take()?).read_line(&mut line).ok()?;
        (line == "ready\n").then_some(holder)
    }

    fn namespace(&self) -> File {
        File::open(format!("/proc/{}/ns/user", self.0.id())).unwrap()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn map() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn work_is_done_inside_with_all_capabilities_and_the_memory_of_the_caller() {
    let Some(holder) = Holder::start() else { return };
    let namespace = holder.namespace();
    let before = map();
    let mut seen = Vec::new();
    let status = within(namespace.as_fd(), || {
        seen.extend(map());
        Ok(std::fs::read_to_string("/proc/self/status").unwrap())
    })
    .unwrap();
    assert_eq!(seen, ["0", &rustix::process::geteuid().as_raw().to_string(), "1"]);
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    assert!(u64::from_str_radix(capabilities, 16).unwrap() & 1 == 1, "{capabilities}");
    // The caller is where it was.
    assert_eq!(map(), before);
}

#[test]
fn what_fails_or_panics_inside_is_a_failure_outside_and_the_next_work_is_done() {
    let Some(holder) = Holder::start() else { return };
    let namespace = holder.namespace();
    let failed = within::<()>(namespace.as_fd(), || Err(Failure::new("ERR_BOX_LIMIT", "too much"))).unwrap_err();
    assert_eq!(failed.code, Some("ERR_BOX_LIMIT"));
    let panicked = within::<()>(namespace.as_fd(), || panic!("on purpose")).unwrap_err();
    assert_eq!(panicked.code, Some("ERR_BOX_SYSTEM"));
    // SAFETY: it ends the process that does the work, and no other.
    let ended = within::<()>(namespace.as_fd(), || unsafe { libc::_exit(3) }).unwrap_err();
    assert!(ended.message.contains("0x300"), "{}", ended.message);
    assert_eq!(within(namespace.as_fd(), || Ok(5)).unwrap(), 5);
}

#[test]
fn many_threads_work_inside_at_once() {
    let Some(holder) = Holder::start() else { return };
    let namespace = holder.namespace();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|number| {
                let namespace = namespace.as_fd();
                scope.spawn(move || {
                    (0..20).map(|round| within(namespace, || Ok(vec![number; 1000 + round].iter().sum::<usize>())).unwrap()).sum::<usize>()
                })
            })
            .collect();
        let sums: Vec<usize> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(sums, (0..16).map(|number| number * (20 * 1000 + 190)).collect::<Vec<_>>());
    });
}

#[test]
fn what_is_no_user_namespace_is_refused() {
    let failure = within(File::open("/dev/null").unwrap().as_fd(), || Ok(())).unwrap_err();
    assert_eq!((failure.syscall, failure.errno), (Some("setns"), Some(libc::EINVAL)));
}
