//! The floor of the cgroups bench: the system calls alone. For each line on standard input it does its thing once and answers with the nanoseconds that
//! this took. Built by: rustc -O --edition 2024
//!   group PARENT[|FILE=VALUE…]…  makes a group below each parent, writes its files, moves a process in, ends it, and removes the groups
//!   stats TIMES FILE…            reads the files that many times
//!   transfer BYTES               sends that many bytes over a TCP connection on loopback
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (what, rest) = arguments.split_first().ok_or(ErrorKind::InvalidInput)?;
    for (number, line) in io::stdin().lock().lines().enumerate() {
        line?;
        let took = match what.as_str() {
            "group" => group(rest, number)?,
            "stats" => stats(rest)?,
            "transfer" => transfer(rest)?,
            _ => return Err(ErrorKind::InvalidInput.into()),
        };
        println!("{}", took.as_nanos());
    }
    Ok(())
}

fn group(parents: &[String], number: usize) -> io::Result<Duration> {
    let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn()?;
    let name = format!("box-floor-{}-{number}", std::process::id());
    let began = Instant::now();
    let mut folders = Vec::new();
    for parent in parents {
        let mut parts = parent.split('|');
        let folder = PathBuf::from(parts.next().unwrap_or_default()).join(&name);
        fs::create_dir(&folder)?;
        for limit in parts {
            let (file, value) = limit.split_once('=').ok_or(ErrorKind::InvalidInput)?;
            put(&folder.join(file), value)?;
        }
        folders.push(folder);
    }
    for folder in &folders {
        put(&folder.join("cgroup.procs"), &child.id().to_string())?;
    }
    child.kill()?;
    child.wait()?;
    for folder in folders.iter().rev() {
        // Between its end and its leaving the group a process is nobody's.
        while let Err(error) = fs::remove_dir(folder) {
            if error.kind() != ErrorKind::ResourceBusy {
                return Err(error);
            }
            thread::yield_now();
        }
    }
    Ok(began.elapsed())
}

fn put(path: &PathBuf, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

fn stats(arguments: &[String]) -> io::Result<Duration> {
    let (times, files) = arguments.split_first().ok_or(ErrorKind::InvalidInput)?;
    let times: usize = times.parse().map_err(|_| ErrorKind::InvalidInput)?;
    let mut text = Vec::with_capacity(16_384);
    let began = Instant::now();
    for _ in 0..times {
        for file in files {
            text.clear();
            if let Ok(mut file) = File::open(file) {
                file.read_to_end(&mut text)?;
            }
        }
    }
    Ok(began.elapsed())
}

fn transfer(arguments: &[String]) -> io::Result<Duration> {
    let bytes: usize = arguments.first().and_then(|it| it.parse().ok()).ok_or(ErrorKind::InvalidInput)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let sender = thread::spawn(move || -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        let chunk = vec![0; 262_144];
        for _ in 0..bytes / chunk.len() {
            stream.write_all(&chunk)?;
        }
        Ok(())
    });
    let (mut stream, _) = listener.accept()?;
    let mut chunk = vec![0; 262_144];
    let began = Instant::now();
    while stream.read(&mut chunk)? > 0 {}
    let took = began.elapsed();
    sender.join().map_err(|_| ErrorKind::Other)??;
    Ok(took)
}
