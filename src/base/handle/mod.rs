//! Handles: what C holds instead of a pointer that it could use wrongly.
//!
//! ```text
//! word     63..42 generation | 41..37 kind | 36 watched | 35..0 state (the low 32 bits are the futex)
//! ```
//!
//! A handle says which slot, and in which generation: where a pointer has 64 bits as `wide` has it, where it has
//! 32 as `narrow` does, and nothing else knows. The first eight bytes of every slot are its word. Generation and kind must be those that the handle promises;
//! for a leaf primitive the compare-exchange that changes the state checks them in the same step, so the
//! check costs nothing and a free that races with it cannot be missed. A slot's memory is never given back
//! and never serves another kind, so looking at the word is always allowed.
//!
//! Whether somebody *watches* the object (`base::watchers`) is a bit that no state machine knows of, and no fast path
//! expects: its exchange fails, and the slow path tells those who watch. So it costs nothing while it is clear. Insight
//! sets it too, for good, on what it records (`base::holding`).

#[cfg(any(target_pointer_width = "32", test))]
#[cfg_attr(target_pointer_width = "64", allow(dead_code, reason = "here for its tests"))]
mod narrow;
#[cfg(target_pointer_width = "64")]
mod wide;

#[cfg(target_pointer_width = "32")]
use narrow as width;
#[cfg(target_pointer_width = "64")]
use wide as width;

use width::Raw;
pub use width::{Place, chunk};

use crate::base::arena::{Arena, Ended, Resident, Slot};
use crate::base::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::base::insight;
use crate::base::status::Error;
use crate::base::watchers::{self, Key, News, Sides};
use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;

/// Declares the kinds, with their names in sentences, which are those of the header's parameters.
macro_rules! kinds {
    ($($kind:ident = $bits:literal $name:literal,)*) => {
        /// The types of objects that a handle can stand for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $($kind = $bits,)*
        }

        impl Kind {
            /// More than the bits of any kind.
            pub const ALL: usize = [$($bits),*].len() + 1;

            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// The kind with this number.
            pub fn numbered(number: u8) -> Option<Kind> {
                match number {
                    $($bits => Some(Kind::$kind),)*
                    _ => None,
                }
            }

            /// The kind in a word; None in that of a dead slot.
            pub fn of(word: u64) -> Option<Kind> {
                Kind::numbered(((word & KIND_MASK) >> KIND_SHIFT) as u8)
            }
        }
    };
}

kinds! {
    Lock = 1 "lock",
    Semaphore = 2 "semaphore",
    Event = 3 "event",
    Queue = 4 "queue",
    Errors = 5 "errors",
    Thread = 6 "thread",
    Local = 7 "local",
    Timer = 8 "timer",
    Watchdog = 9 "watchdog",
    RLock = 10 "rlock",
    Condition = 11 "condition",
    Barrier = 12 "barrier",
    RwLock = 13 "rwlock",
    Spinlock = 14 "spinlock",
    Pool = 15 "pool",
    Future = 16 "future",
    // One of whatever type: in sentences, and in no word.
    Any = 17 "handle",
    Watcher = 18 "watcher",
    // Of one OS thread: never given to C.
    Record = 31 "record",
}

pub const STATE_BITS: u32 = 36;
/// The state's part of a word.
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
const WATCHED: u64 = 1 << STATE_BITS;
pub const KIND_SHIFT: u32 = STATE_BITS + 1;
const KIND_MASK: u64 = !(width::IN_WORD | WATCHED | STATE_MASK);

/// The state of a dead slot. Its low half is one that no waiter of a live object sleeps on.
pub const DEAD: u64 = u32::MAX as u64;

/// That of a slot in which no object has died yet: without a handle, as records are, or not yet born.
pub const UNUSED: u64 = DEAD - 1;

