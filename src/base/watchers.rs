//! Who watches an object: waits beside those in its line, for that or for something else.
//!
//! A *watcher* stands in a list for the handle of the object. Whoever does what may make possible what is
//! watched for *tells* the watchers, once that is done and every lock let go of. It is a hint: a watcher that is told
//! tries, as anybody may, and finds the thing gone or not. What those in line are given does not change by it.
//!
//! The lists are in a table of their own, by a hash of the handle: an object has no part of it, needs no memory for
//! it and forgets nothing at a fork. What says that it is watched is a bit of what its operations look at anyway
//! (`base::handle`, `sync::side`, `exec::future`). A watcher that leaves lets the bit stand; a tell that finds nobody
//! clears it.
//!
//! | a watcher's step | before |
//! |---|---|
//! | into the list, and then the bit | the next look at the object |
//! | `Watcher::begin_look` | each look at the object |
//! | out of the list, and then `pass_on` | the end of the wait |
//!
//! Of those who would take the thing from each other a tell wakes as many as there are things, the first ones first;
//! and of those who all can have it a few, as `AT_ONCE` has it elsewhere. So a watcher that was told, and leaves, tells
//! others if there is still something to be had: where somebody is in the list and could go on, somebody who was told
//! has not decided yet.
//!
//! Some watch without a thread of their own, by a notice (`base::notice`): each of those is told, however many others
//! are. They stand first in the list, and are seen to one by one, while nobody has it; one that is seen to stays there,
//! and the next one behind it is found. Who finds that the thing is not possible *lulls* them: so that they hear when it
//! is again. Of a lull and a tell that meet, the tell is the second, or the look after the lull finds what it was about.
//!
//! Telling waits for nobody, and may be done by a signal handler, whatever that has interrupted: who finds the list
//! taken leaves a note, and whoever has it looks for notes when it is free again.

use crate::base::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use crate::base::block::Block;
use crate::base::fork::Participant;
use crate::base::mutex::{Guard, Mutex};
use crate::base::notice::Notice;
use crate::base::registry;
use crate::base::spin::Spin;
use crate::base::wait::{self, Wake};
use crate::sys::quiet::{Quiet, quiet};
use core::cell::Cell;
use core::marker::PhantomPinned;
use core::ptr;

pub use crate::base::notice::News;

/// An object, as its watchers and those who tell them know it: its handle's number, which never is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(usize);

impl Key {
    pub fn of(handle: usize) -> Key {
        Key(handle)
    }
}

/// What is watched for: an object may have two sides. A set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides(u8);

impl Sides {
    pub const ONE: Sides = Sides(1);
    pub const OTHER: Sides = Sides(2);
    pub const BOTH: Sides = Sides(3);

    fn has(self, other: Sides) -> bool {
        self.0 & other.0 != 0
    }
}

/// The one word that a thread with watchers sleeps on.
pub struct Bell(AtomicU32);

const SILENT: u32 = 0;
const ASLEEP: u32 = 1;
const RUNG: u32 = 2;

impl Bell {
    pub const fn silent() -> Bell {
        Bell(AtomicU32::new(SILENT))
    }

    /// Before its owner looks at what its watchers watch.
    pub fn silence(&self) {
        // Acquire: what was done before it was rung is seen by the look.
        self.0.swap(SILENT, Ordering::Acquire);
    }

    /// Sleeps until it is rung.
    pub fn sleep(&self, block: &Block) -> Wake {
        let mut spin = Spin::new();
        while spin.again() {
            // Relaxed: silenced before the next look.
            if self.0.load(Ordering::Relaxed) == RUNG {
                return Wake::Changed;
            }
        }
        // Relaxed: nothing is told by it.
        match self.0.compare_exchange(SILENT, ASLEEP, Ordering::Relaxed, Ordering::Relaxed) {
            Err(RUNG) => Wake::Changed,
            _ => block.sleep(&self.0, ASLEEP),
        }
    }

    fn ring(&self) {
        // Release: pairs with `silence`.
        if self.0.swap(RUNG, Ordering::Release) == ASLEEP {
            wait::wake(&self.0, 1);
        }
    }
}

