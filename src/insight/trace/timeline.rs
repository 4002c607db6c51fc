//! A thread's part of a trace: its ring, and the slices that are open in it.
//!
//! Slices lie within each other, and each end belongs to the last that began. Where a beginning is lost, those inside of
//! it are too, with all their ends: they are *dark*. So what is in the file is balanced, whatever is missing.

use crate::base::deadline::now;
use crate::base::record::{Record, Role};
use crate::base::registry;
use crate::base::trace::{Event, Opened, Point};
use crate::insight::trace::clerk;
use crate::insight::trace::ring::{self, NAME, Ring};
use crate::thread::names;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

/// The number of the trace; 0 before the first.
pub static SESSION: AtomicU32 = AtomicU32::new(0);

/// How many events were lost of threads that have no ring.
pub static STRAY: AtomicU64 = AtomicU64::new(0);

/// So many slots are left for what is no slice, beside the ends of slices.
const SPARE: usize = 8;
/// How many slices may be open.
const DEEPEST: u32 = 1024;

// Relaxed, in all of this: the thread's own, and its handlers'.

/// Does something with the record's ring, which no handler disturbs. None if there is no ring, or if this is a handler
/// that comes into the middle of such a thing. The thread's life in the trace has begun by the time that `at` gives.
fn with_at<R>(
    record: &'static Record,
    at: impl FnOnce() -> u64,
    f: impl FnOnce(&'static Ring, u64) -> R,
) -> Option<R> {
    let Some(ring) = of(record) else {
        STRAY.fetch_add(1, Ordering::Relaxed);
        return None;
    };
    if ring.busy.load(Ordering::Relaxed) {
        ring.lose();
        return None;
    }
    ring.busy.store(true, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    let when = at();
    join(record, ring, when);
    let result = f(ring, when);
    compiler_fence(Ordering::SeqCst);
    ring.busy.store(false, Ordering::Relaxed);
    clerk::call(ring.is_filling());
    Some(result)
}

/// The same with the time, which is read here: if it were read before, a handler might have put later ones in.
fn with<R>(record: &'static Record, f: impl FnOnce(&'static Ring, u64) -> R) -> Option<R> {
    with_at(record, now, f)
}

fn of(record: &'static Record) -> Option<&'static Ring> {
    let known = record.timeline.load(Ordering::Relaxed).cast::<Ring>();
    // SAFETY: NULL, or a ring, as here; these are never unmapped.
    if let Some(ring) = unsafe { known.cast_const().as_ref() } {
        return Some(ring);
    }
    let ring = Ring::claim(record.ident())?;
    let pointer = ptr::from_ref(ring).cast_mut().cast();
    match record.timeline.compare_exchange(ptr::null_mut(), pointer, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Some(ring),
        Err(other) => {
            // A handler came between.
            ring.leave(&[0; NAME]);
            // SAFETY: as above.
            unsafe { other.cast_const().cast::<Ring>().as_ref() }
        }
    }
}

/// Begins the thread's life in this trace.
fn join(record: &'static Record, ring: &Ring, when: u64) {
    let session = SESSION.load(Ordering::Relaxed);
    if ring.session.swap(session, Ordering::Relaxed) == session {
        return;
    }
    ring.lit.store(0, Ordering::Relaxed);
    ring.dark.store(0, Ordering::Relaxed);
    begin(ring, &Event { point: Point::Life, when, what: None, object: 0, other: function(record) }, b"");
    ring.floor.store(1, Ordering::Relaxed);
}

/// What the thread runs; 0 if that is not the program's.
fn function(record: &'static Record) -> u64 {
    let own = record.own();
    let programs = record.role() == Role::Started && own.pool.get().is_null();
    own.entry.get().filter(|_| programs).map_or(0, |(function, _)| function as usize as u64)
}

fn begin(ring: &Ring, event: &Event, text: &[u8]) {
    let (lit, dark) = (ring.lit.load(Ordering::Relaxed), ring.dark.load(Ordering::Relaxed));
    let spare = lit as usize + 1 + SPARE;
    let is_lit = match dark {
        0 if lit < DEEPEST => ring.push(event, text, spare),
        _ => {
            ring.lose();
            false
        }
    };
    if is_lit {
        ring.lit.store(lit + 1, Ordering::Relaxed);
    } else {
        ring.dark.store(dark + 1, Ordering::Relaxed);
    }
}

fn level(ring: &Ring) -> u32 {
    ring.lit.load(Ordering::Relaxed) + ring.dark.load(Ordering::Relaxed)
}

/// Ends the slices that are open above this level.
fn end(ring: &Ring, to: u32, when: u64) {
    while level(ring) > to {
        let (lit, dark) = (ring.lit.load(Ordering::Relaxed), ring.dark.load(Ordering::Relaxed));
        if dark > 0 {
            ring.dark.store(dark - 1, Ordering::Relaxed);
            ring.lose();
        } else {
            // There is room, as each beginning saw to.
            ring.push(&Event { point: Point::End, when, what: None, object: 0, other: 0 }, b"", 0);
            ring.lit.store(lit - 1, Ordering::Relaxed);
        }
    }
}

/// The library's own threads are in the timeline once something happens on them.
pub fn arrive(record: &'static Record) {
    if record.role() == Role::Started {
        with(record, |_, _| ());
    }
}

pub fn tell(record: &'static Record, event: &Event, text: &[u8]) {
    let push = |ring: &'static Ring, _| {
        let spare = ring.lit.load(Ordering::Relaxed) as usize;
        ring.push(event, text, spare)
    };
    with_at(record, || event.when, push);
}

pub fn open(record: &'static Record, event: &Event, text: &[u8]) -> Option<Opened> {
    with(record, |ring, when| {
        let opened = Opened {
            session: ring.session.load(Ordering::Relaxed),
            level: level(ring),
            floor: ring.floor.load(Ordering::Relaxed),
            when,
        };
        begin(ring, &Event { when, ..*event }, text);
        ring.floor.store(level(ring), Ordering::Relaxed);
        opened
    })
}

pub fn close(record: &'static Record, opened: Opened) {
    with(record, |ring, when| {
        if ring.session.load(Ordering::Relaxed) == opened.session {
            end(ring, opened.level, when);
            ring.floor.store(opened.floor, Ordering::Relaxed);
        }
    });
}

/// Begins a span of the program's.
pub fn begin_span(record: &'static Record, name: &[u8]) {
    with(record, |ring, when| {
        begin(ring, &Event { point: Point::Span, when, what: None, object: 0, other: 0 }, name);
    });
}

/// Ends the last that was begun on this thread, in the same function, task or callback; if there is none, nothing.
pub fn end_span(record: &'static Record) {
    with(record, |ring, when| {
        if level(ring) > ring.floor.load(Ordering::Relaxed) {
            end(ring, level(ring) - 1, when);
        }
    });
}

/// The thread is over: whether a trace is on or not, the ring is another's when it has been read. When the life ended that is
/// told of it.
pub fn leave(record: &'static Record) -> Option<u64> {
    let ring = record.timeline.swap(ptr::null_mut(), Ordering::Relaxed).cast::<Ring>();
    // SAFETY: as in `of`.
    let ring = unsafe { ring.cast_const().as_ref() }?;
    ring.busy.store(true, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    let over = (ring.session.load(Ordering::Relaxed) == SESSION.load(Ordering::Relaxed)).then(now);
    if let Some(over) = over {
        end(ring, 0, over);
    }
    let mut name = [0; NAME];
    let list = registry::lock();
    names::copy_locked(record, &mut name);
    drop(list);
    // No trace's, until its next owner joins one.
    ring.session.store(0, Ordering::Relaxed);
    ring.busy.store(false, Ordering::Relaxed);
    ring.leave(&name);
    clerk::call(ring::are_few());
    over
}
