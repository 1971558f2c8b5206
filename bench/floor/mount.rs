//! The floor of the roots bench: one writable overlay by the calls that it takes, and nothing else.
//! Arguments: a folder, and the folders of the layers, the uppermost first. For each line on standard input it makes upper and work folder and mounts; it answers with the
//! nanoseconds that this took, and removes both. Built by: rustc -O --edition 2024
use std::ffi::{CString, c_char, c_int, c_long, c_uint, c_void};
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Instant;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

const SYS_FSOPEN: c_long = 430;
const SYS_FSCONFIG: c_long = 431;
const SYS_FSMOUNT: c_long = 432;
const SET_FLAG: c_uint = 0;
const SET_STRING: c_uint = 1;
const SET_FD: c_uint = 5;
const CREATE: c_uint = 6;
const CLOEXEC: c_uint = 1;
const NODEV: c_uint = 4;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_default();
    let layers: Vec<String> = arguments.collect();
    for (number, line) in io::stdin().lock().lines().enumerate() {
        line?;
        let place = format!("{folder}/floor-{number}");
        let began = Instant::now();
        let mount = make(&place, &layers)?;
        let took = began.elapsed().as_nanos();
        drop(mount);
        fs::remove_dir_all(&place)?;
        println!("{took}");
        io::stdout().flush()?;
    }
    Ok(())
}

fn make(place: &str, layers: &[String]) -> io::Result<OwnedFd> {
    let (upper, work) = (format!("{place}/upper"), format!("{place}/work"));
    for path in [place, &upper, &work] {
        fs::create_dir(path)?;
    }
    // SAFETY: the kernel takes the name and a number.
    let overlay = unsafe { opened(syscall(SYS_FSOPEN, text("overlay").as_ptr(), CLOEXEC)) }?;
    for layer in layers {
        descriptor(&overlay, "lowerdir+", layer)?;
    }
    descriptor(&overlay, "upperdir", &upper)?;
    descriptor(&overlay, "workdir", &work)?;
    for key in ["index", "xino", "metacopy", "redirect_dir"] {
        set(&overlay, SET_STRING, key, text("off").as_ptr().cast(), 0)?;
    }
    set(&overlay, SET_FLAG, "volatile", ptr::null(), 0)?;
    // SAFETY: no pointer is read.
    answer(unsafe { syscall(SYS_FSCONFIG, overlay.as_raw_fd(), CREATE, ptr::null::<c_char>(), ptr::null::<c_void>(), 0) })?;
    // SAFETY: the kernel takes numbers.
    unsafe { opened(syscall(SYS_FSMOUNT, overlay.as_raw_fd(), CLOEXEC, NODEV)) }
}

fn descriptor(overlay: &OwnedFd, key: &str, path: &str) -> io::Result<()> {
    let folder = File::open(path)?;
    set(overlay, SET_FD, key, ptr::null(), folder.as_raw_fd())
}

fn set(overlay: &OwnedFd, command: c_uint, key: &str, value: *const c_void, number: c_int) -> io::Result<()> {
    let key = text(key);
    // SAFETY: the name ends with 0; the value is one that ends with 0, or none.
    answer(unsafe { syscall(SYS_FSCONFIG, overlay.as_raw_fd(), command, key.as_ptr(), value, number) })
}

fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

fn answer(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// # Safety
/// The number is a descriptor that is nobody else's, or below 0.
unsafe fn opened(result: c_long) -> io::Result<OwnedFd> {
    answer(result)?;
    // SAFETY: as the caller promised.
    Ok(unsafe { OwnedFd::from_raw_fd(c_int::try_from(result).unwrap_or(-1)) })
}
