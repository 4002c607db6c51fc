//! Where objects live: one arena for each type, of slots whose memory is never given back.
//!
//! A slot is free, or holds a live object, or holds one that was freed while threads were still in its
//! slow path (its *residents*). The object counts as a resident of its own, so whoever leaves last,
//! the free or a resident, gives the slot back. Free slots wait in line, first in first out. A slot
//! whose generations are used up is given back no more, so that no handle ever comes twice: that
//! costs a cache line for every 65,534 objects.

use crate::base::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::fork::Participant;
use crate::base::handle::{FIRST_GENERATION, Object, UNUSED, addressable, is_live, is_used_up};
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::ops::Deref;
use core::ptr;

/// How many slots a chunk has: with its header, 4 KiB of slots of one cache line. Few in a model, where
/// a slot must be used again soon.
const SLOTS: usize = if cfg!(shuttle) { 2 } else { 63 };

/// One place for an object. A cache line wide, so that two locks never share one.
#[repr(C, align(64))]
pub struct Slot<T> {
    /// See `base::handle`. First, so that it can be read through a handle of any type.
    pub word: AtomicU64,
    /// 0 while free; else 1 for the live object and 1 for each thread in its slow path.
    residents: AtomicU32,
    pub body: T,
    /// The next in the line of free slots, under the arena's mutex.
    next_free: UnsafeCell<*const Slot<T>>,
}

// SAFETY: `next_free` belongs to whoever holds the arena's mutex; the rest is Sync itself.
unsafe impl<T: Sync> Sync for Slot<T> {}

impl<T: Object> Slot<T> {
    /// How many threads are in the slow path of the live object.
    pub fn visitors(&self) -> u32 {
        // SeqCst: the other half of "register, then look at the word" in `Resident`.
        self.residents.load(Ordering::SeqCst).saturating_sub(1)
    }

    /// One resident less. The last one gives the slot back.
    pub fn release(&'static self) {
        // AcqRel: all that residents did with the slot happens before its next use.
        if self.residents.fetch_sub(1, Ordering::AcqRel) == 1 {
            T::arena().give_back(self);
        }
    }
}

/// A thread in the slow path of an object: while it is there, the slot is not reused.
pub struct Resident<T: Object> {
    slot: &'static Slot<T>,
}

impl<T: Object> Resident<T> {
    /// None if the slot is free.
    pub fn enter(slot: &'static Slot<T>) -> Option<Resident<T>> {
        // Relaxed: the exchange below decides.
        let mut residents = slot.residents.load(Ordering::Relaxed);
        while residents != 0 {
            // SeqCst: the caller looks at the word next, and `free` changes the word before it looks
            // here; an event is set before its setter looks here.
            match slot.residents.compare_exchange_weak(
                residents,
                residents + 1,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Resident { slot }),
                Err(found) => residents = found,
            }
        }
        None
    }
}

impl<T: Object> Resident<T> {
    /// Gives the residence away, to be taken back with `from_raw`.
    pub fn into_raw(self) -> *const () {
        let raw = ptr::from_ref(self.slot).cast();
        core::mem::forget(self);
        raw
    }

    /// # Safety
    /// `raw` came from `into_raw` of this type, and is taken back once.
    pub unsafe fn from_raw(raw: *const ()) -> Resident<T> {
        // SAFETY: as the caller vouches; slots are never unmapped.
        Resident { slot: unsafe { &*raw.cast() } }
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
        self.slot.release();
    }
}

struct Chunk<T> {
    next: *const Chunk<T>,
    slots: [Slot<T>; SLOTS],
}

/// The chunks, and the line of free slots.
struct Lists<T> {
    chunks: *const Chunk<T>,
    first_free: *const Slot<T>,
    last_free: *const Slot<T>,
}

// SAFETY: the pointers lead to slots, which are `Sync`; the lists change only under the mutex.
unsafe impl<T: Sync> Send for Lists<T> {}

impl<T: 'static> Lists<T> {
    /// # Safety
    /// The slot is in no list, and the caller holds the mutex that these lists are behind.
    unsafe fn append(&mut self, slot: &'static Slot<T>) {
        // SAFETY: `next_free` belongs to whoever holds the mutex.
        unsafe {
            *slot.next_free.get() = ptr::null();
            match self.last_free.as_ref() {
                Some(last) => *last.next_free.get() = slot,
                None => self.first_free = slot,
            }
        }
        self.last_free = slot;
    }

    fn pop(&mut self) -> Option<&'static Slot<T>> {
        // SAFETY: slots live for ever, and `next_free` belongs to whoever holds the mutex.
        let slot = unsafe { self.first_free.as_ref() }?;
        // SAFETY: as above.
        self.first_free = unsafe { *slot.next_free.get() };
        if self.first_free.is_null() {
            self.last_free = ptr::null();
        }
        Some(slot)
    }

    /// Every slot that there is.
    fn each(&self, mut f: impl FnMut(&'static Slot<T>)) {
        let mut chunk = self.chunks;
        // SAFETY: chunks live for ever, and are linked before anyone can see them.
        while let Some(c) = unsafe { chunk.as_ref() } {
            c.slots.iter().for_each(&mut f);
            chunk = c.next;
        }
    }
}

