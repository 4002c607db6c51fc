//! One word of thread-local storage, a pointer, as cheap as a register.
//!
//! ELF's initial-exec model: the word lies at a fixed distance from the thread pointer, which the loader
//! writes down once. Rust's `thread_local!` cannot say that of a shared library, and asks a function each
//! time. A process that loads the library late takes the word from a surplus that the C library keeps for
//! such, so it stays the only one. It is NULL in a new thread, and nothing happens to it at the end of one.

use core::arch::{asm, global_asm};
use core::ffi::c_void;

global_asm!(
    ".pushsection .tbss.lt_thread_word, \"awT\", %nobits",
    ".balign 8",
    ".hidden lt_thread_word",
    ".globl lt_thread_word",
    ".type lt_thread_word, %object",
    ".size lt_thread_word, 8",
    "lt_thread_word:",
    ".zero 8",
    ".popsection",
);

/// Where the word is, from the thread pointer.
#[cfg(target_arch = "x86_64")]
macro_rules! find {
    () => {
        "mov {at}, qword ptr [rip + lt_thread_word@GOTTPOFF]"
    };
}

/// As above, from the place of these instructions, which they ask for first.
#[cfg(target_arch = "x86")]
macro_rules! find {
    () => {
        concat!(
            "call 2f\n",
            "2: popl {at}\n",
            "addl $_GLOBAL_OFFSET_TABLE_+(.-2b), {at}\n",
            "movl lt_thread_word@GOTNTPOFF({at}), {at}"
        )
    };
}

/// As above, from the place of these instructions; and the thread pointer.
#[cfg(target_arch = "arm")]
macro_rules! find {
    () => {
        concat!(
            "ldr {at}, 3f\n",
            "2: ldr {at}, [pc, {at}]\n",
            "b 4f\n",
            "3: .long lt_thread_word(GOTTPOFF)-((2b+8)-3b)\n",
            "4: mrc p15, 0, {base}, c13, c0, 3"
        )
    };
}

/// The calling thread's word. Async-signal-safe.
#[inline(always)]
#[allow(clippy::inline_always, reason = "two instructions")]
pub fn get() -> *mut c_void {
    let word;
    // SAFETY: reads this thread's word.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            find!(),
            "mov {at}, qword ptr fs:[{at}]",
            at = out(reg) word,
            options(pure, readonly, nostack, preserves_flags)
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "adrp {at}, :gottprel:lt_thread_word",
            "ldr {at}, [{at}, :gottprel_lo12:lt_thread_word]",
            "mrs {base}, tpidr_el0",
            "ldr {at}, [{base}, {at}]",
            at = out(reg) word,
            base = out(reg) _,
            options(pure, readonly, nostack, preserves_flags)
        );
        #[cfg(target_arch = "riscv64")]
        asm!(
            "la.tls.ie {at}, lt_thread_word",
            "add {at}, {at}, tp",
            "ld {at}, 0({at})",
            at = out(reg) word,
            options(pure, readonly, nostack, preserves_flags)
        );
        #[cfg(target_arch = "x86")]
        asm!(find!(), "movl %gs:({at}), {at}", at = out(reg) word, options(pure, readonly, att_syntax));
        #[cfg(target_arch = "arm")]
        asm!(
            find!(),
            "ldr {at}, [{base}, {at}]",
            at = out(reg) word,
            base = out(reg) _,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    word
}

/// Sets the calling thread's word.
pub fn set(word: *mut c_void) {
    // SAFETY: writes this thread's word.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            find!(),
            "mov qword ptr fs:[{at}], {word}",
            at = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags)
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "adrp {at}, :gottprel:lt_thread_word",
            "ldr {at}, [{at}, :gottprel_lo12:lt_thread_word]",
            "mrs {base}, tpidr_el0",
            "str {word}, [{base}, {at}]",
            at = out(reg) _,
            base = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags)
        );
        #[cfg(target_arch = "riscv64")]
        asm!(
            "la.tls.ie {at}, lt_thread_word",
            "add {at}, {at}, tp",
            "sd {word}, 0({at})",
            at = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags)
        );
        #[cfg(target_arch = "x86")]
        asm!(
            find!(),
            "movl {word}, %gs:({at})",
            at = out(reg) _,
            word = in(reg) word,
            options(att_syntax)
        );
        #[cfg(target_arch = "arm")]
        asm!(
            find!(),
            "str {word}, [{base}, {at}]",
            at = out(reg) _,
            base = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_its_own() {
        let before = get();
        std::thread::spawn(|| {
            assert!(get().is_null());
            let mut here = 0_u8;
            let word: *mut c_void = (&raw mut here).cast();
            set(word);
            assert_eq!(get(), word);
            set(core::ptr::null_mut());
        })
        .join()
        .unwrap();
        assert_eq!(get(), before);
    }
}
