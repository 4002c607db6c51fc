//! What is traced: points of a timeline, which insight writes into a file (`insight::trace`).
//!
//! While no trace is on this costs a look at a word, on ways that are long already. A slice that is begun is ended on
//! the same thread; what began in another trace, or was lost, ends without a trace.

use crate::base::deadline::now;
use crate::base::handle::{Handle, Object};
use crate::base::insight::{self, TRACE};
use crate::base::record::Record;
use crate::base::this_thread;
use crate::base::waiting::{Verb, What};
use crate::base::wakers;
use core::sync::atomic::{AtomicU64, Ordering};

/// Declares the points, with their numbers in an event.
macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $bits:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Point {
            $($(#[$doc])* $point = $bits,)*
        }

        impl Point {
            pub fn numbered(bits: u8) -> Option<Point> {
                match bits {
                    $($bits => Some(Point::$point),)*
                    _ => None,
                }
            }
        }
    };
}

points! {
    // These begin a slice.
    /// The thread; `other` is its function.
    Life = 1,
    /// `what` is waited for, which the thread with the ident `other` has.
    Wait = 2,
    /// A task, `object` by what it was submitted as; `other` is its function.
    Task = 3,
    /// The program's own, by the text.
    Span = 4,
    /// A timer's callback, `other`; `object` by what it was started as.
    Timer = 5,
    /// The signal `object` is delivered.
    Signal = 6,
    // This ends the innermost.
    End = 7,
    // These are over when they are told: `other` is for how long.
    /// A task is submitted: `object`.
    Submit = 8,
    /// `object` threads are woken.
    Wake = 9,
    /// A timer is started: `object`.
    Start = 14,
    // These are of a moment.
    /// The thread was woken by that with the ident `object`, at the time `other`.
    Woken = 10,
    /// `what` is held from now on; `other` is 0, or the ident of the one among others that holds it.
    Acquired = 11,
    Released = 12,
    /// An error, by the text.
    Error = 13,
}

/// What is told. What the numbers stand for depends on the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub point: Point,
    /// Of what begins a slice, it is found out as the event is put in.
    pub when: u64,
    /// For the kind and the verb.
    pub what: Option<What>,
    pub object: u64,
    pub other: u64,
}

impl Event {
    /// One of this moment.
    pub fn now(point: Point, object: usize, other: usize) -> Event {
        Event { when: now(), ..Event::begins(point, object, other) }
    }

    /// One that begins a slice.
    pub fn begins(point: Point, object: usize, other: usize) -> Event {
        Event { point, when: 0, what: None, object: object as u64, other: other as u64 }
    }

    /// One for this object.
    pub fn about(point: Point, what: What, other: u64) -> Event {
        Event { what: Some(what), other, ..Event::now(point, what.handle, 0) }
    }
}

/// A slice that was begun. Without a destructor: code of the user's may leave its thread's frames.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// In which trace.
    pub session: u32,
    /// How many slices of the thread were open before, and how many of them the program's spans cannot end.
    pub level: u32,
    pub floor: u32,
    pub when: u64,
}

