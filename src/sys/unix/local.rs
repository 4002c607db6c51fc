//! A socket by which processes of the same user are told something: each that connects, all of it once.

use super::process;
use core::ffi::c_int;
#[cfg(target_os = "linux")]
use core::mem::{self, MaybeUninit};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// How long a client may take for what it is told at once.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct Local(UnixListener);

impl Local {
    /// Listens at this path, which only its user can reach. One that nobody listens at any more is taken over. The errno
    /// if it cannot be had.
    pub fn listen(path: &[u8]) -> Result<Local, c_int> {
        let path = named(path);
        let listener = UnixListener::bind(path).or_else(|error| {
            let is_left = error.kind() == ErrorKind::AddrInUse
                && fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
                && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
            if is_left && fs::remove_file(path).is_ok() { UnixListener::bind(path) } else { Err(error) }
        });
        let listener = listener.map_err(number)?;
        // Whoever comes before this is sent away all the same: see `accept`.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(number)?;
        Ok(Local(listener))
    }

    /// In a forked child it is to be closed, by this number.
    pub fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Waits for the next, and gives it if it is of the same user. The errno if it cannot come in.
    pub fn accept(&self) -> Result<Option<Client>, c_int> {
        let (stream, _) = self.0.accept().map_err(number)?;
        let welcome = is_own(&stream) && stream.set_write_timeout(Some(PATIENCE)).is_ok();
        Ok(welcome.then_some(Client(stream)))
    }
}

fn number(error: io::Error) -> c_int {
    error.raw_os_error().unwrap_or(libc::EINVAL)
}

/// Takes the path away, if there is one.
pub fn remove(path: &[u8]) {
    // Who is told? It may be gone.
    let _ = fs::remove_file(named(path));
}

fn named(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

pub struct Client(UnixStream);

impl Client {
    /// Whether it has taken all of it. On a thread that no SIGPIPE can reach.
    pub fn write(&self, text: &[u8]) -> bool {
        process::write(self.0.as_raw_fd(), text)
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

    #[test]
    fn a_path_is_taken_over_only_from_nobody() {
        let path = format!("/tmp/lowthread-local-{}", process::id());
        let first = Local::listen(path.as_bytes()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Local::listen(path.as_bytes()).err(), Some(libc::EADDRINUSE));
        drop(first);
        drop(Local::listen(path.as_bytes()).unwrap());
        remove(path.as_bytes());
        fs::write(&path, "a file").unwrap();
        assert_eq!(Local::listen(path.as_bytes()).err(), Some(libc::EADDRINUSE));
        assert_eq!(fs::read(&path).unwrap(), b"a file");
        remove(path.as_bytes());
        assert_eq!(Local::listen(b"/no such folder/here").err(), Some(libc::ENOENT));
    }
}
