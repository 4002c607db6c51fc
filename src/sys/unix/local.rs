//! A socket by which processes of the same user are told something: each that connects, all of it once.

use super::{errno, process};
use core::ffi::{CStr, c_char, c_int};
#[cfg(target_os = "linux")]
use core::mem;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a client may take for what it is told at once, and for all of it.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_IN_ALL: Duration = Duration::from_secs(10);

pub struct Local {
    listener: UnixListener,
    /// From the root, since the program may go to another folder. Memory of malloc's, which is never given back.
    path: NonNull<c_char>,
    file: File,
}

// SAFETY: nobody writes to the path.
unsafe impl Sync for Local {}

/// Which file there is at a path: its device, and its number there.
type File = (libc::dev_t, libc::ino_t);

impl Local {
    /// Listens at this path, which only its user can reach. One that nobody listens at any more is taken over. The errno
    /// if it cannot be had.
    pub fn listen(name: &CStr) -> Result<Local, c_int> {
        let path = Path::new(OsStr::from_bytes(name.to_bytes()));
        let listener = UnixListener::bind(path).or_else(|error| {
            let is_left = error.kind() == ErrorKind::AddrInUse
                && fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
                && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
            if is_left && fs::remove_file(path).is_ok() { UnixListener::bind(path) } else { Err(error) }
        });
        let listener = listener.map_err(number)?;
        // Whoever comes before this is sent away all the same: see `accept`.
        let listening =
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(number).and_then(|()| {
                // SAFETY: a C string, and memory is asked for.
                let path = NonNull::new(unsafe { libc::realpath(name.as_ptr(), ptr::null_mut()) });
                let path = path.ok_or_else(errno::get)?;
                Ok((path, file_at(path)?))
            });
        match listening {
            Ok((path, file)) => Ok(Local { listener, path, file }),
            Err(errno) => {
                // Who is told? It is of no use to anybody.
                let _ = fs::remove_file(path);
                Err(errno)
            }
        }
    }

    /// Takes the path away, if it still leads here.
    pub fn remove(&self) {
        if file_at(self.path) == Ok(self.file) {
            // SAFETY: a C string.
            unsafe { libc::unlink(self.path.as_ptr()) };
        }
    }

    /// In a forked child it is to be closed, by this number.
    pub fn fd(&self) -> c_int {
        self.listener.as_raw_fd()
    }

    /// Waits for the next, and gives it if it is of the same user. The errno if it cannot come in.
    pub fn accept(&self) -> Result<Option<Client>, c_int> {
        let (stream, _) = self.listener.accept().map_err(number)?;
        let welcome = is_own(&stream) && stream.set_write_timeout(Some(PATIENCE)).is_ok();
        Ok(welcome.then(|| Client { stream, until: Instant::now() + PATIENCE_IN_ALL }))
    }
}

/// What is refused without asking the system is a path for which an address has no room.
fn number(error: io::Error) -> c_int {
    error.raw_os_error().unwrap_or(libc::ENAMETOOLONG)
}

fn file_at(path: NonNull<c_char>) -> Result<File, c_int> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a C string, and room for what is written.
    if unsafe { libc::lstat(path.as_ptr(), status.as_mut_ptr()) } != 0 {
        return Err(errno::get());
    }
    // SAFETY: written by the call that has just succeeded.
    let status = unsafe { status.assume_init() };
    Ok((status.st_dev, status.st_ino))
}

pub struct Client {
    stream: UnixStream,
    until: Instant,
}

impl Client {
    /// Whether it has taken all of it. On a thread that no SIGPIPE can reach.
    pub fn write(&self, text: &[u8]) -> bool {
        Instant::now() < self.until && process::write(self.stream.as_raw_fd(), text)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the descriptor too, and would keep the client waiting for more.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

/// Whether the other side is of the user that this process runs as.
fn is_own(stream: &UnixStream) -> bool {
    // SAFETY: asks for a number.
    peer(stream) == Some(unsafe { libc::geteuid() })
}

#[cfg(target_os = "linux")]
fn peer(stream: &UnixStream) -> Option<libc::uid_t> {
    let mut who = MaybeUninit::<libc::ucred>::zeroed();
    let mut size = libc::socklen_t::try_from(mem::size_of::<libc::ucred>()).ok()?;
    // SAFETY: room for as many bytes.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            who.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    // SAFETY: numbers, which were zeros before.
    (result == 0).then(|| unsafe { who.assume_init() }.uid)
}

#[cfg(not(target_os = "linux"))]
fn peer(stream: &UnixStream) -> Option<libc::uid_t> {
    let (mut user, mut group) = (0, 0);
    // SAFETY: two numbers to be written.
    let result = unsafe { libc::getpeereid(stream.as_raw_fd(), &raw mut user, &raw mut group) };
    (result == 0).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    fn listen(path: &str) -> Result<Local, c_int> {
        Local::listen(&CString::new(path).unwrap())
    }

    #[test]
    fn a_path_is_taken_over_only_from_nobody() {
        let path = format!("/tmp/lowthread-local-{}", process::id());
        let first = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listen(&path).err(), Some(libc::EADDRINUSE));
        drop(first);
        listen(&path).unwrap().remove();
        fs::write(&path, "a file").unwrap();
        assert_eq!(listen(&path).err(), Some(libc::EADDRINUSE));
        assert_eq!(fs::read(&path).unwrap(), b"a file");
        fs::remove_file(&path).unwrap();
        assert_eq!(listen("/no such folder/here").err(), Some(libc::ENOENT));
        assert_eq!(listen(&"/long".repeat(100)).err(), Some(libc::ENAMETOOLONG));
    }

    #[test]
    fn only_the_own_file_is_taken_away() {
        let path = format!("/tmp/lowthread-own-{}", process::id());
        let first = listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = listen(&path).unwrap();
        first.remove();
        assert!(fs::metadata(&path).is_ok());
        second.remove();
        assert!(fs::metadata(&path).is_err());
        second.remove();
    }
}
