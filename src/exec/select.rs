//! Select: one wait for several things, of which exactly one happens.
//!
//! It has no state of its own in any object. To *look* is to try each case as its own try form does, until one
//! happens; between two looks the thread sleeps, and each object tells it when a case may have become possible
//! (`base::watchers`):
//!
//! | step | so that |
//! |---|---|
//! | look | what is possible happens at once |
//! | a watcher for each case, into the lists | what becomes possible from here on is told |
//! | look | what became possible before is found |
//! | sleep on the one bell, look again, and so on | |
//! | all watchers out of the lists; who was told passes on what is left | nothing is lost that this one was woken for |
//!
//! While it is among the watchers it counts as one that waits, by what each object has for that: so a free says that
//! the object is busy.
//!
//! It waits beside those in line. But where something is always given to those, it would be told each time in vain, for
//! ever: a semaphore that somebody always waits for, a read-write lock that is never without readers. So one that has
//! waited for a millisecond, and was told in vain, stands in that line as well while it sleeps ([`Line`]).

use crate::base::block::Block;
use crate::base::deadline::{Timeout, now};
use crate::base::fence;
use crate::base::heap;
use crate::base::spin::Spin;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::wait::Wake;
use crate::base::waiting::{Verb, What};
use crate::base::watchers::{Bell, Watcher};
use crate::exec::case::{Case, Outcome, Stay, Try};
use crate::sync::queue::Queue;
use crate::sync::waiters::Waiter;
use crate::sys::quiet::quiet;

/// One case of a select that waits.
struct Entry {
    case: Case,
    watcher: Watcher,
    stay: Option<Stay>,
}

/// So many are on the stack.
const FEW: usize = 8;

/// Which case it was, and what has happened.
pub type Chosen = (usize, Outcome);

/// Why nothing has happened, and, where it is the fault of a case, which.
pub type Refused = (Option<usize>, Error);

/// The cases, as they are where the caller has them.
type Cases<'a> = &'a dyn Fn(usize) -> Result<Case, Error>;

type Attempt = fn(Case, Try) -> Result<Option<Outcome>, Error>;

/// Waits until one of `n` cases happens.
pub fn select(n: usize, cases: Cases, seconds: f64) -> Result<Chosen, Refused> {
    for i in 0..n {
        cases(i).and_then(Case::check).map_err(|error| (Some(i), error))?;
    }
    let timeout = Timeout::from_seconds(seconds).map_err(|error| (None, error))?;
    if n == 0 && timeout == Timeout::Forever {
        return Err((None, Error::NoCases));
    }
    let how = if timeout == Timeout::Poll { Try::Poll } else { Try::Wait };
    if let Some(chosen) = look(n, cases, how, Case::attempt)? {
        return Ok(chosen);
    }
    let block = Block::begin(What::plain(Verb::Select), timeout).map_err(|error| (None, error))?;
    let mut spin = Spin::new();
    while n <= FEW && spin.pause() {
        if let Some(chosen) = look(n, cases, how, Case::attempt_again)? {
            return Ok(chosen);
        }
    }
    let mut few = [const { None }; FEW];
    let mut many = Vec::new();
    if n > FEW {
        heap::reserve(|| many.try_reserve_exact(n)).map_err(|error| (None, error))?;
        many.extend((0..n).map(|_| None));
    }
    let entries = if n > FEW { many.as_mut_slice() } else { few.get_mut(..n).unwrap_or_default() };
    let bell = Bell::silent();
    loop {
        // SAFETY: the entries are made where they stay, until all are out of the lists again, as the bell, below.
        let result = unsafe { enter(entries, cases, &bell) }.and_then(|()| wait(entries, &bell, &block));
        leave(entries);
        if let Some(result) = result.transpose() {
            return result;
        }
    }
}

/// Tries the cases, each as often first as any other, until one happens.
fn look(n: usize, cases: Cases, how: Try, attempt: Attempt) -> Result<Option<Chosen>, Refused> {
    for i in order(n) {
        let happened = cases(i).and_then(|case| attempt(case, how)).map_err(|error| (Some(i), error))?;
        if let Some(outcome) = happened {
            return Ok(Some((i, outcome)));
        }
    }
    Ok(None)
}

