//! How an exception lies in memory, and what can be seen of its throw: by the ABI that nearly all processors share, or
//! by that of ARM with 32 bits, where the unwinder keeps in the head what elsewhere the C++ runtime keeps before it.

use core::ffi::c_int;

const ARM: bool = cfg!(target_arch = "arm");

/// Whether who catches sees the frames of the throw. On ARM with 32 bits a walk from there ends in the unwinder, which
/// has no tables for itself.
pub const SEES_THROWS: bool = !ARM;

/// How many words of the head belong to the unwinder: on ARM with 32 bits all that it knows; on Windows what GCC's
/// needs when a cleanup on the way has been done.
pub const PRIVATE_WORDS: usize = if ARM {
    20
} else if cfg!(windows) {
    6
} else {
    2
};

/// The head of every exception, by the ABI that all languages here share. Those of others lie as its alignment says.
#[cfg_attr(target_arch = "arm", repr(C, align(8)))]
#[cfg_attr(not(target_arch = "arm"), repr(C, align(16)))]
pub struct Exception {
    /// Says which language made it.
    pub class: u64,
    pub cleanup: Option<unsafe extern "C-unwind" fn(c_int, *mut Exception)>,
    /// The unwinder's.
    pub private: [usize; PRIVATE_WORDS],
}

/// Where C++ has the type of the object, before the head: there are nine pointers and two numbers, and it is aligned;
/// on ARM with 32 bits five pointers less, but one number more and what leads to the next.
pub const TYPE: usize = if ARM { 32 } else { (9 * size_of::<usize>() + 8).next_multiple_of(16) };

/// Where LLVM's C++ runtime, before the head, says which exception a rethrown one stands for: in the place of the count
/// of users, which is before the type, or, where pointers have 32 bits but on ARM, next to the head. (GNU's says it in
/// that of the type.)
pub const LLVM_PRIMARY: usize =
    if ARM || size_of::<usize>() == 8 { TYPE + size_of::<usize>() } else { size_of::<usize>() };

/// Where it has the object, from the head on.
pub const OBJECT: usize = if ARM { 88 } else { size_of::<Exception>() };

/// The class of that name, which on ARM with 32 bits is bytes, elsewhere a number.
pub const fn class(name: &[u8; 8]) -> u64 {
    if ARM { u64::from_ne_bytes(*name) } else { u64::from_be_bytes(*name) }
}

/// And the name.
pub const fn class_name(class: u64) -> [u8; 8] {
    if ARM { class.to_ne_bytes() } else { class.to_be_bytes() }
}