/// What somebody hears by.
#[derive(Clone, Copy)]
enum Ear {
    /// A thread, which is awake then. Outlives its watchers.
    Bell(*const Bell),
    Notice(&'static Notice),
}

/// One thing that somebody watches. Not moved, and not dropped, while it is in a list.
pub struct Watcher {
    key: Key,
    side: Sides,
    ear: Ear,
    /// Since its owner last began to look.
    told: AtomicBool,
    /// Under the lock of the list, as the links, which make a ring. Whether it stands in the object's line too, and is
    /// told of all that happens.
    in_line: Cell<bool>,
    in_list: Cell<bool>,
    previous: Cell<*const Watcher>,
    next: Cell<*const Watcher>,
    /// The owner's: whether it was ever told, and in which process it is in the list.
    was_told: Cell<bool>,
    process: Cell<u32>,
    _stays: PhantomPinned,
}

impl Watcher {
    pub fn new(key: Key, side: Sides, bell: *const Bell) -> Watcher {
        Watcher::with(key, side, Ear::Bell(bell))
    }

    pub fn by_notice(key: Key, side: Sides, notice: &'static Notice) -> Watcher {
        Watcher::with(key, side, Ear::Notice(notice))
    }

    fn with(key: Key, side: Sides, ear: Ear) -> Watcher {
        Watcher {
            key,
            side,
            ear,
            told: AtomicBool::new(false),
            in_line: Cell::new(false),
            in_list: Cell::new(false),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            was_told: Cell::new(false),
            process: Cell::new(0),
            _stays: PhantomPinned,
        }
    }

    /// Its owner looks at the object next. Whether it was told since it last did.
    pub fn begin_look(&self) -> bool {
        // Relaxed: most were not told. One that is now has its bell rung after, and looks again.
        let told = self.told.load(Ordering::Relaxed);
        if told {
            // Acquire: pairs with `tell`: the look sees all that was told of.
            self.told.swap(false, Ordering::Acquire);
            self.was_told.set(true);
        }
        told
    }

    /// Its owner is about to stand in the object's line, where it may be served as any other: from here on it is told of
    /// everything, and so comes before all who do not stand there. Or it stands there no more, and comes last.
    pub fn set_in_line(&self, in_line: bool, quiet: &Quiet) {
        self.with_list(quiet, |list| {
            list.remove(self);
            self.in_line.set(in_line);
            list.append(self);
        });
    }

    /// Whether it is told of all that happens.
    fn comes_first(&self) -> bool {
        self.in_line.get() || matches!(self.ear, Ear::Notice(_))
    }

    /// Under the lock of its list. False if it was told, and has not begun to look since.
    fn tell(&self) -> bool {
        let Ear::Bell(bell) = self.ear else { return false };
        // AcqRel: the look of one that was told before, too, sees what this is about.
        let told = !self.told.swap(true, Ordering::AcqRel);
        if told {
            // SAFETY: there as long as its watchers are in lists.
            unsafe { &*bell }.ring();
        }
        told
    }

    /// Puts it into the list of its object. Its owner then sees to it that the object's operations tell.
    ///
    /// # Safety
    /// It stays where it is, and its bell too, until it is out of the list.
    pub unsafe fn enter(&self, quiet: &Quiet) {
        FORGETS.join();
        self.process.set(registry::forks());
        // SAFETY: as the caller vouches.
        Place::of(self.key).with(quiet, |list| unsafe { list.enter(self) });
    }

    /// Takes it out of the list, if it is in one. In a child that was forked meanwhile it is in none.
    pub fn leave(&self, quiet: &Quiet) {
        self.with_list(quiet, |list| list.leave(self));
        self.begin_look();
    }

    /// Not in a child that was forked since it entered.
    pub fn is_valid(&self) -> bool {
        self.process.get() == registry::forks()
    }

    fn with_list(&self, quiet: &Quiet, f: impl FnOnce(&List)) {
        if self.is_valid() {
            Place::of(self.key).with(quiet, f);
        }
    }

