//! Where a call came from: the return address, which lies where the processor has put it.
//!
//! A function of the library's that ends in a jump here, without a frame of its own, learns so who called it. One
//! that is not optimised has a frame, and there is no telling.

/// Goes on in `target`, with the return address of the calling function between the two arguments; 0 where that cannot
/// be had.
///
/// # Safety
/// As for the target.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the jump is the calling function's")]
pub unsafe fn tell<H, F>(raw: *mut H, target: Target<H, F>, rest: F) -> i32 {
    // SAFETY: as the caller vouches.
    unsafe { through(raw, target, rest) }
}

#[allow(improper_ctypes_definitions, reason = "only the kind of the call matters")]
pub type Target<H, F> = unsafe extern "C" fn(*mut H, usize, F) -> i32;

#[allow(unused_macros, reason = "where nothing is optimised")]
macro_rules! jump {
    ($($text:literal),+) => {
        core::arch::global_asm!(
            ".pushsection .text.lt_tell_caller, \"ax\", %progbits",
            ".balign 16",
            ".hidden lt_tell_caller",
            ".globl lt_tell_caller",
            ".type lt_tell_caller, %function",
            "lt_tell_caller:",
            ".cfi_startproc",
            $($text,)+
            ".cfi_endproc",
            ".size lt_tell_caller, . - lt_tell_caller",
            ".popsection",
        );

        #[inline(always)]
        unsafe fn through<H, F>(raw: *mut H, target: Target<H, F>, rest: F) -> i32 {
            #[allow(improper_ctypes_definitions, reason = "as above")]
            type Jump<H, F> = unsafe extern "C" fn(*mut H, Target<H, F>, F) -> i32;
            unsafe extern "C" {
                fn lt_tell_caller();
            }
            // SAFETY: it has the target where that has the address, and leaves all else where it is.
            unsafe {
                let jump = lt_tell_caller as *const ();
                core::mem::transmute::<*const (), Jump<H, F>>(jump)(raw, target, rest)
            }
        }
    };
}

#[cfg(all(not(debug_assertions), any(target_os = "linux", target_os = "freebsd"), target_arch = "x86_64"))]
jump!("endbr64", "mov rax, rsi", "mov rsi, [rsp]", "jmp rax");

#[cfg(all(not(debug_assertions), any(target_os = "linux", target_os = "freebsd"), target_arch = "aarch64"))]
jump!("hint #34", "mov x16, x1", "mov x1, x30", "br x16");

#[cfg(not(all(
    not(debug_assertions),
    any(target_os = "linux", target_os = "freebsd"),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[inline(always)]
unsafe fn through<H, F>(raw: *mut H, target: Target<H, F>, rest: F) -> i32 {
    // SAFETY: as the caller vouches.
    unsafe { target(raw, 0, rest) }
}
