//! Mutexes with condition variables, readers-writer locks, and a re-entrant lock.

use std::ffi::{c_int, c_void};
use std::mem::{ManuallyDrop, MaybeUninit, forget};
use std::time::Duration;

fn boxed<T>(value: T) -> *mut c_void {
    Box::into_raw(Box::new(value)).cast()
}

unsafe fn unboxed<T>(pointer: *mut c_void) {
    drop(unsafe { Box::from_raw(pointer.cast::<T>()) });
}

unsafe fn at<'a, T>(pointer: *mut c_void) -> &'a T {
    unsafe { &*pointer.cast::<T>() }
}

/// A guard of Rust's standard library on its way through C, which keeps it in two registers.
#[repr(C)]
pub struct Guard(MaybeUninit<[usize; 2]>);

/// Both ways: `T` and `U` have the same size, or this does not compile.
const fn same_size<T, U>(value: T) -> U {
    union Either<T, U> {
        from: ManuallyDrop<T>,
        to: ManuallyDrop<U>,
    }
    const { assert!(size_of::<T>() == size_of::<U>()) };
    unsafe { ManuallyDrop::into_inner(Either { from: ManuallyDrop::new(value) }.to) }
}

// ---- A mutex and a condition variable ------------------------------------------------------------

type Mutex = parking_lot::Mutex<()>;
type Condition = parking_lot::Condvar;
type StdMutex = std::sync::Mutex<()>;
type StdGuard = std::sync::MutexGuard<'static, ()>;
type StdCondition = std::sync::Condvar;

#[unsafe(no_mangle)]
pub extern "C" fn peer_parking_lot_mutex_new() -> *mut c_void {
    boxed(Mutex::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_mutex_free(mutex: *mut c_void) {
    unsafe { unboxed::<Mutex>(mutex) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_mutex_acquire(mutex: *mut c_void) {
    forget(unsafe { at::<Mutex>(mutex) }.lock());
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_mutex_acquire_for(mutex: *mut c_void, nanoseconds: u64) -> c_int {
    match unsafe { at::<Mutex>(mutex) }.try_lock_for(Duration::from_nanos(nanoseconds)) {
        Some(guard) => {
            forget(guard);
            1
        }
        None => 0,
    }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_mutex_release(mutex: *mut c_void) {
    unsafe { at::<Mutex>(mutex).force_unlock() }
}
#[unsafe(no_mangle)]
pub extern "C" fn peer_parking_lot_condition_new() -> *mut c_void {
    boxed(Condition::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_condition_free(condition: *mut c_void) {
    unsafe { unboxed::<Condition>(condition) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_condition_wait(condition: *mut c_void, mutex: *mut c_void) {
    let mut guard = unsafe { at::<Mutex>(mutex).make_guard_unchecked() };
    unsafe { at::<Condition>(condition) }.wait(&mut guard);
    forget(guard);
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_condition_notify(condition: *mut c_void) {
    unsafe { at::<Condition>(condition) }.notify_one();
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_condition_notify_all(condition: *mut c_void) {
    unsafe { at::<Condition>(condition) }.notify_all();
}

#[unsafe(no_mangle)]
pub extern "C" fn peer_std_mutex_new() -> *mut c_void {
    boxed(StdMutex::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_mutex_free(mutex: *mut c_void) {
    unsafe { unboxed::<StdMutex>(mutex) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_mutex_acquire(mutex: *mut c_void) -> Guard {
    same_size::<StdGuard, Guard>(unsafe { at::<StdMutex>(mutex) }.lock().expect("nobody panicked"))
}
#[unsafe(no_mangle)]
pub extern "C" fn peer_std_mutex_release(guard: Guard) {
    drop(same_size::<Guard, StdGuard>(guard));
}
#[unsafe(no_mangle)]
pub extern "C" fn peer_std_condition_new() -> *mut c_void {
    boxed(StdCondition::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_condition_free(condition: *mut c_void) {
    unsafe { unboxed::<StdCondition>(condition) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_condition_wait(condition: *mut c_void, guard: Guard) -> Guard {
    let guard = unsafe { at::<StdCondition>(condition) }.wait(same_size::<Guard, StdGuard>(guard));
    same_size(guard.expect("nobody panicked"))
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_condition_notify(condition: *mut c_void) {
    unsafe { at::<StdCondition>(condition) }.notify_one();
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_condition_notify_all(condition: *mut c_void) {
    unsafe { at::<StdCondition>(condition) }.notify_all();
}

// ---- A readers-writer lock -----------------------------------------------------------------------

type RwLock = parking_lot::RwLock<()>;
type StdRwLock = std::sync::RwLock<()>;
type StdReadGuard = std::sync::RwLockReadGuard<'static, ()>;
type StdWriteGuard = std::sync::RwLockWriteGuard<'static, ()>;

#[unsafe(no_mangle)]
pub extern "C" fn peer_parking_lot_rwlock_new() -> *mut c_void {
    boxed(RwLock::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_rwlock_free(lock: *mut c_void) {
    unsafe { unboxed::<RwLock>(lock) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_rwlock_read_acquire(lock: *mut c_void) {
    forget(unsafe { at::<RwLock>(lock) }.read());
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_rwlock_read_release(lock: *mut c_void) {
    unsafe { at::<RwLock>(lock).force_unlock_read() }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_rwlock_write_acquire(lock: *mut c_void) {
    forget(unsafe { at::<RwLock>(lock) }.write());
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_rwlock_write_release(lock: *mut c_void) {
    unsafe { at::<RwLock>(lock).force_unlock_write() }
}

#[unsafe(no_mangle)]
pub extern "C" fn peer_std_rwlock_new() -> *mut c_void {
    boxed(StdRwLock::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_rwlock_free(lock: *mut c_void) {
    unsafe { unboxed::<StdRwLock>(lock) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_rwlock_read_acquire(lock: *mut c_void) -> Guard {
    same_size::<StdReadGuard, Guard>(unsafe { at::<StdRwLock>(lock) }.read().expect("nobody panicked"))
}
#[unsafe(no_mangle)]
pub extern "C" fn peer_std_rwlock_read_release(guard: Guard) {
    drop(same_size::<Guard, StdReadGuard>(guard));
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_std_rwlock_write_acquire(lock: *mut c_void) -> Guard {
    same_size::<StdWriteGuard, Guard>(unsafe { at::<StdRwLock>(lock) }.write().expect("nobody panicked"))
}
#[unsafe(no_mangle)]
pub extern "C" fn peer_std_rwlock_write_release(guard: Guard) {
    drop(same_size::<Guard, StdWriteGuard>(guard));
}

// ---- A re-entrant lock ---------------------------------------------------------------------------

type Reentrant = parking_lot::ReentrantMutex<()>;

#[unsafe(no_mangle)]
pub extern "C" fn peer_parking_lot_reentrant_new() -> *mut c_void {
    boxed(Reentrant::default())
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_reentrant_free(lock: *mut c_void) {
    unsafe { unboxed::<Reentrant>(lock) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_reentrant_acquire(lock: *mut c_void) {
    forget(unsafe { at::<Reentrant>(lock) }.lock());
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_parking_lot_reentrant_release(lock: *mut c_void) {
    unsafe { at::<Reentrant>(lock).force_unlock() }
}
