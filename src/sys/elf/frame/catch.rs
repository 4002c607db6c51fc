//! The frame that catches: it lets forced unwinding pass, and stops every exception, of whatever language.

use super::{Answer, Asked, frame, personality, record_of};
use crate::base::unwind::{Context, Exception, Guarded};
use core::ffi::c_int;

unsafe extern "C-unwind" {
    /// 0 if the function returned, 1 if something was caught.
    fn lt_guarded_call(guarded: *mut Guarded) -> c_int;
}

unsafe extern "C" {
    /// Where the unwinder lands, in the frame of `lt_guarded_call`.
    fn lt_guarded_landing();
}

/// Makes the call; whether something was caught.
///
/// # Safety
/// The function may be called with the argument. Nothing in the caller's frame has a destructor.
#[inline(always)]
#[allow(clippy::inline_always, reason = "nothing is to come between the frames that need not")]
pub unsafe fn catch(guarded: *mut Guarded) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { lt_guarded_call(guarded) != 0 }
}

/// Whether this is where such a frame goes on. The call in it lies before the landing.
pub fn covers(return_address: usize) -> bool {
    let start = lt_guarded_call as unsafe extern "C-unwind" fn(*mut Guarded) -> c_int as usize;
    let landing = lt_guarded_landing as unsafe extern "C" fn() as usize;
    (start..landing).contains(&return_address)
}

personality!(personality, answer);

/// What the personality of `lt_guarded_call` answers.
fn answer(asked: Asked, exception: *mut Exception, context: *mut Context) -> Answer {
    match asked {
        Asked::ForcedOut => Answer::Continue,
        Asked::Search => {
            // SAFETY: the register holds the call's record, as the assembly says, and that lives in
            // the frame below, which waits.
            let guarded = unsafe { &mut *record_of::<Guarded>(context) };
            guarded.thrown(exception);
            Answer::Catch
        }
        Asked::Leave => Answer::Land(lt_guarded_landing),
    }
}

// Caught: returns 1 to the caller.
#[cfg(target_arch = "x86_64")]
frame!(
    "lt_guarded_call",
    "lt_guarded_landing",
    personality,
    r#"
mov eax, 1
pop rbx
.cfi_def_cfa_offset 8
.cfi_restore rbx
ret
"#
);

#[cfg(target_arch = "x86")]
frame!(
    "lt_guarded_call",
    "lt_guarded_landing",
    personality,
    r#"
movl $1, %eax
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
);

#[cfg(target_arch = "arm")]
frame!(
    "lt_guarded_call",
    "lt_guarded_landing",
    personality,
    r#"
mov r0, #1
pop {{r4, pc}}
"#
);

#[cfg(target_arch = "aarch64")]
frame!(
    "lt_guarded_call",
    "lt_guarded_landing",
    personality,
    r#"
mov w0, #1
ldr x19, [sp, #16]
ldp x29, x30, [sp], #32
.cfi_def_cfa_offset 0
.cfi_restore x19
.cfi_restore x29
.cfi_restore x30
ret
"#
);

#[cfg(target_arch = "riscv64")]
frame!(
    "lt_guarded_call",
    "lt_guarded_landing",
    personality,
    r#"
li a0, 1
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
);