    /// Its owner, who has left, tells others if it was told and there `is_more`.
    pub fn pass_on(&self, is_more: impl FnOnce() -> bool) {
        if self.was_told.get() && is_more() {
            Place::of(self.key).tell(self.key, self.side, HEIRS, News::More, &|| ());
        }
    }
}

/// How many one that was told and leaves tells.
const HEIRS: usize = 2;

/// How many of those who all can go on are told by who makes it so: the others are by them.
pub const AT_ONCE: usize = if cfg!(shuttle) { 1 } else { 8 };

/// Tells those who watch the object, for what is in `sides`: up to `n` for each that were not told yet. If nobody
/// watches it at all, `unwatched` is called, before anybody can begin to; or, seldom, at the next tell.
#[cold]
pub fn tell(key: Key, sides: Sides, n: usize, news: News, unwatched: &dyn Fn()) {
    Place::of(key).tell(key, sides, n, news, unwatched);
}

/// Lulls those who watch the object for what is on one side, and was found not to be possible; if `is_possible` then
/// finds that it is after all, tells them.
#[cold]
pub fn lull(key: Key, side: Sides, is_possible: &dyn Fn() -> bool) {
    let place = Place::of(key);
    if place.lull(key, side) && is_possible() {
        place.tell(key, side, 0, News::New, &|| ());
    }
}

/// Who has found before this that nobody watches has told so by now: see `tell`.
pub fn settle() {
    TABLE.iter().for_each(|place| place.with(&quiet(), |_| ()));
}

/// The object is gone: so nothing of it is possible, nor will be.
#[cold]
pub fn end(key: Key) {
    let place = Place::of(key);
    let list = place.list.lock();
    // Of those that select and this free one saw the other, but where both came at the same time.
    list.tell(key, Sides::BOTH, usize::MAX);
    list.each_notice(key, Notice::die);
    // It waits for the list: no later tell would make up for a note.
    place.see_to_each(list, key, &|| Some(place.list.lock()), &|watcher, notice| {
        watcher.key == key && notice.lull().1
    });
    place.tell_noted();
}

/// The object is not gone after all, and all of it is possible.
#[cold]
pub fn revive(key: Key) {
    let place = Place::of(key);
    place.with(&quiet(), |list| list.each_notice(key, Notice::revive));
    place.tell(key, Sides::BOTH, usize::MAX, News::New, &|| ());
}

/// The watchers of some objects.
#[derive(Debug)]
struct List {
    first: Cell<*const Watcher>,
}

// SAFETY: the watchers in it stay where they are; it is used under a lock.
unsafe impl Send for List {}

impl List {
    /// # Safety
    /// As for `Watcher::enter`.
    unsafe fn enter(&self, watcher: &Watcher) {
        watcher.in_list.set(true);
        self.append(watcher);
    }

    /// At the end; or, one that is told of all, at the beginning.
    fn append(&self, watcher: &Watcher) {
        // SAFETY: who is in the list stays where it is.
        match unsafe { self.first.get().as_ref() } {
            None => {
                watcher.previous.set(watcher);
                watcher.next.set(watcher);
                self.first.set(watcher);
            }
            Some(first) => {
                let last = first.previous.replace(watcher);
                watcher.previous.set(last);
                watcher.next.set(first);
                // SAFETY: as above.
                unsafe { (*last).next.set(watcher) };
                if watcher.comes_first() {
                    self.first.set(watcher);
                }
            }
        }
    }

    fn leave(&self, watcher: &Watcher) {
        if watcher.in_list.replace(false) {
            self.remove(watcher);
        }
    }

    fn remove(&self, watcher: &Watcher) {
        let (previous, next) = (watcher.previous.get(), watcher.next.get());
        // SAFETY: who is in the list stays where it is.
        unsafe {
            (*previous).next.set(next);
            (*next).previous.set(previous);
        }
        if ptr::eq(self.first.get(), watcher) {
            self.first.set(if ptr::eq(next, watcher) { ptr::null() } else { next });
        }
    }

