//! The process.

use super::cancellation::PutOff;
use super::clock::now;
use super::errno;
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

/// Writes all of it to the standard error, if that takes it.
pub fn write_error(text: &[u8]) {
    write(libc::STDERR_FILENO, text);
}

/// Writes all of it; whether the descriptor has taken that. Async-signal-safe.
pub fn write(fd: c_int, text: &[u8]) -> bool {
    write_or(fd, text, |_| false)
}

/// The same to what `create` gave: who reads from a FIFO has some time for each part of it.
pub fn write_in_time(fd: c_int, text: &[u8]) -> bool {
    const MILLISECONDS: u64 = 1000;
    write_or(fd, text, |since| {
        let left = MILLISECONDS.saturating_sub(now().saturating_sub(since) / 1_000_000);
        let mut room = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
        // SAFETY: there is one.
        let ready = unsafe { libc::poll(&mut room, 1, left as c_int) };
        // There may be room, and yet nothing is taken.
        left > 0 && (ready > 0 || ready < 0 && errno::get() == libc::EINTR)
    })
}

/// Where there is no room just now, it goes on if it `waits`, which is told since when there was none.
fn write_or(fd: c_int, mut text: &[u8], waits: impl Fn(u64) -> bool) -> bool {
    // A write is a cancellation point, and the caller is none.
    let _put_off = PutOff::begin();
    let mut since = None;
    while !text.is_empty() {
        // SAFETY: the bytes are there to be read.
        let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
        match usize::try_from(written) {
            Ok(n) => (text, since) = (text.get(n..).unwrap_or_default(), None),
            Err(_) if errno::get() == libc::EINTR => (),
            Err(_) if errno::get() == libc::EAGAIN && waits(*since.get_or_insert_with(now)) => (),
            Err(_) => return false,
        }
    }
    true
}

/// A descriptor for writing a file, which is empty then, and not left to other programs; or the errno. It never blocks: a
/// FIFO that nobody reads is refused, and one that is full is waited for by `write_in_time`.
pub fn create(path: &CStr) -> Result<c_int, c_int> {
    let _put_off = PutOff::begin();
    let how = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC | libc::O_NONBLOCK;
    loop {
        // SAFETY: a C string.
        match unsafe { libc::open(path.as_ptr(), how, 0o666) } {
            -1 if errno::get() == libc::EINTR => (),
            -1 => return Err(errno::get()),
            fd => return Ok(fd),
        }
    }
}

/// The file behind a descriptor, by two numbers that no other has; the errno if there is none. Async-signal-safe.
#[allow(clippy::unnecessary_cast, reason = "not of this type everywhere")]
pub fn file(fd: c_int) -> Result<[u64; 2], c_int> {
    let mut found = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: there is room for what is written.
    if unsafe { libc::fstat(fd, found.as_mut_ptr()) } != 0 {
        return Err(errno::get());
    }
    // SAFETY: written.
    let found = unsafe { found.assume_init() };
    Ok([found.st_dev as u64, found.st_ino as u64])
}

/// Gives a descriptor back. Async-signal-safe.
pub fn close(fd: c_int) {
    let _put_off = PutOff::begin();
    // SAFETY: the caller's own.
    unsafe { libc::close(fd) };
}

/// Whether the program has rights that who started it has not, as one with the set-user-ID bit.
pub fn is_privileged() -> bool {
    // SAFETY: asks for a number.
    #[cfg(target_os = "linux")]
    return unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    // SAFETY: likewise.
    #[cfg(not(target_os = "linux"))]
    return unsafe { libc::issetugid() } != 0;
}

/// The number of the process.
pub fn id() -> u32 {
    // SAFETY: asks for a number.
    unsafe { libc::getpid() }.unsigned_abs()
}

/// How many processors there are.
pub fn processors() -> u32 {
    // SAFETY: asks for a number.
    u32::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1)
}
