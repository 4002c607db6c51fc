//! The functions of the frames, in assembly: what each processor has of its own, and [`frame`], which puts it together.
//!
//! Of `code!`, `mode` is before the function; `entry` stands where a frame is jumped to; `call` saves a register for the record of the call, and makes
//! the call; `return` is the way out, with a result; `clean` is for the frame that watches, once it has landed: it
//! calls the cleanup, and goes on with the exception. The record is that of `base::unwind` or `base::cleanup`.

/// What the format of the file wants to have said of a function, and of a place in it that others name.
#[cfg(not(target_vendor = "apple"))]
macro_rules! object {
    (name $name:literal) => {
        $name
    };
    (function $name:literal) => {
        concat!(
            ".pushsection .text.",
            $name,
            ",\"ax\",%progbits\n.p2align 2\n",
            ".hidden ",
            $name,
            "\n.globl ",
            $name,
            "\n.type ",
            $name,
            ",%function"
        )
    };
    (place $name:literal) => {
        concat!(".hidden ", $name, "\n.globl ", $name, "\n", $name, ":")
    };
    (end $name:literal) => {
        concat!(".size ", $name, ", . - ", $name, "\n.popsection")
    };
    // From where the tables are.
    (address) => {
        "0x1b"
    };
}

/// That of macOS. The place is said not to begin a function, which could be put elsewhere.
#[cfg(target_vendor = "apple")]
macro_rules! object {
    (name $name:literal) => {
        concat!("_", $name)
    };
    (function $name:literal) => {
        concat!(
            ".pushsection __TEXT,__text,regular,pure_instructions\n.p2align 2\n",
            ".private_extern _",
            $name,
            "\n.globl _",
            $name
        )
    };
    (place $name:literal) => {
        concat!(".private_extern _", $name, "\n.globl _", $name, "\n.alt_entry _", $name, "\n_", $name, ":")
    };
    (end $name:literal) => {
        ".popsection"
    };
    // The same, by way of a pointer.
    (address) => {
        "0x9b"
    };
}

/// The tables that all processors have but one.
#[cfg(not(target_arch = "arm"))]
macro_rules! tables {
    (begin) => {
        concat!(".cfi_startproc\n.cfi_personality ", object!(address), ", {personality}")
    };
    (remember) => {
        ".cfi_remember_state"
    };
    (restore) => {
        ".cfi_restore_state"
    };
    (end) => {
        ".cfi_endproc"
    };
}

/// Those of ARM with 32 bits, which say just what the whole function has saved. What comes behind has to be a table of
/// landing pads: it has one line, that says of the first 64 bytes, which is all, that there are none.
#[cfg(target_arch = "arm")]
macro_rules! tables {
    (begin) => {
        ".fnstart"
    };
    (remember) => {
        ""
    };
    (restore) => {
        ""
    };
    (end) => {
        ".personality {personality}\n.handlerdata\n.byte 0xff, 0xff, 1, 4\n.byte 0, 64, 0, 0\n.fnend"
    };
}