    /// Whether anybody watches the object.
    fn tell(&self, key: Key, sides: Sides, n: usize) -> bool {
        let room = |side| if sides.has(side) { n } else { 0 };
        let (mut one, mut other) = (room(Sides::ONE), room(Sides::OTHER));
        let mut any = false;
        self.each_while(|watcher| {
            if watcher.key == key {
                any = true;
                let left = if watcher.side == Sides::ONE { &mut one } else { &mut other };
                if watcher.in_line.get() {
                    // Before all others.
                    watcher.tell();
                } else if *left > 0 && watcher.tell() {
                    *left -= 1;
                }
            }
            one > 0 || other > 0 || watcher.comes_first()
        });
        any
    }

    fn tell_all(&self) {
        self.each_while(|watcher| {
            watcher.tell();
            true
        });
    }

    fn each_notice(&self, key: Key, f: impl Fn(&Notice)) {
        self.each_while(|watcher| {
            if let (true, Ear::Notice(notice)) = (watcher.key == key, watcher.ear) {
                f(notice);
            }
            watcher.comes_first()
        });
    }

    /// The first notice that `pins` pins, or the first one behind another.
    fn pin_next(&self, after: Option<Pinned>, pins: &dyn Fn(&Watcher, &Notice) -> bool) -> Option<Pinned> {
        let first = self.first.get();
        let mut next = match after {
            None => first,
            // SAFETY: pinned, so it is in the list.
            Some(pinned) => Some(unsafe { (*pinned.0).next.get() }).filter(|next| *next != first)?,
        };
        // SAFETY: who is in the list stays where it is, until this lets go of it.
        while let Some(watcher) = unsafe { next.as_ref() }.filter(|watcher| watcher.comes_first()) {
            if let Ear::Notice(notice) = watcher.ear {
                if pins(watcher, notice) {
                    return Some(Pinned(watcher, notice));
                }
            }
            next = watcher.next.get();
            if ptr::eq(next, first) {
                return None;
            }
        }
        None
    }

