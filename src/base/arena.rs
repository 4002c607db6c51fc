//! Where objects live: one arena for each type, of slots whose memory is never given back.
//!
//! A slot is free, or holds a live object, or holds one that was freed while threads were still in its
//! slow path (its *residents*). Whoever leaves last, the free or a resident, gives the slot back: `base::spare`
//! keeps it. A slot whose generations are used up is given back no more, so that no handle ever comes twice: that
//! costs a cache line or more for every million objects, or 2,048 where handles have 32 bits.
//!
//! | residents | by | to | |
//! |---|---|---|---|
//! | n | one that comes | n + 1; it looks at the word then, and goes if the object is dead | `Resident::enter` |
//! | n | one that leaves | n - 1 | `Slot::release` |
//! | 0 | the end of the object | 0: it gives the slot back | `Slot::leave` |
//! | n > 0 | the end of the object | n, left to them | `Slot::leave` |
//! | n > 0, left to them | one that leaves | n - 1, left to them | `Slot::release` |
//! | 0, left to them | the first who finds it so | 0: it gives the slot back | `Slot::settle` |
//!
//! So an object that nobody has come to ends without a write here. One that comes late, and finds the object dead, may
//! be counted for a moment where the slot is free, or another object's: it has used nothing.

use crate::base::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::base::chunk::Chunk;
use crate::base::fork::Participant;
use crate::base::handle::{DEAD, Kind, Object, Place, UNUSED, is_live};
use crate::base::spare::{Link, Pile};
use crate::base::status::Error;
use crate::base::{race, registry, this_thread};
use core::ffi::c_void;
use core::fmt;
use core::mem::offset_of;
use core::ops::Deref;
use core::ptr;

/// One place for an object. A cache line wide, so that two locks never share one.
#[repr(C, align(64))]
pub struct Slot<T> {
    /// See `base::handle`. First, so that it can be read through a handle of any type.
    pub word: AtomicU64,
    /// How many threads are in the object's slow path, and `LEFT`.
    residents: AtomicU32,
    /// What its handles have in common.
    pub place: Place,
    /// That of its arena, from its first use on; where handles lead to slots alone.
    #[cfg(target_pointer_width = "64")]
    kind: Kind,
    /// For a short way: what it expects to find in the word, by guess. No more than that: no reset concerns it.
    pub guess: AtomicU8,
    pub body: T,
    /// For while it is free.
    link: Link,
}

impl Slot<()> {
    /// Of whatever objects live in the slot.
    ///
    /// # Safety
    /// It is a slot, of any type.
    #[inline]
    pub unsafe fn guess_at(slot: *const c_void) -> &'static AtomicU8 {
        // SAFETY: as the caller vouches, and as in `kind_at`; slots are never unmapped.
        unsafe { &(*slot.cast::<Slot<()>>()).guess }
    }

    /// The kind of whatever objects live in the slot.
    ///
    /// # Safety
    /// It is a slot, of any type.
    #[cfg(target_pointer_width = "64")]
    #[inline]
    pub unsafe fn kind_at(slot: *const c_void) -> Kind {
        // SAFETY: as the caller vouches. What lies before the body is the same in all, and this was written before
        // anybody had a handle.
        unsafe { (*slot.cast::<Slot<()>>()).kind }
    }
}

/// The object has ended, and its slot is left to the residents.
const LEFT: u32 = 1 << 31;

impl<T: Object> Slot<T> {
    /// How many threads are in the slow path of the object.
    pub fn visitors(&self) -> u32 {
        // SeqCst: the other half of "register, then look at the word" in `Resident`. So it is Acquire too: what those
        // did who have left happens before.
        self.residents.load(Ordering::SeqCst) & !LEFT
    }

    /// What the last user of the slot did happens before what the next one does: a tool that looks for races sees the
    /// calls of the C library that write much of it, as there are in a build that is not optimised. Not of a record, which
    /// is given back when such a tool takes its thread for gone.
    #[inline]
    fn used_before(&self) {
        if cfg!(debug_assertions) && T::KIND != Kind::Record {
            race::before(&raw const self.link);
        }
    }

    #[inline]
    fn used_after(&self) {
        if cfg!(debug_assertions) && T::KIND != Kind::Record {
            race::after(&raw const self.link);
        }
    }

