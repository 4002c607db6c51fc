//! The names of threads: what the library keeps whole, and what the operating system gets of it.

use crate::base::atomic::Ordering;
use crate::base::heap::{self, Text};
use crate::base::record::{Record, Role};
use crate::base::status::Error;
use crate::base::{race, registry, this_thread};
use crate::sys::thread::{LONGEST_NAME, set_name};
use core::ffi::CStr;
use std::io::Write;

/// The name of the calling thread, as a copy; without memory for it, an empty one.
pub fn of(record: &'static Record) -> Text {
    let mut copy = Vec::new();
    loop {
        let list = registry::lock();
        // SAFETY: names are read and written under the registry's lock.
        let Some(name) = (unsafe { &*record.name.get() }) else {
            drop(list);
            return Text::copy_or(&default_name(record), c"Thread");
        };
        let length = name.bytes().len();
        if copy.capacity() >= length {
            race::unseen(|| copy.extend_from_slice(name.bytes()));
            drop(list);
            return Text::copy_or(&copy, c"");
        }
        drop(list);
        if heap::reserve(|| copy.try_reserve_exact(length)).is_err() {
            return Text::Static(c"");
        }
    }
}

/// The name that a thread has before it gets one.
fn default_name(record: &Record) -> [u8; 40] {
    let mut buffer = [0; 40];
    let mut text = buffer.as_mut_slice();
    // The buffer is longer than any number.
    let _ = match record.role() {
        _ if record.is_main() => write!(text, "MainThread"),
        // Relaxed: set before the thread ran.
        Role::Started => write!(text, "Thread-{}", record.number.load(Ordering::Relaxed)),
        _ => write!(text, "Dummy-{}", record.ident()),
    };
    buffer
}

/// Names a thread; the caller is that thread, or is about to start it.
pub fn set(record: &'static Record, name: &CStr) -> Result<(), Error> {
    name.to_str().map_err(|_| Error::BadName)?;
    let copy = Text::copy(name.to_bytes())?;
    let list = registry::lock();
    // SAFETY: as in `of`.
    let old = unsafe { (*record.name.get()).replace(copy) };
    drop(list);
    drop(old);
    Ok(())
}

/// Names the living thread with this ident, or takes its name away.
pub fn rename(ident: u64, name: Option<Text>) -> Result<(), Error> {
    let list = registry::lock();
    let Some(record) = list.find(ident) else {
        drop(list);
        return Err(Error::NoSuchThread);
    };
    // SAFETY: as in `of`.
    let old = unsafe { core::mem::replace(&mut *record.name.get(), name) };
    drop(list);
    drop(old);
    Ok(())
}

/// Names the calling thread, for the operating system too.
pub fn set_own(name: &CStr) -> Result<(), Error> {
    let record = this_thread::current().ok_or(Error::NoMemory)?;
    set(record, name)?;
    tell_system(name);
    Ok(())
}

/// Gives the operating system its part of the name that the calling thread was started with, which else has
/// that of its starter there.
pub fn tell_system_first(record: &'static Record) {
    let mut short = [0_u8; LONGEST_NAME + 1];
    // Its own, but who has its handle may change it.
    let list = registry::lock();
    copy_locked(record, &mut short);
    drop(list);
    set_name(&short);
}

/// Gives the operating system its part of the calling thread's name.
fn tell_system(name: &CStr) {
    let mut short = [0_u8; LONGEST_NAME + 1];
    copy_cut(name, &mut short);
    set_name(&short);
}

/// Copies as many whole characters of the name as fit before a NUL.
pub fn copy_cut(name: &CStr, buffer: &mut [u8]) {
    let bytes = name.to_bytes();
    let mut length = bytes.len().min(buffer.len().saturating_sub(1));
    // The bytes behind the first of a character begin with 10.
    while length < bytes.len() && bytes.get(length).is_some_and(|b| b & 0xc0 == 0x80) {
        length -= 1;
    }
    if let (Some(target), Some(source)) = (buffer.get_mut(..length), bytes.get(..length)) {
        race::unseen(|| target.copy_from_slice(source));
    }
    if let Some(end) = buffer.get_mut(length) {
        *end = 0;
    }
}

/// The name of the living thread with this ident, cut to the buffer.
pub fn of_ident(ident: u64, buffer: &mut [u8]) -> Result<(), Error> {
    let list = registry::lock();
    copy_locked(list.find(ident).ok_or(Error::NoSuchThread)?, buffer);
    Ok(())
}

/// The same for whatever thread, if the registry is not locked just now. Async-signal-safe where threads can be woken in
/// handlers.
pub fn try_copy(record: &Record, buffer: &mut [u8]) -> bool {
    let Some(_list) = registry::try_lock() else { return false };
    copy_locked(record, buffer);
    true
}

/// Copies the name of a thread, cut to the buffer, for a caller who has locked the registry.
pub fn copy_locked(record: &Record, buffer: &mut [u8]) {
    // SAFETY: names are read and written under the registry's lock.
    match unsafe { &*record.name.get() } {
        Some(name) => copy_cut(name.as_c_str(), buffer),
        None => copy_cut(CStr::from_bytes_until_nul(&default_name(record)).unwrap_or(c"Thread"), buffer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters() {
        let mut buffer = [b'x'; 5];
        copy_cut(c"a\u{e9}\u{e9}\u{e9}", &mut buffer);
        assert_eq!(&buffer[..4], "a\u{e9}\0".as_bytes());
        copy_cut(c"four", &mut buffer);
        assert_eq!(&buffer, b"four\0");
        copy_cut(c"\u{1f980}", &mut buffer[..4]);
        assert_eq!(buffer[0], 0);
    }
}