/// Puts a watcher for each case into the lists.
///
/// # Safety
/// The entries and the bell stay where they are until `leave`.
unsafe fn enter(entries: &mut [Option<Entry>], cases: Cases, bell: &Bell) -> Result<(), Refused> {
    let quiet = quiet();
    for (i, place) in entries.iter_mut().enumerate() {
        let case = cases(i).map_err(|error| (Some(i), error))?;
        let (key, side) = case.key();
        let entry = place.insert(Entry { case, watcher: Watcher::new(key, side, bell), stay: None });
        // SAFETY: as the caller vouches.
        unsafe { entry.watcher.enter(&quiet) };
    }
    drop(quiet);
    for (i, entry) in entries.iter_mut().flatten().enumerate() {
        entry.stay = Some(entry.case.watch().map_err(|error| (Some(i), error))?);
    }
    if asleep_at(entries).next().is_some() {
        // For the queues: see `Queue::watch`.
        fence::heavy();
    }
    // SeqCst: that it watches comes before the next look; see `Thread::tell_of_change`.
    Ok(())
}

/// Sleeps until one happens. None if the thread was forked meanwhile: in the child its watchers are in no list.
fn wait(entries: &[Option<Entry>], bell: &Bell, block: &Block) -> Result<Option<Chosen>, Refused> {
    let mut line = Line { at: None, place: None, stays: 1, stayed: 0 };
    let result = wait_in(&mut line, entries, bell, block);
    // Where another case has failed: it may have been served meanwhile.
    match line.step_out(entries)? {
        None => result,
        chosen => Ok(chosen),
    }
}

fn wait_in(
    line: &mut Line,
    entries: &[Option<Entry>],
    bell: &Bell,
    block: &Block,
) -> Result<Option<Chosen>, Refused> {
    let mut told_in_vain = None;
    let mut ended = None;
    loop {
        bell.silence();
        for (i, entry) in numbered(entries) {
            let told = entry.watcher.begin_look() && entry.case.has_line();
            if told && (line.at.is_none_or(|at| at == i) || line.is_left()) {
                told_in_vain = Some(i);
            }
        }
        if let Some(chosen) = line.served(entries)? {
            return Ok(Some(chosen));
        }
        let others = |i: usize| numbered(entries).any(|(j, entry)| j != i && entry.case.is_possible());
        if line.at.is_none_or(|i| ended.is_some() || told_in_vain != Some(i) || others(i)) {
            if let Some(chosen) = line.step_out(entries)? {
                return Ok(Some(chosen));
            }
            for i in order(entries.len()) {
                let Some(Some(entry)) = entries.get(i) else { continue };
                if let Some(outcome) = entry.case.attempt(Try::Wait).map_err(|error| (Some(i), error))? {
                    return Ok(Some((i, outcome)));
                }
            }
            if let Some(reason) = ended.take().and_then(|wake| block.reason(wake)) {
                return Err((None, reason));
            }
            if let Some(i) = told_in_vain.filter(|_| block.is_starving()) {
                if let Some(chosen) = line.step_in(entries, i)? {
                    return Ok(Some(chosen));
                }
            }
        }
        asleep_at(entries).for_each(|queue| queue.set_asleep(true));
        let wake = bell.sleep(block);
        if wake == Wake::Forked {
            block.reason(wake);
            return Ok(None);
        }
        asleep_at(entries).for_each(|queue| queue.set_asleep(false));
        ended = Some(wake).filter(|wake| wake.ends_wait());
    }
}

fn numbered(entries: &[Option<Entry>]) -> impl Iterator<Item = (usize, &Entry)> {
    entries.iter().flatten().enumerate()
}

/// The one object in whose line the thread stands, where those in line have what it was told of each time. So it is
/// served as they are. It leaves the line before it tries another case, and so never has both.
struct Line {
    at: Option<usize>,
    /// What stands there for it.
    place: Option<Waiter>,
    /// For how many tells of others it stays there, and for how many it has.
    stays: u32,
    stayed: u32,
}

