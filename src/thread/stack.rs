//! How large the stacks of new threads are.

use crate::base::atomic::{AtomicUsize, Ordering};
use crate::base::errno::Errno;
use crate::base::status::Error;
use crate::sys::{memory, thread};
use core::cell::Cell;

/// Below this, a stack size is taken for a mistake.
const LEAST: usize = 4096;

/// The effective size for new threads, 0 for the platform's default.
static SIZE: AtomicUsize = AtomicUsize::new(0);

/// Relaxed, here and in `set`: one number, that guards nothing else.
pub fn size() -> usize {
    SIZE.load(Ordering::Relaxed)
}

pub fn set_size(asked: usize) -> Result<(), Error> {
    SIZE.store(effective(asked)?, Ordering::Relaxed);
    Ok(())
}

/// What to reserve so that a thread can use `asked` bytes of its stack; 0 stays 0.
pub fn effective(asked: usize) -> Result<usize, Error> {
    match asked {
        0 => Ok(0),
        1..LEAST => Err(Error::StackTooSmall),
        _ => {
            let usable = asked
                .max(thread::LEAST_STACK)
                .checked_add(thread::stack_overhead())
                .ok_or(Error::StackTooLarge)?;
            let rounded = usable.checked_next_multiple_of(memory::page()).ok_or(Error::StackTooLarge)?;
            if rounded > usize::MAX / 2 { Err(Error::StackTooLarge) } else { Ok(rounded) }
        }
    }
}

/// The next size to try where the platform found `size` too small after all.
pub fn more_than(size: usize) -> usize {
    size.saturating_mul(2)
}

/// Whether the calling thread has come to the last quarter of its stack. `reserve` is where that begins, 0 as long as
/// it is not known.
#[inline]
pub fn is_short(reserve: &Cell<usize>) -> bool {
    if reserve.get() == 0 {
        reserve.set(find_reserve());
    }
    let here = 0_u8;
    core::hint::black_box(&raw const here).addr() < reserve.get()
}

/// Slow: asks the system, which asks for memory.
#[cold]
#[inline(never)]
fn find_reserve() -> usize {
    // A model's threads are on stacks of their own, of which the system knows nothing.
    if cfg!(shuttle) {
        return 0;
    }
    let _errno = Errno::keep();
    thread::stack().map_or(0, |(lowest, size)| lowest + size / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked_and_rounded_up() {
        assert_eq!(effective(0), Ok(0));
        assert_eq!(effective(1), Err(Error::StackTooSmall));
        assert_eq!(effective(4095), Err(Error::StackTooSmall));
        for asked in [4096, 32_769, 1 << 20] {
            let size = effective(asked).unwrap();
            assert!(size >= asked && size % memory::page() == 0);
        }
        assert_eq!(effective(usize::MAX), Err(Error::StackTooLarge));
        assert_eq!(effective(usize::MAX / 2), Err(Error::StackTooLarge));
    }
}
