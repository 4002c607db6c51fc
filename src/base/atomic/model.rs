//! The atomics under the model checker. One thread of a model runs at a time, so the operation itself
//! is that of the language, and so are layout and constructors: a word can lie in a static or in an
//! arena, and its half can be slept on. What they add is that before each operation another thread may
//! come.
//!
//! All operations are therefore sequentially consistent, whatever they ask for. Those of a thread that a
//! fork has left behind change nothing.

use crate::base::model;
use core::fmt;

pub use core::sync::atomic::{Ordering, compiler_fence, fence};

macro_rules! atomics {
    ($($name:ident $(<$T:ident>)?: $value:ty;)*) => {$(
        #[repr(transparent)]
        pub struct $name $(<$T>)? (core::sync::atomic::$name $(<$T>)?);

        impl $(<$T>)? $name $(<$T>)? {
            pub const fn new(value: $value) -> Self {
                Self(core::sync::atomic::$name::new(value))
            }

            /// # Safety
            /// As for the language's own.
            pub unsafe fn from_ptr<'a>(value: *mut $value) -> &'a Self {
                // SAFETY: as the caller vouches; the layout is the same.
                unsafe { &*value.cast() }
            }

            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }

            pub fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            pub fn into_inner(self) -> $value {
                self.0.into_inner()
            }

            pub fn load(&self, order: Ordering) -> $value {
                model::point();
                self.0.load(order)
            }

            pub fn store(&self, value: $value, order: Ordering) {
                model::point();
                if !model::is_gone() {
                    self.0.store(value, order);
                }
            }

            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                model::point();
                if model::is_gone() { self.0.load(Ordering::Relaxed) } else { self.0.swap(value, order) }
            }

            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                model::point();
                if model::is_gone() { Ok(current) } else { self.0.compare_exchange(current, new, success, failure) }
            }

            /// Fails without a reason now and then, as it may.
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                model::point();
                if model::chance(8) {
                    return Err(self.0.load(failure));
                }
                if model::is_gone() { Ok(current) } else { self.0.compare_exchange(current, new, success, failure) }
            }

            /// In two steps, as it is in the language.
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut now = self.load(fetch);
                while let Some(next) = f(now) {
                    match self.compare_exchange_weak(now, next, set, fetch) {
                        Ok(before) => return Ok(before),
                        Err(found) => now = found,
                    }
                }
                Err(now)
            }
        }

        impl $(<$T>)? fmt::Debug for $name $(<$T>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $(<$T>)? Default for $name $(<$T>)? {
            fn default() -> Self {
                Self(Default::default())
            }
        }
    )*};
}

macro_rules! read_modify_write {
    ($($name:ident: $value:ty: $($operation:ident)*;)*) => {$(
        impl $name {$(
            pub fn $operation(&self, value: $value, order: Ordering) -> $value {
                model::point();
                if model::is_gone() { self.0.load(Ordering::Relaxed) } else { self.0.$operation(value, order) }
            }
        )*}
    )*};
}

atomics! {
    AtomicBool: bool;
    AtomicU8: u8;
    AtomicI32: i32;
    AtomicU32: u32;
    AtomicI64: i64;
    AtomicU64: u64;
    AtomicUsize: usize;
    AtomicPtr<T>: *mut T;
}

read_modify_write! {
    AtomicBool: bool: fetch_and fetch_or fetch_xor;
    AtomicU8: u8: fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min;
    AtomicI32: i32: fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min;
    AtomicU32: u32: fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min;
    AtomicI64: i64: fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min;
    AtomicU64: u64: fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min;
    AtomicUsize: usize: fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min;
}