impl Line {
    /// Told in vain of another object with a line: whether it goes there. It stays for twice as many such tells in each
    /// line as in the one before. Else it would be, of two objects that are given back in turn, each time in the line
    /// of the other.
    fn is_left(&mut self) -> bool {
        self.stayed += 1;
        let leaves = self.stayed >= self.stays;
        if leaves {
            (self.stayed, self.stays) = (0, self.stays.saturating_mul(2));
        }
        leaves
    }

    /// What has happened while it stood there.
    fn served(&mut self, entries: &[Option<Entry>]) -> Result<Option<Chosen>, Refused> {
        self.with(entries, |case, place| case.is_served(place), true)
    }

    /// Leaves the line, if it stands in one. What has happened until then.
    fn step_out(&mut self, entries: &[Option<Entry>]) -> Result<Option<Chosen>, Refused> {
        self.with(entries, |case, place| case.stand_down(place), false)
    }

    fn with(
        &mut self,
        entries: &[Option<Entry>],
        f: impl FnOnce(Case, &Option<Waiter>) -> Result<bool, Error>,
        stays: bool,
    ) -> Result<Option<Chosen>, Refused> {
        let Some(i) = self.at else { return Ok(None) };
        // In a child that was forked meanwhile it stands nowhere.
        let Some(entry) = entries.get(i).and_then(Option::as_ref).filter(|entry| entry.watcher.is_valid())
        else {
            self.at = None;
            return Ok(None);
        };
        let served = f(entry.case, &self.place);
        if served != Ok(false) || !stays {
            self.at = None;
            entry.watcher.set_in_line(false, &quiet());
        }
        let served = served.map_err(|error| (Some(i), error))?;
        Ok(served.then_some((i, Ok(None))))
    }

    /// Stands in the line of that one, if it has a place there. What has happened instead.
    fn step_in(&mut self, entries: &[Option<Entry>], i: usize) -> Result<Option<Chosen>, Refused> {
        let Some(Some(entry)) = entries.get(i) else { return Ok(None) };
        entry.watcher.set_in_line(true, &quiet());
        // SAFETY: it is changed here alone, when it stands nowhere; and `wait` leaves the line before it goes.
        let served = unsafe { entry.case.stand_in_line(&mut self.place) };
        if served == Ok(false) {
            self.at = Some(i);
            // Grants of a semaphore are anybody's in its line: one that another has left there, who gave up after this
            // one came, was told to others, and to this one never.
            return self.served(entries);
        }
        entry.watcher.set_in_line(false, &quiet());
        match served {
            Ok(_) => Ok(Some((i, Ok(None)))),
            Err(Error::Busy) => Ok(None),
            Err(error) => Err((Some(i), error)),
        }
    }
}

/// Takes the watchers out of the lists, and tells others of what is left.
fn leave(entries: &mut [Option<Entry>]) {
    let quiet = quiet();
    entries.iter().flatten().for_each(|entry| entry.watcher.leave(&quiet));
    drop(quiet);
    for entry in entries.iter_mut().flatten() {
        entry.stay = None;
        entry.watcher.pass_on(|| entry.case.is_possible());
    }
}

/// The queues that count their sleepers.
fn asleep_at(entries: &[Option<Entry>]) -> impl Iterator<Item = &Queue> {
    entries.iter().flatten().filter_map(|entry| match &entry.stay {
        Some(Stay::Queue(queue)) => Some(&**queue),
        _ => None,
    })
}

/// The numbers below `n`, in an order by chance: the first is any of them as often as any other, and of two neither
/// comes before the other more often. By odd steps around a ring that has a power of two of places, since these meet
/// every place.
fn order(n: usize) -> impl Iterator<Item = usize> {
    let places = n.next_power_of_two();
    let (first, step) = if n > 1 { (draw(n), draw(places) | 1) } else { (0, 1) };
    (0..places).map(move |i| first.wrapping_add(i.wrapping_mul(step)) & (places - 1)).filter(move |i| *i < n)
}

