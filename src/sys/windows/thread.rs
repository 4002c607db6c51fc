//! Threads of the system.

use super::late::SET_THREAD_DESCRIPTION;
use crate::base::atomic::{AtomicU32, Ordering};
use core::ffi::c_void;
use core::ptr;
use windows_sys::Win32::Foundation::{
    CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, FILETIME, HANDLE, INVALID_HANDLE_VALUE,
    WAIT_OBJECT_0,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::Threading::{
    CreateThread, GetCurrentProcess, GetCurrentProcessId, GetCurrentThread, GetCurrentThreadId,
    GetCurrentThreadStackLimits, GetThreadTimes, INFINITE, OpenThread, STACK_SIZE_PARAM_IS_A_RESERVATION,
    THREAD_QUERY_LIMITED_INFORMATION, WaitForSingleObject,
};

/// A thread: its id, and what it is joined by, where that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Native {
    id: u32,
    handle: HANDLE,
}

/// A thread's first function, and what that returns.
pub type Main = unsafe extern "C-unwind" fn(*mut c_void) -> Over;
pub type Over = u32;
pub const OVER: Over = 0;

/// What becomes of a thread at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Joined,
    Detached,
}

/// Whether threads are those of POSIX: winpthreads has its own idea of them.
pub const OF_POSIX: bool = false;

/// The smallest stack that a thread is started on: what address space is given out in.
pub const LEAST_STACK: usize = 64 << 10;

/// How many bytes of a name the system keeps: any number. So many are told.
pub const LONGEST_NAME: usize = 63;

/// Starts a thread, with so large a stack or, for 0, the usual one. The error is an errno: whatever the system says, it has no room for one more.
///
/// # Safety
/// The function may be called with the argument, on another thread.
pub unsafe fn create(stack_size: usize, end: End, main: Main, argument: *mut c_void) -> Result<Native, i32> {
    let mut id = 0;
    // SAFETY: of the function the caller vouches; it is of that type, but that an unwinding may pass through.
    unsafe {
        let main = core::mem::transmute::<Main, unsafe extern "system" fn(*mut c_void) -> u32>(main);
        let size = STACK_SIZE_PARAM_IS_A_RESERVATION;
        let handle = CreateThread(ptr::null(), stack_size, Some(main), argument, size, &mut id);
        if handle.is_null() {
            return Err(libc::EAGAIN);
        }
        if end == End::Detached {
            CloseHandle(handle);
        }
        Ok(Native { id, handle })
    }
}

/// Whether that error says that the stack was too small: none does.
pub fn wants_more_stack(_error: i32) -> bool {
    false
}

/// Waits for the end of a thread.
///
/// # Safety
/// Started to be joined, and neither joined nor detached before.
pub unsafe fn join(thread: Native) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { wait(thread, INFINITE) }
}

/// Joins a thread if that needs no waiting.
///
/// # Safety
/// As for `join`.
pub unsafe fn try_join(thread: Native) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { wait(thread, 0) }
}

unsafe fn wait(thread: Native, milliseconds: u32) -> bool {
    // SAFETY: as the callers vouch.
    unsafe { WaitForSingleObject(thread.handle, milliseconds) == WAIT_OBJECT_0 && detach(thread) }
}

/// Leaves it to the system to see the thread out.
///
/// # Safety
/// As for `join`.
pub unsafe fn detach(thread: Native) -> bool {
    // SAFETY: as the caller vouches.
    unsafe { CloseHandle(thread.handle) != 0 }
}

/// The calling thread, to be joined or detached by whoever comes to it. None without memory for that.
pub fn joinable() -> Option<Native> {
    let mut handle = ptr::null_mut();
    // SAFETY: stands for the calling thread, and for this process; the new handle is closed once.
    let made = unsafe {
        let process = GetCurrentProcess();
        DuplicateHandle(process, GetCurrentThread(), process, &mut handle, 0, 0, DUPLICATE_SAME_ACCESS)
    };
    (made != 0).then(|| Native { id: id(), handle })
}

/// Its starter will not join the thread: who will has it from `joinable`.
pub fn let_go(thread: Native, end: End) {
    if end == End::Joined {
        // SAFETY: as `create` has left it.
        unsafe { detach(thread) };
    }
}