    /// One resident more, for who knows that the object does not end meanwhile.
    pub fn keep(&self) {
        // Relaxed: what ends it later comes after this.
        self.residents.fetch_add(1, Ordering::Relaxed);
    }

    /// One resident less.
    pub fn release(&'static self) {
        // In a model, a thread that a fork has left behind is taken down: it must give nothing back.
        #[cfg(shuttle)]
        if crate::base::model::is_gone() {
            return;
        }
        // AcqRel: all that residents did with the slot happens before its next use.
        if self.residents.fetch_sub(1, Ordering::AcqRel) == LEFT | 1 {
            self.settle();
        }
    }

    /// The object has ended, and nobody else says so: the word is dead, or there never was a handle.
    pub fn leave(&'static self) {
        #[cfg(shuttle)]
        if crate::base::model::is_gone() {
            return;
        }
        // Who comes after this look finds the object dead. AcqRel: as above, and settled by whom it is left to.
        if self.visitors() == 0 {
            T::arena().give_back(self);
        } else if self.residents.fetch_add(LEFT, Ordering::AcqRel) == 0 {
            self.settle();
        }
    }

    /// Of those who come to this for one object, the first gives the slot back.
    #[cold]
    fn settle(&'static self) {
        // Acquire: what the others did who have left happens before the slot's next use.
        if self.residents.compare_exchange(LEFT, 0, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            T::arena().give_back(self);
        }
    }

    /// Whether an object has died in it with the last of its generations. Asked when it is to serve again, as late as
    /// can be: a look at the word waits for the exchange that ended the object.
    fn is_used_up(&self) -> bool {
        // Relaxed: nobody changes a dead word.
        self.word.load(Ordering::Relaxed) == self.place.first(ptr::from_ref(self).cast()) | DEAD
    }

    /// # Safety
    /// The link is that of a slot of this type.
    unsafe fn of(link: &'static Link) -> &'static Slot<T> {
        // SAFETY: as the caller vouches.
        unsafe { Slot::around(link, offset_of!(Slot<T>, link)) }
    }

    /// The slot of a part that lies so many bytes behind its beginning.
    ///
    /// # Safety
    /// It is that part of a slot of this type.
    pub unsafe fn around<P>(part: &'static P, offset: usize) -> &'static Slot<T> {
        // By the address, as handles are: a reference to the part leads to no more than the part.
        let slot = ptr::with_exposed_provenance::<Slot<T>>(ptr::from_ref(part).addr() - offset);
        // SAFETY: as the caller vouches; slots are never unmapped, and `Place` has exposed their chunks.
        unsafe { &*slot }
    }
}

/// What stays with a slot, whichever object that serves: part of a body that a reset leaves alone.
pub struct Kept<T>(pub T);

impl<T> Deref for Kept<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kept")
    }
}

/// A thread in the slow path of an object: while it is there, the slot is not reused. In a child that was forked
/// meanwhile, in a signal handler, it is forgotten, and counts no more.
pub struct Resident<T: Object> {
    slot: &'static Slot<T>,
    process: u32,
}

impl<T: Object> Resident<T> {
    /// Of a slot whose object may be dead, or about to end: the caller looks at the word next, and uses nothing of a dead
    /// one.
    pub fn enter(slot: &'static Slot<T>) -> Resident<T> {
        // First: a fork in between leaves one resident too many, not one too few.
        let process = registry::forks();
        // SeqCst: the caller looks at the word next, and `free` changes the word before it looks here; an event is set
        // before its setter looks here. Who relies on that looks SeqCst too: an Acquire load alone may be done before
        // this. An exchange of the word need not.
        slot.residents.fetch_add(1, Ordering::SeqCst);
        Resident { slot, process }
    }

    fn of(slot: &'static Slot<T>) -> Resident<T> {
        Resident { slot, process: registry::forks() }
    }

    /// Whether nobody else is there, nor comes: to be asked once the object is freed.
    pub fn is_alone(&self) -> bool {
        self.slot.visitors() == 1
    }

    /// Gives the residence away, to be taken back with `from_raw`.
    pub fn into_raw(self) -> *const () {
        let raw = ptr::from_ref(self.slot).cast();
        core::mem::forget(self);
        raw
    }

