//! The allocator of all Rust here: the system's, and where that refuses, the [`reserve`].

use crate::base::reserve;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use std::alloc::System;

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// Not inlined: it is asked in a thousand places, and never on a short way.
// SAFETY: the system's allocator; and what it refuses may come from the reserve, whose pieces are told by their place.
unsafe impl GlobalAlloc for Allocator {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        must_be_outside();
        // SAFETY: passed on.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() { reserve::draw(layout) } else { memory }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        must_be_outside();
        if !reserve::give_back(memory) {
            // SAFETY: as above.
            unsafe { System.dealloc(memory, layout) }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        must_be_outside();
        if !reserve::is_piece(memory) {
            // SAFETY: as above.
            let grown = unsafe { System.realloc(memory, layout, size) };
            if !grown.is_null() {
                return grown;
            }
        }
        // SAFETY: as above.
        unsafe { moved(memory, layout, size) }
    }
}

/// To another place; NULL, and it stays where it is, if there is none.
///
/// # Safety
/// As for `GlobalAlloc::realloc`.
#[cold]
unsafe fn moved(memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the size; and both places have as many bytes as are copied.
    unsafe {
        let place = ALLOCATOR.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !place.is_null() {
            ptr::copy_nonoverlapping(memory, place, size.min(layout.size()));
            ALLOCATOR.dealloc(memory, layout);
        }
        place
    }
}

/// Who is inside, under a mutex, must not ask for memory or give it back: see `base::fork`. The unit tests end with a
/// word, since a panic asks for memory too.
#[inline]
fn must_be_outside() {
    #[cfg(test)]
    if crate::base::fork::is_inside() {
        let said = b"memory was asked for, or given back, under a mutex of the library\n";
        // SAFETY: the text is that long.
        unsafe {
            libc::write(libc::STDERR_FILENO, said.as_ptr().cast(), said.len());
            libc::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::base::fork;

    #[test]
    fn asking_for_memory_inside_ends_the_process() {
        let _alone = fork::ALONE_TO_FORK.lock();
        // SAFETY: the child does what a signal handler may, and ends.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                crate::base::this_thread::ident();
                let _inside = fork::enter();
                drop(Box::new(1_u8));
                libc::_exit(0);
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            status
        };
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT);
    }
}
