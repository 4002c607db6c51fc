//! Memory for slots: mapped from the system, and never given back.
//!
//! Not from the allocator: some tag the addresses that they give, in the bits that handles need; one that
//! locks itself across a fork is left alone; and what was never used costs nothing but address space.

use crate::base::atomic::{AtomicUsize, Ordering};
use crate::base::status::Error;
use crate::sys::memory;
use core::marker::PhantomData;
use core::ptr;

/// The first chunk of a list has so many bytes, and each that follows twice as many as the one before, up to
/// the largest: multiples of any page.
const FIRST: usize = 16 << 10;
const LARGEST: usize = 1 << 20;

/// So many bytes behind the slots serve nobody: a handle that was rounded up is still an address of the chunk.
const MARGIN: usize = 512;

/// The head of a chunk; the slots follow.
#[repr(C, align(64))]
pub struct Chunk<S> {
    /// The one that was mapped before.
    pub next: *const Chunk<S>,
    bytes: usize,
    /// How many slots were claimed.
    used: AtomicUsize,
    slots: PhantomData<S>,
}

impl<S> Chunk<S> {
    /// A chunk of zeros, to come before `next`.
    pub fn map(next: *const Chunk<S>) -> Result<*mut Chunk<S>, Error> {
        // SAFETY: NULL, or a chunk, and these are never unmapped.
        let bytes = unsafe { next.as_ref() }.map_or(FIRST, |next| (next.bytes * 2).min(LARGEST));
        let memory = memory::map(bytes).ok_or(Error::NoMemory)?;
        let chunk: *mut Chunk<S> = memory.cast();
        // SAFETY: new memory, of at least this size, and aligned as a page.
        unsafe { chunk.write(Chunk { next, bytes, used: AtomicUsize::new(0), slots: PhantomData }) };
        memory::tell_leak_checker(memory, bytes);
        Ok(chunk)
    }

    /// Gives a chunk back that nobody has seen.
    ///
    /// # Safety
    /// From `map`, and nobody uses it any more.
    pub unsafe fn unmap(chunk: *mut Chunk<S>) {
        // SAFETY: as the caller vouches.
        unsafe { memory::unmap(chunk.cast(), (*chunk).bytes) };
    }

    /// How many slots there is room for. In a model few, so that they are used again soon.
    fn length(&self) -> usize {
        if cfg!(shuttle) { 2 } else { (self.bytes - size_of::<Chunk<S>>() - MARGIN) / size_of::<S>() }
    }

    /// A slot that nobody had: zeros, which the caller makes a slot. None if there is none left.
    pub fn claim(&self) -> Option<*mut S> {
        let claimed = |used: usize| (used < self.length()).then_some(used + 1);
        // Relaxed: only that each is claimed once matters.
        let index = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claimed).ok()?;
        Some(self.at(index).cast_mut())
    }

    /// The slots that were claimed; some may still be zeros.
    pub fn claimed(&self) -> impl Iterator<Item = *const S> {
        (0..self.used.load(Ordering::Relaxed)).map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> *const S {
        // SAFETY: below the length, so within the chunk.
        unsafe { ptr::from_ref(self).add(1).cast::<S>().add(index) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slot_rounded_up_is_still_in_the_chunk() {
        let chunk = Chunk::<[u64; 24]>::map(ptr::null()).unwrap();
        // SAFETY: just mapped, and given back at the end.
        unsafe {
            let last = core::iter::from_fn(|| (*chunk).claim()).last().unwrap();
            let rounded = (last.addr() + 512) & !1023;
            assert!(rounded + 8 <= chunk.addr() + (*chunk).bytes);
            assert_eq!((*chunk).claimed().count(), (*chunk).length());
            Chunk::unmap(chunk);
        }
    }
}
