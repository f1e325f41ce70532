//! `recvtty --pid-file FILE --mode null SOCKET`: the other end of a runtime's `--console-socket`, for
//! runc's own tests, which bring theirs in Go. It keeps each terminal it is sent and reads it to its
//! end, so that what writes there never blocks. Killed, it closes them all.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

use std::fs::File;
use std::io::{IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [option, pid_file, mode, null, socket] = args.as_slice() else {
        panic!("usage: recvtty --pid-file FILE --mode null SOCKET");
    };
    assert_eq!(
        (option.as_str(), mode.as_str(), null.as_str()),
        ("--pid-file", "--mode", "null")
    );
    std::fs::write(pid_file, std::process::id().to_string()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    for stream in listener.incoming() {
        for terminal in received(&stream.unwrap()) {
            thread::spawn(|| drain(terminal));
        }
    }
}

/// The descriptors that come with one message.
fn received(stream: &UnixStream) -> Vec<OwnedFd> {
    let mut name = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut name)];
    recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let rights = |message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
        _ => Vec::new(),
    };
    control.drain().flat_map(rights).collect()
}

/// Reads until the last process has closed its end: EIO.
fn drain(terminal: OwnedFd) {
    let mut terminal = File::from(terminal);
    let mut buffer = [0; 4096];
    while terminal.read(&mut buffer).is_ok_and(|count| count > 0) {}
}