    fn each_while(&self, mut f: impl FnMut(&Watcher) -> bool) {
        let first = self.first.get();
        let mut next = first;
        // SAFETY: who is in the list stays where it is, until this lets go of it.
        while let Some(watcher) = unsafe { next.as_ref() } {
            next = watcher.next.get();
            if !f(watcher) || ptr::eq(next, first) {
                return;
            }
        }
    }
}

/// One that has its notice pinned: it stays in the list, and where it is.
#[derive(Clone, Copy)]
struct Pinned(*const Watcher, &'static Notice);

/// A place of the table.
#[repr(align(64))]
struct Place {
    list: Mutex<List>,
    /// Whose watchers are to be told by who has the list: none's, this one's, or everybody's.
    noted: AtomicUsize,
}

const NOTHING: usize = 0;
/// No handle.
const ALL: usize = 1;

const PLACES: usize = 256;
static TABLE: [Place; PLACES] = [const {
    Place { list: Mutex::new(List { first: Cell::new(ptr::null()) }), noted: AtomicUsize::new(NOTHING) }
}; PLACES];

static FORGETS: Participant = Participant::new(forget);

impl Place {
    fn of(key: Key) -> &'static Place {
        // Fibonacci hashing spreads neighbours over the whole range.
        let hash = (key.0 as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let [first, ..] = &TABLE;
        TABLE.get(hash as usize % PLACES).unwrap_or(first)
    }

    /// Has the list, for as long as `f` takes. Not for signal handlers, and none comes meanwhile: one that forks would
    /// have the child find the list in the middle of a change.
    fn with(&'static self, _quiet: &Quiet, f: impl FnOnce(&List)) {
        f(&self.list.lock());
        self.tell_noted();
    }

    fn tell(&'static self, key: Key, sides: Sides, n: usize, news: News, unwatched: &dyn Fn()) {
        match self.list.try_lock() {
            Some(list) => {
                if !list.tell(key, sides, n) {
                    unwatched();
                }
                self.see_to_each(list, key, &|| self.list.try_lock(), &|watcher, notice| {
                    watcher.key == key && sides.has(watcher.side) && notice.hear(news)
                });
            }
            None => self.note(key),
        }
        self.tell_noted();
    }

    /// Sees to each notice that is pinned, while nobody has the list, which `again` gives for the next one. Else that is
    /// left to a note.
    fn see_to_each(
        &self,
        list: Guard<'_, List>,
        key: Key,
        again: &dyn Fn() -> Option<Guard<'static, List>>,
        pins: &dyn Fn(&Watcher, &Notice) -> bool,
    ) {
        let process = registry::forks();
        let mut next = list.pin_next(None, pins);
        drop(list);
        while let Some(pinned @ Pinned(_, notice)) = next {
            notice.see_to();
            // In a child that was forked meanwhile, in a signal handler, it is forgotten.
            if process != registry::forks() {
                return;
            }
            next = match again() {
                Some(list) => list.pin_next(Some(pinned), pins),
                None => {
                    self.note(key);
                    None
                }
            };
            notice.unpin();
        }
    }

    /// False if nobody heard; or else, one day, by a note: which says that it may be possible, so that they look.
    fn lull(&'static self, key: Key, side: Sides) -> bool {
        let lulled = Cell::new(false);
        match self.list_soon() {
            Some(list) => self.see_to_each(list, key, &|| self.list.try_lock(), &|watcher, notice| {
                let concerned = watcher.key == key && side.has(watcher.side);
                let (is_news, is_pinned) = if concerned { notice.lull() } else { (false, false) };
                lulled.set(lulled.get() | is_news);
                is_pinned
            }),
            None => self.note(key),
        }
        self.tell_noted();
        lulled.get()
    }

    /// The list, if a moment is enough: by a note, an event loop would look once more, and in vain.
    fn list_soon(&'static self) -> Option<Guard<'static, List>> {
        let mut spin = Spin::new();
        loop {
            let list = self.list.try_lock();
            if list.is_some() || !spin.again() {
                return list;
            }
        }
    }

    fn note(&self, key: Key) {
        let noted = |before: usize| Some(if before == NOTHING || before == key.0 { key.0 } else { ALL });
        // AcqRel: what this thread did is seen by the looks of those who are told for it.
        let _ = self.noted.fetch_update(Ordering::AcqRel, Ordering::Relaxed, noted);
    }

    /// After each hold of the list, and after each note.
    fn tell_noted(&'static self) {
        loop {
            // SeqCst: of one that leaves a note and then tries for the list, and one that has let go of it and then looks
            // for notes, one sees the other.
            fence(Ordering::SeqCst);
            if self.noted.load(Ordering::Relaxed) == NOTHING {
                return;
            }
            let Some(list) = self.list.try_lock() else { return };
            // AcqRel: as in `note`.
            let key = match self.noted.swap(NOTHING, Ordering::AcqRel) {
                NOTHING => continue,
                ALL => {
                    list.tell_all();
                    ALL
                }
                key => {
                    list.tell(Key(key), Sides::BOTH, AT_ONCE);
                    key
                }
            };
            self.see_to_each(list, Key(key), &|| self.list.try_lock(), &|watcher, notice| {
                (key == ALL || watcher.key == Key(key)) && notice.hear(News::New)
            });
        }
    }
}

/// In a forked child: those who watched are gone.
fn forget() {
    for place in &TABLE {
        // SAFETY: there is one thread, which is not in the middle of a change: see `Place::with`.
        let first = unsafe { &(*place.list.as_ptr()).first };
        // Read first: what is right already need not be copied for the child.
        if !first.get().is_null() {
            first.set(ptr::null());
        }
        // Relaxed: there is one thread.
        if place.noted.load(Ordering::Relaxed) != NOTHING {
            place.noted.store(NOTHING, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::this_thread;
    use crate::sys::quiet::quiet;

    /// Several who watch the same thing, for this or that, with a bell for each.
    struct Watching {
        watchers: Vec<Watcher>,
        /// Not a box, which nobody else may lead into when it moves.
        _bells: Vec<Bell>,
    }

    impl Watching {
        fn of(key: Key, sides: &[Sides]) -> Watching {
            let bells: Vec<Bell> = sides.iter().map(|_| Bell::silent()).collect();
            let watchers =
                sides.iter().zip(&bells).map(|(side, bell)| Watcher::new(key, *side, bell)).collect();
            let watching = Watching { watchers, _bells: bells };
            // SAFETY: in a vector that does not grow, and out of the lists before that is dropped.
            watching.watchers.iter().for_each(|watcher| unsafe { watcher.enter(&quiet()) });
            watching
        }

        /// Which were told since they last looked.
        fn told(&self) -> Vec<bool> {
            self.watchers.iter().map(Watcher::begin_look).collect()
        }
    }

    impl Drop for Watching {
        fn drop(&mut self) {
            self.watchers.iter().for_each(|watcher| watcher.leave(&quiet()));
        }
    }

    const ONE: Sides = Sides::ONE;
    const OTHER: Sides = Sides::OTHER;

    fn nobody() {
        panic!("nobody watches");
    }

    #[test]
    fn as_many_are_told_as_there_are_things_and_the_first_ones_first() {
        let object = 0_u64;
        let key = Key::of(ptr::from_ref(&object).addr());
        let watching = Watching::of(key, &[ONE, OTHER, ONE, ONE]);
        tell(key, ONE, 2, News::New, &nobody);
        assert_eq!(watching.told(), [true, false, true, false]);
        tell(key, OTHER, 9, News::New, &nobody);
        assert_eq!(watching.told(), [false, true, false, false]);
        // Who has not looked since is not told once more.
        tell(key, ONE, 1, News::New, &nobody);
        tell(key, ONE, 1, News::New, &nobody);
        assert_eq!(watching.told(), [true, false, true, false]);
        tell(key, Sides::BOTH, 1, News::New, &nobody);
        assert_eq!(watching.told(), [true, true, false, false]);
        drop(watching);
        let unwatched = Cell::new(false);
        tell(key, Sides::BOTH, 1, News::New, &|| unwatched.set(true));
        assert!(unwatched.get());
    }

    #[test]
    fn who_stands_in_line_is_told_of_everything_beside_the_others() {
        let object = 0_u64;
        let key = Key::of(ptr::from_ref(&object).addr());
        let watching = Watching::of(key, &[ONE, ONE, ONE]);
        let [_, middle, last] = watching.watchers.as_slice() else { return };
        last.set_in_line(true, &quiet());
        middle.set_in_line(true, &quiet());
        for _ in 0..2 {
            tell(key, ONE, 1, News::New, &nobody);
            assert_eq!(watching.told(), [true, true, true]);
        }
        last.set_in_line(false, &quiet());
        middle.set_in_line(false, &quiet());
        tell(key, ONE, 2, News::New, &nobody);
        assert_eq!(watching.told(), [true, false, true]);
    }

    #[test]
    fn who_was_told_and_leaves_tells_others_if_there_is_more() {
        let object = 0_u64;
        let key = Key::of(ptr::from_ref(&object).addr());
        let watching = Watching::of(key, &[ONE, ONE, ONE, ONE]);
        let [first, second, ..] = watching.watchers.as_slice() else { return };
        tell(key, ONE, 1, News::New, &nobody);
        // Before it has looked.
        first.leave(&quiet());
        first.pass_on(|| false);
        assert_eq!(watching.told(), [false; 4]);
        first.pass_on(|| true);
        assert_eq!(watching.told(), [false, true, true, false]);
        // Once told it may be called upon to the end.
        second.leave(&quiet());
        second.pass_on(|| true);
        assert_eq!(watching.told(), [false, false, true, true]);
    }

    #[test]
    fn what_is_noted_while_the_list_is_taken_is_told_by_whoever_has_it_next() {
        // A thread without a record has one mutex at a time.
        this_thread::current().unwrap();
        let object = 0_u64;
        let key = Key::of(ptr::from_ref(&object).addr());
        let watching = Watching::of(key, &[ONE, OTHER]);
        let place = Place::of(key);
        let another = Key(key.0 + 1);
        let looks: [&dyn Fn(); 3] = [&|| place.tell_noted(), &|| place.with(&quiet(), |_| ()), &|| {
            place.tell(another, ONE, 1, News::New, &|| ())
        }];
        for look in looks {
            for noted in [[key, key], [another, key], [key, another]] {
                let list = place.list.lock();
                noted.iter().for_each(|key| place.tell(*key, ONE, 1, News::New, &nobody));
                assert!(!watching.watchers.iter().any(Watcher::begin_look));
                drop(list);
                look();
                assert_eq!(watching.told(), [true; 2]);
            }
        }
    }
}