    /// # Safety
    /// `raw` came from `into_raw` of this type, and is taken back once, in the same process.
    pub unsafe fn from_raw(raw: *const ()) -> Resident<T> {
        // SAFETY: as the caller vouches; slots are never unmapped.
        Resident::of(unsafe { &*raw.cast() })
    }

    /// The object of a residence that was given away and not taken back.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of this type, and is taken back only after the last use of the result.
    pub unsafe fn peek<'a>(raw: *const ()) -> &'a T {
        // SAFETY: as the caller vouches; slots are never unmapped.
        unsafe { &(*raw.cast::<Slot<T>>()).body }
    }
}

impl<T: Object> Deref for Resident<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.slot.body
    }
}

impl<T: Object> Drop for Resident<T> {
    fn drop(&mut self) {
        if self.process == registry::forks() {
            self.slot.release();
        }
    }
}

/// The end of an object, which nobody finds alive any more: the slot goes back once this is dropped, and no resident is
/// left.
pub struct Ended<T: Object>(&'static Slot<T>);

impl<T: Object> Ended<T> {
    /// Of an object that the caller has ended.
    pub fn of(slot: &'static Slot<T>) -> Ended<T> {
        Ended(slot)
    }

    /// Whether no resident is there, nor comes.
    pub fn is_alone(&self) -> bool {
        self.0.visitors() == 0
    }

    /// As a resident, who can be given away.
    pub fn stay(self) -> Resident<T> {
        self.0.keep();
        Resident::of(self.0)
    }
}

impl<T: Object> Deref for Ended<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0.body
    }
}

impl<T: Object> Drop for Ended<T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// All slots of one type.
pub struct Arena<T: 'static> {
    spare: Pile,
    /// The newest chunk, which leads to the others.
    chunks: AtomicPtr<Chunk<Slot<T>>>,
    participant: Participant,
}

impl<T: Object> Arena<T> {
    #[allow(clippy::new_without_default, reason = "an arena is a static")]
    pub const fn new() -> Arena<T> {
        Arena {
            spare: Pile::new(),
            chunks: AtomicPtr::new(ptr::null_mut()),
            participant: Participant::new(forget::<T>),
        }
    }

    /// A slot for an object to be, with a body as good as new. Its word still says "dead".
    pub fn take(&'static self) -> Result<&'static Slot<T>, Error> {
        self.participant.join();
        let magazine = match T::KIND {
            // Its thread has none yet.
            Kind::Record => None,
            kind => this_thread::current().and_then(|record| record.spare(kind)),
        };
        let pop = || match magazine {
            Some(magazine) => magazine.pop(&self.spare),
            None => self.spare.pop(),
        };
        while let Some(link) = pop() {
            // SAFETY: all in this arena's pile, and in the magazines that are filled from it, are slots of its.
            let slot = unsafe { Slot::<T>::of(link) };
            if slot.is_used_up() {
                continue;
            }
            slot.used_after();
            slot.body.reset();
            debug_assert_eq!(digest(&slot.body), digest(&T::blank()), "{:?} is not reset", T::KIND);
            return Ok(slot);
        }
        self.unused()
    }

    /// A slot that never served.
    #[cold]
    fn unused(&self) -> Result<&'static Slot<T>, Error> {
        loop {
            // Acquire: what was mapped is seen as it was made.
            let newest = self.chunks.load(Ordering::Acquire);
            // SAFETY: chunks are never unmapped once they are in the list.
            if let Some((slot, place)) = unsafe { newest.as_ref() }.and_then(Chunk::claim) {
                race::after(newest);
                return Ok(prepare(slot, place));
            }
            let chunk = Chunk::map(newest)?;
            race::before(chunk);
            // Release: pairs with the load.
            if self.chunks.compare_exchange(newest, chunk, Ordering::Release, Ordering::Relaxed).is_err() {
                // Another thread was faster. SAFETY: as above.
                unsafe { Chunk::unmap(chunk) };
            }
            #[cfg(shuttle)]
            if newest.is_null() {
                crate::base::model::after_child(abandon::<T>);
            }
        }
    }