/// A type of object that lives in slots and is reached by handles: the body, which lies beside the word. What
/// it looks like for `Debug` is compared after a reset.
pub trait Object: Sized + Sync + fmt::Debug + 'static {
    const KIND: Kind;
    /// Whether threads sleep on the word itself, and a free that one overlooked has to wake it.
    const SLEEPS_ON_WORD: bool = false;
    /// Whether insight records who holds it (`base::holding`).
    const RECORDED: bool = false;
    /// Whether its short ways order what threads do, without being recorded: see `base::race`.
    const ORDERS: bool = false;
    fn arena() -> &'static Arena<Self>;
    /// The body of a slot that never served.
    fn blank() -> Self;
    /// Makes the body of a slot that has served like a blank one. Nobody else uses it.
    fn reset(&self);
    /// In a forked child, for a live object: strikes out the threads that are gone. There is one thread. It
    /// allocates and frees nothing.
    fn forget(&self, word: &AtomicU64);
}

/// A handle that is not NULL. Whether its object is alive is known at each look at the word, not before.
#[repr(transparent)]
pub struct Handle<T: Object> {
    raw: Raw,
    of: PhantomData<&'static T>,
}

const _: () = assert!(size_of::<width::Raw>() == size_of::<*const c_void>());

impl<T: Object> Clone for Handle<T> {
    fn clone(&self) -> Handle<T> {
        *self
    }
}

impl<T: Object> Copy for Handle<T> {}

impl<T: Object> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}", T::KIND.name(), self.raw.number())
    }
}

impl<T: Object> Handle<T> {
    /// Takes a handle from C.
    ///
    /// # Safety
    /// `raw` is a value that this library returned as a handle, of whatever type; or one that `Raw` refuses.
    #[inline]
    pub unsafe fn from_raw(raw: *const c_void) -> Result<Handle<T>, Error> {
        match Raw::from_c(raw) {
            Some(raw) => Ok(Handle { raw, of: PhantomData }),
            None => Err(no_handle(raw, T::KIND)),
        }
    }

    /// Gives the handle to C.
    pub fn into_raw(self) -> *mut c_void {
        core::ptr::without_provenance_mut(self.raw.number())
    }

    /// A new object with this state; `init` prepares its body, which nobody else can see yet.
    pub fn make(state: u64, init: impl FnOnce(&T)) -> Result<Handle<T>, Error> {
        let slot = T::arena().take()?;
        init(&slot.body);
        // Relaxed: nobody changes the word of a slot that is in no list and behind no live handle.
        let generation = slot.word.load(Ordering::Relaxed) & width::IN_WORD;
        let recorded =
            T::RECORDED && insight::is_on(insight::HOLDERS) || T::ORDERS && insight::is_on(insight::RACES);
        let live = generation | (T::KIND as u64) << KIND_SHIFT | state & STATE_MASK;
        let live = if recorded { live | WATCHED } else { live };
        // Release: whoever reads the live word sees the body that `init` wrote.
        slot.word.store(live, Ordering::Release);
        let raw = Raw::of(slot.place, core::ptr::from_ref(slot).cast(), generation);
        Ok(Handle { raw, of: PhantomData })
    }

