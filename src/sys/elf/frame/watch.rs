//! The frame that is told when it is left: it catches nothing.

use super::{Answer, Asked, frame, personality, record_of};
use crate::base::cleanup::Watched;
use crate::base::unwind::{Context, Exception};
use core::ffi::c_int;

unsafe extern "C-unwind" {
    fn lt_watched_call(watched: *mut Watched);
}

unsafe extern "C" {
    /// Where the unwinder lands, in the frame of `lt_watched_call`.
    fn lt_watched_landing();
}

/// Makes the call.
///
/// # Safety
/// The function may be called with the argument, and so may the cleanup. Nothing in the caller's frame has a
/// destructor.
#[inline(always)]
#[allow(clippy::inline_always, reason = "nothing is to come between the frames that need not")]
pub unsafe fn watch(watched: *mut Watched) {
    // SAFETY: as the caller vouches.
    unsafe { lt_watched_call(watched) };
}

personality!(personality, answer);

/// What the personality of `lt_watched_call` answers: it catches nothing.
fn answer(asked: Asked, exception: *mut Exception, context: *mut Context) -> Answer {
    if asked == Asked::Search {
        return Answer::Continue;
    }
    // SAFETY: the register holds the call's record, as the assembly says, and that lives in the
    // frame below, which waits.
    let watched = unsafe { &mut *record_of::<Watched>(context) };
    // SAFETY: the call is being left.
    if unsafe { watched.leave(exception.cast()) } {
        Answer::Land(lt_watched_landing)
    } else {
        Answer::Continue
    }
}

// On the way: calls the cleanup, and goes on.
#[cfg(target_arch = "x86_64")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
    r#"
mov rdi, [rbx + 32]
call [rbx + 24]
mov rdi, [rbx + 16]
call _Unwind_Resume@PLT
ud2
"#
);

// Who calls through the table of the dynamic linker has that in ebx.
#[cfg(target_arch = "x86")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
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
);

#[cfg(target_arch = "arm")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
    r#"
ldr r0, [r4, #16]
ldr r1, [r4, #12]
blx r1
ldr r0, [r4, #8]
bl _Unwind_Resume
udf #0
"#
);

#[cfg(target_arch = "aarch64")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
    r#"
ldp x9, x0, [x19, #24]
blr x9
ldr x0, [x19, #16]
bl _Unwind_Resume
brk #1
"#
);

#[cfg(target_arch = "riscv64")]
frame!(
    "lt_watched_call",
    "lt_watched_landing",
    personality,
    r#"
ld t0, 24(s1)
ld a0, 32(s1)
jalr t0
ld a0, 16(s1)
call _Unwind_Resume
ebreak
"#
);
