//! A dump: a line for each thread, what it waits for and who has that; then the circles in which threads wait for
//! each other.
//!
//! It may be called in a signal handler, at any moment of any operation. So it takes no memory and no lock that it
//! would have to wait for: threads are found and their waits read without one, and a name whose lock is taken just now
//! is left out. What changes meanwhile is told as it was or as it is.

use crate::base::atomic::Ordering;
use crate::base::deadline::now;
use crate::base::handle::{Any, Handle, Kind};
use crate::base::insight::{HOLDERS, is_on};
use crate::base::record::{self, Record, Role};
use crate::base::registry;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::wait::WAKES_IN_HANDLERS;
use crate::base::waiting::{Verb, Wait, What};
use crate::insight::text::Line;
use crate::insight::{holder, names as objects, waits};
use crate::sync::barrier::Barrier;
use crate::sys::process;
use crate::thread::last::{self, Last};
use crate::thread::names as threads;
use core::ffi::{CStr, c_int};
use core::fmt::{self, Write};

/// How many threads a circle has at most that is found.
const LONGEST_CIRCLE: usize = 64;

/// Whether names are told: to read them takes locks, which no handler may where it may wake nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Told,
    LeftOut,
}

impl Names {
    pub fn in_handler() -> Names {
        if WAKES_IN_HANDLERS { Names::Told } else { Names::LeftOut }
    }
}

/// Writes it to a descriptor.
pub fn write(fd: c_int, names: Names) -> Result<(), Error> {
    let out = Out { fd, names };
    let mut count = 0;
    told(|_| count += 1);
    out.line(format_args!("lowthread: {count} threads, at {}", Seconds(now())))?;
    let mut result = Ok(());
    told(|record| {
        if result.is_ok() {
            result = out.line(format_args!("  {}", Thread(record, names)));
        }
    });
    result?;
    circles(&out)?;
    if is_any_holder_unknown() {
        out.line(format_args!("who holds locks is recorded with LOWTHREAD_INSIGHT=owners"))?;
    }
    match last::get().filter(|_| names == Names::Told) {
        Some(last) => out.line(format_args!("{}", LastError(&last))),
        None => Ok(()),
    }
}

/// Whether somebody waits for what a thread holds, and that is not recorded.
fn is_any_holder_unknown() -> bool {
    let mut any = false;
    if !is_on(HOLDERS) {
        waits::each(|_, wait| {
            any |= matches!(wait.what.kind, Some(Kind::Lock | Kind::RwLock | Kind::Spinlock));
        });
    }
    any
}

/// The last error that ended something.
struct LastError<'a>(&'a Last);

impl fmt::Display for LastError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Last { ident, when, thread_name, type_name, message } = self.0;
        let (ago, name) = (Seconds(now().saturating_sub(*when)), shown(thread_name));
        write!(
            f,
            "last error, {ago} ago: thread {name} (ident {ident}): {}: {}",
            shown(type_name),
            shown(message)
        )
    }
}

/// Those of which there is a line: what lt_enumerate has, and who else waits.
pub fn told(mut f: impl FnMut(&'static Record)) {
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
        if result.is_ok() && is_told_from(first, wait) {
            result = tell_circle(out, first, wait);
        }
    });
    result
}

/// Whether the way from a thread along the holders leads back to it, and over none with a lower ident.
fn is_told_from(first: &'static Record, wait: Wait) -> bool {
    let mut what = wait.what;
    for _ in 0..LONGEST_CIRCLE {
        let Some(next) = holder::of(what).filter(|next| *next >= first.ident()) else { return false };
        if next == first.ident() {
            return true;
        }
        let Some(wait) = waits::find(next).and_then(waits::of) else { return false };
        what = wait.what;
    }
    false
}

fn tell_circle(out: &Out, first: &'static Record, wait: Wait) -> Result<(), Error> {
    out.line(format_args!("deadlock: each waits for the next"))?;
    let (mut record, mut what, names) = (first, wait.what, out.names);
    // What goes on meanwhile may lead into another circle, and not back to the first.
    for _ in 0..LONGEST_CIRCLE {
        let Some(next) = holder::of(what).and_then(waits::find) else { return Ok(()) };
        out.line(format_args!(
            "  {} waits for {}{}",
            Name(record, names),
            Object(what, names),
            Held(what, names)
        ))?;
        let Some(wait) = waits::of(next).filter(|_| next.ident() != first.ident()) else { return Ok(()) };
        (record, what) = (next, wait.what);
    }
    Ok(())
}