/// Who is told. None blocks; all are async-signal-safe where threads can be woken in handlers.
pub struct Hooks {
    /// The thread of the record begins.
    pub arrive: fn(&'static Record),
    pub tell: fn(&'static Record, &Event, &[u8]),
    /// None if it was lost.
    pub open: fn(&'static Record, &Event, &[u8]) -> Option<Opened>,
    /// Ends a slice, and those in it that are left.
    pub close: fn(&'static Record, Opened),
    /// The thread of the record is over; when its life ended, if that is told.
    pub leave: fn(&'static Record) -> Option<u64>,
    /// The ident of the thread that has what is waited for, as far as that is known.
    pub holder: fn(What) -> Option<u64>,
}

/// Whether there is a trace.
#[inline]
pub fn is_on() -> bool {
    insight::is_on(TRACE)
}

/// What is submitted now is known by, if there is a trace; else 0.
pub fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only that each is given once matters.
    if is_on() { NEXT.fetch_add(1, Ordering::Relaxed) } else { 0 }
}

fn hooks() -> Option<&'static Hooks> {
    insight::told(TRACE).map(|hooks| &hooks.trace)
}

/// Tells of something on the calling thread. Async-signal-safe: who has no record is not told of.
#[inline]
pub fn tell(event: impl FnOnce() -> Event) {
    if is_on() {
        tell_slowly(event(), b"");
    }
}

/// The same with a text, which is cut.
#[cold]
pub fn tell_slowly(event: Event, text: &[u8]) {
    if let Some((hooks, record)) = hooks().zip(this_thread::existing()) {
        (hooks.tell)(record, &event, text);
    }
}

/// Begins a slice on the calling thread, whose record this is.
#[inline]
pub fn open(record: &'static Record, event: impl FnOnce() -> Event) -> Option<Opened> {
    if is_on() { open_slowly(record, event()) } else { None }
}

#[cold]
fn open_slowly(record: &'static Record, event: Event) -> Option<Opened> {
    (hooks()?.open)(record, &event, b"")
}

/// Ends it, on the same thread.
#[inline]
pub fn close(record: &'static Record, opened: Option<Opened>) {
    if let Some((opened, hooks)) = opened.and_then(|opened| Some((opened, hooks()?))) {
        (hooks.close)(record, opened);
    }
}

/// Tells that the thread of a record begins, on it.
#[inline]
pub fn arrive(record: &'static Record) {
    if let Some(hooks) = hooks() {
        (hooks.arrive)(record);
    }
}

/// Tells that the thread of a record is over.
#[inline]
pub fn leave(record: &'static Record) {
    if !record.timeline.load(Ordering::Relaxed).is_null() {
        if let Some(over) = insight::hooks().and_then(|hooks| (hooks.trace.leave)(record)) {
            wakers::leave_last_word(record.ident(), over);
        }
    }
}

/// Does something that takes its time, and tells of it.
#[inline]
pub fn timed<R>(point: Point, object: u64, f: impl FnOnce() -> R) -> R {
    if !is_on() {
        return f();
    }
    let when = now();
    let result = f();
    let other = now().saturating_sub(when);
    tell_slowly(Event { point, when, what: None, object, other }, b"");
    result
}

/// Wakes, by `wake`, some of those who sleep there: tells of it, if there were any, and them by whom it was.
#[cold]
pub fn wakes(address: usize, wake: impl FnOnce() -> u32) -> u32 {
    let when = now();
    let ident = this_thread::latest_ident();
    // An arrow begins within a slice, which of a thread that is over is the last moment of its life.
    let begin = match this_thread::existing() {
        Some(_) => Some(when),
        None => wakers::read_last_word(ident).map(|over| over.saturating_sub(2)),
    };
    if let Some(begin) = begin {
        wakers::leave_word(address, ident, begin);
    }
    let woken = wake();
    if woken > 0 {
        let other = now().saturating_sub(when);
        let event = Event { point: Point::Wake, when, what: None, object: woken.into(), other };
        tell_slowly(event, b"");
    }
    woken
}

/// The calling thread, whose record this is, is about to sleep for that.
#[inline]
pub fn falls_asleep(record: Option<&'static Record>, what: Option<What>) -> Option<Sleep> {
    if is_on() { Sleep::begin(record?, what?) } else { None }
}

/// A sleep in a wait.
#[derive(Clone, Copy)]
pub struct Sleep {
    record: &'static Record,
    slice: Opened,
}

impl Sleep {
    #[cold]
    fn begin(record: &'static Record, what: What) -> Option<Sleep> {
        let hooks = hooks()?;
        let other = (hooks.holder)(what).unwrap_or(0);
        let event = Event { what: Some(what), other, ..Event::begins(Point::Wait, what.handle, 0) };
        let slice = (hooks.open)(record, &event, b"")?;
        Some(Sleep { record, slice })
    }

    /// It is over; by a wake at this address, if there is one.
    #[cold]
    pub fn end(self, woken_at: Option<usize>) {
        if let Some((ident, when)) = woken_at.and_then(|address| wakers::read_word(address, self.slice.when))
        {
            tell(|| Event { object: ident, other: when, ..Event::now(Point::Woken, 0, 0) });
        }
        close(self.record, Some(self.slice));
    }
}

/// What is acquired or released.
#[inline]
pub fn held<T: Object>(point: Point, handle: Handle<T>, who: u64) {
    if is_on() {
        tell_about(point, What::of(Verb::Acquire, handle), who);
    }
}

#[cold]
#[inline(never)]
fn tell_about(point: Point, what: What, other: u64) {
    tell_slowly(Event::about(point, what, other), b"");
}
