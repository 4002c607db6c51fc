//! The frame that catches: it lets lt_exit pass, and stops every exception, of whatever language. What is none,
//! such as an access violation, passes too.

use super::{
    CONTINUE_SEARCH, GCC_THROW, Kind, MICROSOFT_THROW, TARGET_UNWIND, UNWINDING, frame, record_of, unwind_to,
};
use crate::base::heap::boxed;
use crate::base::unwind::{Exception, Guarded};
use crate::sys::call::lt_guarded_landing;
use core::ffi::{c_int, c_void};
use core::ptr;
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_RECORD};

unsafe extern "C" {
    /// Where the system goes on, in the frame of `lt_guarded_call`, for lt_exit.
    fn lt_guarded_left();
}

fn landing() -> *const c_void {
    lt_guarded_landing as unsafe extern "C" fn() as *const c_void
}

/// Where lt_exit goes on in such a frame: `leave::left` is called with what is given.
pub fn land_left() -> *const c_void {
    lt_guarded_left as unsafe extern "C" fn() as *const c_void
}

/// The handler of `lt_guarded_call`.
unsafe extern "C-unwind" fn handler(
    record: *mut EXCEPTION_RECORD,
    frame: *mut c_void,
    context: *mut CONTEXT,
    dispatcher: *mut DISPATCHER_CONTEXT,
) -> c_int {
    // SAFETY: from the system: what is thrown, the frame, and how it was come by. The frame's record lives in the
    // frame below, which waits.
    unsafe {
        let record = &*record;
        if record.ExceptionFlags & UNWINDING != 0 {
            if record.ExceptionFlags & TARGET_UNWIND != 0 {
                end_object(record);
            }
            return CONTINUE_SEARCH;
        }
        let Some(exception) = thrown(record) else { return CONTINUE_SEARCH };
        (*record_of::<Guarded>(frame)).thrown(exception);
        let kind = Kind::from(context);
        unwind_to(kind, frame, landing(), exception, ptr::null(), (*dispatcher).HistoryTable);
    }
    CONTINUE_SEARCH
}

/// The head of what is thrown, if that is an exception of a language.
///
/// # Safety
/// From the system.
unsafe fn thrown(record: &EXCEPTION_RECORD) -> Option<*mut Exception> {
    let [first, object, info, base, ..] = record.ExceptionInformation;
    match record.ExceptionCode {
        GCC_THROW => Some(ptr::with_exposed_provenance_mut(first)),
        MICROSOFT_THROW => {
            let head = Exception::new(MICROSOFT, free_foreign);
            // Without memory for that, it is left to others.
            let foreign = boxed(Foreign { head, object, info, base }).ok()?;
            Some(Box::into_raw(foreign).cast())
        }
        _ => None,
    }
}

/// Stands for an exception of Microsoft's C++, which has no head.
#[repr(C)]
struct Foreign {
    head: Exception,
    /// What the throw has told: the object, which lies on the stack of the throw, a description of its type, and
    /// what that counts addresses from.
    object: usize,
    info: usize,
    base: usize,
}

const MICROSOFT: u64 = u64::from_be_bytes(*b"MSVCC++\0");

unsafe extern "C-unwind" fn free_foreign(_reason: c_int, exception: *mut Exception) {
    // SAFETY: made in `thrown`, and ended once.
    drop(unsafe { Box::from_raw(exception.cast::<Foreign>()) });
}

/// The frames above are cleaned up, and the stack of the throw is still there, for the last time: destroys the
/// object of Microsoft's C++, which lies there.
///
/// # Safety
/// From the system, for an unwinding that `handler` has begun.
unsafe fn end_object(record: &EXCEPTION_RECORD) {
    type Destructor = unsafe extern "C-unwind" fn(*mut c_void);
    /// The beginning of `_ThrowInfo`.
    #[repr(C)]
    struct Info {
        attributes: u32,
        destructor: u32,
    }
    let [exception, ..] = record.ExceptionInformation;
    let exception: *const Exception = ptr::with_exposed_provenance(exception);
    // SAFETY: the head of an exception; what the throw has told is so.
    unsafe {
        if (*exception).class != MICROSOFT
            || (*exception).cleanup.map(|cleanup| cleanup as usize)
                != Some(free_foreign as *const () as usize)
        {
            return;
        }
        let Foreign { object, info, base, .. } = &*exception.cast::<Foreign>();
        let info: *const Info = ptr::with_exposed_provenance(*info);
        if !info.is_null() && (*info).destructor != 0 {
            let destructor: *const c_void = ptr::with_exposed_provenance(base + (*info).destructor as usize);
            core::mem::transmute::<*const c_void, Destructor>(destructor)(ptr::with_exposed_provenance_mut(
                *object,
            ));
        }
    }
}

// Caught: returns 1 to the caller. Left: the thread ends here.
frame!(
    "lt_guarded_call",
    handler,
    r#"
    .globl lt_guarded_landing
lt_guarded_landing:
    mov eax, 1
    add rsp, 56
    ret
    .globl lt_guarded_left
lt_guarded_left:
    mov rcx, rax
    call {left}
    ud2
"#,
    left = crate::sys::windows::leave::left
);
