//! What threads wait for because others hold it: how often, how long, and where.
//!
//! Counted where a thread has waited, at the end of its wait; who does not wait pays nothing. An object that somebody
//! has waited for is recorded from then on (`base::holding`), so that it is known how long it is held.

use crate::base::handle::{Any, Kind};
use crate::base::heap;
use crate::base::insight::Waited;
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::base::waiting::{Verb, What};
use crate::insight::dump::{Names, Object};
use crate::insight::place;
use crate::insight::table::{Entry, Table};
use crate::insight::text::Line;
use crate::sys::process;
use core::ffi::c_int;
use core::fmt::{self, Write};

/// How many objects are counted, and how many places for each.
const OBJECTS: usize = 1024;
const PLACES: usize = 4;

static COUNTED: Mutex<Table<Count>> = Mutex::new(Table::none());

/// Of one object.
#[derive(Clone, Copy)]
pub struct Count {
    pub handle: usize,
    pub kind: Option<Kind>,
    pub waits: u64,
    /// In nanoseconds, as all times here.
    pub waited: u64,
    pub longest_wait: u64,
    pub longest_hold: u64,
    pub handovers: u64,
    /// By return addresses; those that came first, and what was waited there.
    places: [(usize, u64); PLACES],
}

impl Entry for Count {
    const NONE: Count = Count {
        handle: 0,
        kind: None,
        waits: 0,
        waited: 0,
        longest_wait: 0,
        longest_hold: 0,
        handovers: 0,
        places: [(0, 0); PLACES],
    };

    fn key(&self) -> u64 {
        self.handle as u64
    }

    fn is_over(&self) -> bool {
        Any::numbered(self.handle).is_none()
    }
}

impl Count {
    fn add(&mut self, waited: Waited) {
        self.waits += 1;
        self.waited = self.waited.saturating_add(waited.nanoseconds);
        self.longest_wait = self.longest_wait.max(waited.nanoseconds);
        self.longest_hold = self.longest_hold.max(u64::from(waited.longest_hold) * 1000);
        self.handovers += u64::from(waited.handed_over);
        let place = self.places.iter_mut().find(|(place, sum)| *place == waited.place || *sum == 0);
        if let Some((place, sum)) = place.filter(|_| waited.place != 0) {
            *place = waited.place;
            *sum = sum.saturating_add(waited.nanoseconds.max(1));
        }
    }

    /// Where most was waited; 0 if that is not known.
    pub fn place(&self) -> usize {
        self.places.iter().max_by_key(|(_, sum)| *sum).map_or(0, |(place, _)| *place)
    }
}

/// Makes the table, if there is none.
pub fn prepare() -> Result<(), Error> {
    Table::prepare(&COUNTED, OBJECTS)
}

/// A thread has waited.
pub fn has_waited(what: What, waited: Waited) {
    let fresh = Count { handle: what.handle, kind: what.kind, ..Count::NONE };
    if let Some(count) = COUNTED.lock().entry(fresh, |_| true) {
        count.add(waited);
    }
}

/// All there is, what was waited for most first.
pub fn sorted() -> Result<Vec<Count>, Error> {
    let mut counts = Vec::new();
    heap::reserve(|| counts.try_reserve_exact(OBJECTS))?;
    // It has room for all.
    counts.extend(COUNTED.lock().iter());
    counts.sort_unstable_by_key(|count: &Count| core::cmp::Reverse(count.waited));
    Ok(counts)
}

/// Writes a line for each.
pub fn write(fd: c_int) -> Result<(), Error> {
    let counts = sorted()?;
    if counts.is_empty() {
        line(fd, format_args!("nothing was waited for"))?;
    }
    for count in counts {
        line(fd, format_args!("{count}"))?;
    }
    // Its lock is let go of before anything is written, which may take long.
    let left_out = COUNTED.lock().left_out();
    match left_out {
        0 => Ok(()),
        left_out => line(fd, format_args!("and {left_out} waits for others, for which there was no room")),
    }
}

fn line(fd: c_int, text: fmt::Arguments) -> Result<(), Error> {
    let mut line = Line::empty();
    // It takes whatever it is given.
    let _ = line.write_fmt(text);
    if process::write(fd, line.ended()) { Ok(()) } else { Err(Error::NotWritten) }
}

/// Nanoseconds, to the microsecond.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = self.0 / 1000;
        write!(f, "{}.{:06} s", microseconds / 1_000_000, microseconds % 1_000_000)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = What { verb: Verb::Acquire, kind: self.kind, handle: self.handle };
        write!(f, "{}: waited {} in {} waits", Object(what, Names::Told), Seconds(self.waited), self.waits)?;
        write!(f, ", {} at the longest", Seconds(self.longest_wait))?;
        if self.longest_hold != 0 {
            write!(f, "; held for {}", Seconds(self.longest_hold))?;
        }
        write!(f, "; {} hand-overs", self.handovers)?;
        place::written(f, "; most in ", self.place())
    }
}
