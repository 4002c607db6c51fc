//! Calling user code from a frame with a personality of its own, which Rust cannot say: catching what it throws
//! ([`catch`]), and being told when it is left ([`watch`]). What both have in common is here.
//!
//! `$call` is a function of one argument, a record that begins with a function and its argument: it calls
//! the one with the other, and returns 0. The record is in a callee-saved register meanwhile. Should the
//! personality say so, the unwinder lands at `$landing`, in the same frame, and `$landed` is what is done there.

use crate::base::unwind::Context;
use core::ffi::c_int;

mod catch;
mod watch;

pub use catch::{catch, covers};
pub use watch::watch;

/// Defines the function `$call`.
#[cfg(target_arch = "x86_64")]
macro_rules! frame {
    ($call:literal, $landing:literal, $personality:path, $landed:literal) => {
        core::arch::global_asm!(
            concat!(
                "    .pushsection .text.", $call, ",\"ax\",@progbits\n",
                "    .hidden ", $call, "\n    .globl ", $call, "\n    .type ", $call, ",@function\n",
                $call, ":\n",
                r#"
    .cfi_startproc
    .cfi_personality 0x1b, {personality}
    endbr64
    push rbx
    .cfi_def_cfa_offset 16
    .cfi_offset rbx, -16
    mov rbx, rdi
    mov rax, [rbx]
    mov rdi, [rbx + 8]
    call rax
    xor eax, eax
    pop rbx
    .cfi_remember_state
    .cfi_def_cfa_offset 8
    .cfi_restore rbx
    ret
                "#,
                "\n    .hidden ", $landing, "\n    .globl ", $landing, "\n", $landing, ":\n",
                "    .cfi_restore_state\n    endbr64\n",
                $landed,
                "\n    .cfi_endproc\n    .size ", $call, ", . - ", $call, "\n    .popsection\n"
            ),
            personality = sym $personality
        );
    };
}

/// Defines the function `$call`.
#[cfg(target_arch = "aarch64")]
macro_rules! frame {
    ($call:literal, $landing:literal, $personality:path, $landed:literal) => {
        core::arch::global_asm!(
            concat!(
                "    .pushsection .text.", $call, ",\"ax\",@progbits\n",
                "    .hidden ", $call, "\n    .globl ", $call, "\n    .type ", $call, ",@function\n",
                $call, ":\n",
                r#"
    .cfi_startproc
    .cfi_personality 0x1b, {personality}
    stp x29, x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset x29, -32
    .cfi_offset x30, -24
    str x19, [sp, #16]
    .cfi_offset x19, -16
    mov x29, sp
    mov x19, x0
    ldp x9, x0, [x19]
    blr x9
    mov w0, #0
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_remember_state
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x29
    .cfi_restore x30
    ret
                "#,
                "\n    .hidden ", $landing, "\n    .globl ", $landing, "\n", $landing, ":\n",
                "    .cfi_restore_state\n",
                $landed,
                "\n    .cfi_endproc\n    .size ", $call, ", . - ", $call, "\n    .popsection\n"
            ),
            personality = sym $personality
        );
    };
}

use frame;

/// What a personality is asked, and what it answers.
const SEARCH_PHASE: c_int = 1;
const FORCE_UNWIND: c_int = 8;
const HANDLER_FOUND: c_int = 6;
const INSTALL_CONTEXT: c_int = 7;
const CONTINUE_UNWIND: c_int = 8;

/// The register of the record, in the numbering of DWARF: rbx, x19.
const RECORD_REGISTER: c_int = if cfg!(target_arch = "x86_64") { 3 } else { 19 };

unsafe extern "C" {
    fn _Unwind_GetGR(context: *mut Context, register: c_int) -> usize;
    fn _Unwind_SetIP(context: *mut Context, address: usize);
}

/// The record of the call whose frame this is.
///
/// # Safety
/// The frame is one of these, whose record is an `R`.
unsafe fn record_of<R>(context: *mut Context) -> *mut R {
    // SAFETY: as the caller vouches, the register holds the record.
    unsafe { _Unwind_GetGR(context, RECORD_REGISTER) as *mut R }
}

/// Has the unwinder land there.
///
/// # Safety
/// It is the landing of the frame.
unsafe fn land(context: *mut Context, landing: unsafe extern "C" fn()) {
    // Only the address is set: setting a register fails in programs linked with -static-libgcc.
    // SAFETY: as the caller vouches.
    unsafe { _Unwind_SetIP(context, landing as *const () as usize) };
}