    /// The word of the slot.
    #[inline]
    pub fn word(self) -> &'static AtomicU64 {
        // SAFETY: the library made this handle, so the address is that of a slot, of whatever kind;
        // slots are never unmapped and all begin with their word.
        unsafe { &*self.raw.slot().cast() }
    }

    /// What a short way expects to find in the word.
    #[inline]
    pub fn guess(self) -> &'static AtomicU8 {
        // SAFETY: as in `word`.
        unsafe { Slot::guess_at(self.raw.slot()) }
    }

    /// What the word is while the object is alive, with no bit of the state set.
    #[inline]
    pub fn tag(self) -> u64 {
        self.raw.in_word() | (T::KIND as u64) << KIND_SHIFT
    }

    /// The state in a word that was read, or what is wrong with the handle.
    #[inline]
    pub fn state_of(self, word: u64) -> Result<u64, Error> {
        if word & !(WATCHED | STATE_MASK) == self.tag() {
            Ok(word & STATE_MASK)
        } else {
            Err(self.diagnose(word))
        }
    }

    /// Whether the object is alive: for a look before the arguments are checked.
    #[inline]
    pub fn check(self) -> Result<(), Error> {
        // Relaxed: nothing is read that the word would publish.
        self.state(Ordering::Relaxed).map(|_| ())
    }

    /// The state now.
    #[inline]
    pub fn state(self, order: Ordering) -> Result<u64, Error> {
        self.state_of(self.word().load(order))
    }

    /// The state now, if the object is alive, and nobody watches: for a short way.
    #[inline]
    pub fn state_at_once(self, order: Ordering) -> Option<u64> {
        let word = self.word().load(order);
        (word & !STATE_MASK == self.tag()).then_some(word & STATE_MASK)
    }

    /// Whether `take` took it, or a look finds that it cannot be had. None: there is more to it.
    #[inline]
    pub fn try_at_once(self, is_open: impl FnOnce(u64) -> bool, take: impl FnOnce() -> bool) -> Option<bool> {
        // Relaxed: what takes decides, and a refusal orders nothing.
        if is_open(self.state_at_once(Ordering::Relaxed)?) { take().then_some(true) } else { Some(false) }
    }

    /// Changes the state from one to another value, of no more bits than a state has, if it and the handle are
    /// still as they were. On failure the word that was found: give it to `state_of`.
    #[inline]
    pub fn exchange(self, from: impl Into<u64>, to: impl Into<u64>, success: Ordering) -> Result<(), u64> {
        let (from, to) = (self.tag() | from.into(), self.tag() | to.into());
        // Relaxed on failure: the value found is only ever the start of another try.
        match self.word().compare_exchange(from, to, success, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(found) => Err(found),
        }
    }

    /// Changes the state to what `next` makes of it, which is asked again if another thread was faster. What it
    /// was, and what it is; or why `next` refuses.
    #[inline]
    pub fn update<S: Copy + From<u64> + Into<u64>>(
        self,
        success: Ordering,
        next: impl Fn(S) -> Result<S, Error>,
    ) -> Result<(S, S), Error> {
        // Relaxed, here and on failure: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            let from = S::from(self.state_of(word)?);
            let to = next(from)?;
            let new = word & !STATE_MASK | to.into() & STATE_MASK;
            match self.word().compare_exchange(word, new, success, Ordering::Relaxed) {
                Ok(_) => return Ok((from, to)),
                Err(found) => word = found,
            }
        }
    }

    /// Says in the word that somebody watches: who is in the list of `base::watchers` by now.
    pub fn set_watched(self) -> Result<(), Error> {
        // Relaxed: the exchange decides.
        let mut word = self.word().load(Ordering::Relaxed);
        loop {
            self.state_of(word)?;
            // Relaxed: of this and an exchange that makes something possible, one is the second; it sees the other.
            match self.word().compare_exchange(word, word | WATCHED, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(found) => word = found,
            }
        }
    }

    /// Tells those who watch, of which `sides` allow, that what they watch for may have become possible; up to `n` of
    /// those who would take it away from each other. After the exchange that made it so, and outside of all locks.
    /// Async-signal-safe; the object may be gone by now.
    #[inline]
    pub fn tell(self, sides: Sides, n: usize, news: News) {
        // The exchange comes before, on the same word. Was the bit there and is not any more, then nobody has watched since.
        if self.is_watched() {
            self.tell_slowly(sides, n, news);
        }
    }

    #[cold]
    fn tell_slowly(self, sides: Sides, n: usize, news: News) {
        watchers::tell(self.key(), sides, n, news, &|| {
            let watched = |word: u64| (word & !STATE_MASK == self.tag() | WATCHED).then_some(word & !WATCHED);
            // Relaxed: as in `set_watched`. The slot may be another object's by now, and be watched.
            if !(T::RECORDED && insight::is_on(insight::SOME_HOLDERS)
                || T::ORDERS && insight::is_on(insight::RACES))
            {
                let _ = self.word().fetch_update(Ordering::Relaxed, Ordering::Relaxed, watched);
            }
        });
    }

    /// What is watched for on one side was found not to be possible: tells those who are to know that too. Then
    /// `is_possible` looks again. Async-signal-safe, if that is.
    #[inline]
    pub fn lull(self, side: Sides, is_possible: impl Fn() -> bool) {
        // Who watches looks after the bit is set.
        if self.is_watched() {
            watchers::lull(self.key(), side, &is_possible);
        }
    }

    /// Whether somebody watches, or insight does.
    #[inline]
    pub fn is_watched(self) -> bool {
        // Relaxed: whoever relies on it sets it first, and who comes to watch now is as good as one who came later.
        self.word().load(Ordering::Relaxed) & !STATE_MASK == self.tag() | WATCHED
    }

    pub fn number(self) -> usize {
        self.raw.number()
    }

    /// What those who watch the object are found by.
    pub fn key(self) -> Key {
        Key::of(self.raw.number())
    }

    /// Whether the object is alive, nobody watches, and no thread is in its slow path.
    #[inline]
    pub fn is_left_alone(self) -> bool {
        // Acquire: as in `reside`.
        self.word().load(Ordering::Acquire) & !STATE_MASK == self.tag()
            // SAFETY: the word was just seen alive.
            && unsafe { self.slot() }.visitors() == 0
    }

    /// The futex of the slot: the half of the word that holds the low 32 bits.
    #[inline]
    pub fn futex(self) -> &'static AtomicU32 {
        let half = if cfg!(target_endian = "little") { 0 } else { 1 };
        // SAFETY: both halves of the word are aligned for 32 bits and live as long as it.
        unsafe { &*self.word().as_ptr().cast::<AtomicU32>().add(half) }
    }

    /// The body, of an object whose word was just seen alive. It may be freed, and even be reused for
    /// another object of the type, while the reference lives: whoever cares is a resident.
    ///
    /// # Safety
    /// The slot is one of `T`: as it is if `state_of` was Ok for this handle at some time.
    #[inline]
    pub unsafe fn body(self) -> &'static T {
        // SAFETY: by the contract above the slot is of this type; slots are never unmapped.
        &unsafe { self.slot() }.body
    }

    /// The body of an object that is alive now; see `body`.
    #[inline]
    pub fn alive(self) -> Result<&'static T, Error> {
        // Acquire: the body is that of the object that the word was seen alive for.
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        Ok(unsafe { self.body() })
    }

    /// Keeps the slot from being reused until the resident leaves. The object may be freed meanwhile; and
    /// if it is freed, and the slot reused, between the first two steps here, the thread is for a moment a
    /// resident of the other object, whose free may then say that it is busy.
    pub fn reside(self) -> Result<Resident<T>, Error> {
        // Acquire: the body is that of the object that the word was seen alive for.
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        let resident = Resident::enter(unsafe { self.slot() });
        // SeqCst: see there.
        self.state(Ordering::SeqCst)?;
        Ok(resident)
    }

    /// The same, if nobody watches: for a short way.
    #[inline]
    pub fn alive_at_once(self) -> Option<&'static T> {
        // Acquire: as above.
        self.state_at_once(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        Some(unsafe { self.body() })
    }

    /// The body, before the word is looked at: the object may be dead, and another one live there. For a short way whose
    /// exchange decides, and to which a look would be dear: right behind this thread's own exchange it waits for that.
    #[inline]
    pub fn body_before_look(self) -> Option<&'static T> {
        #[cfg(target_pointer_width = "64")]
        {
            let slot = self.raw.slot();
            // SAFETY: the library made the handle, so that is a slot; and if it is one of this type, its body is one,
            // whatever has become of the object.
            unsafe { (Slot::kind_at(slot) == T::KIND).then(|| self.body()) }
        }
        #[cfg(not(target_pointer_width = "64"))]
        self.alive_at_once()
    }

    /// How many threads are in the object's slow path.
    pub fn visitors(self) -> Result<u32, Error> {
        // Acquire: as in `reside`.
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        Ok(unsafe { self.slot() }.visitors())
    }

    /// Ends the object if `may_end` agrees, who is told how many threads are in its slow path. The slot goes back once
    /// what this returns is dropped, outside of all locks of the body's, and no resident is left.
    pub fn end(self, may_end: impl Fn(&T, u32) -> Result<(), Error>) -> Result<Ended<T>, Error> {
        let mut word = self.word().load(Ordering::Acquire);
        loop {
            self.state_of(word)?;
            // SAFETY: the word was just seen alive.
            let slot = unsafe { self.slot() };
            may_end(&slot.body, slot.visitors())?;
            let dead = width::next(word) | DEAD;
            // SeqCst: either a resident that comes now sees the dead word, or the look at the
            // residents behind this line sees it. Acquire on failure: as in the first load.
            match self.word().compare_exchange(word, dead, Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) => {
                    if T::SLEEPS_ON_WORD && slot.visitors() > 0 {
                        crate::base::wait::wake_all(self.futex());
                    }
                    if word & WATCHED != 0 {
                        watchers::end(self.key());
                    }
                    return Ok(Ended::of(slot));
                }
                Err(found) => word = found,
            }
        }
    }

    /// Ends the object, unless a thread is in its slow path.
    pub fn end_unless_visited(self) -> Result<(), Error> {
        self.end_unvisited().map(drop)
    }

    /// The same. One that came at this moment may still find it alive, and is a resident then.
    pub fn end_unvisited(self) -> Result<Ended<T>, Error> {
        self.end(|_, visitors| if visitors == 0 { Ok(()) } else { Err(Error::Busy) })
    }

    /// # Safety
    /// As for `body`.
    unsafe fn slot(self) -> &'static Slot<T> {
        // SAFETY: by the contract above the slot is of this type; slots are never unmapped.
        unsafe { &*self.raw.slot().cast() }
    }

    /// What is wrong with a handle whose word is another one.
    #[cold]
    fn diagnose(self, word: u64) -> Error {
        match Kind::of(word) {
            Some(kind) if kind != T::KIND => Error::WrongHandle(T::KIND, kind),
            _ => Error::StaleHandle(T::KIND),
        }
    }
}

