//! A frame with a personality of its own, which Rust cannot say: the assembly that `unwind` and `cleanup`
//! have in common.
//!
//! `$call` is a function of one argument, a record that begins with a function and its argument: it calls
//! the one with the other, and returns 0. The record is in a callee-saved register meanwhile. Should the
//! personality say so, the unwinder lands at `$landing`, in the same frame, and `$landed` is what is done there.

/// Defines the function `$call`.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
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
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
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

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) use frame;
