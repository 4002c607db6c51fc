//! Memory set aside for work that cannot turn back: where the system refuses, that work gets it from here. Reading
//! debug information asks for memory in a thousand places, and in most of them a refusal would end the process.
//!
//! There is one block at the most, of [`SIZE`] bytes, and one thread draws on it:
//!
//! | state | `BASE`, `DRAWER`, `PIECES` | to | by |
//! |---|---|---|---|
//! | none | 0, 0, 0 | lent | `Reserve::take` |
//! | lent | the block, a thread, what it has | none | the drop: all was given back, and the block is freed |
//! | lent | | kept | the drop, if something in the block lives on: then so does the block |
//! | kept | the block, 0, what lives on | lent | `Reserve::take`: what is left of the block |
//! | any | | none | `forget`, in a forked child: the thread is gone, and the block is lost; unless it is the one that forked |

use crate::base::atomic::{AtomicUsize, Ordering};
use crate::base::errno;
use crate::base::status::Error;
use crate::sys::thread;
use core::alloc::Layout;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::{hint, ptr};

/// How many bytes the block has.
const SIZE: usize = 1024 * 1024;

static BASE: AtomicUsize = AtomicUsize::new(0);
/// The thread that draws, as the system names it.
static DRAWER: AtomicUsize = AtomicUsize::new(0);
/// How many bytes were drawn.
static DRAWN: AtomicUsize = AtomicUsize::new(0);
/// How many pieces are not given back yet.
static PIECES: AtomicUsize = AtomicUsize::new(0);

/// The calling thread draws on the block where the system refuses, until this is dropped, there.
pub struct Reserve {
    _of_this_thread: PhantomData<*mut ()>,
}

impl Reserve {
    /// NoMemory if there is no block to be had. The caller sees to it that one thread has a reserve at a time.
    pub fn take() -> Result<Reserve, Error> {
        // Relaxed, where nothing else is said: one thread at a time has a reserve, and what sees to that orders one
        // after the other. Who gives memory back has it from there, or from the system, which did not give it out before
        // it was freed here, when `BASE` no longer named it.
        if BASE.load(Ordering::Relaxed) == 0 {
            DRAWN.store(0, Ordering::Relaxed);
            BASE.store(block()?.expose_provenance(), Ordering::Relaxed);
        }
        DRAWER.store(myself(), Ordering::Relaxed);
        Ok(Reserve { _of_this_thread: PhantomData })
    }

    /// Whether something was drawn that is not given back.
    pub fn is_in_use(&self) -> bool {
        // Acquire: whoever gave it back was done with it.
        PIECES.load(Ordering::Acquire) != 0
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        DRAWER.store(0, Ordering::Relaxed);
        if !self.is_in_use() {
            let block = BASE.swap(0, Ordering::Relaxed);
            // SAFETY: from malloc, and nothing in it is used.
            unsafe { libc::free(ptr::with_exposed_provenance_mut(block)) };
        }
    }
}

/// NoMemory if so much is not there at all: for who has to do without a reserve.
pub fn ask() -> Result<(), Error> {
    let block = block()?;
    // SAFETY: from malloc, and nobody knows it.
    unsafe { libc::free(block) };
    Ok(())
}

fn block() -> Result<*mut c_void, Error> {
    // SAFETY: any size can be asked for. Hidden: what nobody uses the compiler would not ask for.
    let block = errno::keeping(|| hint::black_box(unsafe { libc::malloc(SIZE) }));
    if block.is_null() { Err(Error::NoMemory) } else { Ok(block) }
}

/// In a forked child, where the thread that had it is gone. Or it is the one that forked, in a signal handler: then it
/// goes on, and gives back what it has.
pub fn forget() {
    if DRAWER.load(Ordering::Relaxed) == myself() {
        return;
    }
    for word in [&BASE, &DRAWER, &PIECES] {
        word.store(0, Ordering::Relaxed);
    }
}

fn myself() -> usize {
    thread::number(thread::current())
}

/// A piece of the block, for the thread that draws on it; else, and when the block is used up, NULL.
#[cold]
pub fn draw(layout: Layout) -> *mut u8 {
    let base = BASE.load(Ordering::Relaxed);
    if base == 0 || DRAWER.load(Ordering::Relaxed) != myself() {
        return ptr::null_mut();
    }
    let begin = (base + DRAWN.load(Ordering::Relaxed)).next_multiple_of(layout.align());
    let Some(end) = begin.checked_add(layout.size()).filter(|end| *end <= base + SIZE) else {
        return ptr::null_mut();
    };
    DRAWN.store(end - base, Ordering::Relaxed);
    PIECES.fetch_add(1, Ordering::Relaxed);
    ptr::with_exposed_provenance_mut(begin)
}

/// Gives a piece back. False: it is none.
#[inline]
pub fn give_back(piece: *mut u8) -> bool {
    let is_piece = is_piece(piece);
    if is_piece {
        // Release: pairs with `is_in_use`.
        PIECES.fetch_sub(1, Ordering::Release);
    }
    is_piece
}

#[inline]
pub fn is_piece(memory: *mut u8) -> bool {
    let base = BASE.load(Ordering::Relaxed);
    base != 0 && memory.addr().wrapping_sub(base) < SIZE
}

/// Of the unit tests that draw, or render a trace: one has the reserve at a time.
#[cfg(test)]
pub static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn who_has_the_reserve_draws_until_it_is_used_up() {
        let _one = ONE.lock();
        assert!(draw(layout(8, 8)).is_null());
        let reserve = Reserve::take().unwrap();
        assert!(!reserve.is_in_use());
        let (small, large) = (draw(layout(3, 1)), draw(layout(SIZE / 2, 64)));
        assert!(is_piece(small) && is_piece(large) && large.addr() % 64 == 0 && large > small);
        assert!(draw(layout(SIZE / 2, 1)).is_null() && draw(layout(isize::MAX as usize, 1)).is_null());
        std::thread::scope(|threads| {
            threads.spawn(|| assert!(draw(layout(8, 8)).is_null())).join().unwrap();
        });
        assert!(give_back(small) && reserve.is_in_use() && give_back(large) && !reserve.is_in_use());
        let mut another = Box::new(1_u8);
        assert!(!give_back(&raw mut *another));
        drop(reserve);
        assert!(!is_piece(small) && draw(layout(8, 8)).is_null());
    }

    #[test]
    fn who_forks_while_it_draws_goes_on_in_the_child() {
        let _one = ONE.lock();
        let reserve = Reserve::take().unwrap();
        let piece = draw(layout(8, 8));
        forget();
        assert!(is_piece(piece) && give_back(piece));
        drop(reserve);
        let reserve = Reserve::take().unwrap();
        let lost = draw(layout(8, 8));
        std::thread::spawn(forget).join().unwrap();
        assert!(!is_piece(lost) && !reserve.is_in_use());
        // SAFETY: from malloc; its first piece.
        unsafe { libc::free(lost.cast()) };
        drop(reserve);
    }

    #[test]
    fn the_block_lives_as_long_as_something_in_it() {
        let _one = ONE.lock();
        let reserve = Reserve::take().unwrap();
        let piece = draw(layout(8, 8));
        drop(reserve);
        assert!(is_piece(piece) && draw(layout(8, 8)).is_null());
        let reserve = Reserve::take().unwrap();
        let other = draw(layout(8, 8));
        assert_ne!(piece, other);
        assert!(give_back(piece) && give_back(other));
        drop(reserve);
        assert!(!is_piece(piece));
    }
}
