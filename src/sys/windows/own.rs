//! One word of the calling thread's, and the end of the thread: a slot of thread-local storage, read where it
//! lies, beside one of fiber-local storage, whose callback tells the end.
//!
//! The slots lie in the thread's block, at an offset that Microsoft's own winternl.h states, as long as a process
//! has no more than 64; those that are taken late lie behind a pointer, and are asked for. TlsGetValue says more
//! than that: it changes what GetLastError says.

use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering};
use core::arch::asm;
use core::ffi::c_void;
use core::ptr;
use windows_sys::Win32::Foundation::{GetLastError, SetLastError};
use windows_sys::Win32::System::Threading::{
    FLS_OUT_OF_INDEXES, FlsAlloc, FlsFree, FlsSetValue, TLS_OUT_OF_INDEXES, TlsAlloc, TlsFree, TlsGetValue,
    TlsSetValue,
};

/// In how many rounds the ends of threads are told: as many as those of POSIX.
pub const ROUNDS: u32 = 4;

/// Called with the value at the end of a thread, if that is not NULL; again if it has been set meanwhile.
pub type Ended = unsafe extern "C-unwind" fn(*mut c_void);

/// The slots, `NONE` until there are some.
static WORD: AtomicU32 = AtomicU32::new(NONE);
static END: AtomicU32 = AtomicU32::new(NONE);
const NONE: u32 = u32::MAX;

const _: () = assert!(TLS_OUT_OF_INDEXES == NONE && FLS_OUT_OF_INDEXES == NONE);

/// How many slots lie in the thread's block.
const NEAR: u32 = 64;

/// Takes the slots, if nobody has. False where there are none to be had.
pub fn prepare(ended: Ended) -> bool {
    // Release: with the slots.
    ENDED.store(ended as *mut c_void, Ordering::Release);
    // SAFETY: the callback lives as long as the library, which is never unloaded. It takes a pointer, as that
    // type says but for the unwinding.
    unsafe {
        let end = core::mem::transmute::<Ended, unsafe extern "system" fn(*const c_void)>(end);
        take(&WORD, || TlsAlloc(), |slot| TlsFree(slot))
            && take(&END, || FlsAlloc(Some(end)), |slot| FlsFree(slot))
    }
}

/// What is called at the end of threads: always the same.
static ENDED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Windows tells the end once: the rounds are made here. It may be left by lt_exit, as what it calls.
///
/// What it tells is the end of a fiber. When another thread deletes one that has brought this thread here, its own
/// value is another. And when the process ends, the other threads were ended wherever they were, perhaps with a lock.
unsafe extern "C-unwind" fn end(value: *mut c_void) {
    // SAFETY: asks for a flag.
    if value != get() || unsafe { RtlDllShutdownInProgress() } != 0 {
        return;
    }
    let mut value = value;
    for _ in 0..ROUNDS {
        let ended = ENDED.load(Ordering::Acquire);
        if value.is_null() || ended.is_null() {
            return;
        }
        set(ptr::null_mut());
        // SAFETY: stored by `prepare`, and called with the thread's value.
        unsafe { core::mem::transmute::<*mut c_void, Ended>(ended)(value) };
        value = get();
    }
}

unsafe extern "system" {
    fn RtlDllShutdownInProgress() -> u8;
}

fn take(place: &AtomicU32, new: impl FnOnce() -> u32, free: impl FnOnce(u32) -> i32) -> bool {
    // Acquire: pairs with the exchange below.
    if place.load(Ordering::Acquire) != NONE {
        return true;
    }
    let slot = new();
    if slot == NONE {
        return false;
    }
    // Release: whoever sees the slot may use it. Relaxed on failure: another's slot is not used here.
    if place.compare_exchange(NONE, slot, Ordering::Release, Ordering::Relaxed).is_err() {
        free(slot);
    }
    true
}

/// The calling thread's value, NULL at first.
#[inline]
pub fn get() -> *mut c_void {
    // Relaxed: what it says of another thread's value is nothing.
    let slot = WORD.load(Ordering::Relaxed);
    if slot >= NEAR {
        return get_far(slot);
    }
    let word;
    // SAFETY: one of the 64 slots in this thread's block.
    unsafe {
        asm!(
            "mov {word}, qword ptr gs:[8 * {slot} + 0x1480]",
            slot = in(reg) u64::from(slot),
            word = lateout(reg) word,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    word
}

#[cold]
fn get_far(slot: u32) -> *mut c_void {
    if slot == NONE {
        return ptr::null_mut();
    }
    // SAFETY: a slot that was taken.
    unsafe {
        let last = GetLastError();
        let word = TlsGetValue(slot);
        SetLastError(last);
        word
    }
}

/// Sets it. False before `prepare`, and without memory for it.
pub fn set(value: *mut c_void) -> bool {
    let end = END.load(Ordering::Acquire);
    // SAFETY: slots that were taken.
    unsafe {
        end != NONE && FlsSetValue(end, value) != 0 && TlsSetValue(WORD.load(Ordering::Relaxed), value) != 0
    }
}

/// Sets the word, of which nothing is told at the end of the thread.
pub fn set_in_handler(value: *mut c_void) {
    let slot = WORD.load(Ordering::Relaxed);
    if slot != NONE {
        // SAFETY: a slot that was taken. Without memory for it nothing is set.
        unsafe { TlsSetValue(slot, value) };
    }
}