/// All slots of one type.
pub struct Arena<T> {
    lists: Mutex<Lists<T>>,
    /// Makes the body of a slot that was never used.
    empty: fn() -> T,
    participant: Participant,
}

impl<T: Object> Arena<T> {
    pub const fn new(empty: fn() -> T, participant: Participant) -> Arena<T> {
        let lists = Lists { chunks: ptr::null(), first_free: ptr::null(), last_free: ptr::null() };
        Arena { lists: Mutex::new(lists), empty, participant }
    }

    /// Takes part in forks, as `take` makes sure of.
    pub fn join_forks(&'static self) -> Result<(), Error> {
        self.participant.join()
    }

    /// A slot with one resident, the object to be. Its word still says "dead".
    pub fn take(&'static self) -> Result<&'static Slot<T>, Error> {
        self.join_forks()?;
        let mut lists = self.lists.lock();
        let slot = match lists.pop() {
            Some(slot) => slot,
            None => {
                self.grow(&mut lists)?;
                lists.pop().ok_or(Error::NoMemory)?
            }
        };
        // Release: who enters as a resident of the new object sees what the old ones left.
        slot.residents.store(1, Ordering::Release);
        Ok(slot)
    }

    fn give_back(&self, slot: &'static Slot<T>) {
        // Relaxed: nobody changes the word of a slot without residents.
        if is_used_up(slot.word.load(Ordering::Relaxed)) {
            return;
        }
        // SAFETY: the last resident has left, so the slot is in no list; the mutex is held.
        unsafe { self.lists.lock().append(slot) };
    }

    fn grow(&self, lists: &mut Lists<T>) -> Result<(), Error> {
        let layout = Layout::new::<Chunk<T>>();
        // SAFETY: the layout has a size that is not 0.
        let chunk = unsafe { std::alloc::alloc(layout) }.cast::<Chunk<T>>();
        if chunk.is_null() {
            return Err(Error::NoMemory);
        }
        if !addressable(chunk.expose_provenance() + layout.size()) {
            // SAFETY: allocated above with this layout.
            unsafe { std::alloc::dealloc(chunk.cast(), layout) };
            return Err(Error::NoMemory);
        }
        // SAFETY: the memory is valid for a chunk, and nobody else has it. Each field is written
        // before a reference to it is made.
        let slots = unsafe {
            (&raw mut (*chunk).next).write(lists.chunks);
            let first = (&raw mut (*chunk).slots).cast::<Slot<T>>();
            for i in 0..SLOTS {
                first.add(i).write(Slot {
                    word: AtomicU64::new(FIRST_GENERATION | UNUSED),
                    residents: AtomicU32::new(0),
                    body: (self.empty)(),
                    next_free: UnsafeCell::new(ptr::null()),
                });
            }
            &(*chunk).slots
        };
        lists.chunks = chunk;
        for slot in slots {
            // SAFETY: a new slot is in no list, and the mutex is held.
            unsafe { lists.append(slot) };
        }
        Ok(())
    }

    /// Takes the arena's lock before a fork, and with `lock` that of every slot, live or not: what is
    /// being made or freed at this moment is so afterwards, in parent and child, and not half.
    /// Whoever has a slot's lock must not want the arena's.
    pub fn before_fork(&self, lock: impl Fn(&T)) {
        self.lists.raw_lock();
        // SAFETY: locked, without a guard.
        unsafe { self.lists.peek() }.each(|slot| lock(&slot.body));
    }

    pub fn after_fork_in_parent(&self, unlock: impl Fn(&T)) {
        // SAFETY: locked before the fork, by this thread.
        unsafe { self.lists.peek() }.each(|slot| unlock(&slot.body));
        self.lists.raw_unlock();
    }

    /// Unlocks as in the parent; forgets the residents, who are gone, and lets `reset` strike the
    /// sleepers out of each live object. Slots on their way back at the fork are left out of use.
    pub fn after_fork_in_child(&self, unlock: impl Fn(&T), reset: impl Fn(&AtomicU64, &T)) {
        // SAFETY: locked before the fork, by this thread.
        unsafe { self.lists.peek() }.each(|slot| {
            unlock(&slot.body);
            // Relaxed, here and in `reset`: there is one thread.
            if is_live(slot.word.load(Ordering::Relaxed)) {
                slot.residents.store(1, Ordering::Relaxed);
                reset(&slot.word, &slot.body);
            }
        });
        self.lists.raw_unlock();
    }
}