struct Out {
    fd: c_int,
    names: Names,
}

impl Out {
    fn line(&self, text: fmt::Arguments) -> Result<(), Error> {
        let mut line = Line::empty();
        // It takes whatever it is given.
        let _ = line.write_fmt(text);
        if process::write(self.fd, line.ended()) { Ok(()) } else { Err(Error::NotWritten) }
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

pub fn native_id(record: &'static Record) -> i64 {
    if record.is_main() { this_thread::main_native_id() } else { record.native_id() }
}

/// All of a thread's line.
struct Thread(&'static Record, Names);

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thread(record, names) = *self;
        let (name, ident, native_id) = (Name(record, names), record.ident(), native_id(record));
        write!(f, "{name} (ident {ident}, native id {native_id}): ")?;
        match waits::of(record) {
            None => write!(f, "runs")?,
            Some(wait) => write!(f, "{}", Waits(wait, names))?,
        }
        if record.interrupt.pending() {
            write!(f, "; an interrupt is pending")?;
        }
        Ok(())
    }
}

struct Waits(Wait, Names);

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waits(Wait { what, since, until, .. }, names) = *self;
        let now = now();
        write!(f, "{}{}, for {}", what.verb.word(), Of(what, names), Seconds(now.saturating_sub(since)))?;
        match until {
            u64::MAX => write!(f, ", without a time-out")?,
            until => write!(f, ", {} left", Seconds(until.saturating_sub(now)))?,
        }
        write!(f, "{}{}", Held(what, names), Has(what, names))
    }
}

/// What is known of the object since it is waited for.
struct Has(What, Names);

impl fmt::Display for Has {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Has(what, names) = *self;
        match (what.kind, what.verb) {
            (Some(Kind::Queue), Verb::Put) => f.write_str(", which is full"),
            (Some(Kind::Queue), Verb::Get) => f.write_str(", which is empty"),
            (Some(Kind::Barrier), Verb::Wait) if names == Names::Told => {
                let barrier = Any::numbered(what.handle).and_then(Any::typed::<Barrier>);
                match barrier.and_then(Handle::<Barrier>::try_waiting) {
                    Some((waiting, parties)) => write!(f, ", where {waiting} of {parties} wait"),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// Whose it is, where that is known.
struct Held(What, Names);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held(what, names) = *self;
        let Some(ident) = holder::of(what) else { return Ok(()) };
        let does = match what.kind {
            // Its own.
            Some(Kind::Thread) => return Ok(()),
            Some(Kind::Future) => "runs",
            _ => "holds",
        };
        match waits::find(ident) {
            Some(holder) => {
                write!(f, ", which {} (ident {ident}) {does}", Name(holder, names))?;
                // What stands there takes memory to find out.
                match holder.held.find(what.handle).map_or(0, |hold| hold.place) {
                    0 => Ok(()),
                    place => write!(f, ", acquired at {place:#x}"),
                }
            }
            None => write!(f, ", which a thread that is no more (ident {ident}) {does}"),
        }
    }
}

/// An object behind a verb, where there is one.
struct Of(What, Names);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.kind.is_some() { write!(f, " {}", Object(self.0, self.1)) } else { Ok(()) }
    }
}

/// The type, the name in quotes if there is one, and the handle.
pub struct Object(pub What, pub Names);

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Object(What { kind, handle, .. }, names) = *self;
        write!(f, "{}", kind.map_or("what is not known", |kind| kind.name()))?;
        let mut name = [0; 64];
        let object = Any::numbered(handle).filter(|_| names == Names::Told);
        let thread = object.filter(|object| object.kind() == Kind::Thread).and_then(|_| holder::of(self.0));
        if let Some(thread) = thread.and_then(waits::find) {
            write!(f, " \"{}\"", Name(thread, names))?;
        } else if object.is_some_and(|object| objects::try_copy(object, &mut name)) {
            write!(f, " \"{}\"", shown(&name))?;
        }
        write!(f, " {handle:#x}")
    }
}

/// A thread's name, or the number that is in the default one.
pub struct Name(pub &'static Record, pub Names);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = [0; 64];
        if self.1 == Names::Told && threads::try_copy(self.0, &mut name) {
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