#[cfg(target_arch = "x86_64")]
macro_rules! code {
    (mode) => {
        ""
    };
    (entry) => {
        "endbr64"
    };
    (call) => {
        r#"
push rbx
.cfi_def_cfa_offset 16
.cfi_offset rbx, -16
mov rbx, rdi
mov rax, [rbx]
mov rdi, [rbx + 8]
call rax
"#
    };
    (return 0) => {
        concat!("xor eax, eax\n", code!(leave))
    };
    (return 1) => {
        concat!("mov eax, 1\n", code!(leave))
    };
    (leave) => {
        r#"
pop rbx
.cfi_def_cfa_offset 8
.cfi_restore rbx
ret
"#
    };
    (clean) => {
        concat!(
            "mov rdi, [rbx + 32]\ncall [rbx + 24]\nmov rdi, [rbx + 16]\n",
            "call ", object!(name "_Unwind_Resume"), "\nud2"
        )
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! code {
    (mode) => {
        ""
    };
    (entry) => {
        ""
    };
    (call) => {
        r#"
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
"#
    };
    (return 0) => {
        concat!("mov w0, #0\n", code!(leave))
    };
    (return 1) => {
        concat!("mov w0, #1\n", code!(leave))
    };
    (leave) => {
        r#"
ldr x19, [sp, #16]
ldp x29, x30, [sp], #32
.cfi_def_cfa_offset 0
.cfi_restore x19
.cfi_restore x29
.cfi_restore x30
ret
"#
    };
    (clean) => {
        concat!(
            "ldp x9, x0, [x19, #24]\nblr x9\nldr x0, [x19, #16]\n",
            "bl ", object!(name "_Unwind_Resume"), "\nbrk #1"
        )
    };
}

#[cfg(target_arch = "riscv64")]
macro_rules! code {
    (mode) => {
        ""
    };
    (entry) => {
        ""
    };
    (call) => {
        r#"
addi sp, sp, -32
.cfi_def_cfa_offset 32
sd ra, 24(sp)
.cfi_offset ra, -8
sd s0, 16(sp)
.cfi_offset s0, -16
sd s1, 8(sp)
.cfi_offset s1, -24
addi s0, sp, 32
mv s1, a0
ld t0, 0(s1)
ld a0, 8(s1)
jalr t0
"#
    };
    (return 0) => {
        concat!("li a0, 0\n", code!(leave))
    };
    (return 1) => {
        concat!("li a0, 1\n", code!(leave))
    };
    (leave) => {
        r#"
ld ra, 24(sp)
ld s0, 16(sp)
ld s1, 8(sp)
addi sp, sp, 32
.cfi_def_cfa_offset 0
.cfi_restore ra
.cfi_restore s0
.cfi_restore s1
ret
"#
    };
    (clean) => {
        r#"
ld t0, 24(s1)
ld a0, 32(s1)
jalr t0
ld a0, 16(s1)
call _Unwind_Resume
ebreak
"#
    };
}

/// In the other syntax, which can say where the linker's table is. Who calls through that has it in ebx.
#[cfg(target_arch = "x86")]
macro_rules! code {
    (mode) => {
        ""
    };
    (entry) => {
        "endbr32"
    };
    (call) => {
        r#"
pushl %ebx
.cfi_def_cfa_offset 8
.cfi_offset %ebx, -8
pushl %esi
.cfi_def_cfa_offset 12
.cfi_offset %esi, -12
subl $4, %esp
.cfi_def_cfa_offset 16
movl 16(%esp), %esi
movl 4(%esi), %eax
movl %eax, (%esp)
call *(%esi)
"#
    };
    (return 0) => {
        concat!("xorl %eax, %eax\n", code!(leave))
    };
    (return 1) => {
        concat!("movl $1, %eax\n", code!(leave))
    };
    (leave) => {
        r#"
addl $4, %esp
.cfi_def_cfa_offset 12
popl %esi
.cfi_def_cfa_offset 8
.cfi_restore %esi
popl %ebx
.cfi_def_cfa_offset 4
.cfi_restore %ebx
ret
"#
    };
    (clean) => {
        r#"
movl 16(%esi), %eax
movl %eax, (%esp)
call *12(%esi)
movl 8(%esi), %eax
movl %eax, (%esp)
call 2f
2:
popl %ebx
addl $_GLOBAL_OFFSET_TABLE_+(.-2b), %ebx
call _Unwind_Resume@PLT
ud2
"#
    };
}

#[cfg(target_arch = "arm")]
macro_rules! code {
    (mode) => {
        ".arm"
    };
    (entry) => {
        ""
    };
    (call) => {
        r#"
push {{r4, lr}}
.save {{r4, lr}}
mov r4, r0
ldr r1, [r4]
ldr r0, [r4, #4]
blx r1
"#
    };
    (return 0) => {
        concat!("mov r0, #0\n", code!(leave))
    };
    (return 1) => {
        concat!("mov r0, #1\n", code!(leave))
    };
    (leave) => {
        "pop {{r4, pc}}"
    };
    (clean) => {
        r#"
ldr r0, [r4, #16]
ldr r1, [r4, #12]
blx r1
ldr r0, [r4, #8]
bl _Unwind_Resume
udf #0
"#
    };
}

#[cfg(not(target_arch = "x86"))]
macro_rules! assemble {
    ($($text:expr),+; $personality:path) => {
        core::arch::global_asm!($($text),+, personality = sym $personality);
    };
}

#[cfg(target_arch = "x86")]
macro_rules! assemble {
    ($($text:expr),+; $personality:path) => {
        core::arch::global_asm!($($text),+, personality = sym $personality, options(att_syntax));
    };
}

/// Defines the function `$call` of one argument, a record that begins with a function and its argument: it calls the
/// one with the other, and returns 0. The record is in a callee-saved register meanwhile. Should the personality say
/// so, the unwinder lands at `$landing`, in the same frame, and `$landed` is what is done there.
macro_rules! frame {
    ($call:literal, $landing:literal, $personality:path, $landed:expr) => {
        assemble!(
            object!(function $call), code!(mode), concat!(object!(name $call), ":"),
            tables!(begin), code!(entry), code!(call), tables!(remember), code!(return 0),
            object!(place $landing), tables!(restore), code!(entry), $landed,
            tables!(end), object!(end $call);
            $personality
        );
    };
}

pub(super) use {assemble, code, frame, object, tables};