/// The calling thread.
pub fn current() -> Native {
    Native { id: id(), handle: ptr::null_mut() }
}

fn id() -> u32 {
    // SAFETY: cannot fail and touches no memory.
    unsafe { GetCurrentThreadId() }
}

/// A number that no other thread has as long as this one lives; not 0.
pub fn number(thread: Native) -> usize {
    thread.id as usize
}

/// What the system tells the calling thread by.
pub fn native_id() -> i64 {
    i64::from(id())
}

/// The same of the process's first thread.
pub fn first_native_id() -> i64 {
    i64::from(first())
}

/// Whether the calling thread is the process's first one.
pub fn is_first() -> bool {
    id() == first()
}

/// The id of the process's first thread.
fn first() -> u32 {
    static FIRST: AtomicU32 = AtomicU32::new(0);
    // Relaxed: one number, and whoever asks gets the same.
    match FIRST.load(Ordering::Relaxed) {
        0 => {
            let found = find_first().unwrap_or(id());
            FIRST.store(found, Ordering::Relaxed);
            found
        }
        found => found,
    }
}

/// The system does not say which thread came first: that which was created first. It is asked once, when the
/// library is loaded.
fn find_first() -> Option<u32> {
    let mut entry = THREADENTRY32 { dwSize: size_of::<THREADENTRY32>() as u32, ..Default::default() };
    // SAFETY: a list of all threads, closed at the end, and an entry of the size that it says.
    unsafe {
        let list = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
        if list == INVALID_HANDLE_VALUE {
            return None;
        }
        let process = GetCurrentProcessId();
        let mut first = None;
        let mut more = Thread32First(list, &mut entry);
        while more != 0 {
            if entry.th32OwnerProcessID == process {
                let created = created(entry.th32ThreadID).unwrap_or(u64::MAX);
                if first.is_none_or(|(_, before)| created < before) {
                    first = Some((entry.th32ThreadID, created));
                }
            }
            more = Thread32Next(list, &mut entry);
        }
        CloseHandle(list);
        first.map(|(id, _)| id)
    }
}

/// When a thread was created, by the system's clock.
fn created(id: u32) -> Option<u64> {
    let [mut created, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: a thread to be asked, if it is still there, and four places for what it says.
    unsafe {
        let thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, 0, id);
        if thread.is_null() {
            return None;
        }
        let asked = GetThreadTimes(thread, &mut created, &mut ended, &mut kernel, &mut user);
        CloseHandle(thread);
        let time = u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime);
        (asked != 0).then_some(time)
    }
}

/// Whether the calling thread is known to be the only one.
pub fn is_alone() -> bool {
    false
}

/// Names the calling thread.
pub fn set_name(name: &[u8; LONGEST_NAME + 1]) {
    type Describe = unsafe extern "system" fn(HANDLE, *const u16) -> i32;
    let Some(describe) = SET_THREAD_DESCRIPTION.get() else { return };
    let mut wide = [0_u16; LONGEST_NAME + 1];
    let bytes = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = core::str::from_utf8(bytes).unwrap_or_default();
    // UTF-16 has no more units than UTF-8 has bytes; the last one stays NUL.
    for (unit, place) in text.encode_utf16().zip(&mut wide) {
        *place = unit;
    }
    // SAFETY: the function is of this type, and gets a NUL-terminated name of the calling thread.
    unsafe { core::mem::transmute::<*const c_void, Describe>(describe)(GetCurrentThread(), wide.as_ptr()) };
}

/// Whether `stack` can tell anything at all here.
pub const TELLS_STACKS: bool = true;

/// The lowest address of the calling thread's stack, and its size. The lowest pages are guards.
pub fn stack() -> Option<(usize, usize)> {
    let (mut lowest, mut end) = (0, 0);
    // SAFETY: writes two numbers.
    unsafe { GetCurrentThreadStackLimits(&mut lowest, &mut end) };
    Some((lowest, end.checked_sub(lowest)?))
}

/// What the system takes from a stack before the thread can use it: two or three guard pages at its end.
pub fn stack_overhead() -> usize {
    4 * super::memory::page()
}

/// By how many nanoseconds the system may put off a wake-up of the calling thread.
pub fn set_slack(_nanoseconds: u32) {}
