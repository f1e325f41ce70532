//! A thread that writes the log, for the screen, which must not wait for a disk.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::Builder;
use std::time::Duration;

use super::file::Log;

/// Lines that wait for the disk; further ones are dropped.
const MOST: usize = 8192;
/// How long the end of ocitop waits for the last of them.
const PATIENCE: Duration = Duration::from_secs(1);

enum ToWriter {
    Line(Vec<u8>),
    /// All lines before are to be written; then the sender is dropped.
    Done(Sender<()>),
}

/// Takes lines, and never waits.
#[derive(Clone)]
pub(super) struct LineSender(SyncSender<ToWriter>);

/// Writes out what still waits when it is dropped.
#[derive(Debug)]
pub struct LogGuard(LineSender);

impl std::fmt::Debug for LineSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

/// Starts the thread.
pub(super) fn start(log: Log) -> io::Result<(LineSender, LogGuard)> {
    let (sender, orders) = mpsc::sync_channel(MOST);
    let thread = Builder::new().name("log".to_owned());
    thread.spawn(move || write(log, &orders))?;
    let lines = LineSender(sender);
    Ok((lines.clone(), LogGuard(lines)))
}

fn write(mut log: Log, orders: &Receiver<ToWriter>) {
    while let Ok(order) = orders.recv() {
        match order {
            // A disk that is full is no reason to stop.
            ToWriter::Line(line) => drop(log.write_all(&line)),
            ToWriter::Done(done) => drop(done),
        }
    }
}

impl Write for LineSender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_send(ToWriter::Line(bytes.to_vec())).ok();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (done, written) = mpsc::channel();
        if self.0.0.try_send(ToWriter::Done(done)).is_ok() {
            written.recv_timeout(PATIENCE).ok();
        }
    }
}
