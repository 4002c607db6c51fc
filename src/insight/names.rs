//! The names of objects. One table for all: an object that has no name pays nothing, not even when it is freed.
//!
//! What was freed stays in the table until that is full: then the living move into one with room for twice as many.
//! So it holds a constant times those that live, whatever comes and goes. No handle comes twice, so none is called what
//! another was.

use crate::base::handle::{Any, Handle};
use crate::base::heap::{self, Text};
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::thread::joinable::{self, Thread};
use crate::thread::names::{copy_cut, of_ident};
use core::ffi::CStr;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::mem;
use std::collections::HashMap;
use std::io::Write;

/// By the number of the handle. None only in a table that is on its way out.
type Table = HashMap<usize, Option<Text>, Spread>;

static NAMES: Mutex<Table> = Mutex::new(HashMap::with_hasher(Spread));

/// The table is made no smaller than this.
const LEAST: usize = 16;

/// Names an object; None or "" takes the name away. A thread's is that of lt_set_thread_name.
pub fn set(object: Any, name: Option<&CStr>) -> Result<(), Error> {
    let name = name.filter(|name| !name.is_empty());
    let copy = name.map(|name| {
        name.to_str().map_err(|_| Error::BadName)?;
        Text::copy(name.to_bytes())
    });
    let copy = copy.transpose()?;
    if let Some(thread) = object.typed::<Thread>() {
        return joinable::rename(thread, copy);
    }
    // What is freed is so when the table is unlocked.
    let replaced = match copy {
        Some(copy) => keep(object, copy)?,
        None => NAMES.lock().remove(&object.number()).flatten(),
    };
    drop(replaced);
    Ok(())
}

/// Gives back the name that it had.
fn keep(object: Any, name: Text) -> Result<Option<Text>, Error> {
    let number = object.number();
    let mut room = Table::with_hasher(Spread);
    loop {
        let mut names = NAMES.lock();
        if let Some(there) = names.get_mut(&number) {
            return Ok(there.replace(name));
        }
        if names.len() < names.capacity() {
            return Ok(names.insert(number, Some(name)).flatten());
        }
        let living = |number: &usize| Any::numbered(*number).is_some();
        let wanted = LEAST.max(2 * names.keys().filter(|number| living(number)).count());
        if room.capacity() >= wanted {
            let mut old = mem::replace(&mut *names, room);
            for (number, name) in old.iter_mut().filter(|(number, _)| living(number)) {
                names.insert(*number, name.take());
            }
            drop(names);
            drop(old);
            room = Table::with_hasher(Spread);
            continue;
        }
        drop(names);
        heap::reserve(|| room.try_reserve(wanted))?;
    }
}

/// Copies the name of an object, cut to the buffer.
pub fn copy(object: Any, buffer: &mut [u8]) {
    if let Some(ident) = object.typed::<Thread>().and_then(Handle::<Thread>::runs_as) {
        if of_ident(ident, buffer).is_ok() {
            return;
        }
    }
    let names = NAMES.lock();
    match names.get(&object.number()) {
        Some(Some(name)) => copy_cut(name.as_c_str(), buffer),
        _ => {
            drop(names);
            copy_default(object, buffer);
        }
    }
}

/// The name of an object, if it has been given one and the table is not locked just now. Async-signal-safe where
/// threads can be woken in handlers.
pub fn try_copy(object: Any, buffer: &mut [u8]) -> bool {
    let Some(names) = NAMES.try_lock() else { return false };
    match names.get(&object.number()) {
        Some(Some(name)) => {
            copy_cut(name.as_c_str(), buffer);
            true
        }
        _ => false,
    }
}

/// The name that the object with this number was given, also if it is no more, as long as that is remembered. Whether
/// there is one.
pub fn copy_given(number: usize, buffer: &mut [u8]) -> bool {
    let names = NAMES.lock();
    let given = names.get(&number).and_then(Option::as_ref);
    given.inspect(|name| copy_cut(name.as_c_str(), buffer)).is_some()
}

/// Writes the type and the name of the object with this number, and a colon, if it was given one; as lt_last_error()
/// has it.
pub fn write_given(number: usize, out: &mut dyn fmt::Write) -> fmt::Result {
    let Some(object) = Any::numbered(number) else { return Ok(()) };
    let mut name = [0; 64];
    let names = NAMES.lock();
    let Some(Some(given)) = names.get(&number) else { return Ok(()) };
    copy_cut(given.as_c_str(), &mut name);
    drop(names);
    let name = CStr::from_bytes_until_nul(&name).ok().and_then(|name| name.to_str().ok());
    write!(out, "{} \"{}\": ", object.kind().name(), name.unwrap_or("?"))
}

/// What an object is called that has no name: its type, and the number of its handle.
fn copy_default(object: Any, buffer: &mut [u8]) {
    let mut name = [0; 64];
    // Longer than any type and number.
    let _ = write!(name.as_mut_slice(), "{} {:#x}", object.kind().name(), object.number());
    copy_cut(CStr::from_bytes_until_nul(&name).unwrap_or_default(), buffer);
}

/// Spreads the numbers of handles, of which the middle bits differ most.
#[derive(Clone, Copy)]
struct Spread;

struct Spreading(u64);

impl BuildHasher for Spread {
    type Hasher = Spreading;
    fn build_hasher(&self) -> Spreading {
        Spreading(0)
    }
}

impl Hasher for Spreading {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing, with the high half, which is the better one, at both ends.
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