    fn give_back(&'static self, slot: &'static Slot<T>) {
        slot.used_before();
        match this_thread::existing().and_then(|record| record.spare(T::KIND)) {
            Some(magazine) => magazine.put(&slot.link, &self.spare),
            None => self.spare.put(&slot.link),
        }
    }

    /// Every slot that ever served, without a lock.
    pub fn each(&self, mut f: impl FnMut(&'static Slot<T>)) {
        // Acquire: as in `unused`.
        let mut chunk: *const Chunk<Slot<T>> = self.chunks.load(Ordering::Acquire);
        // SAFETY: chunks are never unmapped once they are in the list.
        while let Some(here) = unsafe { chunk.as_ref() } {
            for slot in here.claimed() {
                // SAFETY: within the chunk; zeros, and whatever `prepare` writes, are words.
                let word = unsafe { &(*slot).word };
                // Acquire: pairs with the store in `prepare`.
                if word.load(Ordering::Acquire) != 0 {
                    // SAFETY: so it was made a slot.
                    f(unsafe { &*slot });
                }
            }
            chunk = here.next;
        }
    }
}

/// Makes what was claimed a slot.
fn prepare<T: Object>(slot: *mut Slot<T>, place: Place) -> &'static Slot<T> {
    let word = place.first(slot.cast()) | UNUSED;
    // SAFETY: claimed by this thread, so nobody else has it but who looks whether its word is 0. Each field is
    // written before a reference to it is made.
    unsafe {
        (&raw mut (*slot).residents).write(AtomicU32::new(0));
        (&raw mut (*slot).place).write(place);
        #[cfg(target_pointer_width = "64")]
        (&raw mut (*slot).kind).write(T::KIND);
        (&raw mut (*slot).guess).write(AtomicU8::new(0));
        (&raw mut (*slot).body).write(T::blank());
        (&raw mut (*slot).link).write(Link::new());
        // Release: whoever sees the word sees the rest.
        (*slot).word.store(word, Ordering::Release);
        &*slot
    }
}

/// In a forked child: forgets the residents, who are gone, and lets each live object strike out the threads
/// that it remembers. Slots that were left to them are left out of use. A record has no residents but who starts its
/// thread: that may be the one that goes on here, if it was in a handler that forked.
fn forget<T: Object>() {
    T::arena().each(|slot| {
        // Relaxed: there is one thread. Read first: what is right already need not be copied for the child.
        let residents = slot.residents.load(Ordering::Relaxed);
        if T::KIND != Kind::Record && residents != 0 && residents & LEFT == 0 {
            slot.residents.store(0, Ordering::Relaxed);
        }
        if is_live(slot.word.load(Ordering::Relaxed)) {
            slot.body.forget(&slot.word);
        }
    });
}

/// In a model, after the end of a child: what it has left behind, nobody will give back, and the forks of later
/// executions need not walk over it.
#[cfg(shuttle)]
fn abandon<T: Object>() {
    let arena = T::arena();
    if let Some(magazine) = this_thread::first_record().spare(T::KIND) {
        magazine.give_up();
    }
    arena.spare.forget();
    arena.chunks.store(ptr::null_mut(), Ordering::Relaxed);
}

/// What a body looks like, in a number.
fn digest(body: &impl fmt::Debug) -> u64 {
    struct Fnv(u64);
    impl fmt::Write for Fnv {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            text.bytes().for_each(|b| self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
            Ok(())
        }
    }
    let mut digest = Fnv(0xcbf2_9ce4_8422_2325);
    // It takes whatever it is given.
    let _ = fmt::write(&mut digest, format_args!("{body:?}"));
    digest.0
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::base::record::{Record, Role};

    #[test]
    fn in_a_child_who_starts_a_thread_keeps_its_record() {
        let record = Record::for_new_thread(Role::Started, ptr::null_mut()).unwrap();
        // SAFETY: it is in a slot, as all that are taken.
        let slot = unsafe { Slot::<Record>::around(record, offset_of!(Slot<Record>, body)) };
        record.keep();
        forget::<Record>();
        assert_eq!(slot.visitors(), 1);
        record.end();
        record.release();
        assert_eq!(slot.residents.load(Ordering::Relaxed), 0);
    }
}
