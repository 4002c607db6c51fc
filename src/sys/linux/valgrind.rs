//! Helgrind and DRD, the tools of Valgrind that look for races, if the process runs under one.
//!
//! They are spoken to by *client requests*: instructions that do nothing, but where Valgrind runs the program. It answers
//! then, and with the default what its tool does not know. The numbers are from its headers, which keep them for ever.

use core::ffi::{CStr, c_int, c_void};
use core::fmt;
use std::io::Write;

/// VG_USERREQ_TOOL_BASE('H', 'G'), and what it adds to that for what is Helgrind's own.
const HELGRIND: usize = (0x48 << 24 | 0x47 << 16) + 256;
/// VG_USERREQ_TOOL_BASE('D', 'R').
const DRD: usize = 0x44 << 24 | 0x52 << 16;

/// _VG_USERREQ__HG_USERSO_SEND_PRE, and VG_USERREQ__DRD_ANNOTATE_HAPPENS_BEFORE: one number.
const HAPPENS_BEFORE: usize = HELGRIND + 33;
/// _VG_USERREQ__HG_USERSO_RECV_POST, and VG_USERREQ__DRD_ANNOTATE_HAPPENS_AFTER.
const HAPPENS_AFTER: usize = HELGRIND + 34;
/// _VG_USERREQ__HG_GET_ABITS: of how many bytes Helgrind can say something.
const HELGRIND_KNOWS: usize = HELGRIND + 46;
/// VG_USERREQ__DRD_GET_DRD_THREAD_ID.
const DRD_THREAD: usize = DRD + 1;
/// VG_USERREQ__CLO_CHANGE: an option as on the command line.
const OPTION: usize = 0x1203;

/// Whether one of the two runs the process; not that Valgrind does.
pub fn looks_for_races() -> bool {
    let one: u8 = 0;
    let mut known: u8 = 0;
    let arguments = [(&raw const one).addr(), (&raw mut known).expose_provenance(), 1];
    ask(usize::MAX, HELGRIND_KNOWS, arguments) == 1 || ask(0, DRD_THREAD, [0; 3]) != 0
}

pub fn before(address: *const ()) {
    ask(0, HAPPENS_BEFORE, [address.addr(), 0, 0]);
}

pub fn after(address: *const ()) {
    ask(0, HAPPENS_AFTER, [address.addr(), 0, 0]);
}

/// What is seen of the library's code where it is part of the program: the file, if there is debug information, and else
/// the function. Shared code is known by its object.
const IN_A_PROGRAM: [&str; 4] = ["src:*.rs", "fun:lt_*", "fun:_ZN*lowthread*17h*E", "fun:_R*lowthread*"];

/// The C library gives a new thread the stack of one that another thread has joined.
const STACKS: &[u8] = b"{\n lowthread\n Helgrind:Race\n fun:mem*\n ...\n fun:pthread_create*\n}\n";

/// Tells the tool what is not to be reported: what the library does itself is ordered by exchanges, which both take for
/// reads. Left out is what they find where its code has come to some memory, or a function of the C library's that it has
/// called; not what code of the user's does that it calls.
pub fn leave_out_own() {
    let mut room = [0_u8; 2048];
    let mut rest = room.as_mut_slice();
    let own = match own_object() {
        Some(name) => leave_out(&mut rest, format_args!("obj:*/{name}.so*")),
        None => IN_A_PROGRAM.iter().try_for_each(|frame| leave_out(&mut rest, format_args!("{frame}"))),
    };
    if own.and_then(|()| rest.write_all(STACKS)).is_ok() {
        let left = rest.len();
        suppress(room.get(..room.len() - left).unwrap_or_default());
    }
}

/// As innermost frame, or behind one of the C library's.
fn leave_out(out: &mut &mut [u8], frame: fmt::Arguments) -> std::io::Result<()> {
    for what in ["Helgrind:Race", "drd:ConflictingAccess"] {
        for called in ["", " fun:mem*\n"] {
            write!(out, "{{\n lowthread\n {what}\n{called} {frame}\n}}\n")?;
        }
    }
    Ok(())
}

/// The shared object that the library is in, its own or what it was linked into: its name, up to the suffix. None in the
/// program itself.
fn own_object() -> Option<&'static str> {
    // SAFETY: all zeros is a valid Dl_info, which dladdr fills in with a C string that stays as long as this code, or NULL.
    let path = unsafe {
        let mut info = core::mem::zeroed::<libc::Dl_info>();
        let known = libc::dladdr(own_object as *const c_void, &mut info) != 0 && !info.dli_fname.is_null();
        known.then(|| CStr::from_ptr(info.dli_fname))?
    };
    let name = path.to_str().ok()?.rsplit('/').next()?;
    name.get(..name.find(".so")?)
}

/// The tool reads a file, which is a pipe here.
fn suppress(text: &[u8]) {
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: room for two descriptors; then its own, each until it is closed. So little fits into a pipe.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return;
        }
        let [read, write] = ends;
        let written = libc::write(write, text.as_ptr().cast(), text.len());
        libc::close(write);
        if usize::try_from(written) == Ok(text.len()) {
            change_option(read);
        }
        libc::close(read);
    }
}

fn change_option(file: c_int) {
    const OPTION_IS: usize = "--suppressions=".len();
    let mut option = [0_u8; 64];
    if write!(&mut option[..], "--suppressions=/proc/self/fd/{file}\0").is_err() {
        return;
    }
    let path = option.get(OPTION_IS..).and_then(|path| CStr::from_bytes_until_nul(path).ok());
    // Valgrind ends a process that names a file which cannot be opened, as where there is no /proc.
    // SAFETY: a C string.
    if path.is_some_and(|path| unsafe { libc::access(path.as_ptr(), libc::R_OK) } == 0) {
        ask(0, OPTION, [option.as_ptr().expose_provenance(), 0, 0]);
    }
}

/// A client request.
#[allow(unused, reason = "not every processor has them")]
#[cold]
#[inline(never)]
pub(super) fn ask(default: usize, request: usize, [first, second, third]: [usize; 3]) -> usize {
    let arguments = [request, first, second, third, 0, 0];
    let mut answer = default;
    // SAFETY: rotations that add up to whole turns, and an instruction that changes nothing. Under Valgrind the answer is
    // put where the default was; what is asked above is about memory that is there.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(), inout("rdx") answer, options(nostack)
        );
        #[cfg(target_arch = "x86")]
        core::arch::asm!(
            "rol edi, 3", "rol edi, 13", "rol edi, 29", "rol edi, 19", "xchg ebx, ebx",
            in("eax") arguments.as_ptr(), inout("edx") answer, options(nostack)
        );
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!(
            "ror x12, x12, #3", "ror x12, x12, #13", "ror x12, x12, #51", "ror x12, x12, #61",
            "orr x10, x10, x10",
            in("x4") arguments.as_ptr(), inout("x3") answer, options(nostack)
        );
        #[cfg(target_arch = "arm")]
        core::arch::asm!(
            "mov r12, r12, ror #3", "mov r12, r12, ror #13", "mov r12, r12, ror #29", "mov r12, r12, ror #19",
            "orr r10, r10, r10",
            in("r4") arguments.as_ptr(), inout("r3") answer, options(nostack)
        );
    }
    answer
}
