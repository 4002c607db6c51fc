//! A dump: a line for each thread, what it waits for and who has that; then the circles in which threads wait for
//! each other.
//!
//! It may be called in a signal handler, at any moment of any operation. So it takes no memory and no lock that it
//! would have to wait for: threads are found and their waits read without one, and a name whose lock is taken just now
//! is left out. What changes meanwhile is told as it was or as it is.

use crate::base::atomic::Ordering;
use crate::base::deadline::{in_seconds, now};
use crate::base::handle::Any;
use crate::base::record::{self, Record, Role};
use crate::base::registry;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::wait::WAKES_IN_HANDLERS;
use crate::base::waiting::{Wait, What};
use crate::insight::text::Line;
use crate::insight::{holder, names, waits};
use crate::sys::process;
use crate::thread::names as threads;
use core::ffi::{CStr, c_int};
use core::fmt::{self, Write};

/// How many threads a circle has at most that is found.
const LONGEST_CIRCLE: usize = 64;

/// Writes it to a descriptor.
pub fn write(fd: c_int) -> Result<(), Error> {
    let out = Out(fd);
    let mut count = 0;
    told(|_| count += 1);
    out.line(format_args!("lowthread: {count} threads, at {}", Seconds(now())))?;
    let mut result = Ok(());
    told(|record| {
        if result.is_ok() {
            result = out.line(format_args!("  {}", Thread(record)));
        }
    });
    result?;
    circles(&out)
}

/// Those of which there is a line: what lt_enumerate has, and who else waits.
fn told(mut f: impl FnMut(&'static Record)) {
    let main = this_thread::main_record();
    f(main);
    record::each(|record| {
        let counts = record.is_alive() && record.role() == Role::Started || waits::of(record).is_some();
        if counts && !record.is_main() && !registry::vanished(record.ident()) {
            f(record);
        }
    });
}

/// Who waits for whom, round to the first: told once, from the thread with the lowest ident.
fn circles(out: &Out) -> Result<(), Error> {
    let mut result = Ok(());
    waits::each(|first, wait| {
        let is_first = |idents: &[u64]| idents.iter().all(|ident| *ident >= first.ident());
        if let Some((idents, length)) = circle(first, wait) {
            if result.is_ok() && idents.get(..length).is_some_and(is_first) {
                result = tell_circle(out, first, wait);
            }
        }
    });
    result
}

/// The idents on the way from a thread back to itself.
fn circle(first: &'static Record, wait: Wait) -> Option<([u64; LONGEST_CIRCLE], usize)> {
    let mut idents = [0; LONGEST_CIRCLE];
    let mut what = wait.what;
    for (length, place) in idents.iter_mut().enumerate() {
        let next = holder::of(what)?;
        *place = next;
        if next == first.ident() {
            return Some((idents, length + 1));
        }
        what = waits::of(waits::find(next)?)?.what;
    }
    None
}

fn tell_circle(out: &Out, first: &'static Record, wait: Wait) -> Result<(), Error> {
    out.line(format_args!("deadlock: each waits for the next"))?;
    let (mut record, mut what) = (first, wait.what);
    loop {
        let Some(next) = holder::of(what).and_then(waits::find) else { return Ok(()) };
        out.line(format_args!("  {} waits for {}, which is {}'s", Name(record), Object(what), Name(next)))?;
        let Some(wait) = waits::of(next).filter(|_| next.ident() != first.ident()) else { return Ok(()) };
        (record, what) = (next, wait.what);
    }
}

struct Out(c_int);

impl Out {
    fn line(&self, text: fmt::Arguments) -> Result<(), Error> {
        let mut line = Line::empty();
        // It takes whatever it is given.
        let _ = line.write_fmt(text);
        if process::write(self.0, line.ended()) { Ok(()) } else { Err(Error::NotWritten) }
    }
}

/// Nanoseconds, to the millisecond.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0 / 1_000_000;
        write!(f, "{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
    }
}

/// All of a thread's line.
struct Thread(&'static Record);

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let native_id = if record.is_main() { this_thread::main_native_id() } else { record.native_id() };
        write!(f, "{} (ident {}, native id {native_id}): ", Name(record), record.ident())?;
        match waits::of(record) {
            None => write!(f, "runs")?,
            Some(wait) => write!(f, "{}", Waits(wait))?,
        }
        if record.interrupt.pending() {
            write!(f, "; an interrupt is pending")?;
        }
        Ok(())
    }
}

struct Waits(Wait);

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait { what, since, until } = self.0;
        let now = now();
        write!(f, "{}{}, for {}", what.verb.word(), Of(what), Seconds(now.saturating_sub(since)))?;
        match until {
            u64::MAX => write!(f, ", without a time-out")?,
            until => write!(f, ", {} left", Seconds(until.saturating_sub(now)))?,
        }
        match holder::of(what) {
            None => Ok(()),
            Some(ident) => match waits::find(ident) {
                Some(holder) => write!(f, ", which is {}'s (ident {ident})", Name(holder)),
                None => write!(f, ", whose thread (ident {ident}) is no more"),
            },
        }
    }
}

/// An object behind a verb, where there is one.
struct Of(What);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.kind.is_some() { write!(f, " {}", Object(self.0)) } else { Ok(()) }
    }
}

/// The type, the name in quotes if there is one, and the handle.
struct Object(What);

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let What { kind, handle, .. } = self.0;
        write!(f, "{}", kind.map_or("what is not known", |kind| kind.name()))?;
        let mut name = [0; 64];
        let found =
            WAKES_IN_HANDLERS && Any::numbered(handle).is_some_and(|any| names::try_copy(any, &mut name));
        if found {
            write!(f, " \"{}\"", shown(&name))?;
        }
        write!(f, " {handle:#x}")
    }
}

/// A thread's name, or the number that is in the default one.
struct Name(&'static Record);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = [0; 64];
        if WAKES_IN_HANDLERS && threads::try_copy(self.0, &mut name) {
            return write!(f, "{}", shown(&name));
        }
        // Relaxed: set before the thread ran.
        match self.0.role() {
            _ if self.0.is_main() => write!(f, "MainThread"),
            Role::Started => write!(f, "Thread-{}", self.0.number.load(Ordering::Relaxed)),
            _ => write!(f, "Dummy-{}", self.0.ident()),
        }
    }
}

/// Names are UTF-8, and were cut between characters.
fn shown(name: &[u8]) -> &str {
    CStr::from_bytes_until_nul(name).ok().and_then(|name| name.to_str().ok()).unwrap_or("?")
}

/// A wait's times, as C has them.
pub fn until(wait: &Wait) -> f64 {
    if wait.until == u64::MAX { f64::INFINITY } else { in_seconds(wait.until) }
}