/// A handle of whatever type, of an object that was alive when it was looked at.
#[derive(Clone, Copy)]
pub struct Any {
    raw: Raw,
    kind: Kind,
}

impl Any {
    /// Takes a handle from C.
    ///
    /// # Safety
    /// As for [`Handle::from_raw`].
    pub unsafe fn from_raw(raw: *const c_void) -> Result<Any, Error> {
        let handle = Raw::from_c(raw).ok_or_else(|| no_handle(raw, Kind::Any))?;
        // SAFETY: the library made it, so it is the address of a slot, which begins with its word.
        let word = unsafe { &*handle.slot().cast::<AtomicU64>() };
        // Acquire: as in `alive`.
        let word = word.load(Ordering::Acquire);
        match Kind::of(word) {
            Some(kind) if word & width::IN_WORD == handle.in_word() => Ok(Any { raw: handle, kind }),
            _ => Err(Error::StaleHandle(Kind::Any)),
        }
    }

    /// That with the number of one that the library has given, or with none. None also if its object is no more.
    pub fn numbered(number: usize) -> Option<Any> {
        // SAFETY: as the caller knows.
        unsafe { Any::from_raw(core::ptr::without_provenance(number)) }.ok()
    }

    pub fn kind(self) -> Kind {
        self.kind
    }