/// A number below `n`, by chance.
fn draw(n: usize) -> usize {
    #[cfg(shuttle)]
    if crate::base::model::inside() {
        return crate::base::model::draw(n as u64) as usize;
    }
    let chance = this_thread::existing().map(|record| &record.own().chance);
    let mut bits = chance.map_or(0, core::cell::Cell::get);
    if bits == 0 {
        bits = now() | 1;
    }
    // Marsaglia's xorshift, which is never 0.
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    if let Some(chance) = chance {
        chance.set(bits);
    }
    // The high half, as a fraction of n.
    (((bits >> 32) * n as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::handle::{Handle, Object};
    use crate::base::insight::TURNED;
    use crate::sync::event::Event;
    use crate::sync::lock::Lock;
    use crate::sync::rlock::RLock;
    use crate::sync::rwlock::{Access, RwLock};
    use crate::sync::semaphore::Semaphore;
    use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

    /// The handle of one, on which a thread has selected in vain.
    fn selected_on<T: Object>(handle: Handle<T>, case: Case) -> Handle<T> {
        let case_at = |_: usize| Ok(case);
        assert_eq!(select(1, &case_at, 1e-3), Err((None, Error::TimedOut)));
        assert!(!handle.is_left_alone());
        handle
    }

    #[test]
    fn what_nobody_selects_on_any_more_goes_the_short_way_again() {
        let _off = TURNED.read();
        let lock = Handle::<Lock>::new().unwrap();
        lock.acquire().unwrap();
        selected_on(lock, Case::Lock(lock)).release().unwrap();
        assert!(lock.acquire_at_once() && lock.release_at_once());
        lock.free().unwrap();

        let rlock = Handle::<RLock>::new().unwrap();
        std::thread::scope(|threads| {
            threads.spawn(move || rlock.enter().unwrap()).join().unwrap();
        });
        let rlock = selected_on(rlock, Case::RLock(rlock));
        assert_eq!(rlock.release(), Ok(()));
        assert!(rlock.enter_at_once() && rlock.leave_at_once());
        rlock.free().unwrap();

        let semaphore = Handle::<Semaphore>::new(0, 9).unwrap();
        selected_on(semaphore, Case::Semaphore(semaphore)).release(1).unwrap();
        assert!(semaphore.acquire_at_once() && semaphore.release_at_once(1));
        semaphore.free().unwrap();

        let rwlock = Handle::<RwLock>::new().unwrap();
        rwlock.acquire(Access::Write).unwrap();
        selected_on(rwlock, Case::Access(rwlock, Access::Read)).release(Access::Write).unwrap();
        assert!(rwlock.acquire_at_once(Access::Write) && rwlock.release_at_once(Access::Write));
        rwlock.free().unwrap();

        let event = Handle::<Event>::new().unwrap();
        selected_on(event, Case::Event(event)).set().unwrap();
        assert!(event.is_left_alone());
        event.free().unwrap();
    }

    #[test]
    fn who_looks_again_at_a_queue_keeps_its_cells() {
        let free = |queue: Handle<Queue>| {
            // SAFETY: no drop function is set.
            while unsafe { queue.free() } == Err(Error::Busy) {
                std::thread::yield_now();
            }
        };
        let queue = AtomicPtr::new(Handle::<Queue>::new(300).unwrap().into_raw());
        let seen = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !seen.load(Ordering::Relaxed) {
                    // SAFETY: a handle, which may be freed.
                    let handle = unsafe { Handle::<Queue>::from_raw(queue.load(Ordering::Relaxed)) };
                    for case in
                        handle.into_iter().flat_map(|queue| [Case::Get(queue), Case::Put(queue, item())])
                    {
                        let _ = case.attempt_again(Try::Wait);
                    }
                }
            });
            for _ in 0..20_000 {
                let next = Handle::<Queue>::new(300).unwrap().into_raw();
                // SAFETY: stored above or below.
                free(unsafe { Handle::from_raw(queue.swap(next, Ordering::Relaxed)) }.unwrap());
            }
            seen.store(true, Ordering::Relaxed);
        });
        // SAFETY: as above.
        free(unsafe { Handle::from_raw(queue.load(Ordering::Relaxed)) }.unwrap());
    }

    fn item() -> *mut core::ffi::c_void {
        core::ptr::without_provenance_mut(1)
    }
}
