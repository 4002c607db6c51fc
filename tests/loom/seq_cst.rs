//! Operations that are sequentially consistent. loom takes such an operation for one that acquires and
//! releases, but it knows the fence: so an operation is a fence and then the operation, which is how
//! compilers make them for POWER. What that allows, the language does.

pub use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{AcqRel, Acquire};
use loom::sync::atomic::fence;

pub fn load(word: &AtomicU32) -> u32 {
    full_fence();
    word.load(Acquire)
}

pub fn store(word: &AtomicU32, to: u32) {
    full_fence();
    word.store(to, loom::sync::atomic::Ordering::Release);
}

pub fn add(word: &AtomicU32, n: u32) -> u32 {
    full_fence();
    word.fetch_add(n, AcqRel)
}

pub fn exchange(word: &AtomicU32, from: u32, to: u32) -> Result<u32, u32> {
    full_fence();
    word.compare_exchange(from, to, AcqRel, Acquire)
}

pub fn swap(word: &AtomicU32, to: u32) -> u32 {
    full_fence();
    word.swap(to, AcqRel)
}

/// What `fence::light` and `fence::heavy` are to each other: membarrier makes a full fence of the first.
pub fn full_fence() {
    fence(loom::sync::atomic::Ordering::SeqCst);
}
