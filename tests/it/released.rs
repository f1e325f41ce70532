//! The init of a created youki container is told to go on through the socket that youki made, and no
//! other.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use ocitop::kernel::{Inode, Kernel as _, LiveKernel, Release, StateDir};
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// A state directory whose owner swaps its socket for a link to another one, all the time.
#[test]
fn nobody_leads_it_to_another_socket_while_it_is_looked_at() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("web");
    std::fs::create_dir(&state).unwrap();
    let listen = |path| {
        let socket = UnixListener::bind(path).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let own = listen(state.join("notify.sock"));
    let roots = listen(root.path().join("root-only"));
    symlink(root.path().join("root-only"), state.join("link")).unwrap();
    let id = "web".parse().unwrap();
    let dir = StateDir {
        root: root.path(),
        id: &id,
        inode: Inode::at(&state).unwrap().unwrap(),
    };
    let stop = AtomicBool::new(false);
    let kernel = LiveKernel::new();
    let (mut told, mut misled) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (one, other) = (state.join("notify.sock"), state.join("link"));
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for _ in 0..10_000 {
            kernel.release_init(dir, Release::NotifySocket).ok();
            told += usize::from(own.accept().is_ok());
            misled += usize::from(roots.accept().is_ok());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(misled, 0);
    assert!(told > 0);
}