    pub fn number(self) -> usize {
        self.raw.number()
    }

    /// As one of this type, if it is.
    pub fn typed<T: Object>(self) -> Option<Handle<T>> {
        (self.kind == T::KIND).then_some(Handle { raw: self.raw, of: PhantomData })
    }
}

/// What is wrong with a value that cannot be a handle.
#[cold]
fn no_handle(raw: *const c_void, kind: Kind) -> Error {
    if raw.is_null() { Error::NullHandle(kind) } else { Error::NoHandle(kind) }
}

/// For a type around an `u64` that is the state of a word: see `Handle::update`.
macro_rules! bits_of_word {
    ($state:ident) => {
        impl From<u64> for $state {
            fn from(bits: u64) -> $state {
                $state(bits)
            }
        }

        impl From<$state> for u64 {
            fn from(state: $state) -> u64 {
                state.0
            }
        }
    };
}
pub(crate) use bits_of_word;

/// In a forked child: changes the state in a word; whether it was another. What is right already need not be
/// copied for the child.
pub fn amend<S: From<u64> + Into<u64>>(word: &AtomicU64, change: impl FnOnce(S) -> S) -> bool {
    // Relaxed: there is one thread.
    let old = word.load(Ordering::Relaxed);
    let new = old & !STATE_MASK | change(S::from(old & STATE_MASK)).into() & STATE_MASK;
    if new != old {
        word.store(new, Ordering::Relaxed);
    }
    new != old
}

