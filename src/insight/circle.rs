//! Waits that would never end: a thread is about to wait for what another one has, which waits for what a third one
//! has, and so on round to the first.
//!
//! A wait without bound is told of before its thread stands anywhere, and then its thread looks, all under one lock. So
//! of those who close a circle the last to look sees all the others, and is refused; the others it leaves alone.
//!
//! What is looked at goes on meanwhile. So a circle that was found is looked at again: first who holds what, then
//! whether each still waits as it did. Who waits without bound from the first look to the last lets go of nothing in
//! between, so that all was so at once, and will stay so. Interrupts, of which nothing is known beforehand, apart.
//!
//! | followed | from a wait to |
//! |---|---|
//! | a lock, a spinlock, a re-entrant lock | its owner |
//! | a read-write lock | its writer; a writer that waits, to each of the readers |
//! | the join of a thread | that thread |
//! | a future | the thread that runs its task |
//!
//! Not followed, so that nothing is refused that could go on: signals (`base::holding`), waits with a time-out, a reader
//! that stands in line behind a writer, and a thread that waits for a lock that it holds itself, which another may release.

use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::waiting::{Told, Verb, Wait};
use crate::insight::{found, holder, waits};

/// How many threads a circle has at most that is found.
pub const LONGEST: usize = 32;

/// How many threads are looked at in all: where many read, the ways are many.
const STEPS: u32 = 1000;

/// Taken to tell of a wait without bound, and to look.
static LOOKING: Mutex<()> = Mutex::new(());

/// One of those who wait for each other.
#[derive(Clone, Copy)]
pub struct Link {
    pub record: &'static Record,
    pub wait: Wait,
}

/// A way from a thread along those who have what the one before waits for.
pub struct Way {
    links: [Option<Link>; LONGEST],
    count: usize,
    steps: u32,
}

/// Tells of a wait; fails if it would never end, unless it cannot be refused.
pub fn waits(record: &'static Record, wait: Wait, can_be_refused: bool) -> Result<Told<'static>, Error> {
    let looking = LOOKING.lock();
    let told = record.waiting.tell(wait);
    let mut way = Way { links: [None; LONGEST], count: 0, steps: STEPS };
    if !can_be_refused || !is_endless(wait) || !way.leads_back(Link { record, wait }) {
        return Ok(told);
    }
    drop(told);
    drop(looking);
    found::circle(record, &way);
    Err(Error::ClosesCircle)
}

/// Whether it is a wait for what somebody has, until that lets go of it.
fn is_endless(wait: Wait) -> bool {
    let followed =
        matches!(wait.what.verb, Verb::Acquire | Verb::Read | Verb::Write | Verb::Join | Verb::Wait);
    followed && wait.until == u64::MAX
}

impl Way {
    pub fn links(&self) -> impl DoubleEndedIterator<Item = &Link> {
        self.links.iter().take(self.count).flatten()
    }

    /// Goes on with this one, in whatever directions there are. Whether one leads back to the first, which is the
    /// calling thread; then that is what the way is.
    fn leads_back(&mut self, link: Link) -> bool {
        let Some(place) = self.links.get_mut(self.count) else { return false };
        *place = Some(link);
        self.count += 1;
        let what = link.wait.what;
        let mut back = false;
        match holder::alone(what) {
            Some(ident) => back = waits::find(ident).is_some_and(|holder| self.goes_on(holder)),
            None if what.verb == Verb::Write => holder::readers(what, |reader| {
                back = back || self.goes_on(reader);
            }),
            None => (),
        }
        if !back {
            self.count -= 1;
        }
        back
    }

    fn goes_on(&mut self, holder: &'static Record) -> bool {
        let Some(first) = self.links().next().copied() else { return false };
        if core::ptr::eq(first.record, holder) {
            return self.count > 1 && self.is_so_still();
        }
        let is_new = !self.links().any(|link| core::ptr::eq(link.record, holder));
        let Some(steps) = self.steps.checked_sub(1).filter(|_| is_new) else { return false };
        self.steps = steps;
        let gives_up = |wait: &Wait| wait.can_be_interrupted && holder.interrupt.pending();
        let wait = waits::of(holder).filter(|wait| is_endless(*wait) && !gives_up(wait));
        wait.is_some_and(|wait| self.leads_back(Link { record: holder, wait }))
    }

    fn is_so_still(&self) -> bool {
        let behind = self.links().skip(1).chain(self.links().take(1));
        self.links().zip(behind).all(|(link, next)| has(next.record, link.wait))
            && self.links().all(|link| waits::of(link.record) == Some(link.wait))
    }
}

/// Whether the thread has what this wait is for.
fn has(record: &'static Record, wait: Wait) -> bool {
    match holder::alone(wait.what) {
        Some(ident) => ident == record.ident(),
        None => {
            let mut reads = false;
            holder::readers(wait.what, |reader| reads = reads || core::ptr::eq(reader, record));
            reads
        }
    }
}
