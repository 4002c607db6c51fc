//! Memory for slots: mapped from the system, and never given back.
//!
//! Not from the allocator: some tag the addresses that they give, in the bits that handles need; one that
//! locks itself across a fork is left alone; and what was never used costs nothing but address space.

use crate::base::atomic::{AtomicUsize, Ordering};
use crate::base::handle::{self, Place};
use crate::base::status::Error;
use crate::sys::memory;

/// The head of a chunk has so many bytes; the slots follow.
pub const HEADER: usize = 64;

/// The head of a chunk.
#[repr(C, align(64))]
pub struct Chunk<S> {
    /// The one that was mapped before.
    pub next: *const Chunk<S>,
    bytes: usize,
    /// How many slots there is room for.
    length: usize,
    /// How many slots were claimed.
    used: AtomicUsize,
    place: Place,
    /// The first one. Not made of a reference to the head, which would lead to no more than the head.
    slots: *mut S,
}

const _: () = assert!(size_of::<Chunk<u64>>() == HEADER);

impl<S> Chunk<S> {
    /// A chunk of zeros, to come before `next`.
    pub fn map(next: *const Chunk<S>) -> Result<*mut Chunk<S>, Error> {
        // SAFETY: NULL, or a chunk, and these are never unmapped.
        let before = unsafe { next.as_ref() }.map_or(0, |next| next.bytes);
        let (bytes, room) = handle::chunk(before, size_of::<S>());
        let memory = memory::map(bytes).ok_or(Error::NoMemory)?;
        let place = Place::of_chunk(memory, size_of::<S>()).inspect_err(|_| {
            // SAFETY: mapped above.
            unsafe { memory::unmap(memory, bytes) };
        })?;
        let chunk: *mut Chunk<S> = memory.cast();
        // In a model few slots, so that they are used again soon.
        let length = if cfg!(shuttle) { 2 } else { room };
        let used = AtomicUsize::new(0);
        // SAFETY: new memory, of at least this size, and aligned as a page.
        unsafe { chunk.write(Chunk { next, bytes, length, used, place, slots: chunk.add(1).cast() }) };
        memory::tell_leak_checker(memory, bytes);
        Ok(chunk)
    }

    /// Gives a chunk back that nobody has seen.
    ///
    /// # Safety
    /// From `map`, and nobody uses it any more.
    pub unsafe fn unmap(chunk: *mut Chunk<S>) {
        // SAFETY: as the caller vouches.
        unsafe {
            (*chunk).place.give_up();
            memory::unmap(chunk.cast(), (*chunk).bytes);
        }
    }

    /// A slot that nobody had: zeros, which the caller makes a slot there. None if there is none left.
    pub fn claim(&self) -> Option<(*mut S, Place)> {
        let claimed = |used: usize| (used < self.length).then_some(used + 1);
        // Relaxed: only that each is claimed once matters.
        let index = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claimed).ok()?;
        Some((self.at(index), self.place.at(index)))
    }

    /// The slots that were claimed; some may still be zeros.
    pub fn claimed(&self) -> impl Iterator<Item = *const S> {
        (0..self.used.load(Ordering::Relaxed)).map(|index| self.at(index).cast_const())
    }

    fn at(&self, index: usize) -> *mut S {
        // SAFETY: below the length, so within the chunk.
        unsafe { self.slots.add(index) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr;

    #[test]
    fn every_slot_is_in_the_chunk_and_claimed_once() {
        let chunk = Chunk::<[u64; 24]>::map(ptr::null()).unwrap();
        // SAFETY: just mapped, and given back at the end.
        unsafe {
            let slots = core::iter::from_fn(|| (*chunk).claim());
            let last = slots.last().unwrap().0;
            assert!(last.add(1).addr() <= chunk.addr() + (*chunk).bytes);
            assert_eq!((*chunk).claimed().count(), (*chunk).length);
            Chunk::unmap(chunk);
        }
    }
}