impl<T: Object> Slot<T> {
    /// Says in the word that the object's operations are watched, if there is one.
    pub fn watch(&self) {
        let watched = |word: u64| is_live(word).then_some(word | WATCHED);
        // Relaxed: as in `set_watched`.
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, watched);
    }
}

/// Whether the word is that of a live object.
pub fn is_live(word: u64) -> bool {
    word & KIND_MASK != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::record::Record;

    /// A word and nothing else.
    #[derive(Debug)]
    struct Bare;

    static BARE: Arena<Bare> = Arena::new();

    impl Object for Bare {
        // That of no other type.
        const KIND: Kind = Kind::Any;

        fn arena() -> &'static Arena<Bare> {
            &BARE
        }

        fn blank() -> Bare {
            Bare
        }

        fn reset(&self) {}

        fn forget(&self, _word: &AtomicU64) {}
    }

    #[test]
    fn what_is_watched_or_gone_has_no_short_way() {
        let bare = Handle::<Bare>::make(7, |_| ()).unwrap();
        let at_once = || (bare.state_at_once(Ordering::SeqCst), bare.alive_at_once().is_some());
        assert_eq!((at_once(), bare.is_left_alone()), ((Some(7), true), true));
        let resident = bare.reside().unwrap();
        assert_eq!((at_once(), bare.is_left_alone()), ((Some(7), true), false));
        drop(resident);
        bare.set_watched().unwrap();
        assert_eq!((at_once(), bare.is_left_alone()), ((None, false), false));
        assert_eq!(bare.state(Ordering::SeqCst), Ok(7));
        // Which finds that nobody does.
        bare.tell(Sides::ONE, 1, News::New);
        assert_eq!((at_once(), bare.is_left_alone()), ((Some(7), true), true));
        bare.end_unless_visited().unwrap();
        assert_eq!((at_once(), bare.is_left_alone()), ((None, false), false));
    }

    #[test]
    fn a_try_takes_what_a_look_finds_open() {
        let bare = Handle::<Bare>::make(7, |_| ()).unwrap();
        let unasked = || -> bool { panic!("it was taken") };
        assert_eq!(bare.try_at_once(|state| state == 7, || true), Some(true));
        assert_eq!(bare.try_at_once(|state| state == 7, || false), None);
        assert_eq!(bare.try_at_once(|state| state != 7, unasked), Some(false));
        bare.set_watched().unwrap();
        assert_eq!(bare.try_at_once(|state| state == 7, unasked), None);
        bare.end_unless_visited().unwrap();
        assert_eq!(bare.try_at_once(|_| true, unasked), None);
    }

    #[test]
    fn a_handle_of_any_type_stands_for_one_of_its_own() {
        let bare = Handle::<Bare>::make(0, |_| ()).unwrap();
        let any = Any::numbered(bare.number()).unwrap();
        assert_eq!((any.kind(), any.number()), (Bare::KIND, bare.number()));
        assert_eq!(any.typed::<Bare>().map(Handle::number), Some(bare.number()));
        assert!(any.typed::<Record>().is_none());
        bare.end_unless_visited().unwrap();
        assert!(Any::numbered(bare.number()).is_none());
    }
}
